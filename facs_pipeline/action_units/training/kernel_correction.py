"""The corrections of `facs_pipeline.action_units.kernel_correction`: ridge regression on what linear models missed on unseen persons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facs_pipeline.action_units.kernel_correction import KernelCorrection
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.regression.linear import batches

# How quickly nearness falls with the mean square difference of the coordinates, and of the standardised intensities;
# and the penalty, as a multiple of what the nearness of all faces to the centres sums up to.
_COORDINATES, _INTENSITIES = 0.9, 1.6
_PENALTY = 3e-5
_LEAST = 1e-6


@dataclass(frozen=True)
class Comparison:
    """Faces to learn corrections from.

    Attributes
    ----------
    coordinates : ndarray [n, m], of `facs_pipeline.action_units.pairwise_products.PairwiseProducts`.
    Y : ndarray [n, k], true intensities; rows with unknown ones (NaN) are left out.
    weights : ndarray [n] or None, how much each row counts.
    n_centres : how many faces, drawn by weight, others are compared with.
    seed : of the draw.
    """

    coordinates: np.ndarray
    Y: np.ndarray
    weights: np.ndarray | None
    n_centres: int
    seed: int = 0

    def fit(self, rows: np.ndarray, linear: np.ndarray, columns: np.ndarray | slice = slice(None)) -> KernelCorrection:
        """What linear intensities lack.

        Parameters
        ----------
        rows : ndarray [n] of bool, which to learn from.
        linear : ndarray [n, k]
            Intensities of each face by a linear model that has not seen this person, not limited to 0..5.
        columns : which of the k action units.

        Raises
        ------
        InputError
            With fewer rows than `n_centres`.
        """
        linear, Y, n = linear[:, columns], self.Y[:, columns], self.n_centres
        at = np.flatnonzero(rows & ~np.isnan(Y).any(axis=1))
        if len(at) < n:
            raise InputError(f"{n} faces to be compared with, but only {len(at)} with all action units known")
        weight = np.ones(len(at)) if self.weights is None else self.weights[at].astype(np.float64)
        m, k = self.coordinates.shape[1], Y.shape[1]
        spread = np.maximum(linear[at].std(axis=0), _LEAST)
        scales = np.concatenate([np.full(m, np.sqrt(_COORDINATES / m)), np.sqrt(_INTENSITIES / k) / spread])
        drawn = np.random.default_rng(self.seed).choice(at, n, replace=False, p=weight / weight.sum())
        centres = np.concatenate([self.coordinates[drawn], linear[drawn]], axis=1) * scales
        similar = KernelCorrection(centres, scales, np.zeros((n, k)))
        gram, right = np.zeros((n, n)), np.zeros((n, k))
        for part in batches(len(at)):
            faces = at[part]
            nearness = similar.nearness(self.coordinates[faces], linear[faces]).astype(np.float64)
            weighted = nearness * weight[part, None]
            gram += weighted.T @ nearness
            right += weighted.T @ (Y[faces] - linear[faces])
        gram.flat[:: n + 1] += _PENALTY * np.trace(gram)
        return KernelCorrection(centres, scales, np.linalg.solve(gram, right))

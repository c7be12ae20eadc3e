"""Corrections of linear intensities: ridge regression on what linear models missed on persons they were not trained on.

With K the kernel values of n faces with the centres, w their weights and E what the linear models lack on them, the
corrections C minimise ``sum w |K C - E|^2 + penalty |C|^2``; see `facs_pipeline.action_units.kernel_correction`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facs_pipeline.action_units.kernel_correction import KernelCorrection
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.regression.linear import batches

# How quickly the kernel falls with the mean square difference of the coordinates, and of the standardised intensities;
# and the penalty, as a multiple of the trace of the kernel's Gram matrix.
_COORDINATES, _INTENSITIES = 0.9, 1.6
_PENALTY = 3e-5
_LEAST = 1e-6


@dataclass(frozen=True)
class CorrectionTraining:
    """Faces to learn corrections from.

    Attributes
    ----------
    coordinates : ndarray
        Coordinates [n, m] of `facs_pipeline.action_units.pairwise_products.PairwiseProducts`.
    Y : ndarray
        True intensities [n, k]; rows with unknown ones (NaN) are left out.
    weights : ndarray or None
        How much each row counts [n].
    n_centres : int
        How many faces, drawn by weight, others are compared with.
    seed : int
        Of the draw.
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
        rows : ndarray of bool
            Which faces to learn from [n].
        linear : ndarray
            Intensities [n, k] of each face by a linear model that was not trained on this person, not limited to 0..5.
        columns : ndarray of int, or slice
            Which of the k action units.

        Returns
        -------
        KernelCorrection

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
        untrained = KernelCorrection(centres, scales, np.zeros((n, k)))
        gram, right = np.zeros((n, n)), np.zeros((n, k))
        for part in batches(len(at)):
            faces = at[part]
            kernel = untrained.kernel(self.coordinates[faces], linear[faces]).astype(np.float64)
            weighted = kernel * weight[part, None]
            gram += weighted.T @ kernel
            right += weighted.T @ (Y[faces] - linear[faces])
        gram.flat[:: n + 1] += _PENALTY * np.trace(gram)
        return KernelCorrection(centres, scales, np.linalg.solve(gram, right))

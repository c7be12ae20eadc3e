"""What a linear model misses on faces like this one: a correction learnt from some of the training faces.

A weighted sum cannot follow everything: scores that never fall below 0, a smile that weighs otherwise on a raised lip.
Each face is compared, by its coordinates on a few axes and by its own linear intensities, with a few thousand training
faces; the nearer one is, the more the correction learnt there counts. Far from all of them nothing is corrected.
`facs_pipeline.action_units.training.kernel_correction` finds the corrections.
"""

from __future__ import annotations

import numpy as np

from facs_pipeline.foundation.errors import ModelError

_NODES = 40
_AT_ONCE = 256
"""Faces whose nearness to all training faces is held at once."""


class KernelCorrection:
    """Corrections ``exp(-|u - c|^2) @ corrections``, u being a face's scaled coordinates and linear intensities.

    Parameters
    ----------
    centres : ndarray [n, q]
        The training faces compared with, scaled; kept in half precision.
    scales : ndarray [q]
        What each coordinate and each linear intensity is multiplied by.
    corrections : ndarray [n, k]
        Intensity that each training face adds, at full nearness, to each of k action units.

    References
    ----------
    Ridge regression on kernels to a part of the rows: Williams and Seeger, "Using the Nystroem method to speed up
    kernel machines", NIPS 2000.

    Example
    -------
    >>> similar = KernelCorrection(np.zeros((1, 2)), np.ones(2), np.array([[0.5]]))
    >>> similar.of(np.array([[0.0], [9.0]]), np.array([[0.0], [0.0]])).round(3).tolist()
    [[0.5], [0.0]]
    """

    def __init__(self, centres: np.ndarray, scales: np.ndarray, corrections: np.ndarray):
        self.centres = np.ascontiguousarray(centres, dtype=np.float16)
        self.scales = np.ascontiguousarray(scales, dtype=np.float32)
        self.corrections = np.ascontiguousarray(corrections, dtype=np.float32)
        n, q = self.centres.shape
        if self.scales.shape != (q,) or self.corrections.ndim != 2 or len(self.corrections) != n:
            raise ModelError(
                f"similar faces: {n} faces of {q} numbers need scales [{q}] and corrections [{n}, k], "
                f"got {self.scales.shape} and {self.corrections.shape}"
            )
        # Of the float64 too that explanations are reckoned in.
        self._centres = {kind: self.centres.astype(kind) for kind in (np.float32, np.float64)}

    def of(self, coordinates: np.ndarray, linear: np.ndarray) -> np.ndarray:
        """Corrections [n, k] of faces with coordinates [n, m] and linear intensities [n, k], of their number type."""
        found = np.empty(linear.shape, linear.dtype)
        for start in range(0, len(found), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            found[rows] = self.nearness(coordinates[rows], linear[rows]) @ self.corrections
        return found

    def nearness(self, coordinates: np.ndarray, linear: np.ndarray) -> np.ndarray:
        """To each training face compared with [n, centres]: 1 at it, 0 far from it."""
        return self._nearness(np.concatenate([coordinates, linear], axis=1) * self.scales)

    def _nearness(self, u: np.ndarray) -> np.ndarray:
        centres = self._centres[u.dtype.type]
        distance = u @ (-2 * centres.T)
        distance += np.einsum("ij,ij->i", centres, centres)
        distance += np.einsum("ij,ij->i", u, u)[:, None]
        return np.exp(-np.maximum(distance, 0, out=distance), out=distance)

    def slope_between(self, face: np.ndarray, reference: np.ndarray, column: int) -> np.ndarray:
        """The slope [q] with ``slope @ (face - reference)`` the difference of one action unit's correction.

        `face` and `reference` [q] are coordinates and linear intensities, float64.

        Notes
        -----
        Integrated gradients: the slope along the straight line between them, by a quadrature with 40 nodes, which is
        exact far beyond single precision (Sundararajan, Taly, Yan, "Axiomatic attribution for deep networks", 2017).
        """
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)
        scales, centres = self.scales.astype(np.float64), self._centres[np.float64]
        along = (reference + (nodes[:, None] + 1) / 2 * (face - reference)) * scales
        pull = self._nearness(along) * self.corrections[:, column]
        slopes = 2 * (pull @ centres - pull.sum(axis=1)[:, None] * along)
        return weights / 2 @ slopes * scales

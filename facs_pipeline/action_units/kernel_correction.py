"""What a linear model misses on faces like this one: a correction learnt from some of the training faces.

A weighted sum cannot follow everything: scores that never fall below 0, a smile that weighs otherwise on a raised lip.
Each face is compared, by its coordinates on a few axes and by its own linear intensities, with a few thousand training
faces, the centres; the nearer one is, the more the correction learnt there counts. Far from all of them nothing is
corrected. `facs_pipeline.action_units.training.kernel_correction` finds the corrections.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from facs_pipeline.foundation.errors import ModelError

_NODES = 40
_AT_ONCE = 256
"""Faces whose kernel values with all centres are in memory at once."""


class _GaussianKernel(NamedTuple):
    """Centres [n, q], and what of ``|u - c|^2 = u u - 2 u c + c c`` is the same for all u."""

    centres: np.ndarray
    minus_twice: np.ndarray
    squares: np.ndarray

    @classmethod
    def to(cls, centres: np.ndarray) -> _GaussianKernel:
        return cls(centres, -2 * centres.T, np.einsum("ij,ij->i", centres, centres))

    def values(self, u: np.ndarray) -> np.ndarray:
        """``exp(-|u - c|^2)`` [m, n] of u [m, q]."""
        distance = u @ self.minus_twice
        distance += self.squares
        distance += np.einsum("ij,ij->i", u, u)[:, None]
        return np.exp(-np.maximum(distance, 0, out=distance), out=distance)


class KernelCorrection:
    """Corrections ``exp(-|u - c|^2) @ corrections``, u being a face's scaled coordinates and linear intensities.

    Parameters
    ----------
    centres : ndarray
        The training faces compared with, scaled [n, q]; stored in half precision.
    scales : ndarray
        ``[q]``, what each coordinate and each linear intensity is multiplied by.
    corrections : ndarray
        ``[n, k]``, the intensity that each centre adds, at full nearness, to each of k action units.

    Attributes
    ----------
    centres : ndarray of float16
    scales, corrections : ndarray of float32

    Raises
    ------
    ModelError
        If the shapes do not fit together.

    References
    ----------
    Ridge regression on kernels to a part of the rows: Williams and Seeger, "Using the Nystroem method to speed up
    kernel machines", NIPS 2000.

    Examples
    --------
    >>> correction = KernelCorrection(np.zeros((1, 2)), np.ones(2), np.array([[0.5]]))
    >>> correction.predict(np.array([[0.0], [9.0]]), np.array([[0.0], [0.0]])).round(3).tolist()
    [[0.5], [0.0]]
    """

    def __init__(self, centres: np.ndarray, scales: np.ndarray, corrections: np.ndarray) -> None:
        self.centres = np.ascontiguousarray(centres, dtype=np.float16)
        self.scales = np.ascontiguousarray(scales, dtype=np.float32)
        self.corrections = np.ascontiguousarray(corrections, dtype=np.float32)
        n, q = self.centres.shape
        if self.scales.shape != (q,) or self.corrections.ndim != 2 or len(self.corrections) != n:
            raise ModelError(
                f"kernel correction: {n} centres of {q} numbers need scales [{q}] and corrections [{n}, k], "
                f"got {self.scales.shape} and {self.corrections.shape}"
            )
        # Explanations are computed in float64, predictions in float32.
        self._kernels = {kind: _GaussianKernel.to(self.centres.astype(kind)) for kind in (np.float32, np.float64)}

    def predict(self, coordinates: np.ndarray, linear: np.ndarray) -> np.ndarray:
        """Corrections of faces.

        Parameters
        ----------
        coordinates : ndarray
            On the axes of the pairwise products [n, m], float32 or float64.
        linear : ndarray
            Linear intensities [n, k], of the same number type.

        Returns
        -------
        ndarray
            ``[n, k]``, of their number type, to be added to the linear intensities.
        """
        corrections = np.empty(linear.shape, linear.dtype)
        for start in range(0, len(corrections), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            corrections[rows] = self.kernel(coordinates[rows], linear[rows]) @ self.corrections
        return corrections

    def kernel(self, coordinates: np.ndarray, linear: np.ndarray) -> np.ndarray:
        """Kernel values ``exp(-|u - c|^2)`` of faces with all centres [n, centres]: 1 at one, 0 far from it."""
        u = np.concatenate([coordinates, linear], axis=1) * self.scales
        return self._kernels[u.dtype.type].values(u)

    def slope_between(self, face: np.ndarray, reference: np.ndarray, column: int) -> np.ndarray:
        """The slope with ``slope @ (face - reference)`` the difference of one action unit's correction.

        Parameters
        ----------
        face, reference : ndarray of float64
            Coordinates and linear intensities [q] of two faces.
        column : int
            Which action unit.

        Returns
        -------
        ndarray of float64
            ``[q]``.

        Notes
        -----
        Integrated gradients: the slope along the straight line between them, by a quadrature with 40 nodes, which is
        exact far beyond single precision (Sundararajan, Taly, Yan, "Axiomatic attribution for deep networks", 2017).
        """
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)
        scales, kernel = self.scales.astype(np.float64), self._kernels[np.float64]
        along = (reference + (nodes[:, None] + 1) / 2 * (face - reference)) * scales
        pull = kernel.values(along) * self.corrections[:, column]
        slopes = 2 * (pull @ kernel.centres - pull.sum(axis=1)[:, None] * along)
        return weights / 2 @ slopes * scales

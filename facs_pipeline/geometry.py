"""Plane similarity and affine transforms between point sets, as [2, 3] matrices."""

from __future__ import annotations

import numpy as np


def fit_similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least-squares similarity (rotation, scale, translation) that maps `source` onto `target`.

    Parameters
    ----------
    source, target : ndarray [..., k, 2]
        Corresponding points; leading dimensions broadcast.

    Returns
    -------
    ndarray [..., 2, 3]
        Matrix M with ``target ~ M[:, :2] @ p + M[:, 2]``.

    Notes
    -----
    Closed form of the 2-D Procrustes problem (Umeyama 1991) without reflection.
    """
    # As complex numbers a similarity is z -> c z + d, with c = <s, t> / <s, s> for centred points.
    s, t = _complex(source), _complex(target)
    mean_s, mean_t = s.mean(axis=-1, keepdims=True), t.mean(axis=-1, keepdims=True)
    s, t = s - mean_s, t - mean_t
    c = (s.conj() * t).sum(axis=-1) / np.maximum((s.real**2 + s.imag**2).sum(axis=-1), 1e-12)
    d = mean_t[..., 0] - c * mean_s[..., 0]
    matrix = np.empty((*c.shape, 2, 3))
    matrix[..., 0, 0] = matrix[..., 1, 1] = c.real
    matrix[..., 0, 1], matrix[..., 1, 0] = -c.imag, c.imag
    matrix[..., 0, 2], matrix[..., 1, 2] = d.real, d.imag
    return matrix


def fit_affine(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least-squares affine map [2, 3] from `source` [k, 2] to `target` [k, 2]."""
    design = np.column_stack([source, np.ones(len(source))])
    return np.linalg.lstsq(design, target, rcond=None)[0].T


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map points [..., k, 2] by [..., 2, 3]."""
    return points @ np.swapaxes(matrix[..., :2], -1, -2) + matrix[..., None, :, 2]


def invert(matrix: np.ndarray) -> np.ndarray:
    """Inverse of [..., 2, 3] maps."""
    a, b, c, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
    inverse = np.empty(matrix.shape)
    determinant = a * d - b * c
    inverse[..., 0, 0], inverse[..., 0, 1] = d / determinant, -b / determinant
    inverse[..., 1, 0], inverse[..., 1, 1] = -c / determinant, a / determinant
    inverse[..., 2] = -(inverse[..., :2] @ matrix[..., 2:])[..., 0]
    return inverse


def chain(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The map [..., 2, 3] that applies `first`, then `second`."""
    linear = second[..., :2] @ first[..., :2]
    return np.concatenate([linear, second[..., :2] @ first[..., 2:] + second[..., 2:]], axis=-1)


def _complex(points: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(points, np.float64).view(np.complex128)[..., 0]

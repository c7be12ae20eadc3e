"""Plane similarity and affine transforms between point sets, as [2, 3] matrices."""

from __future__ import annotations

import math

import numpy as np


def fit_similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least-squares similarity (rotation, scale, translation) that maps `source` onto `target`.

    Parameters
    ----------
    source, target : ndarray
        Corresponding points `[..., k, 2]`; leading dimensions broadcast.

    Returns
    -------
    ndarray of float64
        Matrix M `[..., 2, 3]` with ``target ~ M[:, :2] @ source + M[:, 2]``.

    References
    ----------
    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", IEEE TPAMI 13, 1991,
    doi:10.1109/34.88573; here its closed form in the plane, without reflection.
    """
    # As complex numbers a similarity is z -> c z + d, with c = <s, t> / <s, s> for centred points.
    s, t = as_complex(source), as_complex(target)
    mean_s, mean_t = s.mean(axis=-1, keepdims=True), t.mean(axis=-1, keepdims=True)
    s, t = s - mean_s, t - mean_t
    c = (s.conj() * t).sum(axis=-1) / np.maximum((s.real**2 + s.imag**2).sum(axis=-1), 1e-12)
    d = mean_t[..., 0] - c * mean_s[..., 0]
    matrix = np.empty((*c.shape, 2, 3))
    matrix[..., 0, 0] = matrix[..., 1, 1] = c.real
    matrix[..., 0, 1], matrix[..., 1, 0] = -c.imag, c.imag
    matrix[..., 0, 2], matrix[..., 1, 2] = d.real, d.imag
    return matrix


class Registration:
    """Least-squares similarities of single point sets onto one shape, as `fit_similarity` gives them, but faster.

    Points are complex numbers here, and a similarity is z -> c z + d.

    Parameters
    ----------
    shape : ndarray
        Points `[k, 2]`.

    Examples
    --------
    >>> square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    >>> matrix(*Registration(square)(2 * square + [3, 4])).tolist()
    [[0.5, -0.0, -1.5], [0.0, 0.5, -2.0]]
    """

    def __init__(self, shape: np.ndarray) -> None:
        z = as_complex(shape)
        self.middle = complex(z.mean())
        self._centred = z - self.middle
        self._variance = float(np.vdot(self._centred, self._centred).real) / len(z)

    def __call__(self, points: np.ndarray) -> tuple[complex, complex]:
        """The similarity (c, d) that brings `points` `[k, 2]` onto the shape."""
        z = as_complex(points)
        middle = complex(np.add.reduce(z)) / len(z)
        z = z - middle
        c = complex(np.vdot(z, self._centred)) / max(float(np.vdot(z, z).real), 1e-12)
        return c, self.middle - c * middle

    def moved(self, before: tuple[complex, complex], after: tuple[complex, complex]) -> float:
        """Root mean square distance between the shape's points under one similarity and under another."""
        turn = after[0] / before[0]
        shift = turn * (self.middle - before[1]) + after[1] - self.middle
        return math.sqrt(abs(turn - 1) ** 2 * self._variance + abs(shift) ** 2)


def matrix(c: complex, d: complex) -> np.ndarray:
    """The similarity z -> c z + d as a matrix `[2, 3]`."""
    return np.array([[c.real, -c.imag, d.real], [c.imag, c.real, d.imag]])


def as_complex(points: np.ndarray) -> np.ndarray:
    """Points `[..., k, 2]` as complex numbers `[..., k]`."""
    return np.ascontiguousarray(points, np.float64).view(np.complex128)[..., 0]


def as_points(z: np.ndarray) -> np.ndarray:
    """Complex numbers `[k]` as points `[k, 2]`, float32."""
    return z.view(np.float64).reshape(-1, 2).astype(np.float32)


def fit_affine(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least-squares affine map `[2, 3]` from points `source` `[k, 2]` to `target` `[k, 2]`."""
    design = np.column_stack([source, np.ones(len(source))])
    return np.linalg.lstsq(design, target, rcond=None)[0].T


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points `[..., k, 2]` mapped by matrices `[..., 2, 3]`."""
    return points @ np.swapaxes(matrix[..., :2], -1, -2) + matrix[..., None, :, 2]


def invert(matrix: np.ndarray) -> np.ndarray:
    """Inverse of affine maps `[..., 2, 3]`."""
    a, b, c, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
    inverse = np.empty(matrix.shape)
    determinant = a * d - b * c
    inverse[..., 0, 0], inverse[..., 0, 1] = d / determinant, -b / determinant
    inverse[..., 1, 0], inverse[..., 1, 1] = -c / determinant, a / determinant
    inverse[..., 2] = -(inverse[..., :2] @ matrix[..., 2:])[..., 0]
    return inverse


def chain(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The affine map `[..., 2, 3]` that applies `first`, then `second`."""
    linear = second[..., :2] @ first[..., :2]
    return np.concatenate([linear, second[..., :2] @ first[..., 2:] + second[..., 2:]], axis=-1)

"""Landmarks -> their registered places, and products of the main modes in which faces differ in shape."""

from __future__ import annotations

import numpy as np

from facs_pipeline.features.registration import MEAN_49, registration
from facs_pipeline.foundation.images import geometry
from facs_pipeline.landmarks.model import default_landmarks
from facs_pipeline.landmarks.points import INNER_49

N_LANDMARKS = 2 * len(INNER_49)

N_MODES = 30
"""Principal shape modes whose products are features."""

N_PRODUCTS = N_MODES * (N_MODES + 1) // 2

# Registered landmarks are stored as quarters of a texture pixel from the mean face, 128 is on it.
_LANDMARK_SCALE = 4.0

PRODUCT_SCALE = 8.0
"""Steps of a product of two shape modes' standard deviations."""

_PAIRS = np.triu_indices(N_MODES)


def _byte(values: np.ndarray) -> np.ndarray:
    """Rounded to 0..255; `np.clip` takes longer than all the rest."""
    return np.minimum(np.maximum(np.rint(values), 0), 255).astype(np.uint8)


def registered_landmarks(points: np.ndarray, matrix: np.ndarray | None = None) -> np.ndarray:
    """49 inner points relative to the mean face after registration [98] (x, y, x, y ...): 128 + 4 per pixel, uint8.

    `matrix` is `registration(points)`, where the caller has it already.

    Example
    -------
    >>> from facs_pipeline.landmarks.pose import MEAN_HEAD
    >>> np.unique(registered_landmarks(80 * MEAN_HEAD[:, :2] + 150)).tolist()
    [128]
    """
    matrix = registration(points) if matrix is None else matrix
    moved = geometry.apply(matrix, points[INNER_49]) - MEAN_49
    return _byte(moved * _LANDMARK_SCALE + 128).ravel()


def landmark_places(registered: np.ndarray) -> np.ndarray:
    """Where in the texture [49, 2] the points of `registered_landmarks` [98] lie, to a quarter of a pixel.

    Example
    -------
    >>> landmark_places(np.full(98, 128)).mean(axis=0).round(1).tolist()
    [60.0, 55.2]
    """
    return (registered.reshape(-1, 2).astype(np.float64) - 128) / _LANDMARK_SCALE + MEAN_49


def fit_shape_modes(registered: np.ndarray) -> np.ndarray:
    """Mean and 30 principal axes of registered landmarks [n, 98] uint8, each scaled to unit variance: [31, 98]."""
    mean = registered.mean(axis=0)
    _u, spread, axes = np.linalg.svd(registered - mean, full_matrices=False)
    scale = spread[:N_MODES, None] / np.sqrt(len(registered))
    # The sign of an axis is arbitrary; its largest part is made positive so that refitting gives the same features.
    axes = axes[:N_MODES]
    axes = axes * np.sign(np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1))
    return np.vstack([mean, axes / scale]).astype(np.float32)


def shape_products(registered: np.ndarray) -> np.ndarray:
    """Products of any two of 30 shape modes [465] of registered landmarks [98] uint8: 128 + 8 times each, uint8.

    Distances between points, such as how far an eye or the mouth is open, are not linear in the points; linear in
    these products they are. The modes belong to the embedded landmark model and are clipped at 4 standard deviations.
    """
    modes, (first, second) = default_landmarks().shape_modes, _PAIRS
    scores = np.minimum(np.maximum(modes[1:] @ (registered - modes[0]), -4), 4)
    return _byte(128 + PRODUCT_SCALE * scores[first] * scores[second])

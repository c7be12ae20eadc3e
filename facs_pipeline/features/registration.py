"""Landmarks -> registered texture: a similarity brings the inner landmarks onto those of a mean face."""

from __future__ import annotations

import numpy as np

from facs_pipeline.foundation.images import geometry
from facs_pipeline.foundation.images.crops import registered_crop
from facs_pipeline.landmarks.points import INNER_49
from facs_pipeline.landmarks.pose import MEAN_HEAD

TEXTURE = 120
"""Side of the registered texture in pixels; divides evenly into the LBP grid."""

EYE_DISTANCE = 58.0
"""Distance of the outer eye corners in the registered texture, in pixels."""

MEAN_49 = (MEAN_HEAD[INNER_49, :2] - MEAN_HEAD[INNER_49, :2].mean(axis=0)) * EYE_DISTANCE + [
    TEXTURE / 2,
    0.46 * TEXTURE,
]

_REGISTRATION = geometry.Registration(MEAN_49)


def registration(points: np.ndarray) -> np.ndarray:
    """Similarity [2, 3] from image pixels to the registered texture, by the 49 inner of 68 points [68, 2]."""
    return geometry.matrix(*_REGISTRATION(points[INNER_49]))


def registered_texture(grey: np.ndarray, points: np.ndarray, matrix: np.ndarray | None = None) -> np.ndarray:
    """Grey texture [120, 120] uint8 of the face with `points` [68, 2] in `grey` [h, w] uint8.

    `matrix` is `registration(points)`, where the caller has it already.

    Example
    -------
    >>> points = 80 * MEAN_HEAD[:, :2] + 150
    >>> registered_texture(np.zeros((300, 300), np.uint8), points).shape
    (120, 120)
    """
    return registered_crop(grey, registration(points) if matrix is None else matrix, TEXTURE)

"""Landmarks -> registered texture: a similarity brings the inner landmarks onto those of a mean face.

With landmarks z and those of the mean face m as complex numbers, the similarity ``z -> a z + b`` minimises
``sum |a z + b - m|^2``: least squares without reflection (Umeyama, "Least-squares estimation of transformation
parameters between two point patterns", IEEE TPAMI 13, 1991, doi:10.1109/34.88573). Place, size and roll drop out; the
mean face is upright, its outer eye corners `EYE_DISTANCE` apart.
"""

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
"""The mean face's 49 inner landmarks in the registered texture [49, 2]."""

_REGISTRATION = geometry.Registration(MEAN_49)


def registration(points: np.ndarray) -> np.ndarray:
    """Similarity from pixels of the image to those of the registered texture.

    Parameters
    ----------
    points : ndarray
        The face's landmarks [68, 2]; the 49 inner ones count.

    Returns
    -------
    ndarray of float64
        ``[2, 3]``, as OpenCV takes it.
    """
    return geometry.matrix(*_REGISTRATION(points[INNER_49]))


def registered_texture(grey: np.ndarray, points: np.ndarray, matrix: np.ndarray | None = None) -> np.ndarray:
    """The face's registered texture.

    Parameters
    ----------
    grey : ndarray of uint8
        The image [h, w].
    points : ndarray
        The face's landmarks [68, 2] in pixels of the image.
    matrix : ndarray, optional
        ``registration(points)``, where the caller has it already.

    Returns
    -------
    ndarray of uint8
        ``[120, 120]``.

    Examples
    --------
    >>> points = 80 * MEAN_HEAD[:, :2] + 150
    >>> registered_texture(np.zeros((300, 300), np.uint8), points).shape
    (120, 120)
    """
    return registered_crop(grey, registration(points) if matrix is None else matrix, TEXTURE)

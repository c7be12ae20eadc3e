"""What tells where eyes look: small pictures of both eyes, upright by their corners, and the shape of their lids.

Corners of an eye's lids lie 13 pixels apart in its picture of 14 x 20. Its brightness is standardised; the left eye's
picture is mirrored, so that one model serves both.
"""

from __future__ import annotations

import numpy as np

from facs_pipeline.features.registration import registration
from facs_pipeline.foundation.images import geometry
from facs_pipeline.foundation.images.crops import registered_crop

_SIDE, _ROWS = 20, slice(3, 17)
_CORNERS = np.array([3 + 9.5j, 16 + 9.5j])
_MIDDLE = 9.5
# Of the right eye, and of the left one in a mirror: from the outer corner on.
_LIDS = np.array([[36, 37, 38, 39, 40, 41], [45, 44, 43, 42, 47, 46]])
N_VALUES = 14 * _SIDE + 12
"""Values of one eye."""
# Grey levels added to the deviation: noise of a flat picture is not blown up.
_FLAT = 4.0


def eye_values(texture: np.ndarray, points: np.ndarray, matrix: np.ndarray | None = None) -> np.ndarray:
    """Values of both eyes of a face.

    Parameters
    ----------
    texture : ndarray of uint8
        The registered face [120, 120], see `facs_pipeline.features.registration.registered_texture`.
    points : ndarray
        The face's landmarks [68, 2] in pixels of the image.
    matrix : ndarray, optional
        ``registration(points)``, where the caller has it already.

    Returns
    -------
    ndarray of float32
        ``[2, 292]``: the person's right eye, and the left one as a mirror shows it.

    Examples
    --------
    >>> from facs_pipeline.landmarks.pose import MEAN_HEAD
    >>> eye_values(np.zeros((120, 120), np.uint8), 80 * MEAN_HEAD[:, :2] + 150).shape
    (2, 292)
    """
    (a, _, x), (b, _, y) = (registration(points) if matrix is None else matrix).tolist()
    lids = complex(a, b) * geometry.as_complex(points[_LIDS]) + complex(x, y)
    # The corners from left to right in the image: the left eye's first one is its outer, on the right.
    first, last = np.array([lids[0, 0], lids[1, 3]]), np.array([lids[0, 3], lids[1, 0]])
    turn = (_CORNERS[1] - _CORNERS[0]) / (last - first)
    shift = _CORNERS[0] - turn * first
    values = np.empty((2, N_VALUES), np.float32)
    for eye in range(2):
        crop = registered_crop(texture, geometry.matrix(turn[eye], shift[eye]), _SIDE)[_ROWS].astype(np.float64)
        shape = turn[eye] * lids[eye] + shift[eye] - complex(_MIDDLE, _MIDDLE)
        if eye:
            crop, shape = crop[:, ::-1], -shape.conj()
        standardised = (crop - crop.mean()) / (crop.std() + _FLAT)
        values[eye] = np.concatenate([standardised.ravel(), shape.real, shape.imag])
    return values

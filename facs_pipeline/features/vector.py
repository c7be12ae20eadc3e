"""Stage 4, landmarks -> features: registered texture, uniform LBP, HOG, landmarks and their products.

One vector of 9,055 bytes per face: bytes because a feature table of a long video has to live on a disk. Each value's
scale is given at its function; linear models are indifferent to it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from facs_pipeline.features.hog import N_HOG, ORIENTATIONS, STRIDE, WINDOW, hog
from facs_pipeline.features.lbp import GRID, N_LBP, lbp_histograms
from facs_pipeline.features.registration import EYE_DISTANCE, TEXTURE, registered_texture, registration
from facs_pipeline.features.shape_modes import N_LANDMARKS, N_MODES, N_PRODUCTS, registered_landmarks, shape_products
from facs_pipeline.landmarks.model import default_landmarks

N_FEATURES = N_LBP + N_HOG + N_LANDMARKS + N_PRODUCTS
BLOCKS: dict[str, slice] = {
    "lbp": slice(0, N_LBP),
    "hog": slice(N_LBP, N_LBP + N_HOG),
    "landmarks": slice(N_LBP + N_HOG, N_LBP + N_HOG + N_LANDMARKS),
    "products": slice(N_LBP + N_HOG + N_LANDMARKS, N_FEATURES),
}
"""Which values of the vector belong to which kind of feature."""

SETTINGS: dict[str, Any] = {
    "version": 3,
    "texture": TEXTURE,
    "lbp_grid": GRID,
    "eye_distance": EYE_DISTANCE,
    "hog": [WINDOW, STRIDE, ORIENTATIONS],
    "shape_modes": N_MODES,
    "registration": "similarity, 49 inner landmarks",
}
"""What a model trained on these features depends on."""


def made_by() -> dict[str, Any]:
    """`SETTINGS`, and whose shape modes are multiplied: what kept features depend on, besides the landmarks."""
    return SETTINGS | {"shape_modes_of": default_landmarks().sha256}


def features(grey: np.ndarray, points: np.ndarray) -> np.ndarray:
    """All features of one face [9055] uint8: LBP, HOG, registered landmarks, products; `BLOCKS` says what is where.

    Parameters
    ----------
    grey : ndarray [h, w] uint8
        The frame.
    points : ndarray [68, 2]
        The face's landmarks in pixels of the frame.

    Example
    -------
    >>> from facs_pipeline.landmarks.pose import MEAN_HEAD
    >>> features(np.zeros((300, 300), np.uint8), 80 * MEAN_HEAD[:, :2] + 150).shape
    (9055,)
    """
    matrix = registration(points)
    texture = registered_texture(grey, points, matrix)
    registered = registered_landmarks(points, matrix)
    return np.concatenate([lbp_histograms(texture), hog(texture), registered, shape_products(registered)])

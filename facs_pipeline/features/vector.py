"""Stage 4, landmarks -> features: registered texture, uniform LBP, HOG, landmarks and their products.

One vector of 9,055 bytes per face: bytes because a feature table of a long video has to live on a disk. Each value's
scale is given at its function; linear models are indifferent to it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from facs_pipeline.features.hog import N_HOG, ORIENTATIONS, STRIDE, WINDOW, hog
from facs_pipeline.features.lbp import GRID, N_LBP, lbp_histograms
from facs_pipeline.features.registration import EYE_DISTANCE, TEXTURE, registered_texture
from facs_pipeline.features.shape_modes import (
    N_LANDMARKS,
    N_MODES,
    N_PRODUCTS,
    default_shape_modes,
    registered_landmarks,
    shape_products,
)
from facs_pipeline.landmarks.points import mirrored

N_FEATURES = N_LBP + N_HOG + N_LANDMARKS + N_PRODUCTS
"""Values of one face."""
BLOCKS: dict[str, slice] = {
    "lbp": slice(0, N_LBP),
    "hog": slice(N_LBP, N_LBP + N_HOG),
    "landmarks": slice(N_LBP + N_HOG, N_LBP + N_HOG + N_LANDMARKS),
    "products": slice(N_LBP + N_HOG + N_LANDMARKS, N_FEATURES),
}
"""Which values of the vector belong to which kind of feature."""


@dataclass(frozen=True)
class FeatureSettings:
    """What a model trained on these features depends on, besides the landmarks.

    Attributes
    ----------
    version : int
        Raised when the same landmarks give other features in a way that no other setting tells.
    texture : int
        Side of the registered texture in pixels.
    lbp_grid : int
        LBP cells along a side.
    eye_distance : float
        Distance of the outer eye corners in the registered texture, in pixels.
    hog : tuple of int
        Side of a window and distance to the next, in pixels of the texture, and number of directions.
    shape_modes : int
        Principal shape modes whose products are features.
    registration : str
        By which map and which points faces are registered.
    """

    version: int = 3
    texture: int = TEXTURE
    lbp_grid: int = GRID
    eye_distance: float = EYE_DISTANCE
    hog: tuple[int, int, int] = (WINDOW, STRIDE, ORIENTATIONS)
    shape_modes: int = N_MODES
    registration: str = "similarity, 49 inner landmarks"

    def as_json(self) -> dict[str, int | float | str | list[int]]:
        """The settings as they stand in model files, just as JSON gives them back."""
        return asdict(self) | {"hog": list(self.hog)}


SETTINGS = FeatureSettings()
"""Those of this version."""


def made_by() -> dict[str, int | float | str | list[int]]:
    """What stored features depend on besides the landmarks: the settings, and the hash of the shape modes' file."""
    return SETTINGS.as_json() | {"shape_modes_sha256": default_shape_modes().sha256}


def face_features(grey: np.ndarray, points: np.ndarray) -> np.ndarray:
    """All features of one face: LBP, HOG, registered landmarks and their products; `BLOCKS` says what is where.

    Parameters
    ----------
    grey : ndarray of uint8
        The frame [h, w].
    points : ndarray
        The face's landmarks [68, 2] in pixels of the frame.

    Returns
    -------
    ndarray of uint8
        ``[9055]``.

    Examples
    --------
    >>> from facs_pipeline.landmarks.pose import MEAN_HEAD
    >>> face_features(np.zeros((300, 300), np.uint8), 80 * MEAN_HEAD[:, :2] + 150).shape
    (9055,)
    """
    return features_of_texture(registered_texture(grey, points), points)


def features_of_texture(texture: np.ndarray, points: np.ndarray, matrix: np.ndarray | None = None) -> np.ndarray:
    """All features of one face whose texture is registered already, see `face_features`.

    Parameters
    ----------
    texture : ndarray of uint8
        ``registered_texture(grey, points)`` [120, 120].
    points : ndarray
        The face's landmarks [68, 2] in pixels of the frame.
    matrix : ndarray, optional
        ``registration(points)``, where the caller has it already.
    """
    registered = registered_landmarks(points, matrix)
    return np.concatenate([lbp_histograms(texture), hog(texture), registered, shape_products(registered)])


def mirrored_features(grey: np.ndarray, points: np.ndarray) -> np.ndarray:
    """All features of the face as a mirror shows it, for training; parameters as of `face_features`."""
    return face_features(*mirrored(grey, points))

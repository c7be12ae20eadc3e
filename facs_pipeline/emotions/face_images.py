"""What emotion models are given: faces with their landmarks, registered crops, pixels and features."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from skimage.feature import hog as skimage_hog

from facs_pipeline.datasets.labelled_faces import Skipped
from facs_pipeline.features import registration, vector
from facs_pipeline.foundation.images.crops import registered_crop

SIDE = 48
"""Side of the small crops in pixels, that of FER2013's images."""
CROP_ZOOM = 1.2
CROP_SCALE = SIDE / registration.TEXTURE * CROP_ZOOM
CROP_OFFSET = (SIDE - registration.TEXTURE * CROP_SCALE) / 2
"""Pixel p of the registered texture is pixel ``CROP_SCALE * p + CROP_OFFSET`` of the small crop."""
_WINDOW, _WINDOW_STRIDE = 24, 6


class FaceImages(NamedTuple):
    """The m usable ones of n still images.

    Attributes
    ----------
    rows : ndarray of int
        Positions `[m]` of the usable images among all; the others are in `skipped`.
    points : ndarray of float32
        Landmarks `[m, 68, 2]` in pixels of each image.
    detected : ndarray of bool
        Whether a face was detected `[m]`; elsewhere the landmarks are those of a default place.
    crops : ndarray of uint8
        Faces registered by their landmarks `[m, 48, 48]`.
    pixels : ndarray of uint8
        Whole images, scaled to `[m, 48, 48]`.
    features : ndarray of uint8
        `[m, 9055]`, see `facs_pipeline.features.face_features`.
    mirrored : ndarray of uint8
        Features `[m, 9055]` of the mirror images; `[m, 0]` where they are not needed.
    skipped : tuple of Skipped
        Images that could not be read.
    """

    rows: np.ndarray
    points: np.ndarray
    detected: np.ndarray
    crops: np.ndarray
    pixels: np.ndarray
    features: np.ndarray
    mirrored: np.ndarray
    skipped: tuple[Skipped, ...]

    @classmethod
    def blank(cls) -> FaceImages:
        """One face without anything in it, for trying a model."""
        small, features = np.zeros((1, 48, 48), np.uint8), np.zeros((1, vector.N_FEATURES), np.uint8)
        return cls(
            np.zeros(1, int), np.zeros((1, 68, 2), np.float32), np.zeros(1, bool), small, small, features, features, ()
        )

    def take(self, rows: np.ndarray | slice) -> FaceImages:
        """Only these of the m faces, in this order; `skipped` is dropped."""
        return FaceImages(
            self.rows[rows],
            self.points[rows],
            self.detected[rows],
            self.crops[rows],
            self.pixels[rows],
            self.features[rows],
            self.mirrored[rows],
            (),
        )


def registered_crop_48(grey: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The face of an image from brows to chin, registered by its landmarks.

    The similarity of `facs_pipeline.features.registration.registration`, smaller, and closer to the face by a fifth.

    Parameters
    ----------
    grey : ndarray of uint8
        Image `[h, w]`.
    points : ndarray of float
        Landmarks `[68, 2]` in pixels.

    Returns
    -------
    ndarray of uint8
        `[48, 48]`.
    """
    matrix = registration.registration(points) * CROP_SCALE
    matrix[:, 2] += CROP_OFFSET
    return registered_crop(grey, matrix, SIDE)


def small_image(grey: np.ndarray) -> np.ndarray:
    """A whole image `[h, w]` of uint8, scaled to `[48, 48]`."""
    if grey.shape == (SIDE, SIDE):
        return grey
    return cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def window_hog(pixels: np.ndarray) -> np.ndarray:
    """HOG of every 24 x 24 window at a stride of 6, one after the other.

    Parameters
    ----------
    pixels : ndarray of uint8
        Image `[48, 48]`.

    Returns
    -------
    ndarray of float32
        `[1800]`.
    """
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (_WINDOW, _WINDOW))[::_WINDOW_STRIDE, ::_WINDOW_STRIDE]
    return np.concatenate(
        [
            skimage_hog(window, orientations=8, pixels_per_cell=(8, 8), cells_per_block=(3, 3), feature_vector=True)
            for window in windows.reshape(-1, _WINDOW, _WINDOW)
        ]
    ).astype(np.float32)

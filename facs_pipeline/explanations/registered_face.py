"""One face as emotion models take it, with its registered texture and the ways between their pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facs_pipeline.emotions.face_images import CROP_OFFSET, CROP_SCALE, SIDE, FaceImages
from facs_pipeline.features.registration import TEXTURE, registered_texture, registration
from facs_pipeline.foundation.images import geometry

TEXTURE_TO_CROP = np.array([[CROP_SCALE, 0, CROP_OFFSET], [0, CROP_SCALE, CROP_OFFSET]])
"""From pixels of the registered texture to those of the small crop [2, 3]."""


@dataclass(frozen=True, eq=False)
class RegisteredFace:
    """One face.

    Attributes
    ----------
    images : FaceImages
        What models take of it; m = 1.
    texture : ndarray of uint8
        The registered face [120, 120].
    points : ndarray of float64
        Landmarks [68, 2] in pixels of the texture.
    pixels_to_texture : ndarray of float64
        From pixels of ``images.pixels`` (48 x 48) to those of the texture [2, 3].
    """

    images: FaceImages
    texture: np.ndarray
    points: np.ndarray
    pixels_to_texture: np.ndarray

    @classmethod
    def of(cls, faces: FaceImages, row: int, image: np.ndarray | None = None) -> RegisteredFace:
        """Face number `row` of `faces`.

        Parameters
        ----------
        faces : FaceImages
        row : int
            Position in `faces`, not that of the image.
        image : ndarray of uint8, optional
            The grey image [h, w] that shows it. Without it the texture is enlarged from the small crop.
        """
        one = faces.take(slice(row, row + 1))
        to_texture = registration(one.points[0])
        # Pixels of the whole image scaled to 48 x 48 -> pixels of the image -> the registered texture.
        zoom = np.ones(2) if image is None else np.array(image.shape[::-1]) / SIDE
        pixels_to_texture = np.column_stack([to_texture[:, :2] * zoom, to_texture[:, :2] @ (0.5 * zoom - 0.5)])
        pixels_to_texture[:, 2] += to_texture[:, 2]
        texture = _enlarged(one.crops[0]) if image is None else registered_texture(image, one.points[0])
        return cls(one, texture, geometry.apply(to_texture, one.points[0]), pixels_to_texture)


def _enlarged(crop: np.ndarray) -> np.ndarray:
    inverse = cv2.WARP_INVERSE_MAP | cv2.INTER_CUBIC
    return cv2.warpAffine(crop, TEXTURE_TO_CROP, (TEXTURE, TEXTURE), flags=inverse, borderMode=cv2.BORDER_REPLICATE)

"""What a model says when a part of the face is covered with grey; for any model, not only weighted sums."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from facs_pipeline.emotions.face_images import SIDE, FaceImages
from facs_pipeline.emotions.model import EmotionModel
from facs_pipeline.explanations.face_regions import REGIONS, region_map
from facs_pipeline.features import hog, lbp, registration, vector

TEXTURE = registration.TEXTURE
_PATCH, _STRIDE = 30, 10


class Occlusion(NamedTuple):
    """How much covering a part of one face changes a model's answer.

    Attributes
    ----------
    heat : ndarray [120, 120]
        For each pixel of the registered texture, the mean drop of the probability (0..1; below 0: it rises) over all
        patches that cover it.
    covered : dict of str to float
        Region (`facs_pipeline.explanations.face_regions.REGIONS`) -> probability of the same emotion when all of it is
        covered.
    probability : float
        With nothing covered.
    """

    heat: np.ndarray
    covered: dict[str, float]
    probability: float


def occlusion(
    model: EmotionModel,
    face: FaceImages,
    texture: np.ndarray,
    emotion: int,
    points: np.ndarray,
    to_crop: np.ndarray,
    to_pixels: np.ndarray,
) -> Occlusion:
    """Slide a grey patch over one face, and cover whole regions.

    Parameters
    ----------
    face : m = 1.
    texture : ndarray [120, 120] uint8
        The registered texture that appearance features are taken from again.
    emotion : position of the emotion whose probability is watched.
    points : ndarray [68, 2]
        Landmarks in pixels of the texture. They are not found anew: what a model takes from them is not covered.
    to_crop, to_pixels : ndarray [2, 3]
        From the texture to ``face.crops`` and ``face.pixels``.

    References
    ----------
    Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, section 4.2.
    """
    parts = region_map(points)
    starts = range(0, TEXTURE - _PATCH + 1, _STRIDE)
    patches = np.zeros((len(starts) ** 2, TEXTURE, TEXTURE), bool)
    for patch, (row, column) in zip(patches, ((row, column) for row in starts for column in starts), strict=True):
        patch[row : row + _PATCH, column : column + _PATCH] = True
    present = [name for number, name in enumerate(REGIONS) if (parts == number).any()]
    regions = np.array([parts == REGIONS.index(name) for name in present])
    masks = np.concatenate([np.zeros((1, TEXTURE, TEXTURE), bool), patches, regions])
    said = model.predict_proba(_covered(model, face, texture, masks, to_crop, to_pixels))[:, emotion]
    drops = said[0] - said[1 : 1 + len(patches)]
    heat = np.tensordot(drops, patches.astype(float), 1) / patches.sum(axis=0)
    return Occlusion(heat, dict(zip(present, said[1 + len(patches) :].tolist(), strict=True)), float(said[0]))


def _covered(
    model: EmotionModel,
    face: FaceImages,
    texture: np.ndarray,
    masks: np.ndarray,
    to_crop: np.ndarray,
    to_pixels: np.ndarray,
) -> FaceImages:
    """The face as often as there are masks [k, 120, 120], each time grey where the mask is."""
    features, crops, pixels = (np.repeat(part, len(masks), axis=0) for part in (face.features, face.crops, face.pixels))
    needed = not set(model.inputs) <= {"pixels", "windows"}
    for number, mask in enumerate(masks):
        crops[number][_warped(mask, to_crop)] = round(float(face.crops.mean()))
        pixels[number][_warped(mask, to_pixels)] = round(float(face.pixels.mean()))
        if needed:
            shown = np.where(mask, np.uint8(round(float(texture.mean()))), texture)
            features[number, vector.BLOCKS["lbp"]] = lbp.lbp_histograms(shown)
            features[number, vector.BLOCKS["hog"]] = hog.hog(shown)
    rows, points, found = (np.repeat(part, len(masks), axis=0) for part in (face.rows, face.points, face.detected))
    return FaceImages(rows, points, found, crops, pixels, features, np.empty((len(masks), 0), np.uint8), ())


def _warped(mask: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return cv2.warpAffine(mask.astype(np.uint8), matrix, (SIDE, SIDE), flags=cv2.INTER_NEAREST).astype(bool)

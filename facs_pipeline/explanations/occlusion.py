"""A model's answers when a part of the face is covered with grey; for any model, not only weighted sums."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from facs_pipeline.emotions.face_images import SIDE, FaceImages
from facs_pipeline.emotions.model import EmotionModel
from facs_pipeline.explanations.face_regions import REGIONS, region_map
from facs_pipeline.explanations.registered_face import TEXTURE_TO_CROP, RegisteredFace
from facs_pipeline.features import hog, lbp, vector
from facs_pipeline.features.registration import TEXTURE
from facs_pipeline.foundation.images import geometry

_PATCH, _STRIDE = 30, 10


class Occlusion(NamedTuple):
    """How much covering a part of one face changes a model's answer.

    Attributes
    ----------
    heat : ndarray of float64
        For each pixel of the registered texture [120, 120], the mean drop of the probability (0..1; below 0: it rises)
        over all patches that cover it.
    covered : dict of str to float
        Region (`facs_pipeline.explanations.face_regions.REGIONS`) -> probability of the same emotion when all of it is
        covered.
    probability : float
        With nothing covered, 0..1.
    """

    heat: np.ndarray
    covered: dict[str, float]
    probability: float


def occlusion(model: EmotionModel, face: RegisteredFace, emotion: int) -> Occlusion:
    """Slide a grey patch over one face, and cover whole regions.

    Parameters
    ----------
    model : EmotionModel
        Any.
    face : RegisteredFace
        Features of appearance are measured again in its covered texture. Landmarks are not located again: what a model
        takes from them is not covered.
    emotion : int
        Position of the emotion whose probability is watched.

    References
    ----------
    Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, section 4.2.
    """
    parts = region_map(face.points)
    starts = range(0, TEXTURE - _PATCH + 1, _STRIDE)
    patches = np.zeros((len(starts) ** 2, TEXTURE, TEXTURE), bool)
    for patch, (row, column) in zip(patches, ((row, column) for row in starts for column in starts), strict=True):
        patch[row : row + _PATCH, column : column + _PATCH] = True
    present = [name for number, name in enumerate(REGIONS) if (parts == number).any()]
    regions = np.array([parts == REGIONS.index(name) for name in present])
    masks = np.concatenate([np.zeros((1, TEXTURE, TEXTURE), bool), patches, regions])
    answers = model.predict_proba(_covered(model, face, masks))[:, emotion]
    drops = answers[0] - answers[1 : 1 + len(patches)]
    heat = np.tensordot(drops, patches.astype(float), 1) / patches.sum(axis=0)
    of_regions = answers[1 + len(patches) :].tolist()
    return Occlusion(heat, dict(zip(present, of_regions, strict=True)), float(answers[0]))


def _covered(model: EmotionModel, face: RegisteredFace, masks: np.ndarray) -> FaceImages:
    """The face as often as there are masks [k, 120, 120], each time grey where the mask is."""
    images, to_pixels = face.images, geometry.invert(face.pixels_to_texture)
    copies = images.take(np.zeros(len(masks), np.intp))
    by_texture = not set(model.inputs) <= {"pixels", "windows"}
    for number, mask in enumerate(masks):
        copies.crops[number][_warped(mask, TEXTURE_TO_CROP)] = round(float(images.crops.mean()))
        copies.pixels[number][_warped(mask, to_pixels)] = round(float(images.pixels.mean()))
        if by_texture:
            texture = np.where(mask, np.uint8(round(float(face.texture.mean()))), face.texture)
            copies.features[number, vector.BLOCKS["lbp"]] = lbp.lbp_histograms(texture)
            copies.features[number, vector.BLOCKS["hog"]] = hog.hog(texture)
    return copies


def _warped(mask: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return cv2.warpAffine(mask.astype(np.uint8), matrix, (SIDE, SIDE), flags=cv2.INTER_NEAREST).astype(bool)

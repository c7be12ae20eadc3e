"""Where faces are, whoever was there before: dlib's HOG + SVM detector (King 2009) on pictures of chosen sizes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import dlib
import numpy as np

from facs_pipeline.faces.settings import SETTINGS
from facs_pipeline.foundation.images.crops import registered_crop
from facs_pipeline.landmarks.model import LandmarkModel

Box = tuple[float, float, float, float]
"""Left, top, width and height in pixels."""

_DETECTOR = Path(__file__).parents[1] / "models" / "face_detector.svm"


@cache
def frontal_detector():
    """Dlib's own detector as its `save` writes it: reading that takes 2 ms, making it anew half a second."""
    try:
        return dlib.fhog_object_detector(str(_DETECTOR))
    except RuntimeError:
        # A version of dlib that reads another format.
        return dlib.get_frontal_face_detector()


@cache
def search_scales(longest: int) -> tuple[float, ...]:
    """How much a picture whose longer side is `longest` px is enlarged or shrunk for each search, coarse to fine."""
    return tuple(dict.fromkeys(min(side / longest, 2.0) for side in SETTINGS.search_sides))


def find_faces(detector, grey: np.ndarray, scale: float) -> list[Box]:
    """All faces in a picture [h, w] looked at `scale` times as large, the surest first."""
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    boxes, scores, _ = detector.run(small, 0, 0.0)
    return [
        tuple(v / scale for v in (boxes[i].left(), boxes[i].top(), boxes[i].width(), boxes[i].height()))
        for i in np.argsort(scores)[::-1]
    ]


def find_near(detector, grey: np.ndarray, points: np.ndarray, threshold: float) -> Box | None:
    """The face on a patch of constant size round points [68, 2], scored above `threshold`; None where there is none."""
    centre, size = points[17:].mean(axis=0), face_size(points)
    scale = SETTINGS.patch_side / (2.1 * size)
    matrix = np.array(
        [
            [scale, 0, SETTINGS.patch_side / 2 - scale * centre[0]],
            [0, scale, SETTINGS.patch_side / 2 - scale * centre[1]],
        ]
    )
    boxes, _scores, _ = detector.run(registered_crop(grey, matrix, SETTINGS.patch_side), 0, threshold)
    if not boxes:
        return None
    box = max(boxes, key=lambda b: b.area())
    left, top = (box.left() - matrix[0, 2]) / scale, (box.top() - matrix[1, 2]) / scale
    return left, top, box.width() / scale, box.height() / scale


def face_size(points: np.ndarray) -> float:
    """Size of a face: the longer side of the box round its points, px."""
    return float((np.maximum.reduce(points) - np.minimum.reduce(points)).max())


_QUARTER_TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def upright_turn(frames: Sequence[np.ndarray], landmark_model: LandmarkModel) -> int:
    """By how many degrees clockwise frames [h, w] uint8 without a face must be turned to show one; 0 if by none.

    For videos that lie on their side because their rotation flag was lost; only large faces are looked for.

    Example
    -------
    >>> from skimage.data import astronaut
    >>> from facs_pipeline import default_landmarks
    >>> lying = np.rot90(astronaut().mean(axis=2).astype(np.uint8))
    >>> upright_turn([lying], default_landmarks())
    90
    """
    for grey in frames:
        scale = min(SETTINGS.search_sides[0] / max(grey.shape), 1.0)
        small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for degrees, code in _QUARTER_TURNS.items():
            turned = cv2.rotate(small, code)
            boxes = find_faces(frontal_detector(), turned, 1.0)
            if any(landmark_model.find(turned, box).confidence >= SETTINGS.sure_confidence for box in boxes):
                return degrees
    return 0

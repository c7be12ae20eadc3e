"""Where faces are in a single picture: dlib's HOG + SVM detector (King 2009) at chosen scales."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import dlib
import numpy as np

from facs_pipeline.faces.landmark_finder import Box, LandmarkFinder
from facs_pipeline.faces.settings import SETTINGS
from facs_pipeline.faces.trigger import may_show_faces
from facs_pipeline.foundation.images.crops import registered_crop

_DETECTOR = Path(__file__).parents[1] / "models" / "face_detector.svm"
_QUARTER_TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


@cache
def frontal_detector() -> dlib.fhog_object_detector:
    """The frontal detector of dlib, from a file in the package: 2 ms, where dlib itself takes half a second."""
    try:
        return dlib.fhog_object_detector(str(_DETECTOR))
    except RuntimeError:
        # A version of dlib that reads another format.
        return dlib.get_frontal_face_detector()


@cache
def search_scales(longest: int) -> tuple[float, ...]:
    """Factors by which a picture is resized for each search, coarse to fine, from its longer side in pixels."""
    return tuple(dict.fromkeys(min(side / longest, 2.0) for side in SETTINGS.search_sides))


def find_faces(
    detector: dlib.fhog_object_detector, grey: np.ndarray, scale: float, threshold: float = 0.0
) -> list[Box]:
    """All faces in a picture, uint8 `[h, w]`, resized by `scale` for the search; the surest first.

    `threshold` is the detector's score that a face must exceed.
    """
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    boxes, scores, _ = detector.run(small, 0, threshold)
    surest = (boxes[i] for i in np.argsort(scores)[::-1])
    return [(box.left() / scale, box.top() / scale, box.width() / scale, box.height() / scale) for box in surest]


def find_near(
    detector: dlib.fhog_object_detector, grey: np.ndarray, points: np.ndarray, threshold: float
) -> Box | None:
    """The largest face on a patch of constant size round given points.

    Parameters
    ----------
    detector : dlib.fhog_object_detector
        See `frontal_detector`.
    grey : ndarray of uint8
        Picture `[h, w]`.
    points : ndarray
        Landmarks `[68, 2]` round which the patch lies, pixels.
    threshold : float
        The detector's score that a face must exceed.

    Returns
    -------
    tuple of float, or None
        The box, if there is a face.
    """
    centre, size = points[17:].mean(axis=0), face_size(points)
    side = SETTINGS.patch_side
    scale = side / (2.1 * size)
    matrix = np.array([[scale, 0, side / 2 - scale * centre[0]], [0, scale, side / 2 - scale * centre[1]]])
    boxes, _scores, _ = detector.run(registered_crop(grey, matrix, side), 0, threshold)
    if not boxes:
        return None
    box = max(boxes, key=lambda b: b.area())
    left, top = (box.left() - matrix[0, 2]) / scale, (box.top() - matrix[1, 2]) / scale
    return left, top, box.width() / scale, box.height() / scale


def face_size(points: np.ndarray) -> float:
    """Size of a face in pixels: the longer side of the box round its points."""
    return float((np.maximum.reduce(points) - np.minimum.reduce(points)).max())


def upright_turn(frames: Sequence[np.ndarray], landmark_model: LandmarkFinder) -> int:
    """Degrees clockwise by which frames without a face must be turned to show one.

    For videos that lie on their side because their rotation flag was lost; only large faces are searched for.

    Parameters
    ----------
    frames : sequence of ndarray of uint8
        Frames `[h, w]`.
    landmark_model : LandmarkFinder
        Confirms what the detector finds.

    Returns
    -------
    int
        90, 180 or 270; 0 if no turn shows a face.

    Examples
    --------
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
            if not may_show_faces(turned, 1.0, None):
                continue
            boxes = find_faces(frontal_detector(), turned, 1.0)
            if any(landmark_model.find(turned, box).confidence >= SETTINGS.sure_confidence for box in boxes):
                return degrees
    return 0

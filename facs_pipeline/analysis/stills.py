"""Faces in pictures that stand for themselves, tight little crops included."""

from __future__ import annotations

from typing import Literal, NamedTuple

import cv2
import numpy as np

from facs_pipeline.faces.tracker import FaceTracker
from facs_pipeline.landmarks.dlib_predictor import DlibLandmarks
from facs_pipeline.landmarks.model import LandmarkModel

SMALL_PX = 128
"""Below so many pixels a still is a tight crop such as FER2013's: the face search needs it larger, with a margin."""
_IS_A_FACE = 0.5
_SURE = 0.3


class Place(NamedTuple):
    """Where a face is, or would be.

    Attributes
    ----------
    points : ndarray of float32
        Landmarks [68, 2] in pixels.
    found : bool
        Whether a face was found there. If not, it is the default place: where the face of a tight crop would be.
    """

    points: np.ndarray
    found: bool


def face_places(
    grey: np.ndarray, landmarks: LandmarkModel | DlibLandmarks, faces: Literal["one", "all"] = "one"
) -> list[Place]:
    """Places of the main face, or of all faces, in a still; where none is found, one that says so.

    Parameters
    ----------
    grey : ndarray of uint8
        [h, w]; one of less than 128 pixels is taken for the crop of one face.
    landmarks : LandmarkModel or DlibLandmarks
    faces : "one" or "all"
    """
    if faces == "all" and max(grey.shape) >= SMALL_PX:
        tracked = FaceTracker(landmarks, faces="all", still=True).update(grey, 0.0)
        if tracked:
            return [Place(face.points, True) for face in tracked]
    return [_main_face(grey, landmarks)]


def face_near(grey: np.ndarray, landmarks: LandmarkModel | DlibLandmarks, near: np.ndarray) -> tuple[np.ndarray, float]:
    """Landmarks [68, 2] and confidence of a face whose place, size and tilt are known from points `near` [68, 2].

    Below a confidence of 0.3 there is no face.
    """
    return landmarks.track(grey, landmarks.track(grey, near)[0])


def is_face(confidence: float) -> bool:
    """Whether `face_near` has come upon a face."""
    return confidence >= _SURE


def _main_face(grey: np.ndarray, landmarks: LandmarkModel | DlibLandmarks) -> Place:
    factor, pad, shown = 1.0, 0, grey
    if max(grey.shape) < SMALL_PX:
        factor = 4.0
        shown = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        pad = round(0.25 * max(shown.shape))
        shown = cv2.copyMakeBorder(shown, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    tracked = FaceTracker(landmarks, still=True).update(shown, 0.0)
    if tracked:
        points, found = tracked[0].points, True
    else:
        size = shown.shape[0] - 2 * pad
        points, confidence = landmarks.find(shown, (pad + 0.05 * size, pad + 0.1 * size, 0.9 * size, 0.9 * size))
        found = factor != 1 and confidence >= _IS_A_FACE
    # Pixel centres: enlarging by f takes x to f x + (f - 1) / 2.
    return Place(((points - pad - (factor - 1) / 2) / factor).astype(np.float32), bool(found))

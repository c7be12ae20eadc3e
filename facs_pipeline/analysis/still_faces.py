"""The one face in a still image, tight little crops included: its landmarks, and its mirror image."""

from __future__ import annotations

import cv2
import numpy as np

from facs_pipeline.faces.tracker import FaceTracker
from facs_pipeline.landmarks.dlib_predictor import DlibLandmarks
from facs_pipeline.landmarks.model import LandmarkModel, default_landmarks

# Below this many pixels a still is a tight crop such as FER2013's: the face search needs it larger, with a margin.
SMALL_PX = 128
_IS_A_FACE = 0.5
_SURE = 0.3


def find_points(
    grey: np.ndarray, near: np.ndarray | None = None, landmarks: LandmarkModel | DlibLandmarks | None = None
) -> np.ndarray | None:
    """68 landmarks [68, 2] (px) of the one face in a still [h, w], or None where no face is found.

    `near` [68, 2] says where a face is known to be (its place, size and tilt are used, not its shape) and saves the
    search. Without it a tight little crop is enlarged and given a black margin; points come back in its own pixels.
    `landmarks` is the embedded model unless given.
    """
    if near is not None:
        model = landmarks or default_landmarks()
        points, confidence = model.follow(grey, model.follow(grey, near).points)
        return points if confidence >= _SURE else None
    points, found = locate_face(grey, landmarks)
    return points if found else None


def locate_face(grey: np.ndarray, landmarks: LandmarkModel | DlibLandmarks | None = None) -> tuple[np.ndarray, bool]:
    """68 landmarks [68, 2] (px) of a still [h, w], and whether a face was found there.

    Without one they are the landmarks of a default place: where the face of a tight crop would be. `landmarks` is the
    embedded model unless given.
    """
    model = landmarks or default_landmarks()
    factor, pad, shown = 1.0, 0, grey
    if max(grey.shape) < SMALL_PX:
        factor = 4.0
        shown = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        pad = round(0.25 * max(shown.shape))
        shown = cv2.copyMakeBorder(shown, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    faces = FaceTracker(model).update(shown, 0.0)
    if faces:
        points, found = faces[0].points, True
    else:
        size = shown.shape[0] - 2 * pad
        place = model.find(shown, (pad + 0.05 * size, pad + 0.1 * size, 0.9 * size, 0.9 * size))
        points, found = place.points, factor != 1 and place.confidence >= _IS_A_FACE
    # Pixel centres: enlarging by f takes x to f x + (f - 1) / 2.
    return ((points - pad - (factor - 1) / 2) / factor).astype(np.float32), bool(found)

"""Where the detector finds nobody: its weaker answers, on equalised and turned copies too, each verified.

Young, old, dark-skinned, dark, flat and tilted faces often score just below the detector's threshold. A weaker answer
counts as a face only if the landmark model comes to the same face in the picture and in its mirror image: what merely
resembles a face seldom does so twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import dlib
import numpy as np

from facs_pipeline.faces.detector import face_size, find_faces
from facs_pipeline.faces.landmark_finder import Box, LandmarkFinder, Located
from facs_pipeline.faces.settings import SETTINGS
from facs_pipeline.faces.trigger import may_show_faces
from facs_pipeline.foundation.images import geometry
from facs_pipeline.foundation.images.crops import registered_crop

_PARTS = (slice(36, 42), slice(42, 48), slice(27, 36), slice(48, 68))
"""Points of either eye, the nose and the mouth."""
_MIRRORED_PARTS = (1, 0, 2, 3)


class _Copy(NamedTuple):
    """A copy of a picture, with the affine map `[2, 3]` from the picture's pixels to its own."""

    picture: np.ndarray
    matrix: np.ndarray


def look_again(
    detector: dlib.fhog_object_detector,
    grey: np.ndarray,
    model: LandmarkFinder,
    *,
    sides: Sequence[int],
    thorough: bool,
) -> list[Located]:
    """Faces of a picture in which the detector finds none at its own threshold.

    Parameters
    ----------
    detector : dlib.fhog_object_detector
        See `facs_pipeline.faces.detector.frontal_detector`.
    grey : ndarray of uint8
        Picture `[h, w]`.
    model : LandmarkFinder
        Verifies what the detector's weaker answers are.
    sides : sequence of int
        Longer sides in pixels at which copies are searched.
    thorough : bool
        Search every copy, not only those of which `facs_pipeline.faces.trigger` says that it may pay.

    Returns
    -------
    list of Located
        The faces of the first copy that shows any, the surest answer first; points in pixels of `grey`.

    Examples
    --------
    >>> from skimage.data import astronaut
    >>> from facs_pipeline import default_landmarks
    >>> from facs_pipeline.faces.detector import frontal_detector
    >>> flat = (120 + astronaut().mean(axis=2) / 20).astype(np.uint8)
    >>> len(look_again(frontal_detector(), flat, default_landmarks(), sides=(400,), thorough=True))
    1
    """
    for copy in _copies(grey, sides):
        if not thorough and not may_show_faces(copy.picture, 1.0, None):
            continue
        found: list[Located] = []
        for box in find_faces(detector, copy.picture, 1.0, SETTINGS.weak_threshold)[: SETTINGS.weak_answers]:
            face = _verified(model, copy, grey, box)
            if face is not None and not any(_overlap(face.points, other.points) for other in found):
                found.append(face)
        if found:
            return found
    return []


def _copies(grey: np.ndarray, sides: Sequence[int]) -> Iterator[_Copy]:
    longest = max(grey.shape)
    scales = list(dict.fromkeys(min(side / longest, 2.0) for side in sides))
    for scale in scales:
        yield _resized(grey, scale)
    # A face that fills the picture needs a margin to be searched in.
    yield _with_margin(_resized(cv2.equalizeHist(grey), scales[0]))
    for scale in scales:
        for degrees in SETTINGS.turns:
            yield _turned(grey, scale, degrees)


def _resized(grey: np.ndarray, scale: float) -> _Copy:
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    offset = (scale - 1) / 2
    matrix = np.array([[scale, 0, offset], [0, scale, offset]])
    return _Copy(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=method), matrix)


def _with_margin(copy: _Copy) -> _Copy:
    margin = round(SETTINGS.margin * max(copy.picture.shape))
    picture = cv2.copyMakeBorder(copy.picture, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    return _Copy(picture, copy.matrix + np.array([[0, 0, margin], [0, 0, margin]]))


def _turned(grey: np.ndarray, scale: float, degrees: float) -> _Copy:
    """A square copy, as wide as the picture is long, turned clockwise about its middle."""
    side = round(scale * max(grey.shape))
    cos, sin = scale * math.cos(math.radians(degrees)), scale * math.sin(math.radians(degrees))
    turn = np.array([[cos, -sin], [sin, cos]])
    middle = (np.array(grey.shape[::-1]) - 1) / 2
    matrix = np.column_stack([turn, (side - 1) / 2 - turn @ middle])
    return _Copy(registered_crop(grey, matrix, side), matrix)


def _verified(model: LandmarkFinder, copy: _Copy, grey: np.ndarray, box: Box) -> Located | None:
    """The face in a weak answer's box on a copy, with its points in the picture itself; None if it is not one."""
    picture = copy.picture
    seen = model.find(picture, box)
    if seen.confidence < SETTINGS.verified_confidence:
        return None
    width = picture.shape[1]
    mirrored = model.find(np.ascontiguousarray(picture[:, ::-1]), (width - box[0] - box[2], *box[1:]))
    if _disagreement(seen.points, mirrored.points, width) > SETTINGS.same_place:
        return None
    face = model.track(grey, geometry.apply(geometry.invert(copy.matrix), seen.points).astype(np.float32))
    sure = seen.confidence, mirrored.confidence, face.confidence
    agreed = min(sure) >= SETTINGS.verified_confidence and sum(sure) / 3 >= SETTINGS.sure_confidence
    return face if agreed else None


def _disagreement(points: np.ndarray, mirrored: np.ndarray, width: int) -> float:
    """Mean distance of eyes, nose and mouth from where the mirror image has them, in distances of the eyes."""
    back = np.column_stack([width - 1 - mirrored[:, 0], mirrored[:, 1]])
    here = np.array([points[part].mean(axis=0) for part in _PARTS])
    there = np.array([back[_PARTS[part]].mean(axis=0) for part in _MIRRORED_PARTS])
    eyes = float(np.linalg.norm(here[1] - here[0]))
    return float(np.linalg.norm(here - there, axis=1).mean()) / max(eyes, 1e-6)


def _overlap(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.all(np.abs(one.mean(axis=0) - other.mean(axis=0)) < 0.6 * face_size(one)))

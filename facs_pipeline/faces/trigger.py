"""Whether a picture is worth a search: the detector's own filters on cells of half the size, at every other scale.

The picture is shrunk to half of what the detector needs, so that this costs a fifth of a search. Its answers are not
used as places: where it says yes, the search itself follows.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import dlib
import numpy as np

from facs_pipeline.faces.settings import SETTINGS

_FILTERS = Path(__file__).parents[1] / "models" / "face_trigger.svm"
_WINDOW = 40
"""Side of a face that the filters find, in pixels; the detector's is 80."""


@cache
def trigger_filters() -> dlib.fhog_object_detector | None:
    """Three of the detector's five filters, from a file in the package; None with a dlib that cannot read it.

    The file is `face_detector.svm` with cells of 4 instead of 8 pixels, one scale, and without the two filters of
    tilted heads, on which the others answer, too.
    """
    try:
        return dlib.fhog_object_detector(str(_FILTERS))
    except RuntimeError:
        return None


def may_show_faces(grey: np.ndarray, scale: float, coarser: float | None) -> bool:
    """Whether a search of a picture resized by `scale` would be likely to find a face.

    Parameters
    ----------
    grey : ndarray of uint8
        Picture `[h, w]`.
    scale : float
        As `facs_pipeline.faces.detector.find_faces` takes it.
    coarser : float or None
        Scale of a search that finds larger faces, so that they need not be looked for here.

    Returns
    -------
    bool
        Always True where the filters cannot be read.

    Examples
    --------
    >>> from skimage.data import astronaut, coffee
    >>> may_show_faces(astronaut().mean(axis=2).astype(np.uint8), 0.8, None)
    True
    >>> may_show_faces(coffee().mean(axis=2).astype(np.uint8), 0.67, None)
    False
    """
    filters = trigger_filters()
    if filters is None:
        return True
    factor, least = scale / 2, (coarser or 0.0) / 2
    small = grey
    while factor > least:
        height, width = round(grey.shape[0] * factor), round(grey.shape[1] * factor)
        if min(height, width) < _WINDOW:
            break
        small = _resized(small, width, height)
        if filters.run(small, 0, SETTINGS.trigger_threshold)[0]:
            return True
        factor /= SETTINGS.trigger_step
    return False


def _resized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    # Means of four pixels cost a fiftieth of means over broken numbers of them.
    while picture.shape[1] >= 2 * width and not (picture.shape[0] % 2 or picture.shape[1] % 2):
        picture = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    method = cv2.INTER_AREA if width < picture.shape[1] else cv2.INTER_LINEAR
    return cv2.resize(picture, (width, height), interpolation=method)

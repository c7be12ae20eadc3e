"""Still images: read whatever their colours, depth and size, and their faces found."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facs_pipeline.au_features import SMALL_PX, locate_face
from facs_pipeline.datasets.image_files import decode_grey
from facs_pipeline.faces import FaceFollower
from facs_pipeline.landmarks import DlibLandmarks, LandmarkModel, default_landmarks

_SMALLEST = 16


def read_still(path: str | Path) -> np.ndarray:
    """A still as grey image [h, w] uint8, whatever its colours, depth and size; `ValueError` says why not."""
    try:
        grey = decode_grey(Path(path).read_bytes())
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from None
    if min(grey.shape) < _SMALLEST:
        height, width = grey.shape
        raise ValueError(f"{width} x {height} pixels; expected at least {_SMALLEST} x {_SMALLEST}")
    return grey


def faces_in_still(
    grey: np.ndarray, faces: str = "one", landmarks: LandmarkModel | DlibLandmarks | None = None
) -> list[tuple[np.ndarray, bool]]:
    """Landmarks [68, 2] of the main face or of all faces in a still [h, w], and whether a face was found there.

    Where none is found, there is one: the default place of `facs_pipeline.au_features.locate_face`. An image of less
    than 128 pixels is taken for the crop of one face. `landmarks` is the embedded model unless given.
    """
    if faces == "all" and max(grey.shape) >= SMALL_PX:
        found = FaceFollower(landmarks or default_landmarks(), faces="all").update(grey, 0.0)
        if found:
            return [(face.points, True) for face in found]
    return [locate_face(grey, landmarks)]

"""Registered texture -> histograms of oriented gradients in overlapping windows."""

from __future__ import annotations

import cv2
import numpy as np

from facs_pipeline.features.registration import TEXTURE
from facs_pipeline.foundation.images.gradients import directions, oriented_gradients

ORIENTATIONS = 8

WINDOW = 13

STRIDE = 6

_SIDE = (TEXTURE - WINDOW) // STRIDE + 1

HOG_SHAPE = (_SIDE, _SIDE, ORIENTATIONS)
"""Rows and columns of windows, and directions."""

N_HOG = _SIDE * _SIDE * ORIENTATIONS

_DIRECTIONS = directions(ORIENTATIONS)

_FLAT = 2000.0

# Rows of the summed gradients, of all directions one below the other, at which windows begin and end.
_TOP = np.arange(ORIENTATIONS)[:, None] * TEXTURE + np.arange(_SIDE) * STRIDE

_BOTTOM = _TOP + WINDOW


def hog(texture: np.ndarray) -> np.ndarray:
    """Histograms of oriented gradients [2592] over a texture [120, 120]: 18 x 18 overlapping windows, 8 directions.

    Signed orientations, linear rectification instead of binning. A window of 13 pixels every 6; each window's
    8 values are divided by the sum over it and its neighbours (Dalal & Triggs 2005, L1-sqrt), times 255, uint8.

    Example
    -------
    >>> ramp = np.tile(np.arange(120, dtype=np.uint8), (120, 1))
    >>> np.unique(hog(ramp).reshape(-1, 8).argmax(axis=1)).tolist()
    [0]
    """
    ends = slice(WINDOW, None, STRIDE)
    starts = slice(0, -WINDOW, STRIDE)
    sums = cv2.integral(oriented_gradients(texture, _DIRECTIONS), sdepth=cv2.CV_32S)
    columns = sums[:, ends] - sums[:, starts]
    windows = (columns[_BOTTOM] - columns[_TOP]).astype(np.float32)
    nearby = cv2.blur(np.add.reduce(windows), (3, 3))
    share = np.sqrt(windows / (nearby + _FLAT))
    return np.minimum(255 * share, 255).astype(np.uint8).transpose(1, 2, 0).ravel()

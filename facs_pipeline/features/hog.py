"""Registered texture -> histograms of oriented gradients in overlapping windows.

With w_k the sum over a window of ``max(0, gradient along direction k)``, and B the mean over the window and its eight
neighbours of ``sum over k of w_k``, its values are ``255 sqrt(w_k / (B + 2000))``, at most 255. Linear rectification
along signed directions takes the place of binning by angle; the constant keeps flat skin flat.

Dalal and Triggs, "Histograms of oriented gradients for human detection", CVPR 2005, doi:10.1109/CVPR.2005.177
(overlapping blocks, L1-sqrt).
"""

from __future__ import annotations

import cv2
import numpy as np

from facs_pipeline.features.registration import TEXTURE
from facs_pipeline.foundation.images.gradients import directions, oriented_gradients

ORIENTATIONS = 8
"""Directions round the circle, the first to the right, then clockwise (y is down)."""
WINDOW = 13
"""Side of a window, in pixels of the texture."""
STRIDE = 6
"""Pixels from one window to the next."""

_SIDE = (TEXTURE - WINDOW) // STRIDE + 1
HOG_SHAPE = (_SIDE, _SIDE, ORIENTATIONS)
"""Rows and columns of windows, and directions."""
N_HOG = _SIDE * _SIDE * ORIENTATIONS
"""Values of all windows."""

_DIRECTIONS = directions(ORIENTATIONS)
# Added to the sum of gradients nearby, in grey levels: less than this is noise.
_FLAT = 2000.0
# Rows of the summed gradients, of all directions one below the other, at which windows begin and end.
_TOP = np.arange(ORIENTATIONS)[:, None] * TEXTURE + np.arange(_SIDE) * STRIDE
_BOTTOM = _TOP + WINDOW


def hog(texture: np.ndarray) -> np.ndarray:
    """Histograms of oriented gradients in 18 x 18 overlapping windows, 8 directions each.

    Parameters
    ----------
    texture : ndarray of uint8
        Registered texture [120, 120].

    Returns
    -------
    ndarray of uint8
        ``[2592]``: window by window in reading order, 8 values each; see the formula above.

    Examples
    --------
    >>> ramp = np.tile(np.arange(120, dtype=np.uint8), (120, 1))
    >>> np.unique(hog(ramp).reshape(-1, 8).argmax(axis=1)).tolist()
    [0]
    """
    ends = slice(WINDOW, None, STRIDE)
    starts = slice(0, -WINDOW, STRIDE)
    sums = cv2.integral(oriented_gradients(texture, _DIRECTIONS), sdepth=cv2.CV_32S)
    rows = sums.take(_BOTTOM, axis=0) - sums.take(_TOP, axis=0)
    windows = (rows[..., ends] - rows[..., starts]).astype(np.float32)
    nearby = cv2.boxFilter(np.add.reduce(windows), -1, (3, 3), normalize=False)
    # Whole numbers below 2^24 until they are divided: every processor rounds these alike.
    share = np.sqrt(9 * windows / (nearby + 9 * _FLAT))
    return np.minimum(255 * share, 255).astype(np.uint8).transpose(1, 2, 0).ravel()

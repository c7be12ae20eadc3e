"""Registered texture -> histograms of uniform local binary patterns in a regular grid.

The code of a pixel of brightness g with neighbours g_0 .. g_7 at radius 1 is ``sum over k of 2^k [g_k >= g]``. The 58
codes whose bits change at most twice round the circle are uniform and have a bin each; all others share one. A cell's
value for a bin is ``255 sqrt(n / N)``, n of its N pixels having such a code.

Ojala, Pietikäinen and Mäenpää, "Multiresolution gray-scale and rotation invariant texture classification with local
binary patterns", IEEE TPAMI 24, 2002, doi:10.1109/TPAMI.2002.1017623; here without interpolating diagonal neighbours.
"""

from __future__ import annotations

import cv2
import numpy as np

from facs_pipeline.features.registration import TEXTURE

GRID = 10
"""LBP cells along a side."""
N_UNIFORM = 59
"""58 uniform patterns of 8 neighbours and one bin for all others."""
N_LBP = GRID * GRID * N_UNIFORM
"""Values of all cells."""


def _uniform_labels() -> np.ndarray:
    """LBP code 0..255 -> bin: uniform patterns get their own, in order of code."""
    codes = np.arange(256)
    bits = (codes[:, None] >> np.arange(8)) & 1
    uniform = (bits != np.roll(bits, 1, axis=1)).sum(axis=1) <= 2
    labels = np.full(256, N_UNIFORM - 1, np.uint8)
    labels[uniform] = np.arange(uniform.sum())
    return labels


# (row, column) offsets of the neighbours in order round the circle; the first is bit 0.
_NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
_LABELS = _uniform_labels()
_CELL = TEXTURE // GRID
_CELL_OF = np.arange(TEXTURE) // _CELL
# The first bin of each pixel's cell.
_CELL_START = ((_CELL_OF[:, None] * GRID + _CELL_OF) * N_UNIFORM).astype(np.intp)
_ROOT_COUNT = np.round(255 * np.sqrt(np.arange(_CELL * _CELL + 1) / (_CELL * _CELL))).astype(np.uint8)


def lbp_codes(texture: np.ndarray) -> np.ndarray:
    """Local binary patterns of 8 neighbours at radius 1: bit k says that neighbour k is at least as bright.

    Parameters
    ----------
    texture : ndarray of uint8
        Any image [h, w]; its borders are repeated.

    Returns
    -------
    ndarray of uint8
        Codes [h, w].
    """
    height, width = texture.shape
    # In one row of all pixels of the bordered texture, each neighbour is a constant number of places away: flat arrays
    # are compared faster than images. The borders' codes are cut off.
    row = cv2.copyMakeBorder(texture, 1, 1, 1, 1, cv2.BORDER_REPLICATE).ravel()
    first, n = width + 3, height * (width + 2) - 2
    centre, codes, brighter = row[first : first + n], np.zeros(height * (width + 2), np.uint8), np.empty(n, bool)
    inner = codes[:n]
    for down, right in reversed(_NEIGHBOURS):
        start = first + down * (width + 2) + right
        np.greater_equal(row[start : start + n], centre, out=brighter)
        np.add(inner, inner, out=inner)
        np.add(inner, brighter.view(np.uint8), out=inner)
    return codes.reshape(height, width + 2)[:, :width]


def lbp_histograms(texture: np.ndarray) -> np.ndarray:
    """Uniform-LBP histograms of a 10 x 10 grid.

    Parameters
    ----------
    texture : ndarray of uint8
        Registered texture [120, 120].

    Returns
    -------
    ndarray of uint8
        ``[5900]``: cell by cell in reading order, 59 bins each, 255 times the square root of the share of the cell's
        pixels.

    Examples
    --------
    >>> flat = lbp_histograms(np.full((120, 120), 90, np.uint8)).reshape(100, 59)
    >>> np.unique(flat.max(axis=1)).tolist(), np.unique((flat > 0).sum(axis=1)).tolist()
    ([255], [1])
    """
    index = _CELL_START + cv2.LUT(lbp_codes(texture), _LABELS)
    return _ROOT_COUNT[np.bincount(index.ravel(), minlength=N_LBP)]

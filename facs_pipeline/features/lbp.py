"""Registered texture -> histograms of uniform local binary patterns in a regular grid."""

from __future__ import annotations

import cv2
import numpy as np

from facs_pipeline.features.registration import TEXTURE

GRID = 10
"""LBP cells along a side."""

N_UNIFORM = 59
"""58 uniform patterns of 8 neighbours and one bin for all others."""

N_LBP = GRID * GRID * N_UNIFORM


def _uniform_labels() -> np.ndarray:
    """LBP code 0..255 -> bin: patterns with at most two changes round the circle get their own, in order of code."""
    codes = np.arange(256)
    bits = (codes[:, None] >> np.arange(8)) & 1
    uniform = (bits != np.roll(bits, 1, axis=1)).sum(axis=1) <= 2
    labels = np.full(256, N_UNIFORM - 1, np.uint8)
    labels[uniform] = np.arange(uniform.sum())
    return labels


_LABELS = _uniform_labels()

# Neighbours in order round the circle, as (row, column) offsets; the first is bit 0.
_NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))

_CELL = TEXTURE // GRID

_CELL_START = ((np.arange(TEXTURE)[:, None] // _CELL * GRID + np.arange(TEXTURE)[None, :] // _CELL) * N_UNIFORM).astype(
    np.intp
)

_ROOT_COUNT = np.round(255 * np.sqrt(np.arange(_CELL * _CELL + 1) / (_CELL * _CELL))).astype(np.uint8)


def lbp_codes(texture: np.ndarray) -> np.ndarray:
    """Local binary patterns of 8 neighbours at radius 1: bit k says that neighbour k is at least as bright.

    Borders are repeated, so the result has the texture's shape, uint8 (Ojala et al. 2002, without interpolation).
    """
    height, width = texture.shape
    # In the row of all pixels of a bordered texture, each neighbour is a constant number of places away: flat arrays
    # are compared faster than pictures, and the borders' codes are cut off.
    row = cv2.copyMakeBorder(texture, 1, 1, 1, 1, cv2.BORDER_REPLICATE).ravel()
    first, n = width + 3, height * (width + 2) - 2
    centre, codes, brighter = row[first : first + n], np.zeros(height * (width + 2), np.uint8), np.empty(n, bool)
    known = codes[:n]
    for down, right in reversed(_NEIGHBOURS):
        start = first + down * (width + 2) + right
        np.greater_equal(row[start : start + n], centre, out=brighter)
        np.add(known, known, out=known)
        np.add(known, brighter.view(np.uint8), out=known)
    return codes.reshape(height, width + 2)[:, :width]


def lbp_histograms(texture: np.ndarray) -> np.ndarray:
    """Uniform-LBP histograms [5900] of a 10 x 10 grid over a texture [120, 120].

    Cell by cell in reading order, 59 bins each: 255 times the square root of the share of the cell's pixels, uint8.

    Example
    -------
    >>> flat = lbp_histograms(np.full((120, 120), 90, np.uint8)).reshape(100, 59)
    >>> np.unique(flat.max(axis=1)).tolist(), np.unique((flat > 0).sum(axis=1)).tolist()
    ([255], [1])
    """
    index = _CELL_START + cv2.LUT(lbp_codes(texture), _LABELS)
    return _ROOT_COUNT[np.bincount(index.ravel(), minlength=N_LBP)]

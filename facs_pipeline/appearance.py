"""Stage 4, landmarks -> features: registered texture, uniform LBP, HOG, landmarks and their products.

One vector of 9,055 bytes per face: bytes because a feature table of a long video has to live on a disk. Each value's
scale is given at its function; linear models are indifferent to it.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from facs_pipeline import geometry
from facs_pipeline.landmarks import INNER_49, default_landmarks
from facs_pipeline.patches import directions, oriented_gradients, registered_crop
from facs_pipeline.pose import MEAN_HEAD

TEXTURE = 120
"""Side of the registered texture in pixels; divides evenly into the LBP grid."""
GRID = 10
"""LBP cells along a side."""
EYE_DISTANCE = 58.0
"""Distance of the outer eye corners in the registered texture, in pixels."""
N_UNIFORM = 59
"""58 uniform patterns of 8 neighbours and one bin for all others."""

_MEAN_49 = (MEAN_HEAD[INNER_49, :2] - MEAN_HEAD[INNER_49, :2].mean(axis=0)) * EYE_DISTANCE + [
    TEXTURE / 2,
    0.46 * TEXTURE,
]

_REGISTRATION = geometry.Registration(_MEAN_49)

_ORIENTATIONS = 8
_HOG_WINDOW = 13
_HOG_STRIDE = 6
_HOG_SIDE = (TEXTURE - _HOG_WINDOW) // _HOG_STRIDE + 1

N_LBP = GRID * GRID * N_UNIFORM
HOG_SHAPE = (_HOG_SIDE, _HOG_SIDE, _ORIENTATIONS)
"""Rows and columns of windows, and directions."""
N_HOG = _HOG_SIDE * _HOG_SIDE * _ORIENTATIONS
N_LANDMARKS = 2 * len(INNER_49)
N_MODES = 30
"""Principal shape modes whose products are features."""
N_PRODUCTS = N_MODES * (N_MODES + 1) // 2
N_FEATURES = N_LBP + N_HOG + N_LANDMARKS + N_PRODUCTS
BLOCKS: dict[str, slice] = {
    "lbp": slice(0, N_LBP),
    "hog": slice(N_LBP, N_LBP + N_HOG),
    "landmarks": slice(N_LBP + N_HOG, N_LBP + N_HOG + N_LANDMARKS),
    "products": slice(N_LBP + N_HOG + N_LANDMARKS, N_FEATURES),
}
"""Which values of the vector belong to which kind of feature."""

SETTINGS: dict[str, Any] = {
    "version": 3,
    "texture": TEXTURE,
    "lbp_grid": GRID,
    "eye_distance": EYE_DISTANCE,
    "hog": [_HOG_WINDOW, _HOG_STRIDE, _ORIENTATIONS],
    "shape_modes": N_MODES,
    "registration": "similarity, 49 inner landmarks",
}
"""What a model trained on these features depends on."""


def made_by() -> dict[str, Any]:
    """`SETTINGS`, and whose shape modes are multiplied: what kept features depend on, besides the landmarks."""
    return SETTINGS | {"shape_modes_of": default_landmarks().sha256}


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

_DIRECTIONS = directions(_ORIENTATIONS)
_HOG_FLAT = 2000.0
# Rows of the summed gradients, of all directions one below the other, at which windows begin and end.
_HOG_TOP = np.arange(_ORIENTATIONS)[:, None] * TEXTURE + np.arange(_HOG_SIDE) * _HOG_STRIDE
_HOG_BOTTOM = _HOG_TOP + _HOG_WINDOW

# Registered landmarks are stored as quarters of a texture pixel from the mean face, 128 is on it.
_LANDMARK_SCALE = 4.0
PRODUCT_SCALE = 8.0
"""Steps of a product of two shape modes' standard deviations."""
_PAIRS = np.triu_indices(N_MODES)


def registration(points: np.ndarray) -> np.ndarray:
    """Similarity [2, 3] from image pixels to the registered texture, by the 49 inner of 68 points [68, 2]."""
    return geometry.matrix(*_REGISTRATION(points[INNER_49]))


def registered_texture(grey: np.ndarray, points: np.ndarray, matrix: np.ndarray | None = None) -> np.ndarray:
    """Grey texture [120, 120] uint8 of the face with `points` [68, 2] in `grey` [h, w] uint8.

    `matrix` is `registration(points)`, where the caller has it already.

    Example
    -------
    >>> points = 80 * MEAN_HEAD[:, :2] + 150
    >>> registered_texture(np.zeros((300, 300), np.uint8), points).shape
    (120, 120)
    """
    return registered_crop(grey, registration(points) if matrix is None else matrix, TEXTURE)


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
    ends = slice(_HOG_WINDOW, None, _HOG_STRIDE)
    starts = slice(0, -_HOG_WINDOW, _HOG_STRIDE)
    sums = cv2.integral(oriented_gradients(texture, _DIRECTIONS), sdepth=cv2.CV_32S)
    columns = sums[:, ends] - sums[:, starts]
    windows = (columns[_HOG_BOTTOM] - columns[_HOG_TOP]).astype(np.float32)
    nearby = cv2.blur(np.add.reduce(windows), (3, 3))
    share = np.sqrt(windows / (nearby + _HOG_FLAT))
    return np.minimum(255 * share, 255).astype(np.uint8).transpose(1, 2, 0).ravel()


def _byte(values: np.ndarray) -> np.ndarray:
    """Rounded to 0..255; `np.clip` takes longer than all the rest."""
    return np.minimum(np.maximum(np.rint(values), 0), 255).astype(np.uint8)


def registered_landmarks(points: np.ndarray, matrix: np.ndarray | None = None) -> np.ndarray:
    """49 inner points relative to the mean face after registration [98] (x, y, x, y ...): 128 + 4 per pixel, uint8.

    `matrix` is `registration(points)`, where the caller has it already.

    Example
    -------
    >>> np.unique(registered_landmarks(80 * MEAN_HEAD[:, :2] + 150)).tolist()
    [128]
    """
    matrix = registration(points) if matrix is None else matrix
    moved = geometry.apply(matrix, points[INNER_49]) - _MEAN_49
    return _byte(moved * _LANDMARK_SCALE + 128).ravel()


def landmark_places(registered: np.ndarray) -> np.ndarray:
    """Where in the texture [49, 2] the points of `registered_landmarks` [98] lie, to a quarter of a pixel.

    Example
    -------
    >>> landmark_places(np.full(98, 128)).mean(axis=0).round(1).tolist()
    [60.0, 55.2]
    """
    return (registered.reshape(-1, 2).astype(np.float64) - 128) / _LANDMARK_SCALE + _MEAN_49


def fit_shape_modes(registered: np.ndarray) -> np.ndarray:
    """Mean and 30 principal axes of registered landmarks [n, 98] uint8, each scaled to unit variance: [31, 98]."""
    mean = registered.mean(axis=0)
    _u, spread, axes = np.linalg.svd(registered - mean, full_matrices=False)
    scale = spread[:N_MODES, None] / np.sqrt(len(registered))
    # The sign of an axis is arbitrary; its largest part is made positive so that refitting gives the same features.
    axes = axes[:N_MODES]
    axes = axes * np.sign(np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1))
    return np.vstack([mean, axes / scale]).astype(np.float32)


def shape_products(registered: np.ndarray) -> np.ndarray:
    """Products of any two of 30 shape modes [465] of registered landmarks [98] uint8: 128 + 8 times each, uint8.

    Distances between points, such as how far an eye or the mouth is open, are not linear in the points; linear in
    these products they are. The modes belong to the embedded landmark model and are clipped at 4 standard deviations.
    """
    modes, (first, second) = default_landmarks().shape_modes, _PAIRS
    scores = np.minimum(np.maximum(modes[1:] @ (registered - modes[0]), -4), 4)
    return _byte(128 + PRODUCT_SCALE * scores[first] * scores[second])


def features(grey: np.ndarray, points: np.ndarray) -> np.ndarray:
    """All features of one face [9055] uint8: LBP, HOG, registered landmarks, products; `BLOCKS` says what is where.

    Parameters
    ----------
    grey : ndarray [h, w] uint8
        The frame.
    points : ndarray [68, 2]
        The face's landmarks in pixels of the frame.

    Example
    -------
    >>> features(np.zeros((300, 300), np.uint8), 80 * MEAN_HEAD[:, :2] + 150).shape
    (9055,)
    """
    matrix = registration(points)
    texture = registered_texture(grey, points, matrix)
    registered = registered_landmarks(points, matrix)
    return np.concatenate([lbp_histograms(texture), hog(texture), registered, shape_products(registered)])

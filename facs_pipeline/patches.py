"""Registered crops of faces, and oriented gradients round points in them: what landmarks and textures are read from."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

CROP = 96
"""Side of the crop in whose coordinates landmarks are reckoned, in pixels; a step may look at a larger one."""
# Neighbours on the chin line and the inner lips see almost the same pixels: every other one is enough to look at.
_LOOKED_AT = np.array([*range(0, 17, 2), *range(17, 27), 27, 29, 30, 31, 33, 35, *range(36, 60), 62, 66])
# Keeps flat, noisy patches from being blown up to full contrast.
_FLAT = 400.0


def registered_crop(grey: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Warp `grey` by `matrix` (image -> crop) to [size, size] uint8, without aliasing when a large face shrinks."""
    small, factor, left, top = shrunk(grey, matrix, size)
    if factor > 1:
        (a, b, e), (c, d, f) = matrix.tolist()
        matrix = np.array(
            [[a * factor, b * factor, a * left + b * top + e], [c * factor, d * factor, c * left + d * top + f]]
        )
    return cv2.warpAffine(small, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def shrunk(
    grey: np.ndarray, matrix: np.ndarray, size: int, margin: float = 1.0
) -> tuple[np.ndarray, int, float, float]:
    """Means of blocks of `factor` pixels of the part of `grey` that `matrix` brings into a crop.

    `margin` widens that part. Returns the means, `factor`, and the place in `grey` of their first pixel; pixel p
    of them lies at ``factor * p + place``. `grey` itself where the crop has at least half its resolution.
    """
    # Plain numbers: this runs several times a frame, and arrays of four corners would take longer than the pixels.
    (a, b, e), (c, d, f) = matrix.tolist()
    determinant, half = a * d - b * c, size / 2
    scale = math.sqrt(abs(determinant))
    if scale >= 0.5:
        return grey, 1, 0.0, 0.0
    # Powers of two, for which averaging blocks is several times faster.
    factor = 1 << int(math.log2(1.12 * int(0.5 + 1 / max(scale, 1e-3))))
    x = (d * (half - e) - b * (half - f)) / determinant
    y = (a * (half - f) - c * (half - e)) / determinant
    reach_x = margin * half * (abs(d) + abs(b)) / abs(determinant)
    reach_y = margin * half * (abs(c) + abs(a)) / abs(determinant)
    left, top = max(math.floor(x - reach_x) - factor, 0), max(math.floor(y - reach_y) - factor, 0)
    right = min(math.ceil(x + reach_x) + factor, grey.shape[1])
    bottom = min(math.ceil(y + reach_y) + factor, grey.shape[0])
    width, height = (right - left) // factor, (bottom - top) // factor
    if min(width, height) < 2:
        return grey, 1, 0.0, 0.0
    part = grey[top : top + height * factor, left : left + width * factor]
    middle = (factor - 1) / 2
    return _block_means(part, factor), factor, left + middle, top + middle


def _block_means(picture: np.ndarray, factor: int) -> np.ndarray:
    """Means of blocks of `factor` x `factor` pixels, as `cv2.resize` gives them with INTER_AREA.

    That is fast for blocks of 2 x 2 only; larger ones are halved again and again, with enough bits to lose none.
    """
    height, width = picture.shape[0] // factor, picture.shape[1] // factor
    if not 4 <= factor <= 16:
        return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    means = np.multiply(picture, 256, dtype=np.uint16)
    while len(means) > height:
        means = cv2.resize(means, (means.shape[1] // 2, means.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return cv2.convertScaleAbs(means, alpha=1 / 256)


def directions(n: int) -> np.ndarray:
    """`n` directions evenly round the circle [2, n] float32, of half a unit's length, the first to the right."""
    angle = np.arange(n) * (2 * np.pi / n)
    # Without the rounding, cos(pi / 2) is 6e-17, and it depends on OpenCV's version which way ties round.
    return np.round(0.5 * np.stack([np.cos(angle), np.sin(angle)]), 7).astype(np.float32)


def mirrored_directions(n: int) -> np.ndarray:
    """Which of `directions(n)` takes the place of each in a mirror [n]: the angle a turns into pi - a; `n` is even.

    Example
    -------
    >>> mirrored_directions(4).tolist()
    [2, 1, 0, 3]
    """
    return (n // 2 - np.arange(n)) % n


def oriented_gradients(picture: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Gradients of a `picture` [h, w] uint8 `along` n `directions` [2, n], 0 where they point the other way; n is even.

    Returns [n h, w] uint8: one below the other, so that one call sums them all.
    """
    height, width = picture.shape
    dx, dy = cv2.spatialGradient(picture)
    gradients = np.empty((along.shape[1] * height, width), np.int16)
    half = along.shape[1] // 2
    for k, (x, y) in enumerate(along.T.tolist()[:half]):
        # Asked for 8 bits, which would clip, too, OpenCV 5.0 takes four times as long.
        cv2.addWeighted(dx, x, dy, y, 0, dst=gradients[k * height : (k + 1) * height])
    np.negative(gradients[: half * height], out=gradients[half * height :])
    return np.clip(gradients, 0, 255, out=gradients).astype(np.uint8)


class Look(NamedTuple):
    """How closely a face is looked at: `zoom` of the crop against one of 96 x 96 pixels, of which the middle `side`
    pixels are kept; gradient `orientations`."""

    zoom: float
    side: int
    orientations: int

    @property
    def n_features(self) -> int:
        """Values of `PatchFeatures.read`: of 3 x 3 cells round each of 51 points."""
        return len(_LOOKED_AT) * 9 * self.orientations

    @property
    def edge(self) -> float:
        """Its pixels that are cut off on each side."""
        return (self.zoom * CROP - self.side) / 2


class PatchFeatures:
    """Oriented gradients round points of a crop; keeps what it looked at, so one instance serves one thread.

    Call `look` once per face, then `at(points, cell)` for any points in coordinates of a crop of 96 x 96 pixels, and
    cells of any side, in its own pixels.

    Parameters
    ----------
    how : crop and orientations.
    """

    def __init__(self, how: Look) -> None:
        self.how = how
        self._directions = directions(how.orientations)
        # Directions lie one below the other.
        self._first = np.arange(how.orientations, dtype=np.intp)[:, None] * (how.side * (how.side + 1))
        # Enlarging by f takes the edge x + 1/2 of a pixel to f (x + 1/2); the other half rounds to the nearest edge.
        self._origin = np.float32(how.zoom / 2 + 0.5 - how.edge)
        self._sums = np.empty(0, np.int32)
        self._grids: dict[int | tuple[int, ...], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def look(self, grey: np.ndarray, matrix: np.ndarray) -> None:
        """Take in the face that `matrix` [2, 3] brings from `grey` [h, w] uint8 to a crop of 96 x 96 pixels."""
        closer = matrix * self.how.zoom
        closer[:, 2] += (self.how.zoom - 1) / 2 - self.how.edge
        crop = registered_crop(grey, closer, self.how.side)
        # Sums over a cell are differences of these; reading them at the corners beats summing round every pixel.
        self._sums = cv2.integral(oriented_gradients(crop, self._directions), sdepth=cv2.CV_32S).ravel()

    def places(self, points: np.ndarray, cell: int | tuple[int, ...], of: np.ndarray = _LOOKED_AT) -> np.ndarray:
        """Flat indices [4, 4, orientations, m] of the corners of the cells round m of the points [68, 2].

        `of` says which [m]; by default the 51 that steps look at. With several sizes of cells the last axis is
        [sizes, m], flat. Cells that would reach over the edge lie at it.
        """
        if cell not in self._grids:
            self._grids[cell] = self._grid(np.atleast_1d(cell))
        grid, first, last = self._grids[cell]
        corner = (points[of].T * np.float32(self.how.zoom))[:, None] + first
        x, y = np.minimum(np.maximum(corner, 0, out=corner), last, out=corner).astype(np.intp)
        places = grid + (y * (self.how.side + 1) + x)
        return places.reshape(*places.shape[:3], -1)

    def _grid(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each size: corners [4, 4, orientations, sizes, 1] from the first, its place, and its last place."""
        steps = np.arange(4)[:, None] * cells
        corners = (steps[:, None] * (self.how.side + 1) + steps)[:, :, None] + self._first
        sides = 3 * cells[:, None].astype(np.float32)
        return corners[..., None], self._origin - sides / 2, self.how.side - sides

    def at(self, points: np.ndarray, cell: int | tuple[int, ...], of: np.ndarray = _LOOKED_AT) -> np.ndarray:
        """Features float32, each patch summing to 1 before the square root (root-SIFT style)."""
        return self.read(self.places(points, cell, of))

    def read(self, places: np.ndarray) -> np.ndarray:
        """As `at`, for points whose `places` are known."""
        corners = self._sums.take(places)
        rows = corners[1:] - corners[:-1]
        values = (rows[:, 1:] - rows[:, :-1]).reshape(-1, places.shape[-1]).astype(np.float32)
        values /= np.add.reduce(values) + _FLAT
        return np.sqrt(values, out=values).ravel()

"""Registered crops of faces, and oriented gradients round points in them: what landmarks and textures are read from."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from facs_pipeline.foundation.images.crops import registered_crop
from facs_pipeline.foundation.images.gradients import directions, oriented_gradients

CROP = 96
"""Side of the crop in whose coordinates landmarks are reckoned, in pixels; a step may look at a larger one."""
# Neighbours on the chin line and the inner lips see almost the same pixels: every other one is enough to look at.
_LOOKED_AT = np.array([*range(0, 17, 2), *range(17, 27), 27, 29, 30, 31, 33, 35, *range(36, 60), 62, 66])
# Keeps flat, noisy patches from being blown up to full contrast.
_FLAT = 400.0


class Look(NamedTuple):
    """How closely a face is looked at: `zoom` of the crop against one of 96 x 96 pixels, of which the middle `side`
    pixels are kept; gradient `orientations`.
    """

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

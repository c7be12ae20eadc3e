"""Registered crops of faces, and oriented gradients summed over cells round points in them."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from facs_pipeline.foundation.images.crops import registered_crop
from facs_pipeline.foundation.images.gradients import directions, oriented_gradients

CROP = 96
"""Side, in pixels, of the crop in whose coordinates landmarks are given; a step may read from a larger one."""
# Neighbours on the chin line and the inner lips have almost the same pixels round them: every other one is enough.
_SAMPLED_POINTS = np.array([*range(0, 17, 2), *range(17, 27), 27, 29, 30, 31, 33, 35, *range(36, 60), 62, 66])
# Keeps flat, noisy patches from being blown up to full contrast.
_FLAT = 400.0

Cell = int | tuple[int, ...]
"""Side of a cell in pixels of the crop, or sides of several sizes of cells."""


class CropSettings(NamedTuple):
    """Size and resolution of a crop, and how its gradients are split.

    Attributes
    ----------
    zoom : float
        Resolution relative to the crop of 96 x 96 pixels.
    side : int
        Pixels of the middle that are cut out, each way.
    orientations : int
        Directions of gradients, evenly round the circle; even.
    """

    zoom: float
    side: int
    orientations: int

    @property
    def n_features(self) -> int:
        """Values of `PatchFeatures.read`: of 3 x 3 cells round each of 51 points."""
        return len(_SAMPLED_POINTS) * 9 * self.orientations

    @property
    def edge(self) -> float:
        """Pixels that are cut off on each side."""
        return (self.zoom * CROP - self.side) / 2


class PatchFeatures:
    """Oriented gradients round points of a crop; holds one crop, so one instance serves one thread.

    Call `set_crop` once per face, then `at(points, cell)` for any points, in coordinates of a crop of 96 x 96 pixels,
    and cells of any side, in the crop's own pixels.

    Parameters
    ----------
    settings : CropSettings
        Size, resolution and orientations.

    Examples
    --------
    >>> patches = PatchFeatures(CropSettings(1, 96, 6))
    >>> patches.set_crop(np.zeros((200, 200), np.uint8), np.eye(2, 3))
    >>> patches.at(np.full((68, 2), 48, np.float32), 8).shape
    (2754,)
    """

    def __init__(self, settings: CropSettings) -> None:
        self.settings = settings
        self._directions = directions(settings.orientations)
        # Directions lie one below the other.
        self._first = np.arange(settings.orientations, dtype=np.intp)[:, None] * (settings.side * (settings.side + 1))
        # Enlarging by f takes the edge x + 1/2 of a pixel to f (x + 1/2); the other half rounds to the nearest edge.
        self._origin = np.float32(settings.zoom / 2 + 0.5 - settings.edge)
        self._sums: np.ndarray = np.empty(0, np.int32)
        self._grids: dict[Cell, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def set_crop(self, grey: np.ndarray, matrix: np.ndarray) -> None:
        """Read from another face.

        Parameters
        ----------
        grey : ndarray of uint8
            Image `[h, w]`.
        matrix : ndarray
            Similarity `[2, 3]` from its pixels to those of a crop of 96 x 96.
        """
        zoomed = matrix * self.settings.zoom
        zoomed[:, 2] += (self.settings.zoom - 1) / 2 - self.settings.edge
        crop = registered_crop(grey, zoomed, self.settings.side)
        # Sums over a cell are differences of these; reading them at the corners beats summing round every pixel.
        self._sums = cv2.integral(oriented_gradients(crop, self._directions), sdepth=cv2.CV_32S).ravel()

    def places(self, points: np.ndarray, cell: Cell, of: np.ndarray = _SAMPLED_POINTS) -> np.ndarray:
        """Where the corners of the cells round points lie in the crop.

        Parameters
        ----------
        points : ndarray of float32
            Points `[68, 2]`, in pixels of a crop of 96 x 96.
        cell : int or tuple of int
            Side of the cells; cells that would reach over the edge lie at it.
        of : ndarray of int
            Which m of the points `[m]`; by default the 51 that the steps read.

        Returns
        -------
        ndarray of int
            Flat indices `[4, 4, orientations, m]`; with several sizes of cells the last axis is sizes times m.
        """
        if cell not in self._grids:
            self._grids[cell] = self._grid(np.atleast_1d(cell))
        grid, first, last = self._grids[cell]
        corner = (points[of].T * np.float32(self.settings.zoom))[:, None] + first
        x, y = np.minimum(np.maximum(corner, 0, out=corner), last, out=corner).astype(np.intp)
        places = grid + (y * (self.settings.side + 1) + x)
        return places.reshape(*places.shape[:3], -1)

    def _grid(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each size: corners [4, 4, orientations, sizes, 1] from the first, its place, and its last place."""
        steps = np.arange(4)[:, None] * cells
        corners = (steps[:, None] * (self.settings.side + 1) + steps)[:, :, None] + self._first
        sides = 3 * cells[:, None].astype(np.float32)
        return corners[..., None], self._origin - sides / 2, self.settings.side - sides

    def at(self, points: np.ndarray, cell: Cell, of: np.ndarray = _SAMPLED_POINTS) -> np.ndarray:
        """Features round points; parameters as for `places`.

        Returns
        -------
        ndarray of float32
            `[9 orientations m]`: the square root of each patch's gradients, which sum to 1 (root-SIFT; Arandjelovic
            and Zisserman, CVPR 2012).
        """
        return self.read(self.places(points, cell, of))

    def read(self, places: np.ndarray) -> np.ndarray:
        """Features of points whose `places` are known, as `at` gives them."""
        corners = self._sums.take(places)
        rows = corners[1:] - corners[:-1]
        values = (rows[:, 1:] - rows[:, :-1]).reshape(-1, places.shape[-1]).astype(np.float32)
        values /= np.add.reduce(values) + _FLAT
        return np.sqrt(values, out=values).ravel()

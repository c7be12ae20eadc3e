"""Modes of the face: its coordinates on principal axes of the features, and the products of pairs of them.

What a raised brow looks like depends on whose brow it is and on where the head is turned. A linear model has one weight
for it; products of coordinates are what lets the weight depend on the rest of the face. One group of axes is that of
all faces (who, how turned, how lit), the other that of differences within persons (expressions).
`facs_pipeline.action_units.training.products` finds them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.foundation.regression.linear import as_floats

LIMIT = 3.0
"""Coordinates, in standard deviations, are limited to this: a face unlike all others must not count with its square."""
BYTE_SCALE = 14.0
BYTE_ZERO = 128.0
"""A product is kept for training as a byte, in so many units from so many: LIMIT squared is 126 of them."""


class PairwiseProducts:
    """Coordinates of faces on principal axes of their features, and products of pairs within each group of axes.

    Parameters
    ----------
    axes : ndarray [d, m]
    offset : ndarray [m]
        Coordinates are ``features @ axes + offset``, limited to -3..3; of the training faces their mean is 0 and their
        standard deviation 1.
    sizes : tuple of int
        How many axes each group has; m in all.

    Example
    -------
    >>> modes = PairwiseProducts(np.eye(3), np.zeros(3), (2, 1))
    >>> modes.products(np.array([[1.0, 2.0, 3.0]]))
    array([[1., 2., 4., 9.]])
    """

    def __init__(self, axes: np.ndarray, offset: np.ndarray, sizes: Sequence[int]):
        self.axes = np.ascontiguousarray(axes, dtype=np.float32)
        self.offset = np.ascontiguousarray(offset, dtype=np.float32)
        self.sizes = tuple(int(size) for size in sizes)
        m = sum(self.sizes)
        if self.axes.ndim != 2 or self.axes.shape[1] != m or self.offset.shape != (m,) or min(self.sizes) < 1:
            raise ModelError(
                f"face modes: groups of {self.sizes} axes need axes [d, {m}] and offset [{m}], "
                f"got {self.axes.shape} and {self.offset.shape}"
            )
        starts = np.cumsum([0, *self.sizes])
        pairs = [np.add(np.triu_indices(size), start) for start, size in zip(starts, self.sizes, strict=False)]
        self._first, self._second = np.concatenate(pairs, axis=1)
        self.n_products = len(self._first)

    def coordinates(self, features: np.ndarray) -> np.ndarray:
        """Features [n, d] -> coordinates [n, m], -3..3; float64 where the features are, else float32."""
        found = as_floats(features) @ self.axes + self.offset
        return np.clip(found, -LIMIT, LIMIT, out=found)

    def products(self, features: np.ndarray) -> np.ndarray:
        """Features [n, d] -> products of pairs of coordinates, and squares [n, p], -9..9."""
        return self.products_of(self.coordinates(features))

    def products_of(self, coordinates: np.ndarray) -> np.ndarray:
        """The same of coordinates [n, m]."""
        return coordinates[:, self._first] * coordinates[:, self._second]

    def product_bytes(self, features: np.ndarray) -> np.ndarray:
        """Products [n, p] in `BYTE_SCALE` units from `BYTE_ZERO`, uint8: a further block of features to train on."""
        return np.rint(BYTE_SCALE * self.products(features) + BYTE_ZERO).astype(np.uint8)

    def slope_between(self, x: np.ndarray, r: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The slope [d] with ``slope @ (x - r)`` the exact difference of ``products @ weights`` of two faces.

        Parameters
        ----------
        x, r : ndarray [d], features of the two faces.
        weights : ndarray [p], one for each product.

        Notes
        -----
        A product differs by ``a b - c d = (a - c)(b + d) / 2 + (b - d)(a + c) / 2``: each coordinate's change, times
        the other one half way. Where a coordinate is limited, its change is what remains of it.
        """
        half_way = self.coordinates(np.stack([x, r]).astype(np.float64)).mean(axis=0)
        slope = np.zeros(len(half_way))
        np.add.at(slope, self._first, weights * half_way[self._second])
        np.add.at(slope, self._second, weights * half_way[self._first])
        return self.carried_back(x, r, slope)

    def carried_back(self, x: np.ndarray, r: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """Weights [d] of features from a slope [m] of coordinates: the same difference between two faces [d]."""
        axes = self.axes.astype(np.float64)
        free = np.stack([x, r]).astype(np.float64) @ axes + self.offset
        limited = np.clip(free, -LIMIT, LIMIT)
        moved, remains = free[0] - free[1], limited[0] - limited[1]
        return axes @ (slope * np.divide(remains, moved, out=np.zeros_like(moved), where=moved != 0))

"""Coordinates of a face on principal axes of the features, and the products of pairs of them.

What a raised brow looks like depends on whose brow it is and on where the head is turned. A linear model has one weight
for it; products of coordinates are what lets the weight depend on the rest of the face. With axes A and offset b the
coordinates are ``z = clip(x A + b, -3, 3)``, the products ``z_i z_j`` for each pair i <= j of the same group of axes.
One group holds those of all faces (who, how turned, how lit), the other those of differences within persons
(expressions). `facs_pipeline.action_units.training.products` finds them.
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
"""A product is a byte while training, in so many units from so many: LIMIT squared is 126 of them."""


class PairwiseProducts:
    """Coordinates of faces on principal axes of their features, and products of pairs within each group of axes.

    Parameters
    ----------
    axes : ndarray
        ``[d, m]``.
    offset : ndarray
        ``[m]``. Coordinates are ``features @ axes + offset``, limited to -3..3; over the training faces their mean is 0
        and their standard deviation 1.
    sizes : sequence of int
        Axes in each group; m in all.

    Attributes
    ----------
    axes, offset : ndarray of float32
    sizes : tuple of int
    n_products : int
        Pairs of axes of the same group, squares among them.

    Raises
    ------
    ModelError
        If the shapes do not fit together.

    Examples
    --------
    >>> products = PairwiseProducts(np.eye(3), np.zeros(3), (2, 1))
    >>> products.of_features(np.array([[1.0, 2.0, 3.0]]))
    array([[1., 2., 4., 9.]])
    """

    def __init__(self, axes: np.ndarray, offset: np.ndarray, sizes: Sequence[int] | np.ndarray) -> None:
        self.axes = np.ascontiguousarray(axes, dtype=np.float32)
        self.offset = np.ascontiguousarray(offset, dtype=np.float32)
        self.sizes = tuple(int(size) for size in sizes)
        m = sum(self.sizes)
        if self.axes.ndim != 2 or self.axes.shape[1] != m or self.offset.shape != (m,) or min(self.sizes) < 1:
            raise ModelError(
                f"pairwise products: groups of {self.sizes} axes need axes [d, {m}] and offset [{m}], "
                f"got {self.axes.shape} and {self.offset.shape}"
            )
        starts = np.cumsum([0, *self.sizes[:-1]])
        pairs = [np.add(np.triu_indices(size), start) for start, size in zip(starts, self.sizes, strict=True)]
        self._first, self._second = np.concatenate(pairs, axis=1)
        self.n_products = len(self._first)

    def coordinates(self, features: np.ndarray) -> np.ndarray:
        """Coordinates [n, m] of features [n, d], -3..3; float64 where the features are, else float32."""
        free = as_floats(features) @ self.axes + self.offset
        return np.clip(free, -LIMIT, LIMIT, out=free)

    def of_coordinates(self, coordinates: np.ndarray) -> np.ndarray:
        """Products [n, p] of pairs of coordinates [n, m], and squares, -9..9."""
        return coordinates[:, self._first] * coordinates[:, self._second]

    def of_features(self, features: np.ndarray) -> np.ndarray:
        """Products [n, p] of features [n, d]."""
        return self.of_coordinates(self.coordinates(features))

    def as_bytes(self, features: np.ndarray) -> np.ndarray:
        """Products [n, p] in `BYTE_SCALE` units from `BYTE_ZERO`, uint8: a further block of features to train on."""
        return np.rint(BYTE_SCALE * self.of_features(features) + BYTE_ZERO).astype(np.uint8)

    def slope_between(self, face: np.ndarray, reference: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The slope with ``slope @ (face - reference)`` the exact difference of ``products @ weights``.

        Parameters
        ----------
        face, reference : ndarray
            Features [d] of two faces.
        weights : ndarray
            One for each product [p].

        Returns
        -------
        ndarray of float64
            One number for each feature [d].

        Notes
        -----
        A product differs by ``a b - c d = (a - c)(b + d) / 2 + (b - d)(a + c) / 2``: each coordinate's change, times
        the other one half way. Where a coordinate is limited, its change is what remains of it.
        """
        half_way = self.coordinates(np.stack([face, reference]).astype(np.float64)).mean(axis=0)
        slope = np.zeros(len(half_way))
        np.add.at(slope, self._first, weights * half_way[self._second])
        np.add.at(slope, self._second, weights * half_way[self._first])
        return self.slope_of_features(face, reference, slope)

    def slope_of_features(self, face: np.ndarray, reference: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """A slope of coordinates [m] as one of features [d], with the same difference between two faces [d] each."""
        axes = self.axes.astype(np.float64)
        free = np.stack([face, reference]).astype(np.float64) @ axes + self.offset
        limited = np.clip(free, -LIMIT, LIMIT)
        moved, remains = free[0] - free[1], limited[0] - limited[1]
        return axes @ (slope * np.divide(remains, moved, out=np.zeros_like(moved), where=moved != 0))

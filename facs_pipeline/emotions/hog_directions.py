"""The HOG that action units are measured on, as symmetric and antisymmetric values on a few directions.

What a mirror kernel (`facs_pipeline.emotions.mirror_kernel`) takes, at next to no cost: nothing is measured for it, and
they are one matrix product.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from facs_pipeline.emotions.encoded_faces import Parts
from facs_pipeline.emotions.faces import SeenFaces
from facs_pipeline.features.hog import HOG_SHAPE
from facs_pipeline.features.vector import BLOCKS
from facs_pipeline.foundation.images.gradients import mirrored_directions
from facs_pipeline.foundation.progress import SILENT, Progress

_BATCH = 4000


def _mirrored_pairs() -> tuple[np.ndarray, np.ndarray]:
    """Positions [1296] in the HOG of its left half, and of what takes their place in the mirror."""
    # The windows do not end with the texture: the first column has no counterpart, the others meet theirs to a pixel.
    places = np.arange(np.prod(HOG_SHAPE)).reshape(HOG_SHAPE)[:, 1:]
    half = (places.shape[1] + 1) // 2
    mirror = places[:, ::-1][:, :, mirrored_directions(HOG_SHAPE[2])]
    return places[:, :half].ravel(), mirror[:, :half].ravel()


_LEFT, _RIGHT = _mirrored_pairs()


def mirrored_parts(hog: np.ndarray) -> Parts:
    """Sums and differences of values that a mirror exchanges, of HOGs [n, 2592]: two arrays [n, 1296] float32.

    The face as a mirror shows it has the same sums and the negative differences, but for a pixel by which its windows
    miss their counterparts.

    Example
    -------
    >>> symmetric, antisymmetric = mirrored_parts(np.full((1, 2592), 3, np.uint8))
    >>> np.unique(symmetric).tolist(), np.unique(antisymmetric).tolist()
    ([6.0], [0.0])
    """
    left, right = hog[:, _LEFT].astype(np.float32), hog[:, _RIGHT].astype(np.float32)
    return left + right, left - right


def principal_axes(part: np.ndarray, components: int, power: float) -> np.ndarray:
    """The `components` directions [d, k] of largest mean square of rows [n, d], divided by its root to `power`."""
    square, axes = np.linalg.eigh((part.T @ part).astype(np.float64) / len(part))
    square, axes = square[::-1][:components], axes[:, ::-1][:, :components]
    return (axes / np.maximum(square, 1e-3) ** (power / 2)).astype(np.float32)


class HogDirections:
    """Values of a face's HOG on s symmetric and a antisymmetric directions; see `fit`.

    Parameters
    ----------
    directions : ndarray [1296, s + a] int8
        Of the two `mirrored_parts`, side by side.
    steps : ndarray [s + a] float32
        What one step of each of them is.
    offset : ndarray [s + a] float32
        Subtracted: the mean face's values. 0 for antisymmetric ones, which have no mean over faces and mirror images.
    n_symmetric : s.

    Attributes
    ----------
    matrix : ndarray [2592, s + a] float32
        Both parts folded into one product: values are ``hog @ matrix - offset``.
    """

    kind = "hog"
    name = "hog"

    def __init__(self, directions: np.ndarray, steps: np.ndarray, offset: np.ndarray, n_symmetric: int):
        self.directions, self.n_symmetric = directions, int(n_symmetric)
        self.steps, self.offset = np.asarray(steps, np.float32), np.asarray(offset, np.float32)
        wide = directions * self.steps
        self.matrix = np.zeros((np.prod(HOG_SHAPE), len(self.steps)), np.float32)
        self.matrix[_LEFT] += wide
        wide[:, self.n_symmetric :] *= -1
        self.matrix[_RIGHT] += wide

    @classmethod
    def fit(cls, hog: np.ndarray, symmetric: np.ndarray, antisymmetric: np.ndarray) -> HogDirections:
        """From directions [1296, s] and [1296, a]: kept in one byte a number, and scaled so that the values of HOGs
        [n, 2592] have mean 0 and a mean square length of 1.
        """
        wide, split = np.hstack([symmetric, antisymmetric]), symmetric.shape[1]
        steps = np.abs(wide).max(axis=0) / 127
        directions = np.round(wide / steps).astype(np.int8)
        values = cls(directions, steps, np.zeros_like(steps), split).values(hog)
        mean = values.mean(axis=0, dtype=np.float64)
        mean[split:] = 0
        length = np.sqrt(((values - mean) ** 2).sum(axis=1).mean())
        return cls(directions, steps / length, mean / length, split)

    def values(self, hog: np.ndarray) -> np.ndarray:
        """HOGs [n, 2592] -> [n, s + a] float32."""
        values = np.empty((len(hog), len(self.steps)), np.float32)
        for start in range(0, len(hog), _BATCH):
            rows = slice(start, start + _BATCH)
            values[rows] = hog[rows].astype(np.float32) @ self.matrix - self.offset
        return values

    def transform(self, seen: SeenFaces, *, jobs: int = 1, progress: Progress = SILENT) -> Parts:
        """Of faces: symmetric part [n, s] and antisymmetric part [n, a]."""
        with progress.task("directions", len(seen.features), "faces") as task:
            values = self.values(seen.features[:, BLOCKS["hog"]])
            task.advance(len(values))
        return values[:, : self.n_symmetric], values[:, self.n_symmetric :]

    def arrays(self) -> dict[str, np.ndarray]:
        """What was learnt, to be stored."""
        return {"directions": self.directions, "steps": self.steps, "offset": self.offset}

    def settings(self) -> dict[str, Any]:
        """What it was made with."""
        return {"kind": self.kind, "n_symmetric": self.n_symmetric}

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> HogDirections:
        """From what `settings` and `arrays` gave."""
        return cls(arrays["directions"], arrays["steps"], arrays["offset"], settings["n_symmetric"])

"""The HOG of the action units' features as symmetric and antisymmetric values on a few directions.

Input of a mirror kernel (`facs_pipeline.emotions.mirror_kernel`) at next to no cost: the HOG is there already, and its
values on all directions are one matrix product.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from facs_pipeline.emotions.encoded_faces import Parts
from facs_pipeline.emotions.face_images import FaceImages
from facs_pipeline.features.hog import HOG_SHAPE
from facs_pipeline.features.vector import BLOCKS
from facs_pipeline.foundation.images.gradients import mirrored_directions
from facs_pipeline.foundation.progress import SILENT, Progress

_BATCH = 4000


def _mirrored_pairs() -> tuple[np.ndarray, np.ndarray]:
    """Positions `[1296]` of the HOG's left half, and of their counterparts in the mirror image."""
    # The windows do not end with the texture: the first column has no counterpart, the others match to a pixel.
    positions = np.arange(np.prod(HOG_SHAPE)).reshape(HOG_SHAPE)[:, 1:]
    half = (positions.shape[1] + 1) // 2
    mirror = positions[:, ::-1][:, :, mirrored_directions(HOG_SHAPE[2])]
    return positions[:, :half].ravel(), mirror[:, :half].ravel()


_LEFT, _RIGHT = _mirrored_pairs()


def mirrored_parts(hog: np.ndarray) -> Parts:
    """Sums and differences of the values that mirroring exchanges.

    The mirrored face has the same sums and the negative differences, except that its windows miss their counterparts
    by a pixel.

    Parameters
    ----------
    hog : ndarray
        HOGs `[n, 2592]`.

    Returns
    -------
    Parts
        `[n, 1296]` each.

    Examples
    --------
    >>> symmetric, antisymmetric = mirrored_parts(np.full((1, 2592), 3, np.uint8))
    >>> np.unique(symmetric).tolist(), np.unique(antisymmetric).tolist()
    ([6.0], [0.0])
    """
    left, right = hog[:, _LEFT].astype(np.float32), hog[:, _RIGHT].astype(np.float32)
    return left + right, left - right


def principal_axes(part: np.ndarray, components: int, power: float) -> np.ndarray:
    """Directions of largest mean square, each divided by a power of its root mean square.

    Parameters
    ----------
    part : ndarray of float32
        Rows `[n, d]`.
    components : int
        Number of directions k, at most d.
    power : float
        Of the root mean square, 0..1.

    Returns
    -------
    ndarray of float32
        `[d, k]`.
    """
    square, axes = np.linalg.eigh((part.T @ part).astype(np.float64) / len(part))
    square, axes = square[::-1][:components], axes[:, ::-1][:, :components]
    return (axes / np.maximum(square, 1e-3) ** (power / 2)).astype(np.float32)


class HogDirections:
    """Values of a face's HOG on s symmetric and a antisymmetric directions; see `fit`.

    Parameters
    ----------
    directions : ndarray of int8
        Directions `[1296, s + a]` of the two `mirrored_parts`, one part after the other.
    steps : ndarray of float32
        Value `[s + a]` of one integer step of each direction.
    offset : ndarray of float32
        Values `[s + a]` of the mean face, subtracted; 0 for antisymmetric ones, whose mean over mirror images is 0.
    n_symmetric : int
        The number s.

    Attributes
    ----------
    matrix : ndarray of float32
        Both parts in one product `[2592, s + a]`: values are ``hog @ matrix - offset``.
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
        """Directions in one byte a number, scaled so that values have mean 0 and a mean square length of 1.

        Parameters
        ----------
        hog : ndarray of uint8
            HOGs `[n, 2592]` that the scale is computed from.
        symmetric, antisymmetric : ndarray of float32
            Directions `[1296, s]` and `[1296, a]`.
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
        """Values `[n, s + a]` of float32 of HOGs `[n, 2592]`."""
        values = np.empty((len(hog), len(self.steps)), np.float32)
        for start in range(0, len(hog), _BATCH):
            rows = slice(start, start + _BATCH)
            values[rows] = hog[rows].astype(np.float32) @ self.matrix - self.offset
        return values

    def transform(self, images: FaceImages, *, jobs: int = 1, progress: Progress = SILENT) -> Parts:
        """Symmetric part `[n, s]` and antisymmetric part `[n, a]` of faces; `jobs` has no effect."""
        with progress.task("directions", len(images.features), "faces") as task:
            values = self.values(images.features[:, BLOCKS["hog"]])
            task.advance(len(values))
        return values[:, : self.n_symmetric], values[:, self.n_symmetric :]

    def arrays(self) -> dict[str, np.ndarray]:
        """The learnt state, for a model file."""
        return {"directions": self.directions, "steps": self.steps, "offset": self.offset}

    def settings(self) -> dict[str, Any]:
        """Kind and number of symmetric directions, for a model's card."""
        return {"kind": self.kind, "n_symmetric": self.n_symmetric}

    @classmethod
    def restore(cls, settings: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> HogDirections:
        """The fitted object from what `settings` and `arrays` gave."""
        return cls(arrays["directions"], arrays["steps"], arrays["offset"], settings["n_symmetric"])

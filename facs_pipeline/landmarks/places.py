"""From where the teacher's mesh puts landmarks to where people put them.

The landmark model learnt its 68 points from a mesh whose vertices lie beside iBUG's places, most of all at the brows.
A fixed offset for each point, in the face's own frame, moves it from there to iBUG's place. The offsets were
fitted by `facs fit-places` on 300-W's points of one half of LFPW's test faces. They are 136 numbers, of which a mirror
leaves 68, and no model of faces: no picture went into them, only points.

Tables and pictures show the moved points. Registration, features, head pose and confidence go by the model's own, on
which all that comes later was trained.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.foundation.files.model_file import load_model, save_model, usable
from facs_pipeline.foundation.images import geometry

KIND = "landmark-places"
DEFAULT_MODEL = Path(__file__).parents[1] / "models" / "landmark_places.npz"
# Of the iteration back, each of which leaves a hundredth of the error.
_ROUNDS = 6


@dataclass(frozen=True, eq=False)
class Places:
    """Offsets of 68 points from the landmark model's to iBUG's places.

    Attributes
    ----------
    mean_shape : ndarray
        Of the landmark model `[68, 2]`; the frame in which offsets are given.
    offsets : ndarray
        `[68, 2]`.
    card : mapping
        What they come from.

    Examples
    --------
    >>> square = np.random.default_rng(0).normal(size=(68, 2))
    >>> places = Places(square, np.full((68, 2), 0.1))
    >>> moved = places.ibug(20 * square[None])
    >>> np.round((moved - 20 * square)[0, 0], 6).tolist(), bool(np.allclose(places.model(moved), 20 * square))
    ([2.0, 2.0], True)
    """

    mean_shape: np.ndarray
    offsets: np.ndarray
    card: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.mean_shape.shape != (68, 2) or self.offsets.shape != (68, 2):
            raise ModelError(f"places: arrays {self.mean_shape.shape} and {self.offsets.shape}, expected (68, 2)")

    @classmethod
    def load(cls, path: str | os.PathLike[str] = DEFAULT_MODEL) -> Places:
        """Read a file of `save`.

        Raises
        ------
        ModelError
            If the file is missing, damaged, of another kind or of other sizes.
        """
        stored = load_model(path, KIND)
        with usable(path, "places of landmarks"):
            return cls(stored.arrays["mean_shape"], stored.arrays["offsets"], stored.card)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the offsets and their card; gives back the path."""
        return save_model(path, KIND, {"mean_shape": self.mean_shape, "offsets": self.offsets}, dict(self.card))

    def ibug(self, points: np.ndarray) -> np.ndarray:
        """The model's points `[n, 68, 2]` moved to iBUG's places."""
        points = np.asarray(points, np.float64)
        return points + self._in_image(points)

    def model(self, points: np.ndarray) -> np.ndarray:
        """Points `[n, 68, 2]` at iBUG's places moved back to where the model had them."""
        moved = np.asarray(points, np.float64)
        points = moved
        with np.errstate(invalid="ignore"):
            # Rows without a face are NaN.
            for _ in range(_ROUNDS):
                points = moved - self._in_image(points)
        return points

    def _in_image(self, points: np.ndarray) -> np.ndarray:
        linear = geometry.invert(geometry.fit_similarity(points, self.mean_shape))[..., :2]
        return self.offsets @ np.swapaxes(linear, -1, -2)


@cache
def default_places() -> Places:
    """The embedded ones, read once per process."""
    return Places.load()


def places_of(landmark_model: str) -> Places | None:
    """The embedded places, for the landmark model of this hash only; None for any other."""
    places = default_places()
    return places if places.card.get("landmark_model") == landmark_model else None

"""The average face: mean numbers of FER2013's training faces, what explanations compare a face with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from facs_pipeline.emotions.face_images import FaceImages
from facs_pipeline.emotions.model import input_features
from facs_pipeline.features import vector
from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.foundation.files.model_file import load_model, save_model, usable
from facs_pipeline.landmarks.model import default_landmarks

KIND = "average-face"
AVERAGE_FACE = Path(__file__).parents[1] / "models" / "average_face.npz"
_OTHERS = ("pixels", "windows", "action_units")


class AverageFace(NamedTuple):
    """Means over many faces.

    Attributes
    ----------
    features : ndarray of float
        Of `facs_pipeline.features.face_features` [9055].
    pixels, windows, action_units : ndarray of float
        Of the other numbers of `facs_pipeline.emotions.model.input_features`: [2304], [1800], [k].
    action_units_sd : ndarray of float
        Standard deviation of the intensities [k].
    card : dict
        Over how many faces, and which.
    """

    features: np.ndarray
    pixels: np.ndarray
    windows: np.ndarray
    action_units: np.ndarray
    action_units_sd: np.ndarray
    card: dict[str, Any]

    def numbers(self, inputs: Sequence[str]) -> np.ndarray:
        """Means [d] of what `facs_pipeline.emotions.model.input_features` gives for the same `inputs`."""
        blocks = vector.BLOCKS
        parts = [self.features[blocks[name]] if name in blocks else getattr(self, name) for name in inputs]
        return np.concatenate(parts).astype(np.float64)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it as a model file."""
        arrays = {name: np.asarray(getattr(self, name), np.float32) for name in self._fields if name != "card"}
        return save_model(path, KIND, arrays, self.card)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> AverageFace:
        """Read one; `ModelError` if it is damaged, or of other features than this version computes."""
        stored = load_model(path, KIND)
        if stored.card.get("made_by") != made_by():
            raise ModelError(f"{path}: of other landmarks or features than this version computes; make it again")
        with usable(path, "an average face"):
            return cls(card=stored.card, **{name: stored.arrays[name] for name in cls._fields if name != "card"})

    @classmethod
    def load_default(cls) -> AverageFace:
        """The one of the package; read once per process."""
        return _load_default()


@lru_cache(maxsize=1)
def _load_default() -> AverageFace:
    return AverageFace.load(AVERAGE_FACE)


def made_by() -> dict[str, Any]:
    """What the numbers depend on."""
    return {"settings": vector.SETTINGS.as_json(), "landmark_model": default_landmarks().sha256}


def average_face(faces: FaceImages, title: str) -> AverageFace:
    """The means over m faces; `title` says which faces they are."""
    m = len(faces.detected)
    # A thousand at a time: as float64 all of them would not fit into memory.
    sums, squares = [np.zeros(())] * (1 + len(_OTHERS)), np.zeros(())
    for start in range(0, m, 1000):
        part = faces.take(slice(start, start + 1000))
        numbers = [part.features, *(input_features(part, [name]) for name in _OTHERS)]
        sums = [total + one.sum(axis=0, dtype=np.float64) for total, one in zip(sums, numbers, strict=True)]
        squares = squares + (numbers[-1].astype(np.float64) ** 2).sum(axis=0)
    features, pixels, windows, action_units = (total / m for total in sums)
    spread = np.sqrt(np.maximum(squares / m - action_units**2, 0))
    card = {
        "title": title,
        "images": m,
        "without_face": int((~faces.detected).sum()),
        "made_by": made_by(),
    }
    return AverageFace(features, pixels, windows, action_units, spread, card)

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
from facs_pipeline.foundation.files.model_file import load_model, save_model
from facs_pipeline.landmarks.model import default_landmarks

KIND = "average-face"
AVERAGE_FACE = Path(__file__).parents[1] / "models" / "average_face.npz"
_OTHERS = ("pixels", "windows", "action_units")


class AverageFace(NamedTuple):
    """Means over many faces.

    Attributes
    ----------
    features : ndarray [9055]
        Of `facs_pipeline.features.face_features`.
    pixels [2304], windows [1800], action_units [k] : ndarray
        Of the other numbers of `facs_pipeline.emotions.model.input_features`.
    action_units_sd : ndarray [k]
        Standard deviation of the intensities.
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

    def save(self, path: str | os.PathLike) -> Path:
        """Write it as a model file."""
        arrays = {name: np.asarray(getattr(self, name), np.float32) for name in self._fields if name != "card"}
        return save_model(path, KIND, arrays, self.card)

    @classmethod
    def load(cls, path: str | os.PathLike) -> AverageFace:
        """Read one; `ModelError` if it is damaged, or of other features than this version computes."""
        stored = load_model(path, KIND)
        if stored.card.get("made_by") != made_by():
            raise ModelError(f"{path}: of other landmarks or features than this version computes; make it again")
        return cls(*(stored.arrays[name] for name in cls._fields if name != "card"), stored.card)

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


def average_face(seen: FaceImages, title: str) -> AverageFace:
    """The means over m faces; `title` says which faces they are."""
    # A thousand at a time: as float64 all of them would not fit into memory.
    sums, squares = [0.0] * (1 + len(_OTHERS)), 0.0
    for start in range(0, len(seen.detected), 1000):
        part = FaceImages(*(values[start : start + 1000] for values in seen[:7]), skipped=())
        found = [part.features, *(input_features(part, [name]) for name in _OTHERS)]
        sums = [total + numbers.sum(axis=0, dtype=np.float64) for total, numbers in zip(sums, found, strict=True)]
        squares = squares + (found[-1].astype(np.float64) ** 2).sum(axis=0)
    means = [total / len(seen.detected) for total in sums]
    spread = np.sqrt(np.maximum(squares / len(seen.detected) - means[-1] ** 2, 0))
    card = {
        "title": title,
        "images": len(seen.detected),
        "without_face": int((~seen.detected).sum()),
        "made_by": made_by(),
    }
    return AverageFace(*means, spread, card)

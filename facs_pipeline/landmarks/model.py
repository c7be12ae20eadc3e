"""Stage 3, face box -> 68 landmarks: a cascade of linear regressions on oriented gradients around the points.

The face is registered by a similarity. Gradients along six directions are summed over 3 x 3 cells round 51 of the
current points, and a linear map of rank 48 from these 2,754 values moves all 68 points at once (supervised descent,
Xiong & De la Torre 2013). There are three maps: a coarse one for a detector's box; a middle one with large cells, which
starts from the mean shape, so that errors cannot build up, and is repeated until the registration rests; and a last
one with small cells, which reads the middle one's crop. One more column of the last map gives the log-odds that this
is a face. Then the points of the eyes are moved once more, see `facs_pipeline.landmarks.eyelids`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from facs_pipeline.deprecated import former_method
from facs_pipeline.faces.landmark_finder import Box, Located
from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.foundation.files.model_file import load_model, save_model, usable
from facs_pipeline.foundation.images import geometry
from facs_pipeline.foundation.images.crops import shrunk
from facs_pipeline.landmarks.eyelids import N_VALUES, Eyelids
from facs_pipeline.landmarks.patch_features import CROP, CropSettings, PatchFeatures

KIND = "landmarks"
DEFAULT_MODEL = Path(__file__).parents[1] / "models" / "landmarks.npz"

COARSE_CROP, FINE_CROP = CropSettings(0.5, 48, 6), CropSettings(1.75, 147, 6)
"""Crop that the coarse step reads, and that of the other two."""
COARSE_CELL, MIDDLE_CELL, LAST_CELL = 4, 12, 8
"""Side of a step's cells, in pixels of its crop."""
# The middle step is repeated at most so often, and while it moves the mean shape by more than this, in crop pixels.
_MIDDLE_STEPS = 4
_RESTS = 1.5
# Below this confidence a found face is located once more.
_SURE = 0.5
_FEATURES_VERSION = 5
_STEPS = ("coarse", "middle", "last")
# An image of waves, on which a model is tried, and how far outside it no model's points lie.
_TRIAL = (127 + 60 * np.sin(np.add.outer(np.arange(96) / 3, np.arange(96) / 5))).astype(np.uint8)
_FAR = 10_000


class Step(NamedTuple):
    """A linear map from d features to the movement of 68 points in crop pixels: ``up @ (down @ features) + bias``.

    It has a low rank r, because faces move in few ways.

    Attributes
    ----------
    down : ndarray of float
        `[r, d]`.
    up : ndarray of float
        `[136, r]`.
    bias : ndarray of float
        `[136]`.
    """

    down: np.ndarray
    up: np.ndarray
    bias: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Movement `[68, 2]` from features `[d]`."""
        return (self.up @ (self.down @ features) + self.bias).reshape(68, 2)


class LandmarkModel:
    """The embedded 68-point model, or one made by `facs train-landmarks`.

    Parameters
    ----------
    mean_shape : ndarray
        Mean points `[68, 2]` in crop coordinates.
    steps : sequence of Step
        Coarse, middle and last.
    lid_weights : ndarray
        Linear map `[661, 12]` of the last correction, for either eye; see `facs_pipeline.landmarks.eyelids`.
    face_weights : ndarray
        Linear map `[2755]` from the last step's features (and 1) to log-odds that the points lie on a face.
    box_shape : ndarray
        Mean points `[68, 2]` in a detector's box scaled to 0..1.
    card : mapping, optional
        What the model was made from, see `facs_pipeline.foundation.files.model_file`.

    Examples
    --------
    >>> model = LandmarkModel.load()  # doctest: +SKIP
    >>> points, confidence = model.find(grey, (x, y, width, height))  # doctest: +SKIP
    >>> points, confidence = model.track(next_grey, points)  # doctest: +SKIP
    """

    def __init__(
        self,
        mean_shape: np.ndarray,
        steps: Sequence[Step],
        lid_weights: np.ndarray,
        face_weights: np.ndarray,
        box_shape: np.ndarray,
        card: Mapping[str, Any] | None = None,
    ) -> None:
        self.mean_shape = np.asarray(mean_shape, np.float32)
        self._register = geometry.Registration(self.mean_shape)
        # Processors add in different orders. In single precision that would move one point in a few frames across the
        # edge of a pixel, and every later frame with it.
        self._coarse, self._middle, self._last = (Step(*(part.astype(np.float64) for part in step)) for step in steps)
        self._lids = Eyelids(lid_weights)
        self._face = np.asarray(face_weights, np.float64)
        self.box_shape = np.asarray(box_shape, np.float32)
        self.card = dict(card or {})
        self._coarse_patches, self._fine_patches = PatchFeatures(COARSE_CROP), PatchFeatures(FINE_CROP)
        self._coarse_places = self._coarse_patches.places(self.mean_shape, COARSE_CELL)
        self._middle_places = self._fine_patches.places(self.mean_shape, MIDDLE_CELL)

    @property
    def sha256(self) -> str:
        """Hash of the model's numbers, on which every stored result depends."""
        return self.card.get("content_sha256", "unsaved")

    @classmethod
    def load(cls, path: str | os.PathLike[str] = DEFAULT_MODEL) -> LandmarkModel:
        """Read a model file, by default the embedded one.

        Raises
        ------
        ModelError
            If it is not a landmark model, or of another version.
        """
        model = load_model(path, KIND)
        other = ModelError(f"{path}: made for other features than this version's; train it again")
        if model.card.get("features") != _FEATURES_VERSION:
            raise other
        with usable(path, "a landmark model"):
            steps = [
                Step(*(model.arrays[f"{name}_{part}"].astype(np.float32) for part in Step._fields)) for name in _STEPS
            ]
            for step, crop in zip(steps, (COARSE_CROP, FINE_CROP, FINE_CROP), strict=True):
                if step.down.shape[1:] != (crop.n_features,) or step.up.shape != (136, len(step.down)):
                    raise other
            lids, face, box_shape = (model.arrays[name] for name in ("lids", "face", "box_shape"))
            if lids.shape != (N_VALUES + 1, 12):
                raise other
            loaded = cls(model.arrays["mean_shape"], steps, lids, face, box_shape, model.card)
            found = loaded.find(_TRIAL, (16.0, 16.0, 64.0, 64.0)).points
            if not (np.abs(found) < _FAR).all():
                raise ModelError("its points lie far outside the image that they are found in")
        return loaded

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model in half precision, with its card; gives back the path."""
        arrays = {
            f"{name}_{part}": values.astype(np.float16)
            for name, step in zip(_STEPS, (self._coarse, self._middle, self._last), strict=True)
            for part, values in step._asdict().items()
        }
        arrays |= {"lids": self._lids.weights.astype(np.float16), "face": self._face.astype(np.float32)}
        arrays |= {"mean_shape": self.mean_shape, "box_shape": self.box_shape}
        return save_model(path, KIND, arrays, {**self.card, "features": _FEATURES_VERSION})

    def find(self, grey: np.ndarray, box: Box) -> Located:
        """Points of the face in a detector's box.

        Where the model is unsure, it starts once more from the points it has come to.

        Parameters
        ----------
        grey : ndarray of uint8
            Image `[h, w]`.
        box : tuple of float
            Left, top, width and height in pixels.

        Returns
        -------
        Located
            Points `[68, 2]` in pixels and their confidence 0..1.
        """
        x, y, width, height = box
        c, d = self._register(self.box_shape * np.array([width, height], np.float32) + np.array([x, y], np.float32))
        self._coarse_patches.set_crop(grey, geometry.matrix(c, d))
        coarse = _to_image(self.mean_shape + self._coarse(self._coarse_patches.read(self._coarse_places)), c, d)
        found = self.track(grey, coarse)
        return found if found.confidence >= _SURE else self.track(grey, found.points)

    def track(self, grey: np.ndarray, points: np.ndarray) -> Located:
        """Points of a face that is near where it was in the frame before.

        Only position, size and rotation of the earlier points are used, not their shape: errors cannot build up.

        Parameters
        ----------
        grey : ndarray of uint8
            Image `[h, w]`.
        points : ndarray of float32
            Points `[68, 2]` in the frame before, pixels.

        Returns
        -------
        Located
            Points `[68, 2]` in pixels and their confidence 0..1.
        """
        values, found = self.locate(grey, points)
        return Located(found, self._confidence(values))

    follow = former_method("follow", track)

    def judge(self, grey: np.ndarray, points: np.ndarray) -> float:
        """Confidence 0..1 that points `[68, 2]` found by other means lie on an unhidden face of `grey`."""
        c, d = self._register(points)
        self._fine_patches.set_crop(grey, geometry.matrix(c, d))
        registered = geometry.as_points(c * geometry.as_complex(points) + d)
        return self._confidence(self._fine_patches.at(registered, LAST_CELL))

    def _confidence(self, values: np.ndarray) -> float:
        log_odds = float(values @ self._face[:-1] + self._face[-1])
        return 1 / (1 + math.exp(-min(max(log_odds, -30), 30)))

    def locate(self, grey: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points near the given ones, and the features from which their confidence follows.

        Parameters
        ----------
        grey : ndarray of uint8
            Image `[h, w]`.
        points : ndarray of float32
            Where to start `[68, 2]`, pixels.

        Returns
        -------
        features : ndarray of float32
            Of the last step `[2754]`.
        points : ndarray of float32
            `[68, 2]`, pixels.
        """
        c, d = self._register(points)
        # A large face is shrunk once, to what the steps want, with a margin for what they move.
        zoomed = geometry.matrix(c, d) * FINE_CROP.zoom
        grey, factor, left, top = shrunk(grey, zoomed, FINE_CROP.zoom * CROP, margin=1.3)
        c, d = c * factor, c * complex(left, top) + d
        for repeats_left in reversed(range(_MIDDLE_STEPS)):
            self._fine_patches.set_crop(grey, geometry.matrix(c, d))
            start = self.mean_shape + self._middle(self._fine_patches.read(self._middle_places))
            nearer = self._register(_to_image(start, c, d))
            if not repeats_left or self._register.moved((c, d), nearer) < _RESTS:
                break
            c, d = nearer
        values = self._fine_patches.at(start, LAST_CELL)
        found = _to_image(self._lids.move(self._fine_patches, start + self._last(values)), c, d)
        return values, found * np.float32(factor) + np.array([left, top], np.float32)


def _to_image(points: np.ndarray, c: complex, d: complex) -> np.ndarray:
    """Points [68, 2] of a crop that is registered by z -> c z + d, in pixels of the image."""
    return geometry.as_points((geometry.as_complex(points) - d) / c)


@cache
def default_landmarks() -> LandmarkModel:
    """The embedded model, read once per process.

    Examples
    --------
    >>> from skimage.data import astronaut
    >>> grey = astronaut().mean(axis=2).astype(np.uint8)
    >>> found = default_landmarks().find(grey, (170.0, 80.0, 110.0, 110.0))
    >>> found.points.shape, float(found.confidence) > 0.9
    ((68, 2), True)
    """
    return LandmarkModel.load()

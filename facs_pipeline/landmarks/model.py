"""Stage 3, face box -> 68 landmarks: a cascade of linear regressions on oriented gradients around the points.

The face is registered by a similarity. Gradients along six directions are summed over 3 x 3 cells round 51 of the
current points, and a linear map of rank 48 from these 2,754 values moves all 68 points at once (supervised descent,
Xiong & De la Torre 2013). There are three maps: a coarse one for a detector's box; a middle one with large cells, which
starts from the mean shape, so that errors cannot build up, and is repeated until the registration rests; and a last
one with small cells, which reads the gradients that the middle one has read. Its values, times one more column, say
whether this is a face. After it the points of the eyes are moved once more, see `facs_pipeline.landmarks.eyelids`.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.foundation.files.model_file import load_model, save_model
from facs_pipeline.foundation.images import geometry
from facs_pipeline.foundation.images.crops import shrunk
from facs_pipeline.landmarks.eyelids import N_VALUES, Eyelids
from facs_pipeline.landmarks.patch_features import CROP, Look, PatchFeatures

KIND = "landmarks"
DEFAULT_MODEL = Path(__file__).parents[1] / "models" / "landmarks.npz"

FAR, CLOSE = Look(0.5, 48, 6), Look(1.75, 147, 6)
"""What the coarse step looks at, and the other two."""
COARSE_CELL, MIDDLE_CELL, LAST_CELL = 4, 12, 8
"""Side of a step's cells, in pixels of what it looks at."""
# The middle step is repeated at most so often, and while it moves the mean shape by more than this, in crop pixels.
_MIDDLE_STEPS = 4
_RESTS = 1.5
# Below this confidence a found face is looked at once more.
_SURE = 0.5
_FEATURES_VERSION = 5
_STEPS = ("coarse", "middle", "last")


class Located(NamedTuple):
    """Landmarks of one face: `points` [68, 2] float32 in pixels, `confidence` 0..1 that they lie on a face."""

    points: np.ndarray
    confidence: float


class Step(NamedTuple):
    """A linear map from features [d] to the movement of 68 points in crop pixels: ``up @ (down @ features) + bias``.

    Of low rank r, because faces move in few ways: `down` [r, d], `up` [136, r], `bias` [136], float32.
    """

    down: np.ndarray
    up: np.ndarray
    bias: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Movement [68, 2]."""
        return (self.up @ (self.down @ features) + self.bias).reshape(68, 2)


class LandmarkModel:
    """The embedded 68-point model, or one made by `facs train-landmarks`.

    Parameters
    ----------
    mean_shape : ndarray [68, 2]
        Mean points in crop coordinates.
    steps : three `Step`s
        Coarse, middle, last.
    lid_weights : ndarray [661, 12]
        Linear map of the last look, at either eye; see `facs_pipeline.landmarks.eyelids`.
    face_weights : ndarray [2755]
        Linear map last features (and 1) -> log-odds that the points lie on a face.
    box_shape : ndarray [68, 2]
        Mean points in a detector's box scaled to 0..1.

    Example
    -------
    >>> model = LandmarkModel.load()  # doctest: +SKIP
    >>> points, confidence = model.find(grey, (x, y, width, height))  # doctest: +SKIP
    >>> points, confidence = model.follow(next_grey, points)  # doctest: +SKIP
    """

    def __init__(self, mean_shape, steps, lid_weights, face_weights, box_shape, card=None):
        self.mean_shape = np.asarray(mean_shape, np.float32)
        self._register = geometry.Registration(self.mean_shape)
        self._coarse, self._middle, self._last = steps
        self._lids = Eyelids(lid_weights)
        self._face = np.asarray(face_weights, np.float32)
        self.box_shape = np.asarray(box_shape, np.float32)
        self.card = dict(card or {})
        self._far, self._close = PatchFeatures(FAR), PatchFeatures(CLOSE)
        self._coarse_places = self._far.places(self.mean_shape, COARSE_CELL)
        self._middle_places = self._close.places(self.mean_shape, MIDDLE_CELL)

    @property
    def sha256(self) -> str:
        """Hash of the model's numbers; part of every result's cache key."""
        return self.card.get("content_sha256", "unsaved")

    @classmethod
    def load(cls, path: str | Path = DEFAULT_MODEL) -> LandmarkModel:
        """Read a model file; ModelError where it is not one."""
        model = load_model(path, KIND)
        other = ModelError(f"{path}: made for other features than this version's; train it again")
        if model.card.get("features") != _FEATURES_VERSION:
            raise other
        try:
            steps = [
                Step(*(model.arrays[f"{name}_{part}"].astype(np.float32) for part in Step._fields)) for name in _STEPS
            ]
            for step, how in zip(steps, (FAR, CLOSE, CLOSE), strict=True):
                if step.down.shape[1:] != (how.n_features,) or step.up.shape != (136, len(step.down)):
                    raise other
            lids, *others = (model.arrays[name] for name in ("lids", "face", "box_shape"))
            if lids.shape != (N_VALUES + 1, 12):
                raise other
            return cls(model.arrays["mean_shape"], steps, lids, *others, model.card)
        except KeyError as error:
            raise ModelError(f"{path}: a landmark model without {error}; train it again") from None

    def save(self, path: str | Path) -> Path:
        """Write the model in half precision, with its card."""
        arrays = {
            f"{name}_{part}": values.astype(np.float16)
            for name, step in zip(_STEPS, (self._coarse, self._middle, self._last), strict=True)
            for part, values in step._asdict().items()
        }
        arrays |= {"lids": self._lids.weights.astype(np.float16), "face": self._face.astype(np.float32)}
        arrays |= {"mean_shape": self.mean_shape, "box_shape": self.box_shape}
        return save_model(path, KIND, arrays, {**self.card, "features": _FEATURES_VERSION})

    def find(self, grey: np.ndarray, box: tuple[float, float, float, float]) -> Located:
        """Points of the face in a detector's box (x, y, width, height; px) of `grey` [h, w] uint8.

        What is hardly a face there is looked at once more.
        """
        x, y, width, height = box
        c, d = self._register(self.box_shape * np.float32([width, height]) + np.float32([x, y]))
        self._far.look(grey, geometry.matrix(c, d))
        coarse = _back(self.mean_shape + self._coarse(self._far.read(self._coarse_places)), c, d)
        found = self.follow(grey, coarse)
        return found if found.confidence >= _SURE else self.follow(grey, found.points)

    def follow(self, grey: np.ndarray, points: np.ndarray) -> Located:
        """Points near where `points` [68, 2] were in the previous frame.

        Only their position, size and rotation are used, not their shape: errors cannot build up over time.
        """
        values, found = self.explain(grey, points)
        return Located(found, self._certainty(values))

    def judge(self, grey: np.ndarray, points: np.ndarray) -> float:
        """Confidence 0..1 that points [68, 2] found by other means lie on an unhidden face."""
        c, d = self._register(points)
        self._close.look(grey, geometry.matrix(c, d))
        here = geometry.as_points(c * geometry.as_complex(points) + d)
        return self._certainty(self._close.at(here, LAST_CELL))

    def _certainty(self, values: np.ndarray) -> float:
        log_odds = float(values @ self._face[:-1] + self._face[-1])
        return 1 / (1 + math.exp(-min(max(log_odds, -30), 30)))

    def explain(self, grey: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The last step's features [2754], from which the confidence follows, and the points [68, 2].

        The middle step is repeated while it moves the mean shape by `_RESTS` crop pixels or more.
        """
        c, d = self._register(points)
        # A large face is shrunk once, to what the steps want, with a margin for what they move.
        closest = geometry.matrix(c, d) * CLOSE.zoom
        grey, factor, left, top = shrunk(grey, closest, CLOSE.zoom * CROP, margin=1.3)
        c, d = c * factor, c * complex(left, top) + d
        for looks_left in reversed(range(_MIDDLE_STEPS)):
            self._close.look(grey, geometry.matrix(c, d))
            start = self.mean_shape + self._middle(self._close.read(self._middle_places))
            nearer = self._register(_back(start, c, d))
            if not looks_left or self._register.moved((c, d), nearer) < _RESTS:
                break
            c, d = nearer
        values = self._close.at(start, LAST_CELL)
        found = _back(self._lids.move(self._close, start + self._last(values)), c, d)
        return values, found * np.float32(factor) + np.float32([left, top])


def _back(points: np.ndarray, c: complex, d: complex) -> np.ndarray:
    """Points [68, 2] of a crop registered by z -> c z + d in the picture."""
    return geometry.as_points((geometry.as_complex(points) - d) / c)


@cache
def default_landmarks() -> LandmarkModel:
    """The embedded model, read once per process.

    Example
    -------
    >>> from skimage.data import astronaut
    >>> grey = astronaut().mean(axis=2).astype(np.uint8)
    >>> found = default_landmarks().find(grey, (170.0, 80.0, 110.0, 110.0))
    >>> found.points.shape, float(found.confidence) > 0.9
    ((68, 2), True)
    """
    return LandmarkModel.load()

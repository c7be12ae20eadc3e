"""How far a face's landmarks, and each half of it, can be trusted; whether something hides it.

A linear map from the texture's LBP and HOG and the registered landmarks estimates the points' error, the blur, and how
much is hidden. These few numbers, the face's size and turn, and the landmark model's log-odds of a face go into
logistic regressions, with all their products. Both are fitted by `facs train-confidence` on faces that were hidden,
blurred, darkened and shrunk on purpose. Probabilities are of the embedded landmark model's points.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from facs_pipeline.features.vector import BLOCKS
from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.foundation.files.model_file import load_model, save_model, usable
from facs_pipeline.landmarks.points import INNER_49
from facs_pipeline.landmarks.pose import head_pose

KIND = "confidence"
DEFAULT_MODEL = Path(__file__).parents[1] / "models" / "confidence.npz"

WITHIN = 0.05
"""Mean error, in outer-eye distances, that counts as right."""
LEAST = 0.5
"""Where the confidence in its half of the face is lower, an action unit's intensity is left out."""
UPPER_AUS = frozenset({1, 2, 4, 5, 6, 7, 43, 45, 46})
"""Action units of the upper face, as the manual of FACS (Ekman, Friesen and Hager 2002) has them."""
ANSWERS = ("whole", "upper", "lower", "sunglasses", "mask", "upper_hidden", "lower_hidden")
"""What the logistic regressions are asked."""
N_READ = BLOCKS["landmarks"].stop
"""Values of a face's features that are read: all but products of landmarks."""
N_OWN = 5
"""Numbers beside the linear map's: log-odds of a face, size, yaw, its absolute value and pitch."""
_ARRAYS = ("weights", "bias", "centre", "scale", "odds")
_SIZES = (3.0, 7.0)  # of log2 of the points' spread: between 8 and 128 px
_TURN = 1.2
_ODDS = 12.0
_FAR = 6.0
_DECIMALS = 4


class Confidence(NamedTuple):
    """How far m faces can be trusted.

    Attributes
    ----------
    whole : ndarray of float64
        Probability `[m]` that the mean error of the 68 points is below 5 % of the distance of the outer eye corners.
    upper, lower : ndarray of float64
        The same of brows and eyes, and of the mouth; and that less than a third of these points is hidden.
    occluded : ndarray of str
        What hides a face `[m]`: ``"sunglasses"`` or ``"upper"``, ``"mask"`` or ``"lower"``, one of each pair with a
        space between, or ``"no"``.

    Notes
    -----
    Probabilities are rounded as in tables, so that what they decide is the same everywhere.
    """

    whole: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    occluded: np.ndarray

    def trusted(self, intensities: np.ndarray, aus: Sequence[int], least: float = LEAST) -> np.ndarray:
        """Intensities `[m, k]`, NaN where the confidence in an action unit's half of the face is below `least`."""
        halves = [self.upper if au in UPPER_AUS else self.lower for au in aus]
        below = least > np.array(halves).reshape(len(aus), len(self.upper)).T
        return np.where(below, np.float32(np.nan), intensities)


@dataclass(frozen=True, eq=False)
class ConfidenceModel:
    """The embedded model, or one made by `facs train-confidence`.

    Attributes
    ----------
    weights, bias : ndarray
        Linear map `[5900 + 2592 + 98, a]` from features, as shares of 256, and what is added `[a]`.
    centre, scale : ndarray
        Of the a + 5 numbers, to bring them to about -1 .. 1 `[a + 5]`.
    odds : ndarray
        Weights `[q, 7]` from `products` of these to log-odds of `ANSWERS`.
    card : mapping
        What the model was made from.

    Examples
    --------
    >>> model = ConfidenceModel.load()
    >>> from facs_pipeline.landmarks.pose import MEAN_HEAD
    >>> wall = np.zeros((1, 9055), np.uint8), 80 * MEAN_HEAD[None, :, :2] + 150, np.array([0.1])
    >>> bool(model.judge(*wall).whole[0] < 0.1)
    True
    """

    weights: np.ndarray
    bias: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    odds: np.ndarray
    card: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.bias) + N_OWN
        shapes = (self.weights.shape, self.centre.shape, self.scale.shape, self.odds.shape)
        if shapes != ((N_READ, len(self.bias)), (n,), (n,), (_n_products(n), len(ANSWERS))):
            raise ModelError(f"confidence: arrays of unexpected shapes {shapes}")

    @property
    def sha256(self) -> str:
        """Hash of the numbers in the file, on which stored results depend."""
        return self.card.get("content_sha256", "unsaved")

    @classmethod
    def load(cls, path: str | os.PathLike[str] = DEFAULT_MODEL) -> ConfidenceModel:
        """Read a model file.

        Raises
        ------
        ModelError
            If the file is missing, damaged, of another kind or of other sizes.
        """
        stored = load_model(path, KIND)
        with usable(path, "a confidence model"):
            # In double precision for the reason given in `facs_pipeline.landmarks.model.LandmarkModel`.
            arrays = {name: stored.arrays[name].astype(np.float64) for name in _ARRAYS}
            return cls(card=stored.card, **arrays)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model, its linear map in half precision; gives back the path."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        return save_model(path, KIND, arrays | {"weights": self.weights.astype(np.float16)}, dict(self.card))

    def judge(self, features: np.ndarray, points: np.ndarray, score: np.ndarray) -> Confidence:
        """How far faces can be trusted.

        Parameters
        ----------
        features : ndarray of uint8
            `[m, 9055]`, see `facs_pipeline.features.vector`.
        points : ndarray
            Their landmarks `[m, 68, 2]`, pixels of the picture.
        score : ndarray
            The landmark model's probability of a face `[m]`.

        Returns
        -------
        Confidence
        """
        # Each by itself: a matrix product rounds a row otherwise when others are beside it.
        linear = np.array([row[:N_READ] / 256 @ self.weights for row in features]).reshape(-1, len(self.bias))
        numbers = np.concatenate([linear + self.bias, own_numbers(points, score)], axis=1)
        designs = products((numbers - self.centre) / self.scale)
        log_odds = np.array([row @ self.odds for row in designs]).reshape(-1, len(ANSWERS))
        probabilities = np.round(1 / (1 + np.exp(-np.clip(log_odds, -30, 30))), _DECIMALS)
        chance = dict(zip(ANSWERS, probabilities.T, strict=True))
        return Confidence(chance["whole"], chance["upper"], chance["lower"], _occluded(chance))


def own_numbers(points: np.ndarray, score: np.ndarray) -> np.ndarray:
    """What is known of faces besides their texture, `[m, 5]`; parameters as of `ConfidenceModel.judge`."""
    points = np.asarray(points, np.float64)
    inner = points[:, INNER_49]
    spread = np.sqrt(((inner - inner.mean(axis=1, keepdims=True)) ** 2).sum(axis=2).mean(axis=1))
    size = np.clip(np.log2(np.maximum(spread, 1e-6)), *_SIZES)
    pitch, yaw = np.clip(head_pose(points)[:, :2], -_TURN, _TURN).T
    score = np.clip(np.asarray(score, np.float64), 1e-9, 1 - 1e-9)
    odds = np.clip(np.log(score / (1 - score)), -_ODDS, _ODDS)
    return np.stack([odds, size, yaw, np.abs(yaw), pitch], axis=1)


def products(numbers: np.ndarray) -> np.ndarray:
    """1, the numbers `[m, n]` within six of their units, and the products of any two of them `[m, q]`."""
    numbers = np.clip(numbers, -_FAR, _FAR)
    first, second = np.triu_indices(numbers.shape[1])
    return np.concatenate([np.ones((len(numbers), 1)), numbers, numbers[:, first] * numbers[:, second]], axis=1)


def _n_products(n: int) -> int:
    return 1 + n + n * (n + 1) // 2


def _occluded(chance: Mapping[str, np.ndarray]) -> np.ndarray:
    names = []
    for name, part in (("sunglasses", "upper"), ("mask", "lower")):
        named, hidden = (chance[one] >= 0.5 for one in (name, f"{part}_hidden"))
        names.append(np.where(named, name, np.where(hidden, part, "")))
    return np.array([" ".join(filter(None, pair)) or "no" for pair in zip(*names, strict=True)], dtype="U16")


@cache
def default_confidence() -> ConfidenceModel:
    """The embedded model, read once per process."""
    return ConfidenceModel.load()

"""Training of the confidence: when the points that the landmark model finds can be trusted.

Persons on whom the landmark model was trained teach the linear map what damage looks like. Persons whom it has never
seen teach how likely its points are right, because on its own persons it errs less. Calibration is measured on folds of
these persons: each is judged by regressions that have not seen him.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

from facs_pipeline.features.confidence import (
    ANSWERS,
    N_READ,
    WITHIN,
    ConfidenceModel,
    own_numbers,
    products,
)
from facs_pipeline.features.vector import face_features
from facs_pipeline.foundation.images import geometry
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.landmarks.model import LandmarkModel
from facs_pipeline.landmarks.training.damaged import LOWER, UPPER, damaged
from facs_pipeline.landmarks.training.samples import misregistration

HIDDEN = 1 / 3
"""Share of a half's points from which on it counts as hidden."""
FOLDS = 5
"""Of persons: each is judged by regressions fitted on the others."""
_ERRORS = (0.008, 0.5)
_FAR_OFF = 0.08
_BINS = 10


@dataclass(frozen=True)
class ConfidenceTraining:
    """How samples are made and the model is fitted.

    Attributes
    ----------
    seen_repeats, unseen_repeats : int
        Samples of each image of persons whom the landmark model knows, and of the others.
    ridge : float
        Penalty of the linear map, as a multiple of the features' mean variance times the number of samples.
    inverse_penalty : float
        Of the logistic regressions, as scikit-learn's ``C``.
    seed : int
        Everything random comes from it.
    """

    seen_repeats: int = 3
    unseen_repeats: int = 8
    ridge: float = 3.0
    inverse_penalty: float = 0.03
    seed: int = 0


class JudgedFaces(NamedTuple):
    """Samples: damaged faces as the landmark model finds them.

    Attributes
    ----------
    features : ndarray of uint8
        `[n, 9055]`.
    points : ndarray of float32
        As found `[n, 68, 2]`, pixels.
    score : ndarray of float64
        The landmark model's probability of a face `[n]`.
    errors : ndarray of float64
        Mean error of all points, of the upper and of the lower face `[n, 3]`, in outer-eye distances.
    hidden : ndarray of float64
        Share of points hidden in the upper and the lower face `[n, 2]`.
    covers : ndarray of str
        What lies over the face `[n]`.
    blur : ndarray of float64
        `[n]`, see `facs_pipeline.landmarks.training.damaged.DamagedFace`.
    kinds : list of tuple of str
        All that was done.
    """

    features: np.ndarray
    points: np.ndarray
    score: np.ndarray
    errors: np.ndarray
    hidden: np.ndarray
    covers: np.ndarray
    blur: np.ndarray
    kinds: list[tuple[str, ...]]

    def truth(self) -> np.ndarray:
        """The right answers `[n, 7]` to `ANSWERS`, bool."""
        right, hidden = self.errors < WITHIN, self.hidden > HIDDEN
        sunglasses, mask = self.covers == "sunglasses", self.covers == "mask"
        columns = [right[:, 0], *(right[:, 1:] & ~hidden).T, sunglasses, mask, *hidden.T]
        return np.stack(columns, axis=1)

    def targets(self) -> np.ndarray:
        """What the linear map is to say `[n, 8]`: errors and blur as logarithms, shares hidden, kinds of cover."""
        named = [self.covers == "sunglasses", self.covers == "mask"]
        return np.column_stack([np.log(np.clip(self.errors, *_ERRORS)), np.log(self.blur), self.hidden, *named])


def judged_faces(
    model: LandmarkModel,
    images: Sequence[np.ndarray],
    points: np.ndarray,
    rng: np.random.Generator,
    only: str | None = None,
    progress: Progress = SILENT,
) -> JudgedFaces:
    """Damage each face once and let the model find it, from a start as far off as a detector's.

    Of the faces with damage at random, one in twelve starts far off the face.

    Parameters
    ----------
    model : LandmarkModel
    images : sequence of ndarray of uint8
        Grey images `[h, w]`; n of them.
    points : ndarray
        Their true landmarks `[n, 68, 2]`, pixels.
    rng : numpy.random.Generator
        Draws everything.
    only : str, optional
        See `facs_pipeline.landmarks.training.damaged.damaged`.
    progress : Progress

    Returns
    -------
    JudgedFaces
    """
    near = misregistration(rng, len(images), (0.08, 0.06, 0.08))
    far = misregistration(rng, len(images), (1.2, 0.45, 0.9))
    lost = rng.random(len(images)) < (_FAR_OFF if only is None else 0)
    rows = []
    with progress.task("damaged faces", len(images), "images") as task:
        for k, image in enumerate(images):
            face = damaged(image, points[k], images, rng, only)
            registered = geometry.fit_similarity(face.points, model.mean_shape)
            off = geometry.chain((far if lost[k] else near)[k], registered)
            start = geometry.apply(geometry.invert(off), model.mean_shape).astype(np.float32)
            found, score = model.track(face.image, model.track(face.image, start).points)
            inside = ((found >= 0) & (found < face.image.shape[::-1])).all(axis=1).mean()
            distance = np.linalg.norm(found - face.points, axis=1)
            distance = distance / np.linalg.norm(face.points[45] - face.points[36])
            errors = [distance.mean(), distance[UPPER].mean(), distance[LOWER].mean()]
            hidden = [face.hidden[UPPER].mean(), face.hidden[LOWER].mean()]
            features = face_features(face.image, found)
            rows.append((features, found, score * inside, errors, hidden, face.cover, face.blur, face.kinds))
            task.advance()
    columns = dict(zip(JudgedFaces._fields, zip(*rows, strict=True), strict=True))
    kinds = list(columns.pop("kinds"))
    return JudgedFaces(**{name: np.array(column) for name, column in columns.items()}, kinds=kinds)


def joined(parts: Sequence[JudgedFaces]) -> JudgedFaces:
    """Samples of several runs as one."""
    columns = dict(zip(JudgedFaces._fields, zip(*parts, strict=True), strict=True))
    kinds = [kind for part in columns.pop("kinds") for kind in part]
    return JudgedFaces(**{name: np.concatenate(column) for name, column in columns.items()}, kinds=kinds)


def fit_linear_map(samples: JudgedFaces, settings: ConfidenceTraining) -> tuple[np.ndarray, np.ndarray]:
    """Ridge regression features -> targets: weights `[8590, 8]`, as rounded as the file holds them, and bias `[8]`."""
    x = samples.features[:, :N_READ].astype(np.float32) / 256
    y = samples.targets()
    mean_x, mean_y = x.mean(axis=0, dtype=np.float64), y.mean(axis=0)
    x -= mean_x.astype(np.float32)
    gram = (x @ x.T).astype(np.float64)
    penalty = settings.ridge * np.trace(gram) / N_READ
    weights = x.T.astype(np.float64) @ np.linalg.solve(gram + penalty * np.eye(len(x)), y - mean_y)
    weights = weights.astype(np.float16).astype(np.float64)
    return weights, mean_y - mean_x @ weights


def _numbers(weights: np.ndarray, bias: np.ndarray, samples: JudgedFaces) -> np.ndarray:
    linear = samples.features[:, :N_READ] / 256 @ weights + bias
    return np.concatenate([linear, own_numbers(samples.points, samples.score)], axis=1)


def fit_odds(designs: np.ndarray, truth: np.ndarray, settings: ConfidenceTraining) -> np.ndarray:
    """Logistic regressions `[q, 7]` from products `[n, q]` to answers `[n, 7]`."""
    odds = np.empty((designs.shape[1], truth.shape[1]))
    for answer in range(truth.shape[1]):
        fitted = LogisticRegression(C=settings.inverse_penalty, max_iter=2000).fit(designs[:, 1:], truth[:, answer])
        odds[:, answer] = fitted.intercept_[0], *fitted.coef_[0]
    return odds


class FittedConfidence(NamedTuple):
    """A model, and what it says of persons whom its regressions had not seen.

    Attributes
    ----------
    model : ConfidenceModel
    held_out : ndarray of float64
        Probabilities `[n, 7]` of `ANSWERS` for the unseen samples, from regressions fitted on other persons.
    """

    model: ConfidenceModel
    held_out: np.ndarray


def fit_confidence(
    seen: JudgedFaces, unseen: JudgedFaces, persons: np.ndarray, settings: ConfidenceTraining
) -> FittedConfidence:
    """The whole model.

    Parameters
    ----------
    seen : JudgedFaces
        Of persons on whom the landmark model was trained.
    unseen : JudgedFaces
        Of others.
    persons : ndarray of str
        Whom each unseen sample shows `[n]`.
    settings : ConfidenceTraining

    Returns
    -------
    FittedConfidence
        The model without a card.
    """
    weights, bias = fit_linear_map(seen, settings)
    numbers = _numbers(weights, bias, unseen)
    centre, scale = numbers.mean(axis=0), numbers.std(axis=0)
    designs, truth = products((numbers - centre) / scale), unseen.truth()
    order = {name: k for k, name in enumerate(np.random.default_rng(settings.seed).permutation(np.unique(persons)))}
    fold = np.array([order[person] % FOLDS for person in persons])
    held_out = np.empty(truth.shape)
    for number in range(FOLDS):
        out = fold == number
        odds = fit_odds(designs[~out], truth[~out], settings)
        held_out[out] = 1 / (1 + np.exp(-np.clip(designs[out] @ odds, -30, 30)))
    model = ConfidenceModel(weights, bias, centre, scale, fit_odds(designs, truth, settings))
    return FittedConfidence(model, held_out)


def calibration_curve(probability: np.ndarray, right: np.ndarray) -> list[dict[str, float]]:
    """Of each tenth from 0 to 1 that is not empty: how many of the n, mean probability, and share right."""
    which = np.minimum((probability * _BINS).astype(int), _BINS - 1)
    return [
        {
            "faces": int((which == k).sum()),
            "probability": round(float(probability[which == k].mean()), 4),
            "right": round(float(right[which == k].mean()), 4),
        }
        for k in np.unique(which)
    ]


def calibration_error(probability: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error of probabilities `[n]` in ten bins of equal width (Guo et al., ICML 2017)."""
    curve = calibration_curve(probability, right)
    return sum(bin_["faces"] * abs(bin_["probability"] - bin_["right"]) for bin_ in curve) / len(probability)


def measured(fitted: FittedConfidence, unseen: JudgedFaces) -> dict[str, dict[str, float]]:
    """Share right, calibration error and area under the ROC curve of each of `ANSWERS`, on persons held out."""
    from sklearn.metrics import roc_auc_score

    truth = unseen.truth()
    return {
        name: {
            "share": round(float(truth[:, k].mean()), 3),
            "calibration_error": round(calibration_error(fitted.held_out[:, k], truth[:, k]), 4),
            "auc": round(float(roc_auc_score(truth[:, k], fitted.held_out[:, k])), 4),
        }
        for k, name in enumerate(ANSWERS)
    }

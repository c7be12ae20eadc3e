"""What tells the two sides of a face apart, learnt from a teacher's scores of either side, and from halves of faces.

Ridge regression on the differences of both halves' features, without an intercept: each face counts with its mirror
image, whose differences have the other sign. Two kinds of targets:

- The teacher scores both sides: the difference of these scores.
- It does not: the left half of one face beside the mirrored left half of another face of the same person is a face
  whose sides differ as the two intensities do. Values of the middle line are left out of such faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from facs_pipeline.action_units.names import MAX_INTENSITY
from facs_pipeline.action_units.sides import SideModel
from facs_pipeline.action_units.training.cross_validation import make_folds
from facs_pipeline.action_units.training.recipe import BLOCK_WEIGHTS
from facs_pipeline.features.halves import face_halves, gradient_values, middle_values
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.evaluation.agreement import pearson, within_subject_pearson
from facs_pipeline.foundation.regression import ridge

SIDED_SCORES: dict[int, str] = {
    2: "browOuterUp",
    4: "browDown",
    5: "eyeWide",
    7: "eyeSquint",
    10: "mouthUpperUp",
    12: "mouthSmile",
    14: "mouthDimple",
    20: "mouthStretch",
    24: "mouthPress",
    45: "eyeBlink",
}
"""FACS number -> the teacher's score, which it gives for Left and Right: the person's own."""
FROM_HALVES: tuple[int, ...] = (1, 6, 9, 15)
"""Action units with two sides of which the teacher has one score, or scores that never move."""
PENALTIES: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03)
"""As shares of the sum of all values' squared weights."""
FEWEST_FACES = 20


@dataclass(frozen=True)
class SidedFaces:
    """Faces of which a teacher has scored both sides.

    Attributes
    ----------
    X : ndarray of uint8
        Features [n, 9055].
    blendshapes : ndarray
        Scores [n, b], 0..1.
    names : tuple of str
        Of the scores [b].
    intensities : ndarray
        Of the action units `FROM_HALVES` [n, h], 0..5, by an action-unit model.
    subjects : ndarray of str
        Whose face each is [n].
    """

    X: np.ndarray
    blendshapes: np.ndarray
    names: tuple[str, ...]
    intensities: np.ndarray
    subjects: np.ndarray

    def differences(self) -> np.ndarray:
        """Left less right by the teacher [n, u], in intensities."""
        missing = [f"{name}{side}" for name in SIDED_SCORES.values() for side in ("Left", "Right")
                   if f"{name}{side}" not in self.names]  # fmt: skip
        if missing:
            raise InputError(f"the labels lack the blendshapes {', '.join(missing)}")
        left, right = (
            self.blendshapes[:, [self.names.index(name + side) for name in SIDED_SCORES.values()]]
            for side in ("Left", "Right")
        )
        return MAX_INTENSITY * (left - right).astype(np.float64)


def train_sides(faces: SidedFaces, *, folds: int = 5, seed: int = 0) -> SideModel:
    """Learn what tells the sides apart, and measure it on persons that nothing was learnt from.

    Parameters
    ----------
    faces : SidedFaces
    folds : int
        Persons are split into so many.
    seed : int
        Of whose face the other half is.

    Returns
    -------
    SideModel
        Its card holds ``metrics_of_sides``: per action unit r of the differences over all faces, its mean within
        persons whose sides move apart (a standard deviation of 0.25), and their number.

    Raises
    ------
    InputError
        If persons are too few, or a score is missing.
    """
    columns, middle = _differences(faces.X), middle_values()
    weights = _weights(columns)
    own = columns * weights
    target = faces.differences()
    one, other = _pairs(faces.subjects, seed)
    left, right = (half.astype(np.float32) for half in face_halves(faces.X))
    made = np.where(middle, 0, (left[one] - right[other]) * weights)
    made_target = faces.intensities[one] - faces.intensities[other]
    fold_of = make_folds(faces.subjects, folds)
    total = float((_block_weights() ** 2).sum())
    of_teacher = _Half(own, target, fold_of, total)
    of_halves = _Half(made, made_target, fold_of[one], total)
    measures: dict[str, dict[str, Any]] = {}
    penalties: dict[str, float] = {}
    fitted: dict[int, np.ndarray] = {}
    for part, aus, subjects, labels in (
        (of_teacher, tuple(SIDED_SCORES), faces.subjects, "teacher"),
        (of_halves, FROM_HALVES, faces.subjects[one], "halves of two faces"),
    ):
        predicted, penalty = part.checked()
        coef, r = part.fit(penalty), pearson(part.target, predicted)
        within, persons = within_subject_pearson(part.target, predicted, subjects.tolist(), min_rows=FEWEST_FACES)
        for k, au in enumerate(aus):
            fitted[au] = coef[:, k] * weights
            measures[str(au)] = {
                "labels": labels,
                "r": round(float(r[k]), 4),
                "within_person_r": None if np.isnan(within[k]) else round(float(within[k]), 4),
                "within_persons": int(persons[k]),
                "std": round(float(part.target[:, k].std()), 4),
            }
            penalties[str(au)] = PENALTIES[penalty[k]]
    aus = tuple(sorted(fitted))
    card = {
        "metrics_of_sides": measures,
        "penalties": penalties,
        "images": len(faces.X),
        "persons": len(set(faces.subjects)),
        "folds": of_teacher.n_folds,
    }
    return SideModel(aus, np.column_stack([fitted[au] for au in aus]), card)


class _Half:
    """Ridge regression without an intercept from sums over the faces of each fold."""

    def __init__(self, columns: np.ndarray, target: np.ndarray, fold_of: np.ndarray, total: float) -> None:
        self.columns, self.target, self.fold_of, self._total = columns, target, fold_of, total
        self.n_folds = int(fold_of.max()) + 1
        zero, unit = np.zeros(columns.shape[1]), np.ones(columns.shape[1])
        self._sums = []
        for fold in range(self.n_folds):
            rows = np.flatnonzero(fold_of == fold)
            sums = ridge.sum_rows(columns, target, rows, zero, unit)
            # The same with each face's mirror image beside it: means are 0, products as they are.
            self._sums.append(ridge.Sums(sums.weight, 0 * sums.x, 0 * sums.y, sums.xx, sums.xy))

    def _path(self, folds: Sequence[int]) -> np.ndarray:
        """Weights [penalties, m, k]."""
        sums = self._sums[folds[0]]
        for fold in folds[1:]:
            sums += self._sums[fold]
        gram = sums.xx.astype(np.float64) / sums.weight
        target, unit = sums.xy / sums.weight, np.eye(len(gram))
        return np.stack([cho_solve(cho_factor(gram + s * self._total * unit), target) for s in PENALTIES])

    def fit(self, penalty: np.ndarray) -> np.ndarray:
        """Weights [m, k] by all faces, of each target for its penalty [k]."""
        return _chosen(self._path(range(self.n_folds)), penalty)

    def checked(self) -> tuple[np.ndarray, np.ndarray]:
        """Predictions [n, k] by models and penalties of other persons; and the penalties [k] for all persons."""
        everything = range(self.n_folds)
        predicted = np.empty(self.target.shape)
        outside = np.empty((len(PENALTIES), *self.target.shape))
        for outer in everything:
            rest = [fold for fold in everything if fold != outer]
            inner = np.full_like(outside, np.nan)
            for held in rest:
                rows = self.fold_of == held
                inner[:, rows] = self.columns[rows] @ self._path([fold for fold in rest if fold != held])
            rows, path = self.fold_of == outer, self._path(rest)
            outside[:, rows] = self.columns[rows] @ path
            predicted[rows] = self.columns[rows] @ _chosen(path, self._best(inner))
        return predicted, self._best(outside)

    def _best(self, predicted: np.ndarray) -> np.ndarray:
        """The penalty of the least mean squared error, for each target."""
        return np.argmin(np.nanmean((predicted - self.target) ** 2, axis=1), axis=0)


def _chosen(path: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    """Of weights [penalties, m, k] those of each target's penalty [k]."""
    return np.take_along_axis(path, penalty[None, None, :], axis=0)[0]


def _differences(X: np.ndarray) -> np.ndarray:
    left, right = face_halves(X)
    return (left - right).astype(np.float32)


def _block_weights() -> np.ndarray:
    weights = np.full(len(middle_values()), BLOCK_WEIGHTS["landmarks"])
    weights[gradient_values()] = BLOCK_WEIGHTS["hog"]
    return weights


def _weights(columns: np.ndarray) -> np.ndarray:
    """Standardised and weighted by block; values that hardly vary are not blown up to the full weight."""
    return (_block_weights() / (columns.std(axis=0) + 1)).astype(np.float32)


def _pairs(subjects: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Each face, and another one of the same person at random; persons with one face are left out."""
    rng = np.random.default_rng(seed)
    one, other = [], []
    for subject in np.unique(subjects):
        rows = np.flatnonzero(subjects == subject)
        if len(rows) > 1:
            order = rng.permutation(rows)
            one.append(order)
            other.append(np.roll(order, 1))
    if not one:
        raise InputError("sides of faces: nobody has two faces; expected several images a person")
    return np.concatenate(one), np.concatenate(other)

"""A model by codes of people on top of one by pseudo-labels: what FACS coders say corrects what the teacher says.

A teacher's scores follow a moving face closely, but its scores mean something else than the action units they stand
for. Codes by people mean the action units, but there are few. Each step is linear, so the result is one linear model:

1. ``h``: regression of the codes, 0 or 1, on the features and on the intensities ``t`` of the model by
   pseudo-labels, before they are limited: ridge, or ensembles of SVRs on balanced subsamples.
2. ``s = 3 (1 - share) h + share t``, with a share for each action unit; 0 where the teacher has no score for it.
3. The score ``gain (s - zero)``, which the model limits softly at 0. The gain puts the median of the faces coded with
   the action unit at 3 (FACS' C), as far as `_STEEPEST` allows. Zero is the least with which neutral faces have a
   mean intensity of at most 0.12 and 95 % of them at most 0.7. Without codes the teacher's 5 stays 5.

An action unit is present from the intensity on that names the coded faces best (F1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import rankdata

from facs_pipeline.action_units.model import ActionUnitModel, limited
from facs_pipeline.action_units.names import MAX_INTENSITY
from facs_pipeline.action_units.presence import NEVER
from facs_pipeline.action_units.training.cross_validation import make_folds
from facs_pipeline.action_units.training.recipe import Recipe, feature_weights
from facs_pipeline.action_units.training.svr_ensemble import SVREnsemble
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.foundation.regression import ridge
from facs_pipeline.foundation.regression.linear import mean_and_scale

PENALTIES: tuple[float, ...] = (0.0005, 0.001, 0.002, 0.004)
"""Of ridge, as shares of the sum of all features' squared weights."""
COSTS: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0)
"""Values of C of an ensemble of SVRs."""
SHARES: tuple[float, ...] = (0.2, 0.35, 0.5, 0.65, 0.8)
FEWEST_PERSONS = 10
"""On how many persons an action unit must be coded for its codes to decide; else the teacher has the largest share."""
LEAST_AUC = 0.8
"""An action unit without a score of the teacher's is left out if its codes are told worse on persons not trained on."""
LEVEL = 3.0
"""What a coded action unit counts on the scale of intensities: C."""
_TEACHER_WEIGHT = 0.14
"""What the teacher's intensities count together, beside all features together."""
_NEARLY_BEST = 0.01
_SOFTNESS = 0.35
_STEEPEST = 2.5
_FEWEST_CONFUSED = 8
_NEUTRAL_MEAN, _NEUTRAL_95 = 0.12, 0.7
RIDGE = Recipe(regressor="ridge", folds=10)


@dataclass(frozen=True)
class CodedFaces:
    """Faces coded by people.

    Attributes
    ----------
    X, mirrored : ndarray
        Features [n, d] of the faces, and of their mirror images.
    present : ndarray of bool
        ``[n, k]``.
    neutral : ndarray of bool
        Which faces [n] are neutral ones.
    subjects : ndarray of str
        Whose face each is [n].
    aus : tuple of int
        FACS numbers [k].
    """

    X: np.ndarray
    mirrored: np.ndarray
    present: np.ndarray
    neutral: np.ndarray
    subjects: np.ndarray
    aus: tuple[int, ...]

    def only(self, rows: np.ndarray) -> CodedFaces:
        """Some of the faces."""
        return replace(
            self,
            X=self.X[rows],
            mirrored=self.mirrored[rows],
            present=self.present[rows],
            neutral=self.neutral[rows],
            subjects=self.subjects[rows],
        )


@dataclass(frozen=True)
class _Choice:
    """Penalty, and for each action unit share, zero, gain, and the intensity from which on it is present [k]."""

    penalty: int
    share: np.ndarray
    zero: np.ndarray
    gain: np.ndarray
    presence: np.ndarray

    def scores(self, human: np.ndarray, teacher: np.ndarray) -> np.ndarray:
        return LEVEL * (1 - self.share) * human + self.share * teacher

    def intensities(self, human: np.ndarray, teacher: np.ndarray) -> np.ndarray:
        return limited(self.gain * (self.scores(human, teacher) - self.zero), _SOFTNESS)


def auc(scores: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of scores [n, k] for codes [n, k]; ties count half, NaN where all are alike."""
    ones = present.sum(axis=0)
    zeros = len(present) - ones
    ranks = np.where(present, rankdata(scores, axis=0), 0).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (ranks - ones * (ones + 1) / 2) / (ones * zeros)


def refine(
    model: ActionUnitModel, faces: CodedFaces, recipe: Recipe = RIDGE, *, progress: Progress = SILENT
) -> ActionUnitModel:
    """The model by codes of people on top of one by pseudo-labels.

    Parameters
    ----------
    model : ActionUnitModel
        By pseudo-labels. Its kernel correction is left out: it would pull towards the teacher.
    faces : CodedFaces
    recipe : Recipe
        Its regressor, block weights, folds, subsamples, draws and seed count.
    progress : Progress
        Told of the models made.

    Returns
    -------
    ActionUnitModel
        Of the teacher's action units, and of those coded on at least `FEWEST_PERSONS` persons. Its card holds
        ``metrics_on_codes``: on persons that nothing was learnt or chosen from.

    Raises
    ------
    InputError
        If there is no neutral face, or persons are too few.
    """
    if not faces.neutral.any() or faces.neutral.all():
        raise InputError("codes by people: expected coded faces and neutral ones")
    linear = ActionUnitModel(
        model.aus, model.weights, model.intercept, model.card, None, model.products, model.product_weights
    )
    persons = np.array([len(set(faces.subjects[faces.present[:, k]])) for k in range(len(faces.aus))])
    enough = {au for au, n in zip(faces.aus, persons, strict=True) if n >= FEWEST_PERSONS}
    data = _Refinement(faces, linear, tuple(sorted(enough | set(model.aus))), frozenset(enough), recipe)
    fold_of = make_folds(faces.subjects, recipe.folds)
    outer = range(int(fold_of.max()) + 1)
    human = np.empty((len(data.penalties), len(faces.X), len(data.aus)))
    intensities = np.empty((len(faces.X), len(data.aus)))
    present = np.empty(intensities.shape, bool)
    shares = np.empty((len(outer), len(data.aus)))
    with progress.task("codes by people: cross-validation", len(outer) ** 2, "models") as task:
        for fold in outer:
            rest, inner = fold_of != fold, np.full_like(human, np.nan)
            for held in outer:
                if held != fold:
                    train, test = rest & (fold_of != held), fold_of == held
                    inner[:, test] = data.human(train, test)
                    task.advance()
            choice = data.choose(inner, rest)
            test = ~rest
            human[:, test] = data.human(rest, test)
            intensities[test] = choice.intensities(human[choice.penalty, test], data.teacher[test])
            present[test] = intensities[test] >= choice.presence
            shares[fold] = choice.share
            task.advance()
    choice = data.choose(human, np.ones(len(faces.X), bool))
    measures = data.measures(intensities, present, recipe.n_bootstrap, recipe.seed)
    weak = {au: measures[str(au)]["auc"] for au in enough - set(model.aus) if measures[str(au)]["auc"] < LEAST_AUC}
    refined = data.fitted(choice, [k for k, au in enumerate(data.aus) if au not in weak])
    refined.card |= {
        "left_out": {str(au): f"codes are told with an AUC of {a:.2f} only" for au, a in sorted(weak.items())},
        "metrics_on_codes": {au: row for au, row in measures.items() if int(au) not in weak},
        "teacher_share": {
            str(au): round(float(s), 2) for au, s in zip(data.aus, choice.share, strict=True) if au not in weak
        },
        "images": len(faces.X),
        "persons": len(set(faces.subjects)),
        "codes": {
            "faces": int((~faces.neutral).sum()),
            "neutral_faces": int(faces.neutral.sum()),
            "folds": len(outer),
            "regressor": recipe.regressor,
            "block_weights": dict(recipe.block_weights),
            "penalty": data.penalties[choice.penalty],
        },
    }
    return refined


class _Refinement:
    """The coded faces with the teacher model's intensities, and what is learnt from some of them."""

    def __init__(
        self,
        faces: CodedFaces,
        linear: ActionUnitModel,
        aus: tuple[int, ...],
        enough: frozenset[int],
        recipe: Recipe,
    ) -> None:
        self.faces, self.linear, self.aus, self.enough, self.recipe = faces, linear, aus, enough, recipe
        self.penalties = PENALTIES if recipe.regressor == "ridge" else COSTS
        self.known = np.array([au in linear.aus for au in aus])
        self.coded = np.array([au in faces.aus for au in aus])
        self.present = np.zeros((len(faces.X), len(aus)), bool)
        self.present[:, self.coded] = faces.present[:, [faces.aus.index(au) for au in aus if au in faces.aus]]
        both = [linear.scores(X) for X in (faces.X, faces.mirrored)]
        self._columns = [
            np.concatenate([X, scores], axis=1).astype(np.float32)
            for X, scores in zip((faces.X, faces.mirrored), both, strict=True)
        ]
        weights = feature_weights({**recipe.block_weights, "modes": 1.0}, faces.X)
        self._total = float((weights**2).sum())
        of_teacher = np.sqrt(_TEACHER_WEIGHT * self._total / len(linear.aus))
        self._weights = np.concatenate([weights, np.full(len(linear.aus), of_teacher)])
        self.teacher = np.zeros((len(faces.X), len(aus)))
        self.teacher[:, self.known] = both[0][:, [linear.aus.index(au) for au in aus if au in linear.aus]]

    def _fit(self, train: np.ndarray, penalties: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
        """Weights [penalties, d, k] and intercepts [penalties, k] from the faces `train` and their mirror images."""
        rows = np.concatenate([columns[train] for columns in self._columns])
        codes = np.concatenate([self.present[train]] * 2).astype(np.float64)
        if self.recipe.regressor == "ridge":
            return ridge.solve_rows(rows, codes, [share * self._total for share in penalties], self._weights)
        ensemble = SVREnsemble(
            max_samples=self.recipe.max_samples, feature_weights=self._weights, random_state=self.recipe.seed
        )
        statistics = mean_and_scale(rows)
        members = [ensemble.fit_path(rows, y, penalties, statistics=statistics) for y in codes.T]
        coef, intercept = (np.stack([m[part].mean(axis=1) for m in members], axis=-1) for part in (0, 1))
        return coef, intercept

    def human(self, train: np.ndarray, test: np.ndarray) -> np.ndarray:
        """Scores [penalties, m, k] of the faces `test` by what is learnt from `train`."""
        coef, intercept = self._fit(train, self.penalties)
        return np.stack([self._columns[0][test] @ c + b for c, b in zip(coef, intercept, strict=True)])

    def choose(self, human: np.ndarray, rows: np.ndarray) -> _Choice:
        """Settings that do best on `rows`, from scores [penalties, n, k] by models that had not seen these persons."""
        peaks = rows & ~self.faces.neutral
        judged = [k for k, au in enumerate(self.aus) if au in self.enough]
        penalty = int(np.argmax([auc(h[peaks], self.present[peaks])[judged].mean() for h in human]))
        h, t = human[penalty], self.teacher
        share = np.where(self.known, max(SHARES), 0.0)
        for k in judged:
            if self.known[k]:
                of_share = [auc(LEVEL * (1 - s) * h[peaks, k, None] + s * t[peaks, k, None],
                                self.present[peaks, k, None])[0] for s in SHARES]  # fmt: skip
                share[k] = max(s for s, a in zip(SHARES, of_share, strict=True) if a >= max(of_share) - _NEARLY_BEST)
        share[self.known & ~self.coded] = 1.0
        draft = _Choice(penalty, share, np.zeros(len(share)), np.ones(len(share)), np.full(len(share), NEVER))
        scores, codes, neutral = draft.scores(h, t)[rows], self.present[rows], self.faces.neutral[rows]
        zero, gain, presence = draft.zero.copy(), draft.gain.copy(), draft.presence.copy()
        for k in range(len(self.aus)):
            zero[k], gain[k] = _zero_and_gain(scores[neutral, k], scores[codes[:, k], k] if k in judged else None)
        intensities = limited(gain * (scores - zero), _SOFTNESS)
        for k in judged:
            presence[k] = _best_f1(intensities[:, k], codes[:, k])
        return _Choice(penalty, share, zero, gain, presence)

    def fitted(self, choice: _Choice, columns: Sequence[int]) -> ActionUnitModel:
        """The model of all faces, of the action units in these columns."""
        coef, intercept = self._fit(np.ones(len(self.faces.X), bool), [self.penalties[choice.penalty]])
        d = len(self.linear.weights)
        share = np.zeros((len(self.linear.aus), len(self.aus)))
        for k, au in enumerate(self.aus):
            if au in self.linear.aus:
                share[self.linear.aus.index(au), k] = choice.share[k]
        human = LEVEL * (1 - choice.share)
        of_teacher = choice.gain * (share + human * coef[0, d:])
        linear, products = self.linear, self.linear.products
        weights = choice.gain * human * coef[0, :d] + linear.weights @ of_teacher
        intercept = choice.gain * (human * intercept[0] - choice.zero) + linear.intercept @ of_teacher
        presence = {
            str(self.aus[k]): float(level) for k, level in enumerate(choice.presence) if k in columns and level < NEVER
        }
        return ActionUnitModel(
            [self.aus[k] for k in columns],
            weights[:, columns],
            intercept[columns],
            settings={**linear.settings, "softness": _SOFTNESS, "presence": presence},
            products=products,
            product_weights=None if products is None else (linear.product_weights @ of_teacher)[:, columns],
        )

    def measures(
        self, intensities: np.ndarray, present: np.ndarray, n_bootstrap: int, seed: int
    ) -> dict[str, dict[str, Any]]:
        """Per action unit that was coded on anybody: AUC with its interval over persons, F1, and what neutral reads."""
        faces = self.faces
        peaks = ~faces.neutral
        above = intensities.copy()
        for subject in np.unique(faces.subjects):
            rows = faces.subjects == subject
            above[rows] -= np.median(intensities[rows & faces.neutral], axis=0)
        value, with_neutral = (auc(scores[peaks], self.present[peaks]) for scores in (intensities, above))
        low, high = _interval(intensities[peaks], self.present[peaks], faces.subjects[peaks], n_bootstrap, seed)
        neutral = intensities[faces.neutral]
        result: dict[str, dict[str, Any]] = {}
        for k, au in enumerate(self.aus):
            row: dict[str, Any] = {
                "neutral_mean": float(neutral[:, k].mean()),
                "neutral_p95": float(np.quantile(neutral[:, k], 0.95)),
            }
            coded = self.present[peaks, k]
            if coded.any():
                row |= {"coded": int(coded.sum()), "persons": len(set(faces.subjects[peaks][coded]))}
                row |= {"auc": value[k], "auc_low": low[k], "auc_high": high[k], "auc_above_neutral": with_neutral[k]}
            if au in self.enough:
                row |= {"f1": _f1(present[peaks, k], coded), "f1_chance": 2 * coded.mean() / (1 + coded.mean())}
                row["f1_with_neutral_faces"] = _f1(present[:, k], self.present[:, k])
                row["raised_by"] = self._raised_by(k, intensities[:, k])
            result[str(au)] = {name: round(float(x), 4) if isinstance(x, float) else x for name, x in row.items()}
        return result

    def _raised_by(self, k: int, intensities: np.ndarray) -> list[dict[str, float | int]]:
        """Of the faces without action unit `k`, which other codes go with the highest intensities of it."""
        rows = []
        for other, au in enumerate(self.aus):
            faces = self.present[:, other] & ~self.present[:, k]
            if other != k and faces.sum() >= _FEWEST_CONFUSED:
                rows.append({"au": au, "faces": int(faces.sum()), "mean": round(float(intensities[faces].mean()), 2)})
        return sorted(rows, key=lambda row: -row["mean"])[:3]


def _zero_and_gain(neutral: np.ndarray, coded: np.ndarray | None) -> tuple[float, float]:
    """Zero and gain of an action unit from scores of neutral faces, and of coded ones where there are enough."""
    for zero in np.quantile(neutral, np.linspace(0.5, 1, 51)):
        gain = MAX_INTENSITY / max(MAX_INTENSITY - zero, 1.0)
        if coded is not None:
            gain = min(LEVEL / max(float(np.median(coded)) - zero, 1e-6), _STEEPEST)
        intensities = limited(gain * (neutral - zero), _SOFTNESS)
        if intensities.mean() <= _NEUTRAL_MEAN and np.quantile(intensities, 0.95) <= _NEUTRAL_95:
            break
    return float(zero), gain


def _f1(said: np.ndarray, coded: np.ndarray) -> float:
    return float(2 * (said & coded).sum() / max(said.sum() + coded.sum(), 1))


def _best_f1(intensities: np.ndarray, coded: np.ndarray) -> float:
    """The intensity above 0 from which on the action unit is said to be there."""
    levels = np.unique(intensities[intensities > 0].round(2))
    scores = [_f1(intensities >= level, coded) for level in levels]
    return float(levels[int(np.argmax(scores))]) if len(levels) else NEVER


def _interval(
    scores: np.ndarray, present: np.ndarray, subjects: np.ndarray, n: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of the AUC [k] over draws of persons."""
    rows_of = [np.flatnonzero(subjects == subject) for subject in np.unique(subjects)]
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(n):
        rows = np.concatenate([rows_of[i] for i in rng.integers(len(rows_of), size=len(rows_of))])
        draws.append(auc(scores[rows], present[rows]))
    low, high = np.quantile(np.nan_to_num(draws, nan=0.5), [0.025, 0.975], axis=0)
    return low, high

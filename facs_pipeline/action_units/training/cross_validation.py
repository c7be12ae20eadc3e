"""Training action-unit models: cross-validation over persons, choice of the penalty on inner folds only, final fit.

The folds are made of persons. For each outer fold the penalty (ridge: alpha; SVR: C) is chosen for each action unit
by the concordance of predictions on the other folds, each predicted by models that saw neither it nor the outer fold;
then the outer fold is predicted by a model of all other folds. The final model takes the penalty that did best on
the inner folds of all outer folds together, and all rows. A correction of what linear models miss
(`facs_pipeline.action_units.training.kernel_correction`) is learnt from the same predictions: of the inner folds for an
outer one, of the outer folds for the final model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Protocol

import joblib
import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold

from facs_pipeline.action_units.names import MAX_INTENSITY
from facs_pipeline.action_units.training.kernel_correction import CorrectionTraining
from facs_pipeline.action_units.training.svr_ensemble import SVREnsemble
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.evaluation import agreement
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.foundation.regression import ridge
from facs_pipeline.foundation.regression.linear import batches, linear_predict

REGRESSORS: tuple[str, ...] = ("svr", "ridge")
RIDGE_ALPHAS: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
SVR_CS: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
# Takes a tenth of the time. One member wants a somewhat smaller C than the mean of ten, which varies less.
_INNER_MEMBERS = 1


@dataclass(frozen=True)
class TrainingSet:
    """Faces with intensities.

    Attributes
    ----------
    X : ndarray
        Features [n, d] of any number type.
    Y : ndarray
        Intensities [n, k], 0..5, NaN where unknown.
    subjects : ndarray of str
        Whose face each row [n] is.
    aus : tuple of int
        FACS numbers [k].
    weights : ndarray or None
        How much each row [n] counts for ridge; SVR ensembles balance by drawing instead.
    """

    X: np.ndarray
    Y: np.ndarray
    subjects: np.ndarray
    aus: tuple[int, ...]
    weights: np.ndarray | None = None

    def __post_init__(self) -> None:
        n, k = len(self.X), len(self.aus)
        if self.Y.shape != (n, k) or len(self.subjects) != n or (self.weights is not None and len(self.weights) != n):
            raise ValueError(f"{n} rows and {k} action units, but Y {self.Y.shape} and {len(self.subjects)} subjects")


@dataclass(frozen=True)
class CrossValidation:
    """Result of `cross_validate`.

    Attributes
    ----------
    predictions : ndarray of float32
        Of each row [n, k] by a model that was trained on nobody of its fold; 0..5.
    linear : ndarray of float32
        The same before the kernel correction, not limited to 0..5.
    folds : ndarray of int
        Fold of each row [n].
    penalties : tuple of float
        The choices.
    chosen : ndarray of int
        Which penalty each outer fold chose [folds, k].
    final : ndarray of int
        Which penalty the final model takes [k].
    """

    predictions: np.ndarray
    linear: np.ndarray
    folds: np.ndarray
    penalties: tuple[float, ...]
    chosen: np.ndarray
    final: np.ndarray


class Regressor(Protocol):
    """What `cross_validate` needs: linear models of the rows of some folds."""

    penalties: tuple[float, ...]

    def path(self, train: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Every penalty: coef [p, d, k], intercept [p, k]."""
        ...

    def fit(self, train: Sequence[int], chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Penalty `chosen` [k] of each action unit: coef [d, k], intercept [k]."""
        ...


@dataclass
class RidgeFolds:
    """Ridge from per-fold sums: rows are read once, and leaving folds out is a matter of adding up.

    With fewer rows than columns each model is solved from its rows instead, which is quicker then.
    """

    data: TrainingSet
    folds: np.ndarray
    feature_weights: np.ndarray | None = None
    penalties: tuple[float, ...] = RIDGE_ALPHAS
    _patterns: list[tuple[np.ndarray, list[ridge.Sums]]] = field(default_factory=list, repr=False)
    _paths: dict[frozenset[int], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        X, Y = self.data.X, self.data.Y
        self._from_rows = X.shape[0] < X.shape[1]
        statistics = _FoldStatistics(X, self.folds)
        self._shift, scale = statistics.mean_and_scale(range(statistics.n_folds))
        self._scale = ridge.safe_scale(scale)
        # Action units coded in the same rows share one Gram matrix.
        for pattern in np.unique(~np.isnan(Y), axis=1).T:
            columns = np.flatnonzero((~np.isnan(Y) == pattern[:, None]).all(axis=0))
            sums = [] if self._from_rows else [
                ridge.sum_rows(
                    X, Y[:, columns], np.flatnonzero(pattern & (self.folds == f)), self._shift, self._scale,
                    self.data.weights,
                )
                for f in range(statistics.n_folds)
            ]  # fmt: skip
            self._patterns.append((columns, sums))

    def path(self, train: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """See `Regressor`; stored as float32, since every pair of left-out folds is needed twice."""
        key = frozenset(train)
        if key not in self._paths:
            k, d = self.data.Y.shape[1], self.data.X.shape[1]
            coef = np.zeros((len(self.penalties), d, k), np.float32)
            intercept = np.zeros((len(self.penalties), k))
            for columns, sums in self._patterns:
                coef[:, :, columns], intercept[:, columns] = self._solve(columns, sums, sorted(key))
            self._paths[key] = coef, intercept
        return self._paths[key]

    def _solve(self, columns: np.ndarray, sums: list[ridge.Sums], train: list[int]) -> tuple[np.ndarray, np.ndarray]:
        if not self._from_rows:
            total = reduce(add, (sums[fold] for fold in train))
            return ridge.solve(total, self.penalties, self._shift, self._scale, self.feature_weights)
        rows = np.flatnonzero(np.isin(self.folds, train) & ~np.isnan(self.data.Y[:, columns[0]]))
        weights = None if self.data.weights is None else self.data.weights[rows]
        Y = self.data.Y[np.ix_(rows, columns)]
        return ridge.solve_rows(self.data.X[rows], Y, self.penalties, self.feature_weights, weights)

    def fit(self, train: Sequence[int], chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Regressor`."""
        coef, intercept = self.path(train)
        columns = np.arange(len(chosen))
        return coef[chosen, :, columns].T, intercept[chosen, columns]


@dataclass
class SVRFolds:
    """SVR ensembles on balanced subsamples, one for each action unit, in `jobs` processes."""

    data: TrainingSet
    folds: np.ndarray
    feature_weights: np.ndarray | None = None
    penalties: tuple[float, ...] = SVR_CS
    n_estimators: int = 10
    max_samples: int = 2000
    seed: int = 0
    jobs: int = 1

    def __post_init__(self) -> None:
        self._statistics = _FoldStatistics(self.data.X, self.folds)

    def path(self, train: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """See `Regressor`; with few members, for choosing only."""
        parts = self._each(train, [self.penalties] * len(self.data.aus), _INNER_MEMBERS)
        return np.stack([c for c, _ in parts], axis=2), np.stack([b for _, b in parts], axis=1)

    def fit(self, train: Sequence[int], chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Regressor`; the whole ensemble."""
        parts = self._each(train, [[self.penalties[c]] for c in chosen], self.n_estimators)
        return np.column_stack([c[0] for c, _ in parts]), np.array([b[0] for _, b in parts])

    def _each(
        self, train: Sequence[int], costs: Sequence[Sequence[float]], members: int
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        statistics = self._statistics.mean_and_scale(train)
        inside = np.isin(self.folds, list(train))
        run = joblib.Parallel(n_jobs=self.jobs, prefer="threads")
        return run(joblib.delayed(self._one)(k, costs[k], members, inside, statistics) for k in range(len(costs)))

    def _one(
        self,
        k: int,
        costs: Sequence[float],
        members: int,
        inside: np.ndarray,
        statistics: tuple[np.ndarray, np.ndarray],
    ) -> tuple[np.ndarray, np.ndarray]:
        rows = np.flatnonzero(inside & ~np.isnan(self.data.Y[:, k]))
        ensemble = SVREnsemble(
            n_estimators=members,
            max_samples=self.max_samples,
            feature_weights=self.feature_weights,
            random_state=self.seed,
        )
        coef, intercept = ensemble.fit_path(self.data.X, self.data.Y[:, k], costs, rows=rows, statistics=statistics)
        return coef.mean(axis=1), intercept.mean(axis=1)


class _FoldStatistics:
    """Mean and deviation of the columns over any choice of folds, from sums over each fold."""

    def __init__(self, X: np.ndarray, folds: np.ndarray) -> None:
        self.n_folds = int(folds.max()) + 1
        # A shift near the mean keeps the squares from drowning in rounding.
        self._shift = X[: min(len(X), 256)].mean(axis=0, dtype=np.float64)
        self._n = np.bincount(folds, minlength=self.n_folds).astype(np.float64)
        self._sum = np.zeros((self.n_folds, X.shape[1]))
        self._square = np.zeros_like(self._sum)
        for part in batches(len(X)):
            z = X[part] - self._shift
            for fold in np.unique(folds[part]):
                inside = z[folds[part] == fold]
                self._sum[fold] += inside.sum(axis=0)
                self._square[fold] += np.einsum("ij,ij->j", inside, inside)

    def mean_and_scale(self, folds: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        folds = sorted(folds)
        n = self._n[folds].sum()
        mean = self._sum[folds].sum(axis=0) / n
        variance = self._square[folds].sum(axis=0) / n - mean**2
        return mean + self._shift, np.sqrt(np.maximum(variance, 0.0))


def make_folds(subjects: Sequence[str] | np.ndarray, n_folds: int = 5) -> np.ndarray:
    """Folds of similar size; all rows of a person share one.

    Parameters
    ----------
    subjects : sequence of str
        Whose face each row [n] is.
    n_folds : int
        How many folds; as many as there are persons where these are fewer.

    Returns
    -------
    ndarray of int
        Fold of each row [n], 0..n_folds - 1.

    Raises
    ------
    InputError
        With fewer than 3 persons: one to test on, one to choose the penalty on, one to train on.
    """
    persons = len(np.unique(subjects))
    if persons < 3:
        raise InputError(
            f"{persons} person{'s' if persons != 1 else ''} with usable faces; at least 3 are needed, to test, "
            "to choose the penalty and to train on different people"
        )
    folds = np.empty(len(subjects), dtype=np.intp)
    splitter = GroupKFold(n_splits=max(3, min(n_folds, persons)))
    for number, (_, test) in enumerate(splitter.split(np.zeros(len(subjects)), groups=subjects)):
        folds[test] = number
    return folds


def cross_validate(
    regressor: Regressor,
    data: TrainingSet,
    folds: np.ndarray,
    *,
    correction: CorrectionTraining | None = None,
    progress: Progress = SILENT,
) -> CrossValidation:
    """Predict each fold from the others, choosing penalties on inner folds only; see the module's text.

    Parameters
    ----------
    regressor : Regressor
        Linear models of `data` on `folds`.
    data : TrainingSet
    folds : ndarray of int
        Fold of each row [n], see `make_folds`.
    correction : CorrectionTraining, optional
        Corrects the linear predictions.
    progress : Progress
        Told of each of the (folds x folds) linear models made.
    """
    n_folds, (n, k) = int(folds.max()) + 1, data.Y.shape
    everything = range(n_folds)
    scores = np.empty((n_folds, len(regressor.penalties), k))
    chosen = np.empty((n_folds, k), dtype=np.intp)
    predictions, linear = np.empty((2, n, k), np.float32)
    inner = np.full((len(regressor.penalties), n, k), np.nan, np.float32)
    with progress.task("cross-validation", n_folds * n_folds, "models") as task:
        for outer in everything:
            inner[:, folds == outer] = np.nan
            for held in everything:
                if held == outer:
                    continue
                coef, intercept = regressor.path([f for f in everything if f not in (outer, held)])
                rows = np.flatnonzero(folds == held)
                inner[:, rows] = np.moveaxis(_predict(data.X, rows, coef, intercept), 1, 0)
                task.advance()
            scores[outer] = [agreement.ccc(data.Y, np.clip(one, 0.0, MAX_INTENSITY)) for one in inner]
            chosen[outer] = _best(scores[outer])
            rows = np.flatnonzero(folds == outer)
            coef, intercept = regressor.fit([f for f in everything if f != outer], chosen[outer])
            linear[rows] = predictions[rows] = _predict(data.X, rows, coef[None], intercept[None])[:, 0]
            if correction is not None:
                learnt = correction.fit(folds != outer, inner[chosen[outer], :, np.arange(k)].T)
                predictions[rows] += learnt.predict(correction.coordinates[rows], linear[rows])
            task.advance()
    np.clip(predictions, 0.0, MAX_INTENSITY, out=predictions)
    return CrossValidation(predictions, linear, folds, tuple(regressor.penalties), chosen, _best(scores.mean(axis=0)))


def _best(scores: np.ndarray) -> np.ndarray:
    """Position of the best penalty [k] from scores [p, k]; the first where none is defined."""
    return np.argmax(np.nan_to_num(scores, nan=-2.0), axis=0)


def _predict(X: np.ndarray, rows: np.ndarray, coef: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    """Predictions [m, p, k] of X[rows] by p models at once: one product for all of them."""
    p, d, k = coef.shape
    flat = np.ascontiguousarray(np.moveaxis(coef, 1, 0).reshape(d, p * k))
    out = np.empty((len(rows), p * k), np.float32)
    for part in batches(len(rows)):
        out[part] = linear_predict(X[rows[part]], flat, intercept.ravel())
    return out.reshape(-1, p, k)


def reasons_to_leave_out(
    table: pd.DataFrame, Y: np.ndarray, *, min_r: float = 0.3, min_std: float = 0.02
) -> dict[int, str]:
    """Why action units should be left out of the model.

    Parameters
    ----------
    table : DataFrame
        What `agreement.agreement` gives for cross-validated predictions.
    Y : ndarray
        The intensities [n, k] trained on.
    min_r : float
        Least correlation on persons not trained on.
    min_std : float
        Least standard deviation of the intensities; below it there is nothing to learn.

    Returns
    -------
    dict of int to str
        FACS number -> reason; empty where all are usable.
    """
    reasons = {}
    for position, au in enumerate(table.index):
        deviation = float(np.nanstd(Y[:, position])) if (~np.isnan(Y[:, position])).any() else 0.0
        if deviation < min_std:
            reasons[int(au)] = f"its intensities hardly vary (standard deviation {deviation:.3f})"
        elif not table.loc[au, "r"] >= min_r:
            reasons[int(au)] = f"not predicted on unseen persons (r {table.loc[au, 'r']:.2f}, at least {min_r} needed)"
    return reasons

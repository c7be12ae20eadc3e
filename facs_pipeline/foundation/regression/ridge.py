"""Ridge regression from sums over rows: any number of rows, all targets, several penalties, cheap folds.

The normal equations need only X'X and X'Y. Both are sums over rows, so rows are read once, batch by batch;
leaving a fold out is a subtraction, and every penalty costs one Cholesky factorisation for all targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils._param_validation import Interval, Real
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from facs_pipeline.foundation.regression.linear import batches, folding, linear_predict, mean_and_scale


@dataclass(frozen=True)
class Sums:
    """Weighted sums over rows of columns (x - shift) / scale; add and subtract like numbers.

    Attributes
    ----------
    weight : float, sum of the row weights.
    x [d], y [k], xx [d, d], xy [d, k] : sums of x, y, x x' and x y'.
    """

    weight: float
    x: np.ndarray
    y: np.ndarray
    xx: np.ndarray
    xy: np.ndarray

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(a + b for a, b in zip(self._parts(), other._parts(), strict=True)))

    def __sub__(self, other: Sums) -> Sums:
        return Sums(*(a - b for a, b in zip(self._parts(), other._parts(), strict=True)))

    def _parts(self):
        return self.weight, self.x, self.y, self.xx, self.xy


def sum_rows(
    X: np.ndarray,
    Y: np.ndarray,
    rows: np.ndarray,
    shift: np.ndarray,
    scale: np.ndarray,
    sample_weight: np.ndarray | None = None,
    *,
    dtype: type = np.float32,
) -> Sums:
    """Sums over X[rows] [m, d] and Y[rows] [m, k], read batch by batch.

    `shift` and `scale` only have to be near the columns' mean and deviation: they keep the sums of squares
    from drowning in rounding. `solve` takes the exact ones from the sums.
    """
    d, k = X.shape[1], Y.shape[1]
    rows = np.asarray(rows)
    total, x, y = 0.0, np.zeros(d), np.zeros(k)
    xx, xy = np.zeros((d, d), dtype), np.zeros((d, k))
    shift, factor = shift.astype(dtype), (1 / scale).astype(dtype)
    for part in batches(len(rows)):
        chosen = rows[part]
        z = (X[chosen].astype(dtype) - shift) * factor
        w = np.ones(len(chosen)) if sample_weight is None else sample_weight[chosen].astype(np.float64)
        weighted = z * np.sqrt(w).astype(dtype)[:, None]
        total += float(w.sum())
        x += w @ z
        y += w @ Y[chosen]
        xx += weighted.T @ weighted
        xy += z.T.astype(np.float64) @ (w[:, None] * Y[chosen])
    return Sums(total, x, y, xx, xy)


def solve(
    sums: Sums,
    alphas: Sequence[float],
    shift: np.ndarray,
    scale: np.ndarray,
    feature_weights: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Minimise mean (y - x w - b)^2 + alpha |w|^2 over standardised, weighted columns.

    Parameters
    ----------
    sums : what `sum_rows` gives for the same `shift` and `scale`.
    alphas : penalties, each above 0; relative to one row, hence the same for any number of rows.
    feature_weights : None or [d], multiplied onto the standardised columns.

    Returns
    -------
    coef [a, d, k], intercept [a, k]
        For raw columns.

    References
    ----------
    Hoerl and Kennard, "Ridge regression", Technometrics 12, 1970, doi:10.2307/1267351.
    """
    mean, mean_y = sums.x / sums.weight, sums.y / sums.weight
    gram = sums.xx.astype(np.float64)
    gram /= sums.weight
    gram -= np.outer(mean, mean)
    deviation = np.sqrt(np.maximum(np.diag(gram), 0.0))
    fold = folding(np.ones_like(mean), deviation, feature_weights)
    gram *= fold
    gram *= fold[:, None]
    target = (sums.xy / sums.weight - np.outer(mean, mean_y)) * fold[:, None]
    coef = np.empty((len(alphas), *target.shape))
    intercept = np.empty((len(alphas), len(mean_y)))
    diagonal = np.diag(gram).copy()
    for position, alpha in enumerate(alphas):
        penalised = gram.copy()
        np.fill_diagonal(penalised, diagonal + alpha)
        factor = cho_factor(penalised, lower=True, overwrite_a=True, check_finite=False)
        inner = cho_solve(factor, target, check_finite=False) * fold[:, None]
        intercept[position] = mean_y - mean @ inner
        coef[position] = inner / scale[:, None]
        intercept[position] -= shift @ coef[position]
    return coef, intercept


def solve_rows(
    X: np.ndarray,
    Y: np.ndarray,
    alphas: Sequence[float],
    feature_weights: np.ndarray | None = None,
    sample_weight: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The same as `solve`, from rows X [n, d], Y [n, k] themselves: quicker with fewer rows than columns.

    Returns
    -------
    coef [a, d, k], intercept [a, k]

    References
    ----------
    Saunders, Gammerman, Vovk, "Ridge regression learning algorithm in dual variables", ICML 1998.
    """
    X = X.astype(np.float64)
    w = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    mean, mean_y = w @ X / w.sum(), w @ Y / w.sum()
    z = X - mean
    fold = folding(mean, np.sqrt(w @ z**2 / w.sum()), feature_weights)
    root = np.sqrt(w)[:, None]
    z *= fold * root
    kernel = z @ z.T
    coef = np.empty((len(alphas), X.shape[1], Y.shape[1]))
    diagonal = np.diag(kernel).copy()
    for position, alpha in enumerate(alphas):
        np.fill_diagonal(kernel, diagonal + alpha * w.sum())
        dual = cho_solve(cho_factor(kernel, lower=True, check_finite=False), root * (Y - mean_y), check_finite=False)
        coef[position] = fold[:, None] * (z.T @ dual)
    return coef, mean_y - np.einsum("d,adk->ak", mean, coef)


def safe_scale(scale: np.ndarray) -> np.ndarray:
    """The deviations with 1 for constant columns, to divide by."""
    return np.where(scale > 0, scale, 1.0)


class BatchedRidge(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Ridge regression on standardised columns for more rows than fit into memory as floats.

    Parameters
    ----------
    alpha : penalty per row, on standardised columns (scikit-learn's ``Ridge`` has ``alpha`` times the number of rows).
    feature_weights : None or ndarray [d] of 0 or more
        Multiplied onto the standardised columns; a larger weight is regularised less.

    Attributes
    ----------
    coef_ [d] or [d, k], intercept_ (float) or [k] : for raw columns; ``predict(X) = X @ coef_ + intercept_``.

    Example
    -------
    >>> X = np.arange(12.0).reshape(6, 2) % 5
    >>> BatchedRidge(alpha=1e-6).fit(X, X[:, 0] - X[:, 1]).predict([[3, 1]]).round(3)
    array([2.])
    """

    _parameter_constraints = {  # noqa: RUF012  scikit-learn's own convention
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "feature_weights": [None, "array-like"],
    }

    def __init__(self, alpha: float = 0.3, *, feature_weights: np.ndarray | None = None):
        self.alpha = alpha
        self.feature_weights = feature_weights

    def fit(self, X, y, sample_weight=None) -> BatchedRidge:
        """X [n, d] of any number type (it is not copied as a whole), y [n] or [n, k], sample_weight [n]."""
        self._validate_params()
        X, y = validate_data(
            self, X, y, dtype=[np.float64, np.float32, np.float16, np.uint8], multi_output=True, y_numeric=True
        )
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        Y = y.reshape(len(y), -1).astype(np.float64)
        if len(X) < X.shape[1]:
            coef, intercept = solve_rows(X, Y, [self.alpha], self.feature_weights, sample_weight)
        else:
            shift, scale = mean_and_scale(X)
            scale = safe_scale(scale)
            wide = np.float64 if X.dtype.itemsize >= 8 else np.float32
            sums = sum_rows(X, Y, np.arange(len(X)), shift, scale, sample_weight, dtype=wide)
            coef, intercept = solve(sums, [self.alpha], shift, scale, self.feature_weights)
        self.coef_, self.intercept_ = coef[0], intercept[0]
        if y.ndim == 1:
            self.coef_, self.intercept_ = coef[0, :, 0], float(intercept[0, 0])
        return self

    def predict(self, X) -> np.ndarray:
        """Predictions [n] or [n, k], float64."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32, np.float16, np.uint8], reset=False)
        return linear_predict(X, self.coef_, self.intercept_)

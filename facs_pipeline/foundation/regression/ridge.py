"""Ridge regression from sums over rows: any number of rows, all targets, several penalties, cheap folds.

The normal equations need only X'X and X'Y. Both are sums over rows, so rows are read once, batch by batch;
leaving a fold out is a subtraction, and every penalty costs one Cholesky factorisation for all targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils._param_validation import Interval  # noqa: PLC2701  what scikit-learn's own estimators use
from sklearn.utils.validation import (
    _check_sample_weight,  # noqa: PLC2701  the same
    check_is_fitted,
    validate_data,
)

from facs_pipeline.foundation.regression.linear import batches, folding, linear_predict, mean_and_scale


@dataclass(frozen=True)
class Sums:
    """Weighted sums over rows of columns (x - shift) / scale; add and subtract like numbers.

    Attributes
    ----------
    weight : float
        Sum of the rows' weights.
    x, y, xx, xy : ndarray
        Sums of x `[d]`, y `[k]`, x x' `[d, d]` and x y' `[d, k]`.
    """

    weight: float
    x: np.ndarray
    y: np.ndarray
    xx: np.ndarray
    xy: np.ndarray

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.weight + other.weight, self.x + other.x, self.y + other.y, self.xx + other.xx, self.xy + other.xy
        )

    def __sub__(self, other: Sums) -> Sums:
        return Sums(
            self.weight - other.weight, self.x - other.x, self.y - other.y, self.xx - other.xx, self.xy - other.xy
        )


def sum_rows(
    X: np.ndarray,
    Y: np.ndarray,
    rows: np.ndarray,
    shift: np.ndarray,
    scale: np.ndarray,
    sample_weight: np.ndarray | None = None,
    *,
    dtype: type[np.float32 | np.float64] = np.float32,
) -> Sums:
    """Sums over some rows, read batch by batch.

    Parameters
    ----------
    X, Y : ndarray
        Columns `[n, d]` and targets `[n, k]`.
    rows : ndarray of int
        Which rows `[m]`.
    shift, scale : ndarray
        Near the columns' mean and deviation `[d]`: they keep the sums of squares from drowning in rounding. `solve`
        takes the exact ones from the sums.
    sample_weight : ndarray, optional
        Weight of each row `[n]`.
    dtype : type
        Of the sums of squares.

    Returns
    -------
    Sums
        Of ``X[rows]`` and ``Y[rows]``.
    """
    d, k = X.shape[1], Y.shape[1]
    rows = np.asarray(rows)
    total, x, y = 0.0, np.zeros(d), np.zeros(k)
    xx: np.ndarray = np.zeros((d, d), dtype)
    xy = np.zeros((d, k))
    shift = shift.astype(dtype)
    factor: np.ndarray = (1 / scale).astype(dtype)
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
    sums : Sums
        Of `sum_rows`, for the same `shift` and `scale`.
    alphas : sequence of float
        Penalties `[a]`, each above 0; relative to one row, hence the same for any number of rows.
    shift, scale : ndarray
        As given to `sum_rows` `[d]`.
    feature_weights : ndarray, optional
        Multiplied onto the standardised columns `[d]`.

    Returns
    -------
    coef : ndarray of float64
        For raw columns `[a, d, k]`.
    intercept : ndarray of float64
        `[a, k]`.

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
    """The same as `solve`, from the rows themselves: quicker with fewer rows than columns.

    Parameters
    ----------
    X, Y : ndarray
        Columns `[n, d]` and targets `[n, k]`.
    alphas : sequence of float
        Penalties `[a]`, as for `solve`.
    feature_weights : ndarray, optional
        As for `solve` `[d]`.
    sample_weight : ndarray, optional
        Weight of each row `[n]`.

    Returns
    -------
    coef : ndarray of float64
        For raw columns `[a, d, k]`.
    intercept : ndarray of float64
        `[a, k]`.

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
    alpha : float
        Penalty per row, on standardised columns (scikit-learn's ``Ridge`` has ``alpha`` times the number of rows).
    feature_weights : ndarray, optional
        0 or more, multiplied onto the standardised columns `[d]`; a larger weight is regularised less.

    Attributes
    ----------
    coef_ : ndarray
        For raw columns, `[d]` or `[d, k]`: ``predict(X) = X @ coef_ + intercept_``.
    intercept_ : float or ndarray
        Of one target, or of each `[k]`.

    Examples
    --------
    >>> X = np.arange(12.0).reshape(6, 2) % 5
    >>> BatchedRidge(alpha=1e-6).fit(X, X[:, 0] - X[:, 1]).predict([[3, 1]]).round(3)
    array([2.])
    """

    _parameter_constraints = {  # noqa: RUF012  scikit-learn's own convention
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "feature_weights": [None, "array-like"],
    }

    coef_: np.ndarray
    intercept_: float | np.ndarray

    def __init__(self, alpha: float = 0.3, *, feature_weights: np.ndarray | None = None) -> None:
        self.alpha = alpha
        self.feature_weights = feature_weights

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> BatchedRidge:
        """Fit to X `[n, d]` of any number type, which is not copied as a whole, and y `[n]` or `[n, k]`."""
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

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predictions `[n]` or `[n, k]` for X `[n, d]`, float64."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32, np.float16, np.uint8], reset=False)
        return linear_predict(X, self.coef_, self.intercept_)

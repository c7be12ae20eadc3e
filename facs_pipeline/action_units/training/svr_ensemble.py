"""Ensembles of linear support vector regressors on balanced subsamples, the published AU regressor; training only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.svm import SVR
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Real  # noqa: PLC2701  as scikit-learn's own estimators do
from sklearn.utils.validation import check_is_fitted, validate_data

from facs_pipeline.action_units.names import MAX_INTENSITY
from facs_pipeline.deprecated import renamed_parameters
from facs_pipeline.foundation.regression.linear import folding, linear_predict, mean_and_scale


def balanced_rows(y: np.ndarray, max_rows: int, random: np.random.RandomState, level_width: float = 1.0) -> np.ndarray:
    """Indices of a random subsample in which the intensity levels are as equally frequent as the data allow.

    Levels are intensities rounded to multiples of `level_width`. Frequent levels are cut down to one common
    size, chosen so that at most `max_rows` remain; rare levels stay whole, and the most frequent level never
    outweighs all others together.

    Parameters
    ----------
    y : ndarray
        Intensities [n].
    max_rows : int
        Size of the subsample at most.
    random : RandomState
        Where the draws come from.
    level_width : float
        Distance of the levels.

    Returns
    -------
    ndarray of int
        Sorted row numbers [m], m <= max_rows, none twice.

    References
    ----------
    Werner, Saxen, Al-Hamadi, "Handling Data Imbalance in Automatic Facial Action Intensity Estimation", BMVC 2015.
    """
    levels, level, counts = np.unique(np.round(np.asarray(y) / level_width), return_inverse=True, return_counts=True)
    cap = counts.max()
    if len(levels) > 1:
        cap = min(cap, counts.sum() - counts.max())
    if np.minimum(counts, cap).sum() > max_rows:
        candidates = np.arange(1, cap + 1)
        totals = np.minimum(counts[:, None], candidates).sum(axis=0)
        cap = max(1, int(np.searchsorted(totals, max_rows, side="right")))
    chosen = [random.permutation(np.flatnonzero(level == one))[:cap] for one in range(len(levels))]
    return np.sort(random.permutation(np.concatenate(chosen))[:max_rows])


class SVREnsemble(RegressorMixin, BaseEstimator):
    """Mean of linear support vector regressors, each trained on its own balanced subsample.

    Columns are standardised over all rows given. Each member is solved in the dual on the kernel matrix of its
    subsample, whose cost hardly depends on the number of columns. After fitting, members, standardising and
    column weights are one weight vector: ``predict(X) = X @ coef_ + intercept_``.

    There is no ``sample_weight``: how often an intensity level is drawn is what this estimator decides itself.

    Parameters
    ----------
    C : float
        How much errors cost, for rows whose weighted standardised columns have a mean square length of 1 (the
        kernel is divided by the sum of squared column weights), so that it means the same for any number of columns.
    epsilon : float
        Errors below it cost nothing; in level widths.
    n_estimators : int
        Number of subsamples.
    max_samples : int
        Rows in a subsample at most.
    level_width : float or None
        Distance of the intensity levels that are balanced, see `balanced_rows`. None: a fifth of the range of `y`, but
        1 at most; intensities that never get far above 0 are thus balanced within the range they have.
    feature_weights : ndarray or None
        Multiplied onto the standardised columns [d], 0 or more; a larger weight is regularised less.
    random_state : int or None
        Seed of the subsamples.

    Attributes
    ----------
    coef_ : ndarray
        Weights [d] of the folded ensemble, for raw columns.
    intercept_ : float
        Its intercept.
    member_coef_ : ndarray
        Weights [n_estimators, d] of its members.
    member_intercept_ : ndarray
        Their intercepts [n_estimators].

    References
    ----------
    Werner, Saxen, Al-Hamadi, BMVC 2015; Saxen, Werner, Al-Hamadi, "Real vs. Fake Emotion Challenge: Learning to
    Rank Authenticity From Facial Activity Descriptors", ICCVW 2017.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> X = random.normal(size=(300, 5)); y = np.clip(X[:, 0] + 1, 0, 5)
    >>> bool(SVREnsemble(n_estimators=3).fit(X, y).score(X, y) > 0.5)
    True
    """

    _parameter_constraints = {  # noqa: RUF012  scikit-learn's own convention
        "C": [Interval(Real, 0, None, closed="neither")],
        "epsilon": [Interval(Real, 0, None, closed="left")],
        "level_width": [None, Interval(Real, 0, None, closed="neither")],
        "n_estimators": [Interval(Real, 1, None, closed="left")],
        "max_samples": [Interval(Real, 1, None, closed="left")],
        "feature_weights": [None, "array-like"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        C: float = 1.0,
        *,
        epsilon: float = 0.1,
        n_estimators: int = 10,
        max_samples: int = 2000,
        level_width: float | None = None,
        feature_weights: np.ndarray | None = None,
        random_state: int | None = 0,
    ) -> None:
        self.C = C
        self.epsilon = epsilon
        self.n_estimators = n_estimators
        self.max_samples = max_samples
        self.level_width = level_width
        self.feature_weights = feature_weights
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> SVREnsemble:
        """Train on X [n, d] of any number type (it is not copied as a whole) and intensities y [n]."""
        self._validate_params()
        X, y = validate_data(
            self, X, y, dtype=[np.float64, np.float32, np.float16, np.uint8], y_numeric=True, ensure_min_samples=2
        )
        coef, intercept = self.fit_path(X, y, [self.C])
        self.member_coef_, self.member_intercept_ = coef[0], intercept[0]
        self.coef_, self.intercept_ = coef[0].mean(axis=0), float(intercept[0].mean())
        return self

    @renamed_parameters(Cs="costs")
    def fit_path(
        self,
        X: np.ndarray,
        y: np.ndarray,
        costs: Sequence[float],
        *,
        rows: np.ndarray | None = None,
        statistics: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Members for several C at once, sharing each subsample's kernel; sets no attributes.

        Parameters
        ----------
        X, y : ndarray
            As for `fit`, but not checked.
        costs : sequence of float
            Values of C.
        rows : ndarray of int, optional
            The rows to draw from; all unless given.
        statistics : tuple of ndarray, optional
            The columns' mean [d] and standard deviation [d] over those rows, where they are known already.

        Returns
        -------
        coef : ndarray
            ``[c, m, d]`` of c values of C and m members.
        intercept : ndarray
            ``[c, m]``.
        """
        random = check_random_state(self.random_state)
        rows = np.arange(len(X)) if rows is None else rows
        mean, scale = mean_and_scale(X[rows]) if statistics is None else statistics
        fold = folding(mean, scale, self.feature_weights)
        width = self.level_width
        if width is None:
            width = min(1.0, float(np.ptp(y[rows])) / MAX_INTENSITY) or 1.0
        # The mean square length of a standardised, weighted row.
        length = max(float(((fold * scale) ** 2).sum()), 1e-300)
        coef = np.zeros((len(costs), int(self.n_estimators), X.shape[1]))
        intercept = np.zeros(coef.shape[:2])
        for member in range(int(self.n_estimators)):
            drawn = rows[balanced_rows(y[rows], int(self.max_samples), random, width)]
            z = ((X[drawn] - mean) * fold).astype(np.float32 if X.dtype.itemsize < 8 else np.float64)
            kernel = (z @ z.T).astype(np.float64) / length
            for position, c in enumerate(costs):
                machine = SVR(kernel="precomputed", C=c, epsilon=self.epsilon).fit(kernel, y[drawn] / width)
                weights = fold * (machine.dual_coef_[0] @ z[machine.support_]) * (width / length)
                coef[position, member] = weights
                intercept[position, member] = machine.intercept_[0] * width - mean @ weights
        return coef, intercept

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Intensities [n], float64, not clipped."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32, np.float16, np.uint8], reset=False)
        return linear_predict(X, self.coef_, self.intercept_)

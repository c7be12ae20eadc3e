"""Kernel ridge classification that treats a face and its mirror image alike, for tens of thousands of training faces.

With features split into a symmetric part s and an antisymmetric part a, the mirror image of (s, a) is (s, -a). The
kernel

    k(x, y) = exp(-gamma |x - y|^2) + exp(-gamma |x - mirror y|^2)

is that of training on every face and its mirror image, without twice the rows.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from facs_pipeline.foundation.progress import SILENT, Progress

_BLOCK = 2048


def mirror_kernel(X: np.ndarray, Y: np.ndarray, n_symmetric: int, gamma: float) -> np.ndarray:
    """The kernel between two sets of rows.

    Parameters
    ----------
    X, Y : ndarray of float32
        Features `[n, d]` and `[m, d]`, the symmetric part first.
    n_symmetric : int
        Columns of the symmetric part.
    gamma : float
        Inverse width, above 0.

    Returns
    -------
    ndarray of float32
        `[n, m]`, 0..2.
    """
    kernel = np.empty((len(X), len(Y)), np.float32)
    squares = np.einsum("ij,ij->i", Y, Y)
    for start in range(0, len(X), _BLOCK):
        rows = slice(start, start + _BLOCK)
        symmetric = X[rows, :n_symmetric] @ Y[:, :n_symmetric].T
        antisymmetric = X[rows, n_symmetric:] @ Y[:, n_symmetric:].T
        distance = np.einsum("ij,ij->i", X[rows], X[rows])[:, None] + squares
        distance -= 2 * symmetric
        kernel[rows] = np.exp(-gamma * np.maximum(distance - 2 * antisymmetric, 0))
        kernel[rows] += np.exp(-gamma * np.maximum(distance + 2 * antisymmetric, 0))
    return kernel


def solve_in_place(
    kernel: np.ndarray, targets: np.ndarray, progress: Progress = SILENT
) -> tuple[np.ndarray, np.ndarray]:
    """Solve ``kernel @ x = targets`` by a blocked Cholesky factorisation that overwrites the kernel.

    Parameters
    ----------
    kernel : ndarray of float32
        Symmetric and positive definite `[n, n]`; destroyed.
    targets : ndarray of float32
        `[n, k]`.
    progress : Progress
        Told of the rows factorised.

    Returns
    -------
    solution : ndarray of float32
        `[n, k]`.
    ahead : ndarray of float32
        Prediction `[n, k]` for every row by a model trained on the rows before its block of 2,048; 0 in the first
        block. With K = L L', it is the row of L times L^-1 targets, which the solution needs anyway.

    Notes
    -----
    LAPACK's own routine, as shipped with SciPy, crashes for matrices of 30,000 rows.
    """
    n = len(kernel)
    spans = [slice(start, min(start + _BLOCK, n)) for start in range(0, n, _BLOCK)]
    with progress.task("kernel", n, "rows") as task:
        for span in spans:
            if span.start:
                kernel[span.start :, span] -= kernel[span.start :, : span.start] @ kernel[span, : span.start].T
            kernel[span, span] = np.linalg.cholesky(kernel[span, span])
            below = kernel[span.stop :, span]
            if len(below):
                below[:] = solve_triangular(kernel[span, span], below.T, lower=True, check_finite=False).T
            task.advance(span.stop - span.start)
    solution, ahead = np.array(targets, np.float32), np.zeros_like(targets, np.float32)
    for span in spans:
        ahead[span] = kernel[span, : span.start] @ solution[: span.start]
        solution[span] = solve_triangular(kernel[span, span], solution[span] - ahead[span], lower=True)
    for span in reversed(spans):
        rest = solution[span] - kernel[span.stop :, span].T @ solution[span.stop :]
        solution[span] = solve_triangular(kernel[span, span], rest, lower=True, trans=1)
    return solution, ahead


def fit_temperature(scores: np.ndarray, y: np.ndarray) -> float:
    """The factor t that maximises the likelihood of the classes under ``softmax(t * scores)``.

    Parameters
    ----------
    scores : ndarray of float
        `[n, c]`.
    y : ndarray of int
        Classes `[n]`.

    Returns
    -------
    float
        Above 0.

    References
    ----------
    Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.
    """
    rows = np.arange(len(y))
    best = minimize_scalar(
        lambda log_t: -log_softmax(np.exp(log_t) * scores, axis=1)[rows, y].mean(), bounds=(-4, 6), method="bounded"
    )
    return float(np.exp(best.x))


class MirrorKernelRidge(ClassifierMixin, BaseEstimator):
    """One-against-all kernel ridge regression with the mirror kernel, and calibrated probabilities.

    Time and memory grow with the square of the number of rows: 28,709 rows need 3.3 GB for the kernel.

    Parameters
    ----------
    gamma : float
        Of the kernel, for features of about unit mean square length.
    penalty : float
        Added to the kernel's diagonal.
    n_symmetric : int or None
        Columns of the symmetric part; None: all, which makes it a plain Gaussian kernel.
    random_state : int, RandomState or None
        Of the order of the rows, on which only `ahead_` and `temperature_` depend; None leaves them as they are.

    Attributes
    ----------
    classes_ : ndarray
        `[c]`.
    X_fit_ : ndarray of float32
        Training rows `[n, d]` in the order used.
    dual_coef_ : ndarray of float32
        Dual coefficients `[n, c]` in that order.
    ahead_ : ndarray of float32
        Scores `[n, c]` of each training row, in that order, by a model trained on the rows before its block of 2,048.
    temperature_ : float
        Factor before the softmax, fitted to the second half of `ahead_`.

    References
    ----------
    Saunders, Gammerman, Vovk, "Ridge regression learning algorithm in dual variables", ICML 1998.

    Examples
    --------
    >>> X = np.array([[0.0, 1], [0, -1], [3, 1], [3, -1]])
    >>> MirrorKernelRidge(n_symmetric=1).fit(X, [0, 0, 1, 1]).predict([[0.2, 0.9], [2.8, -0.9]])
    array([0, 1])
    """

    def __init__(
        self,
        gamma: float = 0.9,
        penalty: float = 0.15,
        *,
        n_symmetric: int | None = None,
        random_state: int | np.random.RandomState | None = 0,
    ):
        self.gamma = gamma
        self.penalty = penalty
        self.n_symmetric = n_symmetric
        self.random_state = random_state

    def fit(
        self, X: np.ndarray, y: np.ndarray, progress: Progress = SILENT, *, shares: np.ndarray | None = None
    ) -> MirrorKernelRidge:
        """Learn from rows and their classes.

        Parameters
        ----------
        X : array of float
            Features `[n, d]`.
        y : array
            Classes `[n]`, two or more.
        progress : Progress
            Told of the rows factorised.
        shares : ndarray of float, optional
            Of each class in each row `[n, c]`, to learn instead of the class alone; `y` then calibrates.

        Returns
        -------
        MirrorKernelRidge
            Itself.

        Raises
        ------
        ValueError
            If a parameter is out of its range, or there is one class only.
        """
        self._check_parameters()
        X, y = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has the one class {self.classes_[0]!r}; expected two or more")
        order = np.arange(len(X))
        if self.random_state is not None:
            order = check_random_state(self.random_state).permutation(len(X))
        self.X_fit_, codes = X[order], codes[order]
        learnt = np.eye(len(self.classes_), dtype=np.float32)[codes] if shares is None else shares[order]
        targets = learnt.astype(np.float32) - np.float32(1 / len(self.classes_))
        kernel = mirror_kernel(self.X_fit_, self.X_fit_, self._split(X), self.gamma)
        kernel.flat[:: len(X) + 1] += self.penalty
        self.dual_coef_, self.ahead_ = solve_in_place(kernel, targets, progress)
        later = np.arange(len(X)) >= max(len(X) // 2, _BLOCK)
        # A few rows give no scores of rows not trained on: the scores are then taken as they are.
        self.temperature_ = fit_temperature(self.ahead_[later], codes[later]) if later.any() else 1.0
        return self

    def _check_parameters(self) -> None:
        for name, value in (("gamma", self.gamma), ("penalty", self.penalty)):
            if not value > 0:
                raise ValueError(f"{name} is {value!r}; expected a number above 0")
        if self.n_symmetric is not None and self.n_symmetric < 0:
            raise ValueError(f"n_symmetric is {self.n_symmetric!r}; expected a number of columns or None")

    def _split(self, X: np.ndarray) -> int:
        return X.shape[1] if self.n_symmetric is None else min(self.n_symmetric, X.shape[1])

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Scores `[n, c]`; of two classes `[n]`, positive for the second."""
        scores = self.scores(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def scores(self, X: np.ndarray) -> np.ndarray:
        """Scores `[n, c]`, of two classes too."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, reset=False)
        parts = [
            mirror_kernel(X[start : start + _BLOCK], self.X_fit_, self._split(X), self.gamma) @ self.dual_coef_
            for start in range(0, len(X), _BLOCK)
        ]
        return np.concatenate(parts)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Probabilities `[n, c]`."""
        scores = self.scores(X)
        return softmax(self.temperature_ * scores, axis=1)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Classes `[n]`."""
        best = self.scores(X).argmax(axis=1)
        return self.classes_[best]

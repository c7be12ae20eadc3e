"""The rankers that are compared on simulated descriptors: ours, pairwise logistic regression, RankLib's kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, Self

import lightgbm
import numpy as np
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import QuantileTransformer
from sklearn.tree import DecisionTreeClassifier

from facs_pipeline.authenticity.baselines import LightGBMPairs, LightGBMSingle, SVMSingle
from facs_pipeline.authenticity.rank_svm import RankSVM

PUBLISHED, TUNED = "Rank-SVM (ours, as published, C = 1)", "Rank-SVM (ours, rank-svm-tuned)"
# A second opinion on the loss, and trees, which need more signal or many more pairs to come near the linear rankers.
SLOW = (
    "Rank-SVM (ours, hinge loss)",
    "Rank-SVM (ours, rank-svm-normal)",
    "RankBoost (stumps on differences)",
    "LambdaMART (LightGBM)",
    "random forest (single videos)",
    "LightGBM on pairs (ours)",
    "LightGBM on single videos (ours)",
)


class Ranker(Protocol):
    """What is compared: learns from pairs of rows of X, the real video first, and scores others."""

    def fit(self, X: np.ndarray, pairs: np.ndarray, **context: Any) -> Any:
        """Learn from pairs [p, 2] of rows of X [n, d]."""

    def decision_function(self, X: np.ndarray, pairs: np.ndarray, **context: Any) -> np.ndarray:
        """Scores [p], above 0 where the first video of a pair is taken for the real one."""


class OnDifferences:
    """A scikit-learn classifier on standardised differences in both orders, as a ranker."""

    def __init__(self, classifier: Any) -> None:
        self.classifier = classifier

    def fit(self, X: np.ndarray, pairs: np.ndarray, **_context: Any) -> Self:
        """Learn from pairs [p, 2] of rows of X [n, d]."""
        differences = X[pairs[:, 0]] - X[pairs[:, 1]]
        self.scale = np.sqrt((differences**2).mean(axis=0)) + 1e-12
        differences = differences / self.scale
        self.classifier.fit(np.vstack([differences, -differences]), np.repeat([1, 0], len(differences)))
        return self

    def decision_function(self, X: np.ndarray, pairs: np.ndarray, **_context: Any) -> np.ndarray:
        """Scores [p] of pairs [p, 2]."""
        differences = (X[pairs[:, 0]] - X[pairs[:, 1]]) / self.scale
        return self.classifier.predict_proba(differences)[:, 1] - self.classifier.predict_proba(-differences)[:, 1]


class Pointwise(OnDifferences):
    """A scikit-learn classifier on single standardised videos, as a ranker."""

    def fit(self, X: np.ndarray, pairs: np.ndarray, **_context: Any) -> Self:
        """Learn from pairs [p, 2] of rows of X [n, d]."""
        rows = pairs.ravel()
        self.mean, self.scale = X[rows].mean(axis=0), X[rows].std(axis=0) + 1e-12
        self.classifier.fit((X[rows] - self.mean) / self.scale, np.tile([1, 0], len(pairs)))
        return self

    def decision_function(self, X: np.ndarray, pairs: np.ndarray, **_context: Any) -> np.ndarray:
        """Scores [p] of pairs [p, 2]."""
        p = self.classifier.predict_proba((X - self.mean) / self.scale)[:, 1]
        return p[pairs[:, 0]] - p[pairs[:, 1]]


class LeastSquares(OnDifferences):
    """Ridge regression of +1 on differences: RankLib's "linear regression" in its pairwise form."""

    def fit(self, X: np.ndarray, pairs: np.ndarray, **_context: Any) -> Self:
        """Learn from pairs [p, 2] of rows of X [n, d]."""
        differences = X[pairs[:, 0]] - X[pairs[:, 1]]
        self.scale = np.sqrt((differences**2).mean(axis=0)) + 1e-12
        differences = differences / self.scale
        gram = differences @ differences.T + differences.shape[1] * np.eye(len(differences))
        self.weights = differences.T @ np.linalg.solve(gram, np.ones(len(differences)))
        return self

    def decision_function(self, X: np.ndarray, pairs: np.ndarray, **_context: Any) -> np.ndarray:
        """Scores [p] of pairs [p, 2]."""
        return ((X[pairs[:, 0]] - X[pairs[:, 1]]) / self.scale) @ self.weights


class NormalScores:
    """Another ranker on the normal quantiles of every descriptor, as `RankSVM(scaling="normal")` has them."""

    def __init__(self, ranker: Ranker) -> None:
        self.ranker = ranker

    def fit(self, X: np.ndarray, pairs: np.ndarray, **context: Any) -> Self:
        """Learn from pairs [p, 2] of rows of X [n, d]."""
        self.scaler = QuantileTransformer(n_quantiles=200, output_distribution="normal").fit(X[pairs.ravel()])
        self.ranker.fit(self.scaler.transform(X), pairs, **context)
        return self

    def decision_function(self, X: np.ndarray, pairs: np.ndarray, **context: Any) -> np.ndarray:
        """Scores [p] of pairs [p, 2]."""
        return self.ranker.decision_function(self.scaler.transform(X), pairs, **context)


class LambdaMART:
    """LightGBM's lambdarank with every pair as one query of two documents."""

    def fit(self, X: np.ndarray, pairs: np.ndarray, **_context: Any) -> Self:
        """Learn from pairs [p, 2] of rows of X [n, d]."""
        self.model = lightgbm.LGBMRanker(
            n_estimators=150, num_leaves=8, learning_rate=0.05, min_child_samples=10, colsample_bytree=0.1,
            random_state=0, n_jobs=1, verbosity=-1, deterministic=True, force_row_wise=True,
        )  # fmt: skip
        self.model.fit(X[pairs.ravel()], np.tile([1, 0], len(pairs)), group=np.full(len(pairs), 2))
        return self

    def decision_function(self, X: np.ndarray, pairs: np.ndarray, **_context: Any) -> np.ndarray:
        """Scores [p] of pairs [p, 2]."""
        scores = self.model.predict(X)
        return scores[pairs[:, 0]] - scores[pairs[:, 1]]


def contenders() -> dict[str, Callable[[], Ranker]]:
    """Name -> function that makes an untrained ranker."""

    def logistic(cost: float) -> OnDifferences:
        return OnDifferences(LogisticRegression(C=cost, fit_intercept=False, max_iter=500))

    stump = DecisionTreeClassifier(max_depth=1, max_features=40, random_state=0)
    return {
        PUBLISHED: RankSVM,
        "Rank-SVM (ours, hinge loss)": lambda: RankSVM(loss="hinge"),
        "Rank-SVM (ours, rank-svm-normal)": lambda: RankSVM(scaling="normal"),
        TUNED: lambda: RankSVM(scaling="auto", C="auto"),
        "pairwise logistic, C = 1": lambda: logistic(1.0),
        "pairwise logistic, normal scores": lambda: NormalScores(logistic(1.0)),
        "linear regression on differences": lambda: LeastSquares(None),
        "linear regression, normal scores": lambda: NormalScores(LeastSquares(None)),
        "RankNet (10 hidden units, on differences)": lambda: OnDifferences(
            MLPClassifier((10,), alpha=1.0, solver="lbfgs", max_iter=100, random_state=0)
        ),
        "RankBoost (stumps on differences)": lambda: OnDifferences(
            AdaBoostClassifier(stump, n_estimators=100, random_state=0)
        ),
        "LambdaMART (LightGBM)": LambdaMART,
        "random forest (single videos)": lambda: Pointwise(
            RandomForestClassifier(100, max_features=40, random_state=0)
        ),
        "linear SVM (single videos, ours)": SVMSingle,
        "LightGBM on pairs (ours)": lambda: LightGBMPairs(leaves=(3,), trees=(150,)),
        "LightGBM on single videos (ours)": lambda: LightGBMSingle(leaves=(3,), trees=(150,)),
    }

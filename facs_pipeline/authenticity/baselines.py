"""Baselines that `RankSVM` is compared with: linear SVMs and boosted trees on pairs and on single videos.

Settings (C, number of trees, leaves) are chosen in inner folds of the training pairs only, one subject in one fold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import lightgbm
import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from facs_pipeline.authenticity.checks import (
    check_ranking,
    check_training,
    check_width,
    emotion_columns,
    known_emotions,
)
from facs_pipeline.authenticity.inner_folds import best_setting, groups_for_folds
from facs_pipeline.authenticity.ranker import AuthenticityRanker
from facs_pipeline.authenticity.squared_hinge import squared_hinge, standardised
from facs_pipeline.foundation.boosted_trees import booster_of_text


class SVMSingle(AuthenticityRanker[np.ndarray]):
    """One linear SVM on single videos; a pair's score is the difference of its videos' scores.

    The plain counterpart of `RankSVM`: differences between people are not removed by pairing.

    Parameters
    ----------
    Cs : tuple of float
        Penalties to choose from in inner folds.

    Attributes
    ----------
    weights_ : ndarray of float
        On raw descriptors and one-hot emotions `[d + e]`.
    intercept_, C_ : float
        Intercept and the penalty used.
    emotions_ : tuple of str
        Emotions of the training pairs; empty without.
    """

    def __init__(self, Cs: tuple[float, ...] = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)):
        self.Cs = Cs

    def fit(
        self,
        X: np.ndarray,
        pairs: np.ndarray,
        *,
        emotions: np.ndarray | None = None,
        labels: np.ndarray | None = None,
        subjects: np.ndarray | None = None,
    ) -> SVMSingle:
        """See `AuthenticityRanker.fit`."""
        X, pairs, labels = check_training(X, pairs, labels)
        self.n_features_in_ = X.shape[1]
        self.emotions_ = known_emotions(emotions, pairs)
        rows = np.flatnonzero(labels)
        samples = np.hstack([X, emotion_columns_or_zeros(emotions, self.emotions_, rows, len(X))])
        y = labels.astype(float)

        def accuracy(train: np.ndarray, test_pairs: np.ndarray) -> np.ndarray:
            svms = _linear_svms(samples[train], y[train], self.Cs)
            return np.array([_pair_accuracy(samples @ weights + intercept, test_pairs) for weights, intercept in svms])

        groups = groups_for_folds(pairs, subjects, len(X))
        # As in RankSVM: one thread is faster on matrices this small.
        with threadpool_limits(limits=1, user_api="blas"):
            self.C_ = self.Cs[best_setting(accuracy, rows, groups, pairs, default=len(self.Cs) // 2)]
            ((self.weights_, self.intercept_),) = _linear_svms(samples[rows], y[rows], [self.C_])
        return self

    def score_videos(self, X: np.ndarray, *, emotions: np.ndarray | None = None) -> np.ndarray:
        """Distances `[n]` from the separating plane; see `AuthenticityRanker.score_videos`."""
        check_is_fitted(self, "weights_")
        X = check_array(X, dtype=np.float64)
        check_width(X, self.n_features_in_, self)
        onehot = emotion_columns(emotions, self.emotions_, np.arange(len(X)))
        return np.hstack([X, onehot]) @ self.weights_ + self.intercept_

    def decision_function(self, X: np.ndarray, pairs: np.ndarray, *, emotions: np.ndarray | None = None) -> np.ndarray:
        """Differences `[p]` of the videos' scores; see `AuthenticityRanker.decision_function`."""
        check_is_fitted(self, "weights_")
        X, pairs = check_ranking(X, pairs, self)
        return (X[pairs[:, 0]] - X[pairs[:, 1]]) @ self.weights_[: self.n_features_in_]

    def margins(self, X: np.ndarray, pairs: np.ndarray, *, emotions: np.ndarray | None = None) -> np.ndarray:
        """Contributions `[p, d]` of every descriptor to each pair's score: weight times difference."""
        X, pairs = check_ranking(X, pairs, self)
        return (X[pairs[:, 0]] - X[pairs[:, 1]]) * self.weights_[: self.n_features_in_]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The learnt state, for a model file."""
        return {
            "weights": self.weights_,
            "intercept": np.array([self.intercept_]),
            "C": np.array([self.C_]),
            "emotions": np.array(self.emotions_, dtype=str),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], params: dict[str, Any]) -> SVMSingle:
        """The fitted ranker from what `to_arrays` and `get_params` gave."""
        model = cls(**{**params, "Cs": tuple(params["Cs"])})
        model.weights_ = arrays["weights"]
        model.intercept_, model.C_ = float(arrays["intercept"][0]), float(arrays["C"][0])
        model.emotions_ = tuple(str(name) for name in arrays["emotions"])
        model.n_features_in_ = len(model.weights_) - len(model.emotions_)
        return model


class _LightGBM(AuthenticityRanker[np.ndarray]):
    """Base of both LightGBM rankers: parameters, tuning, the booster as text.

    Parameters
    ----------
    leaves, trees : tuple of int
        Leaves per tree and numbers of trees to choose from in inner folds.
    learning_rate : float
        Shrinkage of every tree.
    random_state : int
        Seed.
    """

    def __init__(
        self,
        leaves: tuple[int, ...] = (3, 8),
        trees: tuple[int, ...] = (50, 150, 300),
        learning_rate: float = 0.05,
        random_state: int = 0,
    ):
        self.leaves = leaves
        self.trees = trees
        self.learning_rate = learning_rate
        self.random_state = random_state

    def _train(self, samples: np.ndarray, y: np.ndarray, leaves: int) -> lightgbm.Booster:
        params = {
            "objective": "binary",
            "num_leaves": leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": min(10, max(1, len(y) // 6)),
            # With hundreds of correlated descriptors a tenth of them per tree is faster and no worse.
            "feature_fraction": max(0.1, min(1.0, 20 / samples.shape[1])),
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
            "lambda_l2": 1.0,
            "seed": self.random_state,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        data = lightgbm.Dataset(samples, label=(y > 0).astype(int), free_raw_data=False)
        return lightgbm.train(params, data, num_boost_round=max(self.trees))

    def _tune_and_train(
        self,
        data_of: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
        score: Callable[[lightgbm.Booster, np.ndarray, int], np.ndarray],
        samples: np.ndarray,
        groups: np.ndarray,
        pairs: np.ndarray | None = None,
    ) -> None:
        """Choose leaves and trees in inner folds, then train on all.

        `data_of` gives rows and targets of some samples; `score` gives a booster's scores of pairs with so many trees;
        the others are those of `best_setting`.
        """
        settings = [(leaves, trees) for leaves in self.leaves for trees in self.trees]

        def accuracy(train: np.ndarray, test: np.ndarray) -> np.ndarray:
            result = []
            for leaves in self.leaves:
                booster = self._train(*data_of(train), leaves)
                result += [np.mean(np.sign(score(booster, test, trees)) + 1) / 2 for trees in self.trees]
            return np.array(result)

        best = best_setting(accuracy, samples, groups, pairs, default=len(self.trees) // 2)
        self.leaves_, self.trees_ = settings[best]
        self.booster_ = self._train(*data_of(samples), self.leaves_)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The learnt state, for a model file; the booster as LightGBM's own model text."""
        text = self.booster_.model_to_string(num_iteration=self.trees_)
        return {
            "booster": np.frombuffer(text.encode(), dtype=np.uint8),
            "shape": np.array([self.n_features_in_, self.leaves_, self.trees_]),
            "emotions": np.array(self.emotions_, dtype=str),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], params: dict[str, Any]) -> Self:
        """The fitted ranker from what `to_arrays` and `get_params` gave."""
        model = cls(**{**params, "leaves": tuple(params["leaves"]), "trees": tuple(params["trees"])})
        model.booster_ = booster_of_text(bytes(arrays["booster"]))
        model.n_features_in_, model.leaves_, model.trees_ = (int(number) for number in arrays["shape"])
        model.emotions_ = tuple(str(name) for name in arrays["emotions"])
        return model


class LightGBMPairs(_LightGBM):
    """Gradient-boosted trees on the same pair samples as `RankSVM`; both orders averaged.

    `leaves` per tree and numbers of `trees` are chosen in inner folds; `learning_rate` is the shrinkage of every tree.

    Attributes
    ----------
    booster_ : lightgbm.Booster
        The trees.
    leaves_, trees_ : int
        Settings used.
    emotions_ : tuple of str
        Emotions of the training pairs; empty without.
    """

    def fit(
        self,
        X: np.ndarray,
        pairs: np.ndarray,
        *,
        emotions: np.ndarray | None = None,
        labels: np.ndarray | None = None,
        subjects: np.ndarray | None = None,
    ) -> LightGBMPairs:
        """See `AuthenticityRanker.fit`."""
        X, pairs, labels = check_training(X, pairs, labels)
        self.n_features_in_ = X.shape[1]
        self.emotions_ = known_emotions(emotions, pairs)

        def data_of(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return self._both_orders(X, pairs[positions], emotions), np.repeat([1.0, -1.0], len(positions))

        def score(booster: lightgbm.Booster, positions: np.ndarray, trees: int) -> np.ndarray:
            both = _raw_scores(booster, data_of(positions)[0], trees)
            return (both[: len(positions)] - both[len(positions) :]) / 2

        # Here the sample is the pair, so the inner folds are folds of pairs.
        groups = groups_for_folds(pairs, subjects, len(X))
        self._tune_and_train(data_of, score, np.arange(len(pairs)), groups[pairs[:, 0]])
        return self

    def _both_orders(self, X: np.ndarray, pairs: np.ndarray, emotions: np.ndarray | None) -> np.ndarray:
        differences = X[pairs[:, 0]] - X[pairs[:, 1]]
        onehot = emotion_columns(emotions, self.emotions_, pairs[:, 0])
        return np.vstack([np.hstack([differences, onehot]), np.hstack([-differences, onehot])])

    def decision_function(self, X: np.ndarray, pairs: np.ndarray, *, emotions: np.ndarray | None = None) -> np.ndarray:
        """Log-odds `[p]`, both orders averaged; see `AuthenticityRanker.decision_function`."""
        check_is_fitted(self, "booster_")
        X, pairs = check_ranking(X, pairs, self)
        if not len(pairs):
            return np.zeros(0)
        both = _raw_scores(self.booster_, self._both_orders(X, pairs, emotions), self.trees_)
        return (both[: len(pairs)] - both[len(pairs) :]) / 2

    def margins(self, X: np.ndarray, pairs: np.ndarray, *, emotions: np.ndarray | None = None) -> np.ndarray:
        """LightGBM's own contributions `[p, d]` (TreeSHAP, log-odds), both orders averaged."""
        X, pairs = check_ranking(X, pairs, self)
        samples = self._both_orders(X, pairs, emotions)
        both = np.asarray(self.booster_.predict(samples, num_iteration=self.trees_, pred_contrib=True, num_threads=1))
        return (both[: len(pairs)] - both[len(pairs) :])[:, : self.n_features_in_] / 2

    def score_videos(self, X: np.ndarray, *, emotions: np.ndarray | None = None) -> np.ndarray:
        """All NaN: this ranker scores pairs only; `LightGBMSingle` is its counterpart for single videos."""
        return np.full(len(X), np.nan)


class LightGBMSingle(_LightGBM):
    """Gradient-boosted trees on single videos; a pair's score is the difference of its videos' log-odds.

    Parameters and attributes as in `LightGBMPairs`.
    """

    def fit(
        self,
        X: np.ndarray,
        pairs: np.ndarray,
        *,
        emotions: np.ndarray | None = None,
        labels: np.ndarray | None = None,
        subjects: np.ndarray | None = None,
    ) -> LightGBMSingle:
        """See `AuthenticityRanker.fit`."""
        X, pairs, labels = check_training(X, pairs, labels)
        self.n_features_in_ = X.shape[1]
        self.emotions_ = known_emotions(emotions, pairs)
        rows = np.flatnonzero(labels)
        samples = np.hstack([X, emotion_columns_or_zeros(emotions, self.emotions_, rows, len(X))])

        def data_of(videos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return samples[videos], labels[videos]

        def score(booster: lightgbm.Booster, test_pairs: np.ndarray, trees: int) -> np.ndarray:
            both = _raw_scores(booster, samples[test_pairs.T.ravel()], trees)
            return both[: len(test_pairs)] - both[len(test_pairs) :]

        self._tune_and_train(data_of, score, rows, groups_for_folds(pairs, subjects, len(X)), pairs)
        return self

    def score_videos(self, X: np.ndarray, *, emotions: np.ndarray | None = None) -> np.ndarray:
        """Log-odds `[n]`; see `AuthenticityRanker.score_videos`."""
        check_is_fitted(self, "booster_")
        X = check_array(X, dtype=np.float64)
        check_width(X, self.n_features_in_, self)
        samples = np.hstack([X, emotion_columns(emotions, self.emotions_, np.arange(len(X)))])
        return _raw_scores(self.booster_, samples, self.trees_)

    def decision_function(self, X: np.ndarray, pairs: np.ndarray, *, emotions: np.ndarray | None = None) -> np.ndarray:
        """Differences `[p]` of the videos' log-odds; see `AuthenticityRanker.decision_function`."""
        check_is_fitted(self, "booster_")
        X, pairs = check_ranking(X, pairs, self)
        if not len(pairs):
            return np.zeros(0)
        emotions = None if emotions is None else np.asarray(emotions, dtype=object)
        first, second = (
            self.score_videos(X[side], emotions=None if emotions is None else emotions[side]) for side in pairs.T
        )
        return first - second


def emotion_columns_or_zeros(
    emotions: np.ndarray | None, known: Sequence[str], rows: np.ndarray, n_videos: int
) -> np.ndarray:
    """One-hot emotions `[n_videos, len(known)]` in `rows`, zeros elsewhere."""
    columns = np.zeros((n_videos, len(known)))
    columns[rows] = emotion_columns(emotions, known, rows)
    return columns


def _raw_scores(booster: lightgbm.Booster, samples: np.ndarray, trees: int) -> np.ndarray:
    """Log-odds [n] of samples [n, d] by the first so many trees."""
    return np.asarray(booster.predict(samples, num_iteration=trees, raw_score=True, num_threads=1))


def _linear_svms(samples: np.ndarray, y: np.ndarray, Cs: Sequence[float]) -> list[tuple[np.ndarray, float]]:
    """Weights [d] and intercept on raw samples of the standardised squared-hinge SVM of each penalty."""
    z, mean, scale = standardised(samples)
    svms = []
    start = None
    for C in Cs:
        weights, intercept = squared_hinge(z, y, C, start=start)
        start = np.append(weights, intercept)
        weights = weights / scale
        svms.append((weights, intercept - float(mean @ weights)))
    return svms


def _pair_accuracy(scores: np.ndarray, pairs: np.ndarray) -> float:
    return float(np.mean(np.sign(scores[pairs[:, 0]] - scores[pairs[:, 1]]) + 1) / 2)

"""Other ways to tell felt from posed, as rows of comparison beside `RankSVM`: all have `AuthenticityRanker`'s methods.

Settings (C, number of trees, leaves) are chosen in inner folds of the training pairs only, subjects kept together.
"""

from __future__ import annotations

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
from facs_pipeline.authenticity.rank_svm import AuthenticityRanker, squared_hinge_dual


class SVMSingle(AuthenticityRanker):
    """One linear SVM on single videos; a pair's score is the difference of its videos' scores.

    The plain counterpart of `RankSVM`: it has to see through the differences between people by itself.

    Parameters
    ----------
    Cs : penalties to choose from in inner folds.
    """

    def __init__(self, Cs=(1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)):
        self.Cs = Cs

    def fit(self, X, pairs, *, emotions=None, labels=None, subjects=None):
        X, pairs, labels = check_training(X, pairs, labels)
        self.n_features_in_ = X.shape[1]
        self.emotions_ = known_emotions(emotions, pairs)
        rows = np.flatnonzero(labels)
        F = np.hstack([X, emotion_columns_or_zeros(emotions, self.emotions_, rows, len(X))])
        y = labels.astype(float)

        def accuracy(train, test_pairs):
            scores = [F @ w + b for w, b in (_linear_svm(F[train], y[train], C) for C in self.Cs)]
            return np.array([_pair_accuracy(s, test_pairs) for s in scores])

        # As in RankSVM: one thread is faster on matrices this small.
        with threadpool_limits(limits=1, user_api="blas"):
            self.C_ = self.Cs[best_setting(accuracy, rows, pairs, subjects, len(X), default=len(self.Cs) // 2)]
            self.weights_, self.intercept_ = _linear_svm(F[rows], y[rows], self.C_)
        return self

    def score_videos(self, X, *, emotions=None):
        check_is_fitted(self, "weights_")
        X = check_array(X, dtype=np.float64)
        check_width(X, self.n_features_in_, self)
        onehot = emotion_columns(emotions, self.emotions_, np.arange(len(X)))
        return np.hstack([X, onehot]) @ self.weights_ + self.intercept_

    def decision_function(self, X, pairs, *, emotions=None):
        check_is_fitted(self, "weights_")
        X, pairs = check_ranking(X, pairs, self)
        return (X[pairs[:, 0]] - X[pairs[:, 1]]) @ self.weights_[: self.n_features_in_]

    def margins(self, X, pairs, *, emotions=None):
        """[p, d] contribution of every descriptor to each pair's score (weight times difference)."""
        X, pairs = check_ranking(X, pairs, self)
        return (X[pairs[:, 0]] - X[pairs[:, 1]]) * self.weights_[: self.n_features_in_]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The fitted state as plain arrays, for a model file."""
        return {
            "weights": self.weights_,
            "intercept": np.array([self.intercept_]),
            "C": np.array([self.C_]),
            "emotions": np.array(self.emotions_, dtype=str),
        }

    @classmethod
    def from_arrays(cls, arrays, params):
        """The estimator from `to_arrays` and `get_params`."""
        model = cls(**{**params, "Cs": tuple(params["Cs"])})
        model.weights_, model.intercept_, model.C_ = (
            arrays["weights"],
            float(arrays["intercept"][0]),
            float(arrays["C"][0]),
        )
        model.emotions_ = tuple(str(name) for name in arrays["emotions"])
        model.n_features_in_ = len(model.weights_) - len(model.emotions_)
        return model


class _LightGBM(AuthenticityRanker):
    """What both LightGBM rankers share: parameters, tuning, the booster as text."""

    def __init__(self, leaves=(3, 8), trees=(50, 150, 300), learning_rate=0.05, random_state=0):
        self.leaves = leaves
        self.trees = trees
        self.learning_rate = learning_rate
        self.random_state = random_state

    def _train(self, F, y, leaves):
        params = {
            "objective": "binary",
            "num_leaves": leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": min(10, max(1, len(y) // 6)),
            # With hundreds of correlated descriptors a tenth of them per tree is faster and no worse.
            "feature_fraction": max(0.1, min(1.0, 20 / F.shape[1])),
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
            "lambda_l2": 1.0,
            "seed": self.random_state,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        data = lightgbm.Dataset(F, label=(y > 0).astype(int), free_raw_data=False)
        return lightgbm.train(params, data, num_boost_round=max(self.trees))

    def _tune_and_train(self, sample_rows, F_of, y_of, score_pairs, pairs, subjects, n_videos):
        settings = [(leaves, trees) for leaves in self.leaves for trees in self.trees]

        def accuracy(train, test_pairs):
            result = []
            for leaves in self.leaves:
                booster = self._train(F_of(train), y_of(train), leaves)
                result += [np.mean(np.sign(score_pairs(booster, test_pairs, t)) + 1) / 2 for t in self.trees]
            return np.array(result)

        best = best_setting(accuracy, sample_rows, pairs, subjects, n_videos, default=len(self.trees) // 2)
        self.leaves_, self.trees_ = settings[best]
        self.booster_ = self._train(F_of(sample_rows), y_of(sample_rows), self.leaves_)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The fitted state as plain arrays; the booster as LightGBM's own model text."""
        text = self.booster_.model_to_string(num_iteration=self.trees_)
        return {
            "booster": np.frombuffer(text.encode(), dtype=np.uint8),
            "shape": np.array([self.n_features_in_, self.leaves_, self.trees_]),
            "emotions": np.array(self.emotions_, dtype=str),
        }

    @classmethod
    def from_arrays(cls, arrays, params):
        """The estimator from `to_arrays` and `get_params`."""
        model = cls(**{**params, "leaves": tuple(params["leaves"]), "trees": tuple(params["trees"])})
        model.booster_ = lightgbm.Booster(model_str=bytes(arrays["booster"]).decode())
        model.n_features_in_, model.leaves_, model.trees_ = (int(number) for number in arrays["shape"])
        model.emotions_ = tuple(str(name) for name in arrays["emotions"])
        return model


class LightGBMPairs(_LightGBM):
    """Gradient-boosted trees on the same pair samples as `RankSVM`; both orders averaged.

    Parameters
    ----------
    leaves, trees : leaves per tree and numbers of trees to choose from in inner folds.
    learning_rate : shrinkage of every tree.
    random_state : int seed.
    """

    def fit(self, X, pairs, *, emotions=None, labels=None, subjects=None):
        X, pairs, labels = check_training(X, pairs, labels)
        self.n_features_in_ = X.shape[1]
        self.emotions_ = known_emotions(emotions, pairs)

        def samples(which):
            return self._both_orders(X, pairs[which], emotions)

        def score(booster, which, trees):
            both = booster.predict(samples(which), num_iteration=trees, raw_score=True)
            return (both[: len(which)] - both[len(which) :]) / 2

        # Here the sample is the pair, so the inner folds are folds of pairs.
        groups = groups_for_folds(pairs, subjects, len(X))
        self._tune_and_train(
            np.arange(len(pairs)),
            samples,
            lambda which: np.repeat([1.0, -1.0], len(which)),
            score,
            None,
            groups[pairs[:, 0]],
            len(pairs),
        )
        return self

    def _both_orders(self, X, pairs, emotions):
        differences = X[pairs[:, 0]] - X[pairs[:, 1]]
        onehot = emotion_columns(emotions, self.emotions_, pairs[:, 0])
        return np.vstack([np.hstack([differences, onehot]), np.hstack([-differences, onehot])])

    def decision_function(self, X, pairs, *, emotions=None):
        check_is_fitted(self, "booster_")
        X, pairs = check_ranking(X, pairs, self)
        if not len(pairs):
            return np.zeros(0)
        both = self.booster_.predict(
            self._both_orders(X, pairs, emotions), num_iteration=self.trees_, raw_score=True, num_threads=1
        )
        return (both[: len(pairs)] - both[len(pairs) :]) / 2

    def margins(self, X, pairs, *, emotions=None):
        """[p, d] LightGBM's own contributions (TreeSHAP, log-odds), both orders averaged."""
        X, pairs = check_ranking(X, pairs, self)
        both = self.booster_.predict(
            self._both_orders(X, pairs, emotions), num_iteration=self.trees_, pred_contrib=True, num_threads=1
        )
        return (both[: len(pairs)] - both[len(pairs) :])[:, : self.n_features_in_] / 2

    def score_videos(self, X, *, emotions=None):
        """All NaN: this model knows pairs only; `LightGBMSingle` is its counterpart for single videos."""
        return np.full(len(X), np.nan)


class LightGBMSingle(_LightGBM):
    """Gradient-boosted trees on single videos; a pair's score is the difference of its videos' log-odds.

    Parameters as in `LightGBMPairs`.
    """

    def fit(self, X, pairs, *, emotions=None, labels=None, subjects=None):
        X, pairs, labels = check_training(X, pairs, labels)
        self.n_features_in_ = X.shape[1]
        self.emotions_ = known_emotions(emotions, pairs)
        rows = np.flatnonzero(labels)
        F = np.hstack([X, emotion_columns_or_zeros(emotions, self.emotions_, rows, len(X))])

        def score(booster, test_pairs, trees):
            both = booster.predict(F[test_pairs.T.ravel()], num_iteration=trees, raw_score=True)
            return both[: len(test_pairs)] - both[len(test_pairs) :]

        self._tune_and_train(rows, lambda which: F[which], lambda which: labels[which], score, pairs, subjects, len(X))
        return self

    def score_videos(self, X, *, emotions=None):
        check_is_fitted(self, "booster_")
        X = check_array(X, dtype=np.float64)
        check_width(X, self.n_features_in_, self)
        F = np.hstack([X, emotion_columns(emotions, self.emotions_, np.arange(len(X)))])
        return self.booster_.predict(F, num_iteration=self.trees_, raw_score=True, num_threads=1)

    def decision_function(self, X, pairs, *, emotions=None):
        check_is_fitted(self, "booster_")
        X, pairs = check_ranking(X, pairs, self)
        if not len(pairs):
            return np.zeros(0)
        emotions = None if emotions is None else np.asarray(emotions, dtype=object)
        first, second = (
            self.score_videos(X[side], emotions=None if emotions is None else emotions[side]) for side in pairs.T
        )
        return first - second


def emotion_columns_or_zeros(emotions, known, rows: np.ndarray, n_videos: int) -> np.ndarray:
    """[n_videos, len(known)]: one-hot emotions in `rows`, zeros elsewhere."""
    columns = np.zeros((n_videos, len(known)))
    columns[rows] = emotion_columns(emotions, known, rows)
    return columns


def _linear_svm(F: np.ndarray, y: np.ndarray, C: float) -> tuple[np.ndarray, float]:
    """Weights [d] and intercept on raw features of a standardised squared-hinge SVM."""
    mean, scale = F.mean(axis=0), F.std(axis=0)
    scale[scale <= 1e-12 * np.maximum(np.abs(mean), 1e-300)] = 1.0
    z = (F - mean) / scale
    dual, intercept = squared_hinge_dual(z @ z.T, z, y, C)
    weights = (z.T @ dual) / scale
    return weights, intercept - float(mean @ weights)


def _pair_accuracy(scores: np.ndarray, pairs: np.ndarray) -> float:
    return float(np.mean(np.sign(scores[pairs[:, 0]] - scores[pairs[:, 1]]) + 1) / 2)

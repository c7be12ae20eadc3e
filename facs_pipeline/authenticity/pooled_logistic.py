"""A linear ranker that learns from pairs and from single videos at once, with weights that emotions share in part."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any, Self

import numpy as np
from scipy.linalg import solve, solve_triangular
from scipy.sparse import csr_array, diags_array
from scipy.special import expit, log_expit
from sklearn.model_selection import GroupKFold
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
from facs_pipeline.authenticity.inner_folds import INNER_FOLDS, groups_for_folds
from facs_pipeline.authenticity.ranker import AuthenticityRanker

WINSOR = 5.0
"""Standardised descriptors beyond this are taken for it: a series gone wrong must not decide."""
_OFFSET_VARIANCE = 0.1
_STEPS, _SMALL_STEP = 20, 0.01


@dataclass(frozen=True)
class _Samples:
    """Labelled videos and pairs of them, by positions among the videos.

    Attributes
    ----------
    y : ndarray of float
        1 real, -1 fake `[n]`.
    pairs : ndarray of int
        `[p, 2]`, real first.
    """

    y: np.ndarray
    pairs: np.ndarray

    def weights(self) -> np.ndarray:
        """Weight `[p]` of each pair: the pairs of a video count together as much as the video."""
        count = np.maximum(np.bincount(self.pairs.ravel(), minlength=len(self.y)), 1)
        return (1 / count[self.pairs]).mean(axis=1)

    def within(self, inside: np.ndarray) -> _Samples:
        """The videos of a mask `[n]`, and the pairs of two of them."""
        position = np.cumsum(inside) - 1
        return _Samples(self.y[inside], position[self.pairs[inside[self.pairs].all(axis=1)]])


class PooledLogistic(AuthenticityRanker[np.ndarray]):
    """Ridge logistic regression on single videos and on pairs together, its weights shared between emotions in part.

    A video with standardised descriptors z and emotion e has the log-odds ``f = (w + w_e) . z + b + b_e`` of being
    real, a pair (a, b) has ``f(a) - f(b)``: no votes, so a clear difference counts more than a slight one. What is
    minimised is the log-loss of the videos, plus that of the pairs weighted so that all pairs of a video count as much
    as the video, plus ``penalty / 2 (|w|^2 (1 + own) + sum |w_e|^2 (1 + own) / own) d``. With `own` near 0 all emotions
    have the same weights, with a large one each learns for itself.

    Parameters
    ----------
    penalties : tuple of float
        Strengths of the penalty to choose from.
    owns : tuple of float
        Variances of an emotion's own weights, relative to that of the shared ones, to choose from.

    Attributes
    ----------
    emotions_ : tuple of str
        Emotions of the training pairs; empty without.
    mean_, scale_ : ndarray of float
        Of the descriptors `[d]`.
    weights_, offsets_ : ndarray of float
        Shared first, then each emotion's own, `[1 + e, d]` and `[1 + e]`.
    penalty_, own_ : float
        Settings used: those of the least log-loss of pairs and videos in inner folds by subject.

    Notes
    -----
    The Gaussian prior on weights that groups share in part is that of hierarchical (multi-task) models: Evgeniou,
    Pontil, "Regularized multi-task learning", KDD 2004, doi:10.1145/1014052.1014067. It is solved by Newton steps in
    the space of the n training videos.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(40, 5))
    >>> X[::2, 0] += 3                                      # even rows are real
    >>> pairs = np.arange(40).reshape(20, 2)                # [real, fake]
    >>> model = PooledLogistic().fit(X, pairs[:15])
    >>> bool(model.score(X, pairs[15:]) > 0.5)
    True
    """

    def __init__(self, penalties: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0), owns: tuple[float, ...] = (1.0,)):
        self.penalties = penalties
        self.owns = owns

    def fit(
        self,
        X: np.ndarray,
        pairs: np.ndarray,
        *,
        emotions: np.ndarray | None = None,
        labels: np.ndarray | None = None,
        subjects: np.ndarray | None = None,
    ) -> PooledLogistic:
        """See `AuthenticityRanker.fit`."""
        X, pairs, labels = check_training(X, pairs, labels)
        self.n_features_in_ = X.shape[1]
        self.emotions_ = known_emotions(emotions, pairs)
        rows = np.flatnonzero(labels)
        self.mean_, self.scale_ = X[rows].mean(axis=0), X[rows].std(axis=0)
        constant = self.scale_ <= 1e-9 * np.maximum(np.abs(self.mean_), 1e-300)
        self.scale_[constant] = np.inf
        z = self._standardised(X[rows])
        position = np.full(len(X), -1)
        position[rows] = np.arange(len(rows))
        samples = _Samples(labels[rows].astype(float), position[pairs])
        onehot = emotion_columns(emotions, self.emotions_, rows)
        owns = self.owns if self.emotions_ else (0.0,)
        groups = groups_for_folds(pairs, subjects, len(X))[rows]
        # One thread is faster on matrices this small.
        with threadpool_limits(limits=1, user_api="blas"):
            alike, same = z @ z.T / z.shape[1], onehot @ onehot.T
            self.penalty_, self.own_ = self._choose(alike, same, samples, groups, owns)
            [dual] = _duals(_kernel(alike, same, self.own_), samples, (self.penalty_,))
        parts = np.vstack([np.ones(len(rows)), onehot.T]) * dual
        share = np.array([1.0, *[self.own_] * len(self.emotions_)]) / (1 + self.own_)
        self.weights_ = share[:, None] * (parts @ z) / z.shape[1]
        self.offsets_ = _OFFSET_VARIANCE * parts.sum(axis=1)
        return self

    def _choose(
        self, alike: np.ndarray, same: np.ndarray, samples: _Samples, groups: np.ndarray, owns: tuple[float, ...]
    ) -> tuple[float, float]:
        settings = list(product(self.penalties, owns))
        n_folds = min(INNER_FOLDS, len(np.unique(groups)))
        if len(settings) == 1 or n_folds < 2:
            return settings[len(settings) // 2]
        losses = np.zeros(len(settings))
        for train, test in GroupKFold(n_folds).split(groups, groups=groups):
            inside = np.isin(np.arange(len(groups)), train)
            learnt, held_out = samples.within(inside), samples.within(~inside)
            if not len(learnt.pairs):
                return settings[len(settings) // 2]
            for own in owns:
                kernel = _kernel(alike, same, own)
                duals = _duals(kernel[np.ix_(train, train)], learnt, self.penalties)
                for penalty, dual in zip(self.penalties, duals, strict=True):
                    losses[settings.index((penalty, own))] += _loss(kernel[np.ix_(test, train)] @ dual, held_out)
        return settings[int(np.argmin(losses))]

    def _standardised(self, X: np.ndarray) -> np.ndarray:
        return np.clip((X - self.mean_) / self.scale_, -WINSOR, WINSOR)

    def _weights_of(self, emotions: np.ndarray | None, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights `[m, d]` and offsets `[m]` that hold for the emotions of some videos."""
        which = np.hstack([np.ones((len(rows), 1)), emotion_columns(emotions, self.emotions_, rows)])
        return which @ self.weights_, which @ self.offsets_

    def score_videos(self, X: np.ndarray, *, emotions: np.ndarray | None = None) -> np.ndarray:
        """Log-odds `[n]`; see `AuthenticityRanker.score_videos`."""
        check_is_fitted(self, "weights_")
        X = check_array(X, dtype=np.float64)
        check_width(X, self.n_features_in_, self)
        weights, offsets = self._weights_of(emotions, np.arange(len(X)))
        return np.einsum("ij,ij->i", self._standardised(X), weights) + offsets

    def decision_function(self, X: np.ndarray, pairs: np.ndarray, *, emotions: np.ndarray | None = None) -> np.ndarray:
        """Differences `[p]` of the videos' log-odds; see `AuthenticityRanker.decision_function`."""
        return self.margins(X, pairs, emotions=emotions).sum(axis=1)

    def margins(self, X: np.ndarray, pairs: np.ndarray, *, emotions: np.ndarray | None = None) -> np.ndarray:
        """Contributions `[p, d]` of every descriptor to each pair's score: weight times difference."""
        check_is_fitted(self, "weights_")
        X, pairs = check_ranking(X, pairs, self)
        weights, _offsets = self._weights_of(emotions, pairs[:, 0])
        return (self._standardised(X[pairs[:, 0]]) - self._standardised(X[pairs[:, 1]])) * weights

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The learnt state, for a model file."""
        check_is_fitted(self, "weights_")
        return {
            "weights": self.weights_,
            "offsets": self.offsets_,
            "mean": self.mean_,
            "scale": self.scale_,
            "settings": np.array([self.penalty_, self.own_]),
            "emotions": np.array(self.emotions_, dtype=str),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], params: dict[str, Any]) -> Self:
        """The fitted ranker from what `to_arrays` and `get_params` gave."""
        model = cls(**{name: tuple(values) for name, values in params.items()})
        model.weights_, model.offsets_ = arrays["weights"], arrays["offsets"]
        model.mean_, model.scale_ = arrays["mean"], arrays["scale"]
        model.penalty_, model.own_ = map(float, arrays["settings"])
        model.emotions_ = tuple(str(name) for name in arrays["emotions"])
        model.n_features_in_ = model.weights_.shape[1]
        return model


def _kernel(alike: np.ndarray, same: np.ndarray, own: float) -> np.ndarray:
    """Covariance `[n, n]` of log-odds under the prior, from inner products and from sameness of emotions."""
    return alike * (1 + own * same) / (1 + own) + _OFFSET_VARIANCE * (1 + same)


def _duals(kernel: np.ndarray, samples: _Samples, penalties: tuple[float, ...]) -> list[np.ndarray]:
    """Coefficients `[n]` for each penalty; their product with the kernel is the log-odds of least penalised loss."""
    n = len(samples.y)
    root = np.linalg.cholesky(kernel + 1e-8 * np.trace(kernel) / n * np.eye(n))
    b, duals = np.zeros(n), {}
    # From the strongest on: each solution is close to the next.
    for penalty in sorted(penalties, reverse=True):
        b = _newton(root, samples, penalty, b)
        duals[penalty] = solve_triangular(root.T, b)
    return [duals[penalty] for penalty in penalties]


def _newton(root: np.ndarray, samples: _Samples, penalty: float, b: np.ndarray) -> np.ndarray:
    y, (first, second), weights = samples.y, samples.pairs.T, samples.weights()
    n = len(y)
    differences = csr_array(
        (np.repeat([1.0, -1.0], len(first)), (np.tile(np.arange(len(first)), 2), np.r_[first, second])),
        shape=(len(first), n),
    )
    for _step in range(_STEPS):
        odds = root @ b
        between = differences @ odds
        wrong, pair_wrong = expit(-y * odds), weights * expit(-between)
        slope = y * wrong + differences.T @ pair_wrong
        curvature = (
            diags_array(wrong * (1 - wrong)) + differences.T @ diags_array(pair_wrong * expit(between)) @ differences
        )
        system = root.T @ (curvature.tocsr() @ root)
        system[np.diag_indices(n)] += penalty
        step = solve(system, root.T @ slope - penalty * b, assume_a="pos", overwrite_a=True)
        b = b + step
        if np.linalg.norm(step) <= _SMALL_STEP * np.linalg.norm(b):
            break
    return b


def _loss(odds: np.ndarray, samples: _Samples) -> float:
    """Log-loss of held-out videos and pairs."""
    first, second = samples.pairs.T
    return -float(log_expit(samples.y * odds).sum() + samples.weights() @ log_expit(odds[first] - odds[second]))

"""Cross-validation of a ranker across people: out-of-fold scores, permutation p-values, AUC, calibration."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from facs_pipeline.authenticity.pairs import Pairs, groups_of
from facs_pipeline.authenticity.ranker import AuthenticityRanker
from facs_pipeline.authenticity.series import Series
from facs_pipeline.foundation.progress import SILENT_TASK, Task

FEW_PAIRS = 20


def training_folds(folds: np.ndarray, pairs: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Fold, positions of the training pairs and positions of the test pairs, for every fold that has both.

    Parameters
    ----------
    folds : ndarray of int
        Fold `[n]` of each video.
    pairs : ndarray of int
        `[p, 2]`; both videos of a pair are in one fold.
    """
    for fold in np.unique(folds):
        test = folds[pairs[:, 0]] == fold
        if (~test).any():
            yield int(fold), np.flatnonzero(~test), np.flatnonzero(test)


@dataclass(frozen=True)
class PairedVideos:
    """Videos, their pairs and their folds: what a ranker is cross-validated on.

    Attributes
    ----------
    X : ndarray of float, or sequence of Series
        Descriptors `[n, d]` or n series.
    pairs : Pairs
        Labelled pairs and candidate pairs.
    folds : ndarray of int
        Fold `[n]` of each video.
    emotions, subjects : ndarray of str, or None
        `[n]`.
    labels : ndarray of int, or None
        `[n]`: 1 real, -1 fake, 0 unknown; by default those that the labelled pairs imply.
    usable : ndarray of bool, or None
        Whether a video has descriptors `[n]`; others are neither trained on nor scored.
    """

    X: np.ndarray | Sequence[Series]
    pairs: Pairs
    folds: np.ndarray
    emotions: np.ndarray | None = None
    labels: np.ndarray | None = None
    subjects: np.ndarray | None = None
    usable: np.ndarray | None = None

    def usable_rows(self) -> np.ndarray:
        """`usable`, or all videos `[n]`."""
        return np.ones(len(self.folds), bool) if self.usable is None else self.usable

    def training_labels(self, inside: np.ndarray) -> np.ndarray | None:
        """Labels `[n]` of the usable videos `inside` `[n]` of bool, 0 for the others; None without labels."""
        return None if self.labels is None else np.where(inside & self.usable_rows(), self.labels, 0)


def out_of_fold_scores(
    model: AuthenticityRanker,
    data: PairedVideos,
    *,
    each_fold: Callable[[AuthenticityRanker, np.ndarray], object] | None = None,
    seconds: dict[str, float] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of every pair and video by rankers that were trained on no video of its fold.

    Parameters
    ----------
    model : AuthenticityRanker
        Unfitted; cloned for every fold.
    data : PairedVideos
        With n videos, p labelled pairs and q candidate pairs.
    each_fold : function
        Called with every fold's fitted ranker and the positions of the candidate pairs held out from it.
    seconds : dict
        Gets the time of training and of scoring over all folds, as ``train_s`` and ``predict_s``.

    Returns
    -------
    labelled_scores : ndarray of float
        `[p]`, positive = right.
    candidate_scores : ndarray of float
        `[q]`, positive = first video real.
    video_scores : ndarray of float
        `[n]`, positive = real; NaN where not usable.
    """
    X, folds, emotions, usable = data.X, data.folds, data.emotions, data.usable_rows()
    labelled, candidates = data.pairs.labelled, data.pairs.candidates
    labelled_scores, candidate_scores = np.full(len(labelled), np.nan), np.full(len(candidates), np.nan)
    video_scores = np.full(len(folds), np.nan)
    for fold, train, test in training_folds(folds, labelled):
        labels = data.training_labels(folds != fold)
        started = time.perf_counter()
        ranker = clone(model).fit(X, labelled[train], emotions=emotions, labels=labels, subjects=data.subjects)
        trained = time.perf_counter()
        labelled_scores[test] = ranker.decision_function(X, labelled[test], emotions=emotions)
        here = np.flatnonzero(folds[candidates[:, 0]] == fold)
        candidate_scores[here] = ranker.decision_function(X, candidates[here], emotions=emotions)
        rows = np.flatnonzero((folds == fold) & usable)
        part = X[rows] if isinstance(X, np.ndarray) else [X[i] for i in rows.tolist()]
        if len(rows):
            video_scores[rows] = ranker.score_videos(part, emotions=None if emotions is None else emotions[rows])
        if seconds is not None:
            for name, spent in (("train_s", trained - started), ("predict_s", time.perf_counter() - trained)):
                seconds[name] = seconds.get(name, 0.0) + spent
        if each_fold is not None:
            each_fold(ranker, here)
    return labelled_scores, candidate_scores, video_scores


def right(scores: np.ndarray) -> np.ndarray:
    """1 for positive scores `[p]`, 0 for negative ones, one half for ties."""
    return (np.sign(scores) + 1) / 2


def relabelled_accuracies(
    differences: np.ndarray,
    folds: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    n_permutations: int = 10_000,
    seed: int = 0,
) -> np.ndarray:
    """Accuracies of a linear ranker that is trained again and again on randomly swapped labels.

    The distribution by chance in this very study, its folds included. Pairs train each other's models, so that errors
    of different folds are correlated: without any signal, accuracies vary more than those of independent guesses.

    The ranker is ridge regression of +1 on standardised differences (penalty = number of descriptors). Swapping the
    labels of training pairs changes the signs of their rows and nothing else, hence the held-out score of pair i is
    ``s_i sum_j A_ij s_j`` with s = 1 or -1 for each pair and A [p, p] of the unlabelled data. Training it
    10,000 times is one matrix product.

    Parameters
    ----------
    differences : ndarray of float
        Descriptors of the real video minus those of the fake one `[p, d]`.
    folds : ndarray of int
        Fold `[p]` of each pair.
    groups : ndarray of int, or None
        `[p]`, from 0: pairs that must be swapped together (`swap_groups`); by default each pair alone.
    n_permutations, seed : int
        Number of labellings, and seed of the swaps.

    Returns
    -------
    ndarray of float
        `[n_permutations]`, 0..1.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> by_chance = relabelled_accuracies(rng.normal(size=(30, 50)), np.arange(30) % 5)
    >>> bool(abs(by_chance.mean() - 0.5) < 0.05), bool(by_chance.std() > 0.5 / 30**0.5)
    (True, True)
    """
    groups = np.arange(len(differences)) if groups is None else groups
    influence = linear_influence(differences, folds)
    return relabelled_by_influence(influence, groups, n_permutations=n_permutations, seed=seed)


def linear_influence(differences: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """The A of `relabelled_accuracies`: the influence of each pair's label on the held-out score of each other.

    Parameters
    ----------
    differences : ndarray of float
        Descriptors of the real video minus those of the fake one `[p, d]`.
    folds : ndarray of int
        Fold `[p]` of each pair.

    Returns
    -------
    ndarray of float
        `[p, p]`; the sums of its rows are the held-out scores.
    """
    n, d = differences.shape
    influence = np.zeros((n, n))
    for _fold, train, test in training_folds(folds, np.arange(n)[:, None]):
        scale = np.sqrt((differences[train] ** 2).mean(axis=0))
        z = differences / np.where(scale > 0, scale, np.inf)
        own, other = z[train], z[test]
        if d < len(train):
            weights = np.linalg.solve(own.T @ own + d * np.eye(d), own.T)
            influence[np.ix_(test, train)] = other @ weights
        else:
            gram = own @ own.T + d * np.eye(len(train))
            influence[np.ix_(test, train)] = np.linalg.solve(gram, own @ other.T).T
    return influence


def relabelled_by_influence(
    influence: np.ndarray, groups: np.ndarray, *, n_permutations: int, seed: int = 0
) -> np.ndarray:
    """Accuracies `[n_permutations]` of `relabelled_accuracies` from `linear_influence` `[p, p]`."""
    rng = np.random.default_rng(seed)
    accuracies = []
    for start in range(0, n_permutations, 1000):
        size = (min(1000, n_permutations - start), groups.max() + 1)
        signs = rng.choice([-1.0, 1.0], size=size)[:, groups]
        accuracies.append(right(signs * (signs @ influence.T)).mean(axis=1))
    return np.concatenate(accuracies)


def share_at_least(by_chance: np.ndarray, accuracy: float) -> float:
    """One-sided permutation p-value ``(1 + hits) / (1 + permutations)``; a hit is at least as accurate by chance."""
    return float((1 + (by_chance >= accuracy - 1e-9).sum()) / (1 + len(by_chance)))


def swap_p_value(
    scores: np.ndarray, groups: np.ndarray | None = None, *, n_permutations: int = 10_000, seed: int = 0
) -> float:
    """Permutation p-value of the accuracy of a finished model on new labelled pairs.

    Under the null hypothesis real and fake can be swapped within each pair. That is valid for a model trained on none
    of these pairs. Out-of-fold scores need `relabelled_accuracies` or `retrained_p_value`, because there the pairs
    train each other's models: p is then below 0.05 in up to 8 % of studies without signal.

    Parameters
    ----------
    scores : ndarray of float
        Scores `[p]` of labelled pairs, positive = right.
    groups : ndarray of int, or None
        `[p]`, from 0: pairs that must be swapped together (`swap_groups`); by default each pair alone.
    n_permutations, seed : int
        Number of labellings, and seed of the swaps.
    """
    groups = np.arange(len(scores)) if groups is None else groups
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(n_permutations, groups.max() + 1))[:, groups]
    return share_at_least(right(np.sign(scores) * signs).mean(axis=1), float(right(scores).mean()))


def retrained_p_value(
    model: AuthenticityRanker,
    data: PairedVideos,
    *,
    n_permutations: int,
    seed: int = 0,
    task: Task = SILENT_TASK,
) -> float:
    """Permutation p-value with every model trained again on pairs whose labels were swapped at random.

    Exact for any ranker, at `n_permutations` times the cost of an evaluation. Compares pair accuracy, one-sided.

    Parameters
    ----------
    model : AuthenticityRanker
        Unfitted; cloned for every training.
    data : PairedVideos
        Labels are those that the pairs imply, swapped or not; candidate pairs are not used.
    n_permutations, seed : int
        Number of labellings, and seed of the swaps.
    task : Task
        Told of every model trained.
    """
    labelled, folds = data.pairs.labelled, data.folds
    rng = np.random.default_rng(seed)

    def accuracy(pairs: np.ndarray) -> float:
        relabelled = replace(data, pairs=Pairs(pairs, pairs[:0]), labels=None)
        return float(right(out_of_fold_scores(model, relabelled)[0]).mean())

    observed = accuracy(labelled)
    components = swap_groups(labelled)
    hits = 0
    for _ in range(n_permutations):
        swap = rng.integers(2, size=components.max() + 1).astype(bool)[components]
        hits += accuracy(np.where(swap[:, None], labelled[:, ::-1], labelled)) >= observed - 1e-9
        task.advance(sum(1 for _ in training_folds(folds, labelled)))
    return (1 + hits) / (1 + n_permutations)


def swap_groups(labelled: np.ndarray) -> np.ndarray:
    """Group `[p]` of each labelled pair `[p, 2]`; pairs that share a video must be swapped together."""
    groups = groups_of(int(labelled.max()) + 1, labelled)[labelled[:, 0]]
    return np.unique(groups, return_inverse=True)[1]


def auc_of_pairs(scores: np.ndarray) -> float:
    """AUC of (real, fake) against (fake, real) by the scores `[p]` of labelled pairs; a pair counts in both orders."""
    return float(roc_auc_score(np.repeat([1, 0], len(scores)), np.concatenate([scores, -scores])))


def auc_of_videos(scores: np.ndarray, labels: np.ndarray) -> float | None:
    """AUC of the scores `[n]` of single videos with labels 1 and -1 `[n]`; None with one class only."""
    return float(roc_auc_score(labels, scores)) if len(np.unique(labels)) == 2 else None


class Calibration:
    """Score -> probability that the (first) video is real, learnt from out-of-fold scores only.

    Platt's logistic curve with an L2 prior that pulls towards 50 % where there are few pairs. For pairs it has no
    intercept, so that the two orders' probabilities sum to 1. A curve that would fall with the score (the ranker did
    worse than chance out of fold) is replaced by its base rate, 50 % for pairs: the scores then carry no information.

    Parameters
    ----------
    slope, intercept : float
        Of the log-odds over the score in units of `scale`.
    scale : float
        Root mean square of the scores it was learnt from.
    n : int
        Number of these.

    References
    ----------
    Platt, "Probabilistic outputs for support vector machines", Advances in Large Margin Classifiers, 1999.
    """

    def __init__(self, slope: float, intercept: float, scale: float, n: int):
        self.slope, self.intercept, self.scale, self.n = slope, intercept, scale, n

    @classmethod
    def of_pairs(cls, scores: np.ndarray) -> Calibration | None:
        """From scores `[p]` of labelled pairs, positive = right; None without any."""
        return cls._fit(np.concatenate([scores, -scores]), np.repeat([1, -1], len(scores)), with_intercept=False)

    @classmethod
    def of_videos(cls, scores: np.ndarray, labels: np.ndarray) -> Calibration | None:
        """From scores `[n]` of single videos and labels 1, -1 `[n]`; None without both classes."""
        return cls._fit(scores, labels, with_intercept=True)

    @classmethod
    def _fit(cls, scores: np.ndarray, labels: np.ndarray, with_intercept: bool) -> Calibration | None:
        known = np.isfinite(scores)
        scores, labels = np.asarray(scores)[known], np.asarray(labels)[known]
        if len(np.unique(labels)) < 2:
            return None
        scale = float(np.sqrt(np.mean(scores**2))) or 1.0
        # Pairs enter in both orders; half weights make the prior count as for their true number.
        weights = np.full(len(scores), 1.0 if with_intercept else 0.5)
        curve = LogisticRegression(C=1.0, fit_intercept=with_intercept)
        curve.fit(scores[:, None] / scale, labels, sample_weight=weights)
        slope, intercept = float(curve.coef_[0, 0]), float(curve.intercept_[0]) if with_intercept else 0.0
        if slope <= 0:
            share = float((labels == 1).mean())
            slope, intercept = 0.0, float(np.log(share / (1 - share)))
        return cls(slope, intercept, scale, int(weights.sum()))

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Probabilities `[p]` in 0..1; NaN stays NaN."""
        return 1 / (1 + np.exp(-(self.slope * np.asarray(scores, float) / self.scale + self.intercept)))

    def to_dict(self) -> dict[str, float]:
        """The parameters, for a model's card."""
        return {"slope": self.slope, "intercept": self.intercept, "scale": self.scale, "n": self.n}


def cross_calibrated(
    scores: np.ndarray, folds: np.ndarray, fit: Callable[[np.ndarray], Calibration | None]
) -> np.ndarray:
    """Probabilities of out-of-fold scores, each fold's from a curve learnt on the other folds.

    Parameters
    ----------
    scores : ndarray of float
        Out-of-fold scores `[p]`.
    folds : ndarray of int
        Their folds `[p]`.
    fit : function
        Mask `[p]` of the scores to learn from -> curve, or None.

    Returns
    -------
    ndarray of float
        `[p]`, 0..1; NaN where there is no curve.
    """
    probabilities = np.full(len(scores), np.nan)
    for fold in np.unique(folds):
        curve = fit(folds != fold)
        if curve is not None:
            probabilities[folds == fold] = curve(scores[folds == fold])
    return probabilities

"""How well does a ranker do on people it has not seen: folds by subject, out-of-fold scores, figures with intervals."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from facs_pipeline.authenticity.pairs import groups_of
from facs_pipeline.authenticity.rank_svm import AuthenticityRanker
from facs_pipeline.foundation.progress import SILENT_TASK, Task

FEW_PAIRS = 20


def training_folds(folds: np.ndarray, pairs: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """(fold, positions of training pairs, positions of test pairs) for every fold that has both."""
    for fold in np.unique(folds):
        test = folds[pairs[:, 0]] == fold
        if (~test).any():
            yield int(fold), np.flatnonzero(~test), np.flatnonzero(test)


def out_of_fold_scores(
    model: AuthenticityRanker,
    X,
    labelled: np.ndarray,
    candidates: np.ndarray,
    folds: np.ndarray,
    *,
    emotions=None,
    labels=None,
    subjects=None,
    usable: np.ndarray | None = None,
    each_fold: Callable[[AuthenticityRanker, np.ndarray], object] | None = None,
    seconds: dict[str, float] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of every pair and video by models that never saw a video of that fold.

    Parameters
    ----------
    model : unfitted ranker; cloned per fold.
    X : descriptors [n, d] or n series.
    labelled, candidates : [p, 2] (real first) and [q, 2] pairs.
    folds : [n] int.
    emotions, subjects : [n] text or None.
    labels : [n] int, 1 real, -1 fake, 0 unknown; default: as the labelled pairs imply.
    usable : [n] bool; videos without descriptors are neither trained on nor scored.
    each_fold : called with every fold's fitted ranker and the positions of the candidate pairs that it did not see.
    seconds : gets what training and scoring took over all folds, as ``train_s`` and ``predict_s``.

    Returns
    -------
    labelled_scores : [p], positive = right.
    candidate_scores : [q], positive = first video real.
    video_scores : [n], positive = real; NaN where not usable.
    """
    n = len(folds)
    usable = np.ones(n, bool) if usable is None else usable
    labelled_scores, candidate_scores = np.full(len(labelled), np.nan), np.full(len(candidates), np.nan)
    video_scores = np.full(n, np.nan)
    for fold, train, test in training_folds(folds, labelled):
        training_labels = None if labels is None else np.where((folds != fold) & usable, labels, 0)
        started = time.perf_counter()
        ranker = clone(model).fit(X, labelled[train], emotions=emotions, labels=training_labels, subjects=subjects)
        trained = time.perf_counter()
        labelled_scores[test] = ranker.decision_function(X, labelled[test], emotions=emotions)
        here = np.flatnonzero(folds[candidates[:, 0]] == fold)
        candidate_scores[here] = ranker.decision_function(X, candidates[here], emotions=emotions)
        rows = np.flatnonzero((folds == fold) & usable)
        part = X[rows] if isinstance(X, np.ndarray) else [X[i] for i in rows]
        if len(rows):
            video_scores[rows] = ranker.score_videos(part, emotions=None if emotions is None else emotions[rows])
        if seconds is not None:
            for name, took in (("train_s", trained - started), ("predict_s", time.perf_counter() - trained)):
                seconds[name] = seconds.get(name, 0.0) + took
        if each_fold is not None:
            each_fold(ranker, here)
    return labelled_scores, candidate_scores, video_scores


def right(scores: np.ndarray) -> np.ndarray:
    """1 for a positive score, 0 for a negative one, one half for a tie."""
    return (np.sign(scores) + 1) / 2


def relabelled_accuracies(
    differences: np.ndarray,
    folds: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    n_permutations: int = 10_000,
    seed: int = 0,
) -> np.ndarray:
    """[n_permutations] accuracies that a linear ranker, trained again each time, has on randomly swapped labels.

    What chance can do in this very study, its folds included: pairs train each other's models, so that errors of
    different folds go together, and accuracies without any signal spread more than those of independent guesses.

    The ranker is ridge regression of +1 on standardised differences (penalty = number of descriptors). Swapping the
    labels of training pairs changes the signs of their rows and nothing else, hence the held-out score of pair i is
    ``s_i sum_j A_ij s_j`` with s = 1 or -1 for each pair and A [p, p] of the unlabelled data. Training it
    10,000 times is one matrix product.

    Parameters
    ----------
    differences : [p, d] descriptor of the real video minus that of the fake one.
    folds : [p] fold of each pair.
    groups : [p] int from 0, pairs that must be swapped together (`swap_groups`); default: none.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> by_chance = relabelled_accuracies(rng.normal(size=(30, 50)), np.arange(30) % 5)
    >>> bool(abs(by_chance.mean() - 0.5) < 0.05), bool(by_chance.std() > 0.5 / 30**0.5)
    (True, True)
    """
    n, d = differences.shape
    groups = np.arange(n) if groups is None else groups
    influence = np.zeros((n, n))
    for _fold, train, test in training_folds(folds, np.arange(n)[:, None]):
        scale = np.sqrt((differences[train] ** 2).mean(axis=0))
        z = differences / np.where(scale > 0, scale, np.inf)
        gram = z[train] @ z[train].T + d * np.eye(len(train))
        influence[np.ix_(test, train)] = np.linalg.solve(gram, z[train] @ z[test].T).T
    rng = np.random.default_rng(seed)
    accuracies = []
    for start in range(0, n_permutations, 1000):
        size = (min(1000, n_permutations - start), groups.max() + 1)
        signs = rng.choice([-1.0, 1.0], size=size)[:, groups]
        accuracies.append(right(signs * (signs @ influence.T)).mean(axis=1))
    return np.concatenate(accuracies)


def share_at_least(by_chance: np.ndarray, accuracy: float) -> float:
    """One-sided permutation p-value, ``(1 + hits) / (1 + permutations)``: how often chance does at least as well."""
    return float((1 + (by_chance >= accuracy - 1e-9).sum()) / (1 + len(by_chance)))


def swap_p_value(
    scores: np.ndarray, groups: np.ndarray | None = None, *, n_permutations: int = 10_000, seed: int = 0
) -> float:
    """Permutation p-value of the accuracy of a finished model on new labelled pairs.

    Under "nothing to be seen", real and fake could be swapped within each pair. Sound for a model that none of these
    pairs had a part in; out-of-fold scores need `relabelled_accuracies` or `retrained_p_value`, because there the
    pairs train each other's models (0.05 is then undercut in up to 8 % of studies without signal).

    Parameters
    ----------
    scores : [p] scores of labelled pairs, positive = right.
    groups : [p] int from 0, pairs that must be swapped together (`swap_groups`); default: none.
    """
    groups = np.arange(len(scores)) if groups is None else groups
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(n_permutations, groups.max() + 1))[:, groups]
    return share_at_least(right(np.sign(scores) * signs).mean(axis=1), float(right(scores).mean()))


def retrained_p_value(
    model: AuthenticityRanker,
    X,
    labelled: np.ndarray,
    folds: np.ndarray,
    *,
    n_permutations: int,
    seed: int = 0,
    task: Task = SILENT_TASK,
    **context,
) -> float:
    """Permutation p-value with every model trained again on pairs whose labels were swapped at random.

    Exact for any ranker, at `n_permutations` times the cost of an evaluation. Compares pair accuracy, one-sided.
    `task` is told how many models were just trained.
    """
    none = np.zeros((0, 2), int)
    rng = np.random.default_rng(seed)

    def accuracy(pairs: np.ndarray) -> float:
        return float(right(out_of_fold_scores(model, X, pairs, none, folds, **context)[0]).mean())

    observed = accuracy(labelled)
    components = swap_groups(labelled)
    hits = 0
    for _ in range(n_permutations):
        swap = rng.integers(2, size=components.max() + 1).astype(bool)[components]
        hits += accuracy(np.where(swap[:, None], labelled[:, ::-1], labelled)) >= observed - 1e-9
        task.advance(sum(1 for _ in training_folds(folds, labelled)))
    return (1 + hits) / (1 + n_permutations)


def swap_groups(labelled: np.ndarray) -> np.ndarray:
    """[p] group of each pair; pairs that share a video must be swapped together to stay consistent."""
    groups = groups_of(int(labelled.max()) + 1, labelled)[labelled[:, 0]]
    return np.unique(groups, return_inverse=True)[1]


def auc_of_pairs(scores: np.ndarray) -> float:
    """AUC of telling (real, fake) from (fake, real) by the pair's score; a pair counts in both orders."""
    return float(roc_auc_score(np.repeat([1, 0], len(scores)), np.concatenate([scores, -scores])))


def auc_of_videos(scores: np.ndarray, labels: np.ndarray) -> float | None:
    """AUC of single videos, labels 1 and -1; None where only one class is there."""
    return float(roc_auc_score(labels, scores)) if len(np.unique(labels)) == 2 else None


class Calibration:
    """Score -> probability that the (first) video is real, learnt from out-of-fold scores only.

    Platt's logistic curve with an L2 prior that pulls towards 50 % where there are few pairs. For pairs it has no
    intercept, so that the two orders' probabilities sum to 1. A curve that would fall with the score (the ranker did
    worse than chance out of fold) is replaced by its base rate, 50 % for pairs: the scores then carry no information.

    Attributes
    ----------
    slope, intercept : of the log-odds over the score in units of `scale`.
    """

    def __init__(self, slope: float, intercept: float, scale: float, n: int):
        self.slope, self.intercept, self.scale, self.n = slope, intercept, scale, n

    @classmethod
    def of_pairs(cls, scores: np.ndarray) -> Calibration | None:
        """From scores [p] of labelled pairs, positive = right; None without any."""
        return cls._fit(np.concatenate([scores, -scores]), np.repeat([1, -1], len(scores)), with_intercept=False)

    @classmethod
    def of_videos(cls, scores: np.ndarray, labels: np.ndarray) -> Calibration | None:
        """From scores [n] of single videos and labels 1, -1; None without both classes."""
        return cls._fit(scores, labels, with_intercept=True)

    @classmethod
    def _fit(cls, scores, labels, with_intercept):
        known = np.isfinite(scores)
        scores, labels = np.asarray(scores)[known], np.asarray(labels)[known]
        if len(np.unique(labels)) < 2:
            return None
        scale = float(np.sqrt(np.mean(scores**2))) or 1.0
        # Pairs enter in both orders; half weights keep the prior's share what it is for the true number.
        weights = np.full(len(scores), 1.0 if with_intercept else 0.5)
        curve = LogisticRegression(C=1.0, fit_intercept=with_intercept)
        curve.fit(scores[:, None] / scale, labels, sample_weight=weights)
        slope, intercept = float(curve.coef_[0, 0]), float(curve.intercept_[0]) if with_intercept else 0.0
        if slope <= 0:
            share = float((labels == 1).mean())
            slope, intercept = 0.0, float(np.log(share / (1 - share)))
        return cls(slope, intercept, scale, int(weights.sum()))

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """[p] probabilities in 0..1; NaN stays NaN."""
        return 1 / (1 + np.exp(-(self.slope * np.asarray(scores, float) / self.scale + self.intercept)))

    def to_dict(self) -> dict:
        return {"slope": self.slope, "intercept": self.intercept, "scale": self.scale, "n": self.n}


def cross_calibrated(
    scores: np.ndarray, folds: np.ndarray, fit: Callable[[np.ndarray], Calibration | None]
) -> np.ndarray:
    """[p] probabilities of out-of-fold scores, each fold's from a curve learnt on the other folds; NaN without one.

    Parameters
    ----------
    scores : [p] out-of-fold scores; folds : [p] their fold.
    fit : mask [p] of the scores to learn from -> curve.
    """
    probabilities = np.full(len(scores), np.nan)
    for fold in np.unique(folds):
        curve = fit(folds != fold)
        if curve is not None:
            probabilities[folds == fold] = curve(scores[folds == fold])
    return probabilities

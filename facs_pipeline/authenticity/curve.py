"""Learning curves of rankers: the same held-out people, ranked by models of a part of the other ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import clone

from facs_pipeline.authenticity.ranker import AuthenticityRanker
from facs_pipeline.authenticity.scoring import PairedVideos, right, training_folds
from facs_pipeline.foundation.evaluation.learning_curve import SHARES, point
from facs_pipeline.foundation.progress import SILENT_TASK, Task


def subject_subsets(
    subjects: np.ndarray, folds: np.ndarray, shares: Sequence[float] = SHARES, *, seed: int = 0
) -> list[np.ndarray]:
    """The videos that are trained on when a fold is held out; nobody of that fold ever is.

    Parameters
    ----------
    subjects : ndarray of str
        Whose video each is `[n]`.
    folds : ndarray of int
        Fold `[n]` of each video.
    shares : sequence of float
        Of the subjects outside the fold, at least one of them; ascending. A share that in every fold takes nobody more
        than the one before it, or everybody, is left out.
    seed : int
        Of the choice.

    Returns
    -------
    list of ndarray of bool
        `[f, n]` for each share; row f is for the f-th of the sorted folds.
    """
    chosen = []
    for number, fold in enumerate(np.unique(folds)):
        others = np.unique(subjects[folds != fold].astype(str))
        order = np.random.default_rng([seed, number]).permutation(others)
        chosen.append([order[: max(1, round(share * len(order)))] for share in shares] + [others])
    sizes = np.array([[len(names) for names in of_fold] for of_fold in chosen])
    distinct = [
        k
        for k in range(len(shares))
        if (sizes[:, k] < sizes[:, -1]).any() and (k == 0 or (sizes[:, k] > sizes[:, k - 1]).any())
    ]
    return [np.array([np.isin(subjects.astype(str), of_fold[k]) for of_fold in chosen]) for k in distinct]


def ranking_curve(
    ranker: AuthenticityRanker,
    data: PairedVideos,
    full: dict[str, Any],
    *,
    seed: int = 0,
    task: Task = SILENT_TASK,
) -> list[dict[str, Any]]:
    """A ranker's pair accuracy on the same held-out people, trained on parts of the other ones.

    Parameters
    ----------
    ranker : AuthenticityRanker
        Unfitted; cloned for every training.
    data : PairedVideos
        With subjects; the labelled pairs are trained on and scored.
    full : dict
        Figures of the same ranker on all training people: ``accuracy`` and ``wilson_95``.
    seed : int
        Of the choice of people.
    task : Task
        Told of every model trained.

    Returns
    -------
    list of dict
        ``n``, the mean number of training pairs over the folds, ``accuracy``, ``low``, ``high``; all people last. A
        part that leaves some fold without a training pair is left out, and so is one that leaves out nobody.

    Raises
    ------
    ValueError
        Without subjects.
    """
    if data.subjects is None:
        raise ValueError("a learning curve over people needs subjects")
    labelled, folds = data.pairs.labelled, data.folds
    points = []
    splits = list(training_folds(folds, labelled))
    place = {int(fold): number for number, fold in enumerate(np.unique(folds))}
    for inside in subject_subsets(data.subjects, folds, seed=seed):
        scores, sizes = np.full(len(labelled), np.nan), []
        for fold, train, test in splits:
            mask = inside[place[fold]]
            rows = train[mask[labelled[train]].all(axis=1)]
            task.advance()
            if not len(rows):
                continue
            sizes.append(len(rows))
            labels = data.training_labels(mask & (folds != fold))
            fitted = clone(ranker).fit(
                data.X, labelled[rows], emotions=data.emotions, labels=labels, subjects=data.subjects
            )
            scores[test] = fitted.decision_function(data.X, labelled[test], emotions=data.emotions)
        if len(sizes) == len(splits):
            points.append(point(round(np.mean(sizes)), float(right(scores).sum()), len(scores)))
    low, high = full["wilson_95"]
    whole = round(np.mean([len(train) for _fold, train, _test in splits]))
    return [*points, {"n": whole, "accuracy": full["accuracy"], "low": low, "high": high}]


def n_curve_fits(subjects: np.ndarray, folds: np.ndarray, n_folds: int) -> int:
    """How many models `ranking_curve` trains: `n_folds` of them have pairs to train on and to score."""
    return n_folds * len(subject_subsets(subjects, folds))

"""Learning curves of rankers: the same held-out people, ranked by models of a part of the other ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import clone

from facs_pipeline.authenticity import scoring
from facs_pipeline.authenticity.pairs import Pairs
from facs_pipeline.authenticity.rank_svm import AuthenticityRanker
from facs_pipeline.foundation.evaluation.learning_curve import SHARES, point
from facs_pipeline.foundation.progress import SILENT_TASK, Task


def subject_subsets(
    subjects: np.ndarray, folds: np.ndarray, shares: Sequence[float] = SHARES, *, seed: int = 0
) -> list[np.ndarray]:
    """Per share [f, n] bool: whose videos are trained on when fold f is held out; nobody of that fold ever is.

    Parameters
    ----------
    subjects : [n] text; folds : [n] int, position of each subject's fold among the sorted folds is f.
    shares : of the subjects outside the fold, at least one, ascending. A share that takes nobody more than the one
        before it, or everybody, in every fold, is left out.
    """
    chosen = []
    for number, fold in enumerate(np.unique(folds)):
        others = np.unique(subjects[folds != fold].astype(str))
        order = np.random.default_rng([seed, number]).permutation(others)
        chosen.append([order[: max(1, round(share * len(order)))] for share in shares] + [others])
    sizes = np.array([[len(names) for names in of_fold] for of_fold in chosen])
    kept = [
        k
        for k in range(len(shares))
        if (sizes[:, k] < sizes[:, -1]).any() and (k == 0 or (sizes[:, k] > sizes[:, k - 1]).any())
    ]
    return [np.array([np.isin(subjects.astype(str), of_fold[k]) for of_fold in chosen]) for k in kept]


def ranking_curve(
    ranker: AuthenticityRanker,
    X,
    pairs: Pairs,
    folds: np.ndarray,
    subjects: np.ndarray,
    full: dict[str, Any],
    *,
    emotions: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    usable: np.ndarray | None = None,
    seed: int = 0,
    task: Task = SILENT_TASK,
) -> list[dict[str, Any]]:
    """A ranker's pair accuracy on the same held-out people, trained on a part of the other ones.

    Parameters
    ----------
    ranker : unfitted; X : descriptors [n, d] or n series.
    pairs : all pairs; the labelled ones are trained on and scored.
    folds : [n] int; subjects, emotions : [n] text; labels : [n] int, 1 real, -1 fake, 0 unknown; usable : [n] bool.
    full : figures of the same ranker on all training people: ``accuracy`` and ``wilson_95``.
    task : Task
        Told of every model trained.

    Returns
    -------
    list
        Points; ``n`` is the mean number of training pairs over the folds, rounded. Only the full one where the people
        are too few to leave some out. A part without a single training pair in some fold is left out.
    """
    labelled, found = pairs.labelled, []
    usable = np.ones(len(folds), bool) if usable is None else usable
    splits = list(scoring.training_folds(folds, labelled))
    place = {int(fold): number for number, fold in enumerate(np.unique(folds))}
    for inside in subject_subsets(subjects, folds, seed=seed):
        scores, sizes = np.full(len(labelled), np.nan), []
        for fold, train, test in splits:
            mask = inside[place[fold]]
            rows = train[mask[labelled[train]].all(axis=1)]
            task.advance()
            if not len(rows):
                continue
            sizes.append(len(rows))
            known = None if labels is None else np.where(mask & (folds != fold) & usable, labels, 0)
            fitted = clone(ranker).fit(X, labelled[rows], emotions=emotions, labels=known, subjects=subjects)
            scores[test] = fitted.decision_function(X, labelled[test], emotions=emotions)
        if len(sizes) == len(splits):
            found.append(point(round(np.mean(sizes)), float(scoring.right(scores).sum()), len(scores)))
    low, high = full["wilson_95"]
    whole = round(np.mean([len(train) for _fold, train, _test in splits]))
    return [*found, {"n": whole, "accuracy": full["accuracy"], "low": low, "high": high}]


def n_curve_fits(subjects: np.ndarray, folds: np.ndarray, n_folds: int) -> int:
    """How many models `ranking_curve` trains: `n_folds` of them have pairs to train on and to score."""
    return n_folds * len(subject_subsets(subjects, folds))

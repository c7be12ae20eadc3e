"""Settings chosen in inner folds of the training pairs only, one subject's videos kept together."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import GroupKFold

from facs_pipeline.authenticity.pairs import groups_of

INNER_FOLDS = 3
MARGIN_FOLDS = 5


def groups_for_folds(pairs: np.ndarray, subjects, n_videos: int) -> np.ndarray:
    """[n_videos] int group of each video: its subject, or without subjects the pairs it is linked to."""
    if subjects is not None:
        return np.unique(np.asarray(subjects, dtype=str), return_inverse=True)[1]
    return groups_of(n_videos, pairs)


def best_setting(accuracy, rows, pairs, subjects, n, default: int) -> int:
    """Position of the setting with the best mean accuracy over inner folds; `default` where folds are impossible.

    `accuracy(train, test)` gives one figure per setting; `rows` [m] are samples to train on. With `pairs` None the
    samples are pairs themselves and `subjects` [n] their groups.
    """
    groups = subjects if pairs is None else groups_for_folds(pairs, subjects, n)
    of_rows = groups[rows]
    n_folds = min(INNER_FOLDS, len(np.unique(of_rows)))
    if n_folds < 2:
        return default
    results, weights = [], []
    for train, test in GroupKFold(n_folds).split(rows, groups=of_rows):
        test = rows[test] if pairs is None else pairs[np.isin(pairs[:, 0], rows[test])]
        if len(test):
            results.append(accuracy(rows[train], test))
            weights.append(len(test))
    return int(np.argmax(np.average(results, axis=0, weights=weights))) if results else default


def widest_margin(held_out, y, groups, default: int, repeats: int = 1) -> int:
    """Position of the setting whose held-out scores lie furthest on the right side; `default` with one group only.

    Compared is the mean of ``y * score`` in units of the scores' root mean square. Unlike the count of right answers
    it does not jump, so that it tells settings apart where there are few samples. Among equals the first wins.

    Parameters
    ----------
    held_out : (training positions, test positions) -> scores [test, settings].
    y : [n] 1 or -1. groups : [n] int; no group is on both sides.
    repeats : how often the groups are dealt into folds; every time but the first in another, random but fixed way.
    """
    n_folds = min(MARGIN_FOLDS, len(np.unique(groups)))
    if n_folds < 2:
        return default
    towards, squares = 0.0, 0.0
    for repeat in range(repeats):
        folds = GroupKFold(n_folds, shuffle=repeat > 0, random_state=repeat or None)
        for train, test in folds.split(y, groups=groups):
            if len(np.unique(y[train])) < len(np.unique(y)):
                return default
            found = held_out(train, test)
            towards += y[test] @ found
            squares += (found**2).sum(axis=0)
    return int(np.argmax(towards / (np.sqrt(squares) + 1e-300)))

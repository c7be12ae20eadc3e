"""Settings chosen in inner folds of the training pairs only, one subject's videos kept together."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import GroupKFold

from facs_pipeline.pairs import groups_of

INNER_FOLDS = 3


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

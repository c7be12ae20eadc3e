"""Settings chosen in inner folds of the training pairs only, one subject's videos in one fold."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.model_selection import GroupKFold

from facs_pipeline.authenticity.pairs import groups_of

INNER_FOLDS = 3
MARGIN_FOLDS = 5


def groups_for_folds(pairs: np.ndarray, subjects: np.ndarray | None, n_videos: int) -> np.ndarray:
    """Group `[n_videos]` of each video: its subject, or without subjects the pairs it is linked to."""
    if subjects is not None:
        return np.unique(np.asarray(subjects, dtype=str), return_inverse=True)[1]
    return groups_of(n_videos, pairs)


def best_setting(
    accuracy: Callable[[np.ndarray, np.ndarray], np.ndarray],
    samples: np.ndarray,
    groups: np.ndarray,
    pairs: np.ndarray | None = None,
    *,
    default: int,
) -> int:
    """Position of the setting with the best mean accuracy over inner folds.

    Parameters
    ----------
    accuracy : function
        (training samples, test pairs) -> one accuracy per setting.
    samples : ndarray of int
        Samples `[m]` to train on: videos, or without `pairs` positions of pairs.
    groups : ndarray of int
        Group `[n]` of each video, or without `pairs` of each pair; no group is on both sides.
    pairs : ndarray of int, or None
        Pairs `[p, 2]` of videos. Without them the test samples are the test pairs.
    default : int
        Result where folds are impossible.
    """
    of_samples = groups[samples]
    n_folds = min(INNER_FOLDS, len(np.unique(of_samples)))
    if n_folds < 2:
        return default
    accuracies, weights = [], []
    for train, test in GroupKFold(n_folds).split(samples, groups=of_samples):
        tested = samples[test] if pairs is None else pairs[np.isin(pairs[:, 0], samples[test])]
        if len(tested):
            accuracies.append(accuracy(samples[train], tested))
            weights.append(len(tested))
    return int(np.argmax(np.average(accuracies, axis=0, weights=weights))) if accuracies else default


def widest_margin(
    held_out: Callable[[np.ndarray, np.ndarray], np.ndarray],
    y: np.ndarray,
    groups: np.ndarray,
    default: int,
    repeats: int = 1,
) -> int:
    """Position of the setting with the widest margin on held-out samples; among equals the first.

    The margin is the mean of ``y * score`` in units of the scores' root mean square. Unlike the number of right
    answers it is continuous, so that it distinguishes settings where there are few samples.

    Parameters
    ----------
    held_out : function
        (training positions, test positions) -> scores `[test, settings]`.
    y : ndarray of float
        `[n]`, 1 or -1.
    groups : ndarray of int
        `[n]`; no group is on both sides.
    default : int
        Result where there is one group only.
    repeats : int
        Number of times that the groups are dealt into folds: first in order, then in random but fixed ways.
    """
    n_folds = min(MARGIN_FOLDS, len(np.unique(groups)))
    if n_folds < 2:
        return default
    margin, squares = 0.0, 0.0
    for repeat in range(repeats):
        folds = GroupKFold(n_folds, shuffle=repeat > 0, random_state=repeat or None)
        for train, test in folds.split(y, groups=groups):
            if len(np.unique(y[train])) < len(np.unique(y)):
                return default
            scores = held_out(train, test)
            margin += y[test] @ scores
            squares += (scores**2).sum(axis=0)
    return int(np.argmax(margin / (np.sqrt(squares) + 1e-300)))

"""Checks that all authenticity rankers make before they learn or rank, and their encoding of emotions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array


def check_pairs(pairs: np.ndarray, n_videos: int) -> np.ndarray:
    """Pairs as `[p, 2]` of int.

    Raises
    ------
    ValueError
        For another shape, an index out of range, or a video paired with itself.
    """
    pairs = np.asarray(pairs)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not np.issubdtype(pairs.dtype, np.integer):
        raise ValueError(f"pairs must be integers of shape [p, 2], got {pairs.dtype} of shape {list(pairs.shape)}")
    if len(pairs) and (pairs.min() < 0 or pairs.max() >= n_videos):
        raise ValueError(f"pairs name rows {pairs.min()}..{pairs.max()}, but X has rows 0..{n_videos - 1}")
    same = np.flatnonzero(pairs[:, 0] == pairs[:, 1])
    if len(same):
        raise ValueError(f"pair {same[0]} is video {pairs[same[0], 0]} with itself")
    return pairs


def check_width(X: np.ndarray, expected: int, model: BaseEstimator) -> None:
    """`ValueError` where X has another number of columns than the model was fitted with."""
    if X.shape[1] != expected:
        raise ValueError(f"X has {X.shape[1]} columns, but this {type(model).__name__} was fitted with {expected}")


def check_ranking(X: np.ndarray, pairs: np.ndarray, model: BaseEstimator) -> tuple[np.ndarray, np.ndarray]:
    """Checked input of a fitted model.

    Parameters
    ----------
    X : ndarray of float
        Descriptors `[n, d]`; rows that no pair names may hold NaN.
    pairs : ndarray of int
        `[p, 2]`.
    model : AuthenticityRanker
        Fitted.

    Returns
    -------
    X : ndarray of float64
        `[n, d]`.
    pairs : ndarray of int
        `[p, 2]`.

    Raises
    ------
    ValueError
        See `check_pairs` and `check_width`; or if a row of a pair is not finite.
    """
    X = check_array(X, dtype=np.float64, ensure_all_finite=False)
    check_width(X, model.n_features_in_, model)
    pairs = check_pairs(pairs, len(X))
    bad = ~np.isfinite(X[pairs.ravel()]).all(axis=1)
    if bad.any():
        raise ValueError(f"X contains NaN or infinity in row {pairs.ravel()[np.argmax(bad)]}")
    return X, pairs


def check_training(
    X: np.ndarray, pairs: np.ndarray, labels: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Checked input of `AuthenticityRanker.fit`.

    Parameters
    ----------
    X : ndarray of float
        Descriptors `[n, d]`; rows that neither pairs nor labels name may hold NaN.
    pairs : ndarray of int
        `[p, 2]`, one or more.
    labels : ndarray of int, or None
        `[n]`, see `labels_of`.

    Returns
    -------
    X : ndarray of float64
        `[n, d]`.
    pairs : ndarray of int
        `[p, 2]`.
    labels : ndarray of int
        `[n]`: 1 real, -1 fake, 0 not to be used.

    Raises
    ------
    ValueError
        See `check_pairs` and `labels_of`; or without pairs, or if a named row is not finite.
    """
    X = check_array(X, dtype=np.float64, ensure_all_finite=False)
    pairs = check_pairs(pairs, len(X))
    if not len(pairs):
        raise ValueError("no pairs to learn from; expected at least one row [real, fake]")
    labels = labels_of(pairs, labels, len(X))
    rows = np.union1d(np.flatnonzero(labels), pairs.ravel())
    bad = ~np.isfinite(X[rows]).all(axis=1)
    if bad.any():
        raise ValueError(
            f"X contains NaN or infinity in row {rows[np.argmax(bad)]}; leave such videos out of the pairs"
        )
    return X, pairs, labels


def labels_of(pairs: np.ndarray, labels: np.ndarray | None, n_videos: int) -> np.ndarray:
    """The given labels `[n]` checked against the pairs, or, by default, those that the pairs imply."""
    from_pairs = np.zeros(n_videos, int)
    from_pairs[pairs[:, 0]] = 1
    if (from_pairs[pairs[:, 1]] == 1).any():
        raise ValueError("a video is the real one of one pair and the fake one of another")
    from_pairs[pairs[:, 1]] = -1
    if labels is None:
        return from_pairs
    labels = np.asarray(labels, dtype=int)
    if labels.shape != (n_videos,) or ((from_pairs != 0) & (labels != from_pairs)).any():
        raise ValueError("labels must be 1, -1 or 0 for each of the videos, and agree with the pairs")
    return labels


def known_emotions(emotions: np.ndarray | None, pairs: np.ndarray) -> tuple[str, ...]:
    """Sorted names of the emotions of the pairs; empty without emotions.

    Raises
    ------
    ValueError
        If only some pairs have an emotion, or a pair has two.
    """
    if emotions is None:
        return ()
    emotions = np.asarray(emotions, dtype=object)
    differ = np.flatnonzero(emotions[pairs[:, 0]] != emotions[pairs[:, 1]])
    if len(differ):
        raise ValueError(f"pair {differ[0]} joins two emotions; a pair is two videos of one emotion")
    names = sorted({str(name) for name in emotions[pairs[:, 0]]})
    if names == [""]:
        return ()
    if "" in names:
        raise ValueError("some pairs have an emotion and others have none; give all or none")
    return tuple(names)


def emotion_columns(emotions: np.ndarray | None, known: Sequence[str], rows: np.ndarray) -> np.ndarray:
    """One-hot emotions of some videos.

    Parameters
    ----------
    emotions : ndarray of str, or None
        `[n]`.
    known : sequence of str
        Emotions of the training pairs. Another emotion gives zeros, as scikit-learn's
        `OneHotEncoder(handle_unknown="ignore")` does: a small training fold may lack one.
    rows : ndarray of int
        Videos `[m]`.

    Returns
    -------
    ndarray of float
        `[m, len(known)]`.

    Raises
    ------
    ValueError
        If emotions are known but none are given.
    """
    if not known:
        return np.zeros((len(rows), 0))
    if emotions is None:
        raise ValueError(f"this model was trained with emotions ({', '.join(known)}); pass emotions=")
    of_rows = np.asarray(emotions, dtype=object)[rows]
    return (of_rows[:, None] == np.array(known, dtype=object)[None, :]).astype(float)

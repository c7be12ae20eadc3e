"""Accuracy on subjects that a model was not trained on: folds by subject, intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import norm
from sklearn.model_selection import GroupKFold

from facs_pipeline.foundation.errors import InputError

_LONGEST_NUMBER = 1000


def subject_folds(subjects: Sequence[str] | np.ndarray, n_folds: int = 10) -> np.ndarray:
    """Folds so that no subject is in two of them.

    Where every subject is a whole number: subject mod `n_folds`, the published protocol. Otherwise scikit-learn's
    `GroupKFold`. With fewer subjects than folds: one fold per subject.

    Parameters
    ----------
    subjects : sequence of str
        Whom each of n videos shows.
    n_folds : int
        At most so many folds.

    Returns
    -------
    ndarray of int
        Fold of each video `[n]`.

    Raises
    ------
    InputError
        If a video has no subject, or all have the same one.

    Examples
    --------
    >>> subject_folds(["1", "2", "11", "12", "3"], n_folds=10)
    array([1, 2, 1, 2, 3])
    """
    names = np.asarray(subjects, dtype=str)
    if (names == "").any():
        raise InputError(f"{(names == '').sum()} videos have no subject; folds need to know who is who")
    unique, numbers = np.unique(names, return_inverse=True)
    if len(unique) < 2:
        raise InputError(
            f"all {len(subjects)} videos show subject {str(unique[0])!r}; "
            "folds without a person on both sides need two subjects or more"
        )
    # Python makes no numbers of thousands of digits.
    if all(name.isdecimal() and len(name) <= _LONGEST_NUMBER for name in unique):
        folds = np.array([int(name) % n_folds for name in unique])
        if len(np.unique(folds)) > 1:
            return folds[numbers]
    if len(unique) <= n_folds:
        return numbers
    folds = np.zeros(len(names), int)
    for fold, (_train, test) in enumerate(GroupKFold(n_folds).split(names, groups=names)):
        folds[test] = fold
    return folds


def check_folds(
    subjects: Sequence[str] | np.ndarray, folds: Sequence[str] | np.ndarray, describe: Callable[[int], str]
) -> np.ndarray:
    """The user's own folds as numbers, checked: no subject in two folds, and at least two folds.

    Parameters
    ----------
    subjects, folds : sequence of str
        Of n videos.
    describe : callable
        From a position to the name of that row in messages, e.g. ``"table.csv: row 7"``.

    Returns
    -------
    ndarray of int
        Fold of each video `[n]`.

    Raises
    ------
    InputError
        If a fold is missing, a subject is in two folds, or there is only one.
    """
    first: dict[str, int] = {}
    for i, (subject, fold) in enumerate(zip(subjects, folds, strict=True)):
        if not fold:
            raise InputError(f"{describe(i)}, column 'fold' is empty; give every video a fold or leave the column out")
        if subject and subject in first and folds[first[subject]] != fold:
            j = first[subject]
            raise InputError(
                f"{describe(i)}, column 'fold': subject {subject!r} is in fold {fold!r} here "
                f"and in fold {folds[j]!r} in {describe(j)}; a subject on both sides makes the result worthless"
            )
        first.setdefault(subject, i)
    names, numbers = np.unique(np.asarray(folds, dtype=str), return_inverse=True)
    if len(names) < 2:
        raise InputError(f"column 'fold' has the one value {str(names[0])!r}; expected at least two folds")
    return numbers


def wilson_interval(correct: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion p = `correct` / `n`.

    ``(p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)``

    Parameters
    ----------
    correct : float
        0..n.
    n : int
        Number of decisions.
    level : float
        Confidence, 0..1.

    Returns
    -------
    low, high : float
        0..1.

    References
    ----------
    Wilson, "Probable inference, the law of succession, and statistical inference", J. Am. Stat. Assoc. 22, 1927,
    doi:10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> low, high = wilson_interval(40, 60)
    >>> round(low, 2), round(high, 2)
    (0.54, 0.77)
    """
    if n == 0:
        return 0.0, 1.0
    z = norm.ppf((1 + level) / 2)
    p = correct / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    # At 0 and at 1 one end is p itself, which rounding misses by a hair.
    return float(np.clip(centre - half, 0.0, p)), float(np.clip(centre + half, p, 1.0))


def bootstrap_interval(
    outcomes: np.ndarray,
    subjects: Sequence[str] | np.ndarray,
    *,
    n_resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of the mean outcome when subjects, not pairs, are drawn with replacement.

    Pairs of one subject are not independent, so this is usually wider than Wilson's interval.

    Parameters
    ----------
    outcomes : ndarray
        Of n pairs `[n]`, 0..1.
    subjects : sequence of str
        Whom each pair shows `[n]`.
    n_resamples : int
        Number of draws.
    seed : int
        The same seed gives the same interval.
    level : float
        Share of the draws within the interval, 0..1.

    Returns
    -------
    low, high : float
        0..1.
    """
    _names, numbers = np.unique(np.asarray(subjects, dtype=str), return_inverse=True)
    totals, counts = np.bincount(numbers, weights=outcomes), np.bincount(numbers)
    draws = np.random.default_rng(seed).integers(len(counts), size=(n_resamples, len(counts)))
    means = totals[draws].sum(axis=1) / counts[draws].sum(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def accuracy_figures(
    outcomes: np.ndarray, subjects: Sequence[str] | np.ndarray, *, chance: float, seed: int = 0
) -> dict[str, float | list[float]]:
    """Accuracy and its 95 % intervals as JSON-able figures; parameters as for `bootstrap_interval`.

    Returns
    -------
    dict
        ``n``, ``correct``, ``accuracy``, ``wilson_95``, ``subject_bootstrap_95`` and ``chance``; only ``n`` if it is 0.
    """
    n = len(outcomes)
    if n == 0:
        return {"n": 0}
    return {
        "n": n,
        "correct": float(outcomes.sum()),
        "accuracy": float(outcomes.mean()),
        "wilson_95": list(wilson_interval(float(outcomes.sum()), n)),
        "subject_bootstrap_95": list(bootstrap_interval(outcomes, subjects, seed=seed)),
        "chance": chance,
    }

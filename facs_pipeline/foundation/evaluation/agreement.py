"""Agreement of two sets of intensities: Pearson r, CCC, ICC(3,1), MAE, bias, F1, with intervals over subjects.

All measures are functions of a few sums, so that a bootstrap over subjects adds up each subject's sums
instead of drawing frames again; every measure is computed for all action units at once. Rows where either
side is NaN (unknown) are left out, separately for each action unit. A measure that is not defined, such as
the correlation with a constant, is NaN.

Examples
--------
>>> import numpy as np
>>> coded = np.array([[0.0], [1.0], [2.0], [3.0]])
>>> round(float(pearson(coded, 2 * coded + 1)[0]), 3), round(float(ccc(coded, coded + 1)[0]), 3)
(1.0, 0.714)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

F1_INTENSITY = 2.0
"""Intensity from which an action unit counts as active in F1."""

# Order of the sums in the last axis of `_sums`: y = reference, p = prediction.
_N, _Y, _P, _YY, _PP, _YP, _ABS, _TP, _FP, _FN = range(10)


def _two_columns(reference: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 [n, k]; one series [n] becomes [n, 1]."""
    y, p = (np.asarray(a, dtype=np.float64) for a in (reference, predicted))
    if y.shape != p.shape or y.ndim not in (1, 2):
        raise ValueError(f"reference and prediction need one shape [n] or [n, k], got {y.shape} and {p.shape}")
    return (y[:, None], p[:, None]) if y.ndim == 1 else (y, p)


def _sums(y: np.ndarray, p: np.ndarray, groups: np.ndarray, n_groups: int, at: float) -> np.ndarray:
    """[n_groups, k, 10] sums of everything the measures need, for rows whose group is 0..n_groups - 1."""
    known = ~(np.isnan(y) | np.isnan(p))
    high_y, high_p = known & (np.nan_to_num(y) >= at), known & (np.nan_to_num(p) >= at)
    y, p = np.where(known, y, 0.0), np.where(known, p, 0.0)
    terms = (known, y, p, y * y, p * p, y * p, np.abs(y - p), high_y & high_p, high_p & ~high_y, high_y & ~high_p)
    total = np.zeros((n_groups, y.shape[1], len(terms)))
    for position, term in enumerate(terms):
        np.add.at(total[:, :, position], groups, term.astype(np.float64))
    return total


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Quotient, NaN where the denominator is no larger than rounding leaves of a zero."""
    defined = denominator > 1e-12
    return np.divide(numerator, denominator, out=np.full(np.shape(denominator), np.nan), where=defined)


def _moments(sums: np.ndarray) -> tuple[np.ndarray, ...]:
    """Means, population variances and covariance [..., k] from the sums."""
    n = np.maximum(sums[..., _N], 1.0)
    mean_y, mean_p = sums[..., _Y] / n, sums[..., _P] / n
    variance_y = np.maximum(sums[..., _YY] / n - mean_y**2, 0.0)
    variance_p = np.maximum(sums[..., _PP] / n - mean_p**2, 0.0)
    return mean_y, mean_p, variance_y, variance_p, sums[..., _YP] / n - mean_y * mean_p


def _pearson(sums: np.ndarray) -> np.ndarray:
    _, _, variance_y, variance_p, covariance = _moments(sums)
    return _ratio(covariance, np.sqrt(variance_y * variance_p))


def _ccc(sums: np.ndarray) -> np.ndarray:
    mean_y, mean_p, variance_y, variance_p, covariance = _moments(sums)
    return _ratio(2 * covariance, variance_y + variance_p + (mean_y - mean_p) ** 2)


def _icc(sums: np.ndarray) -> np.ndarray:
    _, _, variance_y, variance_p, covariance = _moments(sums)
    return _ratio(2 * covariance, variance_y + variance_p)


def _mae(sums: np.ndarray) -> np.ndarray:
    return _ratio(sums[..., _ABS], sums[..., _N])


def _bias(sums: np.ndarray) -> np.ndarray:
    return _ratio(sums[..., _P] - sums[..., _Y], sums[..., _N])


def _f1(sums: np.ndarray) -> np.ndarray:
    return _ratio(2 * sums[..., _TP], 2 * sums[..., _TP] + sums[..., _FP] + sums[..., _FN])


_MEASURES = {"r": _pearson, "ccc": _ccc, "icc": _icc, "mae": _mae, "bias": _bias, "f1": _f1}
MEASURES: tuple[str, ...] = tuple(_MEASURES)
"""Names of all measures."""


def _whole(measure: str, reference: np.ndarray, predicted: np.ndarray, at: float = F1_INTENSITY) -> np.ndarray:
    y, p = _two_columns(reference, predicted)
    return _MEASURES[measure](_sums(y, p, np.zeros(len(y), dtype=np.intp), 1, at)[0])


def pearson(reference: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Pearson's correlation, r = cov(y, p) / (sd(y) sd(p)); -1..1, higher is better.

    Parameters
    ----------
    reference, predicted : ndarray
        Intensities 0..5 `[n]` or `[n, k]`; NaN where unknown.

    Returns
    -------
    ndarray of float64
        `[k]`, NaN where either side is constant.

    References
    ----------
    Pearson, "Notes on regression and inheritance in the case of two parents", Proc. R. Soc. 58, 1895.
    """
    return _whole("r", reference, predicted)


def ccc(reference: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Concordance correlation, 2 cov(y, p) / (var y + var p + (mean y - mean p)^2); -1..1, higher is better.

    Unlike r it also falls with a wrong level or scale. Variances are the population's (divided by n), as Lin
    defines them. Shapes as for `pearson`.

    References
    ----------
    Lin, "A concordance correlation coefficient to evaluate reproducibility", Biometrics 45, 1989,
    doi:10.2307/2532051.
    """
    return _whole("ccc", reference, predicted)


def icc(reference: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """ICC(3,1) of two raters, 2 cov(y, p) / (var y + var p); -1..1, higher is better.

    This is `icc_3_1` for two raters; it ignores a constant offset, but not a wrong scale. Shapes as for `pearson`.

    References
    ----------
    Shrout and Fleiss, "Intraclass correlations: uses in assessing rater reliability", Psychological
    Bulletin 86, 1979, doi:10.1037/0033-2909.86.2.420.
    """
    return _whole("icc", reference, predicted)


def icc_3_1(ratings: np.ndarray) -> float:
    """ICC(3,1) of any number of raters: (BMS - EMS) / (BMS + (m - 1) EMS); higher is better, 1 at most.

    BMS is the mean square between targets, EMS the residual mean square of the two-way layout, m the number of
    raters: every rater has rated every target, and these raters are the only ones of interest.

    Parameters
    ----------
    ratings : ndarray
        `[targets, raters]`, complete, at least 2 x 2.

    References
    ----------
    Shrout and Fleiss 1979, doi:10.1037/0033-2909.86.2.420; the test holds their table 2.
    """
    x = np.asarray(ratings, dtype=np.float64)
    if x.ndim != 2 or min(x.shape) < 2 or np.isnan(x).any():
        raise ValueError(f"ratings need shape [targets, raters], at least 2 x 2 and complete; got {x.shape}")
    n, m = x.shape
    targets, raters = x.mean(axis=1, keepdims=True), x.mean(axis=0, keepdims=True)
    between = m * ((targets - x.mean()) ** 2).sum() / (n - 1)
    residual = ((x - targets - raters + x.mean()) ** 2).sum() / ((n - 1) * (m - 1))
    return float(_ratio(np.array(between - residual), np.array(between + (m - 1) * residual)))


def mae(reference: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Mean absolute error, mean |p - y|, in intensity units; 0 or more, lower is better. Shapes as for `pearson`."""
    return _whole("mae", reference, predicted)


def bias(reference: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Mean error, mean (p - y), in intensity units; nearer to 0 is better. Shapes as for `pearson`."""
    return _whole("bias", reference, predicted)


def f1(reference: np.ndarray, predicted: np.ndarray, at: float = F1_INTENSITY) -> np.ndarray:
    """F1 = 2 TP / (2 TP + FP + FN) of "intensity is at least `at`"; 0..1, higher is better.

    NaN where neither side ever reaches `at`. Shapes as for `pearson`.

    References
    ----------
    van Rijsbergen, "Information Retrieval", 2nd edition, 1979.
    """
    return _whole("f1", reference, predicted, at)


def agreement(
    reference: np.ndarray,
    predicted: np.ndarray,
    subjects: Sequence[str],
    aus: Sequence[int],
    *,
    n_bootstrap: int = 1000,
    confidence: float = 0.95,
    random_state: int = 0,
) -> pd.DataFrame:
    """All measures for each action unit, with percentile intervals from a bootstrap over subjects.

    Frames of one subject are alike, so drawing frames would give intervals that are far too narrow: subjects are
    drawn with replacement instead, each with all their frames (the cluster bootstrap).

    Parameters
    ----------
    reference, predicted : ndarray
        Intensities 0..5 `[n, k]`; NaN where unknown.
    subjects : sequence of str
        Whose face each row shows `[n]`.
    aus : sequence of int
        FACS numbers `[k]`, for the index of the result.
    n_bootstrap : int
        Number of draws; 0 leaves the intervals NaN.
    confidence : float
        Share of the draws within the interval.
    random_state : int
        The same seed gives the same intervals.

    Returns
    -------
    DataFrame
        One row per action unit (index ``au``): ``n`` (rows known), ``subjects`` (those with such rows), ``r``,
        ``ccc``, ``icc``, ``mae``, ``bias``, ``f1``, and each measure's ``_low`` and ``_high``.

    References
    ----------
    Field and Welsh, "Bootstrapping clustered data", J. R. Stat. Soc. B 69, 2007,
    doi:10.1111/j.1467-9868.2007.00593.x.
    """
    y, p = _two_columns(reference, predicted)
    if y.shape[1] != len(aus) or len(y) != len(subjects):
        raise ValueError(f"got {y.shape} intensities, {len(aus)} action units and {len(subjects)} subjects")
    unique, group = np.unique(np.asarray(subjects), return_inverse=True)
    sums = _sums(y, p, group, len(unique), F1_INTENSITY)
    total = sums.sum(axis=0)
    table = {"n": total[:, _N].astype(int), "subjects": (sums[:, :, _N] > 0).sum(axis=0)}
    random = np.random.default_rng(random_state)
    drawn = np.full((0, *total.shape), np.nan)
    if n_bootstrap:
        times = random.multinomial(len(unique), np.full(len(unique), 1 / len(unique)), size=n_bootstrap)
        drawn = np.tensordot(times.astype(np.float64), sums, axes=1)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    for name, measure in _MEASURES.items():
        table[name] = measure(total)
        low, high = np.full((2, len(aus)), np.nan)
        if n_bootstrap:
            values = measure(drawn)
            for column in np.flatnonzero(~np.isnan(values).all(axis=0)):
                low[column], high[column] = np.nanquantile(values[:, column], tails)
        table[f"{name}_low"], table[f"{name}_high"] = low, high
    return pd.DataFrame(table, index=pd.Index(list(aus), name="au"))


def joint_counts(reference: np.ndarray, predicted: np.ndarray, step: float = 0.5) -> np.ndarray:
    """Joint histograms of reference and prediction: a scatter plot in a form that stays small.

    Parameters
    ----------
    reference, predicted : ndarray
        Intensities 0..5 `[n, k]`; NaN where unknown. Values outside count in the outermost bin.
    step : float
        Width of a bin.

    Returns
    -------
    ndarray of int
        `[k, m, m]`: rows are bins of the reference, columns of the prediction, from 0 upwards.

    Examples
    --------
    >>> joint_counts(np.array([0.2, 0.3, 4.9]), np.array([0.1, 2.2, 5.0]), step=2.5).tolist()
    [[[2, 0], [0, 1]]]
    """
    y, p = _two_columns(reference, predicted)
    bins = round(5 / step)
    counts = np.zeros((y.shape[1], bins, bins), np.int64)
    for k in range(y.shape[1]):
        known = ~np.isnan(y[:, k]) & ~np.isnan(p[:, k])
        row, column = (np.clip(values[known, k] / step, 0, bins - 1).astype(np.intp) for values in (y, p))
        np.add.at(counts[k], (row, column), 1)
    return counts


def within_subject_pearson(
    reference: np.ndarray, predicted: np.ndarray, subjects: Sequence[str], *, min_std: float = 0.25, min_rows: int = 8
) -> tuple[np.ndarray, np.ndarray]:
    """Mean over subjects (or videos) of r within each: does the curve move with the face? Higher is better.

    Parameters
    ----------
    reference, predicted : ndarray
        Intensities 0..5 `[n, k]`; NaN where unknown.
    subjects : sequence of str
        Whose face each row shows `[n]`.
    min_std : float
        A subject counts for an action unit only where the reference's standard deviation reaches this (intensity
        units), since r of a face at rest is noise.
    min_rows : int
        Subjects with fewer rows are left out.

    Returns
    -------
    mean : ndarray of float64
        `[k]`, NaN where no subject counts.
    counts : ndarray of int
        Subjects that count `[k]`.
    """
    y, p = _two_columns(reference, predicted)
    unique, group = np.unique(np.asarray(subjects), return_inverse=True)
    sums = _sums(y, p, group, len(unique), F1_INTENSITY)
    r = _pearson(sums)
    r[(np.sqrt(_moments(sums)[2]) < min_std) | (sums[..., _N] < min_rows)] = np.nan
    counts = (~np.isnan(r)).sum(axis=0)
    return _ratio(np.nansum(r, axis=0), counts.astype(np.float64)), counts

"""Differences between conditions within persons: paired, with effect sizes, intervals and corrected p values."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from facs_pipeline.study.signals import STATISTICS

Correction = Literal["holm", "bh"]
FLIPS = 9999
"""Random changes of sign; with up to 13 persons all there are."""
_MOST_EXACT = 13
SIGNAL = ["kind", "signal", "side"]


def person_differences(
    persons: pd.DataFrame, factor: str, others: Sequence[str], person: str, levels: tuple[str, str], statistic: str
) -> pd.DataFrame:
    """Difference of each person between two levels, over the cells of the other factors that have both.

    Parameters
    ----------
    persons : DataFrame
        One row for each person, combination of conditions and signal.
    factor : str
        Column of the levels.
    others : sequence of str
        Columns of the other conditions.
    person : str
        Column of the persons.
    levels : tuple of str
        The difference is the second less the first.
    statistic : str
        Of `STATISTICS`.

    Returns
    -------
    DataFrame
        Indexed by person and signal, with the columns ``a`` and ``b``.
    """
    keys = [*SIGNAL, person, *others]
    rows = persons[persons[factor].isin(levels)]
    wide = rows.pivot_table(index=keys, columns=factor, values=statistic, aggfunc="mean", dropna=True)
    if not set(levels) <= set(wide.columns):
        return pd.DataFrame(columns=["a", "b"])
    both = wide[list(levels)].dropna().set_axis(["a", "b"], axis=1)
    return both.groupby(level=[*SIGNAL, person]).mean()


def differences(
    persons: pd.DataFrame,
    factors: Sequence[str],
    person: str,
    *,
    statistics: Sequence[str] = tuple(STATISTICS),
    correction: Correction = "holm",
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Differences between the levels of each factor, for every signal and statistic.

    Parameters
    ----------
    persons : DataFrame
        One row for each person, combination of conditions and signal.
    factors : sequence of str
        Columns of conditions.
    person : str
        Column of the persons.
    statistics : sequence of str
        Columns that are compared.
    correction : "holm" or "bh"
        Over the signals of one kind, statistic and pair of levels: Holm's for any false one among them,
        Benjamini and Hochberg's for the share of false ones.
    resamples : int
        Of the persons, for the intervals.
    seed : int
        Of all that is random.

    Returns
    -------
    DataFrame
        ``persons`` is how many have both levels; ``low`` and ``high`` the 95 % bootstrap interval of the mean
        difference over persons; ``effect_dz`` that mean over its standard deviation (Cohen's d_z); ``p`` two-sided, by
        changes of sign; ``p_corrected`` with its ``correction``.
    """
    rows = []
    for factor in factors:
        others = [name for name in factors if name != factor]
        for levels in combinations(sorted(persons[factor].unique()), 2):
            for statistic in statistics:
                paired = person_differences(persons, factor, others, person, levels, statistic)
                for key, group in paired.groupby(level=SIGNAL) if len(paired) else ():
                    if len(group) < 2:
                        continue
                    found = _paired(group["a"].to_numpy(), group["b"].to_numpy(), resamples, seed)
                    about = {"factor": factor, "level_a": levels[0], "level_b": levels[1], "statistic": statistic}
                    rows.append({**about, **dict(zip(SIGNAL, key, strict=True)), **found})
    table = pd.DataFrame(rows)
    if len(table):
        together = table.groupby(["factor", "level_a", "level_b", "statistic", "kind"], sort=False)["p"]
        table["p_corrected"] = together.transform(holm if correction == "holm" else benjamini_hochberg)
        table["correction"] = {"holm": "Holm", "bh": "Benjamini-Hochberg"}[correction]
    return table


def _paired(a: np.ndarray, b: np.ndarray, resamples: int, seed: int) -> dict[str, float | int | None]:
    change = b - a
    random = np.random.default_rng(seed)
    means = change[random.integers(0, len(change), (resamples, len(change)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    spread = float(change.std(ddof=1))
    return {
        "persons": len(change),
        "mean_a": float(a.mean()),
        "mean_b": float(b.mean()),
        "difference": float(change.mean()),
        "low": float(low),
        "high": float(high),
        "effect_dz": float(change.mean() / spread) if spread > 1e-12 else None,
        "p": sign_flip_p(change, seed=seed),
    }


def sign_flip_p(change: np.ndarray, *, seed: int = 0) -> float:
    """Two-sided p value of a mean difference, if each person's could as well have the other sign.

    Parameters
    ----------
    change : ndarray of float
        Of each person `[n]`.
    seed : int
        Of the random changes of sign, where there are too many to try all.

    Examples
    --------
    >>> sign_flip_p(np.array([1.0, 2.0, 1.5]))
    0.25
    """
    n = len(change)
    if n <= _MOST_EXACT:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        extra = 0
    else:
        signs = np.random.default_rng(seed).choice(np.array([-1, 1]), (FLIPS, n))
        extra = 1
    flipped = np.abs(signs @ change) / n
    beyond = int((flipped >= abs(float(change.mean())) * (1 - 1e-9)).sum())
    return (beyond + extra) / (len(signs) + extra)


def holm(p: pd.Series) -> np.ndarray:
    """P values corrected by Holm's step-down procedure (1979).

    >>> holm(pd.Series([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    values = p.to_numpy(float)
    order = np.argsort(values)
    steps = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    return np.minimum(steps, 1.0)[np.argsort(order)]


def benjamini_hochberg(p: pd.Series) -> np.ndarray:
    """P values corrected by Benjamini and Hochberg's step-up procedure (1995).

    >>> benjamini_hochberg(pd.Series([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    values = p.to_numpy(float)
    order = np.argsort(values)
    steps = values[order] * len(values) / np.arange(1, len(values) + 1)
    return np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1.0)[np.argsort(order)]

"""Reasons of a ranker's decisions: the statistics that contributed most, in words."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from facs_pipeline.tables.descriptor_table import DescriptorTable
from facs_pipeline.tables.schema import REASONS

_COLUMN = re.compile(r"(?P<unit>AU\d+)_(?P<signal>value|speed|acceleration)_(?P<statistic>\w+?)(?P<squared>_squared)?$")

_STATISTICS = {
    "mean": "mean",
    "median": "median",
    "min": "minimum",
    "max": "maximum",
    "range": "range",
    "std": "standard deviation",
    "iqr": "inter-quartile range",
    "idr": "10th-to-90th percentile range",
    "mad": "mean deviation",
    "time_of_max": "time of the maximum",
    "time_above_mean": "share of time above the mean",
    "time_above_threshold": "share of time above the threshold",
    "segments_above_mean": "number of rises above the mean",
    "segments_above_threshold": "number of rises above the threshold",
    "area": "area",
    "area_normalised": "area relative to the range",
    "max_minus_first_mean_crossing": "time from onset to maximum",
}
_LATER = {"time_of_max"}
_LONGER = {"time_above_mean", "time_above_threshold", "max_minus_first_mean_crossing"}


class Reason(NamedTuple):
    """One descriptor's part in a decision.

    Attributes
    ----------
    column : str
        Name of the descriptor.
    words : str
        Such as ``"AU12 speed: maximum higher in A"``.
    value_a, value_b : float
        The descriptor in both videos.
    contribution : float
        Its part of the decision's margin, positive = for A being real.
    """

    column: str
    words: str
    value_a: float
    value_b: float
    contribution: float


def in_words(column: str, value_a: float, value_b: float, a: str = "A", b: str = "B") -> str:
    """The difference in one descriptor, in words.

    Parameters
    ----------
    column : str
        Name of the descriptor.
    value_a, value_b : float
        The descriptor in both videos.
    a, b : str
        Names of the videos.

    Examples
    --------
    >>> in_words("AU12_speed_max", 0.9, 0.2)
    'AU12 speed: maximum higher in A'
    >>> in_words("AU06_value_time_of_max", 0.9, 2.5)
    'AU06 intensity: time of the maximum later in B'
    >>> in_words("my_feature", 1.0, 2.0)
    'my_feature: higher in B'
    """
    if value_a == value_b:
        where = "the same in both"
        direction = ""
    else:
        where = f"in {a if value_a > value_b else b}"
        direction = "higher "
    match = _COLUMN.match(column)
    if match is None or match["statistic"] not in _STATISTICS:
        return f"{column}: {direction}{where}"
    statistic = match["statistic"]
    if direction and statistic in _LATER:
        direction = "later "
    elif direction and statistic in _LONGER:
        direction = "longer "
    signal = "intensity" if match["signal"] == "value" else match["signal"]
    square = ", squared" if match["squared"] else ""
    return f"{match['unit']} {signal}: {_STATISTICS[statistic]}{square} {direction}{where}"


def reasons(
    contributions: np.ndarray,
    columns: tuple[str, ...],
    values_a: np.ndarray,
    values_b: np.ndarray,
    *,
    top: int = 5,
    a: str = "A",
    b: str = "B",
) -> list[Reason]:
    """The descriptors that contributed most to one pair's decision, strongest first.

    Parameters
    ----------
    contributions : ndarray of float
        Contributions `[d]` from the ranker's `margins`, positive = for the first video being real. Of linear rankers
        they are weight times standardised difference, of LightGBM its own.
    columns : tuple of str
        Names `[d]`.
    values_a, values_b : ndarray of float
        Descriptors `[d]` of the two videos.
    top : int
        Reasons, at most; descriptors without contribution are left out.
    a, b : str
        Names of the videos.

    Returns
    -------
    list of Reason
        At most `top`.
    """
    strongest = np.argsort(-np.abs(contributions), kind="stable")[:top]
    return [
        Reason(
            columns[i],
            in_words(columns[i], values_a[i], values_b[i], a, b),
            float(values_a[i]),
            float(values_b[i]),
            float(contributions[i]),
        )
        for i in strongest
        if contributions[i] != 0
    ]


COLUMNS = REASONS.names
"""Of ``reasons.csv``."""


def reason_rows(
    model: str, margins: np.ndarray, pairs: np.ndarray, table: DescriptorTable, *, top: int = 5
) -> list[list[object]]:
    """Rows of ``reasons.csv``, pair by pair, strongest reason first.

    Parameters
    ----------
    model : str
        Name of the ranker.
    margins : ndarray of float
        Contributions `[q, d]` of the pairs, see `reasons`.
    pairs : ndarray of int
        Rows `[q, 2]` of the table.
    table : DescriptorTable
        The videos, with d descriptors.
    top : int
        Reasons per pair, at most.

    Returns
    -------
    list of list
        Cells as in `COLUMNS`.
    """
    X, videos = table.values, table.videos
    return [
        [model, videos[a], videos[b], reason.words, reason.column, reason.value_a, reason.value_b, reason.contribution]
        for (a, b), margin in zip(pairs, margins, strict=True)
        for reason in reasons(margin, table.columns, X[a], X[b], top=top)
    ]


def by_unit(contributions: np.ndarray, columns: tuple[str, ...]) -> dict[str, float]:
    """Contributions summed per action unit (or column that belongs to none), strongest first.

    The statistics of one curve are correlated, so the sum per unit is the more robust part of an explanation.

    Parameters
    ----------
    contributions : ndarray of float
        `[d]`.
    columns : tuple of str
        Names `[d]` of the descriptors.

    Examples
    --------
    >>> by_unit(np.array([0.5, 0.25, -1.0]), ("AU12_speed_max", "AU12_value_mean", "AU04_value_mean"))
    {'AU04': -1.0, 'AU12': 0.75}
    """
    sums: dict[str, float] = {}
    for column, contribution in zip(columns, contributions, strict=True):
        match = _COLUMN.match(column)
        unit = match["unit"] if match else column
        sums[unit] = sums.get(unit, 0.0) + float(contribution)
    return dict(sorted(sums.items(), key=lambda item: -abs(item[1])))


def units_of(columns: list[str], limit: int = 4) -> list[str]:
    """The action units in names of descriptors, in order of first mention, e.g. ``["AU12", "AU25"]``."""
    units = [match["unit"] for match in map(_COLUMN.match, columns) if match]
    return list(dict.fromkeys(units))[:limit]

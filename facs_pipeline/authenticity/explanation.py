"""Why the ranker decided as it did: the statistics that moved a decision most, in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

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

    column : its name; words : e.g. "AU12 speed: maximum higher in A"; value_a, value_b : what was measured;
    contribution : its share of the decision's margin, positive = speaks for A being real.
    """

    column: str
    words: str
    value_a: float
    value_b: float
    contribution: float


def in_words(column: str, value_a: float, value_b: float, a: str = "A", b: str = "B") -> str:
    """What the difference in one descriptor means, in words.

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
    """The descriptors that moved one pair's decision most, strongest first.

    Parameters
    ----------
    contributions : [d] of the pair from the ranker's `margins`: for linear rankers weight times standardised
        difference, for LightGBM its own contributions; positive speaks for the first video being real.
    columns : [d] names. values_a, values_b : [d] the two videos' descriptors.
    top : how many; descriptors with no contribution are never named.
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


COLUMNS = ("model", "video_a", "video_b", "reason", "column", "value_a", "value_b", "contribution")
"""Of ``reasons.csv``."""


def reason_rows(
    model: str, margins: np.ndarray, pairs: np.ndarray, videos: Sequence[str], X: np.ndarray, columns: tuple[str, ...],
    *, top: int = 5,
) -> list[list]:  # fmt: skip
    """Rows of ``reasons.csv`` (`COLUMNS`), pair by pair, strongest reason first.

    Parameters
    ----------
    model : name of the ranker; margins : [q, d] of the pairs, see `reasons`; pairs : [q, 2] rows of `X`.
    videos : [n] names; X : [n, d] descriptors; columns : [d] their names; top : reasons per pair.
    """
    return [
        [model, videos[a], videos[b], found.words, found.column, found.value_a, found.value_b, found.contribution]
        for (a, b), margin in zip(pairs, margins, strict=True)
        for found in reasons(margin, columns, X[a], X[b], top=top)
    ]


def by_unit(contributions: np.ndarray, columns: tuple[str, ...]) -> dict[str, float]:
    """Contributions summed per action unit (or column that belongs to none), strongest first.

    Neighbouring statistics of one curve say much the same, so the sum per unit is the steadier part of an explanation.

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
    """The action units that descriptor names speak of, in order of first mention, e.g. ``["AU12", "AU25"]``."""
    units = [match["unit"] for match in map(_COLUMN.match, columns) if match]
    return list(dict.fromkeys(units))[:limit]

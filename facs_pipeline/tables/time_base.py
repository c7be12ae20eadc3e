"""When the rows of an action-unit table are: the instants of its frames, checked for what no recording has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from facs_pipeline.foundation.errors import InputError

TimeUnit = Literal["s", "ms", "us", "min"]
PER_SECOND: dict[TimeUnit, float] = {"s": 1.0, "ms": 1e3, "us": 1e6, "min": 1 / 60}
"""Units in which time stamps are counted -> how many are a second."""
SLOWEST, FASTEST = 1.0, 1000.0
"""Frames a second that a foreign table's time stamps are believed to have."""
LONGEST_S = 366 * 86_400.0
"""No recording lasts longer. Gaps of shorter tables split their series, see `facs_pipeline.dynamics.resampling`."""
LARGEST_FRAME = 10.0**15
_ROUNDING = 1.01


@dataclass(frozen=True)
class Clock:
    """How a table's times are told.

    Attributes
    ----------
    fps : float or None
        Frames per second of tables without time stamps, above 0.
    per_second : float
        So many units of a time stamp are a second.
    believed : bool
        Whether the unit is certain; else it must give a frame rate that cameras have.
    """

    fps: float | None = None
    per_second: float = 1.0
    believed: bool = False


class TimeBase(NamedTuple):
    """The instants of one video; faces share them.

    Attributes
    ----------
    instants : Series of int
        Which instant each row belongs to, by the row's number.
    times_s : ndarray of float64
        Times [n] of the instants in seconds, never falling.
    frames : ndarray of int
        Number [n] of each frame as the table counts them, else from 1.
    """

    instants: pd.Series
    times_s: np.ndarray
    frames: np.ndarray


def time_base(path: Path, rows: pd.DataFrame, faces: pd.Series, clock: Clock) -> TimeBase:
    """The instants of a video's rows, which may be sorted by frame or by face.

    Parameters
    ----------
    path : Path
        The table, for messages.
    rows : DataFrame
        Its rows that are about the video, with any of the columns ``frame`` and ``timestamp``.
    faces : Series of str
        Each row's face.
    clock : Clock

    Returns
    -------
    TimeBase
        Rows of one frame number are one instant, also where another frame has the same time stamp. Without frame
        numbers rows of one time stamp are.

    Raises
    ------
    InputError
        If a time or number is missing, goes back, or is none that a recording has; if there are no times.
    """
    column, times = _times(path, rows, clock)
    numbered = "frame" in rows and bool(rows["frame"].notna().all())
    if numbered:
        _check_whole(path, rows["frame"])
    # Numbers of frames that have several times each number something else.
    by_frame = numbered and bool((times.groupby(rows["frame"]).nunique() == 1).all())
    key = rows["frame"] if by_frame else times
    for checked in (key, times):
        for _face, own in checked.groupby(faces, sort=False) if faces.nunique() > 1 else [("", checked)]:
            _check_order(path, column, rows, own)
    keys, first, places = np.unique(key.to_numpy(np.float64), return_index=True, return_inverse=True)
    times_s = times.to_numpy(np.float64)[first]
    _check_order(path, column, rows, pd.Series(times_s, index=rows.index[first]))
    if column == "timestamp" and not clock.believed:
        _check_rate(path, times_s, clock)
    check_span(path, column, rows.index[first], times_s)
    frames = rows["frame"].to_numpy(int)[first] if numbered else np.arange(len(keys)) + 1
    return TimeBase(pd.Series(places, index=rows.index), times_s, frames)


def _times(path: Path, rows: pd.DataFrame, clock: Clock) -> tuple[str, pd.Series]:
    """The column that tells the time, and the seconds of each row."""
    stamps = rows["timestamp"] if "timestamp" in rows else pd.Series(dtype=np.float64)
    # For images OpenFace writes 0 in every row.
    stamped = stamps.notna().any() and (len(rows) == 1 or stamps.nunique() > 1 or stamps.isna().any())
    if stamped:
        column, times = "timestamp", stamps / clock.per_second
    elif clock.fps is None:
        what = "all time stamps are the same" if stamps.notna().any() else "no time stamps (column timestamp)"
        raise InputError(f"{path}: {what}; say how many frames a second the video has, e.g. --fps 30")
    elif "frame" in rows:
        column, times = "frame", rows["frame"] / clock.fps
    else:
        column, times = "frame", pd.Series(np.arange(len(rows)) / clock.fps, index=rows.index)
    empty = np.flatnonzero(times.isna())
    if len(empty):
        raise InputError(f"{path}: row {rows.index[empty[0]]}, column {column}: empty")
    return column, times


def _check_whole(path: Path, frames: pd.Series) -> None:
    wrong = np.flatnonzero((frames % 1 != 0) | (frames.abs() > LARGEST_FRAME))
    if len(wrong):
        row = frames.index[wrong[0]]
        raise InputError(f"{path}: row {row}, column frame: {frames.iloc[wrong[0]]:g}; expected a whole number")


def _check_order(path: Path, column: str, rows: pd.DataFrame, own: pd.Series) -> None:
    back = np.flatnonzero(np.diff(own.to_numpy(np.float64)) < 0)
    if not len(back):
        return
    row, earlier = own.index[back[0] + 1], own.index[back[0]]
    here, before = (rows[column].loc[number] if column in rows else number for number in (row, earlier))
    raise InputError(f"{path}: row {row}, column {column}: {here:g} comes after {before:g}; sort the rows by frame")


def check_span(path: Path, column: str, rows: pd.Index, times_s: np.ndarray) -> None:
    """Refuse times that lie further apart than those of any recording; the row behind the longest gap is named.

    Parameters
    ----------
    path : Path
        The table, for the message, as are `column` and the numbers of its `rows` [n].
    column : str
    rows : Index
    times_s : ndarray of float64
        Times [n] in seconds.

    Raises
    ------
    InputError
        If they span more than a year.
    """
    if len(times_s) < 2 or np.ptp(times_s) <= LONGEST_S:
        return
    gap = int(np.abs(np.diff(times_s)).argmax())
    raise InputError(
        f"{path}: row {rows[gap + 1]}, column {column}: {times_s[gap + 1]:g} s after {times_s[gap]:g} s, more than a "
        "year; correct the time stamp, or leave the row out"
    )


def _check_rate(path: Path, times_s: np.ndarray, clock: Clock) -> None:
    steps = np.diff(times_s)
    steps = steps[steps > 0]
    if not len(steps):
        return
    step = float(np.median(steps))
    if 1 / (FASTEST * _ROUNDING) <= step <= _ROUNDING / SLOWEST:
        return
    fitting = _fitting_units(step * clock.per_second)
    guess = f"; in {' or '.join(fitting)} it would fit" if fitting else ""
    raise InputError(
        f"{path}: column timestamp: {step:g} s from frame to frame, which is {1 / step:g} frames a second and no "
        f"camera's rate{guess}. Say the unit with --time-unit {fitting[0] if fitting else 's'}"
        f"{', or --time-unit s if it is right' if fitting else ' if it is right'}"
    )


def _fitting_units(step: float) -> list[str]:
    """Units in which so long a step is a camera's; of several the likeliest first."""
    rates: Mapping[str, float] = {unit: per_second / step for unit, per_second in PER_SECOND.items()}
    return sorted((u for u, rate in rates.items() if SLOWEST <= rate <= FASTEST), key=lambda u: abs(rates[u] - 30))

"""The curves of one video from its action-unit table: intensities, smoothed intensities, head pose, gaps."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from facs_pipeline.action_units.baseline import resting_intensity, subtract_resting
from facs_pipeline.dynamics.blinks import find_blinks
from facs_pipeline.dynamics.events import find_events
from facs_pipeline.dynamics.quality import LOW_CONFIDENCE, stretches
from facs_pipeline.dynamics.resampling import LONGEST_S, RATE_HZ, resample_part, series_parts, smooth_series
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.tabular import read_number_table
from facs_pipeline.tables.reader import LARGEST_INTENSITY
from facs_pipeline.tables.time_base import check_span

POSE = ("pose_Rx", "pose_Ry", "pose_Rz")
POINTS = 120
"""Points of a drawn curve at most: a picture of 1000 pixels shows no more, and the page stays small."""
_AU = re.compile(r"AU(\d{2})_r")
_EMOTION = re.compile(r"emotion_(?!confidence$)\w[\w -]*")


@dataclass(frozen=True)
class VideoSeries:
    """The tracked face of one video; of several faces, the one that is there longest.

    Attributes
    ----------
    times_s : ndarray of float64
        Seconds [n].
    aus : tuple of int
        Action units [k].
    intensities : ndarray of float64
        [n, k], 0..5, NaN without a face.
    smoothed : ndarray of float64
        The same after the descriptors' filter.
    pose : ndarray of float64
        Pitch, yaw and roll [n, 3] in degrees, NaN without a face or where the table has none.
    faces : int
        How many faces the table has.
    emotions : tuple of str
        Names [e]; empty without ``--emotion``.
    probabilities : ndarray of float64
        Of each [n, e], 0..1, NaN without a face.
    confidence : ndarray of float64
        Of the face [n], 0..1; empty where the table has none.
    """

    times_s: np.ndarray
    aus: tuple[int, ...]
    intensities: np.ndarray
    smoothed: np.ndarray
    pose: np.ndarray
    faces: int
    emotions: tuple[str, ...] = ()
    probabilities: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    confidence: np.ndarray = field(default_factory=lambda: np.empty(0))

    @property
    def blinks(self) -> list[tuple[float, float]]:
        """(from, to) in seconds of every blink of the drawn face; none without AU45."""
        if 45 not in self.aus:
            return []
        return find_blinks(self.intensities[:, self.aus.index(45)], self.times_s)

    @property
    def events(self) -> dict[int, list[tuple[float, float]]]:
        """Action unit -> (onset, offset) in seconds of its movements above the resting face, see `find_events`."""
        above = subtract_resting(self.intensities, resting_intensity(self.intensities))
        events_of = {au: find_events(above[:, k], self.times_s) for k, au in enumerate(self.aus)}
        return {au: [(event.onset_s, event.offset_s) for event in events] for au, events in events_of.items()}

    @property
    def gaps(self) -> list[tuple[float, float]]:
        """(from, to) in seconds of every stretch without the face, half a frame to either side."""
        return self._stretches(np.isnan(self.intensities).all(axis=1))

    @property
    def uncertain(self) -> list[tuple[float, float]]:
        """(from, to) in seconds of every stretch in which the face's confidence is low."""
        if not len(self.confidence):
            return []
        there = ~np.isnan(self.intensities).all(axis=1)
        return self._stretches(there & (self.confidence < LOW_CONFIDENCE))

    def _stretches(self, marked: np.ndarray) -> list[tuple[float, float]]:
        if not marked.any():
            return []
        half = float(np.median(np.diff(self.times_s))) / 2 if len(self.times_s) > 1 else 0.02
        return [
            (max(float(self.times_s[i]) - half, float(self.times_s[0])), float(self.times_s[j]) + half)
            for i, j in stretches(marked)
        ]


def read_series(path: Path) -> VideoSeries:
    """Read a table written by ``facs extract-features``.

    Raises
    ------
    InputError
        If it cannot be read, or has no time stamps or no action units.
    """
    try:
        table = read_number_table(path, _wanted)
        aus = sorted(int(match[1]) for name in table.columns if (match := _AU.fullmatch(name)))
        columns = [f"AU{au:02d}_r" for au in aus]
        if "timestamp" not in table or not aus or not len(table):
            raise ValueError("no rows" if aus else "no column timestamp, or none like AU12_r")
        table, faces = _main_face(table)
        times = table["timestamp"].to_numpy(float)
        check_span(path, "timestamp", table.index, times)
        named = [name for name in table.columns if _EMOTION.fullmatch(name)]
        probabilities = table[named].to_numpy(float)
        values = table[columns].to_numpy(float, copy=True)
        if (np.abs(values) > LARGEST_INTENSITY).any():
            raise ValueError(f"intensities above {LARGEST_INTENSITY:g}; expected 0 to 5")
        confidence = table["confidence"].to_numpy(float) if "confidence" in table else np.empty(0)
        if "success" in table:
            values[table["success"].to_numpy(float) != 1] = np.nan
        pose = (
            np.degrees(table[list(POSE)].to_numpy(float))
            if set(POSE) <= set(table)
            else np.full((len(times), 3), np.nan)
        )
    except (InputError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path}: not an action-unit table that can be read ({error}); facs extract-features makes it again"
        ) from None
    names = tuple(name.removeprefix("emotion_") for name in named)
    return VideoSeries(times, tuple(aus), values, _smooth(values, times), pose, faces, names, probabilities, confidence)


def _wanted(name: str) -> bool:
    return name in ("frame", "face_id", "timestamp", "success", "confidence", *POSE) or bool(
        _AU.fullmatch(name) or _EMOTION.fullmatch(name)
    )


def _main_face(table: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """One row per frame: the face that is there longest, else a row that is empty."""
    if "face_id" not in table or "frame" not in table:
        return table, 1
    counts = table["face_id"].value_counts()
    if len(counts) < 2:
        return table, len(counts)
    main = min(counts.index[counts == counts.max()])
    own = table[table["face_id"] == main]
    others = table[~table["frame"].isin(own["frame"])].drop_duplicates("frame").copy()
    others[[name for name in others.columns if name not in ("frame", "timestamp", "success")]] = np.nan
    others["success"] = 0
    return pd.concat([own, others]).sort_values("frame"), len(counts)


def _smooth(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The descriptors' smoothing, back at the video's own times; the raw values where the face is there too briefly."""
    if len({tuple(column) for column in np.isfinite(values).T.tolist()}) > 1:
        # The mouth may be hidden where the brows are not.
        return np.concatenate([_smooth(column[:, None], times) for column in values.T], axis=1)
    visible = np.isfinite(values).all(axis=1) & np.isfinite(times)
    out = np.full_like(values, np.nan)
    if not visible.any():
        return out
    if (np.diff(times[visible]) <= 0).any():
        out[visible] = values[visible]
        return out
    out[visible] = np.concatenate([_smooth_part(*part) for part in series_parts(values[visible], times[visible])])
    return out


def _smooth_part(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    if len(times) < 4 or not 0.05 <= np.ptp(times) <= LONGEST_S:
        return values
    even = smooth_series(resample_part(values, times, RATE_HZ), RATE_HZ)
    grid = times[0] + np.arange(len(even)) / RATE_HZ
    return np.stack([np.interp(times, grid, column) for column in even.T], axis=1)


def thin(times: np.ndarray, values: np.ndarray, *, extremes: bool = False, points: int = POINTS) -> np.ndarray:
    """Positions [m] to draw of a curve [n], at most `points`; with `extremes` the lowest and highest of every stretch.

    >>> thin(np.arange(1000), np.arange(1000), points=10).tolist()[:3]
    [0, 111, 222]
    """
    n = len(times)
    if n <= points:
        return np.arange(n)
    if not extremes:
        return np.unique(np.linspace(0, n - 1, points).astype(int))
    drawn: list[int] = []
    for part in np.array_split(np.arange(n), points // 2):
        finite = part[np.isfinite(values[part])]
        drawn += (
            sorted({finite[np.argmin(values[finite])], finite[np.argmax(values[finite])]}) if len(finite) else [part[0]]
        )
    return np.array(drawn)

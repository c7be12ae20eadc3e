"""Figures of one video's signals: action units, blinks, head pose, emotions, gaze."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from facs_pipeline.action_units.baseline import resting_intensity, subtract_resting
from facs_pipeline.action_units.names import AU_NAMES
from facs_pipeline.dynamics.blinks import find_blinks
from facs_pipeline.dynamics.events import find_events
from facs_pipeline.dynamics.quality import LOW_CONFIDENCE, TURNED_DEG, stretches
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.tabular import read_number_table

PRESENT = 1.0
"""From this intensity (FACS A) on an action unit is there, where the table has no column that says so."""
_AU = re.compile(r"AU(?P<au>\d{2})(?P<side>_?(?:left|right|L|R)?)_r")
_EMOTION = re.compile(r"emotion_(?!confidence$)\w[\w -]*")
_POSE = {"pose_Rx": "pitch", "pose_Ry": "yaw", "pose_Rz": "roll"}
_GAZE = re.compile(r"gaze_angle_[xy]")
_SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}
STATISTICS = {
    "mean": "mean",
    "median": "median",
    "maximum": "maximum",
    "time_share": "share of time present",
    "events_per_minute": "events a minute",
    "event_duration_s": "mean duration of events (s)",
    "first_latency_s": "latency of the first event (s)",
}
"""Name of each statistic -> in words."""


@dataclass(frozen=True)
class _Signal:
    """One series `[n]` of the frames used, where it is present, and its events from first to last second."""

    kind: str
    name: str
    side: str
    values: np.ndarray
    present: np.ndarray | None = None
    events: Sequence[tuple[float, float]] | None = None


def video_figures(
    path: Path, *, min_confidence: float = LOW_CONFIDENCE, tick: Callable[[], None] = lambda: None
) -> list[dict[str, object]]:
    """Figures of every signal of the face that one table has longest.

    Parameters
    ----------
    path : Path
        Table that ``facs extract-features`` wrote.
    min_confidence : float
        0..1; frames in which the face is less sure are not used. They interrupt events.
    tick : callable
        Called after each signal.

    Returns
    -------
    list of dict
        For each signal ``kind`` (au, blink, pose, gaze, emotion), ``signal``, ``side`` (empty, left, right), ``frames``
        and ``seconds`` used, and `STATISTICS`; None where one is not defined.

    Raises
    ------
    InputError
        If the table cannot be read, or has no time stamps.
    """
    table = read_number_table(path, _wanted)
    if "timestamp" not in table or not len(table):
        raise InputError(f"{path}: no time stamps; expected an action-unit table that facs extract-features wrote")
    if "face_id" in table and table["face_id"].nunique() > 1:
        seen = table[table["success"] == 1] if "success" in table else table
        counts = seen["face_id"].value_counts()
        table = table[table["face_id"] == (counts.index[0] if len(counts) else table["face_id"].iloc[0])]
    times = table["timestamp"].to_numpy(float)
    used = np.ones(len(table), bool)
    if "success" in table:
        used &= table["success"].to_numpy(float) == 1
    if "confidence" in table:
        used &= table["confidence"].to_numpy(float) >= min_confidence
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    rows = []
    for signal in _signals(table, times, used):
        tick()
        rows.append(_figures(signal, times, used, step))
    return rows


def _wanted(name: str) -> bool:
    return (
        name in ("frame", "face_id", "timestamp", "success", "confidence", *_POSE)
        or bool(_AU.fullmatch(name) or _AU.fullmatch(name.removesuffix("_c") + "_r"))
        or bool(_EMOTION.fullmatch(name) or _GAZE.fullmatch(name))
    )


def _signals(table: pd.DataFrame, times: np.ndarray, used: np.ndarray) -> Iterator[_Signal]:
    matches = [match for name in table.columns if (match := _AU.fullmatch(str(name)))]
    names = [match[0] for match in matches]
    intensities = table[names].to_numpy(float)
    intensities[~used] = np.nan
    above = subtract_resting(intensities, resting_intensity(intensities)) if names else intensities
    for k, match in enumerate(matches):
        coded = table.get(f"{match[0].removesuffix('_r')}_c")
        present = coded.to_numpy(float) == 1 if coded is not None else intensities[:, k] >= PRESENT
        side = _SIDES.get(match["side"].strip("_").lower(), "")
        events = [(one.onset_s, one.offset_s) for one in find_events(above[:, k], times)]
        yield _Signal("au", f"AU{match['au']}", side, intensities[:, k], present, events)
        if match["au"] == "45" and not side:
            yield _Signal(
                "blink", "blink", "", np.full(len(times), np.nan), None, find_blinks(intensities[:, k], times)
            )
    for column, name in _POSE.items():
        if column in table:
            degrees = np.degrees(table[column].to_numpy(float))
            yield _Signal("pose", name, "", degrees, np.abs(degrees) > TURNED_DEG)
    for name in map(str, table.columns):
        if _GAZE.fullmatch(name):
            yield _Signal("gaze", name, "", np.degrees(table[name].to_numpy(float)))
    emotions = [str(name) for name in table.columns if _EMOTION.fullmatch(str(name))]
    probabilities = table[emotions].to_numpy(float)
    known = used & np.isfinite(probabilities).all(axis=1) if emotions else used
    first = np.where(known, np.nan_to_num(probabilities).argmax(axis=1), -1) if emotions else np.empty(0)
    for k, name in enumerate(emotions):
        runs = [(float(times[start]), float(times[end])) for start, end in stretches(first == k)]
        yield _Signal("emotion", name.removeprefix("emotion_"), "", probabilities[:, k], first == k, runs)


def _figures(signal: _Signal, times: np.ndarray, used: np.ndarray, step: float) -> dict[str, object]:
    counted = used if signal.kind == "blink" else used & np.isfinite(signal.values)
    frames = int(counted.sum())
    seconds = frames * step
    row: dict[str, object] = {
        "kind": signal.kind, "signal": signal.name, "side": signal.side, "frames": frames, "seconds": seconds,
        **dict.fromkeys(STATISTICS),
    }  # fmt: skip
    if not frames:
        return row
    values = signal.values[counted]
    if signal.kind != "blink":
        row |= {"mean": float(values.mean()), "median": float(np.median(values)), "maximum": float(values.max())}
    if signal.present is not None:
        row["time_share"] = float(signal.present[counted].mean())
    if signal.events is not None and seconds > 0:
        row["events_per_minute"] = 60 * len(signal.events) / seconds
        if signal.events:
            row["event_duration_s"] = float(np.mean([last - first for first, last in signal.events]))
            row["first_latency_s"] = float(signal.events[0][0] - times[0])
    return row


def signal_label(name: str, side: str) -> str:
    """A signal in words, such as ``AU12 lip corner puller, left``."""
    number = int(name[2:]) if re.fullmatch(r"AU\d{2}", name) else 0
    words = f"{name} {AU_NAMES[number].lower()}" if number in AU_NAMES else name
    return f"{words}, {side}" if side else words

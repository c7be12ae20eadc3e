"""Cards of videos: pictures, curves, blinks, missing parts; and the distribution of intensities over all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.progress import SILENT_TASK, Task
from facs_pipeline.report import charts
from facs_pipeline.report.au_models import unit_name
from facs_pipeline.report.gather import Video
from facs_pipeline.report.pictures import Strip
from facs_pipeline.report.series import POSE, VideoSeries, thin

BLINK_AU = 45


def load_series(videos: Sequence[Video], task: Task = SILENT_TASK) -> tuple[dict[str, VideoSeries], list[str]]:
    """Curves by the videos' ids, and a note for every table that cannot be read; `task` is told of each."""
    curves, notes = {}, []
    for video in videos:
        task.advance()
        try:
            series = video.series()
        except InputError as error:
            notes.append(str(error))
            continue
        if series is not None:
            curves[video.id] = series
    return curves, notes


def video_card(video: Video, series: VideoSeries | None, strip: Strip) -> dict[str, Any]:
    """What the template needs of one video: `plot`, `table` and `pictures` are empty where there is nothing to show."""
    card: dict[str, Any] = {"video": video, "strip": strip, "plot": "", "rows": [], "gaps": [], "uncertain": []}
    if series is None or not len(series.times_s):
        return card
    gaps, blinks, events, top = series.gaps, series.blinks, series.events, top_of([series])
    rows = []
    for k, au in enumerate(series.aus):
        raw, smooth = series.intensities[:, k], series.smoothed[:, k]
        lines = [curve("raw", series.times_s, raw, extremes=True), curve("smooth", series.times_s, smooth)]
        notes = [f"0 to {top}"] if k == 0 else []
        if au == BLINK_AU:
            notes.append(_blinks_in_words(video, len(blinks)))
        marks, style = (blinks, "mark") if au == BLINK_AU else (events[au], "event")
        rows.append(charts.Lane(unit_name(au), lines, 0, top, ", ".join(notes), marks, style))
    if np.isfinite(series.pose).any():
        reach = float(max(10.0, np.ceil(np.nanmax(np.abs(series.pose)) / 10) * 10))
        lines = [
            curve(f"pose p{number}", series.times_s, series.pose[:, number]) for number, _column in enumerate(POSE)
        ]
        rows.append(charts.Lane("Head pose", lines, -reach, reach, f"±{reach:g}°"))
    if series.emotions and np.isfinite(series.probabilities).any():
        lines = [
            curve(f"c{number % 8}", series.times_s, series.probabilities[:, number])
            for number in range(len(series.emotions))
        ]
        rows.append(charts.Lane("Emotions", lines, 0, 1, "0 to 1"))
    card["plot"] = charts.lanes(
        rows,
        span=(float(series.times_s[0]), float(series.times_s[-1])),
        gaps=gaps,
        uncertain=series.uncertain,
        title=f"Action units and head pose of {video.name} over time",
        description=_in_words(series, gaps, blinks),
        id=f"{video.id}-plot",
    )
    return card | {
        "rows": _rows(series),
        "gaps": gaps,
        "uncertain": series.uncertain,
        "blinks": blinks,
        "faces": series.faces,
        "emotions": _emotions(series),
    }


def _emotions(series: VideoSeries) -> list[tuple[str, str]]:
    """Style and words of each emotion's line: its name and mean probability."""
    if not series.emotions or not np.isfinite(series.probabilities).any():
        return []
    means = np.nanmean(series.probabilities, axis=0)
    return [
        (f"c{k % 8}", f"{name} {mean:.2f}") for k, (name, mean) in enumerate(zip(series.emotions, means, strict=True))
    ]


def _blinks_in_words(video: Video, drawn: int) -> str:
    """How many there are; the tables' rounding, or a baseline, may make another number than the extraction found."""
    counted = video.facts.get("blinks", "")
    words = f"{drawn} blink{'s' * (drawn != 1)}"
    return words if counted in ("", str(drawn)) else f"{words} in this curve, {counted} in videos.csv"


def curve(style: str, times: np.ndarray, values: np.ndarray, *, extremes: bool = False) -> charts.Line:
    """A line with few enough points to draw; see `series.thin`."""
    rows = thin(times, values, extremes=extremes)
    # A gap between two drawn points must stay a gap.
    drawn = values[rows].copy()
    missing = np.flatnonzero(~np.isfinite(values))
    if len(missing) and len(rows) < len(values):
        drawn[np.unique(np.clip(np.searchsorted(rows, missing), 0, len(rows) - 1))] = np.nan
    return charts.Line(style, times[rows], drawn)


def top_of(many: Sequence[VideoSeries]) -> int:
    """The end of a common axis of intensity: the largest one, rounded up."""
    peaks = [float(np.nanmax(series.intensities)) for series in many if np.isfinite(series.intensities).any()]
    return max(1, int(np.ceil(max(peaks, default=1.0))))


def _rows(series: VideoSeries) -> list[dict[str, Any]]:
    """Per action unit: mean and largest smoothed intensity, and when the latter is."""
    rows = []
    for k, au in enumerate(series.aus):
        values = series.smoothed[:, k]
        if np.isfinite(values).any():
            apex = int(np.nanargmax(values))
            time = float(series.times_s[apex])
            rows.append(
                {"au": unit_name(au), "mean": float(np.nanmean(values)), "max": float(values[apex]), "time": time}
            )
    return rows


def _in_words(series: VideoSeries, gaps: Sequence[tuple[float, float]], blinks: Sequence[tuple[float, float]]) -> str:
    rows = sorted(_rows(series), key=lambda row: -row["max"])[:3]
    if not rows:
        return "No frame with a face."
    strongest = "; ".join(f"{row['au']} up to {row['max']:.1f} at {row['time']:.1f} s" for row in rows)
    missing = f" No face in {len(gaps)} stretches, {sum(b - a for a, b in gaps):.1f} s together." if gaps else ""
    at = ", ".join(f"{first:.1f}" for first, _last in blinks[:20]) + (" .." if len(blinks) > 20 else "")
    blinking = f" Blinks at {at} s." if blinks else ""
    return f"Strongest of {len(series.aus)} action units: {strongest}.{missing}{blinking}"


class Intensities:
    """Distribution of every action unit's intensities, gathered page by page in memory that does not grow."""

    _FINE = np.linspace(0, 5, 501)

    def __init__(self) -> None:
        self._counts: dict[int, np.ndarray] = {}
        self._sums: dict[int, float] = {}

    def add(self, many: Iterable[VideoSeries]) -> None:
        """Count all frames with a face."""
        for series in many:
            for k, au in enumerate(series.aus):
                values = np.clip(series.intensities[:, k], 0, 5)
                values = values[np.isfinite(values)]
                before = self._counts.get(au, np.zeros(len(self._FINE) - 1, np.int64))
                self._counts[au] = before + np.histogram(values, self._FINE)[0]
                self._sums[au] = self._sums.get(au, 0.0) + float(values.sum())

    def rows(self) -> list[dict[str, Any]]:
        """Per action unit: frames, mean, 95th percentile, share of frames at 1 or more, and a histogram."""
        rows = []
        for au, counts in sorted(self._counts.items()):
            n = int(counts.sum())
            if n:
                coarse = counts.reshape(20, -1).sum(axis=1).tolist()
                title = f"Distribution of {unit_name(au)}"
                rows.append(
                    {
                        "au": unit_name(au), "n": n, "mean": self._sums[au] / n,
                        "p95": float(self._FINE[1 + np.searchsorted(np.cumsum(counts), 0.95 * n)]),
                        "active": float(counts[100:].sum() / n),
                        "plot": charts.histogram(coarse, np.arange(0, 5.25, 0.25).tolist(), title=title, id=f"h{au}"),
                    }
                )  # fmt: skip
        return rows

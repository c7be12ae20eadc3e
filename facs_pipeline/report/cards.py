"""Cards of the page: a video's curves and pictures, a pair's curves with its decision, a model's agreement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from facs_pipeline.action_units import AU_NAMES
from facs_pipeline.errors import InputError
from facs_pipeline.report import charts
from facs_pipeline.report.accuracy import is_number
from facs_pipeline.report.gather import Ranking, Video
from facs_pipeline.report.pictures import Strip
from facs_pipeline.report.series import POSE, VideoSeries, thin

POSE_NAMES = {"pose_Rx": "pitch", "pose_Ry": "yaw", "pose_Rz": "roll"}
PAIR_UNITS = 6
_FIGURES = ("r", "ccc", "icc", "mae", "bias", "f1", "n", "subjects")


def unit_name(au: int) -> str:
    """``AU12 Lip corner puller``"""
    return f"AU{au:02d} {AU_NAMES.get(au, '')}".strip()


def load_series(videos: Sequence[Video]) -> tuple[dict[str, VideoSeries], list[str]]:
    """Curves by the videos' ids, and a note for every table that cannot be read."""
    found, notes = {}, []
    for video in videos:
        try:
            series = video.series()
        except InputError as error:
            notes.append(str(error))
            continue
        if series is not None:
            found[video.id] = series
    return found, notes


def video_card(video: Video, series: VideoSeries | None, strip: Strip) -> dict[str, Any]:
    """What the template needs of one video: `plot`, `table` and `pictures` are empty where there is nothing to show."""
    card: dict[str, Any] = {"video": video, "strip": strip, "plot": "", "rows": [], "gaps": []}
    if series is None or not len(series.times_s):
        return card
    gaps = series.gaps
    span = (float(series.times_s[0]), float(series.times_s[-1]))
    top = _top([series])
    rows = []
    for k, au in enumerate(series.aus):
        raw, smooth = series.intensities[:, k], series.smoothed[:, k]
        lines = [_line("raw", series.times_s, raw, extremes=True), _line("smooth", series.times_s, smooth)]
        blinks = video.facts.get("blinks", "") if au == 45 else ""
        note = f"{blinks} blink{'s' * (blinks != '1')}" if blinks else ""
        rows.append(charts.Lane(unit_name(au), lines, 0, top, note))
    if np.isfinite(series.pose).any():
        reach = float(max(10.0, np.ceil(np.nanmax(np.abs(series.pose)) / 10) * 10))
        lines = [
            _line(f"pose p{number}", series.times_s, series.pose[:, number]) for number, _column in enumerate(POSE)
        ]
        rows.append(charts.Lane("Head pose", lines, -reach, reach, f"±{reach:g}°"))
    card["plot"] = charts.lanes(
        rows,
        span=span,
        gaps=gaps,
        title=f"Action units and head pose of {video.name} over time",
        description=_in_words(series, gaps),
        id=f"{video.id}-plot",
    )
    return card | {"rows": _rows(series), "gaps": gaps, "top": top, "faces": series.faces}


def _line(style: str, times: np.ndarray, values: np.ndarray, *, extremes: bool = False) -> charts.Line:
    kept = thin(times, values, extremes=extremes)
    # A gap between two drawn points must stay a gap.
    shown = values[kept].copy()
    missing = np.flatnonzero(~np.isfinite(values))
    if len(missing) and len(kept) < len(values):
        shown[np.unique(np.clip(np.searchsorted(kept, missing), 0, len(kept) - 1))] = np.nan
    return charts.Line(style, times[kept], shown)


def _top(many: Sequence[VideoSeries]) -> int:
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


def _in_words(series: VideoSeries, gaps: Sequence[tuple[float, float]]) -> str:
    rows = sorted(_rows(series), key=lambda row: -row["max"])[:3]
    if not rows:
        return "No frame with a face."
    strongest = "; ".join(f"{row['au']} up to {row['max']:.1f} at {row['time']:.1f} s" for row in rows)
    missing = f" No face in {len(gaps)} stretches, {sum(b - a for a, b in gaps):.1f} s together." if gaps else ""
    return f"Strongest of {len(series.aus)} action units: {strongest}.{missing}"


def pair_cards(
    ranking: Ranking, videos: dict[str, Video], series: dict[str, VideoSeries], number: int
) -> list[dict[str, Any]]:
    """One card per pair of a ranking: decisions of every model, votes, reasons, and both videos' curves.

    Parameters
    ----------
    ranking : as gathered; videos : by name; series : by the videos' ids; number : of the ranking, for ids.
    """
    rows = ranking.predictions.to_dict("records")
    named = {(row["model"], row["video"]): row for row in rows}
    pairs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        # With several partners the table names them all; such groups have no single other video to draw.
        if row["partner"] and (row["model"], row["partner"]) in named:
            key = tuple(sorted((row["video"], row["partner"])))
            if row["video"] == key[0]:
                pairs.setdefault(key, []).append(_decision(row, named[row["model"], key[1]]))
    cards = []
    for index, ((a, b), models) in enumerate(pairs.items()):
        own = ranking.reasons[(ranking.reasons["video_a"] == a) & (ranking.reasons["video_b"] == b)]
        if not len(own):
            own = ranking.reasons[(ranking.reasons["video_a"] == b) & (ranking.reasons["video_b"] == a)]
        reasons = [_reason(row) for row in own.to_dict("records")]
        card = {
            "id": f"p{number}-{index + 1}",
            "a": a,
            "b": b,
            "models": models,
            "reasons": reasons,
            "plot": "",
            "ids": [],
        }
        known = [videos[name] for name in (a, b) if name in videos]
        both = [series[video.id] for video in known if video.id in series]
        if len(both) == 2:
            card |= {"plot": _pair_plot(card, both, own["column"].tolist()), "ids": [video.id for video in known]}
        cards.append(card)
    return cards


def _decision(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """What one model said; votes, in percent, of those whose score is a share of votes."""
    score, probability = _float(a["score"]), _float(a["probability"])
    votes = 50 + 50 * score if a["model"].startswith("rank-svm") and score is not None else None
    return {"a": a, "b": b, "score": score, "probability": probability, "votes": votes}


def _float(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _reason(row: dict[str, Any]) -> dict[str, str]:
    contribution = _float(row["contribution"])
    speaks_for, size = "", ""
    if contribution is not None:
        # Positive speaks for video_a being real.
        speaks_for, size = row["video_a"] if contribution > 0 else row["video_b"], f"{abs(contribution):.3f}"
    return {"text": row["reason"], "a": row["video_a"], "b": row["video_b"], "speaks_for": speaks_for, "size": size}


def _pair_plot(card: dict[str, Any], both: Sequence[VideoSeries], columns: Sequence[str]):
    shared = [au for au in both[0].aus if au in both[1].aus]
    named = [int(name[2:4]) for name in columns if name[:2] == "AU" and name[2:4].isdecimal()]
    wanted = [au for au in dict.fromkeys(named) if au in shared]
    if not wanted:
        # Without reasons: the units in which the two videos differ most.
        peaks = {au: abs(_peak(both[0], au) - _peak(both[1], au)) for au in shared}
        wanted = sorted(sorted(shared), key=lambda au: -peaks[au])
    top, rows = _top(both), []
    for au in wanted[:PAIR_UNITS]:
        lines = [
            _line(f"pair c{number}", one.times_s - one.times_s[0], one.smoothed[:, one.aus.index(au)])
            for number, one in enumerate(both)
        ]
        rows.append(charts.Lane(unit_name(au), lines, 0, top))
    last = max(float(one.times_s[-1] - one.times_s[0]) for one in both)
    words = "; ".join(
        f"{unit_name(au)} up to {_peak(both[0], au):.1f} and {_peak(both[1], au):.1f}" for au in wanted[:3]
    )
    return charts.lanes(
        rows,
        span=(0.0, last),
        title=f"Smoothed action units of {card['a']} (A) and {card['b']} (B)",
        description=f"{words}." if words else "No shared action units.",
        id=f"{card['id']}-plot",
    )


def _peak(series: VideoSeries, au: int) -> float:
    values = series.smoothed[:, series.aus.index(au)]
    return float(np.nanmax(values)) if np.isfinite(values).any() else 0.0


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
                self._counts[au] = self._counts.get(au, 0) + np.histogram(values, self._FINE)[0]
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
                        "plot": charts.histogram(coarse, np.arange(0, 5.25, 0.25), title=title, id=f"h{au}"),
                    }
                )  # fmt: skip
        return rows


def model_card(entry: dict[str, Any], number: int) -> dict[str, Any]:
    """A model file's card for the page: plain facts, agreement per action unit with its chart, other figures."""
    card = entry["card"]
    agreement = card.get("metrics_on_unseen_persons")
    rows = []
    if isinstance(agreement, dict):
        for au, row in sorted(agreement.items(), key=lambda item: int(item[0]) if str(item[0]).isdecimal() else 99):
            if isinstance(row, dict) and str(au).isdecimal():
                figures = {name: value for name, value in row.items() if is_number(value)}
                rows.append(
                    {"au": unit_name(int(au)), "short": f"AU{int(au):02d}", **dict.fromkeys(_FIGURES), **figures}
                )
    hidden = ("title", "kind", "content_sha256", "format_version")
    facts = [(key, card[key]) for key in sorted(card) if key not in hidden and isinstance(card[key], str | int | float)]
    landmark_rows = card.get("error_on_persons_held_out")
    return {
        "id": f"m{number + 1}",
        "file": entry["file"],
        "title": str(card.get("title", card.get("kind", "A model"))),
        "kind": str(card.get("kind", "")),
        "sha256": str(card.get("content_sha256", "")),
        "facts": facts,
        "rows": rows,
        "errors": landmark_rows if isinstance(landmark_rows, dict) else {},
        "plot": _agreement_plot(rows, number) if rows else "",
        "scatter": _scatter(card.get("scatter"), number),
    }


def _agreement_plot(rows: Sequence[dict[str, Any]], number: int):
    usable = [row for row in rows if is_number(row["r"])]
    curve = charts.XY(
        "r",
        list(range(1, len(usable) + 1)),
        [row["r"] for row in usable],
        [row.get("r_low", row["r"]) for row in usable],
        [row.get("r_high", row["r"]) for row in usable],
    )
    return charts.dots(
        [row["short"] for row in usable], curve, title="Agreement (Pearson r) per action unit", id=f"m{number + 1}-r"
    )


def _scatter(points: Any, number: int):
    """Labels against predictions, where the card carries such points: ``{"label": [..], "predicted": [..]}``."""
    lists = [points.get(name) for name in ("label", "predicted")] if isinstance(points, dict) else []
    numbers = bool(lists) and all(isinstance(one, list) and one and all(map(is_number, one)) for one in lists)
    if not numbers or len(lists[0]) != len(lists[1]):
        return ""
    return charts.square(
        [charts.XY("faces", points["label"], points["predicted"])],
        x_label="label", y_label="prediction", title="Predictions against labels",
        description=f"{len(points['label'])} faces never trained on", id=f"m{number + 1}-s",
        diagonal=True, dots=True, x_range=(0, 5), y_range=(0, 5),
    )  # fmt: skip

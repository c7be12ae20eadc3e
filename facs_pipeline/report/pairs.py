"""Cards of pairs: every model's decision, votes and reasons, and both videos' curves together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from facs_pipeline.report import charts
from facs_pipeline.report.au_models import unit_name
from facs_pipeline.report.cards import curve, top_of
from facs_pipeline.report.gather import Ranking, Video
from facs_pipeline.report.pictures import Strip
from facs_pipeline.report.series import VideoSeries
from facs_pipeline.report.shapes import records, to_number

UNITS = 6


@dataclass(frozen=True)
class Pair:
    """Two videos that were compared.

    Attributes
    ----------
    id : str
        Unique in the report.
    a, b : str
        The videos by name.
    models : list of dict
        The decision of each model.
    ranking : Ranking
        What they are from.
    """

    id: str
    a: str
    b: str
    models: list[dict[str, Any]]
    ranking: Ranking


def pairs_of(ranking: Ranking, number: int) -> list[Pair]:
    """Every pair of a ranking; with several partners there is no single other video to draw, so those are left out."""
    rows = records(ranking.predictions)
    named = {(row["model"], row["video"]): row for row in rows}
    pairs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        if row["partner"] and (row["model"], row["partner"]) in named:
            first, second = sorted((row["video"], row["partner"]))
            if row["video"] == first:
                pairs.setdefault((first, second), []).append(_decision(row, named[row["model"], second]))
    return [
        Pair(f"p{number}-{index + 1}", a, b, models, ranking) for index, ((a, b), models) in enumerate(pairs.items())
    ]


def _decision(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """One model's decision; votes, in percent, of those whose score is a share of votes."""
    score, probability = to_number(a["score"]), to_number(a["probability"])
    votes = 50 + 50 * score if a["model"].startswith("rank-svm") and score is not None else None
    return {"a": a, "b": b, "score": score, "probability": probability, "votes": votes}


def pair_card(
    pair: Pair, videos: Mapping[str, Video], series: Mapping[str, VideoSeries], elsewhere: Mapping[str, Strip]
) -> dict[str, Any]:
    """What the template needs of a pair.

    Parameters
    ----------
    pair : Pair
        The pair.
    videos : mapping of str to Video
        By name.
    series : mapping of str to VideoSeries
        Of both videos by their ids, as far as there are any.
    elsewhere : mapping of str to Strip
        Pictures by the ids of videos whose own card is on another page.
    """
    reasons = pair.ranking.reasons
    own = reasons[(reasons["video_a"] == pair.a) & (reasons["video_b"] == pair.b)]
    if not len(own):
        own = reasons[(reasons["video_a"] == pair.b) & (reasons["video_b"] == pair.a)]
    known = [videos[name] for name in (pair.a, pair.b) if name in videos]
    both = [series[video.id] for video in known if video.id in series]
    card: dict[str, Any] = {
        "id": pair.id, "a": pair.a, "b": pair.b, "models": pair.models, "plot": "", "ids": [], "elsewhere": [],
        "reasons": [_reason(row) for row in records(own)], "with_models": own["model"].nunique() > 1,
    }  # fmt: skip
    if len(both) == 2:
        card["plot"] = _plot(pair, both, own["column"].tolist())
        card["ids"] = [f"{pair.id}-{video.id}" if video.id in elsewhere else video.id for video in known]
        card["elsewhere"] = [
            (f"{pair.id}-{video.id}", video.name, elsewhere[video.id], float(series[video.id].times_s[0]))
            for video in known
            if video.id in elsewhere
        ]
    return card


def _reason(row: dict[str, Any]) -> dict[str, str]:
    contribution = to_number(row["contribution"])
    speaks_for, size = "", ""
    if contribution is not None:
        # Positive speaks for video_a being real.
        speaks_for, size = row["video_a"] if contribution > 0 else row["video_b"], f"{abs(contribution):.3f}"
    return {
        "text": row["reason"], "model": row["model"], "a": row["video_a"], "b": row["video_b"],
        "speaks_for": speaks_for, "size": size,
    }  # fmt: skip


def _plot(pair: Pair, both: Sequence[VideoSeries], columns: Sequence[str]) -> Markup:
    shared = [au for au in both[0].aus if au in both[1].aus]
    named = [int(name[2:4]) for name in columns if name[:2] == "AU" and name[2:4].isdecimal()]
    wanted = [au for au in dict.fromkeys(named) if au in shared]
    if not wanted:
        # Without reasons: the units in which the two videos differ most.
        peaks = {au: abs(_peak(both[0], au) - _peak(both[1], au)) for au in shared}
        wanted = sorted(sorted(shared), key=lambda au: -peaks[au])
    top = top_of(both)
    rows: list[charts.Lane] = []
    for au in wanted[:UNITS]:
        lines = [
            curve(f"pair c{number}", one.times_s - one.times_s[0], one.smoothed[:, one.aus.index(au)])
            for number, one in enumerate(both)
        ]
        rows.append(charts.Lane(unit_name(au), lines, 0, top, f"0 to {top}" if not rows else ""))
    last = max(float(one.times_s[-1] - one.times_s[0]) for one in both)
    words = "; ".join(
        f"{unit_name(au)} up to {_peak(both[0], au):.1f} and {_peak(both[1], au):.1f}" for au in wanted[:3]
    )
    return charts.lanes(
        rows,
        span=(0.0, last),
        title=f"Smoothed action units of {pair.a} (A) and {pair.b} (B)",
        description=f"{words}." if words else "No shared action units.",
        id=f"{pair.id}-plot",
    )


def _peak(series: VideoSeries, au: int) -> float:
    values = series.smoothed[:, series.aus.index(au)]
    return float(np.nanmax(values)) if np.isfinite(values).any() else 0.0

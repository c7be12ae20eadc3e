"""The first table of the report: videos by verdict, why, and a picture of the worst moment of those in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from facs_pipeline.dynamics.verdicts import VERDICTS
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.report.gather import Gathered, Video
from facs_pipeline.report.pictures import moments
from facs_pipeline.study.quality import JudgedVideo, judge_video
from facs_pipeline.study.results import StudyVideo, cuts_of

PICTURES = 60
"""So many of the worst videos get a picture, which keeps the page small."""
_SHOWN = (
    ("usable_share", "Usable", "share"),
    ("confidence_mean", "Confidence", "%.2f"),
    ("face_width_px", "Face (px)", "%.0f"),
    ("turned_share", "Turned", "share"),
    ("sharpness", "Sharpness", "%.2f"),
    ("brightness", "Brightness", "%.0f"),
    ("longest_gap_s", "Gap (s)", "%.1f"),
)


def quality_rows(gathered: Gathered, *, pictures: str = "quick", progress: Progress = SILENT) -> list[dict[str, Any]]:
    """What the template needs of each video, the worst first; empty without videos.

    Parameters
    ----------
    gathered : Gathered
    pictures : "quick", "all" or "none"
        The last takes no pictures.
    progress : Progress
        Told of tables that cannot be read.
    """
    runs = [(run, cuts_of(run.about)) for run in gathered.runs]
    judged = [(video, _judged(video, cuts, progress)) for run, cuts in runs for video in run.videos]
    judged.sort(key=lambda pair: (-VERDICTS.index(pair[1].verdict), pair[1].measures.get("usable_share") or 0.0))
    doubtful = [
        (video, one) for video, one in judged if one.verdict != "use" and one.worst_s is not None and video.place
    ][:PICTURES]
    taken: Sequence[str] = [""] * len(doubtful)
    if pictures != "none":
        taken = moments([video.place for video, _ in doubtful], [one.worst_s or 0.0 for _, one in doubtful])
    uri_of = {video.id: uri for (video, _), uri in zip(doubtful, taken, strict=True)}
    return [_row(video, one, uri_of.get(video.id, "")) for video, one in judged]


def _judged(video: Video, cuts: dict[str, int], progress: Progress) -> JudgedVideo:
    one = judge_video(StudyVideo(video.name, video.facts, video.table, cuts.get(video.name)), progress=progress)
    told = video.facts.get("verdict", "")
    for verdict in VERDICTS:
        if told == verdict:
            # The run's own limits count.
            reasons = tuple(filter(None, video.facts.get("verdict_reasons", "").split("; ")))
            return JudgedVideo(one.name, verdict, reasons, one.measures)
    return one


def _row(video: Video, one: JudgedVideo, picture: str) -> dict[str, Any]:
    start = float(video.facts.get("start_s") or 0) if video.facts.get("start_s", "").replace(".", "").isdigit() else 0.0
    return {
        "id": video.id,
        "name": video.name,
        "verdict": one.verdict,
        "order": -VERDICTS.index(one.verdict),
        "reasons": one.reasons,
        "picture": picture,
        "worst_s": None if one.worst_s is None else one.worst_s - start,
        "cells": [_cell(one.measures.get(name), form) for name, _label, form in _SHOWN],
    }


def _cell(value: float | None, form: str) -> dict[str, Any]:
    if value is None:
        return {"sort": "", "text": ""}
    return {"sort": f"{value:g}", "text": f"{100 * value:.0f} %" if form == "share" else form % value}


def column_labels() -> list[str]:
    """Names of the columns of measures."""
    return [label for _name, label, _form in _SHOWN]

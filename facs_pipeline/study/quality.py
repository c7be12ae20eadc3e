"""The verdict on each video of a run: from the measures of ``videos.csv``, or, for older runs, from the tables."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from facs_pipeline.dynamics.quality import MEASURES, Measures, measure_quality
from facs_pipeline.dynamics.verdicts import VERDICTS, QualityLimits, Verdict
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.study.results import StudyResults, StudyVideo
from facs_pipeline.tables.face_rows import read_face_rows
from facs_pipeline.tables.schema import VIDEOS


@dataclass(frozen=True)
class JudgedVideo:
    """One video and the verdict on it.

    Attributes
    ----------
    name : str
    verdict : {"use", "check", "leave out"}
    reasons : tuple of str
        In words; none where it is to be used.
    measures : dict of str to float or None
        Columns of ``videos.csv``, also ``fps`` and ``duration_s``.
    """

    name: str
    verdict: Verdict
    reasons: tuple[str, ...]
    measures: Measures

    @property
    def worst_s(self) -> float | None:
        """Time stamp of the worst moment, if it is known."""
        return self.measures.get("worst_s")


def judge_videos(
    results: StudyResults, limits: QualityLimits | None = None, progress: Progress = SILENT
) -> list[JudgedVideo]:
    """The verdict on every video of a run.

    Parameters
    ----------
    results : StudyResults
        Of this version or an older one; what older tables do not tell (sharpness, light) is not judged.
    limits : QualityLimits, optional
    progress : Progress
        Told of the tables that had to be read, and of those that cannot be.

    Returns
    -------
    list of JudgedVideo
        In the order of ``videos.csv``.

    Examples
    --------
    >>> for one in judge_videos(read_results("results")):  # doctest: +SKIP
    ...     print(one.name, one.verdict, *one.reasons)
    """
    judged = []
    with progress.task("quality", len(results.videos), "videos") as task:
        for video in results.videos:
            judged.append(judge_video(video, limits, progress))
            task.advance()
    return judged


def judge_video(video: StudyVideo, limits: QualityLimits | None = None, progress: Progress = SILENT) -> JudgedVideo:
    """The verdict on one video; parameters as for `judge_videos`."""
    measures = _measured(video, progress)
    verdict, reasons = (limits or QualityLimits()).verdict(measures, video.facts.get("status", ""))
    if measures.get("usable_share") is None and verdict == "use":
        verdict, reasons = "check", ["its table is not there or cannot be read"]
    return JudgedVideo(video.name, verdict, tuple(reasons), measures)


def _measured(video: StudyVideo, progress: Progress) -> Measures:
    measures: Measures = {name: number(video.facts.get(name)) for name in (*MEASURES, "fps", "duration_s")}
    if measures["usable_share"] is None and video.table is not None:
        try:
            found = measure_quality(read_face_rows(video.table, cuts=video.cuts))
        except InputError as error:
            progress.fail(str(error))
        else:
            measures |= {name: value for name, value in found.items() if value is not None}
    return measures


def number(text: str | None) -> float | None:
    """A cell as a finite number, None for any other text."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def by_verdict(judged: Sequence[JudgedVideo]) -> list[JudgedVideo]:
    """The worst first, those of a verdict in the order of their usable share."""
    return sorted(
        judged, key=lambda one: (-VERDICTS.index(one.verdict), one.measures.get("usable_share") or 0.0, one.name)
    )


def quality_table(judged: Sequence[JudgedVideo]) -> pd.DataFrame:
    """What ``facs quality --out`` writes: a row for each video, columns as in ``videos.csv``."""
    rows = [
        {"video": one.name, "verdict": one.verdict, "verdict_reasons": "; ".join(one.reasons)}
        | {name: _rounded(name, one.measures.get(name)) for name in ("duration_s", "fps", *MEASURES)}
        for one in judged
    ]
    return pd.DataFrame(rows)


def _rounded(name: str, value: float | None) -> float | None:
    decimals = VIDEOS.decimals.get(name)
    return value if value is None or decimals is None else round(value, decimals)


def limits_of(path: str | os.PathLike[str] | None) -> QualityLimits:
    """Limits of a file, or the usual ones."""
    return QualityLimits.read(Path(path)) if path else QualityLimits()

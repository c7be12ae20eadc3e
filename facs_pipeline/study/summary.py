"""A run summarised by what is known of its videos: per video, person and group, and what differs between conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from facs_pipeline.dynamics.quality import LOW_CONFIDENCE
from facs_pipeline.dynamics.verdicts import QualityLimits
from facs_pipeline.foundation.call_task import Lost, call_in_workers
from facs_pipeline.foundation.errors import ArgumentError, InputError
from facs_pipeline.foundation.machine import available_cores
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.study.differences import SIGNAL, Correction, differences
from facs_pipeline.study.quality import judge_video
from facs_pipeline.study.results import StudyResults, StudyVideo
from facs_pipeline.study.signals import STATISTICS, video_figures

_PIECE = 8


@dataclass(frozen=True)
class SummaryOptions:
    """How a study is summarised; the defaults are those of ``facs summarize``.

    Attributes
    ----------
    by : tuple of str
        Columns of the metadata.
    person : str
        The one of these that says who is shown.
    min_confidence : float
        0..1; less sure frames are not used.
    leave_out : bool
        Leave out the videos whose verdict says so.
    quality : QualityLimits or None
        Limits of the verdict; None for the run's own verdict, or by the usual limits where it has none.
    correction : "holm" or "bh"
        See `facs_pipeline.study.differences.differences`.
    resamples, seed : int
        Of the intervals over persons.
    jobs : int, optional
        Processes; by default one per core.
    """

    by: tuple[str, ...] = ("condition", "subject")
    person: str = "subject"
    min_confidence: float = LOW_CONFIDENCE
    leave_out: bool = True
    quality: QualityLimits | None = None
    correction: Correction = "holm"
    resamples: int = 2000
    seed: int = 0
    jobs: int | None = None


@dataclass(frozen=True)
class Summary:
    """What came out.

    Attributes
    ----------
    videos, persons, groups : DataFrame
        One row for each signal of each video; of each person and combination of conditions (means over videos); of
        each combination of conditions (means over persons, with interval).
    differences : DataFrame
        Between conditions within persons; empty where there are none to compare.
    factors : tuple of str
        Columns of conditions: `by` without the person.
    left_out : tuple of str
        Videos that were left out, each with the reason.
    notes : tuple of str
        What could not be compared, and why.
    """

    videos: pd.DataFrame
    persons: pd.DataFrame
    groups: pd.DataFrame
    differences: pd.DataFrame
    factors: tuple[str, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())


def summarize(results: StudyResults, options: SummaryOptions | None = None, progress: Progress = SILENT) -> Summary:
    """Summarise a run.

    Parameters
    ----------
    results : StudyResults
    options : SummaryOptions, optional
    progress : Progress
        Told of the videos read, and of tables that cannot be.

    Raises
    ------
    ArgumentError
        If the metadata lack a column that is asked for.
    InputError
        If no video can be used.

    Examples
    --------
    >>> summary = summarize(read_results("results"), SummaryOptions(by=("condition", "subject")))  # doctest: +SKIP
    >>> summary.differences.sort_values("p").head()  # doctest: +SKIP
    """
    options = options or SummaryOptions()
    _check_columns(results, options.by)
    chosen, left_out = _chosen(results, options, progress)
    videos = _videos(results, chosen, options, progress)
    if not len(videos):
        raise InputError(
            f"{results.folder}: no video can be used ({len(left_out)} of {len(results.videos)} left out"
            + (f", the first: {left_out[0]}" if left_out else "")
            + ")"
        )
    factors = tuple(name for name in options.by if name != options.person)
    known = _known(videos, options.by)
    by_person = options.person in options.by
    keys = [*options.by]
    persons = _means(known, keys) if keys else known.iloc[:0]
    groups = _groups(persons if by_person else known, list(factors), options)
    notes = _obstacles(persons, factors, options)
    compared = [name for name in factors if persons[name].nunique() > 1] if by_person else []
    found = pd.DataFrame()
    if compared and persons[options.person].nunique() > 1:
        found = differences(
            persons, compared, options.person,
            correction=options.correction, resamples=options.resamples, seed=options.seed,
        )  # fmt: skip
        if not len(found):
            notes.append("no differences: no two persons have been seen under the same two conditions")
    unknown = videos["video"].nunique() - known["video"].nunique()
    if unknown:
        notes.append(f"{unknown} videos have no {' or no '.join(options.by)}; they are in the table of videos only")
    return Summary(videos, persons, groups, found, factors, tuple(left_out), tuple(notes))


def _check_columns(results: StudyResults, by: Sequence[str]) -> None:
    for name in by:
        if name not in results.columns:
            known = ", ".join(results.columns) or "none: run facs extract-features with --metadata, or give --metadata"
            raise ArgumentError(f"no column {name!r} in the metadata; there are {known}", "by")


def _chosen(results: StudyResults, options: SummaryOptions, progress: Progress) -> tuple[list[StudyVideo], list[str]]:
    chosen, left_out = [], []
    for video in results.videos:
        if video.table is None or video.facts.get("status") in ("failed", "no_face"):
            left_out.append(f"{video.name}: {video.facts.get('status') or 'no table'}")
            continue
        verdict = video.facts.get("verdict", "")
        reasons = video.facts.get("verdict_reasons", "")
        if options.leave_out and (not verdict or options.quality is not None):
            judged = judge_video(video, options.quality, progress)
            verdict, reasons = judged.verdict, "; ".join(judged.reasons)
        if options.leave_out and verdict == "leave out":
            left_out.append(f"{video.name}: {reasons}")
        else:
            chosen.append(video)
    return chosen, left_out


def _videos(
    results: StudyResults, chosen: Sequence[StudyVideo], options: SummaryOptions, progress: Progress
) -> pd.DataFrame:
    rows: list[dict[str, object]] = []
    places = [(video.name, video.table) for video in chosen if video.table is not None]
    figures = partial(_figures, min_confidence=options.min_confidence)
    with progress.task("videos", len(places), "videos") as task:
        jobs = options.jobs or available_cores()
        for piece in call_in_workers(figures, places, piece=_PIECE, jobs=jobs, doing="reading"):
            if isinstance(piece, Lost):
                task.advance()
                progress.fail(f"{piece.item[1]}: {piece.reason}")
                continue
            for name, found in piece:
                task.advance()
                if isinstance(found, str):
                    progress.fail(found)
                    continue
                about = results.metadata.get(name, {})
                known = {column: about.get(column, "") for column in results.columns}
                rows += [{"video": name, **known, **row} for row in found]
    table = pd.DataFrame(rows)
    if len(table):
        table[list(STATISTICS)] = table[list(STATISTICS)].astype(float)
    return table


_Found = tuple[str, list[dict[str, object]] | str]


def _figures(places: Sequence[tuple[str, Path]], tick: object, *, min_confidence: float) -> list[_Found]:
    assert callable(tick)
    found: list[_Found] = []
    for name, path in places:
        try:
            found.append((name, video_figures(path, min_confidence=min_confidence, tick=tick)))
        except InputError as error:
            found.append((name, str(error)))
    return found


def _known(videos: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """The rows of videos of which every column of `by` is known."""
    return videos[(videos[list(by)] != "").all(axis=1)] if by else videos


def _means(videos: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Means over videos, each counting alike, with how many there are and all their frames."""
    grouped = videos.groupby([*keys, *SIGNAL], sort=True)
    means = grouped[list(STATISTICS)].mean()
    counts = grouped.agg(videos=("video", "nunique"), frames=("frames", "sum"), seconds=("seconds", "sum"))
    return pd.concat([counts, means], axis=1).reset_index()


def _groups(cells: pd.DataFrame, factors: list[str], options: SummaryOptions) -> pd.DataFrame:
    """Means over persons (or videos, where persons are not asked for), with their bootstrap interval."""
    rows = []
    unit = "persons" if options.person in options.by else "videos"
    for key, group in cells.groupby([*factors, *SIGNAL], sort=True):
        row: dict[str, object] = dict(zip([*factors, *SIGNAL], key, strict=True))
        row |= {unit: len(group), "frames": int(group["frames"].sum())}
        for statistic in STATISTICS:
            values = group[statistic].dropna().to_numpy(float)
            row[statistic] = float(values.mean()) if len(values) else None
            low, high = interval(values, options.resamples, options.seed)
            row |= {f"{statistic}_low": low, f"{statistic}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)


def interval(values: np.ndarray, resamples: int, seed: int) -> tuple[float | None, float | None]:
    """95 % bootstrap interval of a mean; None where there are fewer than two values."""
    if len(values) < 2:
        return None, None
    draws = np.random.default_rng(seed).integers(0, len(values), (resamples, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def _obstacles(persons: pd.DataFrame, factors: Sequence[str], options: SummaryOptions) -> list[str]:
    if options.person not in options.by:
        return [f"no differences within persons: {options.person!r} is not among the columns of --by"]
    if persons[options.person].nunique() < 2:
        return [f"no differences: one {options.person} only, at least two are needed"]
    if not factors:
        return ["no differences: no column of conditions in --by"]
    return [f"no differences of {name}: all videos have the same" for name in factors if persons[name].nunique() < 2]


def wide(table: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """A long table as one row for each combination of `keys`: columns such as ``AU12_mean``, ``AU12_left_mean``.

    Parameters
    ----------
    table : DataFrame
        `Summary.videos` or `Summary.persons`.
    keys : sequence of str
        Columns that say what a row is about.
    """
    named = table["signal"] + table["side"].map(lambda side: f"_{side}" if side else "")
    # No pivot table of it all: that would make rows of every combination of what is known.
    indexed = table.assign(_name=named).set_index([*keys, "_name"])[list(STATISTICS)]
    parts: dict[str, pd.Series] = {}
    of_statistic = {statistic: indexed[statistic].unstack("_name") for statistic in STATISTICS}
    for name in dict.fromkeys(named):
        for statistic in STATISTICS:
            column = of_statistic[statistic][name]
            if column.notna().any():
                parts[f"{name}_{statistic}"] = column
    return pd.DataFrame(parts).dropna(axis=0, how="all").reset_index()

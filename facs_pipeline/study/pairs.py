"""Pairs of faces of a run, and viewers of one film: whose curves are compared, and what came out of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from facs_pipeline.foundation.errors import ArgumentError, InputError
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.foundation.tabular import read_text_table
from facs_pipeline.study.curves import Curves, read_curves
from facs_pipeline.study.results import StudyResults, StudyVideo
from facs_pipeline.study.summary import interval
from facs_pipeline.study.synchrony import (
    Series,
    SynchronyOptions,
    aligned,
    cross_correlations,
    peaks,
    shifted_chance,
    shuffled_means,
    synchrony_of,
    viewer_correlations,
)

_RESAMPLES = 2000
_FEWEST_VIEWERS = 3


@dataclass(frozen=True)
class Pair:
    """Two faces.

    Attributes
    ----------
    a, b : str
        Names of their videos; the same for two faces of one video.
    face_a, face_b : str or None
        Their ids; None for the face that is seen longest.
    offset_s : float
        Seconds of the second video at which the first one begins.
    """

    a: str
    b: str
    face_a: str | None = None
    face_b: str | None = None
    offset_s: float = 0.0

    @property
    def names(self) -> tuple[str, str]:
        """Of the two faces, such as ``dyad face 1``."""
        both = ((self.a, self.face_a), (self.b, self.face_b))
        one, other = (f"{video} face {face}" if face else video for video, face in both)
        return one, other


def read_pairs(path: str | os.PathLike[str]) -> list[Pair]:
    """Pairs of a table with the columns ``a`` and ``b``, and perhaps ``face_a``, ``face_b``, ``offset_s``.

    Raises
    ------
    InputError
        If it cannot be read, or has no pairs.
    """
    table = read_text_table(path, required=["a", "b"])
    if not len(table):
        raise InputError(f"{path}: no pairs, only a header")
    pairs = []
    for row, cells in zip(table.index, table.to_dict("records"), strict=True):
        offset = str(cells.get("offset_s") or 0)
        try:
            offset_s = float(offset)
        except ValueError:
            raise InputError(f"{path}: row {row}, column offset_s: {offset!r}; expected seconds") from None
        a, b = str(cells["a"]), str(cells["b"])
        pairs.append(
            Pair(a, b, str(cells.get("face_a") or "") or None, str(cells.get("face_b") or "") or None, offset_s)
        )
    return pairs


@dataclass(frozen=True)
class Synchrony:
    """What came out of pairs.

    Attributes
    ----------
    pairs : DataFrame
        A row for each pair and action unit; see `facs_pipeline.study.synchrony.synchrony_of`.
    windows : DataFrame
        A row for each window of each.
    study : DataFrame
        With three pairs or more, a row for each action unit: mean over pairs with its bootstrap interval, and the same
        of partners exchanged between pairs (``chance``, ``p``); else empty.
    """

    pairs: pd.DataFrame
    windows: pd.DataFrame
    study: pd.DataFrame


def synchrony_of_pairs(
    results: StudyResults, pairs: Sequence[Pair], options: SynchronyOptions, progress: Progress = SILENT
) -> Synchrony:
    """Synchrony of each pair, and of all of them against exchanged partners.

    Parameters
    ----------
    results : StudyResults
    pairs : sequence of Pair
    options : SynchronyOptions
    progress : Progress
        Told of each comparison.

    Raises
    ------
    InputError
        If a video, face or action unit is not there.

    Examples
    --------
    >>> found = synchrony_of_pairs(read_results("results"), [Pair("anna", "ben")], SynchronyOptions())  # doctest: +SKIP
    >>> found.pairs[["signal", "synchrony", "chance", "p"]]  # doctest: +SKIP
    """
    sides = [_sides(results, pair, options) for pair in pairs]
    tables, windows = [], []
    exchange = len(pairs) >= _FEWEST_VIEWERS
    with progress.task("pairs", len(pairs) ** 2 if exchange else len(pairs), "pairs") as task:
        for pair, (a, b, starts) in zip(pairs, sides, strict=True):
            table, of_windows = synchrony_of(aligned(a, b, options, starts_s=starts), options)
            tables.append(_about(table, pair))
            windows.append(_about(of_windows, pair))
            task.advance()
        together = pd.concat(tables, ignore_index=True)
        exchanged = np.full((len(pairs), len(pairs), len(options.aus)), np.nan)
        for row, (a, _, starts) in enumerate(sides if exchange else ()):
            for column, (_, b, others) in enumerate(sides):
                exchanged[row, column] = _peaks(aligned(a, b, options, starts_s=(starts[0], others[1])), options)
                if row != column:
                    task.advance()
    study = pd.DataFrame([
        _of_study(exchanged[:, :, k], f"AU{au:02d}", options) for k, au in enumerate(options.aus if exchange else ())
    ])  # fmt: skip
    return Synchrony(together, pd.concat(windows, ignore_index=True), study)


def series_of(results: StudyResults, pair: Pair, options: SynchronyOptions) -> Series:
    """The curves of a pair on one time."""
    a, b, starts = _sides(results, pair, options)
    return aligned(a, b, options, starts_s=starts)


def _about(table: pd.DataFrame, pair: Pair) -> pd.DataFrame:
    for place, (name, text) in enumerate(
        (("a", pair.a), ("face_a", pair.face_a or ""), ("b", pair.b), ("face_b", pair.face_b or ""))
    ):
        table.insert(place, name, text)
    return table


def _sides(results: StudyResults, pair: Pair, options: SynchronyOptions) -> tuple[Curves, Curves, tuple[float, float]]:
    a, b = results.video(pair.a), results.video(pair.b)
    curves = [
        read_curves(video.its_table(), options.aus, min_confidence=options.min_confidence, face=face)
        for video, face in ((a, pair.face_a), (b, pair.face_b))
    ]
    if pair.a == pair.b and curves[0].face_id == curves[1].face_id:
        raise InputError(f"{pair.a}: twice the face {curves[0].face_id}; name two faces, or two videos")
    starts = a.start_s - min(0.0, pair.offset_s), b.start_s + max(0.0, pair.offset_s)
    return curves[0], curves[1], starts


def _peaks(series: Series, options: SynchronyOptions) -> list[float]:
    means = []
    for k in range(len(options.aus)):
        highest = peaks(cross_correlations(series.a[:, k], series.b[:, k], series.rate, options))
        means.append(float(np.nanmean(highest)) if np.isfinite(highest).any() else np.nan)
    return means


def _of_study(table: np.ndarray, signal: str, options: SynchronyOptions) -> dict[str, object]:
    own = table.diagonal()
    used = np.isfinite(table).all(axis=1) & np.isfinite(table).all(axis=0)
    row: dict[str, object] = {"signal": signal, "pairs": int(used.sum())}
    if used.sum() < _FEWEST_VIEWERS:
        return row
    mean = float(own[used].mean())
    low, high = interval(own[used], _RESAMPLES, options.seed)
    chance = shuffled_means(table[np.ix_(used, used)], options.surrogates, options.seed)
    p = (1 + int((chance >= mean - 1e-12).sum())) / (1 + len(chance))
    return row | {"synchrony": mean, "low": low, "high": high, "chance": float(chance.mean()), "p": p}


@dataclass(frozen=True)
class Viewers:
    """What came out of viewers.

    Attributes
    ----------
    films : DataFrame
        A row for each film and action unit: viewers, mean correlation with the others and its bootstrap interval over
        viewers, the mean and 95th percentile of chance, and ``p``.
    viewers : DataFrame
        A row for each viewer and action unit.
    left_out : tuple of str
        Films with too few viewers, and videos without a table.
    """

    films: pd.DataFrame
    viewers: pd.DataFrame
    left_out: tuple[str, ...]


def viewers_of_films(
    results: StudyResults, options: SynchronyOptions, by: str | None = None, progress: Progress = SILENT
) -> Viewers:
    """Inter-subject correlation: how far each viewer's face moves as those of the other viewers of the same film.

    Parameters
    ----------
    results : StudyResults
        All videos begin with the film.
    options : SynchronyOptions
        Action units, rate, surrogates.
    by : str, optional
        Column of the metadata that says which film; by default all saw the same.
    progress : Progress
        Told of each film.

    Raises
    ------
    ArgumentError
        If there is no such column.
    InputError
        If no film has three viewers.
    """
    if by is not None and by not in results.columns:
        raise ArgumentError(f"no column {by!r} in the metadata; there are {', '.join(results.columns) or 'none'}", "by")
    films: dict[str, list[StudyVideo]] = {}
    left_out = []
    for video in results.videos:
        film = results.metadata.get(video.name, {}).get(by, "") if by else "all"
        if video.table is None or not film:
            left_out.append(f"{video.name}: {'no table' if video.table is None else f'no {by}'}")
        else:
            films.setdefault(film, []).append(video)
    rows, single = [], []
    with progress.task("films", len(films), "films") as task:
        for film, videos in sorted(films.items()):
            task.advance()
            if len(videos) < _FEWEST_VIEWERS:
                left_out.append(f"{film}: {len(videos)} viewers; at least {_FEWEST_VIEWERS} are needed")
                continue
            of_film, of_viewers = _film(videos, options)
            rows += [{by or "film": film, **row} for row in of_film]
            single += [{by or "film": film, **row} for row in of_viewers]
    if not rows:
        raise InputError(f"{results.folder}: nothing to compare ({'; '.join(left_out[:3])})")
    return Viewers(pd.DataFrame(rows), pd.DataFrame(single), tuple(left_out))


def _film(
    videos: Sequence[StudyVideo], options: SynchronyOptions
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    curves = [read_curves(video.its_table(), options.aus, min_confidence=options.min_confidence) for video in videos]
    rate = options.rate or min(25.0, *(1 / one.step_s if one.step_s > 0 else 25.0 for one in curves))
    starts = [video.start_s for video in videos]
    length = max(float(one.times_s[-1]) - start for one, start in zip(curves, starts, strict=True))
    times = np.arange(max(1, int(np.floor(length * rate + 1e-9)) + 1)) / rate
    values = [one.at(times + start) for one, start in zip(curves, starts, strict=True)]
    rows, single = [], []
    for k, au in enumerate(options.aus):
        of_unit = [one[:, k] for one in values]
        found = viewer_correlations(of_unit)
        known = found[np.isfinite(found)]
        row: dict[str, object] = {"signal": f"AU{au:02d}", "viewers": len(known)}
        if len(known) >= _FEWEST_VIEWERS:
            chance = shifted_chance(of_unit, options.surrogates, options.seed)
            low, high = interval(known, _RESAMPLES, options.seed)
            p = (1 + int((chance >= known.mean() - 1e-12).sum())) / (1 + len(chance))
            row |= {"correlation": float(known.mean()), "low": low, "high": high, "chance": float(np.nanmean(chance)),
                    "chance_high": float(np.nanpercentile(chance, 95)), "p": p}  # fmt: skip
        rows.append(row)
        single += [
            {"video": video.name, "signal": f"AU{au:02d}", "correlation": float(one)}
            for video, one in zip(videos, found, strict=True)
        ]
    return rows, single

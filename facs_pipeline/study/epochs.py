"""Epochs: what action units do around moments such as stimuli, per trial, and on average over persons."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd

from facs_pipeline.action_units.baseline import resting_intensity, subtract_resting
from facs_pipeline.dynamics.events import find_events
from facs_pipeline.dynamics.quality import LOW_CONFIDENCE
from facs_pipeline.foundation.call_task import Lost, call_in_workers
from facs_pipeline.foundation.errors import ArgumentError, InputError
from facs_pipeline.foundation.machine import available_cores
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.study.curves import Curves, read_curves
from facs_pipeline.study.differences import differences
from facs_pipeline.study.onsets import Onsets
from facs_pipeline.study.results import StudyResults, StudyVideo

TRIAL_STATISTICS = {
    "mean": "mean change after the onset",
    "peak": "largest change after the onset",
    "peak_latency_s": "time of the largest change (s)",
    "response": "whether a movement begins",
    "response_latency_s": "time at which it begins (s)",
}
"""Name of each statistic of a trial -> in words."""
_WRITTEN = {"epoch", "time_s", "signal", "kind", "side", "onset_s", "usable_share", "baseline", "low", "high",
            "persons", "epochs", *TRIAL_STATISTICS}  # fmt: skip
_AU = re.compile(r"AU\d{2}")
_USUAL_RATE = 25.0


@dataclass(frozen=True)
class EpochOptions:
    """How epochs are cut; the defaults are those of ``facs epochs``.

    Attributes
    ----------
    window_s : tuple of float
        First and last moment, in seconds from the onset.
    baseline_s : tuple of float or None
        From (included) to (not included): its mean is subtracted; None subtracts nothing.
    aus : tuple of int
        Action units; none for all.
    by : tuple of str
        Columns of the onsets or the metadata: conditions.
    person : str
        Column that says who is shown; where there is none, each video counts as a person.
    min_confidence : float
        0..1; less sure frames are not used.
    min_share : float
        0..1; trials with a smaller share of usable moments are left out.
    rate : float, optional
        Moments a second; by default the median frame rate of the videos.
    resamples, seed : int
        Of the intervals over persons.
    jobs : int, optional
        Processes; by default one per core.
    """

    window_s: tuple[float, float] = (-1.0, 4.0)
    baseline_s: tuple[float, float] | None = (-0.5, 0.0)
    aus: tuple[int, ...] = ()
    by: tuple[str, ...] = ()
    person: str = "subject"
    min_confidence: float = LOW_CONFIDENCE
    min_share: float = 0.5
    rate: float | None = None
    resamples: int = 2000
    seed: int = 0
    jobs: int | None = None

    def __post_init__(self) -> None:
        first, last = self.window_s
        if not first < last or last <= 0:
            raise ArgumentError(f"{first:g} to {last:g} s: expected a window that ends after the onset", "window")
        if self.baseline_s is not None:
            start, end = self.baseline_s
            if not first <= start < end <= last:
                raise ArgumentError(
                    f"{start:g} to {end:g} s: expected a stretch of {first:g} to {last:g} s", "baseline"
                )


@dataclass(frozen=True)
class Epochs:
    """What came out.

    Attributes
    ----------
    samples : DataFrame
        A row for each moment of each epoch: ``time_s`` from the onset, and change of each action unit from the
        baseline.
    trials : DataFrame
        A row for each epoch and action unit: ``baseline``, ``usable_share`` and `TRIAL_STATISTICS`.
    curves : DataFrame
        A row for each combination of conditions, action unit and moment: mean over persons, and its interval.
    differences : DataFrame
        Between conditions within persons, of `TRIAL_STATISTICS`; empty where there are none to compare.
    unit : str
        ``person``, or ``video`` where nothing says who is shown.
    left_out : tuple of str
        Onsets that were left out, each with the reason.
    notes : tuple of str
        What was assumed, and what could not be compared.
    """

    samples: pd.DataFrame
    trials: pd.DataFrame
    curves: pd.DataFrame
    differences: pd.DataFrame
    unit: str
    left_out: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())


def cut_epochs(
    results: StudyResults, onsets: Onsets, options: EpochOptions | None = None, progress: Progress = SILENT
) -> Epochs:
    """Cut a stretch around each onset from the curves of its video, and average over persons.

    Parameters
    ----------
    results : StudyResults
    onsets : Onsets
    options : EpochOptions, optional
    progress : Progress
        Told of the videos read, and of tables that cannot be.

    Raises
    ------
    ArgumentError
        If neither onsets nor metadata have a column that is asked for.
    InputError
        If no epoch can be used.

    Examples
    --------
    >>> results = read_results("results")  # doctest: +SKIP
    >>> onsets = read_onsets(["trials.csv"], [video.name for video in results.videos])  # doctest: +SKIP
    >>> cut_epochs(results, onsets, EpochOptions(by=("condition",))).trials  # doctest: +SKIP
    """
    options = options or EpochOptions()
    about = _about(results, onsets)
    for name in options.by:
        if name not in about.columns:
            there = ", ".join(map(str, about.columns))
            raise ArgumentError(f"no column {name!r} in the onsets or the metadata; there are {there}", "by")
    grid = _grid(results, options)
    cut, left_out = _cut(results, onsets, grid, options, progress)
    if not cut:
        first = f", the first: {left_out[0]}" if left_out else ""
        raise InputError(f"no onset can be used ({len(left_out)} left out{first})")
    unit = options.person if options.person in about.columns else "video"
    notes = list(onsets.notes)
    if unit == "video":
        notes.append(
            f"nothing says who is shown (no column {options.person!r}): each video counts as a person of its own"
        )
    trials, samples = _tables(cut, about, grid)
    known = trials.loc[(trials[[*options.by, unit]] != "").all(axis=1)]
    if len(known) < len(trials):
        unknown = trials["epoch"].nunique() - known["epoch"].nunique()
        notes.append(f"{unknown} epochs have no {' or no '.join([*options.by, unit])}; they are in no curve")
    curves = _curves(samples[samples["epoch"].isin(known["epoch"])], list(options.by), unit, options)
    compared, obstacles = _differences(known, list(options.by), unit, options)
    return Epochs(samples, trials, curves, compared, unit, tuple(left_out), (*notes, *obstacles))


@dataclass(frozen=True)
class _Cut:
    """An epoch: its number, the action units, their values `[m, k]`, and for each the figures of the trial."""

    epoch: int
    aus: tuple[int, ...]
    values: np.ndarray
    figures: list[dict[str, object]]


def _about(results: StudyResults, onsets: Onsets) -> pd.DataFrame:
    """What is known of each onset: its video, the metadata of that, and its own columns, which win."""
    of_videos = [{"video": name, **results.metadata.get(name, {})} for name in onsets.table["video"]]
    table = pd.DataFrame(of_videos, columns=["video", *results.columns], index=onsets.table.index).fillna("")
    for name in onsets.about.columns:
        table[name] = onsets.about[name]
    taken = [str(name) for name in table.columns if name in _WRITTEN or _AU.fullmatch(str(name))]
    if taken:
        raise InputError(
            f"a column of the onsets or the metadata is called {taken[0]!r}, as one of the results; rename it"
        )
    return table


def _grid(results: StudyResults, options: EpochOptions) -> np.ndarray:
    rates = pd.to_numeric(pd.Series([video.facts.get("fps", "") for video in results.videos]), errors="coerce")
    rate = options.rate or (float(rates.median()) if rates.gt(0).any() else _USUAL_RATE)
    first, last = np.ceil(options.window_s[0] * rate - 1e-9), np.floor(options.window_s[1] * rate + 1e-9)
    return np.arange(first, last + 1) / rate


_Found = list[_Cut | str] | str


def _cut(
    results: StudyResults, onsets: Onsets, grid: np.ndarray, options: EpochOptions, progress: Progress
) -> tuple[list[_Cut], list[str]]:
    by_name = {video.name: video for video in results.videos}
    jobs = [
        (by_name[str(name)], [(int(str(index)), row["moment"], row["clock"]) for index, row in rows.iterrows()])
        for name, rows in onsets.table.groupby("video", sort=False)
    ]
    cut: dict[int, _Cut] = {}
    out: dict[int, str] = {}
    with progress.task("videos", len(jobs), "videos") as task:
        work = partial(_of_videos, grid=grid, options=options)
        workers = min(options.jobs or available_cores(), len(jobs))
        places = iter(jobs)
        for piece in call_in_workers(work, jobs, piece=1, jobs=workers, doing="reading"):
            task.advance()
            video, moments = next(places)
            found: _Found = f"{video.name}: {piece.reason}" if isinstance(piece, Lost) else piece
            if isinstance(found, str):
                progress.fail(found)
                continue
            for (number, _moment, _clock), one in zip(moments, found, strict=True):
                if isinstance(one, str):
                    out[number] = f"{onsets.table['source'].iloc[number]}: {video.name}: {one}"
                else:
                    cut[number] = one
    return [cut[number] for number in sorted(cut)], [out[number] for number in sorted(out)]


def _of_videos(
    jobs: Sequence[tuple[StudyVideo, list[tuple[int, float, str]]]],
    tick: Callable[[], None],
    *,
    grid: np.ndarray,
    options: EpochOptions,
) -> _Found:
    [(video, moments)] = jobs
    if video.table is None or video.facts.get("status") in ("failed", "no_face"):
        return [f"the video has no values ({video.facts.get('status') or 'no table'})"] * len(moments)
    try:
        curves = read_curves(video.table, options.aus, min_confidence=options.min_confidence)
    except InputError as error:
        return str(error)
    tick()
    above = subtract_resting(curves.values, resting_intensity(curves.values))
    onsets = [[one.onset_s for one in find_events(above[:, k], curves.times_s)] for k in range(len(curves.aus))]
    found: list[_Cut | str] = []
    for number, moment, clock in moments:
        onset = _on_clock(curves, moment, clock, video.start_s)
        found.append(onset if isinstance(onset, str) else _epoch(curves, onsets, number, onset, grid, options))
    return found


def _on_clock(curves: Curves, moment: float, clock: str, start_s: float) -> float | str:
    """The moment as a time stamp of the video, or why it is none."""
    if clock == "frame":
        at = np.flatnonzero(curves.frames == moment)
        return float(curves.times_s[at[0]]) if len(at) else f"no frame {moment:g}; there are {curves.frames[-1]}"
    onset = moment + (start_s if clock == "start" else 0.0)
    first, last = float(curves.times_s[0]), float(curves.times_s[-1])
    if first - curves.step_s <= onset <= last + curves.step_s:
        return onset
    return f"the onset, {onset:g} s, is outside of the video, {first:g} to {last:g} s"


def _epoch(
    curves: Curves, onsets: list[list[float]], number: int, onset: float, grid: np.ndarray, options: EpochOptions
) -> _Cut | str:
    values = curves.at(onset + grid)
    share = float(np.isfinite(values).any(axis=1).mean())
    if share < options.min_share:
        return f"{share:.0%} of the moments around {onset:g} s are usable, less than {options.min_share:.0%}"
    level = np.zeros(values.shape[1])
    if options.baseline_s is not None:
        start, end = options.baseline_s
        # Moments of the grid are multiples of its step, but for the last bit.
        inside = (grid > start - 1e-9) & (grid < end - 1e-9)
        if not np.isfinite(values[inside]).any():
            return f"no usable moment in the baseline before {onset:g} s"
        level = np.nanmean(values[inside], axis=0)
    change = values - level
    after = grid > -1e-9
    figures: list[dict[str, object]] = []
    for k in range(len(curves.aus)):
        later = change[after, k]
        at = np.nan if not np.isfinite(later).any() else int(np.nanargmax(later))
        begun = [one - onset for one in onsets[k] if 0 < one - onset <= grid[-1]]
        figures.append({
            "onset_s": onset,
            "usable_share": float(np.isfinite(change[:, k]).mean()),
            "baseline": float(level[k]) if options.baseline_s is not None else None,
            "mean": None if np.isnan(at) else float(np.nanmean(later)),
            "peak": None if np.isnan(at) else float(later[int(at)]),
            "peak_latency_s": None if np.isnan(at) else float(grid[after][int(at)]),
            "response": None if np.isnan(at) else int(bool(begun)),
            "response_latency_s": begun[0] if begun else None,
        })  # fmt: skip
    return _Cut(number, curves.aus, change, figures)


def _tables(cut: Sequence[_Cut], about: pd.DataFrame, grid: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    aus = sorted({au for one in cut for au in one.aus})
    trials, samples = [], []
    for one in cut:
        known = {"epoch": one.epoch + 1, **about.loc[one.epoch].to_dict()}
        trials += [{**known, "signal": f"AU{au:02d}", **row} for au, row in zip(one.aus, one.figures, strict=True)]
        part = pd.DataFrame(one.values, columns=[f"AU{au:02d}" for au in one.aus]).reindex(
            columns=[f"AU{au:02d}" for au in aus]
        )
        part.insert(0, "time_s", grid)
        samples.append(pd.DataFrame(known, index=part.index).join(part))
    table = pd.DataFrame(trials)
    statistics = ["baseline", *TRIAL_STATISTICS]
    table[statistics] = table[statistics].astype(float)
    return table, pd.concat(samples, ignore_index=True)


def _curves(samples: pd.DataFrame, by: list[str], unit: str, options: EpochOptions) -> pd.DataFrame:
    """Mean over persons at each moment, each person counting once, with bootstrap intervals over persons."""
    aus = [str(name) for name in samples.columns if _AU.fullmatch(str(name))]
    parts = []
    for key, rows in samples.groupby(by, sort=True) if by else [((), samples)]:
        of_person = rows.groupby([unit, "time_s"], sort=True)[aus].mean()
        persons = len(of_person.index.unique(0))
        epochs = rows["epoch"].nunique()
        draws = np.random.default_rng(options.seed).multinomial(
            persons, np.full(persons, 1 / persons), options.resamples
        )
        for au in aus:
            values = of_person[au].unstack("time_s")
            mean, low, high = _interval(values.to_numpy(float), draws)
            part = pd.DataFrame({"time_s": values.columns, "mean": mean, "low": low, "high": high})
            part.insert(0, "signal", au)
            for name, text in reversed(list(zip(by, key, strict=True))):
                part.insert(0, name, str(text))
            parts.append(part.assign(persons=persons, epochs=epochs))
    return pd.concat(parts, ignore_index=True)


def _interval(values: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean of the persons `[p, m]` at each moment and its 95 % interval, by how often each draw takes each person."""
    there = np.isfinite(values)
    filled = np.where(there, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = filled.sum(axis=0) / there.sum(axis=0)
        means = (draws @ filled) / (draws @ there)
    empty = np.full(values.shape[1], np.nan)
    if len(values) < 2:
        return mean, empty, empty
    enough = there.sum(axis=0) > 1
    low, high = empty.copy(), empty.copy()
    low[enough], high[enough] = np.nanpercentile(means[:, enough], [2.5, 97.5], axis=0)
    return mean, low, high


def _differences(
    trials: pd.DataFrame, by: list[str], unit: str, options: EpochOptions
) -> tuple[pd.DataFrame, list[str]]:
    if not by:
        return pd.DataFrame(), []
    statistics = list(TRIAL_STATISTICS)
    persons = trials.groupby([*by, unit, "signal"], sort=True)[statistics].mean().reset_index()
    persons = persons.assign(kind="au", side="")
    if unit == "video" or persons[unit].nunique() < 2:
        return pd.DataFrame(), [f"no differences within persons: {persons[unit].nunique()} {unit}s"]
    varied = [name for name in by if persons[name].nunique() > 1]
    found = differences(persons, varied, unit, statistics=statistics, resamples=options.resamples, seed=options.seed)
    if not len(found):
        return found, ["no differences: no two persons have been seen under the same two conditions"]
    return found, []

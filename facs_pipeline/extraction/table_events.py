"""Events of action-unit tables that exist already, as a table and for ELAN: what `facs events` calls."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from facs_pipeline.action_units.baseline import resting_intensity, subtract_resting
from facs_pipeline.action_units.sides import asymmetry
from facs_pipeline.dynamics.blinks import find_closed_eyes, visible_seconds
from facs_pipeline.dynamics.elan import write_eaf
from facs_pipeline.dynamics.events import OFFSET, ONSET, SHORTEST_S, Event, find_events, letter
from facs_pipeline.dynamics.face_series import BLINK_AU, CLOSED_AU
from facs_pipeline.dynamics.quality import LOW_CONFIDENCE, stretches
from facs_pipeline.extraction.inputs import safe_name
from facs_pipeline.extraction.table_series import Failures, SeriesOptions, require
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.atomic import free_name, make_writable
from facs_pipeline.foundation.files.json_file import read_json_object
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.foundation.tabular import read_text_table
from facs_pipeline.tables.files import find_tables
from facs_pipeline.tables.reader import AUSeries, choose_aus
from facs_pipeline.tables.schema import EVENTS


@dataclass(frozen=True)
class EventLevels:
    """What counts as an event, see `facs_pipeline.find_events`.

    Attributes
    ----------
    onset : float
        Intensity to be reached, 0..5.
    offset : float
        Intensity that every frame has at least; above 0, at most `onset`.
    shortest_s : float
        Shorter ones are left out, in seconds.
    """

    onset: float = ONSET
    offset: float = OFFSET
    shortest_s: float = SHORTEST_S


class FaceEvents(NamedTuple):
    """The events of one face.

    Attributes
    ----------
    series : AUSeries
        What they were found in.
    events : list of tuple of int and Event
        With the action unit of each.
    aus : tuple of int
        Those that were looked at.
    """

    series: AUSeries
    events: list[tuple[int, Event]]
    aus: tuple[int, ...]


class EventSummary(NamedTuple):
    """The events of one action unit.

    Attributes
    ----------
    au : int
        The action unit.
    n_events : int
        How many.
    per_minute : float
        Rate over the time in which a face is there; NaN without any.
    median_s : float
        Median duration in seconds.
    strongest : float
        Intensity 0..5 of the strongest one's apex.
    video : str
        Where that one is.
    apex_s : float
        When, in seconds.
    """

    au: int
    n_events: int
    per_minute: float
    median_s: float
    strongest: float
    video: str
    apex_s: float


@dataclass(frozen=True)
class TableEvents:
    """What came out.

    Attributes
    ----------
    table : DataFrame
        A row for each event, see `facs columns events`.
    faces : tuple of FaceEvents
        The same, face by face.
    failed : tuple of str
        What could not be used, and why.
    """

    table: pd.DataFrame
    faces: tuple[FaceEvents, ...]
    failed: tuple[str, ...]

    @property
    def videos(self) -> int:
        """How many videos the tables are about."""
        return len({face.series.video for face in self.faces})

    def summary(self) -> list[EventSummary]:
        """One entry for each action unit that has events, by its number."""
        with_face_s = sum(visible_seconds(face.series.success, face.series.times_s) for face in self.faces)
        summaries = []
        for au, events in self.table.groupby("action_unit"):
            rate = 60 * len(events) / with_face_s if with_face_s else np.nan
            strongest = events.iloc[int(events["apex_intensity"].to_numpy().argmax())]
            summaries.append(
                EventSummary(
                    int(str(au)),
                    len(events),
                    rate,
                    float(events["duration_s"].median()),
                    float(strongest["apex_intensity"]),
                    str(strongest["video"]),
                    float(strongest["apex_s"]),
                )
            )
        return summaries


def find_table_events(
    tables: Sequence[str | os.PathLike[str]],
    options: SeriesOptions | None = None,
    levels: EventLevels | None = None,
    *,
    exclude: Iterable[Path] = (),
    progress: Progress = SILENT,
) -> TableEvents:
    """Find onset, apex and offset of each movement in existing action-unit tables.

    Parameters
    ----------
    tables : sequence of str or PathLike
        CSV or parquet files, folders or globs; of this package, OpenFace, py-feat.
    options : SeriesOptions, optional
        By default all action units, above the person's resting face.
    levels : EventLevels, optional
    exclude : iterable of Path
        Files in folders that are no input, such as an earlier result.
    progress : Progress
        Told of tables that fail.

    Returns
    -------
    TableEvents

    Raises
    ------
    InputError
        If no table can be used.

    Examples
    --------
    >>> events = find_table_events(["results/"])  # doctest: +SKIP
    >>> events.table.query("action_unit == 12")[["video", "onset_s", "apex_intensity"]]  # doctest: +SKIP
    """
    options = options or SeriesOptions(aus="all", baseline="video")
    levels = levels or EventLevels()
    paths = find_tables(tables, exclude=exclude)
    failures = Failures(progress)
    faces: dict[tuple[str, str], FaceEvents] = {}
    for path in paths:
        with failures.caught():
            new = {}
            for one in options.read(path):
                key = one.video, one.face_id
                aus = choose_aus({str(path): one.aus}, options.aus)
                require(one, aus, faces[key].series.source if key in faces else None)
                new[key] = FaceEvents(one, list(_events(one, aus, options, levels)), aus)
            faces |= new
    if not faces:
        raise InputError(f"none of the {len(paths)} tables could be used; nothing was written")
    rows = [EVENTS.rounded(_row(face.series, au, event)) for face in faces.values() for au, event in face.events]
    table = pd.DataFrame(rows, columns=list(EVENTS.names))
    return TableEvents(table, tuple(faces.values()), tuple(failures.reasons))


def _events(
    one: AUSeries, aus: tuple[int, ...], options: SeriesOptions, levels: EventLevels
) -> Iterator[tuple[int, Event]]:
    values = one.intensities * (5 if one.origin == "py-feat" else 1)
    closed = find_closed_eyes(values[:, one.aus.index(BLINK_AU)], one.times_s) if BLINK_AU in one.aus else []
    if options.baseline == "video":
        values = subtract_resting(values, resting_intensity(values))
    for au in aus:
        series = values[:, one.aus.index(au)]
        for event in find_events(
            series, one.times_s, onset=levels.onset, offset=levels.offset, shortest_s=levels.shortest_s
        ):
            # Eyes that stay closed are another action unit than a blink.
            stay = au == BLINK_AU and any(first <= event.apex_s < last for first, last in closed)
            yield (CLOSED_AU if stay else au), event


def _row(one: AUSeries, au: int, event: Event) -> dict[str, object]:
    return {
        "video": one.video,
        "face_id": one.face_id,
        "action_unit": au,
        "letter": letter(event.apex_intensity),
        "onset_s": event.onset_s,
        "apex_s": event.apex_s,
        "offset_s": event.offset_s,
        "duration_s": event.offset_s - event.onset_s,
        "apex_intensity": event.apex_intensity,
        "mean_intensity": event.mean_intensity,
        "asymmetry": _asymmetry(one, au, event),
        "onset_frame": int(one.frames[event.onset]),
        "apex_frame": int(one.frames[event.apex]),
        "offset_frame": int(one.frames[event.offset]),
        "onset_seen": int(event.onset_seen),
        "offset_seen": int(event.offset_seen),
    }


def _asymmetry(one: AUSeries, au: int, event: Event) -> float:
    """NaN where the table has no sides of the action unit."""
    measured = BLINK_AU if au == CLOSED_AU else au
    if measured not in one.sides:
        return math.nan
    left, right = one.sides[measured][event.onset : max(event.offset, event.onset + 1)].T
    return asymmetry(left, right)


def write_elan(events: TableEvents, folder: Path) -> list[Path]:
    """Write ``<video>.eaf`` for each video, which ELAN opens beside it.

    Parameters
    ----------
    events : TableEvents
    folder : Path
        Made where it is missing.

    Returns
    -------
    list of Path
        The files, one for each video.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    make_writable(folder, "name another folder with --elan")
    videos: dict[str, list[FaceEvents]] = {}
    for face in events.faces:
        videos.setdefault(face.series.video, []).append(face)
    taken: set[str] = set()
    written = []
    for video, faces in videos.items():
        # Empty ones as well: they say that nothing was found, and wait for what a coder finds.
        tiers: dict[str, list[tuple[int, Event]]] = {}
        remarks: dict[str, list[tuple[float, float, str]]] = {}
        for face in faces:
            of_face = f" face {face.series.face_id}" if len(faces) > 1 else ""
            for au in face.aus:
                tiers.setdefault(f"AU{au:02d}{of_face}", [])
            for au, event in face.events:
                tiers.setdefault(f"AU{au:02d}{of_face}", []).append((au, event))
            remarks |= {f"{name}{of_face}": spans for name, spans in _doubts(face.series).items()}
        path, source = folder / f"{free_name(safe_name(video), taken)}.eaf", faces[0].series.source
        start_s = _start_s(source, video)
        write_eaf(path, dict(sorted(tiers.items())), _media(source, video), start_s=start_s, remarks=remarks)
        written.append(path)
    return written


def _doubts(series: AUSeries) -> dict[str, list[tuple[float, float, str]]]:
    """Where the face is not there, and where it is not sure."""
    ends = np.append(series.times_s[1:], series.times_s[-1:])
    unsure = series.success & (series.confidence < LOW_CONFIDENCE) if series.confidence is not None else None
    return {
        name: [(float(series.times_s[first]), float(ends[last]), name) for first, last in stretches(marked)]
        for name, marked in (("no face", ~series.success), ("low confidence", unsure))
        if marked is not None
    }


def _media(path: Path, video: str) -> Path | None:
    """Where the video lies, if the table is in a folder that `extract_features` made."""
    try:
        place = read_json_object(path.parent.parent / "run.json")["videos"][video]
        return Path(place) if isinstance(place, str) and os.path.isfile(place) else None
    except (InputError, KeyError, TypeError):
        return None


def _start_s(path: Path, video: str) -> float:
    """Time stamp at which players begin with the video, if the table is in a folder that `extract_features` made."""
    try:
        table = read_text_table(path.parent.parent / "videos.csv", required=["video", "start_s"])
        start = float(table.loc[table["video"] == video, "start_s"].iloc[0])
        return start if math.isfinite(start) else 0.0
    except (InputError, ValueError, IndexError):
        return 0.0

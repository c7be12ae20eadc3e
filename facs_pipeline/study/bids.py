"""Results as a BIDS dataset: behavioural recordings (``beh``) of each participant, with what every column means.

BIDS (Brain Imaging Data Structure) 1.10, https://bids-specification.readthedocs.io: curves are physiological recordings
at an even rate (``_physio.tsv.gz``), movements are events (``_events.tsv``). Videos themselves are not copied.
"""

from __future__ import annotations

import gzip
import io
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import facs_pipeline
from facs_pipeline.action_units.names import AU_NAMES
from facs_pipeline.dynamics.events import letter
from facs_pipeline.extraction.table_events import find_table_events
from facs_pipeline.foundation.errors import ArgumentError, InputError
from facs_pipeline.foundation.files.atomic import atomic_write
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.foundation.tabular import read_number_table
from facs_pipeline.study.results import StudyResults, StudyVideo
from facs_pipeline.tables.schema import ACTION_UNITS, find_columns

VERSION = "1.10.0"
_MISSING = "n/a"
_CURVE = re.compile(r"timestamp|confidence|pose_[RT][xyz]|AU\d{2}(?:[LR])?_r|AU\d{2}_c|gaze_angle_[xy]")
_EVENTS = {
    "onset": {"Description": "Begin of the movement, from the start of the video.", "Units": "s"},
    "duration": {"Description": "Time to its end.", "Units": "s"},
    "trial_type": {"Description": "Action unit.", "Levels": {f"AU{au:02d}": name for au, name in AU_NAMES.items()}},
    "apex": {"Description": "When it is strongest, from the start of the video.", "Units": "s"},
    "intensity": {"Description": "Intensity at the apex above the resting face, 0 to 5.", "Units": "arbitrary"},
    "intensity_letter": {"Description": "The same as FACS coders write it.", "Levels": {
        "A": "trace", "B": "slight", "C": "marked", "D": "severe", "E": "maximum"}},
}  # fmt: skip
_README = """{name}

Facial action units, measured by facs {version} from videos that are not part of this dataset. Each recording
has curves (recording-facs_physio.tsv.gz: a row for each frame) and movements (events.tsv: onset, duration, apex and
intensity above the resting face). The JSON files beside them say what the columns mean, with their units.
"""


@dataclass(frozen=True)
class BidsOptions:
    """How videos become recordings.

    Attributes
    ----------
    person : str
        Column of the metadata that says who is shown.
    task : str
        Column of the metadata that says what was done, or, if there is no such column, the name of the one task.
    session : str, optional
        Column of the metadata.
    name : str
        Of the dataset.
    """

    person: str = "subject"
    task: str = "task"
    session: str | None = None
    name: str = "Facial action units"


def write_bids(
    results: StudyResults, out: Path, options: BidsOptions | None = None, progress: Progress = SILENT
) -> list[str]:
    """Write a BIDS dataset.

    Parameters
    ----------
    results : StudyResults
    out : Path
        Folder; made where it is missing.
    options : BidsOptions, optional
    progress : Progress
        Told of each video, and of tables that cannot be read.

    Returns
    -------
    list of str
        Videos that were left out, each with the reason.

    Raises
    ------
    ArgumentError
        If the metadata lack a column.
    InputError
        If two persons would have one label, or no video can be used.

    Examples
    --------
    >>> write_bids(read_results("results"), Path("bids"))  # doctest: +SKIP
    []
    """
    options = options or BidsOptions()
    for column in (options.person, options.session):
        if column is not None and column not in results.columns:
            there = ", ".join(results.columns) or "none: give a table with --metadata"
            raise ArgumentError(f"no column {column!r} in the metadata; there are {there}", "person")
    places, left_out = _places(results, options)
    if not places:
        raise InputError(f"{results.folder}: no video can be used ({'; '.join(left_out[:3])})")
    out.mkdir(parents=True, exist_ok=True)
    with progress.task("videos", len(places), "videos") as task:
        for video, stem in places.items():
            task.advance()
            try:
                _write_video(results.video(video), out / stem)
            except InputError as error:
                progress.fail(str(error))
    _write_participants(results, places, out, options)
    generated = {"Name": "facs", "Version": facs_pipeline.__version__}
    _json(out / "dataset_description.json", {
        "Name": options.name, "BIDSVersion": VERSION, "DatasetType": "raw", "GeneratedBy": [generated],
        "HowToAcknowledge": "See facs methods.",
    })  # fmt: skip
    _text(out / "README", _README.format(name=options.name, version=facs_pipeline.__version__))
    return left_out


def _places(results: StudyResults, options: BidsOptions) -> tuple[dict[str, str], list[str]]:
    """Video -> path of its files without their endings; and videos that are left out."""
    of_label: dict[str, str] = {}
    recordings: dict[tuple[str, str], list[str]] = defaultdict(list)
    left_out = []
    for video in results.videos:
        about = results.metadata.get(video.name, {})
        person = about.get(options.person, "")
        if video.table is None or not person:
            reason = f"no {options.person}" if video.table is not None else str(video.facts.get("status") or "no table")
            left_out.append(f"{video.name}: {reason}")
            continue
        label = _label(person)
        if not label or of_label.setdefault(label, person) != person:
            raise InputError(
                f"{options.person} {person!r}: BIDS takes letters and digits only, and sub-{label} is "
                f"{'empty' if not label else f'already {of_label[label]!r}'}; rename it in the metadata"
            )
        session = _label(about.get(options.session, "")) if options.session else ""
        folder = f"sub-{label}/" + (f"ses-{session}/" if session else "") + "beh"
        task = _label(about[options.task] if about.get(options.task) else options.task)
        entities = [f"sub-{label}", *([f"ses-{session}"] if session else []), f"task-{task or 'video'}"]
        recordings[folder, "_".join(entities)].append(video.name)
    places = {}
    for (folder, stem), videos in recordings.items():
        for number, video_name in enumerate(videos, start=1):
            run = f"_run-{number:02d}" if len(videos) > 1 else ""
            places[video_name] = f"{folder}/{stem}{run}"
    return places, left_out


def _label(text: str) -> str:
    return re.sub("[^A-Za-z0-9]", "", text)


def _write_video(video: StudyVideo, stem: Path) -> None:
    table = read_number_table(video.its_table(), lambda name: name == "face_id" or bool(_CURVE.fullmatch(name)))
    if "timestamp" not in table or not len(table):
        raise InputError(f"{video.its_table()}: no time stamps; expected a table that facs extract-features wrote")
    if "face_id" in table:
        counts = table["face_id"].value_counts()
        table = table[(table["face_id"] == counts.index[0]) | table["face_id"].isna()] if len(counts) else table
        table = table.drop(columns="face_id")
    times = table["timestamp"].to_numpy(float) - video.start_s
    rate = 1 / float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    # BIDS takes even rates only: each moment has the nearest frame, and the column timestamp says which one.
    since = times - times[0]
    grid = np.arange(round(since[-1] * rate) + 1) / rate
    rows = table.iloc[np.searchsorted((since[1:] + since[:-1]) / 2, grid)]
    stem.parent.mkdir(parents=True, exist_ok=True)
    recording = f"{stem.name}_recording-facs_physio"
    text = rows.to_csv(sep="\t", header=False, index=False, na_rep=_MISSING, lineterminator="\n")
    # Without a time of its making: the same results give the same bytes.
    with (
        atomic_write(stem.with_name(f"{recording}.tsv.gz"), "wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as zipped,
    ):
        zipped.write(text.encode())
    about: dict[str, Any] = {
        "SamplingFrequency": round(rate, 6), "StartTime": round(float(times[0]), 6), "Columns": list(rows.columns),
    }  # fmt: skip
    about |= {str(name): _column(str(name)) for name in rows.columns}
    _json(stem.with_name(f"{recording}.json"), about)
    events = _events(video)
    _text(stem.with_name(f"{stem.name}_events.tsv"), _tsv(events))
    _json(stem.with_name(f"{stem.name}_events.json"), _EVENTS)


def _column(name: str) -> dict[str, str]:
    [column] = find_columns(name, ACTION_UNITS.columns)[:1]
    return {"Description": column.meaning, "Units": column.unit or "arbitrary"}


def _events(video: StudyVideo) -> pd.DataFrame:
    faces = find_table_events([video.its_table()]).faces
    face = max(faces, key=lambda one: int(one.series.success.sum()))
    rows = [
        {
            "onset": event.onset_s - video.start_s, "duration": event.offset_s - event.onset_s,
            "trial_type": f"AU{au:02d}",
            "apex": event.apex_s - video.start_s, "intensity": event.apex_intensity,
            "intensity_letter": letter(event.apex_intensity),
        }
        for au, event in face.events
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=list(_EVENTS))
    return table.sort_values(["onset", "trial_type"], kind="stable").round(4)


def _write_participants(results: StudyResults, places: Mapping[str, str], out: Path, options: BidsOptions) -> None:
    """A row for each person, with the columns of the metadata in which all of the person's videos agree."""
    of_person: dict[str, list[dict[str, str]]] = defaultdict(list)
    for video, stem in places.items():
        of_person[stem.split("/", 1)[0]].append(results.metadata[video])
    names = [name for name in results.columns if name not in (options.person, options.task, options.session)]
    steady = [name for name in names if all(len({row[name] for row in rows}) == 1 for rows in of_person.values())]
    table = pd.DataFrame([
        {"participant_id": person, options.person: rows[0][options.person], **{name: rows[0][name] for name in steady}}
        for person, rows in sorted(of_person.items())
    ])  # fmt: skip
    _text(out / "participants.tsv", _tsv(table.replace("", _MISSING)))
    about = {str(name): {"Description": f"As in the metadata of the videos: {name}."} for name in table.columns[1:]}
    _json(out / "participants.json", about)


def _tsv(table: pd.DataFrame) -> str:
    buffer = io.StringIO()
    table.to_csv(buffer, sep="\t", index=False, na_rep=_MISSING, lineterminator="\n")
    return buffer.getvalue()


def _text(path: Path, text: str) -> None:
    with atomic_write(path, "w") as file:
        file.write(text)


def _json(path: Path, content: Mapping[str, object] | Sequence[object]) -> None:
    _text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")

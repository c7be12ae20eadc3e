"""What is known of a clip beside the face's movement: how it was recorded, cut and posed for, and who judged it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from facs_pipeline.authenticity.pairs import VideoFinder
from facs_pipeline.dynamics.evidence import Kind, kind_of_evidence
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.tabular import read_number_table, read_text_table
from facs_pipeline.tables.descriptor_table import DescriptorTable

_OUTER_EYE_CORNERS = (36, 45)
_POSE = ("pose_Rx", "pose_Ry", "pose_Rz")
_POINTS = tuple(f"{axis}_{number}" for axis in "xy" for number in (*_OUTER_EYE_CORNERS, 30))
# Columns of videos.csv -> the fact they belong to.
_OF_VIDEOS = {
    "duration_s": "duration",
    "frames": "number of frames",
    "fps": "frame rate",
    "width": "resolution",
    "height": "resolution",
    "width_px": "resolution",
    "height_px": "resolution",
    "brightness": "brightness",
    "blur": "blur",
}
_OF_KINDS: dict[Kind, str] = {
    "head": "head pose and movement",
    "clip": "when in the clip things happen",
    "recording": "recording, by descriptors",
}
_RATERS = ("raters_type_right_pct", "raters_right_pct")


@dataclass(frozen=True)
class RecordingFact:
    """Something that no ranker of faces should need.

    Attributes
    ----------
    name : str
        Such as ``"face size"``.
    values : ndarray of float
        `[n, k]` of n videos; NaN where unknown.
    """

    name: str
    values: np.ndarray


@dataclass(frozen=True)
class Metadata:
    """Columns of a user's table about the clips.

    Attributes
    ----------
    sex : ndarray of str, or None
        `[n]`, ``""`` where unknown.
    raters_right : ndarray of float, or None
        Share `[n]` of human raters that told felt from posed rightly, 0..1; NaN where unknown.
    """

    sex: np.ndarray | None = None
    raters_right: np.ndarray | None = None


def read_recording_facts(features: Path | None, table: DescriptorTable) -> list[RecordingFact]:
    """Facts of every video of a table, as far as they are known.

    Parameters
    ----------
    features : path or None
        Folder written by ``facs extract-features``: its `videos.csv` and action-unit tables are read.
    table : DescriptorTable
        The n videos. Its own columns that are no evidence of the face are facts, too.

    Returns
    -------
    list of RecordingFact
        Those that are known of most videos and differ between them.
    """
    facts: dict[str, list[np.ndarray]] = {}
    if features is not None:
        for name, values in (*_of_videos_table(features, table), *_of_faces(features, table)):
            facts.setdefault(name, []).append(values)
    for position, column in enumerate(table.columns):
        if fact := _OF_KINDS.get(kind_of_evidence(column)):
            facts.setdefault(fact, []).append(table.values[:, position])
    found = []
    for name, columns in facts.items():
        known = [values for values in columns if np.isfinite(values).mean() > 0.5 and np.nanstd(values) > 0]
        if known:
            found.append(RecordingFact(name, np.column_stack(known)))
    return found


def _of_videos_table(features: Path, table: DescriptorTable) -> Iterator[tuple[str, np.ndarray]]:
    path = features / "videos.csv"
    if not path.is_file():
        return
    frame = read_text_table(path, required=["video"]).drop_duplicates("video").set_index("video")
    frame = frame.reindex(table.videos)
    for column in frame.columns:
        name = next((fact for stem, fact in _OF_VIDEOS.items() if column in (stem, f"mean_{stem}", f"{stem}_mean")), "")
        if name:
            yield name, pd.to_numeric(frame[column], errors="coerce").to_numpy(float)


def _of_faces(features: Path, table: DescriptorTable) -> Iterator[tuple[str, np.ndarray]]:
    """Size and place of the face, and the level of pose, from the action-unit tables."""
    size, place = np.full(len(table), np.nan), np.full((len(table), 2), np.nan)
    pose = np.full((len(table), len(_POSE)), np.nan)
    wanted = {*_POINTS, *_POSE, "success"}
    for i, video in enumerate(table.videos):
        path = features / "action_units" / f"{video}.csv"
        if not os.path.isfile(path):
            continue
        rows = read_number_table(path, wanted.__contains__)
        if "success" in rows:
            rows = rows[rows["success"] == 1]
        if not len(rows):
            continue
        if set(_POINTS) <= set(rows.columns):
            left, right = (rows[[f"x_{number}", f"y_{number}"]].to_numpy(float) for number in _OUTER_EYE_CORNERS)
            size[i] = np.linalg.norm(right - left, axis=1).mean()
            place[i] = rows[["x_30", "y_30"]].to_numpy(float).mean(axis=0)
        if set(_POSE) <= set(rows.columns):
            pose[i] = rows[list(_POSE)].to_numpy(float).mean(axis=0)
    yield "face size", size
    for column in place.T:
        yield "face place", column
    for column in pose.T:
        yield "level of pose", column


def read_metadata(path: Path, table: DescriptorTable) -> Metadata:
    """Sex and raters' judgement of each video.

    Parameters
    ----------
    path : path
        Text table with a column `video`, and any of `sex` and `raters_type_right_pct` (or `raters_right_pct`), the
        percentage of raters that told felt from posed rightly.
    table : DescriptorTable
        The videos; rows about others are passed over.

    Raises
    ------
    InputError
        If the table cannot be read, or a percentage is none.
    """
    frame = read_text_table(path, required=["video"])
    find = VideoFinder(table)
    rows: dict[int, int] = {}
    for position, video in enumerate(frame["video"]):
        try:
            rows.setdefault(find(video, str(path)), position)
        except InputError:
            continue
    sex = None
    if "sex" in frame:
        sex = _spread(frame["sex"].to_numpy(object), rows, np.full(len(table), "", dtype=object))
    raters = None
    for column in _RATERS:
        if column in frame and raters is None:
            numbers = pd.to_numeric(frame[column], errors="coerce").to_numpy(float)
            if ((numbers < 0) | (numbers > 100)).any():
                first = int(np.argmax((numbers < 0) | (numbers > 100)))
                raise InputError(f"{path}: column {column!r}: {frame[column].iloc[first]!r}; expected 0 to 100 percent")
            raters = _spread(numbers / 100, rows, np.full(len(table), np.nan))
    return Metadata(sex, raters)


def _spread(cells: np.ndarray, rows: Mapping[int, int], into: np.ndarray) -> np.ndarray:
    for video, row in rows.items():
        into[video] = cells[row]
    return into

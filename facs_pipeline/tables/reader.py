"""Action-unit tables that exist already: ours, OpenFace's, LibreFace's and py-feat's, read into one form.

What each of them writes stands in `facs_pipeline.tables.au_formats`. Messages name file, column and row; rows are
counted as spreadsheets do, the header being row 1.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from facs_pipeline.dynamics.descriptors import default_aus
from facs_pipeline.features.confidence import UPPER_AUS
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.tabular import column_names, read_number_table, table_stem
from facs_pipeline.landmarks.places import default_places, places_of
from facs_pipeline.tables.au_formats import AUFormat, recognise
from facs_pipeline.tables.time_base import PER_SECOND, Clock, TimeUnit, time_base

_NUMBERS = ("frame", "timestamp", "confidence", "success")
_HALVES = ("confidence_upper", "confidence_lower")
_TEXTS = ("video", "face_id")
_LANDMARKS = tuple(f"{axis}_{number}" for axis in "xy" for number in range(68))
LARGEST_INTENSITY = 1e6
"""Larger intensities are no intensities; their squares and sums would overflow."""


@dataclass(frozen=True)
class AUSeries:
    """The intensities of one face in one video.

    Attributes
    ----------
    source : Path
        File the series comes from.
    origin : str
        ``"facs"``, ``"OpenFace"``, ``"LibreFace"`` or ``"py-feat"``.
    video : str
        Name of the video as the table gives it, else the table's stem.
    face_id : str
        The face's id as the table gives it; ``"0"`` where tables know no ids.
    times_s : ndarray of float64
        Times [n] of the video's frames in seconds, never falling, never NaN; two frames may have the same time.
    intensities : ndarray of float64
        [n, k]; rows of NaN where this face was not found, and NaN where a half of it could not be trusted. 0..5,
        py-feat's 0..1.
    aus : tuple of int
        Numbers [k] of the columns' action units, increasing.
    success : ndarray of bool
        Whether the face was found [n].
    frames : ndarray of int
        Number [n] of each frame as the table counts them, else from 1.
    sides : dict of int to ndarray of float64
        Action unit -> intensities [n, 2] of the person's left and right, where the table has them; NaN without face.
    points : ndarray of float64 or None
        Landmarks [n, 68, 2] in pixels, NaN without the face; None where they were not asked for or are not there.
    confidence : ndarray of float64 or None
        How sure the table is of the face [n], 0..1, NaN without it; None where it does not say.
    """

    source: Path
    origin: str
    video: str
    face_id: str
    times_s: np.ndarray
    intensities: np.ndarray
    aus: tuple[int, ...]
    success: np.ndarray
    frames: np.ndarray
    sides: Mapping[int, np.ndarray] = field(default_factory=dict)
    points: np.ndarray | None = None
    confidence: np.ndarray | None = None


def read_aus(path: str | os.PathLike) -> tuple[int, ...]:
    """Action units a table has intensities of, increasing; reads the names of its columns only.

    Raises
    ------
    InputError
        If the file cannot be read or is no table of action units.
    """
    _form, columns = recognise(Path(path), column_names(path))
    return tuple(columns)


def read_au_table(
    path: str | os.PathLike,
    *,
    fps: float | None = None,
    min_confidence: float = 0.0,
    time_unit: TimeUnit | None = None,
    landmarks: bool = False,
) -> list[AUSeries]:
    """Read one table of action units; whose it is shows in its columns.

    Parameters
    ----------
    path : str or PathLike
        Text table with any separator, gzipped or not, parquet or xlsx.
    fps : float, optional
        Frames per second, for tables without time stamps; a table's own time stamps come first.
    min_confidence : float
        0..1; a face of which the table is less sure counts as absent. Tables without such a column lose none.
    time_unit : {"s", "ms", "us", "min"}, optional
        What time stamps count. By default it is the program's unit, if cameras have such a frame rate.
    landmarks : bool
        Also read the 68 landmarks, where the table has them.

    Returns
    -------
    list of AUSeries
        One per video and face, in the order in which they first appear. A video without a face has one series, of
        NaN, with an empty `face_id`.

    Raises
    ------
    InputError
        If the file cannot be read or is no such table; if a number, a time or a face id is missing, repeated, out of
        order or none that a recording has; if there are no time stamps and `fps` is not given.

    Examples
    --------
    >>> [face] = read_au_table("openface/anna.csv")  # doctest: +SKIP
    >>> face.aus, face.intensities.shape  # doctest: +SKIP
    ((1, 2, 4, 5, 6), (250, 5))
    """
    path = Path(path)
    if fps is not None and not (np.isfinite(fps) and fps > 0):
        raise InputError(f"frames per second must be above 0, got {fps:g}")
    form, columns = recognise(path, column_names(path))
    table = _in_our_columns(path, form, columns, _LANDMARKS if landmarks else ())
    if table.empty:
        raise InputError(f"{path}: no rows below the column names; expected one row a frame")
    has_face = _has_face(path, table, columns)
    if min_confidence > 0 and "confidence" in table:
        has_face &= table["confidence"] >= min_confidence
    per_second = form.per_second if time_unit is None else PER_SECOND[time_unit]
    clock = Clock(fps, per_second, believed=time_unit is not None or form.origin == "facs")
    return list(_series(_Source(path, form, columns), table, has_face, clock))


def _in_our_columns(
    path: Path, form: AUFormat, columns: Mapping[int, str], landmarks: Sequence[str] = ()
) -> pd.DataFrame:
    """What is needed of the table: intensities, and the other columns under our names."""
    ours = {**dict.fromkeys((*_NUMBERS, *_HALVES, *_TEXTS)), **form.renamed}
    wanted = {*ours, *columns.values(), *(name for au in columns for name in _side_names(au)), *landmarks}
    text = [name for name in ours if form.renamed.get(name, name) in _TEXTS]
    table = read_number_table(path, wanted.__contains__, text=text)
    # A renamed column comes before one that happens to bear our name.
    taken = {our for theirs, our in form.renamed.items() if theirs in table}
    return table.drop(columns=[name for name in table.columns if name in taken]).rename(columns=form.renamed)


def _has_face(path: Path, table: pd.DataFrame, columns: Mapping[int, str]) -> pd.Series[bool]:
    """Rows that show a face; all their intensities must be there, unless the table says how sure each half is."""
    missing = table[list(columns.values())].isna()
    if "success" not in table:
        has_face, why = ~missing.all(axis=1), "although other action units are there"
    else:
        wrong = _first(~table["success"].isin([0, 1]))
        if wrong is not None:
            raise InputError(f"{path}: row {wrong}, column success: {table['success'].loc[wrong]:g}, expected 0 or 1")
        has_face, why = table["success"] == 1, "although success is 1"
    row = _first(_incomplete(missing, table, columns) & has_face)
    if row is not None:
        raise InputError(f"{path}: row {row}, column {missing.loc[row].idxmax()}: empty {why}; is the file cut short?")
    huge = table[list(columns.values())].abs() > LARGEST_INTENSITY
    row = _first(huge.any(axis=1) & has_face)
    if row is not None:
        name = str(huge.loc[row].idxmax())
        raise InputError(f"{path}: row {row}, column {name}: {table[name].loc[row]:g} is no intensity; expected 0 to 5")
    return has_face


def _incomplete(missing: pd.DataFrame, table: pd.DataFrame, columns: Mapping[int, str]) -> pd.Series[bool]:
    """Rows in which an intensity is missing, unless the half of the face in which it is was not trusted."""
    if not set(_HALVES) <= set(table):
        return missing.any(axis=1)
    halves = [[name for au, name in columns.items() if (au in UPPER_AUS) is upper] for upper in (True, False)]
    # A half that is not trusted is empty as a whole.
    return pd.concat([missing[half].any(axis=1) & ~missing[half].all(axis=1) for half in halves], axis=1).any(axis=1)


def _first(rows: pd.Series[bool]) -> int | None:
    """Number of the first row that is true."""
    places = np.flatnonzero(rows.to_numpy(bool))
    return int(rows.index[places[0]]) if len(places) else None


@dataclass(frozen=True)
class _Source:
    path: Path
    form: AUFormat
    columns: Mapping[int, str]


def _series(source: _Source, table: pd.DataFrame, has_face: pd.Series[bool], clock: Clock) -> Iterator[AUSeries]:
    path, columns = source.path, list(source.columns.values())
    video_of = _videos(source, table)
    # Beside empty cells whole numbers become floats: 0.0 is face 0.
    faces = _text(table, "face_id").str.removesuffix(".0")
    if not faces[has_face].any():
        faces = faces.where(~has_face, "0")
    unnamed = _first(has_face & (faces == ""))
    if unnamed is not None:
        raise InputError(f"{path}: row {unnamed}: a face without an id beside faces that have one")
    for video in pd.unique(video_of):
        rows, here = table[video_of == video], has_face[video_of == video]
        instants, times, frames = time_base(path, rows, faces[rows.index], clock)
        for face in pd.unique(faces[rows.index][here]) if here.any() else [""]:
            mine = here & (faces[rows.index] == face)
            twice = _first(instants[mine].duplicated())
            if twice is not None:
                raise InputError(
                    f"{path}: row {twice}: a second face {face!r} in the same frame of {video!r}; "
                    "faces without ids cannot be told apart, keep one face a table or give it a face_id column"
                )
            intensities = np.full((len(times), len(columns)), np.nan)
            intensities[instants[mine]] = rows.loc[mine, columns]
            success = np.zeros(len(times), dtype=bool)
            success[instants[mine]] = True
            sides = {}
            for au in source.columns:
                if set(_side_names(au)) <= set(table.columns):
                    sides[au] = np.full((len(times), 2), np.nan)
                    sides[au][instants[mine]] = rows.loc[mine, list(_side_names(au))]
            points = None
            if set(_LANDMARKS) <= set(rows.columns):
                points = np.full((len(times), 68, 2), np.nan)
                points[instants[mine]] = table_points(rows.loc[mine])
            confidence = None
            if "confidence" in rows:
                confidence = np.full(len(times), np.nan)
                confidence[instants[mine]] = rows.loc[mine, "confidence"]
            aus = tuple(source.columns)
            yield AUSeries(
                path, source.form.origin, video, face, times, intensities, aus, success, frames, sides, points,
                confidence,
            )  # fmt: skip


def _side_names(au: int) -> tuple[str, str]:
    """Columns of an action unit's left and right."""
    return f"AU{au:02d}L_r", f"AU{au:02d}R_r"


def _videos(source: _Source, table: pd.DataFrame) -> pd.Series[str]:
    """Name of each row's video; where the table gives none, it is named as the table."""
    names = _text(table, "video")
    if source.form.origin == "facs":
        row = _first(names == "")
        if row is not None:
            raise InputError(f"{source.path}: row {row}, column video: empty")
    stem = table_stem(source.path)
    video_of = {name: source.form.video_of(name) or stem for name in pd.unique(names)}
    return names.map(video_of)


def _text(table: pd.DataFrame, name: str) -> pd.Series[str]:
    if name not in table:
        return pd.Series("", index=table.index, dtype=object)
    return table[name].astype(object).map(lambda cell: "" if pd.isna(cell) else str(cell).strip())


def choose_aus(tables: dict[str, tuple[int, ...]], wanted: str | Sequence[int] = "default") -> tuple[int, ...]:
    """Which action units to describe, the same for all tables.

    Parameters
    ----------
    tables : dict of str to tuple of int
        Name of each table -> its action units.
    wanted : str or sequence of int
        ``"default"``: the published seven where the tables have them, else the embedded model's seven, else all;
        ``"all"``: all that the tables have; or the numbers.

    Returns
    -------
    tuple of int
        For numbers, these, whatever the tables have.

    Raises
    ------
    InputError
        If they are not named and the tables differ. The message names what these share.

    Examples
    --------
    >>> choose_aus({"a.csv": (1, 2, 4, 6, 7, 9, 10, 12, 25)})
    (1, 2, 4, 6, 9, 12, 25)
    """
    if not isinstance(wanted, str):
        return tuple(wanted)
    sets = {frozenset(aus): name for name, aus in reversed(tables.items())}
    shared = sorted(frozenset.intersection(*sets))
    numbers = ",".join(map(str, shared))
    if len(sets) > 1:
        (one, first), (other, second) = list(sets.items())[:2]
        only = ", ".join(f"AU{au:02d}" for au in sorted(one ^ other))
        advice = (
            f"All tables have AU {numbers}: choose with --aus {numbers}"
            if shared
            else "They share none; describe them apart"
        )
        raise InputError(f"{first} and {second} have different action units ({only} in one only). {advice}")
    return default_aus(shared) if wanted == "default" else tuple(shared)


def table_points(table: pd.DataFrame, landmark_model: str | None = None) -> np.ndarray:
    """The landmark model's points of an action-unit table's rows, by which their faces were registered.

    Parameters
    ----------
    table : DataFrame
        With columns ``x_<i>`` and ``y_<i>``, which hold iBUG's places.
    landmark_model : str, optional
        Hash of the model that found them; by default the package's.

    Returns
    -------
    ndarray of float64
        [n, 68, 2], pixels; NaN without a face.
    """
    points = table[list(_LANDMARKS)].to_numpy(float).reshape(-1, 2, 68).transpose(0, 2, 1)
    places = default_places() if landmark_model is None else places_of(landmark_model)
    return points if places is None else places.model(points)

"""Action-unit tables that exist already: ours, OpenFace's and py-feat's, read into one form.

What each writes, and what becomes of it:

- ours: ``video, frame, face_id, timestamp, confidence, success, ..., AU01_r ...`` (CSV or parquet);
- OpenFace 2: the same without ``video``, often with a space before each name. Rows with ``success`` 0 carry
  intensities all the same; they are left out. Its ``AU01_c`` (present or not) are not intensities and not read.
- py-feat: ``AU01 ...`` between 0 and 1, ``frame`` from 0, ``input`` (the video), in newer versions ``Identity``; no
  time stamps (``approx_time`` counts whole seconds), so the frame rate must be told. Rows without a face are empty.

Messages name file, column and row; rows are counted as spreadsheets do, the header being row 1.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from facs_pipeline.dynamics.descriptors import default_aus
from facs_pipeline.foundation.errors import InputError

TABLE_SUFFIXES = (".csv", ".parquet")

_INTENSITY = re.compile(r"AU(\d{1,2})_r")
_BARE_AU = re.compile(r"AU(\d{1,2})")
_IMAGE = re.compile(r"\.(jpe?g|png|bmp|tiff?|webp)$", re.IGNORECASE)
_OTHER_COLUMNS = ("video", "frame", "face_id", "timestamp", "confidence", "success", "input", "Identity")
_TEXT_COLUMNS = ("video", "face_id", "input", "Identity")


@dataclass(frozen=True)
class AUSeries:
    """The intensities of one face in one video.

    Attributes
    ----------
    source : file the series comes from.
    origin : ``"facs"``, ``"OpenFace"`` or ``"py-feat"``.
    video : name of the video as the table gives it, else the table's stem.
    face_id : the face's id as the table gives it; ``"0"`` where tables know no ids.
    times_s : [n] times of the video's frames in seconds, increasing, never NaN.
    intensities : [n, k] float64; rows of NaN where this face was not found. 0..5, py-feat's 0..1.
    aus : [k] action-unit numbers of the columns, increasing.
    success : [n] whether the face was found.
    frames : [n] number of each frame as the table counts them, else from 1.
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


def read_aus(path: str | os.PathLike) -> tuple[int, ...]:
    """Action units a table has intensities of, increasing; reads the names of its columns only.

    Raises
    ------
    InputError
        If the file cannot be read or is no table of action units.
    """
    path = Path(path)
    return tuple(_au_columns(path, list(_read(path, names_only=True).columns))[0])


def read_au_table(path: str | os.PathLike, *, fps: float | None = None, min_confidence: float = 0.0) -> list[AUSeries]:
    """Read one table of action units; the kind is recognised by its columns.

    Parameters
    ----------
    path : CSV or parquet file.
    fps : frames per second, for tables without time stamps; a table's own time stamps come first.
    min_confidence : 0..1; a face of which the table says less counts as not found. Tables without such a column
        keep all.

    Returns
    -------
    list of AUSeries
        One per video and face, in the order in which they first appear. A video without a face has one series, of
        NaN, with an empty `face_id`.

    Raises
    ------
    InputError
        If the file cannot be read or is no such table; if a number, a time or a face id is missing, repeated or out
        of order; if there are no time stamps and `fps` is not given.

    Example
    -------
    >>> [face] = read_au_table("openface/anna.csv")  # doctest: +SKIP
    >>> face.aus, face.intensities.shape  # doctest: +SKIP
    ((1, 2, 4, 5, 6), (250, 5))
    """
    path = Path(path)
    if fps is not None and not (np.isfinite(fps) and fps > 0):
        raise InputError(f"frames per second must be above 0, got {fps:g}")
    frame = _read(path)
    frame.index = np.arange(2, len(frame) + 2)
    columns, origin = _au_columns(path, list(frame.columns))
    if frame.empty:
        raise InputError(f"{path}: no rows below the column names; expected one row a frame")
    for name in frame.columns.difference(_TEXT_COLUMNS):
        frame[name] = _numbers(path, frame[name])
    frame["_seen"] = _seen(path, frame, list(columns.values()))
    if min_confidence > 0 and "confidence" in frame:
        frame["_seen"] &= frame["confidence"] >= min_confidence
    return list(_series(path, origin, frame, columns, fps))


def _read(path: Path, *, names_only: bool = False) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        if path.suffix.lower() == ".parquet":
            names = [name for name in pq.read_schema(path).names if _is_wanted(name)]
            frame = pd.DataFrame(columns=names) if names_only else pd.read_parquet(path, columns=names)
        else:
            if not names_only:
                _check_shape(path)
            frame = pd.read_csv(
                path,
                encoding="utf-8-sig",
                skipinitialspace=True,
                low_memory=False,
                nrows=0 if names_only else None,
                usecols=lambda name: _is_wanted(str(name).strip()),
                dtype=dict.fromkeys(_TEXT_COLUMNS, str),
            )
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except pd.errors.EmptyDataError:
        raise InputError(f"{path}: empty, or without a column of an action-unit table") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}); is it a CSV file?") from None
    except (pd.errors.ParserError, ValueError) as error:
        raise InputError(f"{path}: not a readable table ({str(error).strip()})") from None
    frame.columns = [str(name).strip() for name in frame.columns]
    return frame


def _check_shape(path: Path) -> None:
    """Every row has as many cells as the header; pandas would shift or drop cells where only some columns are read."""
    with open(path, "rb") as lines:
        names = [name.strip() for name in lines.readline().split(b",")]
        twice = next((name for name in names if name and names.count(name) > 1), None)
        if twice:
            raise InputError(f"{path}: row 1 has the column {twice.decode(errors='replace')} more than once; keep one")
        for row, line in enumerate(lines, start=2):
            cells = line.count(b",") + 1
            # Commas inside quotes are text, and such a row is left to pandas.
            if cells != len(names) and line.strip() and b'"' not in line:
                raise InputError(f"{path}: row {row} has {cells} cells, row 1 has {len(names)}; is the file cut short?")


def _is_wanted(name: str) -> bool:
    return bool(name in _OTHER_COLUMNS or _INTENSITY.fullmatch(name) or _BARE_AU.fullmatch(name))


def _au_columns(path: Path, names: list[str]) -> tuple[dict[int, str], str]:
    """AU number -> column, and whose table it is."""
    for pattern, origin in ((_INTENSITY, "facs" if "video" in names else "OpenFace"), (_BARE_AU, "py-feat")):
        numbered = sorted((int(match[1]), name) for name in names if (match := pattern.fullmatch(name)))
        aus = [au for au, _name in numbered]
        twice = {au for au in aus if aus.count(au) > 1}
        if twice:
            raise InputError(f"{path}: more than one column for AU{min(twice):02d}; keep one")
        if numbered:
            return dict(numbered), origin
    raise InputError(
        f"{path}: no column of intensities; expected AU01_r, AU02_r ... (facs, OpenFace) or AU01, AU02 ... (py-feat), "
        f"separated by commas. OpenFace writes them with -aus."
    )


def _numbers(path: Path, column: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    given = column.notna()
    if not pd.api.types.is_numeric_dtype(column):
        given &= column.astype(str).str.strip() != ""
    wrong = given & ~np.isfinite(numbers)
    if wrong.any():
        row = wrong.idxmax()
        raise InputError(f"{path}: row {row}, column {column.name}: {str(column[row])!r} is not a number")
    return numbers.astype(np.float64)


def _seen(path: Path, frame: pd.DataFrame, columns: list[str]) -> pd.Series:
    """Rows that show a face; all their intensities must be there."""
    missing = frame[columns].isna()
    if "success" in frame and not frame["success"].isin([0, 1]).all():
        row = (~frame["success"].isin([0, 1])).idxmax()
        raise InputError(f"{path}: row {row}, column success: {frame.loc[row, 'success']:g}, expected 0 or 1")
    seen = frame["success"] == 1 if "success" in frame else ~missing.all(axis=1)
    broken = missing.any(axis=1) & seen
    if broken.any():
        row = broken.idxmax()
        why = "although success is 1" if "success" in frame else "although other action units are there"
        raise InputError(f"{path}: row {row}, column {missing.loc[row].idxmax()}: empty {why}; is the file cut short?")
    return seen


def _series(
    path: Path, origin: str, frame: pd.DataFrame, columns: dict[int, str], fps: float | None
) -> Iterator[AUSeries]:
    video_of = _videos(path, frame)
    # Beside empty cells whole numbers become floats: 0.0 is face 0.
    faces = _text(frame, "face_id" if "face_id" in frame else "Identity").str.removesuffix(".0")
    if not faces[frame["_seen"]].any():
        faces = faces.where(~frame["_seen"], "0")
    unnamed = frame["_seen"] & (faces == "")
    if unnamed.any():
        raise InputError(f"{path}: row {unnamed.idxmax()}: a face without an id beside faces that have one")
    for video in pd.unique(video_of):
        rows = frame[video_of == video]
        instants, times = _time_base(path, rows, fps)
        counted = "frame" in rows and rows["frame"].notna().all()
        frames = rows["frame"].groupby(instants).first().to_numpy(int) if counted else np.arange(len(times)) + 1
        for face in pd.unique(faces[rows.index][rows["_seen"]]) if rows["_seen"].any() else [""]:
            mine = rows["_seen"] & (faces[rows.index] == face)
            twice = instants[mine].duplicated()
            if twice.any():
                row = twice.idxmax()
                raise InputError(
                    f"{path}: row {row}: a second face {face!r} in the same frame of {video!r}; "
                    "faces without ids cannot be told apart, keep one face a table or give it a face_id column"
                )
            intensities = np.full((len(times), len(columns)), np.nan)
            intensities[instants[mine]] = rows.loc[mine, list(columns.values())]
            success = np.zeros(len(times), dtype=bool)
            success[instants[mine]] = True
            yield AUSeries(path, origin, video, face, times, intensities, tuple(columns), success, frames)


def _videos(path: Path, frame: pd.DataFrame) -> pd.Series:
    """Name of each row's video; a series of images is one video, named as the table."""
    if "video" in frame:
        names = _text(frame, "video")
        if (names == "").any():
            raise InputError(f"{path}: row {(names == '').idxmax()}, column video: empty")
        return names
    inputs = _text(frame, "input")
    # Windows' rules know both kinds of slashes; the table may come from another system.
    stems = {name: PureWindowsPath(name).stem for name in pd.unique(inputs) if name and not _IMAGE.search(name)}
    return inputs.map(lambda name: stems.get(name, path.stem))


def _time_base(path: Path, rows: pd.DataFrame, fps: float | None) -> tuple[pd.Series, np.ndarray]:
    """Which of the video's instants each row belongs to, and the instants' times in seconds.

    Faces share the frames of their video, so a frame that shows only another face counts as one without this face.
    """
    stamps = rows["timestamp"] if "timestamp" in rows else pd.Series(dtype=np.float64)
    # For images OpenFace writes 0 in every row.
    stamped = stamps.notna().any() and (len(rows) == 1 or stamps.nunique() > 1 or stamps.isna().any())
    if not stamped and fps is None:
        what = "all time stamps are the same" if stamps.notna().any() else "no time stamps (column timestamp)"
        raise InputError(f"{path}: {what}; say how many frames a second the video has, e.g. --fps 30")
    if stamped:
        times = stamps
    elif "frame" in rows:
        times = rows["frame"] / fps
    else:
        times = pd.Series(np.arange(len(rows)) / fps, index=rows.index)
    column = "timestamp" if stamped else "frame"
    if times.isna().any():
        raise InputError(f"{path}: row {times.isna().idxmax()}, column {column}: empty")
    if not times.is_monotonic_increasing:
        row = times.index[1:][np.diff(times) < 0][0]
        before, here = rows[column].iloc[times.index.get_loc(row) - 1], rows.loc[row, column]
        raise InputError(f"{path}: row {row}, column {column}: {here:g} comes after {before:g}; sort the rows by frame")
    instants, values = pd.factorize(times)
    return pd.Series(instants, index=rows.index), np.asarray(values, dtype=np.float64)


def _text(frame: pd.DataFrame, name: str) -> pd.Series:
    if name not in frame:
        return pd.Series("", index=frame.index, dtype=object)
    return frame[name].astype(object).map(lambda cell: "" if pd.isna(cell) else str(cell).strip())


def choose_aus(tables: dict[str, tuple[int, ...]], wanted: str | Sequence[int] = "default") -> tuple[int, ...]:
    """Which action units to describe, the same for all tables.

    Parameters
    ----------
    tables : name of each table -> its action units.
    wanted : ``"default"``: the published seven where the tables have them, else the embedded model's seven,
        else all; ``"all"``: all that the tables have; or the numbers.

    Returns
    -------
    tuple of int
        For numbers, these, whatever the tables have.

    Raises
    ------
    InputError
        If nobody said which and the tables differ. The message says what they share.

    Examples
    --------
    >>> choose_aus({"a.csv": (1, 2, 4, 6, 7, 9, 10, 12, 25)})
    (1, 2, 4, 6, 9, 12, 25)
    """
    if not isinstance(wanted, str):
        return tuple(wanted)
    sets = {frozenset(aus): name for name, aus in reversed(tables.items())}
    shared = sorted(frozenset.intersection(*sets))
    said = ",".join(map(str, shared))
    if len(sets) > 1:
        (one, first), (other, second) = list(sets.items())[:2]
        only = ", ".join(f"AU{au:02d}" for au in sorted(one ^ other))
        advice = (
            f"All tables have AU {said}: choose with --aus {said}" if shared else "They share none; describe them apart"
        )
        raise InputError(f"{first} and {second} have different action units ({only} in one only). {advice}")
    return default_aus(shared) if wanted == "default" else tuple(shared)


def table_points(table: pd.DataFrame) -> np.ndarray:
    """Landmarks [n, 68, 2] of an action-unit table's rows."""
    names = [f"{axis}_{number}" for axis in "xy" for number in range(68)]
    return table[names].to_numpy(float).reshape(-1, 2, 68).transpose(0, 2, 1)

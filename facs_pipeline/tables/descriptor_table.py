"""A table of videos described by numbers, ours or anybody's: read, checked, ready for ranking.

A descriptor table has one row per video: `video`, optionally `face_id`, `subject`, `emotion`, `label`, and any
numeric columns. `facs extract-features` writes one (`descriptors.csv`); other features go the same way.
Errors name the row as a spreadsheet shows it: the header is row 1.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.tables.emotion_names import EMOTIONS, canonical_emotion, canonical_label

META_COLUMNS = ("video", "face_id", "subject", "emotion", "label", "fold")
_BLANK = ("", "nan", "NaN", "NA")
LARGEST = 1e100
"""Squares and sums of larger numbers overflow; where they occur they usually stand for a missing value."""


@dataclass(frozen=True)
class DescriptorTable:
    """Videos with their descriptors; every array has one entry (or row) per video.

    Attributes
    ----------
    source : where it came from, for messages.
    videos, subjects, emotions, labels, folds : [n] text, "" where unknown; labels are "real" or "fake".
    values : [n, d] float64 descriptors; NaN where the file has none.
    columns : [d] names of the descriptors.
    rows : [n] row numbers in the source (the header is row 1).
    ignored : names of text columns that were left out.
    reasons : video -> why it has no values, where that is known.
    """

    source: str
    videos: np.ndarray
    subjects: np.ndarray
    emotions: np.ndarray
    labels: np.ndarray
    folds: np.ndarray
    values: np.ndarray
    columns: tuple[str, ...]
    rows: np.ndarray
    ignored: tuple[str, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.videos)

    def take(self, index) -> DescriptorTable:
        """The table of the videos at `index` (integers or a mask)."""
        per_video = ("videos", "subjects", "emotions", "labels", "folds", "values", "rows")
        return replace(self, **{name: getattr(self, name)[index] for name in per_video})

    @property
    def unusable(self) -> dict[int, str]:
        """Position -> reason, for each video with a missing or infinite value (e.g. too few frames with a face)."""
        bad = ~np.isfinite(self.values)
        reasons = {}
        for i in np.flatnonzero(bad.any(axis=1)):
            first = self.columns[int(np.argmax(bad[i]))]
            more = int(bad[i].sum()) - 1
            cells = f"column {first!r}" + (f" and {more} more columns" if more else "")
            reasons[int(i)] = self.reasons.get(
                str(self.videos[i]), f"{self.source}: row {self.rows[i]}, {cells}: empty or not finite"
            )
        return reasons

    @property
    def constant_aus(self) -> list[str]:
        """Action units (or single columns that belong to none) whose every descriptor is the same in all videos."""
        finite = self.values[np.isfinite(self.values).all(axis=1)]
        if len(finite) < 2:
            return []
        constant = np.ptp(finite, axis=0) == 0
        units: dict[str, list[bool]] = {}
        for name, same in zip(self.columns, constant, strict=True):
            units.setdefault(name.split("_")[0] if name.startswith("AU") else name, []).append(bool(same))
        return [unit for unit, same in units.items() if all(same)]


def read_text_table(path: str | os.PathLike, required: Sequence[str] = ()) -> pd.DataFrame:
    """A table as spreadsheets save it, or parquet: every cell as text, "" for empty ones; the index is the row number.

    Cells may be separated by commas, semicolons or tabs, in UTF-8 or in UTF-16 with its mark (Excel's "Unicode text").

    Raises
    ------
    InputError
        If the file is missing, empty, not UTF-8, ragged, has a column twice, or lacks a required column.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: a folder; expected a table (CSV or parquet)")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    table = _read_parquet(path) if path.suffix.lower() in (".parquet", ".pq") else _read_csv(path)
    missing = [name for name in required if name not in table.columns]
    if missing:
        hint = " The columns must be separated by commas, semicolons or tabs." if len(table.columns) == 1 else ""
        raise InputError(
            f"{path}: row 1 lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; "
            f"found {', '.join(map(repr, list(table.columns)[:12]))}.{hint}"
        )
    return table


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except Exception as error:
        raise InputError(f"{path}: not a readable parquet file ({type(error).__name__}: {error})") from error
    text = (
        table.astype(object)
        .where(table.notna(), "")
        .map(lambda cell: cell if isinstance(cell, str) else repr_number(cell))
    )
    text.index = np.arange(2, len(text) + 2)
    return text


def repr_number(cell) -> str:
    """A number as text that reads back to the same number; whole floats lose their ".0" (a subject 3.0 is 3)."""
    if isinstance(cell, float | np.floating):
        return str(int(cell)) if float(cell).is_integer() and abs(cell) < 2**53 else repr(float(cell))
    return str(cell)


def _read_csv(path: Path) -> pd.DataFrame:
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError as error:
        row = raw[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path}: row {row} is not UTF-8 (byte 0x{raw[error.start]:02x}); save the file as 'CSV UTF-8'"
        ) from None
    try:
        first = text.partition("\n")[0]
        delimiter = max(",;\t", key=first.count)
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV table ({error})") from None
    if not rows or not any(cell.strip() for cell in rows[0]):
        raise InputError(f"{path}: empty; expected a first row with column names")
    header = [cell.strip() for cell in rows[0]]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise InputError(f"{path}: row 1 has the column {twice[0]!r} more than once; keep one")
    numbers, cells = [], []
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            raise InputError(f"{path}: row {number} has {len(row)} cells, the header has {len(header)}")
        numbers.append(number)
        cells.append([cell.strip() for cell in row])
    return pd.DataFrame(cells, columns=header, index=np.array(numbers, dtype=int), dtype=object)


def read_descriptor_table(path: str | os.PathLike, *, more_emotions: Sequence[str] = ()) -> DescriptorTable:
    """Read and check a descriptor table (CSV or parquet).

    Parameters
    ----------
    path : the file; see the module's text for its columns.
    more_emotions : names of emotions beside the usual eight that the table may use.

    Raises
    ------
    InputError
        Naming row and column: a video twice, an unknown emotion or label, text in a numeric column, no numeric
        column at all, a column without a single number.
    """
    table = read_text_table(path, required=["video"])
    return table_from_frame(table, source=str(path), more_emotions=more_emotions)


def table_from_frame(table: pd.DataFrame, *, source: str, more_emotions: Sequence[str] = ()) -> DescriptorTable:
    """A `DescriptorTable` from a frame of text or numbers; the same checks as `read_descriptor_table`."""
    if not len(table):
        raise InputError(f"{source}: no rows; expected one row per video")
    rows = np.asarray(table.index)

    def text(name: str) -> np.ndarray:
        if name not in table.columns:
            return np.full(len(table), "", dtype=object)
        return np.array([cell if isinstance(cell, str) else repr_number(cell) for cell in table[name]], dtype=object)

    videos = text("video")
    faces = text("face_id")
    _check_videos(videos, faces, rows, source)
    emotions = canonical_cells(text("emotion"), rows, source, "emotion", more_emotions)
    labels = canonical_cells(text("label"), rows, source, "label")
    columns, values, ignored = [], [], []
    for name, cells in zip(table.columns, table.to_numpy(object).T, strict=True):
        if name in META_COLUMNS:
            continue
        numbers = _numbers(cells, rows, source, name)
        if numbers is None:
            ignored.append(name)
        else:
            columns.append(name)
            values.append(numbers)
    if not columns:
        raise InputError(f"{source}: no numeric column; expected descriptors such as AU12_speed_max beside 'video'")
    matrix = np.column_stack(values)
    empty = [name for name, column in zip(columns, matrix.T, strict=True) if not np.isfinite(column).any()]
    if empty and len(empty) < len(columns):
        raise InputError(f"{source}: column {empty[0]!r} has no number in any row; remove the column")
    return DescriptorTable(
        source=source,
        videos=videos,
        subjects=text("subject"),
        emotions=emotions,
        labels=labels,
        folds=text("fold"),
        values=matrix,
        columns=tuple(columns),
        rows=rows,
        ignored=tuple(ignored),
    )


def _check_videos(videos: np.ndarray, faces: np.ndarray, rows: np.ndarray, source: str) -> None:
    seen: dict[str, int] = {}
    for i, video in enumerate(videos):
        if not video:
            raise InputError(f"{source}: row {rows[i]}, column 'video' is empty")
        if video in seen:
            first = seen[video]
            what = (
                f"with faces {faces[first]} and {faces[i]}; keep the row of the face that counts"
                if faces[i] != faces[first]
                else "keep one"
            )
            raise InputError(
                f"{source}: row {rows[i]}, column 'video': {video!r} is already in row {rows[first]}; {what}"
            )
        seen[video] = i


def canonical_cells(
    cells: np.ndarray, rows: np.ndarray, source: str, column: str, more: Sequence[str] = ()
) -> np.ndarray:
    """[n] emotions or labels in their one spelling, "" where there is none; InputError naming row and column.

    Parameters
    ----------
    cells : [n] text. rows : [n] row numbers and source : name of the file, for messages.
    column : "emotion" or "label". more : emotions beside the usual eight.
    """
    names = np.full(len(cells), "", dtype=object)
    for i, cell in enumerate(cells):
        if not cell:
            continue
        name = canonical_label(cell) if column == "label" else canonical_emotion(cell, tuple(more))
        if name is None:
            known = "real, fake" if column == "label" else ", ".join(EMOTIONS + tuple(more))
            hint = "" if column == "label" else " Name further emotions with --emotion."
            raise InputError(
                f"{source}: row {rows[i]}, column {column!r}: unknown {column} {cell!r}; known: {known}.{hint}"
            )
        names[i] = name
    return names


def _numbers(cells: np.ndarray, rows: np.ndarray, source: str, name: str) -> np.ndarray | None:
    """The column as float64 (NaN for empty cells), or None for a column of text."""
    # Cell by cell: a table has hundreds of columns and, when a new pair is ranked, two rows.
    found = [_number(cell) for cell in cells]
    wrong = np.array([number is None for number in found])
    filled = sum(not (isinstance(cell, str) and cell.strip() in _BLANK) for cell in cells)
    if wrong.sum() > filled / 2:
        return None
    if wrong.any():
        i = int(np.argmax(wrong))
        raise InputError(f"{source}: row {rows[i]}, column {name!r}: {cells[i]!r} is not a number")
    numbers = np.array(found, dtype=float)
    huge = np.isfinite(numbers) & (np.abs(numbers) > LARGEST)
    if huge.any():
        i = int(np.argmax(huge))
        raise InputError(
            f"{source}: row {rows[i]}, column {name!r}: {numbers[i]:g} is too large to compute with; "
            "leave the cell empty if it stands for a missing value"
        )
    return numbers


def _number(cell) -> float | None:
    """A cell as a number, NaN where it is empty, None where it is anything else."""
    if isinstance(cell, str):
        if cell.strip() in _BLANK:
            return np.nan
        if "_" in cell:  # Python reads 1_000 as a number, spreadsheets do not
            return None
    elif pd.isna(cell):
        return np.nan
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None

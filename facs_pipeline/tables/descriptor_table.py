"""A table of videos described by numbers, ours or anybody's: read, checked, ready for ranking.

A descriptor table has one row per video: `video`, optionally `face_id`, `subject`, `emotion`, `label`, and any
numeric columns. `facs extract-features` writes one (`descriptors.csv`); other features go the same way.
Errors name the row as a spreadsheet shows it: the header is row 1.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from facs_pipeline.foundation.binary_tables import repr_number
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.tabular import read_text_table
from facs_pipeline.tables.emotion_names import EMOTIONS, canonical_emotion, canonical_label
from facs_pipeline.tables.video_schemas import DESCRIPTORS

META_COLUMNS = (*DESCRIPTORS.names, "fold")
_BLANK = ("", "nan", "NaN", "NA")
LARGEST = 1e100
"""Squares and sums of larger numbers overflow; where they occur they usually stand for a missing value."""


@dataclass(frozen=True)
class DescriptorTable:
    """Videos with their descriptors; every array has one entry (or row) per video.

    Attributes
    ----------
    source : str
        Where it came from, for messages.
    videos, subjects, emotions, labels, folds : ndarray of str
        [n]; ``""`` where unknown; labels are ``"real"`` or ``"fake"``.
    values : ndarray of float64
        Descriptors [n, d]; NaN where the file has none.
    columns : tuple of str
        Names [d] of the descriptors.
    rows : ndarray of int
        Row numbers [n] in the source; the header is row 1.
    ignored : tuple of str
        Names of text columns that were left out.
    reasons : dict of str to str
        Video -> why it has no values, where that is known.
    relative_to_person : bool
        Whether values are relative to the mean of the person's clips.
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
    relative_to_person: bool = False

    def __len__(self) -> int:
        return len(self.videos)

    def take(self, index: Sequence[int] | np.ndarray) -> DescriptorTable:
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


def read_descriptor_table(path: str | os.PathLike, *, more_emotions: Sequence[str] = ()) -> DescriptorTable:
    """Read and check a descriptor table.

    Parameters
    ----------
    path : str or PathLike
        Text table or parquet; see the module's text for its columns.
    more_emotions : sequence of str
        Names of emotions beside the usual eight that the table may use.

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
    position: dict[str, int] = {}
    for i, video in enumerate(videos):
        if not video:
            raise InputError(f"{source}: row {rows[i]}, column 'video' is empty")
        if video in position:
            first = position[video]
            advice = (
                f"with faces {faces[first]} and {faces[i]}; keep the row of the face that counts"
                if faces[i] != faces[first]
                else "keep one"
            )
            raise InputError(
                f"{source}: row {rows[i]}, column 'video': {video!r} is already in row {rows[first]}; {advice}"
            )
        position[video] = i


def canonical_cells(
    cells: np.ndarray, rows: np.ndarray, source: str, column: str, more: Sequence[str] = ()
) -> np.ndarray:
    """Emotions or labels in their one spelling.

    Parameters
    ----------
    cells : ndarray of str
        [n], as the table has them.
    rows : ndarray of int
        Their row numbers [n], for messages.
    source : str
        Name of the file, for messages.
    column : {"emotion", "label"}
        Which of the two they are.
    more : sequence of str
        Emotions beside the usual eight.

    Returns
    -------
    ndarray of str
        [n]; ``""`` where there is none.

    Raises
    ------
    InputError
        Naming the row and column of a name that is not known.
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
    parsed = [_number(cell) for cell in cells]
    wrong = np.array([number is None for number in parsed])
    filled = sum(not (isinstance(cell, str) and cell.strip() in _BLANK) for cell in cells)
    if wrong.sum() > filled / 2:
        return None
    if wrong.any():
        i = int(np.argmax(wrong))
        raise InputError(f"{source}: row {rows[i]}, column {name!r}: {cells[i]!r} is not a number")
    numbers = np.array(parsed, dtype=float)
    huge = np.isfinite(numbers) & (np.abs(numbers) > LARGEST)
    if huge.any():
        i = int(np.argmax(huge))
        raise InputError(
            f"{source}: row {rows[i]}, column {name!r}: {numbers[i]:g} is too large to compute with; "
            "leave the cell empty if it stands for a missing value"
        )
    return numbers


def _number(cell: str | float) -> float | None:
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

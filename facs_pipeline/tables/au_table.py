"""The action-unit table of one video, written row by row in OpenFace's column names, as CSV or Parquet."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from facs_pipeline.action_units.sides import both_sides
from facs_pipeline.foundation.files.atomic import atomic_write
from facs_pipeline.foundation.text import as_cell
from facs_pipeline.tables.column import Column
from facs_pipeline.tables.face_schemas import ACTION_UNITS, N_POINTS, face_columns, presence_columns, side_columns

if TYPE_CHECKING:
    import pandas as pd

_N_ABOUT_ROW = 6
"""The first columns say which row it is; those behind them are empty without a face."""
_UNKNOWN = re.compile(r",nan(?=,|$)")
_TIME, _CONFIDENCE = ACTION_UNITS["timestamp"], ACTION_UNITS["confidence"]
_PLACE, _POSE, _POINT, _INTENSITY = (
    ACTION_UNITS["pose_Tx"],
    ACTION_UNITS["pose_Rx"],
    ACTION_UNITS["x_0"],
    ACTION_UNITS["AU01_r"],
)


@dataclass(frozen=True)
class FaceRows:
    """Consecutive rows of a table, one per frame and face; a frame without a face is one row.

    Attributes
    ----------
    frame : ndarray of int
        Numbers [n] from 1.
    face_id : ndarray of int
        Numbers [n], -1 where there is no face.
    time_s : ndarray of float64
        Times [n] in seconds.
    confidence : ndarray of float
        [n], 0..1.
    halves : ndarray of float
        Confidence in the upper and the lower face [m, 2], for the m rows that have a face.
    occluded : sequence of str
        What hides each face [m], likewise.
    pose : ndarray of float
        Place in millimetres, then angles in radians [m, 6], likewise.
    points : ndarray of float
        [m, 68, 2] in pixels, likewise.
    intensities : ndarray of float
        [m, k], 0..5, likewise; NaN where nothing is known.
    extra : sequence of ndarray or of sequence of str
        For each of the table's extra columns its cells [m], likewise.
    """

    frame: np.ndarray
    face_id: np.ndarray
    time_s: np.ndarray
    confidence: np.ndarray
    halves: np.ndarray
    occluded: Sequence[str]
    pose: np.ndarray
    points: np.ndarray
    intensities: np.ndarray
    extra: Sequence[np.ndarray | Sequence[str]] = ()


def au_table_columns(aus: Iterable[int], extra: Iterable[Column] = ()) -> list[str]:
    """Names of the columns, in order; `extra` are those of what else is measured.

    >>> au_table_columns([1, 12])[:6], au_table_columns([1, 12])[-2:]
    (['video', 'frame', 'face_id', 'timestamp', 'confidence', 'success'], ['AU01_r', 'AU12_r'])
    >>> au_table_columns([1], [Column("action_units", "smile", "number", "How wide.", "-", "0 .. 1", "AU12")])[-1]
    'smile'
    """
    return [column.name for column in (*face_columns(ACTION_UNITS, aus), *extra)]


class CsvTable:
    """Writes an action-unit table as CSV, atomically; memory does not grow with its length.

    Use it as a context manager: the file is there, complete, once the block has ended without an error.

    Parameters
    ----------
    path : str or PathLike
        The file.
    video : str
        Name of the video.
    aus : iterable of int
        Action units, one column each.
    extra : sequence of Column
        Columns behind them.
    """

    def __init__(self, path: str | os.PathLike, video: str, aus: Iterable[int], extra: Sequence[Column] = ()) -> None:
        columns = [*face_columns(ACTION_UNITS, aus), *extra]
        self._extra = tuple(extra)
        self._stack = contextlib.ExitStack()
        self._file = self._stack.enter_context(atomic_write(path))
        self._video = _quoted(video)
        measured = [column.format for column in face_columns(ACTION_UNITS, aus)[_N_ABOUT_ROW:]]
        self._with_face = f"%s,%d,%d,{_TIME.format},{_CONFIDENCE.format},1"
        self._measured, self._n_measured = "," + ",".join(measured), len(measured)
        self._beside = "".join(f",{'%s' if column.type == 'flag' else column.format}" for column in self._extra)
        self._without_face = f"%s,%d,,{_TIME.format},0,0{',' * (len(columns) - _N_ABOUT_ROW)}\n"
        self._file.write(",".join(map(_quoted, (column.name for column in columns))) + "\n")

    def write(self, rows: FaceRows) -> None:
        """Append rows."""
        cells = [*_confidences(rows).T.tolist(), list(rows.occluded), *_measured(rows).T.tolist()]
        measured = zip(*cells, strict=True)
        beside = self._extra_cells(rows)
        extra = zip(*beside, strict=True) if beside else iter([()] * len(rows.intensities))
        missing = np.isnan(rows.intensities).any(axis=1)
        for column, values in zip(self._extra, rows.extra, strict=True):
            if column.type == "number":
                missing |= np.isnan(np.asarray(values, float))
        unknown = iter(missing.tolist())
        lines = []
        for frame, face, time, confidence in zip(
            rows.frame.tolist(), rows.face_id.tolist(), rows.time_s.tolist(), rows.confidence.tolist(), strict=True
        ):
            if face < 0:
                lines.append(self._without_face % (self._video, frame, time))
            else:
                about = self._with_face % (self._video, frame, face, time, confidence)
                values, others = self._measured % next(measured), self._beside % next(extra)
                if next(unknown):
                    values, others = values.replace("nan", ""), _UNKNOWN.sub(",", others)
                lines.append(f"{about}{values}{others}\n")
        self._file.write("".join(lines))

    def _extra_cells(self, rows: FaceRows) -> list[list[Any]]:
        cells: list[list[Any]] = []
        for column, values in zip(self._extra, rows.extra, strict=True):
            if column.type == "text":
                quoted = {text: _quoted(text) for text in set(values)}
                cells.append([quoted[text] for text in values])
            elif column.type == "flag":
                cells.append(["" if np.isnan(value) else int(value) for value in np.asarray(values, float).tolist()])
            else:
                cells.append(column.rounded(values).tolist())
        return cells

    def __enter__(self) -> CsvTable:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


class ParquetTable:
    """Writes an action-unit table as Parquet; the counterpart of `CsvTable`, same columns and values."""

    def __init__(self, path: str | os.PathLike, video: str, aus: Iterable[int], extra: Sequence[Column] = ()) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        types = {"text": pa.string(), "integer": pa.int64(), "flag": pa.int8(), "number": pa.float64()}
        columns = [*face_columns(ACTION_UNITS, aus), *extra]
        self._schema = pa.schema([(column.name, types[column.type]) for column in columns])
        self._video, self._pa, self._extra = video, pa, tuple(extra)
        self._stack = contextlib.ExitStack()
        file = self._stack.enter_context(atomic_write(path, "wb"))
        self._writer = self._stack.enter_context(pq.ParquetWriter(file, self._schema, compression="zstd"))

    def write(self, rows: FaceRows) -> None:
        """Append rows as one row group."""
        pa, n, has_face = self._pa, len(rows.frame), rows.face_id >= 0
        confidence = np.where(has_face, rows.confidence, 0.0)
        cells = [
            pa.array([self._video] * n, pa.string()),
            pa.array(rows.frame.astype(np.int64)),
            pa.array(rows.face_id.astype(np.int64), mask=~has_face),
            pa.array(_TIME.rounded(rows.time_s)),
            pa.array(_CONFIDENCE.rounded(confidence)),
            pa.array(has_face.astype(np.int8)),
            *(self._of_faces(column, has_face) for column in _confidences(rows).T),
            self._of_faces(np.array(rows.occluded, object), has_face, pa.string()),
            *(self._of_faces(column, has_face) for column in _measured(rows).T),
        ]
        for column, values in zip(self._extra, rows.extra, strict=True):
            measured = np.asarray(values, object) if column.type == "text" else column.rounded(values)
            cells.append(self._of_faces(measured, has_face, self._schema.field(column.name).type))
        self._writer.write_table(pa.Table.from_arrays(cells, schema=self._schema))

    def _of_faces(self, measured: np.ndarray, has_face: np.ndarray, arrow_type: Any = None) -> Any:
        """A column [n] whose cells are empty where there is no face or no number, from those [m] of faces."""
        cells, empty = np.zeros(len(has_face), measured.dtype), ~has_face
        if measured.dtype.kind == "f":
            unknown = np.isnan(measured)
            measured, empty[has_face] = np.where(unknown, 0.0, measured), unknown
        cells[has_face] = measured
        return self._pa.array(cells, arrow_type, mask=empty)

    def __enter__(self) -> ParquetTable:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


TABLES: dict[str, type[CsvTable] | type[ParquetTable]] = {"csv": CsvTable, "parquet": ParquetTable}


def _quoted(text: str) -> str:
    """A text as a cell of a CSV."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow([as_cell(text)])
    return buffer.getvalue()


def _measured(rows: FaceRows) -> np.ndarray:
    return measured_cells(rows.pose, rows.points, rows.intensities)


def _confidences(rows: FaceRows) -> np.ndarray:
    return _CONFIDENCE.rounded(rows.halves)


def measured_cells(pose: np.ndarray, points: np.ndarray, intensities: np.ndarray) -> np.ndarray:
    """What is measured of m faces as the tables hold it: rounded, without negative 0.

    Parameters
    ----------
    pose : ndarray of float
        Place in millimetres, then angles in radians [m, 6].
    points : ndarray of float
        [m, 68, 2] in pixels.
    intensities : ndarray of float
        [m, k], 0..5.

    Returns
    -------
    ndarray of float64
        [m, 6 + 136 + k]: pose, all x, all y, intensities.
    """
    points = np.asarray(points, dtype=float).transpose(0, 2, 1).reshape(len(points), 2 * N_POINTS)
    parts = [(pose[:, :3], _PLACE), (pose[:, 3:], _POSE), (points, _POINT), (intensities, _INTENSITY)]
    return np.hstack([column.rounded(part) for part, column in parts])


def present(intensities: np.ndarray, level: float) -> np.ndarray:
    """1 from an intensity on, else 0 [m]; NaN where the intensity is."""
    return np.where(np.isnan(intensities), np.nan, intensities >= level)


def with_presence(table: pd.DataFrame, levels: Mapping[int, float]) -> pd.DataFrame:
    """A table of intensities with a column for each action unit of `levels`: 1 from that intensity on, else 0.

    Parameters
    ----------
    table : DataFrame
        With columns ``AU<nn>_r``.
    levels : mapping of int to float
        See `facs_pipeline.action_units.model.ActionUnitModel.presence`.

    Returns
    -------
    DataFrame
        With columns ``AU<nn>_c`` behind the others; empty where the intensity is.
    """
    import pandas as pd

    columns = {}
    for column, (au, level) in zip(presence_columns(ACTION_UNITS, levels), levels.items(), strict=True):
        intensity = table[f"AU{au:02d}_r"]
        columns[column.name] = (intensity >= level).astype("Int64").where(intensity.notna())
    return pd.concat([table, pd.DataFrame(columns, index=table.index)], axis=1)


def with_sides(table: pd.DataFrame, aus: Sequence[int], differences: np.ndarray) -> pd.DataFrame:
    """A table of intensities with both sides of action units that have two.

    Parameters
    ----------
    table : DataFrame
        With columns ``AU<nn>_r`` [n].
    aus : sequence of int
        FACS numbers [u].
    differences : ndarray
        Left less right [n, u]; NaN without a face.

    Returns
    -------
    DataFrame
        With columns ``AU<nn>L_r`` and ``AU<nn>R_r`` behind the others; empty where the intensity is.
    """
    import pandas as pd

    columns = side_columns(ACTION_UNITS, aus)
    cells = side_cells(table[[f"AU{au:02d}_r" for au in aus]].to_numpy(float), differences)
    sides = {column.name: column.rounded(values) for column, values in zip(columns, cells, strict=True)}
    return pd.concat([table, pd.DataFrame(sides, index=table.index)], axis=1)


def side_cells(intensities: np.ndarray, differences: np.ndarray) -> list[np.ndarray]:
    """Cells of the columns of `facs_pipeline.tables.schema.side_columns`: left and right of each action unit.

    Parameters
    ----------
    intensities, differences : ndarray
        ``[m, u]``: 0..5, and left less right.

    Returns
    -------
    list of ndarray
        2 u columns [m].

    Examples
    --------
    >>> [cells.tolist() for cells in side_cells(np.array([[2.0]]), np.array([[1.0]]))]
    [[2.5], [1.5]]
    """
    left, right = both_sides(intensities, differences)
    return [column for pair in zip(left.T, right.T, strict=True) for column in pair]

"""The action-unit table of one video, written row by row in OpenFace's column names, as CSV or Parquet."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facs_pipeline.foundation.files.atomic import atomic_write

N_POINTS = 68
POSE_COLUMNS = ("pose_Rx", "pose_Ry", "pose_Rz")
# Decimals: below a microsecond, a hundredth of a pixel and a thousandth of a degree there is noise only.
_TIME, _CONFIDENCE, _ANGLE, _PIXEL, _INTENSITY = 6, 4, 5, 3, 4


@dataclass(frozen=True)
class FaceRows:
    """Consecutive rows of a table, one per frame and face; a frame without a face is one row.

    Attributes
    ----------
    frame : ndarray [n] int, from 1.
    face_id : ndarray [n] int, -1 where there is no face.
    time_s : ndarray [n], seconds.
    confidence : ndarray [n], 0..1.
    pose : ndarray [m, 3], radians, for the m rows that have a face.
    points : ndarray [m, 68, 2], pixels, likewise.
    intensities : ndarray [m, k], 0..5, likewise.
    extra : for each further column, the values [m] of those rows that have a face.
    """

    frame: np.ndarray
    face_id: np.ndarray
    time_s: np.ndarray
    confidence: np.ndarray
    pose: np.ndarray
    points: np.ndarray
    intensities: np.ndarray
    extra: Sequence[np.ndarray] = ()


def au_table_columns(aus: Sequence[int], extra: Sequence[Any] = ()) -> list[str]:
    """Names of the columns, in order; `extra` columns come last.

    >>> au_table_columns([1, 12])[:6], au_table_columns([1, 12])[-2:]
    (['video', 'frame', 'face_id', 'timestamp', 'confidence', 'success'], ['AU01_r', 'AU12_r'])
    """
    points = [f"{axis}_{number}" for axis in "xy" for number in range(N_POINTS)]
    intensities = [f"AU{au:02d}_r" for au in aus]
    start = ["video", "frame", "face_id", "timestamp", "confidence", "success"]
    return [*start, *POSE_COLUMNS, *points, *intensities, *(column.name for column in extra)]


class CsvTable:
    """Writes an action-unit table as CSV, atomically; memory does not grow with its length.

    Use it as a context manager: the file is there, complete, once the block has ended without an error.
    """

    def __init__(self, path: str | os.PathLike, video: str, aus: Sequence[int], extra: Sequence[Any] = ()) -> None:
        self._extra = tuple(extra)
        self._stack = contextlib.ExitStack()
        self._file = self._stack.enter_context(atomic_write(path))
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="").writerow([video])
        self._video = buffer.getvalue()
        measured = [
            *[f"%.{_ANGLE}f"] * 3,
            *[f"%.{_PIXEL}f"] * (2 * N_POINTS),
            *[f"%.{_INTENSITY}f"] * len(aus),
        ]
        measured += ["%s" if column.decimals is None else f"%.{column.decimals}f" for column in extra]
        self._seen = f"%s,%d,%d,%.{_TIME}f,%.{_CONFIDENCE}f,1,{','.join(measured)}\n"
        self._unseen = f"%s,%d,,%.{_TIME}f,0,0{',' * len(measured)}\n"
        self._file.write(",".join(au_table_columns(aus, extra)) + "\n")

    def write(self, rows: FaceRows) -> None:
        """Append rows."""
        values = _measured(rows).tolist()
        if self._extra:
            further = zip(*(np.asarray(column).tolist() for column in _rounded(self._extra, rows)), strict=True)
            values = [[*before, *after] for before, after in zip(values, further, strict=True)]
        measured = iter(values)
        lines = []
        for frame, face, time, confidence in zip(
            rows.frame.tolist(), rows.face_id.tolist(), rows.time_s.tolist(), rows.confidence.tolist(), strict=True
        ):
            if face < 0:
                lines.append(self._unseen % (self._video, frame, time))
            else:
                lines.append(self._seen % (self._video, frame, face, time, confidence, *next(measured)))
        self._file.write("".join(lines))

    def __enter__(self) -> CsvTable:
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)


class ParquetTable:
    """Writes an action-unit table as Parquet; the counterpart of `CsvTable`, same columns and values."""

    def __init__(self, path: str | os.PathLike, video: str, aus: Sequence[int], extra: Sequence[Any] = ()) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        types = {"video": pa.string(), "frame": pa.int64(), "face_id": pa.int64(), "success": pa.int8()}
        types |= {column.name: pa.string() for column in extra if column.decimals is None}
        names = au_table_columns(aus, extra)
        self._schema = pa.schema([(name, types.get(name, pa.float64())) for name in names])
        self._video, self._pa, self._extra = video, pa, tuple(extra)
        self._stack = contextlib.ExitStack()
        file = self._stack.enter_context(atomic_write(path, "wb"))
        self._writer = self._stack.enter_context(pq.ParquetWriter(file, self._schema, compression="zstd"))

    def write(self, rows: FaceRows) -> None:
        """Append rows as one row group."""
        n, seen = len(rows.frame), rows.face_id >= 0
        values = _measured(rows)
        measured = np.full((n, values.shape[1]), np.nan)
        measured[seen] = values
        columns = [
            self._pa.array([self._video] * n, self._pa.string()),
            self._pa.array(rows.frame.astype(np.int64)),
            self._pa.array(rows.face_id.astype(np.int64), mask=~seen),
            self._pa.array(np.round(rows.time_s, _TIME)),
            self._pa.array(np.round(np.where(seen, rows.confidence, 0.0).astype(float), _CONFIDENCE)),
            self._pa.array(seen.astype(np.int8)),
            *(self._pa.array(column, mask=~seen) for column in measured.T.copy()),
        ]
        for column, cells in zip(self._extra, _rounded(self._extra, rows), strict=True):
            text = column.decimals is None
            of_all = np.full(n, None, object) if text else np.full(n, np.nan)
            of_all[seen] = cells
            columns.append(self._pa.array(of_all, self._pa.string() if text else None, mask=~seen))
        self._writer.write_table(self._pa.Table.from_arrays(columns, schema=self._schema))

    def __enter__(self) -> ParquetTable:
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)


TABLES = {"csv": CsvTable, "parquet": ParquetTable}


def _measured(rows: FaceRows) -> np.ndarray:
    return measured_cells(rows.pose, rows.points, rows.intensities)


def measured_cells(pose: np.ndarray, points: np.ndarray, intensities: np.ndarray) -> np.ndarray:
    """Pose [m, 3], points [m, 68, 2] and intensities [m, k] as rounded cells [m, 3 + 136 + k] without negative 0."""
    m = len(points)
    points = np.asarray(points, dtype=float).transpose(0, 2, 1).reshape(m, 2 * N_POINTS)
    parts = [(pose, _ANGLE), (points, _PIXEL), (intensities, _INTENSITY)]
    return np.hstack([np.round(np.asarray(part, dtype=float), decimals) + 0.0 for part, decimals in parts])


def _rounded(extra: Sequence[Any], rows: FaceRows) -> list[np.ndarray]:
    return [
        cells if column.decimals is None else np.round(np.asarray(cells, float), column.decimals)
        for column, cells in zip(extra, rows.extra, strict=True)
    ]

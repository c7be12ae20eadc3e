"""Tables in files that are no text: parquet, and the first sheet of workbooks (``.xlsx``).

Whatever such a file holds, reading it ends with the table or with one `InputError`.
"""

from __future__ import annotations

import contextlib
import datetime
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from facs_pipeline.foundation.errors import InputError

Kind = Literal["text", "parquet", "workbook"]

_ENDINGS: dict[str, Kind] = {".parquet": "parquet", ".pq": "parquet", ".xlsx": "workbook", ".xlsm": "workbook"}
_PARQUET_MARK, _ZIP_MARK, _OLD_EXCEL_MARK = b"PAR1", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_LARGEST_WORKBOOK = 1 << 29
"""Bytes of a workbook's parts, unpacked."""
LARGEST_CELLS = 20_000_000
"""Cells of a table that is read as text; more would fill the memory."""
_LARGEST_GROUPS = 1 << 31
"""Bytes of a parquet file's columns, unpacked, as it says itself."""
# Where a table was written with pandas' row names, they are no column of it.
_ROW_NAMES = re.compile(r"__index_level_\d+__")


def table_kind(path: Path) -> Kind:
    """What sort of file a table is, by its name, else by how it begins.

    Raises
    ------
    InputError
        If it is no file, cannot be read, or is a workbook of the old kind (``.xls``).
    """
    check_there(path)
    try:
        with open(path, "rb") as file:
            mark = file.read(4)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    if mark == _OLD_EXCEL_MARK:
        raise InputError(f"{path}: a workbook of the old kind (.xls); save it as .xlsx or as 'CSV UTF-8'")
    by_mark: dict[bytes, Kind] = {_PARQUET_MARK: "parquet", _ZIP_MARK: "workbook"}
    return _ENDINGS.get(path.suffix.lower()) or by_mark.get(mark, "text")


def check_there(path: Path) -> None:
    """`InputError` unless `path` is a file."""
    with contextlib.suppress(OSError, ValueError):
        if path.is_dir():
            raise InputError(f"{path}: a folder; expected a table (CSV, parquet or xlsx)")
        if path.is_file():
            return
        if path.exists():
            raise InputError(f"{path}: no ordinary file; expected a table (CSV, parquet or xlsx)")
    raise InputError(f"{path}: no such file")


def repr_number(cell: object) -> str:
    """A number as text that reads back to the same number; whole floats lose their ".0" (a subject 3.0 is 3)."""
    if not isinstance(cell, float | np.floating):
        return str(cell)
    number = float(cell)
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)


# ----------------------------------------------------------------------------------------------------------- parquet


@contextlib.contextmanager
def _readable_parquet(path: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        # A damaged file makes pyarrow and pandas raise nearly anything.
        raise InputError(f"{path}: not a readable parquet file ({type(error).__name__}: {error})") from error


def parquet_names(path: Path) -> list[str]:
    """Names of the columns."""
    import pyarrow.parquet as pq

    with _readable_parquet(path), pq.ParquetFile(path) as file:
        metadata = file.metadata
        # Not column by column: some damage of a column's metadata ends the process.
        size = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
        if not 0 <= size <= _LARGEST_GROUPS or metadata.num_rows < 0:
            raise InputError(f"{path}: says that it holds {size:,} bytes; at most {_LARGEST_GROUPS:,} are read")
        names = [str(name) for name in file.schema_arrow.names if not _ROW_NAMES.fullmatch(str(name))]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: has the column {twice!r} more than once; keep one")
    return names


def parquet_as_text(path: Path) -> pd.DataFrame:
    """Every cell as text; the index is the row's number."""
    [table] = parquet_pieces(path, lambda _name: True, None)
    if table.size > LARGEST_CELLS:
        raise InputError(f"{path}: {table.size:,} cells; at most {LARGEST_CELLS:,} are read")
    with _readable_parquet(path):
        cells = table.astype(object).where(table.notna(), "")
        text = cells.map(lambda cell: cell if isinstance(cell, str) else repr_number(cell))
    text.index = pd.RangeIndex(2, len(text) + 2)
    return text


def parquet_pieces(path: Path, wanted: Callable[[str], bool], rows: int | None) -> Iterator[pd.DataFrame]:
    """Some columns, at most so many `rows` in each piece; one piece at least."""
    import pyarrow.parquet as pq

    names = [name for name in parquet_names(path) if wanted(name)]
    # What pandas has written about its row names may be damaged, and is of no use here.
    with _readable_parquet(path), pq.ParquetFile(path) as file:
        if rows is None or not file.metadata.num_rows:
            yield file.read(columns=names).to_pandas(ignore_metadata=True)
            return
        for batch in file.iter_batches(batch_size=rows, columns=names):
            yield batch.to_pandas(ignore_metadata=True)


# --------------------------------------------------------------------------------------------------------- workbooks


def workbook_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Every row of the first sheet that is not blank: its number from 1 and its cells as text, without spaces around.

    Raises
    ------
    InputError
        If it is no workbook that can be read, or too large.
    """
    import openpyxl

    try:
        with zipfile.ZipFile(path) as parts:
            size = sum(part.file_size for part in parts.infolist())
        if size > _LARGEST_WORKBOOK:
            raise InputError(f"{path}: {size:,} bytes unpacked, at most {_LARGEST_WORKBOOK:,} are read; save it as CSV")
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
        cells = 0
        with contextlib.closing(workbook):
            for number, row in enumerate(workbook.worksheets[0].iter_rows(values_only=True), start=1):
                cells += max(len(row), 1)
                if cells > LARGEST_CELLS:
                    raise InputError(f"{path}: more than {LARGEST_CELLS:,} cells; save the part that counts as CSV")
                texts = [_cell_text(cell) for cell in row]
                if any(texts):
                    yield number, texts
    except InputError:
        raise
    except Exception as error:
        # Damaged archives and XML make openpyxl raise nearly anything.
        raise InputError(f"{path}: not a readable workbook ({type(error).__name__}: {error})") from error


def _cell_text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(int(cell))
    if isinstance(cell, datetime.datetime | datetime.date | datetime.time):
        return cell.isoformat()
    return repr_number(cell).strip()

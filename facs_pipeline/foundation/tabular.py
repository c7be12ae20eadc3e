"""Tables of any make: separator, decimal comma, byte order mark, UTF-16, gzip, parquet and xlsx are one here.

Cells may be separated by commas, semicolons or tabs, as the first row shows. Beside semicolons and tabs numbers may
have a decimal comma. Rows are numbered as a spreadsheet shows them: the header is row 1. The apostrophe that keeps
spreadsheets from taking a text for a formula (`facs_pipeline.foundation.text.as_cell`) is taken off.
"""

from __future__ import annotations

import csv
import itertools
import os
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from facs_pipeline.foundation.binary_tables import (
    LARGEST_CELLS,
    check_there,
    parquet_as_text,
    parquet_names,
    parquet_pieces,
    table_kind,
    workbook_rows,
)
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.text import from_cell
from facs_pipeline.foundation.text_files import lines_of, open_text, separator_of

TABLE_ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".pq")
_LARGEST_ROWS = 50_000_000
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?")
# Before version 3 pandas reads numbers to the last digit only where it is asked to.
_EXACT: dict[str, Any] = {"float_precision": "round_trip"} if int(pd.__version__.split(".")[0]) < 3 else {}


def is_table(path: str | os.PathLike) -> bool:
    """Whether a file is named as a table.

    >>> is_table("a/anna.csv"), is_table("anna.TSV.gz"), is_table("anna.txt")
    (True, True, False)
    """
    return os.fspath(path).lower().endswith(TABLE_ENDINGS)


def table_stem(path: str | os.PathLike) -> str:
    """Name of a table's file without its ending.

    >>> table_stem("a/anna.v2.csv.gz"), table_stem("anna.parquet"), table_stem("anna.txt")
    ('anna.v2', 'anna', 'anna')
    """
    stem = Path(path).name
    stem = stem[:-3] if stem.lower().endswith(".gz") else stem
    return Path(stem).stem


def column_names(path: str | os.PathLike) -> list[str]:
    """Names in the first row, without spaces around them; nothing else is read.

    Raises
    ------
    InputError
        If the file cannot be read, is empty, or has a name twice.
    """
    path = Path(path)
    kind = table_kind(path)
    if kind == "parquet":
        return parquet_names(path)
    if kind == "workbook":
        return _workbook_header(path, workbook_rows(path))
    with open_text(path) as file:
        return _header(path, lines_of(path, file))[0]


def text_rows(path: str | os.PathLike) -> Iterator[tuple[int, list[str]]]:
    """Every row of a text table that is not blank: its number from 1 and its cells, without spaces around them.

    Nothing is expected of the first row but that its separators are those of the others.

    Raises
    ------
    InputError
        If the file cannot be read, or a quote is not closed.
    """
    path = Path(path)
    check_there(path)
    with open_text(path) as file:
        lines = lines_of(path, file)
        first = next(lines, "")
        rows = csv.reader(itertools.chain([first], lines), delimiter=separator_of(first), strict=True)
        for number, row in enumerate(rows, start=1):
            cells = _cells(row)
            if any(cells):
                yield number, cells


def read_text_table(path: str | os.PathLike, required: Sequence[str] = ()) -> pd.DataFrame:
    r"""A table whose every cell is text, ``""`` where it is empty; the index is the row's number.

    Decimal commas are written as points in columns of numbers, and only there.

    Parameters
    ----------
    path : str or PathLike
        Text table, gzipped or not, parquet or xlsx.
    required : sequence of str
        Columns that must be there.

    Returns
    -------
    DataFrame
        Columns in the file's order; one row for each that is not blank.

    Raises
    ------
    InputError
        If the file is missing, empty, not UTF-8 or UTF-16, ragged, has a column twice, mixes decimal commas with
        points, or lacks a required column. The message names the row.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "people.csv")
    >>> _ = path.write_text("video;age\nanna;30,5\n")
    >>> read_text_table(path, required=["video"]).to_dict("records")
    [{'video': 'anna', 'age': '30.5'}]
    """
    path = Path(path)
    kind = table_kind(path)
    if kind == "parquet":
        table = parquet_as_text(path)
    else:
        table = _csv_as_text(path) if kind == "text" else _workbook_as_text(path)
    missing = [name for name in required if name not in table.columns]
    if missing:
        hint = " The columns must be separated by commas, semicolons or tabs." if len(table.columns) == 1 else ""
        raise InputError(
            f"{path}: row 1 lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; "
            f"found {', '.join(map(repr, list(table.columns)[:12]))}.{hint}"
        )
    return table


def read_number_table(
    path: str | os.PathLike, wanted: Callable[[str], bool], *, text: Collection[str] = ()
) -> pd.DataFrame:
    """Some columns of a table as numbers; fast also for tables of hours.

    Parameters
    ----------
    path : str or PathLike
        Text table, gzipped or not, parquet or xlsx.
    wanted : function
        Takes a column's name and says whether it is read.
    text : collection of str
        Columns that hold text, if they are wanted at all.

    Returns
    -------
    DataFrame
        float64, NaN where a cell is empty; columns of `text` as they are, NaN likewise. The index is the row's number.

    Raises
    ------
    InputError
        If the file cannot be read, is ragged, or has a column twice; if a cell is no finite number.
    """
    [table] = number_table_pieces(path, wanted, text=text)
    return table


def number_table_pieces(
    path: str | os.PathLike, wanted: Callable[[str], bool], *, text: Collection[str] = (), rows: int | None = None
) -> Iterator[pd.DataFrame]:
    """The same piece by piece, at most so many `rows` in each; one piece at least."""
    path = Path(path)
    kind = table_kind(path)
    if kind == "parquet":
        separator, pieces = ",", parquet_pieces(path, wanted, rows)
    elif kind == "workbook":
        separator, pieces = ",", _workbook_pieces(path, wanted, rows)
    else:
        separator = _check_shape(path)
        pieces = _csv_pieces(path, wanted, text, separator, rows)
    first = 2
    for piece in pieces:
        piece.columns = pd.Index([str(name).strip() for name in piece.columns])
        piece.index = pd.RangeIndex(first, first + len(piece))
        first += len(piece)
        if separator != ",":
            piece = _with_points(path, piece, but=text)
        floats = piece.select_dtypes(np.float64)
        finished = set(floats.columns[~np.isinf(floats.to_numpy()).any(axis=0)])
        for name in piece.columns:
            if name in finished:
                continue
            if name not in text:
                piece[name] = _numbers(path, piece[name])
            elif kind != "parquet":
                piece[name] = piece[name].map(from_cell, na_action="ignore")
        yield piece


def _cells(row: list[str]) -> list[str]:
    return [from_cell(cell.strip()) for cell in row]


def _header(path: Path, lines: Iterator[str]) -> tuple[list[str], str]:
    """Names of the columns and what separates them; `lines` are left behind the first row."""
    first = next(lines, "")
    separator = separator_of(first)
    names = _cells(next(csv.reader(itertools.chain([first], lines), delimiter=separator), []))
    _check_names(path, names)
    return names, separator


def _check_names(path: Path, names: list[str]) -> None:
    if not any(names):
        raise InputError(f"{path}: empty; expected a first row with column names")
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice:
        raise InputError(f"{path}: row 1 has the column {twice!r} more than once; keep one")


def _csv_as_text(path: Path) -> pd.DataFrame:
    with open_text(path) as file:
        lines = lines_of(path, file)
        header, separator = _header(path, lines)
        rows = ((number, _cells(row)) for number, row in enumerate(_reader(lines, separator), start=2))
        table = _as_table(path, header, rows)
    return table if separator == "," else _with_points(path, table)


def _reader(lines: Iterator[str], separator: str) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=separator, strict=True)


def _as_table(path: Path, header: list[str], numbered: Iterator[tuple[int, list[str]]]) -> pd.DataFrame:
    """The rows that are not blank, each under its number."""
    numbers, rows = [], []
    for number, cells in numbered:
        if not any(cells):
            continue
        if len(cells) != len(header):
            raise InputError(f"{path}: row {number} has {len(cells)} cells, the header has {len(header)}")
        numbers.append(number)
        rows.append(cells)
        if len(rows) * len(header) > LARGEST_CELLS:
            raise InputError(f"{path}: more than {LARGEST_CELLS:,} cells; give the part that counts")
    table = pd.DataFrame(rows, columns=header, index=np.array(numbers, dtype=int), dtype=object)
    # Spreadsheets write columns of nothing behind the last one that was ever used.
    blank = [name == "" and bool((table.iloc[:, place] == "").all()) for place, name in enumerate(header)]
    return table.loc[:, ~np.array(blank)]


def _workbook_header(path: Path, rows: Iterator[tuple[int, list[str]]]) -> list[str]:
    names = [from_cell(name) for name in next(rows, (1, []))[1]]
    while names and not names[-1]:
        names.pop()
    _check_names(path, names)
    return names


def _workbook_as_text(path: Path) -> pd.DataFrame:
    rows = workbook_rows(path)
    header = _workbook_header(path, rows)
    n = len(header)
    # Rows end with their last filled cell, or with the sheet's.
    whole = ((number, (cells + [""] * n)[: max(n, _filled(cells))]) for number, cells in rows)
    return _as_table(path, header, whole)


def _filled(cells: list[str]) -> int:
    return next((place for place in range(len(cells), 0, -1) if cells[place - 1]), 0)


def _workbook_pieces(path: Path, wanted: Callable[[str], bool], rows: int | None) -> Iterator[pd.DataFrame]:
    table = _workbook_as_text(path)
    table = table[[name for name in table.columns if wanted(name)]].replace("", np.nan)
    rows = rows or max(len(table), 1)
    for start in range(0, max(len(table), 1), rows):
        yield table.iloc[start : start + rows].copy()


def _with_points(path: Path, table: pd.DataFrame, *, but: Collection[str] = ()) -> pd.DataFrame:
    """The table with points for decimal commas in columns of which more than half of the cells are numbers."""
    first: dict[str, tuple[int, str, str]] = {}
    for name in table.columns:
        if name in but:
            continue
        column = table[name]
        if pd.api.types.is_numeric_dtype(column):
            # What has been taken for numbers has no comma, and a point where it is not whole.
            broken = column.index[(column % 1 > 0).to_numpy(bool)]
            if len(broken):
                first.setdefault(".", (int(broken[0]), str(name), f"{column[broken[0]]:g}"))
            continue
        cells = [cell.strip() if isinstance(cell, str) else "" for cell in column]
        is_number = [_NUMBER.fullmatch(cell) is not None for cell in cells]
        if 2 * sum(is_number) <= sum(cell != "" for cell in cells):
            continue
        for row, cell, numeric in zip(table.index, cells, is_number, strict=True):
            for mark in ",.":
                if numeric and mark in cell:
                    first.setdefault(mark, (int(row), str(name), cell))
        changed = [cell.replace(",", ".") if numeric else cell for cell, numeric in zip(cells, is_number, strict=True)]
        table[name] = pd.Series(changed, index=table.index, dtype=object)
    if len(first) == 2:
        (row, name, cell), (other_row, other_name, other) = first[","], first["."]
        raise InputError(
            f"{path}: row {row}, column {name}: {cell!r} with a comma, but row {other_row}, column {other_name}: "
            f"{other!r} with a point; expected one of them for decimals throughout"
        )
    return table


def _csv_pieces(
    path: Path, wanted: Callable[[str], bool], text: Collection[str], separator: str, rows: int | None
) -> Iterator[pd.DataFrame]:
    with open_text(path) as file:
        try:
            reader = pd.read_csv(
                file,
                sep=separator,
                skipinitialspace=True,
                low_memory=False,
                **_EXACT,
                usecols=lambda name: wanted(str(name).strip()),
                dtype=dict.fromkeys(text, str),
                iterator=True,
            )
            yield reader.read(rows)
            while rows is not None:
                try:
                    yield reader.read(rows)
                except StopIteration:
                    return
        except UnicodeDecodeError:
            raise
        except (pd.errors.ParserError, ValueError) as error:
            raise InputError(f"{path}: not a readable table ({str(error).strip()})") from None


def _check_shape(path: Path) -> str:
    """Every row has as many cells as the header, by which pandas, asked for some columns only, does not go.

    Returns
    -------
    str
        What separates the cells.
    """
    with open_text(path) as file:
        lines = lines_of(path, file)
        names, separator = _header(path, lines)
        for row, line in enumerate(lines, start=2):
            if row > _LARGEST_ROWS:
                raise InputError(f"{path}: more than {_LARGEST_ROWS:,} rows; split it")
            cells = line.count(separator) + 1
            # Separators inside quotes are text, and such a row is left to pandas.
            if cells != len(names) and line.strip() and '"' not in line:
                raise InputError(f"{path}: row {row} has {cells} cells, row 1 has {len(names)}; is the file cut short?")
    return separator


def _numbers(path: Path, column: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        raise InputError(f"{path}: column {column.name}: dates or durations; expected numbers")
    try:
        numbers = pd.to_numeric(column, errors="coerce").astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: column {column.name}: no numbers ({error})") from None
    given = column.notna()
    if not pd.api.types.is_numeric_dtype(column):
        given &= column.astype(str).str.strip() != ""
    wrong = np.flatnonzero(given.to_numpy(bool) & ~np.isfinite(numbers.to_numpy()))
    if len(wrong):
        row, cell = column.index[wrong[0]], str(column.iloc[wrong[0]])
        raise InputError(f"{path}: row {row}, column {column.name}: {cell!r} is not a number")
    return numbers

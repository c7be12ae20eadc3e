"""Tables of any make: separator, decimal comma, byte order mark, UTF-16, gzip and parquet are this module's affair.

Cells may be separated by commas, semicolons or tabs, as the first row shows. Beside semicolons and tabs numbers may
have a decimal comma. Rows are numbered as a spreadsheet shows them: the header is row 1.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import itertools
import os
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from facs_pipeline.foundation.errors import InputError

TABLE_ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".pq")
GZIP_MARK = b"\x1f\x8b"
_PARQUET_ENDINGS, _PARQUET_MARK = (".parquet", ".pq"), b"PAR1"
# Where a first row holds as many of two of them, the comma is likelier a part of a name or number.
_SEPARATORS = ("\t", ";", ",")
_QUOTED = re.compile(r'"[^"]*"')
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


def separator_of(first_row: str) -> str:
    """What separates the cells of a table with this first row: a comma, a semicolon or a tab.

    >>> separator_of('frame;"time, in s";AU12'), separator_of("1;0,5"), separator_of("video")
    (';', ';', ',')
    """
    bare = _QUOTED.sub("", first_row)
    most = max(_SEPARATORS, key=bare.count)
    return most if most in bare else ","


def encoding_of(start: bytes) -> str:
    """Encoding of a text by its first four bytes: UTF-16 with or without its mark, else UTF-8.

    >>> encoding_of("a,b".encode("utf-16-le")), encoding_of("a,b".encode("utf-16")), encoding_of(b"a,b")
    ('utf-16-le', 'utf-16', 'utf-8-sig')
    """
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(start) >= 4 and start[1] == start[3] == 0:
        return "utf-16-le"
    if len(start) >= 4 and start[0] == start[2] == 0:
        return "utf-16-be"
    return "utf-8-sig"


def column_names(path: str | os.PathLike) -> list[str]:
    """Names in the first row, without spaces around them; nothing else is read.

    Raises
    ------
    InputError
        If the file cannot be read, is empty, or has a name twice.
    """
    path = Path(path)
    if _is_parquet(path):
        import pyarrow.parquet as pq

        with _readable_parquet(path):
            return [str(name) for name in pq.read_schema(path).names]
    with _open_text(path) as file:
        return _header(path, file)[0]


def text_rows(path: str | os.PathLike) -> Iterator[tuple[int, list[str]]]:
    """Every row of a text table that is not blank: its number from 1 and its cells, without spaces around them.

    Nothing is expected of the first row but that its separators are those of the others.

    Raises
    ------
    InputError
        If the file cannot be read, or a quote is not closed.
    """
    path = Path(path)
    with _open_text(path) as file:
        first = file.readline()
        rows = csv.reader(itertools.chain([first], file), delimiter=separator_of(first), strict=True)
        for number, row in enumerate(rows, start=1):
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield number, cells


def read_text_table(path: str | os.PathLike, required: Sequence[str] = ()) -> pd.DataFrame:
    r"""A table whose every cell is text, ``""`` where it is empty; the index is the row's number.

    Decimal commas are written as points in columns of numbers, and only there.

    Parameters
    ----------
    path : str or PathLike
        Text table, gzipped or not, or parquet.
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
    table = _parquet_as_text(path) if _is_parquet(path) else _csv_as_text(path)
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
        Text table, gzipped or not, or parquet.
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
    if _is_parquet(path):
        separator, pieces = ",", _parquet_pieces(path, wanted, rows)
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
        for name in piece.columns:
            if name not in text:
                piece[name] = _numbers(path, piece[name])
        yield piece


def repr_number(cell: object) -> str:
    """A number as text that reads back to the same number; whole floats lose their ".0" (a subject 3.0 is 3)."""
    if not isinstance(cell, float | np.floating):
        return str(cell)
    number = float(cell)
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)


# ------------------------------------------------------------------------------------------------------- text tables


@contextlib.contextmanager
def _open_text(path: Path) -> Iterator[IO[str]]:
    """A text table's characters; whatever goes wrong while they are read becomes an `InputError`."""
    _check_there(path)
    try:
        with open(path, "rb") as raw:
            zipped = raw.peek(2).startswith(GZIP_MARK)
            stream = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if zipped else raw
            yield io.TextIOWrapper(stream, encoding_of(stream.peek(4)), newline="")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: damaged or cut short ({error}); copy it again") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError as error:
        raise _not_text(path, error) from None
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV table ({error})") from None


def _check_there(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path}: a folder; expected a table (CSV or parquet)")
    if not path.is_file():
        raise InputError(f"{path}: no such file")


def _not_text(path: Path, error: UnicodeDecodeError) -> InputError:
    """Which row is at fault: the decoder, which takes whole blocks, does not know."""
    if not error.encoding.startswith("utf-8"):
        return InputError(f"{path}: not {error.encoding} text ({error.reason}); save the file as 'CSV UTF-8'")
    with open(path, "rb") as raw:
        lines = gzip.GzipFile(fileobj=raw) if raw.peek(2).startswith(GZIP_MARK) else raw
        for row, line in enumerate(lines, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as wrong:
                byte = line[wrong.start]
                return InputError(f"{path}: row {row} is not UTF-8 (byte 0x{byte:02x}); save the file as 'CSV UTF-8'")
    return InputError(f"{path}: not UTF-8 text ({error.reason}); save the file as 'CSV UTF-8'")


def _header(path: Path, file: IO[str]) -> tuple[list[str], str]:
    """Names of the columns and what separates them; `file` is left behind the first row."""
    first = file.readline()
    separator = separator_of(first)
    names = [cell.strip() for cell in next(csv.reader(itertools.chain([first], file), delimiter=separator), [])]
    if not any(names):
        raise InputError(f"{path}: empty; expected a first row with column names")
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice:
        raise InputError(f"{path}: row 1 has the column {twice!r} more than once; keep one")
    return names, separator


def _csv_as_text(path: Path) -> pd.DataFrame:
    numbers, rows = [], []
    with _open_text(path) as file:
        header, separator = _header(path, file)
        for number, row in enumerate(csv.reader(file, delimiter=separator, strict=True), start=2):
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if len(cells) != len(header):
                raise InputError(f"{path}: row {number} has {len(cells)} cells, the header has {len(header)}")
            numbers.append(number)
            rows.append(cells)
    table = pd.DataFrame(rows, columns=header, index=np.array(numbers, dtype=int), dtype=object)
    # Spreadsheets write columns of nothing behind the last one that was ever used.
    blank = [name == "" and bool((table.iloc[:, place] == "").all()) for place, name in enumerate(header)]
    table = table.loc[:, ~np.array(blank)]
    return table if separator == "," else _with_points(path, table)


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
    with _open_text(path) as file:
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
    with _open_text(path) as lines:
        names, separator = _header(path, lines)
        for row, line in enumerate(lines, start=2):
            cells = line.count(separator) + 1
            # Separators inside quotes are text, and such a row is left to pandas.
            if cells != len(names) and line.strip() and '"' not in line:
                raise InputError(f"{path}: row {row} has {cells} cells, row 1 has {len(names)}; is the file cut short?")
    return separator


def _numbers(path: Path, column: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce").astype(np.float64)
    given = column.notna()
    if not pd.api.types.is_numeric_dtype(column):
        given &= column.astype(str).str.strip() != ""
    wrong = np.flatnonzero(given.to_numpy(bool) & ~np.isfinite(numbers.to_numpy()))
    if len(wrong):
        row, cell = column.index[wrong[0]], str(column.iloc[wrong[0]])
        raise InputError(f"{path}: row {row}, column {column.name}: {cell!r} is not a number")
    return numbers


# ----------------------------------------------------------------------------------------------------------- parquet


def _is_parquet(path: Path) -> bool:
    _check_there(path)
    if path.name.lower().endswith(_PARQUET_ENDINGS):
        return True
    try:
        with open(path, "rb") as file:
            return file.read(len(_PARQUET_MARK)) == _PARQUET_MARK
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


@contextlib.contextmanager
def _readable_parquet(path: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path}: not a readable parquet file ({type(error).__name__}: {error})") from error


def _parquet_as_text(path: Path) -> pd.DataFrame:
    with _readable_parquet(path):
        table = pd.read_parquet(path)
    cells = table.astype(object).where(table.notna(), "")
    text = cells.map(lambda cell: cell if isinstance(cell, str) else repr_number(cell))
    text.index = pd.RangeIndex(2, len(text) + 2)
    return text


def _parquet_pieces(path: Path, wanted: Callable[[str], bool], rows: int | None) -> Iterator[pd.DataFrame]:
    import pyarrow.parquet as pq

    names = [name for name in column_names(path) if wanted(name)]
    with _readable_parquet(path), pq.ParquetFile(path) as file:
        if rows is None or not file.metadata.num_rows:
            yield file.read(columns=names).to_pandas()
            return
        for batch in file.iter_batches(batch_size=rows, columns=names):
            yield batch.to_pandas()

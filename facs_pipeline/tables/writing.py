"""One table as a file that a user names: CSV, tab-separated text, parquet, xlsx or JSON, by the name's ending."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import pandas as pd

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.atomic import atomic_csv, atomic_write
from facs_pipeline.foundation.text import xml_text

Form = Literal["csv", "tsv", "parquet", "xlsx", "json", "jsonl"]

_FORMS: dict[str, Form] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "xlsx",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384
"""What a sheet of a spreadsheet holds."""
# A workbook wants a date; the same table gives the same one.
_DATE = datetime.datetime(2000, 1, 1)


def table_form(path: Path, form: Form | None = None) -> Form:
    """The format in which a table is written; call it before the work whose result is the table.

    Parameters
    ----------
    path : Path
        Its ending says the format; a name without an ending is CSV.
    form : "csv", "tsv", "parquet", "xlsx", "json" or "jsonl", optional
        Comes before the ending, unless that is another format's.

    Raises
    ------
    InputError
        If no table is written in a file of that ending, or `form` is another format than the ending's.

    Examples
    --------
    >>> table_form(Path("a.xlsx")), table_form(Path("a")), table_form(Path("a"), "parquet")
    ('xlsx', 'csv', 'parquet')
    """
    ending = path.suffix.lower()
    by_name = _FORMS.get(ending)
    if form is not None and by_name in (form, None):
        return form
    if form is not None:
        raise InputError(f"{path}: {form} was asked for, but the name ends in {ending}; leave out one of both")
    if by_name is None and ending:
        known = ", ".join(_FORMS)
        raise InputError(f"{path}: no table is written as {ending}; name a file that ends in one of {known}")
    return by_name or "csv"


def write_table(table: pd.DataFrame, path: Path, form: Form | None = None) -> None:
    """Write a table, complete or not at all.

    Parameters
    ----------
    table : DataFrame
        Without its index. Empty cells are empty, in JSON ``null``.
    path : Path
        The file to write.
    form : "csv", "tsv", "parquet", "xlsx", "json" or "jsonl", optional
        See `table_form`. JSON is a list of objects, one for each row; JSON lines have one on each line.

    Raises
    ------
    InputError
        If the file cannot be written, or the format cannot hold the table.
    """
    form = table_form(path, form)
    try:
        if form in ("csv", "tsv"):
            atomic_csv(table, path, separator="," if form == "csv" else "\t")
            return
        with atomic_write(path, "w" if form in ("json", "jsonl") else "wb") as file:
            _WRITERS[form](table, file)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose another place with --out") from None
    except _TooLargeError as error:
        raise InputError(f"{path}: {error}; choose another format, such as .csv") from None


class _TooLargeError(Exception):
    """A table that a format cannot hold."""


def _write_parquet(table: pd.DataFrame, file: IO[bytes]) -> None:
    table.to_parquet(file, index=False)


def _write_xlsx(table: pd.DataFrame, file: IO[bytes]) -> None:
    import openpyxl
    from openpyxl.cell import WriteOnlyCell

    if len(table) >= _MOST_ROWS or len(table.columns) > _MOST_COLUMNS:
        raise _TooLargeError(f"{len(table):,} rows of {len(table.columns):,} columns are more than a sheet holds")
    workbook = openpyxl.Workbook(write_only=True)
    workbook.properties.created = workbook.properties.modified = _DATE
    sheet = workbook.create_sheet("table")

    def cell(value: object) -> object:
        if value == "" or not isinstance(value, str):
            return None if value == "" else value
        # A text stays a text, also one that begins like a formula.
        text = WriteOnlyCell(sheet, xml_text(value))
        text.data_type = "s"
        return text

    sheet.append([cell(str(name)) for name in table.columns])
    for row in _plain_rows(table):
        sheet.append([cell(value) for value in row])
    workbook.save(file)


def _write_json(table: pd.DataFrame, file: IO[str]) -> None:
    names = list(map(str, table.columns))
    lines = [json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in _plain_rows(table)]
    file.write("[\n" + ",\n".join(lines) + "\n]\n")


def _write_json_lines(table: pd.DataFrame, file: IO[str]) -> None:
    names = list(map(str, table.columns))
    for row in _plain_rows(table):
        file.write(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n")


_WRITERS: dict[str, Callable[[pd.DataFrame, Any], None]] = {
    "parquet": _write_parquet,
    "xlsx": _write_xlsx,
    "json": _write_json,
    "jsonl": _write_json_lines,
}


def _plain_rows(table: pd.DataFrame) -> list[tuple[object, ...]]:
    """Rows of text, whole numbers, floats and None."""
    columns = [[_plain(cell) for cell in table.iloc[:, k].tolist()] for k in range(len(table.columns))]
    return list(zip(*columns, strict=True))


def _plain(cell: object) -> object:
    if cell is None or isinstance(cell, str | bool | int):
        return cell
    if cell is pd.NA or cell is pd.NaT:
        return None
    if isinstance(cell, float | np.floating):
        # Neither JSON nor a spreadsheet has a word for infinity.
        return float(cell) if np.isfinite(cell) else None
    return int(cell) if isinstance(cell, np.integer) else str(cell)

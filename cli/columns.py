"""`facs columns`: what a column of an output table means."""

from __future__ import annotations

import difflib
import io
import json
from collections.abc import Sequence
from textwrap import fill

import click
import pandas as pd

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.tables.schema import COLUMNS, TABLES, Column, as_markdown, as_records, find_columns

EPILOG = f"""\b
Examples:
  facs columns videos
  facs columns AU12_speed_max
  facs columns --format markdown > columns.md

Tables: {", ".join(TABLES)}."""


@click.command("columns", epilog=EPILOG)
@click.argument("name", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "csv", "markdown", "json"]),
    default="text",
    show_default=True,
    help="How to print them.",
)
def command(name: str | None, form: str) -> None:
    """Explain columns: all of them, those of the table NAME, or the column NAME."""
    columns = list(COLUMNS) if name is None else find_columns(name)
    if name is not None and not columns:
        known = [*TABLES, *(column.name for column in COLUMNS)]
        near = difflib.get_close_matches(name, known, n=3)
        hint = f" Near: {', '.join(near)}." if near else ""
        raise InputError(f"no table and no column is called {name!r}.{hint} Tables: {', '.join(TABLES)}.")
    click.echo(_printed(columns, form), nl=False)


def _printed(columns: Sequence[Column], form: str) -> str:
    if form == "json":
        return json.dumps(as_records(columns), indent=1, ensure_ascii=False) + "\n"
    if form == "csv":
        buffer = io.StringIO()
        pd.DataFrame(as_records(columns)).to_csv(buffer, index=False, lineterminator="\n")
        return buffer.getvalue()
    if form == "markdown":
        return as_markdown(columns)
    lines = []
    for name in dict.fromkeys(column.table for column in columns):
        table = TABLES[name]
        lines += [f"{name} (version {table.schema_version})", _indented(table.rows.replace("`", ""), 2), ""]
        for column in columns:
            if column.table == name:
                rounded = "" if column.decimals is None else f", {column.decimals} decimals"
                facts = (
                    f"type: {column.type}{rounded}; unit: {column.unit}; range: {column.range}; from: {column.source}"
                )
                lines += [f"  {column.name}", _indented(column.meaning, 4), _indented(facts, 4)]
        lines.append("")
    return "\n".join(lines)


def _indented(text: str, by: int) -> str:
    return fill(text, 96, initial_indent=" " * by, subsequent_indent=" " * by)

"""The dictionary of columns: what each column of each output table means, its type, unit, range, decimals and source.

It is the schema by which the tables are written; `facs columns` and `docs/columns.md` show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from facs_pipeline.tables.column import Column, TableSchema
from facs_pipeline.tables.extended_schema import EXTENDED_DESCRIPTORS
from facs_pipeline.tables.face_schemas import (
    ACTION_UNITS,
    EMOTION_REASONS,
    EMOTIONS,
    EVENTS,
    EXPLANATIONS,
    N_POINTS,
    STILLS,
    emotion_columns,
    face_columns,
    presence_columns,
    side_columns,
)
from facs_pipeline.tables.video_schemas import (
    CONTROLS,
    DESCRIPTORS,
    MARKS,
    METADATA,
    PREDICTIONS,
    REASONS,
    SUBJECTS,
    VIDEOS,
)

__all__ = [
    "ACTION_UNITS",
    "COLUMNS",
    "CONTROLS",
    "DESCRIPTORS",
    "EMOTIONS",
    "EMOTION_REASONS",
    "EVENTS",
    "EXPLANATIONS",
    "EXTENDED_DESCRIPTORS",
    "MARKS",
    "METADATA",
    "N_POINTS",
    "PREDICTIONS",
    "REASONS",
    "STILLS",
    "SUBJECTS",
    "TABLES",
    "VIDEOS",
    "Column",
    "TableSchema",
    "as_markdown",
    "as_records",
    "emotion_columns",
    "face_columns",
    "find_columns",
    "presence_columns",
    "side_columns",
]

TABLES: dict[str, TableSchema] = {
    table.name: table
    for table in (
        ACTION_UNITS,
        STILLS,
        DESCRIPTORS,
        EXTENDED_DESCRIPTORS,
        VIDEOS,
        PREDICTIONS,
        REASONS,
        SUBJECTS,
        CONTROLS,
        EMOTIONS,
        EMOTION_REASONS,
        EVENTS,
        EXPLANATIONS,
        MARKS,
    )
}
"""Every output table by its name."""

COLUMNS: tuple[Column, ...] = tuple(column for table in TABLES.values() for column in table.columns)
"""Every column of every table, in the tables' order."""


def find_columns(name: str, columns: Sequence[Column] = COLUMNS) -> list[Column]:
    """Columns of a table, or every column called `name`, with its number or name filled in.

    Parameters
    ----------
    name : str
        A table (``"videos"``, ``"videos.csv"``) or a column (``"AU12_r"``, ``"x_5"``, ``"AU12_speed_max"``).
    columns : sequence of Column
        Where they are searched; all of them unless given.

    Returns
    -------
    list of Column
        Empty if there is no such table and no such column.

    Examples
    --------
    >>> find_columns("AU12_speed_max")[0].meaning
    "Maximum hi of AU12's speed (smoothed first difference at 100 Hz)."
    """
    table = name.removesuffix(".csv").removesuffix(".parquet").rstrip("/")
    if table in TABLES:
        return [column for column in columns if column.table == table]
    return [match for column in columns if (match := column.named(name)) is not None]


def as_records(columns: Iterable[Column]) -> list[dict[str, str]]:
    """Columns as dictionaries of text, for CSV and JSON; each says the version of its table's schema."""
    records = []
    for column in columns:
        version = TABLES[column.table].schema_version
        cells = {"table": column.table, "schema_version": version, **asdict(column)}
        cells |= {"decimals": column.cell_decimals, "optional": "yes" if column.optional else ""}
        records.append({key: str(cell) for key, cell in cells.items()})
    return records


def as_markdown(columns: Sequence[Column] = COLUMNS) -> str:
    """Columns as Markdown, one section and one table per output table."""
    parts = [
        "# What the columns mean\n\n`facs columns --format markdown` writes this page. `<nn>` is an action unit's "
        "number, `<i>` a landmark's, `<emotion>` one of the model's; m, lo and hi are a series' mean, minimum and "
        "maximum. A flag is 0 or 1. A table's version is raised whenever its columns change.\n"
    ]
    for table in TABLES.values():
        rows = [column for column in columns if column.table == table.name]
        if not rows:
            continue
        parts.append(
            f"## {table.name}\n\n{table.rows} Version {table.schema_version}.\n\n"
            "| column | meaning | type | unit | range | decimals | source |\n|---|---|---|---|---|---|---|"
        )
        for row in rows:
            # Outside code spans Markdown would take <i> and <nn> for HTML.
            cells = [row.meaning, row.type, row.unit, row.range, row.cell_decimals, row.source]
            cells = [cell.replace("<", "&lt;").replace("|", "&#124;") for cell in cells]
            parts.append(f"| `{row.name}` | {' | '.join(cells)} |")
        parts[-1] += "\n"
    return "\n".join(parts)

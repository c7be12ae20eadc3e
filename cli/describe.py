"""`facs describe`: action-unit tables that exist already -> the descriptor table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from facs_pipeline.foundation.text import counted

from .aus import AUList
from .console import ConsoleProgress

if TYPE_CHECKING:
    from facs_pipeline.dynamics.evidence import DescriptorSet
    from facs_pipeline.tables.time_base import TimeUnit
    from facs_pipeline.tables.writing import Form


@click.command(
    epilog="""\b
Examples:
  facs describe facs-output --out descriptors.csv
  facs describe openface/*.csv --aus 1,2,4,6,9,12,25 --out descriptors.csv
  facs describe pyfeat/ --fps 30 --metadata people.csv --out descriptors.parquet

Without --aus the seven of the published method (1,2,4,6,9,12,25) are described if the tables have them, else the
seven of the embedded model (1,2,4,7,10,12,25), else all; tables that differ want --aus. py-feat's values lie between
0 and 1, the others' between 0 and 5: do not train one model on both."""
)
@click.argument("tables", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Descriptor table to write.")
@click.option("--fps", type=click.FloatRange(min=0, min_open=True), help="Frame rate of tables without time stamps.")
@click.option(
    "--time-unit", type=click.Choice(["s", "ms", "us", "min"]),
    help="What time stamps count, where they give no camera's frame rate.  [default: as the program writes them]",
)  # fmt: skip
@click.option(
    "--min-confidence", type=click.FloatRange(0, 1), default=0.0, show_default=True,
    help="Pass over faces that the table is less sure of: hidden, half outside, blurred.",
)  # fmt: skip
@click.option(
    "--aus", type=AUList(), default="default", show_default=True, help="Action units: default, all, 1,2,4 ..."
)
@click.option(
    "--descriptor-set", type=click.Choice(["published", "extended"]), default="published", show_default=True,
    help="The published descriptor, or the extended one: all action units, lips, lids, brows, head.",
)  # fmt: skip
@click.option("--metadata", type=click.Path(path_type=Path), help="Table with video, subject, emotion, label.")
@click.option(
    "--baseline",
    type=click.Choice(["none", "video"]),
    default="none",
    show_default=True,
    help="Subtract the resting face: the median of the calmest tenth of each video's frames.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "tsv", "parquet", "xlsx", "json", "jsonl"]),
    help="Format of --out.  [default: by its ending, else csv]",
)
def command(
    tables: tuple[str, ...],
    out: Path,
    fps: float | None,
    time_unit: TimeUnit | None,
    min_confidence: float,
    aus: Literal["default", "all"] | tuple[int, ...],
    descriptor_set: DescriptorSet,
    metadata: Path | None,
    baseline: Literal["none", "video"],
    form: Form | None,
) -> None:
    """Describe each video and face of existing action-unit TABLES (of facs, OpenFace, LibreFace or py-feat).

    TABLES are CSV (any separator, also .gz), parquet or xlsx files, folders or globs. One row a video and face: video,
    face_id, subject, emotion, label, then 62 statistics an action unit; `facs columns descriptors` says what they
    mean, `facs columns extended_descriptors` what --descriptor-set extended writes.
    A table that cannot be used is reported, the others finish, and the exit code is 1.
    """
    from facs_pipeline.extraction.table_descriptors import describe_tables
    from facs_pipeline.extraction.table_series import SeriesOptions
    from facs_pipeline.foundation.files.atomic import require_place
    from facs_pipeline.tables.writing import table_form, write_table

    table_form(out, form)
    require_place(out, "name another file with --out")
    options = SeriesOptions(aus, fps, min_confidence, baseline, time_unit)
    described = describe_tables(
        tables,
        options,
        descriptor_set=descriptor_set,
        metadata=metadata,
        exclude=[out],
        progress=ConsoleProgress(),
    )
    write_table(described.table, out, form)
    numbers = ", ".join(map(str, described.aus))
    rows, tables_read = counted(len(described.table), "row"), counted(described.tables, "table")
    click.echo(f"{out}: {rows} from {tables_read}, action units {numbers}")
    if described.failed:
        click.get_current_context().exit(1)

"""`facs events`: action-unit tables -> onset, apex and offset of each movement, also as ELAN files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from facs_pipeline.dynamics.events import OFFSET, ONSET, SHORTEST_S
from facs_pipeline.foundation.text import counted

from .aus import AUList
from .console import ConsoleProgress

if TYPE_CHECKING:
    from facs_pipeline.extraction.table_events import TableEvents
    from facs_pipeline.tables.time_base import TimeUnit
    from facs_pipeline.tables.writing import Form

EPILOG = """\b
Examples:
  facs events results --out events.csv                   # of the folder that extract-features made
  facs events results --aus 1,2,4,12 --elan elan/        # a file for each video that ELAN opens beside it
  facs events openface/*.csv --onset 2 --offset 1 --baseline none
\b
A movement lasts as long as its action unit is at least --offset strong, and reaches --onset somewhere. Intensities
count above the person's resting face (--baseline video); py-feat's values (0..1) are taken five times.
`facs columns events` explains the columns. Exit codes: 0 all done, 1 some tables could not be used, 2 wrong usage.
"""


@click.command("events", epilog=EPILOG)
@click.argument("tables", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), default="events.csv", show_default=True, help="Table to write.")
@click.option("--aus", type=AUList(), default="all", show_default=True, help="Action units: all, default, 1,2,4 ...")
@click.option("--onset", type=click.FloatRange(0, 5), default=ONSET, show_default=True, help="Intensity to be reached.")
@click.option("--offset", type=click.FloatRange(0, 5), default=OFFSET, show_default=True, help="Intensity to be kept.")
@click.option(
    "--shortest", type=click.FloatRange(min=0), default=SHORTEST_S, show_default=True,
    help="Leave out what is over in less time, in seconds.",
)  # fmt: skip
@click.option(
    "--baseline", type=click.Choice(["video", "none"]), default="video", show_default=True,
    help="Subtract the resting face: the median of the calmest tenth of each video's frames.",
)  # fmt: skip
@click.option("--fps", type=click.FloatRange(min=0, min_open=True), help="Frame rate of tables without time stamps.")
@click.option(
    "--time-unit", type=click.Choice(["s", "ms", "us", "min"]),
    help="What time stamps count, where they give no camera's frame rate.  [default: as the program writes them]",
)  # fmt: skip
@click.option(
    "--min-confidence", type=click.FloatRange(0, 1), default=0.0, show_default=True,
    help="Pass over faces that the table is less sure of: hidden, half outside, blurred.",
)  # fmt: skip
@click.option("--elan", type=click.Path(path_type=Path), metavar="DIR", help="Write <video>.eaf for each video there.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "tsv", "parquet", "xlsx", "json", "jsonl"]),
    help="Format of --out.  [default: by its ending, else csv]",
)
def command(
    tables: tuple[str, ...],
    out: Path,
    aus: Literal["default", "all"] | tuple[int, ...],
    onset: float,
    offset: float,
    shortest: float,
    baseline: Literal["video", "none"],
    fps: float | None,
    time_unit: TimeUnit | None,
    min_confidence: float,
    elan: Path | None,
    form: Form | None,
) -> None:
    """Onset, apex and offset of each movement in action-unit TABLES (of facs, OpenFace, LibreFace or py-feat).

    TABLES are CSV (any separator, also .gz), parquet or xlsx files, folders or globs. A table that cannot be used is
    reported, the others finish.
    """
    from facs_pipeline.extraction.table_events import EventLevels, find_table_events, write_elan
    from facs_pipeline.extraction.table_series import SeriesOptions
    from facs_pipeline.foundation.files.atomic import require_place
    from facs_pipeline.tables.writing import table_form, write_table

    if not 0 < offset <= onset:
        raise click.BadParameter(f"{offset:g}; expected above 0, and at most --onset {onset:g}", param_hint="--offset")
    table_form(out, form)
    require_place(out, "name another file with --out")
    options = SeriesOptions(aus, fps, min_confidence, baseline, time_unit)
    levels = EventLevels(onset, offset, shortest)
    events = find_table_events(tables, options, levels, exclude=[out], progress=ConsoleProgress())
    write_table(events.table, out, form)
    if elan is not None:
        write_elan(events, elan)
    _print_summary(events)
    found = f"{counted(len(events.table), 'event')} in {counted(events.videos, 'video')}"
    click.echo(f"{out}: {found}{f'; for ELAN: {elan}' if elan else ''}")
    if events.failed:
        click.get_current_context().exit(1)


def _print_summary(events: TableEvents) -> None:
    if not len(events.table):
        click.echo("No movement reaches the onset level.")
        return
    click.echo("action unit  events  per minute  median s  strongest")
    for one in events.summary():
        where = f"{one.strongest:.1f} in {one.video} at {one.apex_s:.2f} s"
        click.echo(f"AU{one.au:02d}         {one.n_events:>6}  {one.per_minute:>10.1f}  {one.median_s:>8.2f}  {where}")

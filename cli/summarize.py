"""`facs summarize`: what each person shows under each condition, and what differs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from .console import CountedFailures, print_skipped

EPILOG = """\b
Examples:
  facs extract-features interviews --metadata people.csv --out results
  facs summarize results --by condition,subject
  facs summarize results --by condition,subject --format sav --out study
  facs summarize results --by emotion,label,subject --figure png --signals AU06,AU12
\b
Results in OUT: videos_long, videos_wide, persons_long, persons_wide, groups, differences, variables.csv, figure.
Differences are paired within persons; intervals are over persons (bootstrap); p values are corrected over the signals
of one kind. Exit codes: 0 summarised, 1 some tables cannot be read (named), 2 wrong usage.
"""


@click.command("summarize", epilog=EPILOG)
@click.argument("results", type=click.Path(path_type=Path))
@click.option(
    "--by", default="condition,subject", show_default=True, metavar="COLUMN,COLUMN..",
    help="Columns of the metadata: conditions, and who is shown.",
)  # fmt: skip
@click.option("--person", default="subject", show_default=True, help="Which of them says who is shown.")
@click.option(
    "--metadata", type=click.Path(path_type=Path),
    help="Table with the column video and those of --by.  [default: the run's own metadata.csv]",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default="facs-summary", show_default=True, help="Folder.")
@click.option(
    "--format", "form", type=click.Choice(["csv", "xlsx", "parquet", "sav"]), default="csv", show_default=True,
    help="Of the tables; sav is SPSS's, with labels.",
)  # fmt: skip
@click.option(
    "--figure", type=click.Choice(["svg", "png", "none"]), default="svg", show_default=True,
    help="Each person's line between conditions; needs matplotlib.",
)  # fmt: skip
@click.option("--signals", default="", metavar="AU06,AU12..", help="What is drawn.  [default: what differs most]")
@click.option(
    "--statistic", default="mean", show_default=True, help="What is drawn: mean, time_share, events_per_minute .."
)
@click.option(
    "--correction", type=click.Choice(["holm", "bh"]), default="holm", show_default=True,
    help="Of p values for many signals: Holm, or Benjamini and Hochberg.",
)  # fmt: skip
@click.option(
    "--min-confidence", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Of the frames used."
)
@click.option("--keep-all", is_flag=True, help="Also use videos whose verdict is to leave them out.")
@click.option("--quality", type=click.Path(path_type=Path), help="TOML file of limits for that verdict.")
@click.option("--jobs", type=click.IntRange(1), help="Processes.  [default: one per core]")
def command(
    results: Path,
    by: str,
    person: str,
    metadata: Path | None,
    out: Path,
    form: Literal["csv", "xlsx", "parquet", "sav"],
    figure: Literal["svg", "png", "none"],
    signals: str,
    statistic: str,
    correction: Literal["holm", "bh"],
    min_confidence: float,
    keep_all: bool,
    quality: Path | None,
    jobs: int | None,
) -> int:
    """Summarise RESULTS, a folder that facs extract-features wrote, by columns of its metadata."""
    from facs_pipeline.foundation.figures import require_figures
    from facs_pipeline.foundation.files.atomic import make_writable
    from facs_pipeline.foundation.text import counted
    from facs_pipeline.study.figure import draw_summary, strongest
    from facs_pipeline.study.files import require_format, write_summary
    from facs_pipeline.study.quality import limits_of
    from facs_pipeline.study.results import read_results
    from facs_pipeline.study.signals import STATISTICS
    from facs_pipeline.study.summary import SummaryOptions, summarize

    if statistic not in STATISTICS:
        raise click.UsageError(f"--statistic {statistic}: expected one of {', '.join(STATISTICS)}")
    require_format(form)
    if figure != "none":
        require_figures(out / f"figure.{figure}")
    columns = tuple(dict.fromkeys(name.strip() for name in by.split(",") if name.strip()))
    options = SummaryOptions(
        columns, person, min_confidence, not keep_all, limits_of(quality) if quality else None, correction, jobs=jobs
    )
    read = read_results(results, metadata)
    progress = CountedFailures()
    make_writable(out, "name another folder with --out")
    summary = summarize(read, options, progress)
    written = write_summary(summary, out, form, options.by)
    drawn = out / f"figure.{figure}"
    if figure != "none" and draw_summary(
        summary, options, drawn, statistic=statistic, signals=[one for one in signals.split(",") if one]
    ):
        written.append(drawn)
    print_skipped([tuple(one.split(": ", 1)) for one in summary.left_out], "Left out")  # type: ignore[misc]
    for note in summary.notes:
        click.echo(f"Note: {note}", err=True)
    told = [counted(summary.videos["video"].nunique(), "video")]
    if len(summary.persons) and person in options.by:
        told.append(counted(summary.persons[person].nunique(), "person"))
    click.echo(f"{', '.join(told)}, by {', '.join(options.by)}: {out} ({', '.join(path.name for path in written)})")
    if len(summary.differences):
        clear = int((summary.differences["p_corrected"] < 0.05).sum())
        click.echo(f"{clear} of {len(summary.differences)} differences have a corrected p below 0.05; the clearest:")
        for line in strongest(summary.differences):
            click.echo(f"  {line}")
    return 1 if progress.failed else 0

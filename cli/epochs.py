"""`facs epochs`: what the face does around stimuli."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from .aus import AUNumbers
from .console import CountedFailures, print_skipped

EPILOG = """\b
Examples:
  facs epochs results --onsets trials.csv
  facs epochs results --onsets trials.csv --by condition --window -1 4 --baseline -0.5 0
  facs epochs results --onsets bids/ --by trial_type --aus 4,6,12 --figure png
  facs epochs results --onsets anna.eaf --tier stimulus --no-baseline
\b
A table of onsets has a row for each: onset (seconds from the start of the video), timestamp (as in the tables) or frame
(from 1), the column video, and others such as condition. Without video it is of the video after which the file is named
(BIDS: <name>_events.tsv), else of every video.
Results in OUT: epochs, trials, curves, differences, variables.csv, figure.
Exit codes: 0 done, onsets that cannot be used are named; 1 some tables cannot be read (named); 2 wrong usage.
"""


@click.command("epochs", epilog=EPILOG)
@click.argument("results", type=click.Path(path_type=Path))
@click.option(
    "--onsets", "files", type=click.Path(path_type=Path), multiple=True, required=True,
    help="Table, BIDS events.tsv, ELAN .eaf, or a folder of the latter two; may be repeated.",
)  # fmt: skip
@click.option("--tier", help="Of ELAN documents.  [default: the only one]")
@click.option(
    "--window", nargs=2, type=float, default=(-1.0, 4.0), show_default=True, metavar="FROM TO", help="Seconds."
)
@click.option(
    "--baseline", nargs=2, type=float, default=(-0.5, 0.0), show_default=True, metavar="FROM TO",
    help="Seconds; the mean there is subtracted.",
)  # fmt: skip
@click.option("--no-baseline", is_flag=True, help="Subtract nothing.")
@click.option("--aus", type=AUNumbers(), help="Action units, such as 6,12.  [default: all]")
@click.option("--by", default="", metavar="COLUMN,COLUMN..", help="Conditions: columns of the onsets or metadata.")
@click.option("--person", default="subject", show_default=True, help="Column that says who is shown.")
@click.option("--metadata", type=click.Path(path_type=Path), help="Table of videos.  [default: the run's own]")
@click.option("--rate", type=click.FloatRange(1, 1000), help="Moments a second.  [default: the videos' median]")
@click.option(
    "--min-confidence", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Of the frames used."
)
@click.option(
    "--min-share", type=click.FloatRange(0, 1), default=0.5, show_default=True,
    help="Epochs with a smaller share of usable moments are left out.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default="facs-epochs", show_default=True, help="Folder.")
@click.option(
    "--format", "form", type=click.Choice(["csv", "xlsx", "parquet", "sav"]), default="csv", show_default=True,
    help="Of the tables; sav is SPSS's, with labels.",
)  # fmt: skip
@click.option(
    "--figure", type=click.Choice(["svg", "png", "pdf", "none"]), default="svg", show_default=True,
    help="Mean curves; needs matplotlib.",
)  # fmt: skip
@click.option("--jobs", type=click.IntRange(1), help="Processes.  [default: one per core]")
def command(
    results: Path,
    files: tuple[Path, ...],
    tier: str | None,
    window: tuple[float, float],
    baseline: tuple[float, float],
    no_baseline: bool,
    aus: tuple[int, ...] | None,
    by: str,
    person: str,
    metadata: Path | None,
    rate: float | None,
    min_confidence: float,
    min_share: float,
    out: Path,
    form: Literal["csv", "xlsx", "parquet", "sav"],
    figure: Literal["svg", "png", "pdf", "none"],
    jobs: int | None,
) -> int:
    """Cut RESULTS, a folder that facs extract-features wrote, around onsets, and average over persons."""
    from facs_pipeline.foundation.figures import require_figures
    from facs_pipeline.foundation.files.atomic import make_writable
    from facs_pipeline.foundation.text import counted
    from facs_pipeline.study.epoch_files import draw_epochs, write_epochs
    from facs_pipeline.study.epochs import TRIAL_STATISTICS, EpochOptions, cut_epochs
    from facs_pipeline.study.figure import strongest
    from facs_pipeline.study.files import require_format
    from facs_pipeline.study.onsets import read_onsets
    from facs_pipeline.study.results import read_results

    require_format(form)
    drawn = out / f"figure.{figure}"
    if figure != "none":
        require_figures(drawn)
    conditions = tuple(dict.fromkeys(name.strip() for name in by.split(",") if name.strip()))
    options = EpochOptions(
        window,
        None if no_baseline else baseline,
        aus or (),
        conditions,
        person,
        min_confidence,
        min_share,
        rate,
        jobs=jobs,
    )
    read = read_results(results, metadata)
    onsets = read_onsets(files, [video.name for video in read.videos], tier=tier)
    progress = CountedFailures()
    make_writable(out, "name another folder with --out")
    epochs = cut_epochs(read, onsets, options, progress)
    written = write_epochs(epochs, out, form)
    if figure != "none":
        if draw_epochs(epochs, options, drawn, signals=[f"AU{au:02d}" for au in options.aus]):
            written.append(drawn)
        else:
            click.echo(f"Note: no figure, too many combinations of {by} to tell apart; name fewer columns", err=True)
    print_skipped([tuple(one.split(": ", 1)) for one in epochs.left_out], "Left out")  # type: ignore[misc]
    for note in epochs.notes:
        click.echo(f"Note: {note}", err=True)
    told = [counted(epochs.trials["epoch"].nunique(), "epoch"), counted(epochs.trials["video"].nunique(), "video")]
    if epochs.unit != "video":
        told.append(counted(epochs.trials[epochs.unit].nunique(), "person"))
    click.echo(f"{', '.join(told)}: {out} ({', '.join(path.name for path in written)})")
    if len(epochs.differences):
        click.echo(f"{counted(len(epochs.differences), 'difference')}; the clearest:")
        for line in strongest(epochs.differences, TRIAL_STATISTICS):
            click.echo(f"  {line}")
    return 1 if progress.failed else 0

"""`facs export-bids`: results as a BIDS dataset."""

from __future__ import annotations

from pathlib import Path

import click

from .console import CountedFailures, print_skipped

EPILOG = """\b
Examples:
  facs export-bids results --out bids
  facs export-bids results --out bids --task condition --session visit --name "Forty interviews"
\b
Each video becomes a recording in sub-<subject>/beh: curves (_physio.tsv.gz), movements (_events.tsv), and what the
columns mean (.json). participants.tsv has what the metadata say of persons. Videos are not copied.
Exit codes: 0 written, 1 some tables cannot be read (named), 2 wrong usage.
"""


@click.command("export-bids", epilog=EPILOG)
@click.argument("results", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default="facs-bids", show_default=True, help="Folder.")
@click.option("--person", default="subject", show_default=True, help="Column of the metadata that says who is shown.")
@click.option(
    "--task", default="task", show_default=True,
    help="Column of the metadata that says what was done, or the name of the one task.",
)  # fmt: skip
@click.option("--session", help="Column of the metadata.")
@click.option("--name", default="Facial action units", show_default=True, help="Of the dataset.")
@click.option("--metadata", type=click.Path(path_type=Path), help="Table of videos.  [default: the run's own]")
def command(
    results: Path, out: Path, person: str, task: str, session: str | None, name: str, metadata: Path | None
) -> int:
    """Write RESULTS, a folder that facs extract-features wrote, as a BIDS dataset."""
    from facs_pipeline.foundation.files.atomic import make_writable
    from facs_pipeline.foundation.text import counted
    from facs_pipeline.study.bids import BidsOptions, write_bids
    from facs_pipeline.study.results import read_results

    read = read_results(results, metadata)
    make_writable(out, "name another folder with --out")
    progress = CountedFailures()
    left_out = write_bids(read, out, BidsOptions(person, task, session, name), progress)
    print_skipped([tuple(one.split(": ", 1)) for one in left_out], "Left out")  # type: ignore[misc]
    click.echo(f"{counted(len(read.videos) - len(left_out) - progress.failed, 'recording')}: {out}")
    return 1 if progress.failed else 0

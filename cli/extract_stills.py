"""`facs extract-stills`: photos -> one table of action units, landmarks and head pose, a row for each face."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from facs_pipeline.foundation.text import counted

from .console import ConsoleProgress, print_skipped
from .model_files import au_model

EPILOG = """\b
Examples:
  facs extract-stills photos/ --out stills.csv
  facs extract-stills 'study/*.jpg' group.png --faces all --out stills.parquet
\b
Each image stands for itself; a folder of a video's frames is a video: facs extract-features. `facs columns stills`
explains the columns; `facs explain-au photo.jpg` says why an intensity is what it is.
Exit codes: 0 all images done, 1 some could not be read (the others are done), 2 wrong usage or nothing usable.
"""


@click.command("extract-stills", epilog=EPILOG)
@click.argument("inputs", nargs=-1, required=True)
@click.option(
    "--out", type=click.Path(path_type=Path), default="stills.csv", show_default=True,
    help="Table to write: .csv, .tsv, .parquet, .xlsx, .json or .jsonl.",
)  # fmt: skip
@click.option(
    "--faces", type=click.Choice(["one", "all"]), default="one", show_default=True,
    help="The main face of each image, or all of them.",
)  # fmt: skip
@au_model
@click.option("--landmarks", type=click.Path(path_type=Path), help="Landmark model file.  [default: the package's]")
@click.option(
    "--least-confidence", type=click.FloatRange(0, 1), default=0.5, show_default=True,
    help="Leave out action units of a half of a face that is trusted less; 0 for all.",
)  # fmt: skip
@click.option("--jobs", type=click.IntRange(min=1), help="Processes.  [default: one per core]")
def command(
    inputs: tuple[str, ...],
    out: Path,
    faces: Literal["one", "all"],
    au_model: Path | None,
    landmarks: Path | None,
    least_confidence: float,
    jobs: int | None,
) -> int:
    """Action units, landmarks and head pose of the faces in INPUTS.

    INPUTS are images, folders of them (searched recursively) and globs. A row for each face; an image without a face
    is a row with success 0 and empty cells. A run that was killed goes on where it stopped: until the table is written,
    what is done lies in OUT.unfinished.
    """
    from facs_pipeline.extraction.stills_run import StillsOptions, extract_stills

    result = extract_stills(
        inputs, StillsOptions(out, faces, au_model, landmarks, jobs, least_confidence), ConsoleProgress()
    )
    print_skipped(result.skipped)
    print_skipped(result.notes, "Note")
    if result.videos:
        count = len(result.videos)
        click.echo(f"Note: videos are passed over ({count}); facs extract-features measures them", err=True)
    if not len(result.table):
        click.echo("Error: not one image could be used; nothing was written", err=True)
        return 2
    without = result.without_face
    faces_found = counted(len(result.table) - without, "face")
    click.echo(f"{out}: {faces_found} in {counted(result.images, 'image')}, {without} without a face")
    return 1 if result.skipped else 0

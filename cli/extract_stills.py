"""`facs extract-stills`: photos -> one table of action units, landmarks and head pose, a row for each face."""

from __future__ import annotations

import os
from pathlib import Path

import click

from .console import ConsoleProgress

EPILOG = """\b
Examples:
  facs extract-stills photos/ --out stills.csv
  facs extract-stills 'study/*.jpg' group.png --faces all --out stills.parquet
\b
Each image stands for itself; a folder of a video's frames is a video: facs extract-features. `facs columns stills`
explains the columns; `facs explain-au photo.jpg` says why an intensity is what it is.
Exit codes: 0 all images done, 1 some could not be read (the others are done), 2 wrong usage or nothing usable.
"""
# Of many images that could not be read, so many are named.
_SHOWN = 20
_BATCH = 1000


@click.command("extract-stills", epilog=EPILOG)
@click.argument("inputs", nargs=-1, required=True)
@click.option(
    "--out", type=click.Path(path_type=Path), default="stills.csv", show_default=True,
    help="Table to write, .csv or .parquet.",
)  # fmt: skip
@click.option(
    "--faces", type=click.Choice(["one", "all"]), default="one", show_default=True,
    help="The main face of each image, or all of them.",
)  # fmt: skip
@click.option("--au-model", type=click.Path(path_type=Path), help="Action-unit model file.  [default: the package's]")
@click.option("--landmarks", type=click.Path(path_type=Path), help="Landmark model file.  [default: the package's]")
@click.option("--jobs", type=click.IntRange(min=1), help="Processes.  [default: one per core]")
def command(inputs: tuple[str, ...], out: Path, faces: str, au_model, landmarks, jobs: int | None) -> int:
    """Action units, landmarks and head pose of the faces in INPUTS.

    INPUTS are images, folders of them (searched recursively) and globs. A row for each face; an image without a face
    is a row with success 0 and empty cells. A run that was killed goes on where it stopped: until the table is written,
    what is done lies in OUT.unfinished.
    """
    import pandas as pd

    from facs_pipeline.action_units.model import ActionUnitModel
    from facs_pipeline.datasets.labelled_faces import Skipped
    from facs_pipeline.extraction.image_inputs import find_images_and_videos
    from facs_pipeline.extraction.stills import measure_stills, stills_table
    from facs_pipeline.foundation.files.result_store import ResultStore
    from facs_pipeline.landmarks.loading import load_landmarks

    from .describe import write

    model = ActionUnitModel.load(au_model) if au_model else ActionUnitModel.load_default()
    if landmarks:
        load_landmarks(landmarks)
    found = find_images_and_videos(inputs)
    unfinished = ResultStore(out.with_name(f"{out.name}.unfinished"))
    if unfinished.pieces:
        click.echo(f"{unfinished.folder}: going on where an earlier run stopped", err=True)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    options = {"faces": faces, "landmarks": landmarks, "jobs": jobs or cores, "unfinished": unfinished}
    skipped, batch, tables = list(found.skipped), [], []
    for one in measure_stills(found.images, progress=ConsoleProgress(), **options):
        (skipped if isinstance(one, Skipped) else batch).append(one)
        # Features of a hundred thousand faces would fill the memory; their rows do not.
        if len(batch) == _BATCH:
            tables.append(stills_table(batch, model))
            batch = []
    if batch:
        tables.append(stills_table(batch, model))
    for source, reason in skipped[:_SHOWN]:
        click.echo(f"Failed: {source}: {reason}", err=True)
    if len(skipped) > _SHOWN:
        click.echo(f"... and {len(skipped) - _SHOWN} more", err=True)
    if found.videos:
        click.echo(f"Note: videos are passed over ({len(found.videos)}); facs extract-features measures them", err=True)
    if not tables:
        click.echo("Error: not one image could be used; nothing was written", err=True)
        return 2
    table = pd.concat(tables, ignore_index=True)
    write(table, out, None)
    unfinished.clear()
    images, without = table["input"].nunique(), int((table["success"] == 0).sum())
    click.echo(f"{out}: {len(table) - without} faces in {images} images, {without} without a face")
    return 1 if skipped else 0

"""`facs predict-emotion`: images and videos -> probabilities of emotion labels for each face, and what moved them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from facs_pipeline.foundation.text import counted

from .console import ConsoleProgress, print_skipped

if TYPE_CHECKING:
    import pandas as pd

EPILOG = """\b
Examples:
  facs predict-emotion photo.jpg
  facs predict-emotion photos/ 'more/*.png' --faces all --out predictions.csv
  facs predict-emotion photos/ --explain why/            # why/<image>.png: heat map and reasons
  facs predict-emotion interview.mp4 --model best.npz
\b
Probabilities are of how people labelled FER2013's images (or what the model was trained on). They do not
say what somebody feels.
An image in which no face is found gets no emotion, found = 0, and for probabilities how frequent emotions are
in the model's training; a video's frame without a face has empty cells. `facs columns emotions` explains the columns.
\b
Exit codes: 0 all inputs done, 1 some could not be used (the others are done), 2 wrong usage or nothing usable.
"""
# Of a long table, so many rows are printed.
_SHOWN = 20


@click.command("predict-emotion", epilog=EPILOG)
@click.argument("inputs", nargs=-1, required=True)
@click.option(
    "--out", type=click.Path(path_type=Path), default="predictions.csv", show_default=True,
    help="Table to write: .csv, .tsv, .parquet, .xlsx, .json or .jsonl.",
)  # fmt: skip
@click.option("--model", type=click.Path(path_type=Path), help="Emotion model file.  [default: the package's, compact]")
@click.option(
    "--faces", type=click.Choice(["one", "all"]), default="one", show_default=True,
    help="The main face of each image or video, or all of them.",
)  # fmt: skip
@click.option(
    "--explain", type=click.Path(path_type=Path), metavar="DIR",
    help="Write a picture for each face there, and reasons.csv: which parts of it moved the decision.",
)  # fmt: skip
@click.option("--jobs", type=click.IntRange(min=1), help="Processes.  [default: one per core]")
def command(
    inputs: tuple[str, ...],
    out: Path,
    model: Path | None,
    faces: Literal["one", "all"],
    explain: Path | None,
    jobs: int | None,
) -> int:
    """Probabilities of emotion labels for the faces in INPUTS.

    INPUTS are images, videos, folders of them (searched recursively) and globs. Of a video each frame gets a row.
    A run that was killed goes on where it stopped: what is done lies in OUT.unfinished until the end.
    """
    from facs_pipeline.explanations.emotion_run import PredictionOptions, predict_emotions

    result = predict_emotions(inputs, PredictionOptions(out, model, faces, explain, jobs), ConsoleProgress())
    print_skipped(result.skipped)
    print_skipped(result.notes, "Note")
    if result.table is None:
        n = len(result.skipped)
        click.echo(f"Error: none of the {n} inputs could be used; nothing was written", err=True)
        return 2
    _print_summary(result.table, out, explain, len(result.skipped))
    return 1 if result.skipped else 0


def _print_summary(table: pd.DataFrame, out: Path, explain: Path | None, failed: int) -> None:
    if len(table) <= _SHOWN:
        width = max(len(name) for name in table["input"])
        for row in table.astype(object).where(table.notna(), None).to_dict("records"):
            face = f"  face {row['face_id']}" if row["face_id"] else ""
            label = f"{row['emotion']} {row['confidence']:.0%}" if row["emotion"] else "no face"
            click.echo(f"{row['input']:<{width}}{face}  {label}{'' if row['found'] else '  (no face found)'}")
    else:
        counts = table["emotion"].value_counts()
        click.echo(", ".join(f"{emotion} {count}" for emotion, count in counts.items()))
    stills = table[table["frame"].isna()]
    without = int((stills["found"] == 0).sum())
    if without:
        images = counted(stills["input"].nunique(), "image")
        click.echo(
            f"Note: no face found in {without} of {images} (found = 0): no emotion, and its probabilities are "
            "how frequent the emotions are in the model's training",
            err=True,
        )
    click.echo("Labels are what people would call the face, not what somebody feels.", err=True)
    also = f"; explanations: {explain}" if explain else ""
    inputs = counted(table["input"].nunique(), "input")
    click.echo(f"{inputs}, {counted(len(table), 'row')}, {failed} failed. Table: {out}{also}")

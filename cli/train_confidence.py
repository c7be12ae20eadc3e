"""`facs train-confidence`: train how far a face's landmarks can be trusted."""

from __future__ import annotations

from pathlib import Path

import click

from facs_pipeline.datasets.picture_source import PictureSource
from facs_pipeline.landmarks.model import DEFAULT_MODEL
from facs_pipeline.landmarks.training.confidence import ConfidenceTraining
from facs_pipeline.landmarks.training.confidence_run import ConfidenceOptions, train_confidence_file
from facs_pipeline.models.card import card_text

from .console import ConsoleProgress
from .pictures import PICTURES_HELP, PicturesType


@click.command(
    epilog="""\b
Examples:
  facs train-confidence --teacher face_landmarker.task --images faces.tar,persons=faces.csv \\
      --images frames.tar,persons=frames.csv,labels=teacher.npz --out confidence.npz
"""
    + PICTURES_HELP
)
@click.option("--teacher", type=click.Path(), required=True, help="MediaPipe's face_landmarker.task.")
@click.option("--images", type=PicturesType(), multiple=True, required=True, help="Images of faces; repeatable.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Model file to write (.npz).")
@click.option(
    "--landmarks", type=click.Path(path_type=Path), default=DEFAULT_MODEL,
    help="Landmark model whose points are judged.  [default: the package's]",
)  # fmt: skip
@click.option("--repeats", type=click.IntRange(1), default=8, show_default=True, help="Samples from each image.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of everything random.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes for the teacher.")
@click.option(
    "--cache", type=click.Path(path_type=Path), help="Folder for labels between runs.  [default: OUT's .cache]"
)
def command(
    teacher: str,
    images: tuple[PictureSource, ...],
    out: Path,
    landmarks: Path,
    repeats: int,
    seed: int,
    jobs: int,
    cache: Path | None,
) -> None:
    """Train how likely a face's landmarks are right, and what hides a face.

    The images are hidden, blurred, darkened and shrunk on purpose. Those of persons whom the landmark model has not
    seen teach the probabilities; these are measured on folds of persons. Name the same images as for the landmark
    model, so that it is known whom that has seen. The teacher's points are cached.
    """
    if out.suffix != ".npz":
        raise click.UsageError(f"--out {out}: model files end in .npz")
    settings = ConfidenceTraining(unseen_repeats=repeats, seed=seed)
    options = ConfidenceOptions(out, landmarks, teacher, settings, jobs, cache)
    click.echo(card_text(train_confidence_file(images, options, ConsoleProgress())))
    click.echo(f"\nModel: {out}, its card as JSON: {out.with_suffix('.json')}")

"""`facs train-landmarks`: train the 68-point landmark model from a teacher's points."""

from __future__ import annotations

from pathlib import Path

import click

from facs_pipeline.datasets.picture_source import PictureSource
from facs_pipeline.landmarks.training.run import LandmarkTrainingOptions, train_landmark_file
from facs_pipeline.landmarks.training.settings import LandmarkTraining
from facs_pipeline.models.card import card_text

from .console import ConsoleProgress
from .pictures import PICTURES_HELP, PicturesType


class _Printed(ConsoleProgress):
    """The log of a training is its result as much as the model's card."""

    def log(self, text: str) -> None:
        """The line, on standard output."""
        click.echo(text)


@click.command(
    epilog="""\b
Examples:
  facs train-landmarks --teacher face_landmarker.task --images photos --out mine.npz
  facs train-landmarks --teacher face_landmarker.task \\
      --images faces.tar,persons=faces.csv --images frames.tar,persons=frames.csv,labels=teacher.npz --out mine.npz
"""
    + PICTURES_HELP
)
@click.option("--teacher", type=click.Path(), required=True, help="MediaPipe's face_landmarker.task.")
@click.option("--images", type=PicturesType(), multiple=True, required=True, help="Images of faces; repeatable.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Model file to write (.npz).")
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True, help="Samples from each image.")
@click.option(
    "--warped",
    type=click.FloatRange(0, 1),
    default=0.3,
    show_default=True,
    help="Share of samples whose mouth, brows and lids are moved.",
)
@click.option("--ridge", type=click.FloatRange(0, min_open=True), default=0.7, show_default=True, help="Penalty.")
@click.option("--hold-out", type=click.FloatRange(0, 50), default=10.0, show_default=True, help="% of persons.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of everything random.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes for the teacher.")
@click.option(
    "--cache", type=click.Path(path_type=Path), help="Folder for labels between runs.  [default: OUT's .cache]"
)
def command(
    teacher: str,
    images: tuple[PictureSource, ...],
    out: Path,
    repeats: int,
    warped: float,
    ridge: float,
    hold_out: float,
    seed: int,
    jobs: int,
    cache: Path | None,
) -> None:
    """Train a 68-point landmark model; measure it on persons held out.

    The teacher's points are cached: a second run only trains. Use the model with
    `facs extract-features --landmarks OUT`; `facs train-au --landmarks OUT` trains an action-unit model on its points.

    Beside OUT its card is written as JSON, and, given 98 faces of 128 px or more, the principal modes of their shape:
    OUT's name with -shape-modes.npz. Features are made with the package's own modes, whatever the landmark model is.
    """
    if out.suffix != ".npz":
        raise click.UsageError(f"--out {out}: model files end in .npz")
    settings = LandmarkTraining(repeats=repeats, warped=warped, ridge=ridge, seed=seed)
    options = LandmarkTrainingOptions(out, teacher, settings, hold_out, jobs, cache)
    trained = train_landmark_file(images, options, _Printed())
    click.echo(card_text(trained.card))
    click.echo(f"\nModel: {trained.path}, its card as JSON: {trained.card_path}")
    if trained.shape_modes is not None:
        click.echo(f"Shape modes: {trained.shape_modes}")

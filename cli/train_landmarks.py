"""`facs train-landmarks`: train the 68-point landmark model from a teacher's points."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click

from facs_pipeline.action_units.training.pseudo_labels import label_pictures, read_labels
from facs_pipeline.foundation.files.atomic import atomic_write
from facs_pipeline.landmarks.training.recipe import gather_faces, train, train_shape_modes
from facs_pipeline.landmarks.training.settings import LandmarkTraining
from facs_pipeline.models.card import card_text

from .console import ConsoleProgress
from .pictures import PICTURES_HELP, PicturesSpec, open_spec


class _Printed(ConsoleProgress):
    """The log of a training is its result as much as the model's card."""

    def log(self, text: str) -> None:
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
@click.option("--images", type=PicturesSpec(), multiple=True, required=True, help="Images of faces; repeatable.")
@click.option("--out", type=click.Path(), required=True, help="Model file to write (.npz).")
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
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes for the teacher.")
@click.option("--cache", type=click.Path(), help="Folder for labels between runs. Default: OUT's .cache.")
def command(teacher, images, out, repeats, warped, ridge, hold_out, seed, jobs, cache) -> None:
    """Train a 68-point landmark model; measure it on persons held out.

    The teacher's points are cached: a second run only trains. Use the model with
    `facs extract-features --landmarks OUT`; `facs train-au --landmarks OUT` trains an action-unit model on its points.

    Beside OUT its card is written as JSON, and, given 98 faces of 128 px or more, the principal modes of their shape:
    OUT's name with -shape-modes.npz. Features are made with the package's own modes, whatever the landmark model is.
    """
    out = Path(out)
    if out.suffix != ".npz":
        raise click.UsageError(f"--out {out}: model files end in .npz")
    cache = Path(cache) if cache else out.with_suffix(".cache")
    progress = _Printed()
    sources = []
    for spec in images:
        pictures, options = open_spec(spec), spec[1]
        if "labels" in options:
            labels = read_labels(options["labels"], pictures)
        else:
            labels = label_pictures(pictures, teacher, cache, jobs=jobs, progress=progress)
        sources.append(gather_faces(pictures, labels, options["weight"], progress))
    settings = LandmarkTraining(repeats=repeats, warped=warped, ridge=ridge, seed=seed)
    model = train(sources, settings, hold_out_percent=hold_out, progress=progress)
    model.save(out)
    card = type(model).load(out).card
    with atomic_write(out.with_suffix(".json")) as file:
        json.dump(card, file, indent=1, sort_keys=True, ensure_ascii=False)
        file.write("\n")
    click.echo(card_text(card))
    click.echo(f"\nModel: {out}, its card as JSON: {out.with_suffix('.json')}")
    modes = train_shape_modes(model, sources, hold_out_percent=hold_out)
    if modes is not None:
        modes = replace(modes, card={**modes.card, "landmark_model": card["content_sha256"]})
        click.echo(f"Shape modes: {modes.save(out.with_name(f'{out.stem}-shape-modes.npz'))}")

"""`facs evaluate-emotion`: measure a trained emotion model on labelled faces."""

from __future__ import annotations

from pathlib import Path

import click

from facs_pipeline.datasets.face_images import training_partners
from facs_pipeline.emotions.model import COMPACT_MODEL, EmotionModel
from facs_pipeline.emotions.training.evaluation import labelled_for

from .console import ConsoleProgress
from .emotion_data import accuracy_line, measure, open_labelled, say_skipped, see, split_to_test
from .train_emotion import data_options


@click.command(
    epilog="""\b
Examples:
  facs evaluate-emotion emotions/best.npz fer2013.csv --split test --out best-on-test
  facs evaluate-emotion compact KDEF --protocol none --out compact-on-kdef
  facs report best-on-test --open
\b
Exit codes: 0 done, 2 wrong usage or data that cannot be used.
"""
)
@click.argument("model")
@click.argument("data", type=click.Path())
@click.option("--out", type=click.Path(path_type=Path), default="facs-emotions-test", show_default=True, help="Folder.")
@click.option("--split", help="Split to measure on.  [default: validation, else test, else all faces]")
@click.option(
    "--training", help="Split of DATA that the model was trained on, to tell near-duplicates.  [default: train]"
)
@click.option("--cache", type=click.Path(path_type=Path), help="Folder for faces between runs.  [default: OUT/cache]")
@data_options
def command(model, data, out, split, training, cache, kind, protocol, angles, jobs) -> None:
    """Measure MODEL (an .npz, or `compact`, the one in the package) on the labelled faces of DATA.

    Every image counts, also where no face is found. Writes OUT/accuracy.json (for `facs report`),
    predictions-<model>.csv and pictures of the most confident mistakes.
    """
    path = COMPACT_MODEL if model == "compact" else Path(model)
    loaded = EmotionModel.load(path)
    faces = open_labelled(data, kind, protocol, angles)
    wanted = split_to_test(faces, split)
    chosen = faces if wanted is None else faces.split(wanted)
    tested, skipped = labelled_for(chosen, loaded.emotions)
    say_skipped(faces.name, skipped)
    seen = see(tested, cache or out / "cache", jobs)
    near, trained = None, split_to_test(faces, training) if training else "train"
    if trained != wanted and (faces.splits == trained).any():
        others = faces.split(trained)
        near = training_partners(tested, others, progress=ConsoleProgress()).near()
    entry = measure(
        loaded, path, tested, seen, out,
        near_duplicate=near, data=f"{wanted or 'all'} of {faces.name}", jobs=jobs,
        fer2013_test=wanted == "test" and "fer2013" in str(data).lower(),
    )  # fmt: skip
    click.echo(accuracy_line(entry))
    click.echo(f"\nIn {out}: accuracy.json, predictions. To read: facs report {out} --open")

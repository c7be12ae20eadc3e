"""`facs train-emotion`: train named emotion models on labelled faces and measure them on faces never trained on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click
import numpy as np

from facs_pipeline.datasets.face_images import training_partners
from facs_pipeline.datasets.fer2013 import FER2013_EMOTIONS
from facs_pipeline.datasets.kdef import PROTOCOLS
from facs_pipeline.datasets.labelled_faces import LabelledFaces
from facs_pipeline.datasets.open_faces import KINDS
from facs_pipeline.emotions.model import EmotionModel
from facs_pipeline.emotions.training.evaluation import labelled_for
from facs_pipeline.emotions.training.learning_curve import EvaluatedModel, emotion_curve
from facs_pipeline.emotions.training.recipes import RECIPES
from facs_pipeline.emotions.training.train import LABELS, TrainingFaces, TrainingRun, classes_of, train_emotion
from facs_pipeline.foundation.errors import InputError, ModelError

from .console import ConsoleProgress
from .emotion_data import (
    accuracy_line,
    card_figures,
    curve_line,
    measure,
    open_labelled,
    say_skipped,
    see,
    split_to_test,
    write_entry,
)

DATA_OPTIONS = (
    click.option("--kind", type=click.Choice(KINDS), default="auto", show_default=True, help="Layout of DATA."),
    click.option(
        "--protocol", type=click.Choice(list(PROTOCOLS)), default="female-male", show_default=True, help="KDEF's."
    ),
    click.option("--angles", default="S", show_default=True, help="KDEF's views, e.g. S,HL,HR."),
    click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes."),
)


def data_options(function):
    """The options about DATA that the emotion commands share."""
    for option in reversed(DATA_OPTIONS):
        function = option(function)
    return function


@click.command(
    epilog="""\b
Examples:
  facs train-emotion fer2013.csv --model compact --out emotions
  facs train-emotion fer2013.tar --model all --jobs 2 --out emotions
  facs train-emotion KDEF --protocol female-male --model svm-hog --out kdef
  facs train-emotion fer2013.tar --model linear --learning-curve --out emotions
  facs report emotions
\b
Models:
"""
    + "\n".join(f"  {name:<16} {recipe.title}" for name, recipe in RECIPES.items())
    + """
\b
Exit codes: 0 done, 2 wrong usage or data that cannot be used.
"""
)
@click.argument("data", type=click.Path())
@click.option("--model", "names", type=click.Choice([*RECIPES, "all"]), multiple=True, default=("compact",),
              show_default=True, help="Repeatable.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default="facs-emotions", show_default=True, help="Folder.")
@click.option("--split", default="train", show_default=True, help="Split to train on.")
@click.option("--test-split", help="Split to measure on.  [default: validation, else test]")
@click.option("--subset", type=click.IntRange(20), help="Train on so many faces only, drawn at random.")
@click.option("--learning-curve", is_flag=True,
              help="Also train on 1/8, 1/4, 1/2 of the faces, drawn by emotion; takes about as long.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--cache", type=click.Path(path_type=Path), help="Folder for faces and features.  [default: OUT/cache]")
@data_options
def command(
    data, names, out, split, test_split, subset, learning_curve, seed, cache, kind, protocol, angles, jobs
) -> None:
    """Train emotion models on the faces of DATA: FER2013 in any form, KDEF, folders by emotion, or a manifest.

    Writes OUT/<model>.npz with its card inside, and, measured on the test split, OUT/accuracy.json (for `facs report`),
    predictions-<model>.csv and pictures of the most confident mistakes. A model that was trained on the same faces
    already is kept, and a run that was interrupted goes on where it stopped.
    """
    names = list(RECIPES) if "all" in names else list(dict.fromkeys(names))
    cache = cache or out / "cache"
    faces = open_labelled(data, kind, protocol, angles)
    training = _training_faces(faces, split, subset, seed)
    seen = see(training, cache, jobs)
    y, emotions = classes_of(training.emotions[seen.rows], FER2013_EMOTIONS)
    learnt = TrainingFaces(seen, y, emotions, training.subjects[seen.rows])
    run = TrainingRun(seed, jobs, cache)
    digest = _digest(seen, y)
    wanted = split_to_test(faces, test_split)
    if wanted == split:
        raise click.UsageError(f"--split and --test-split are both {split!r}; a model is measured on other faces")
    if wanted is None and learning_curve:
        raise click.UsageError(f"--learning-curve needs a split to measure on, and {faces.name} has none")
    if wanted is None:
        click.echo(f"{faces.name}: no split to measure on; train on one and use facs evaluate-emotion on other data")
    else:
        tested, skipped = labelled_for(faces.split(wanted), emotions)
        say_skipped(faces.name, skipped)
        tested_seen = see(tested, cache, jobs)
        near = training_partners(tested, training, progress=ConsoleProgress()).near()
    about = f"{faces.name}: trained on {len(y)} of {split}"
    for name in names:
        path = out / f"{name}.npz"
        model = _kept(path, digest, seed)
        if model is None:
            model = train_emotion(name, learnt, run, progress=ConsoleProgress())
            model.card["trained_on_sha256"] = digest
            model.save(path)
        else:
            click.echo(f"{path}: trained on these faces already; kept")
        facts = {"data": about, "labels": LABELS}
        if wanted is not None:
            on = f"{wanted} of {about}"
            entry = measure(model, path, tested, tested_seen, out, near_duplicate=near, data=on, jobs=jobs)
            facts["measured"] = card_figures(entry, wanted)
            click.echo(accuracy_line(entry))
            if learning_curve:
                truth = np.array([emotions.index(emotion) for emotion in tested.emotions[tested_seen.rows]])
                whole = EvaluatedModel(tested_seen, truth, entry)
                entry["learning_curve"] = emotion_curve(
                    name, learnt, whole, run, cache=cache, progress=ConsoleProgress()
                )
                write_entry(entry, out, data=on)
                click.echo(f"{name:<16} {curve_line(entry['learning_curve'])}")
        if any(model.card.get(name) != fact for name, fact in facts.items()):
            model.card |= facts
            model.save(path)
    click.echo(f"\nIn {out}: models, accuracy.json, predictions. To read: facs report {out} --open")


def _training_faces(faces: LabelledFaces, split: str, subset: int | None, seed: int) -> LabelledFaces:
    chosen = faces.split(split)
    if not len(chosen):
        there = ", ".join(repr(name) for name in sorted(set(faces.splits.tolist())))
        raise InputError(f"{faces.name}: no face in split {split!r}; there are {there}. Choose one with --split")
    labelled = np.flatnonzero(chosen.emotions != "")
    if subset and subset < len(labelled):
        labelled = np.sort(np.random.default_rng(seed).choice(labelled, subset, replace=False))
    return chosen.take(labelled)


def _digest(seen, y: np.ndarray) -> str:
    whole = hashlib.sha256(np.ascontiguousarray(seen.features))
    whole.update(np.ascontiguousarray(seen.crops))
    whole.update(np.ascontiguousarray(y))
    return whole.hexdigest()


def _kept(path: Path, digest: str, seed: int) -> EmotionModel | None:
    """The model of an earlier run, if it was trained on the same faces with the same seed."""
    if not path.is_file():
        return None
    try:
        model = EmotionModel.load(path)
    except ModelError as error:
        click.echo(f"{error}; trained again", err=True)
        return None
    same = model.card.get("trained_on_sha256") == digest and model.card.get("recipe", {}).get("seed") == seed
    return model if same else None

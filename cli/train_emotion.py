"""`facs train-emotion`: train named emotion models on labelled faces and measure them on faces never trained on."""

from __future__ import annotations

from pathlib import Path

import click

from facs_pipeline.emotions.training.recipes import RECIPES

from .console import ConsoleProgress
from .emotion_data import accuracy_line, confusion_lines, curve_line, data_options, figure_of, labelled_data
from .usage import usage_errors


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
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of everything random.")
@click.option("--cache", type=click.Path(path_type=Path), help="Folder for faces and features.  [default: OUT/cache]")
@data_options
def command(
    data: str,
    names: tuple[str, ...],
    out: Path,
    split: str,
    test_split: str | None,
    subset: int | None,
    learning_curve: bool,
    seed: int,
    cache: Path | None,
    kind: str,
    protocol: str,
    angles: str,
    labels: str,
    jobs: int,
    figure: Path | None,
) -> None:
    """Train emotion models on the faces of DATA: FER2013 in any form, KDEF, folders by emotion, or a manifest.

    Writes OUT/<model>.npz with its card inside, and, measured on the test split, OUT/accuracy.json (for `facs report`),
    predictions-<model>.csv and pictures of the most confident mistakes. A model that was trained on the same faces
    already is kept, and a run that was interrupted goes on where it stopped.
    """
    from facs_pipeline.emotions.training.confusion_figure import draw_confusion
    from facs_pipeline.emotions.training.run import EmotionTraining, TrainingOptions
    from facs_pipeline.foundation.figures import require_figures

    if figure is not None:
        require_figures(figure)
    options = TrainingOptions(out, split, test_split, subset, learning_curve, seed, jobs, cache)
    with usage_errors():
        training = EmotionTraining.prepare(
            labelled_data(data, kind, protocol, angles, labels), options, ConsoleProgress()
        )
    if training.test is None:
        click.echo(f"{training.name}: no split to measure on; train on one and use facs evaluate-emotion on other data")
    wanted = list(RECIPES if "all" in names else dict.fromkeys(names))
    for name in wanted:
        trained = training.train(name)
        if trained.reused:
            click.echo(f"{trained.path}: trained on these faces already; kept")
        if trained.figures is not None:
            click.echo(accuracy_line(trained.figures))
            click.echo(confusion_lines(trained.figures))
            if (drawn := figure_of(name, figure, len(wanted))) is not None:
                draw_confusion(trained.figures, drawn)
                click.echo(f"{drawn}: the confusion matrix")
            if learning_curve:
                click.echo(f"{name:<16} {curve_line(trained.figures['learning_curve'])}")
    click.echo(f"\nIn {out}: models, accuracy.json, predictions. To read: facs report {out} --open")

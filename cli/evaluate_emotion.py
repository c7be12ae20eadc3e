"""`facs evaluate-emotion`: measure a trained emotion model on labelled faces."""

from __future__ import annotations

from pathlib import Path

import click

from facs_pipeline.emotions.priors import Priors

from .console import ConsoleProgress
from .emotion_data import accuracy_line, confusion_lines, data_options, labelled_data
from .usage import usage_errors


@click.command(
    epilog="""\b
Examples:
  facs evaluate-emotion emotions/best.npz fer2013.csv --split test --out best-on-test
  facs evaluate-emotion compact KDEF --protocol none --priors estimated --out compact-on-kdef
  facs evaluate-emotion compact fer2013.csv --figure confusion.svg
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
@click.option(
    "--priors",
    type=click.Choice(["given", "estimated", "flat"]),
    default="given",
    show_default=True,
    help="How frequent the emotions are in DATA: as in the training, estimated from the faces, or all alike.",
)
@data_options
def command(
    model: str,
    data: str,
    out: Path,
    split: str | None,
    training: str | None,
    cache: Path | None,
    priors: Priors,
    kind: str,
    protocol: str,
    angles: str,
    labels: str,
    jobs: int,
    figure: Path | None,
) -> None:
    """Measure MODEL (an .npz, or `compact`, the one in the package) on the labelled faces of DATA.

    Every image counts, also where no face is found. Writes OUT/accuracy.json (for `facs report`),
    predictions-<model>.csv and pictures of the most confident mistakes.
    """
    from facs_pipeline.emotions.model import COMPACT_MODEL
    from facs_pipeline.emotions.training.confusion_figure import draw_confusion
    from facs_pipeline.emotions.training.run import EvaluationOptions, evaluate_model_file
    from facs_pipeline.foundation.figures import require_figures

    if figure is not None:
        require_figures(figure)
    path = COMPACT_MODEL if model == "compact" else Path(model)
    options = EvaluationOptions(out, split, training, jobs, cache, priors)
    with usage_errors():
        figures = evaluate_model_file(
            path, labelled_data(data, kind, protocol, angles, labels), options, ConsoleProgress()
        )
    click.echo(accuracy_line(figures))
    click.echo(confusion_lines(figures))
    if figure is not None:
        draw_confusion(figures, figure)
        click.echo(f"{figure}: the confusion matrix")
    click.echo(f"\nIn {out}: accuracy.json, predictions. To read: facs report {out} --open")

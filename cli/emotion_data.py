"""What the commands that train and measure emotion models share: options about the data, and lines about figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from facs_pipeline.datasets.kdef import PROTOCOLS
from facs_pipeline.datasets.open_faces import KINDS

if TYPE_CHECKING:
    from facs_pipeline.emotions.training.run import LabelledData

_Function = TypeVar("_Function", bound=Callable[..., Any])

DATA_OPTIONS = (
    click.option("--kind", type=click.Choice(KINDS), default="auto", show_default=True, help="Layout of DATA."),
    click.option(
        "--protocol", type=click.Choice(list(PROTOCOLS)), default="female-male", show_default=True, help="KDEF's."
    ),
    click.option("--angles", default="S", show_default=True, help="KDEF's views, e.g. S,HL,HR."),
    click.option(
        "--labels",
        type=click.Choice(["original", "ferplus"]),
        default="original",
        show_default=True,
        help="FER2013's own labels, or the votes of FER+ in ferplus.csv.gz beside DATA: eight emotions, with contempt.",
    ),
    click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes."),
    click.option(
        "--figure",
        type=click.Path(path_type=Path),
        help="Draw the confusion matrix: .svg, .pdf or .png; of several models each its own, confusion-<model>.svg.",
    ),
)


def data_options(function: _Function) -> _Function:
    """The options about DATA that both commands have, as a decorator."""
    for option in reversed(DATA_OPTIONS):
        function = option(function)
    return function


def labelled_data(path: str, kind: str, protocol: str, angles: str, labels: str) -> LabelledData:
    """The data that these options name."""
    from facs_pipeline.emotions.training.run import LabelledData

    return LabelledData(path, kind, protocol, tuple(angles.split(",")), labels)


def accuracy_line(figures: dict[str, Any]) -> str:
    """One line: accuracy, interval, chance, balanced accuracy, what is left without near-duplicates, time."""
    low, high = figures["wilson_95"]
    text = (
        f"{figures['name']:<16} {figures['accuracy']:6.2%}  "
        f"({low:.1%} to {high:.1%}; chance {figures['chance']:.1%})  "
        f"balanced {figures['balanced_accuracy']:.1%}  macro-F1 {figures['macro_f1']:.3f}"
    )
    if "without_near_duplicates" in figures:
        rest = figures["without_near_duplicates"]
        text += f"  without near-duplicates {rest['accuracy']:.2%} of {rest['n']}"
    if "train_s" in figures:
        text += f"  trained in {figures['train_s']:.0f} s"
    return text


def confusion_lines(figures: dict[str, Any]) -> str:
    """The confusion matrix: a row for each emotion of the labels, a column for each answer, in percent of the row."""
    names = [str(name) for name in figures["classes"]]
    left, width = max(map(len, names)) + 2, max(6, *(len(name) + 1 for name in names))
    lines = [" " * left + "".join(f"{name:>{width}}" for name in names) + f"{'images':>{width + 2}}"]
    for name, counts in zip(names, figures["confusion"], strict=True):
        n = sum(counts)
        cells = "".join(f"{100 * count / n:{width - 1}.0f}%" if n else f"{'':>{width}}" for count in counts)
        lines.append(f"{name:<{left}}{cells}{n:>{width + 2}}")
    return "labelled below, answered across:\n" + "\n".join(lines)


def figure_of(model: str, figure: Path | None, models: int = 1) -> Path | None:
    """Where the confusion matrix of one of so many models is drawn."""
    if figure is None or models == 1:
        return figure
    return figure.with_name(f"{figure.stem}-{model}{figure.suffix}")


def curve_line(points: Sequence[dict[str, Any]]) -> str:
    """A learning curve as one line: training samples and accuracy."""
    return "learning curve: " + ", ".join(f"{row['n']}: {row['accuracy']:.1%}" for row in points)

"""The confusion matrix of an emotion model as a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from facs_pipeline.foundation.figures import figure_style, save_figure


def draw_confusion(figures: dict[str, Any], path: Path) -> None:
    """Draw a row for each emotion of the labels, a column for each answer, in percent of the row.

    Parameters
    ----------
    figures : dict
        Of one model, as `facs_pipeline.foundation.evaluation.classification` measures them: ``classes``, ``confusion``,
        ``name``, ``accuracy``, ``wilson_95``, ``chance``, ``n``.
    path : Path
        ``.svg``, ``.pdf`` or ``.png``.
    """
    from matplotlib.figure import Figure

    names = [str(name) for name in figures["classes"]]
    counts = np.array(figures["confusion"], float)
    images = counts.sum(axis=1)
    shares = counts / np.maximum(images, 1)[:, None]
    low, high = figures["wilson_95"]
    with figure_style():
        figure = Figure(figsize=(1.6 + 0.62 * len(names), 1.5 + 0.5 * len(names)), layout="constrained")
        axes = figure.add_subplot()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for row, column in np.ndindex(*shares.shape):
            if images[row]:
                colour = "white" if shares[row, column] > 0.55 else "black"
                axes.text(column, row, f"{shares[row, column]:.0%}", ha="center", va="center", color=colour)
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
        axes.set_yticks(range(len(names)), [f"{name} ({n:.0f})" for name, n in zip(names, images, strict=True)])
        axes.set_xlabel("answered")
        axes.set_ylabel("labelled (images)")
        axes.spines[:].set_visible(False)
        axes.set_title(
            f"{figures['name']}: {figures['accuracy']:.1%} of {figures['n']:,} right "
            f"({low:.1%} to {high:.1%}; chance {figures['chance']:.1%})",
            fontsize=9, loc="right",
        )  # fmt: skip
        save_figure(figure, path)

"""The files of epochs: tables with labels of their variables, and a figure of the mean curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.figures import figure_style, save_figure
from facs_pipeline.study.epochs import TRIAL_STATISTICS, EpochOptions, Epochs
from facs_pipeline.study.files import Format, variable_label, write_labelled
from facs_pipeline.study.signals import signal_label
from facs_pipeline.study.timeline import COLOURS

PANELS = 6
"""Action units that are drawn: those whose mean moves most, unless they are named."""
_LEAST_RANGE = 1.0
_LABELS = {
    "epoch": "Number of the onset, in the order of the files",
    "time_s": "Seconds from the onset",
    "onset_s": "Time stamp of the onset in its video, seconds",
    "usable_share": "Share of the moments with a value",
    "baseline": "Mean intensity in the baseline",
    "epochs": "Epochs",
    **{name: words.capitalize() for name, words in TRIAL_STATISTICS.items()},
}


def write_epochs(epochs: Epochs, out: Path, form: Format) -> list[Path]:
    """Write ``epochs``, ``trials``, ``curves``, ``differences`` and ``variables.csv``.

    Parameters
    ----------
    epochs : Epochs
    out : Path
        Folder; made where it is missing.
    form : "csv", "xlsx", "parquet" or "sav"

    Returns
    -------
    list of Path
        The files.
    """
    tables = {
        "epochs": epochs.samples,
        "trials": epochs.trials,
        "curves": epochs.curves,
        "differences": epochs.differences,
    }
    return write_labelled(tables, out, form, lambda name, table: _label(name, table, epochs))


def _label(column: str, table: pd.DataFrame, epochs: Epochs) -> str:
    if table is epochs.curves and column in ("mean", "low", "high"):
        ends = {"mean": "", "low": ", lower end of its 95 % interval", "high": ", upper end of it"}
        return f"Mean over {epochs.unit}s of the change from the baseline{ends[column]}"
    if column in _LABELS:
        return _LABELS[column]
    if table is epochs.samples and column.startswith("AU"):
        return f"{signal_label(column, '')}: change from the baseline"
    return variable_label(column, table)


def draw_epochs(epochs: Epochs, options: EpochOptions, path: Path, *, signals: Sequence[str] = ()) -> bool:
    """Draw the mean curves: a panel for each action unit, a colour for each combination of conditions.

    Parameters
    ----------
    epochs : Epochs
    options : EpochOptions
        As they were cut with.
    path : Path
        ``.svg``, ``.png`` or ``.pdf``.
    signals : sequence of str
        Such as ``AU12``; by default those that move most.

    Returns
    -------
    bool
        False, and no file, where there are more combinations than `COLOURS`, which could not be told apart.

    Raises
    ------
    InputError
        If a signal is none of the epochs'.
    """
    from matplotlib.figure import Figure

    curves = epochs.curves
    known = list(dict.fromkeys(curves["signal"]))
    missing = [name for name in signals if name not in known]
    if missing:
        raise InputError(f"no signal {missing[0]!r}; there are {', '.join(known)}")
    if not signals:
        moved = curves.groupby("signal")["mean"].agg(lambda values: np.ptp(values.dropna()))
        signals = sorted(moved.sort_values(ascending=False, kind="stable").index[:PANELS])
    by = list(options.by)
    conditions = list(curves[by].drop_duplicates().itertuples(index=False, name=None)) if by else [()]
    if len(conditions) > len(COLOURS):
        return False
    across = min(3, len(signals))
    down = -(-len(signals) // across)
    with figure_style():
        figure = Figure(figsize=(3.1 * across, 2.4 * down + 0.5), layout="constrained")
        panels = figure.subplots(down, across, squeeze=False).ravel()
        for panel in panels[len(signals) :]:
            panel.set_axis_off()
        for panel, signal in zip(panels, signals, strict=False):
            rows = curves[curves["signal"] == signal]
            if options.baseline_s is not None:
                panel.axvspan(*options.baseline_s, color="#eeeeee", linewidth=0)
            panel.axvline(0, color="#555555", linewidth=0.8)
            panel.axhline(0, color="#cccccc", linewidth=0.6, zorder=0)
            for colour, condition in zip(COLOURS, conditions, strict=False):
                of_one = rows[(rows[by] == list(condition)).all(axis=1)] if by else rows
                label = f"{', '.join(map(str, condition)) or 'all'} ({of_one['persons'].iloc[0]} {epochs.unit}s)"
                panel.fill_between(
                    of_one["time_s"], of_one["low"], of_one["high"], color=colour, alpha=0.2, linewidth=0
                )
                panel.plot(of_one["time_s"], of_one["mean"], color=colour, linewidth=1.5, label=label)
            panel.set_title(signal_label(signal, ""), fontsize=9)
            panel.spines[["top", "right"]].set_visible(False)
            panel.set_xlim(*options.window_s)
            low, high = panel.get_ylim()
            # Noise drawn as high as the panel would look like something.
            room = max(0.0, _LEAST_RANGE - (high - low)) / 2
            panel.set_ylim(low - room, high + room)
            panel.set_xlabel("seconds from the onset")
        if len(signals):
            figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
        figure.supylabel("change from the baseline" if options.baseline_s is not None else "intensity", fontsize=9)
        figure.suptitle(f"Mean and 95 % bootstrap interval over {epochs.unit}s", fontsize=9)
        save_figure(figure, path)
    return True

"""The files of synchrony: tables with labels of their variables, and a figure of one pair or of a film's viewers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from facs_pipeline.foundation.figures import figure_style, save_figure
from facs_pipeline.study.files import Format, variable_label, write_labelled
from facs_pipeline.study.pairs import Synchrony, Viewers
from facs_pipeline.study.signals import signal_label
from facs_pipeline.study.synchrony import Series, SynchronyOptions, cross_correlations
from facs_pipeline.study.timeline import COLOURS

_LABELS = {
    "a": "Video of the first face",
    "face_a": "Its id; empty for the face seen longest",
    "b": "Video of the second face",
    "face_b": "Its id; empty for the face seen longest",
    "windows": "Windows used",
    "left_out": "Windows left out: a gap, or a face that does not move",
    "synchrony": "Mean over windows of the highest correlation over the lags",
    "chance": "The same by chance, mean",
    "chance_low": "Lower end of the 95 % range of chance",
    "chance_high": "Upper end of the range of chance: 97.5 % of it for pairs, 95 % for viewers",
    "p": "Share of chance that is at least as high",
    "r_zero": "Mean correlation of the windows without a lag",
    "lag_s": "Lag with the highest mean correlation, seconds; above 0 the second face follows the first",
    "r_at_lag": "Mean correlation of the windows at that lag",
    "begin_s": "Begin of the window, seconds from the start",
    "end_s": "End of the window, seconds from the start",
    "peak_r": "Highest correlation over the lags",
    "peak_lag_s": "Its lag, seconds; above 0 the second face follows the first",
    "pairs": "Pairs",
    "viewers": "Viewers",
    "correlation": "Correlation with the mean of the other viewers",
    "low": "Lower end of the 95 % bootstrap interval of the mean",
    "high": "Upper end of the 95 % bootstrap interval of the mean",
}


def write_synchrony(found: Synchrony | Viewers, out: Path, form: Format) -> list[Path]:
    """Write ``synchrony``, ``windows`` and ``study`` of pairs, or ``films`` and ``viewers``; and ``variables.csv``.

    Parameters
    ----------
    found : Synchrony or Viewers
    out : Path
        Folder; made where it is missing.
    form : "csv", "xlsx", "parquet" or "sav"
    """
    if isinstance(found, Viewers):
        tables = {"films": found.films, "viewers": found.viewers}
    else:
        tables = {"synchrony": found.pairs, "windows": found.windows, "study": found.study}
    return write_labelled(tables, out, form, lambda name, table: _LABELS.get(name) or variable_label(name, table))


def draw_pair(
    series: Series, found: pd.DataFrame, options: SynchronyOptions, names: tuple[str, str], path: Path
) -> None:
    """Draw a pair: for each action unit both curves, and below the correlations by time and lag.

    Parameters
    ----------
    series : Series
    found : DataFrame
        `Synchrony.pairs` of it.
    options : SynchronyOptions
        As it was compared with.
    names : tuple of str
        Of the two faces.
    path : Path
        ``.svg``, ``.png`` or ``.pdf``.
    """
    from matplotlib.figure import Figure

    n = len(options.aus)
    with figure_style():
        figure = Figure(figsize=(7.1, 2.8 * n + 0.5), layout="constrained")
        panels = figure.subplots(2 * n, 1, squeeze=False, sharex=True, height_ratios=[1, 1] * n).ravel()
        for k, au in enumerate(options.aus):
            curves, lags = panels[2 * k], panels[2 * k + 1]
            for side, values in enumerate((series.a, series.b)):
                curves.plot(series.times_s, values[:, k], color=COLOURS[side], linewidth=1, label=names[side])
            row = found.iloc[k]
            told = "too few windows" if np.isnan(row["synchrony"]) else (
                f"synchrony {row['synchrony']:.2f}, by chance {row['chance']:.2f}, p {row['p']:.3g}"
            )  # fmt: skip
            curves.set_title(f"{signal_label(f'AU{au:02d}', '')}: {told}", fontsize=9)
            curves.set_ylabel("intensity")
            curves.spines[["top", "right"]].set_visible(False)
            of_unit = cross_correlations(series.a[:, k], series.b[:, k], series.rate, options)
            if len(of_unit.starts_s):
                middle = of_unit.starts_s + options.window_s / 2
                image = lags.pcolormesh(
                    middle,
                    of_unit.lags_s,
                    of_unit.r.T,
                    vmin=-1,
                    vmax=1,
                    cmap="PuOr_r",
                    shading="nearest",
                    rasterized=True,
                )
                figure.colorbar(image, ax=lags, label="r", pad=0.01)
            lags.axhline(0, color="#555555", linewidth=0.6)
            lags.set_ylabel("lag (s)")
        panels[-1].set_xlabel("seconds from the start")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)
        save_figure(figure, path)


def draw_viewers(found: Viewers, path: Path) -> None:
    """Draw viewers: for each film and action unit the correlation of each, the mean with its interval, and chance.

    Parameters
    ----------
    found : Viewers
    path : Path
        ``.svg``, ``.png`` or ``.pdf``.
    """
    from matplotlib.figure import Figure

    films, column = found.films, str(found.films.columns[0])
    labels = [f"{row[column]}\n{row['signal']}" for row in films.to_dict("records")]
    with figure_style():
        figure = Figure(figsize=(max(3.5, 0.8 * len(films) + 1), 3.2), layout="constrained")
        panel = figure.subplots()
        for place, row in enumerate(films.to_dict("records")):
            same = (found.viewers[column] == row[column]) & (found.viewers["signal"] == row["signal"])
            each = found.viewers.loc[same, "correlation"].dropna()
            panel.plot(np.full(len(each), place), each, "o", color="#999999", markersize=3, alpha=0.7)
            if "correlation" in row and not np.isnan(row["correlation"]):
                ends = [[row["correlation"] - row["low"]], [row["high"] - row["correlation"]]]
                panel.errorbar([place], [row["correlation"]], ends, color=COLOURS[0], marker="o", capsize=4)
                panel.plot([place - 0.3, place + 0.3], [row["chance_high"]] * 2, color=COLOURS[1], linewidth=1.2)
        panel.set_xticks(range(len(films)), labels)
        panel.axhline(0, color="#cccccc", linewidth=0.6, zorder=0)
        panel.set_ylabel("correlation with the others")
        panel.set_title("Each viewer (grey), mean, 95 % interval;\nline: 95 % of chance is below", fontsize=9)
        panel.spines[["top", "right"]].set_visible(False)
        save_figure(figure, path)

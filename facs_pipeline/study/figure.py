"""A figure of a study: each person's line between conditions, and the mean over persons with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.figures import figure_style, save_figure
from facs_pipeline.study.differences import SIGNAL
from facs_pipeline.study.signals import STATISTICS, signal_label
from facs_pipeline.study.summary import Summary, SummaryOptions, interval

PANELS = 6
"""Signals that are drawn: those with the smallest p of all action units, unless they are named."""


def draw_summary(
    summary: Summary, options: SummaryOptions, path: Path, *, statistic: str = "mean", signals: Sequence[str] = ()
) -> bool:
    """Draw the first factor: a panel for each signal, a line for each person.

    Parameters
    ----------
    summary : Summary
    options : SummaryOptions
        As it was made with.
    path : Path
        ``.svg`` or ``.png``.
    statistic : str
        Of `STATISTICS`.
    signals : sequence of str
        Such as ``AU12``; by default those that differ most clearly.

    Returns
    -------
    bool
        False, and no file, where there is nothing to compare.

    Raises
    ------
    InputError
        If a signal is none of the run's.
    """
    found = summary.differences
    if not len(found):
        return False
    factor = str(found["factor"].iloc[0])
    persons = summary.persons
    known = {(str(row.signal), str(row.side)) for row in persons[["signal", "side"]].drop_duplicates().itertuples()}
    chosen = [(name, "") for name in signals]
    for name, _side in chosen:
        if (name, "") not in known:
            raise InputError(f"no signal {name!r}; there are {', '.join(sorted({one for one, _ in known}))}")
    if not chosen:
        of_units = found[(found["factor"] == factor) & (found["statistic"] == statistic) & (found["kind"] == "au")]
        best = of_units.sort_values(["p", "signal"]).drop_duplicates(["signal", "side"])
        chosen = [(str(row.signal), str(row.side)) for row in best.head(PANELS).itertuples()]
    _draw(persons, options, factor, chosen, statistic, path)
    return True


def _draw(
    persons: pd.DataFrame, options: SummaryOptions, factor: str, chosen: Sequence[tuple[str, str]], statistic: str,
    path: Path,
) -> None:  # fmt: skip
    from matplotlib.figure import Figure

    levels = sorted(persons[factor].unique())
    across = min(3, len(chosen))
    down = -(-len(chosen) // across)
    with figure_style():
        figure = Figure(figsize=(3.1 * across, 2.9 * down), layout="constrained")
        panels = figure.subplots(down, across, squeeze=False).ravel()
        for panel in panels[len(chosen) :]:
            panel.set_axis_off()
        for panel, (name, side) in zip(panels, chosen, strict=False):
            rows = persons[(persons["signal"] == name) & (persons["side"] == side)]
            lines = rows.pivot_table(index=options.person, columns=factor, values=statistic, aggfunc="mean")
            lines = lines.reindex(columns=levels)
            x = np.arange(len(levels))
            panel.plot(x, lines.to_numpy(float).T, color="#999999", linewidth=0.7, alpha=0.7)
            means = lines.mean().to_numpy(float)
            values = [lines[level].dropna().to_numpy(float) for level in levels]
            ends = [interval(of_level, options.resamples, options.seed) for of_level in values]
            low, high = (np.array([end[k] if end[k] is not None else np.nan for end in ends], float) for k in (0, 1))
            panel.errorbar(x, means, [means - low, high - means], color="#0072b2", linewidth=2, capsize=4, marker="o")
            panel.set_xticks(x, levels)
            panel.set_xlim(-0.4, len(levels) - 0.6)
            panel.set_title(signal_label(name, side), fontsize=9)
            panel.spines[["top", "right"]].set_visible(False)
        n = persons[options.person].nunique()
        figure.supylabel(STATISTICS[statistic])
        figure.suptitle(
            f"{factor}: each of {n} persons (grey), mean and 95 % bootstrap interval over persons", fontsize=9
        )
        save_figure(figure, path)


def strongest(found: pd.DataFrame, words: Mapping[str, str] = STATISTICS, *, most: int = 10) -> list[str]:
    """The clearest differences in words, each one line.

    Parameters
    ----------
    found : DataFrame
        `Summary.differences`.
    words : Mapping of str to str
        Name of each statistic -> in words.
    most : int
    """
    lines = []
    order = found.assign(_effect=-found["effect_dz"].abs()).sort_values(["p_corrected", "_effect"])
    for row in order.head(most).to_dict("records"):
        signal = signal_label(*(str(row[name]) for name in SIGNAL[1:]))
        effect = "" if pd.isna(row["effect_dz"]) else f", d_z {row['effect_dz']:+.2f}"
        lines.append(
            f"{signal}, {words[str(row['statistic'])]}: {row['level_b']} less {row['level_a']} "
            f"{row['difference']:+.3g} [{row['low']:+.3g}, {row['high']:+.3g}]{effect}, "
            f"p {row['p_corrected']:.3g} ({row['correction']}; {row['persons']} persons)"
        )
    return lines

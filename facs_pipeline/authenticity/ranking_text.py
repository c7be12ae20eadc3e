"""Results of a ranking as text for people: the comparison of rankers, and the decisions on new videos."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from facs_pipeline.authenticity import files
from facs_pipeline.authenticity.controls import controls_text
from facs_pipeline.authenticity.model import AuthenticityModel
from facs_pipeline.authenticity.pairs import Pairs
from facs_pipeline.authenticity.raters import raters_text
from facs_pipeline.tables.descriptor_table import DescriptorTable

SHOWN_PAIRS = 5


def prediction_lines(
    table: DescriptorTable,
    pairs: Pairs,
    predictions: pd.DataFrame,
    reasons: pd.DataFrame,
    units: dict[tuple[int, int], dict[str, float]],
    plots: Sequence[Path],
) -> list[str]:
    """The first pairs with decisions and reasons, then the first videos without a partner.

    Parameters
    ----------
    table : DescriptorTable
        The videos.
    pairs : Pairs
        The pairs that were compared.
    predictions, reasons : DataFrame
        See `facs_pipeline.authenticity.ranking.predict`.
    units : dict
        Pair -> action unit -> summed contribution, positive = first video real.
    plots : sequence of path
        Curves of the first pairs; empty without series.
    """
    lines = []
    for number, (a, b) in enumerate(pairs.candidates[:SHOWN_PAIRS]):
        lines.append(f"A {table.videos[a]}   B {table.videos[b]}   ({table.emotions[a] or 'no emotion'})")
        for letter, row in zip("AB", predictions.iloc[[a, b]].to_dict("records"), strict=True):
            lines.append(f"  {letter} {row['decision']:<11} {_score(row)}")
        if (a, b) in units:
            parts = ", ".join(f"{unit} {part:+.2f}" for unit, part in list(units[a, b].items())[:4])
            kind = "action unit" if any(unit.startswith("AU") for unit in units[a, b]) else "feature"
            lines.append(f"    by {kind} (+ speaks for A being real): {parts}")
        for reason in reasons_of(reasons, table, a, b).to_dict("records"):
            better = "A" if reason["contribution"] > 0 else "B"
            lines.append(f"    {reason['reason']}  -> speaks for {better} being real")
        if number < len(plots):
            lines.append(f"    curves: {plots[number]}")
    if len(pairs.candidates) > SHOWN_PAIRS:
        lines.append(f"... and {len(pairs.candidates) - SHOWN_PAIRS} more pairs in predictions.csv and reasons.csv")
    alone = predictions[(predictions.partner == "") & (predictions.decision != "")]
    for row in alone.head(SHOWN_PAIRS).to_dict("records"):
        emotion = row["emotion"] or "no emotion"
        lines.append(f"{row['video']}: {row['decision']}, {_score(row)} ({row['note']}; {emotion})")
    if len(alone) > SHOWN_PAIRS:
        lines.append(f"... and {len(alone) - SHOWN_PAIRS} more videos without a partner in predictions.csv")
    return lines


def _score(row: Mapping[Hashable, Any]) -> str:
    probability = row["probability"]
    sure = f", probability of real {probability:.2f}" if np.isfinite(probability) else ""
    if sure and np.isfinite(row["probability_low"]):
        sure += f" ({row['probability_low']:.2f} to {row['probability_high']:.2f})"
    return f"score {row['score']:+.2f}{sure}"


def reasons_of(reasons: pd.DataFrame, table: DescriptorTable, a: int, b: int) -> pd.DataFrame:
    """The rows of `reasons` about the pair of the videos a and b."""
    return reasons[(reasons.video_a == table.videos[a]) & (reasons.video_b == table.videos[b])]


def draw_pairs(
    folder: Path, out: Path, table: DescriptorTable, pairs: Pairs, predictions: pd.DataFrame, reasons: pd.DataFrame
) -> list[Path]:
    """Draw the curves of the first pairs.

    Parameters
    ----------
    folder : path
        Written by ``facs extract-features``.
    out : path
        Folder for the SVG files.
    table : DescriptorTable
        The videos.
    pairs : Pairs
        The pairs that were compared.
    predictions, reasons : DataFrame
        See `facs_pipeline.authenticity.ranking.predict`.

    Returns
    -------
    list of path
        The files.
    """
    plots = []
    for a, b in pairs.candidates[:SHOWN_PAIRS]:
        rows = predictions.iloc[[a, b]].to_dict("records")
        first, second = (f"{row['decision']} ({row['score']:+.2f})" for row in rows)
        columns = list(reasons_of(reasons, table, a, b).column)
        plots.append(files.draw_pair(folder, out, table.videos[a], table.videos[b], columns, captions=(first, second)))
    return plots


def pair_line(figures: dict[str, Any]) -> str:
    """Figures of labelled pairs in one line."""
    low, high = figures["wilson_95"]
    return (
        f"{figures['correct']:g} of {figures['n']} pairs right: {figures['accuracy']:.1%} "
        f"(95 % {low:.1%} to {high:.1%}), chance 50 %, p = {figures['permutation_p']:.2g}"
    )


def report_text(report: dict[str, Any]) -> str:
    """The comparison of rankers as text: one line for each in total, then for each emotion.

    Parameters
    ----------
    report : dict
        From `facs_pipeline.authenticity.evaluation.evaluate`.
    """
    data = report["data"]
    low, high = data["by_chance_95"]
    models = report["models"]
    lines = [
        f"{data['pairs']} pairs of {data['subjects']} subjects in {data['folds']} folds, "
        f"{data['descriptors']} descriptors; nobody is in training and test both",
        f"by chance 50 % of pairs are right; in 95 % of studies like this one {low:.0%} to {high:.0%}",
        "",
        f"{'':<18} {'pairs right':>14} {'Wilson':>8} {'people':>8} {'AUC':>5} {'p':>7}  "
        f"{'videos alone':>14} {'Wilson':>8} {'AUC':>5} {'chance':>6} {'time':>7}",
    ]
    for name, figures in models.items():
        pairs = figures["pairs"]
        p = pairs.get("permutation_p_retrained", pairs["permutation_p"])
        lines.append(f"{_figures_line(name, figures, f'{p:.2g}')} {figures['seconds']:>6.1f}s")
    for emotion in sorted({emotion for figures in models.values() for emotion in figures["per_emotion"]}):
        lines += ["", f"{emotion}:"]
        lines += [_figures_line(name, figures["per_emotion"][emotion]) for name, figures in models.items()]
    lines.append("")
    stage = report["emotion_stage"]
    if stage:
        lines.append(f"emotion from descriptors alone: {stage['accuracy']:.1%} right, chance {stage['chance']:.1%}")
    for name, figures in models.items():
        both = [
            f"{of_kind['accuracy']:.1%} of {kind} (chance {of_kind['chance']:.1%})"
            for kind, of_kind in figures.get("two_stage", {}).items()
            if of_kind["n"]
        ]
        if both:
            lines.append(f"that emotion and, told it, {name} both right: {', '.join(both)}")
    lines += [raters_text(name, figures["raters"]) for name, figures in models.items() if "raters" in figures]
    if report.get("controls"):
        lines += ["", controls_text(report["controls"]), ""]
    times = report["resamples"]["permutation_retrained"]
    method = (
        f"against the ranker itself, trained again on {times} random labellings"
        if times
        else "against a linear ranker trained again on 10,000 random labellings; of the ranker itself: --permutations N"
    )
    lines.append(f"p: {method}")
    lines.append(
        f"Wilson: pairs as if independent; by subjects: people drawn again; seeds: {report['seeds']['rankers']}"
    )
    return "\n".join(lines)


def _figures_line(name: str, figures: dict[str, Any], p: str = "") -> str:
    pairs, videos = figures["pairs"], figures["videos"]
    alone = f"{'-':>14} {'-':>8} {'-':>5} {'-':>6}"
    if videos["n"]:
        alone = f"{_right(videos)} {_range(videos['wilson_95'])} {_short(videos['auc'])} {videos['chance']:>6.0%}"
    return (
        f"{name:<18} {_right(pairs)} {_range(pairs['wilson_95'])} {_range(pairs['subject_bootstrap_95'])} "
        f"{_short(pairs['auc'])} {p:>7}  {alone}"
    )


def _right(figures: dict[str, Any]) -> str:
    return f"{figures['correct']:g}/{figures['n']} {figures['accuracy']:>6.1%}".rjust(14)


def _range(interval: Sequence[float]) -> str:
    return f"{100 * interval[0]:.0f}-{interval[1]:.0%}".rjust(8)


def _short(value: float | None) -> str:
    return f"{value:>5.2f}" if value is not None else f"{'-':>5}"


def trained_text(model: AuthenticityModel) -> str:
    """One line about a model just trained."""
    return f"{model.card['title']}: accuracy {model.card['accuracy']}"

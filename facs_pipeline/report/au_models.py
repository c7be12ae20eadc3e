"""Action-unit models: the accuracy table over all of them, and a card each with agreement, scatter, distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from facs_pipeline.action_units.names import AU_NAMES
from facs_pipeline.foundation.text import whole_number
from facs_pipeline.report import charts
from facs_pipeline.report.accuracy import EMPTY, Cell, Table, megabytes, number
from facs_pipeline.report.published import published_for, same_protocol
from facs_pipeline.report.shapes import is_number

_FIGURES = ("r", "ccc", "icc", "mae", "bias", "f1", "n", "subjects")
_NAMES = {"train_s": "training (s)", "predict_ms_per_face": "prediction (ms a face)"}
_NO_AU = 10_000
_HIDDEN = ("title", "kind", "content_sha256", "format_version")


def unit_name(au: int) -> str:
    """Number and name, such as ``AU12 Lip corner puller``."""
    return f"AU{au:02d} {AU_NAMES.get(au, '')}".strip()


def intensity_table(entries: Sequence[dict[str, Any]]) -> Table | None:
    """The accuracy table of action-unit intensity: one row per model, means over its action units; None without any."""
    rows = []
    for entry in entries:
        card = entry["card"]
        agreement, codes = _agreement(card), _codes(card)
        if not agreement and not codes:
            continue
        hardest = min(codes, key=lambda row: row["auc"]) if codes else None
        mean = {name: _mean([row[name] for row in agreement]) for name in _FIGURES}
        with_r = [row for row in agreement if is_number(row["r"])]
        lowest = min(with_r, key=lambda row: row["r"]) if with_r else None
        labels = str(card.get("labels", "not stated"))
        rows.append(
            [
                Cell(entry["file"], entry["file"]),
                number(mean["r"], ".2f"),
                Cell(f"{lowest['r']:.2f} ({lowest['short']})", lowest["r"]) if lowest else EMPTY,
                _lowest_interval(lowest),
                EMPTY,
                *(number(mean[name], ".2f") for name in ("ccc", "icc", "mae", "bias", "f1")),
                number(_mean([row["auc"] for row in codes]), ".2f"),
                Cell(f"{hardest['auc']:.2f} ({hardest['short']})", hardest["auc"]) if hardest else EMPTY,
                number(len(agreement or card["metrics_on_codes"]), "d"),
                number(max((row["n"] for row in agreement if is_number(row["n"])), default=card.get("images")), ".0f"),
                number(
                    max(
                        (row["subjects"] for row in agreement if is_number(row["subjects"])),
                        default=card.get("persons"),
                    ),
                    ".0f",
                ),
                Cell(labels, labels),
                number(card.get("train_s"), ".1f"),
                number(card.get("predict_ms_per_face"), ".3f"),
                megabytes(entry.get("size_bytes")),
                *[EMPTY] * 2,
            ]
        )
    head = [
        "Model", "Mean r", "Lowest r", "Lowest r, 95 %", "Published mean r", "Mean CCC", "Mean ICC", "Mean MAE",
        "Mean bias", "Mean F1", "Mean AUC, human codes", "Lowest AUC", "Action units", "Faces",
        "Persons", "Labels", "Training (s)", "Prediction (ms a face)",
        "Size", "Source", "Same protocol",
    ]  # fmt: skip
    if rows:
        labels = " and ".join(sorted({row[head.index("Labels")].text for row in rows}))
        rows += _published_rows(head, labels)
    if not rows:
        return None
    filled = [i for i, name in enumerate(head) if name == "Model" or any(row[i].text for row in rows)]
    return Table([head[i] for i in filled], [[row[i] for i in filled] for row in rows])


def _lowest_interval(row: dict[str, Any] | None) -> Cell:
    """95 % interval over persons of the least r; empty where the card has none."""
    if row is None or not (is_number(row.get("r_low")) and is_number(row.get("r_high"))):
        return EMPTY
    return Cell(f"{row['r_low']:.2f} to {row['r_high']:.2f}", row["r_low"])


def _published_rows(head: Sequence[str], labels: str) -> list[list[Cell]]:
    """One row per published system, all empty but for its figure, source, and how its data differ from `labels`."""
    rows = []
    for figure in published_for("action-unit intensity"):
        same = same_protocol(figure, "", labels)
        r = figure.accuracy
        filled = {
            "Model": Cell(figure.system, figure.system),
            "Published mean r": Cell(r, r) if isinstance(r, str) else number(r, ".2f"),
            "Source": Cell(figure.source, figure.source),
            "Same protocol": Cell(same, same),
        }
        rows.append([filled.get(name, EMPTY) for name in head])
    return rows


def _mean(values: Sequence[Any]) -> float | None:
    known = [value for value in values if is_number(value)]
    return float(np.mean(known)) if known else None


def _au_number(key: object) -> int:
    """Number of the action unit that a card's key names; behind all others where it names none."""
    number = whole_number(str(key))
    return _NO_AU if number is None else min(number, _NO_AU)


def _agreement(card: dict[str, Any]) -> list[dict[str, Any]]:
    """One row per action unit of a card, in their order; empty for models of another kind."""
    agreement = card.get("metrics_on_unseen_persons")
    rows = []
    if isinstance(agreement, dict):
        for au, row in sorted(agreement.items(), key=lambda item: _au_number(item[0])):
            if isinstance(row, dict) and _au_number(au) != _NO_AU:
                figures = {name: value for name, value in row.items() if is_number(value)}
                rows.append(
                    {"au": unit_name(int(au)), "short": f"AU{int(au):02d}", **dict.fromkeys(_FIGURES), **figures}
                )
    return rows


_ON_CODES = (
    "auc", "auc_low", "auc_high", "auc_above_neutral", "f1", "f1_chance", "neutral_mean", "neutral_p95", "coded",
    "persons",
)  # fmt: skip


def _codes(card: dict[str, Any]) -> list[dict[str, Any]]:
    """One row per action unit that people have coded, where a card holds how well their codes are told."""
    rows = []
    measured = card.get("metrics_on_codes")
    for au, row in measured.items() if isinstance(measured, dict) else ():
        if isinstance(row, dict) and str(au).isdecimal() and all(is_number(row.get(name)) for name in _ON_CODES[:3]):
            figures = {name: row.get(name) for name in _ON_CODES}
            rows.append((int(au), {"au": unit_name(int(au)), "short": f"AU{int(au):02d}", **figures}))
    return [row for _, row in sorted(rows, key=lambda item: item[0])]


def model_card(entry: dict[str, Any], index: int) -> dict[str, Any]:
    """A model file's card for the page: plain facts, agreement per action unit, scatters, a landmark model's errors."""
    card = entry["card"]
    rows, codes = _agreement(card), _codes(card)
    facts = [
        (_NAMES.get(k, k), card[k]) for k in sorted(card) if k not in _HIDDEN and isinstance(card[k], str | int | float)
    ]
    landmark_rows = card.get("error_on_persons_held_out")
    scatter = card.get("scatter")
    scatter = scatter if isinstance(scatter, dict) else {}
    return {
        "id": f"m{index + 1}",
        "file": entry["file"],
        "title": str(card.get("title", card.get("kind", "A model"))),
        "kind": str(card.get("kind", "")),
        "sha256": str(card.get("content_sha256", "")),
        "facts": facts,
        "rows": rows,
        "codes": codes,
        "codes_plot": _dots(codes, "auc", "AUC for codes by people, per action unit", f"m{index + 1}-auc"),
        "errors": _errors(landmark_rows) if isinstance(landmark_rows, dict) else None,
        "plot": _dots(rows, "r", "Agreement (Pearson r) per action unit", f"m{index + 1}-r"),
        "scatters": _scatters(scatter, index),
        "scatter_data": str(scatter.get("data", "")),
    }


def _errors(rows: dict[str, Any]) -> dict[str, Any] | None:
    """The landmark model's errors as a table, one row per source of images."""
    good = {str(name): figures for name, figures in rows.items() if isinstance(figures, dict)}
    columns = list(dict.fromkeys(str(key) for figures in good.values() for key in figures))
    return {
        "columns": [name.replace("_", " ") for name in columns],
        "rows": [(name, [figures.get(key) for key in columns]) for name, figures in good.items()],
    } if columns else None  # fmt: skip


def _dots(rows: Sequence[dict[str, Any]], figure: str, title: str, id: str) -> Markup:
    """A figure of each action unit as a dot with its interval; empty where no row has it."""
    usable = [row for row in rows if is_number(row[figure])]
    if not usable:
        return Markup()
    curve = charts.XY(
        figure,
        list(range(1, len(usable) + 1)),
        [row[figure] for row in usable],
        [row.get(f"{figure}_low", row[figure]) for row in usable],
        [row.get(f"{figure}_high", row[figure]) for row in usable],
    )
    return charts.dots([row["short"] for row in usable], curve, title=title, id=id)


def _scatters(scatter: dict[str, Any], index: int) -> list[dict[str, Any]]:
    """Per action unit the counts of labels against predictions as a picture, and both distributions."""
    counts, step = scatter.get("counts"), scatter.get("step")
    if not isinstance(counts, dict) or not isinstance(step, int | float) or not is_number(step) or not step > 0:
        return []
    scatters = []
    for au, lines in sorted(counts.items(), key=lambda item: _au_number(item[0])):
        matrix = _matrix(lines)
        if matrix is None or _au_number(au) == _NO_AU:
            continue
        n, bins = int(matrix.sum()), np.arange(len(matrix))
        near = int(matrix[np.abs(bins[:, None] - bins) <= 1].sum())
        edges, name, id = (np.arange(len(matrix) + 1) * step).tolist(), unit_name(int(au)), f"m{index + 1}-s{int(au)}"
        scatters.append(
            {
                "au": name,
                "n": n,
                "near": near / n,
                "plot": charts.heat(
                    matrix, step, title=f"{name}: predictions against labels",
                    description=f"{n} faces; {near / n:.0%} within one bin of {step:g} of the label", id=id,
                ),
                "labels": charts.histogram(matrix.sum(axis=1).tolist(), edges, title=f"{name}: labels", id=f"{id}l"),
                "predictions": charts.histogram(
                    matrix.sum(axis=0).tolist(), edges, title=f"{name}: predictions", id=f"{id}p"
                ),
            }
        )  # fmt: skip
    return scatters


def _matrix(lines: Any) -> np.ndarray | None:
    """A square matrix of counts from lines of numbers; None for anything else or an empty one."""
    try:
        matrix = np.array([[int(number) for number in line.split()] for line in lines], np.int64)
    except (AttributeError, TypeError, ValueError, OverflowError):
        return None
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] and len(matrix) <= 50
    return matrix if square and (matrix >= 0).all() and matrix.sum() else None

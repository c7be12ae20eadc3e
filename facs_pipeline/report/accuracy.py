"""The accuracy section: tables and charts of a task, whoever wrote its figures; misshapen fields are left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from facs_pipeline.report import charts
from facs_pipeline.report.published import Published, published_for

BARS = 8


class Cell(NamedTuple):
    """A cell as shown, and what it sorts by (a number, or its text)."""

    text: str
    sort: float | str


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _numbers(value: Any, n: int | None = None) -> bool:
    return isinstance(value, list) and all(map(is_number, value)) and (n is None or len(value) == n)


def clean_task(task: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """The task with only fields that can be shown; `notes` gets a sentence for each that cannot."""
    where = f"{task.get('source', 'accuracy.json')}"
    models = []
    for number, model in enumerate(task.get("models", [])):
        if not isinstance(model, dict) or not is_number(model.get("accuracy")):
            notes.append(f"{where}: model {number + 1} has no number 'accuracy'; left out")
            continue
        cleaned = {key: value for key, value in model.items() if _CHECKS.get(key, lambda _v: True)(value)}
        bad = sorted(set(model) - set(cleaned))
        if bad:
            notes.append(f"{where}: model {model.get('name', number + 1)}: {', '.join(bad)} not as docs/report.md says")
        if not _square_of(cleaned):
            cleaned.pop("confusion", None)
        models.append({**cleaned, "name": str(model.get("name", f"model {number + 1}"))})
    warnings = [str(text) for text in task.get("warnings", [])] if isinstance(task.get("warnings", []), list) else []
    plain = {key: str(task.get(key, "")) for key in ("unit", "data", "source", "folder")}
    return {**plain, "task": str(task.get("task", "A task without a name")), "models": models, "warnings": warnings}


def _square_of(model: dict[str, Any]) -> bool:
    classes, matrix = model.get("classes"), model.get("confusion")
    return (
        isinstance(classes, list) and isinstance(matrix, list) and len(matrix) == len(classes)
        and all(_numbers(row, len(classes)) for row in matrix)
    )  # fmt: skip


def _rows(*fields: str) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, list)
        and all(
            isinstance(row, dict)
            and all(is_number(row.get(name)) for name in fields)
            and all(is_number(row.get(name, 0)) for name in ("low", "high"))
            for row in value
        )
    )


def _curves(x: str, y: str) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, dict)
        and all(
            isinstance(curve, dict) and _numbers(curve.get(x)) and _numbers(curve.get(y), len(curve[x]))
            for curve in value.values()
        )
    )


_OPTIONAL = ("chance", "macro_f1", "top_2", "log_loss", "calibration_error", "train_s", "predict_s", "total_s", "p")
_CHECKS: dict[str, Callable[[Any], bool]] = {
    **{name: (lambda value: value is None or is_number(value)) for name in (*_OPTIONAL, "size_bytes", "n")},
    "wilson_95": lambda value: _numbers(value, 2),
    "subject_interval_95": lambda value: value is None or _numbers(value, 2),
    "f_beta": lambda value: isinstance(value, dict) and is_number(value.get("beta")) and is_number(value.get("value")),
    "classes": lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value),
    "per_class": _rows("precision", "recall", "f1", "support"),
    "reliability": _rows("confidence", "right", "n"),
    "learning_curve": _rows("n", "accuracy"),
    "subgroups": lambda value: _rows("n", "accuracy")(value)
    and all(_numbers(row.get("wilson_95"), 2) and {"column", "group"} <= set(row) for row in value),
    "mistakes": lambda value: isinstance(value, list) and all(
        isinstance(row, dict) and isinstance(row.get("reasons", []), list) for row in value
    ),
    "roc": _curves("fpr", "tpr"),
    "pr": _curves("recall", "precision"),
    "alone": lambda value: isinstance(value, dict) and is_number(value.get("accuracy")),
}  # fmt: skip


def percent(value: Any) -> Cell:
    return Cell(f"{100 * value:.1f} %", value) if is_number(value) else Cell("", "")


def interval(value: Any) -> Cell:
    return Cell(f"{100 * value[0]:.1f} to {100 * value[1]:.1f} %", value[0]) if _numbers(value, 2) else Cell("", "")


def number(value: Any, form: str = ".3f") -> Cell:
    return Cell(f"{value:{form}}", value) if is_number(value) else Cell("", "")


def size(value: Any) -> Cell:
    return Cell(f"{value / 1e6:.2f} MB", value) if is_number(value) else Cell("", "")


_COLUMNS: list[tuple[str, Callable[[dict[str, Any]], Cell]]] = [
    ("Accuracy here", lambda m: percent(m["accuracy"])),
    ("95 % interval (Wilson)", lambda m: interval(m.get("wilson_95"))),
    ("95 % interval over subjects", lambda m: interval(m.get("subject_interval_95"))),
    ("Chance", lambda m: percent(m.get("chance"))),
    ("n", lambda m: number(m.get("n"), ".0f")),
    ("p (permutation)", lambda m: number(m.get("p"), ".2g")),
    ("Single videos", lambda m: percent(m.get("alone", {}).get("accuracy"))),
    ("Single videos, 95 %", lambda m: interval(m.get("alone", {}).get("wilson_95"))),
    ("Macro-F1", lambda m: number(m.get("macro_f1"))),
    ("F-beta", lambda m: _f_beta(m.get("f_beta"))),
    ("Top 2", lambda m: percent(m.get("top_2"))),
    ("Log-loss", lambda m: number(m.get("log_loss"))),
    ("Calibration error", lambda m: number(m.get("calibration_error"))),
    ("Training", lambda m: number(m.get("train_s"), ".2f")),
    ("Prediction", lambda m: number(m.get("predict_s"), ".3f")),
    ("Evaluation", lambda m: number(m.get("total_s"), ".2f")),
    ("Size", lambda m: size(m.get("size_bytes"))),
]
_UNITS = {"Training": "Training (s)", "Prediction": "Prediction (s)", "Evaluation": "Training and prediction (s)"}


def _f_beta(value: Any) -> Cell:
    return Cell(f"{value['value']:.3f} (β = {value['beta']:g})", value["value"]) if value else Cell("", "")


def accuracy_table(task: dict[str, Any]) -> dict[str, Any]:
    """Columns and rows of the task's table; columns that no model fills are left out, published systems come last,
    in columns of their own."""
    published = published_for(task["task"])
    columns = [(name, cell) for name, cell in _COLUMNS if any(cell(model).text for model in task["models"])]
    names = [_UNITS.get(name, name) for name, _cell in columns]
    rows = [[Cell(model["name"], model["name"]), *(cell(model) for _name, cell in columns)] for model in task["models"]]
    empty = Cell("", "")
    for other in published:
        rows.append([Cell(other.system, other.system), *[empty] * len(columns)])
    if published:
        # Beside the accuracies measured here, where both are seen together.
        at = 1 + next((i for i, (name, _cell) in enumerate(columns) if name.startswith("95 %")), 0)
        names[at:at] = ["Published accuracy", "Source", "Same protocol"]
        tails = [[empty] * 3 for _model in task["models"]] + [_published_cells(other) for other in published]
        rows = [[*row[: at + 1], *tail, *row[at + 1 :]] for row, tail in zip(rows, tails, strict=True)]
    head = ["Model", *names]
    return {"head": head, "rows": rows}


def _published_cells(other: Published) -> list[Cell]:
    figure = percent(other.accuracy) if is_number(other.accuracy) else Cell(str(other.accuracy), "")
    return [figure, Cell(other.source, other.source), Cell(other.protocol, other.protocol)]


def model_view(model: dict[str, Any], id: str) -> dict[str, Any]:
    """A model's details for the template: per-class rows, shaded confusion matrix, charts, subgroups, mistakes."""
    view = {"name": model["name"], "per_class": model.get("per_class") or []}
    view["mistakes"] = [_mistake(row) for row in model.get("mistakes") or []]
    view["id"], view["confusion"] = id, _confusion(model)
    view["charts"] = [
        chart for chart in (_reliability(model, id), *_class_curves(model, id), _learning(model, id)) if chart
    ]
    groups = model.get("subgroups") or []
    view["subgroups"] = [
        (str(column), list(rows)) for column, rows in groupby(groups, key=lambda row: row.get("column", "group"))
    ]
    return view


def _mistake(row: dict[str, Any]) -> dict[str, Any]:
    confidence = row.get("probability") if is_number(row.get("probability")) else row.get("score")
    texts = {key: str(row.get(key, "")) for key in ("video", "truth", "predicted", "picture")}
    return {**texts, "confidence": confidence, "reasons": [str(text) for text in row.get("reasons", [])]}


def _confusion(model: dict[str, Any]) -> dict[str, Any] | None:
    if "confusion" not in model:
        return None
    rows = []
    for name, counts in zip(model["classes"], model["confusion"], strict=True):
        total = sum(counts)
        shares = [count / total if total else 0.0 for count in counts]
        cells = [
            {"count": f"{count:g}", "share": f"{100 * share:.0f} %", "shade": round(share * BARS)}
            for count, share in zip(counts, shares, strict=True)
        ]
        rows.append({"name": name, "cells": cells})
    return {"classes": model["classes"], "rows": rows}


def _figure(curves: Sequence[charts.XY], *, title: str, description: str, **options: Any) -> dict[str, Any]:
    """A square chart with the words that say the same, for its caption."""
    svg = charts.square(curves, title=title, description=description, **options)
    return {"svg": svg, "title": title, "description": description}


def _reliability(model: dict[str, Any], id: str):
    rows = model.get("reliability")
    if not rows:
        return None
    x, y = [row["confidence"] for row in rows], [row["right"] for row in rows]
    low, high = [row.get("low", row["right"]) for row in rows], [row.get("high", row["right"]) for row in rows]
    words = "; ".join(f"confidence {a:.2f}: {b:.0%} right of {row['n']}" for a, b, row in zip(x, y, rows, strict=True))
    return _figure(
        [charts.XY(model["name"], x, y, low, high)], x_label="confidence", y_label="share right", title="Reliability",
        description=words, id=f"{id}-rel", diagonal=True,
    )  # fmt: skip


def _class_curves(model: dict[str, Any], id: str) -> Sequence[Any]:
    found = []
    for key, x, y, figure, labels in (
        ("roc", "fpr", "tpr", "auc", ("false positive rate", "true positive rate", "ROC")),
        ("pr", "recall", "precision", "average_precision", ("recall", "precision", "Precision and recall")),
    ):
        curves = model.get(key)
        if not curves:
            continue
        shown = [charts.XY(str(name), curve[x], curve[y]) for name, curve in curves.items()]
        known = [(name, curve[figure]) for name, curve in curves.items() if is_number(curve.get(figure))]
        words = ", ".join(f"{name}: {figure.replace('_', ' ')} {value:.3f}" for name, value in known)
        found.append(
            _figure(
                shown, x_label=labels[0], y_label=labels[1], title=labels[2], description=words, id=f"{id}-{key}",
                diagonal=key == "roc",
            )
        )  # fmt: skip
    return found


def _learning(model: dict[str, Any], id: str):
    rows = model.get("learning_curve")
    if not rows:
        return None
    x, y = [row["n"] for row in rows], [row["accuracy"] for row in rows]
    words = "; ".join(f"{n:g} samples: {value:.1%}" for n, value in zip(x, y, strict=True))
    low, high = [row.get("low", row["accuracy"]) for row in rows], [row.get("high", row["accuracy"]) for row in rows]
    return _figure(
        [charts.XY(model["name"], x, y, low, high)], x_label="training samples", y_label="accuracy",
        title="Learning curve", description=words, id=f"{id}-learn", x_range=(0, max(x)),
    )  # fmt: skip

"""The accuracy section: a task's table with published figures beside it, and the details of each model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

from facs_pipeline.foundation.evaluation.accuracy import wilson_interval
from facs_pipeline.report import charts
from facs_pipeline.report.published import Published, published_for, same_protocol
from facs_pipeline.report.shapes import is_number, numbers

BARS = 8


class Cell(NamedTuple):
    """A cell of a table.

    Attributes
    ----------
    text : str
        As it is shown.
    sort : float or str
        What it sorts by.
    """

    text: str
    sort: float | str


EMPTY = Cell("", "")
"""What is not known."""


class Table(NamedTuple):
    """A table for the template.

    Attributes
    ----------
    head : list of str
        Names of the columns [m].
    rows : list of list of Cell
        [n, m].
    """

    head: list[str]
    rows: list[list[Cell]]


def percent(value: Any) -> Cell:
    """A share 0..1 in percent; empty where it is no number."""
    return Cell(f"{100 * value:.1f} %", value) if is_number(value) else EMPTY


def interval(value: Any) -> Cell:
    """An interval of shares [2], 0..1, in percent; empty where it is none."""
    return Cell(f"{100 * value[0]:.1f} to {100 * value[1]:.1f} %", value[0]) if numbers(value, 2) else EMPTY


def number(value: Any, form: str = ".3f") -> Cell:
    """A number in the format `form`; empty where it is none."""
    return Cell(f"{value:{form}}", value) if is_number(value) else EMPTY


def megabytes(value: Any) -> Cell:
    """Bytes in MB; empty where it is no number."""
    if not is_number(value):
        return EMPTY
    return Cell(f"{value / 1e6:,.2f} MB" if value < 1e8 else f"{value / 1e6:,.0f} MB", value)


def _f_beta(value: Any) -> Cell:
    return Cell(f"{value['value']:.3f} (β = {value['beta']:g})", value["value"]) if value else EMPTY


_COLUMNS: list[tuple[str, Callable[[dict[str, Any]], Cell]]] = [
    ("Accuracy here", lambda m: percent(m["accuracy"])),
    ("95 % interval (Wilson)", lambda m: interval(m.get("wilson_95"))),
    ("95 % interval over subjects", lambda m: interval(m.get("subject_interval_95"))),
    ("Chance", lambda m: percent(m.get("chance"))),
    ("n", lambda m: number(m.get("n"), ".0f")),
    ("Without near-duplicates", lambda m: percent(m.get("without_near_duplicates", {}).get("accuracy"))),
    ("Without near-duplicates, 95 %", lambda m: interval(m.get("without_near_duplicates", {}).get("wilson_95"))),
    ("p (permutation)", lambda m: number(m.get("p"), ".2g")),
    ("Single videos", lambda m: percent(m.get("alone", {}).get("accuracy"))),
    ("Single videos, 95 %", lambda m: interval(m.get("alone", {}).get("wilson_95"))),
    ("Single videos, chance", lambda m: percent(m.get("alone", {}).get("chance"))),
    ("Balanced accuracy", lambda m: percent(m.get("balanced_accuracy"))),
    ("Macro-F1", lambda m: number(m.get("macro_f1"))),
    ("F-beta", lambda m: _f_beta(m.get("f_beta"))),
    ("Top 2", lambda m: percent(m.get("top_2"))),
    ("Log-loss", lambda m: number(m.get("log_loss"))),
    ("Calibration error", lambda m: number(m.get("calibration_error"))),
    ("Training (s)", lambda m: number(m.get("train_s"), ".2f")),
    ("Prediction (s)", lambda m: number(m.get("predict_s"), ".3f")),
    ("Training and prediction (s)", lambda m: number(m.get("total_s"), ".2f")),
    ("Peak memory, training", lambda m: megabytes(m.get("peak_memory_bytes"))),
    ("Peak memory, prediction", lambda m: megabytes(m.get("predict_peak_memory_bytes"))),
    ("Size", lambda m: megabytes(m.get("size_bytes"))),
]


def accuracy_table(task: dict[str, Any]) -> Table:
    """The task's table.

    Columns that no model fills are left out. A published figure stands in the row of the model that names it in its
    field ``published``, the others in rows of their own, all in columns of their own.
    """
    published = published_for(task["task"])
    by_name = {figure.system: figure for figure in published}
    columns = [(name, cell) for name, cell in _COLUMNS if any(cell(model).text for model in task["models"])]
    rows = [
        [Cell(model["name"], model["name"]), *(cell(model) for _name, cell in columns),
         *_published_cells(by_name.get(model.get("published", "")), task, named=True)]
        for model in task["models"]
    ]  # fmt: skip
    taken = {model.get("published") for model in task["models"]}
    rows += [
        [Cell(figure.system, figure.system), *[EMPTY] * len(columns), *_published_cells(figure, task)]
        for figure in published
        if figure.system not in taken
    ]
    head = ["Model", *(name for name, _cell in columns), *_PUBLISHED]
    if not published:
        return Table(head[: -len(_PUBLISHED)], [row[: -len(_PUBLISHED)] for row in rows])
    # Beside accuracy, interval and chance measured here; source and protocol stay last.
    at = 2 + max((i for i, (name, _cell) in enumerate(columns) if name.startswith(("95 %", "Chance"))), default=0)
    return Table(_published_moved(head, at), [_published_moved(row, at) for row in rows])


def _published_moved(row: list[_Entry], to: int) -> list[_Entry]:
    """The published figure and its interval, which stand before source and protocol at the end, moved forward."""
    own, figure, rest = row[: -len(_PUBLISHED)], row[-len(_PUBLISHED) : 2 - len(_PUBLISHED)], row[2 - len(_PUBLISHED) :]
    return [*own[:to], *figure, *own[to:], *rest]


_Entry = TypeVar("_Entry")
_PUBLISHED = ("Published accuracy", "Published, 95 % (Wilson)", "Source", "Same protocol")


def _published_cells(figure: Published | None, task: dict[str, Any], *, named: bool = False) -> list[Cell]:
    if figure is None:
        return [EMPTY] * len(_PUBLISHED)
    value = Cell(figure.accuracy, "") if isinstance(figure.accuracy, str) else percent(figure.accuracy)
    source = f"{figure.system}: {figure.source}" if named else figure.source
    same = same_protocol(figure, task["protocol"], task["data"])
    # Nobody has published intervals; this one follows from the number of samples.
    wilson = EMPTY
    if figure.n and not isinstance(figure.accuracy, str):
        wilson = interval(list(wilson_interval(round(figure.accuracy * figure.n), figure.n)))
    return [value, wilson, Cell(source, source), Cell(same, same)]


def model_view(model: dict[str, Any], id: str, pictures: Mapping[str, str]) -> dict[str, Any]:
    """A model's details for the template: per-class rows, shaded confusion matrix, charts, subgroups, mistakes.

    Parameters
    ----------
    model : dict
        One of a cleaned task, see `facs_pipeline.report.shapes.clean_task`.
    id : str
        Unique on the page.
    pictures : mapping of str to str
        What a mistake names as its ``picture``, ``explanation``, ``video`` or ``partner`` -> data URI.
    """
    words = [cell.text for cell in (percent(model["accuracy"]), interval(model.get("wilson_95"))) if cell.text]
    chance = percent(model.get("chance")).text
    groups = model.get("subgroups") or []
    return {
        "id": id,
        "name": model["name"],
        "title": str(model.get("title") or ""),
        "accuracy": " (".join(words) + ")" * (len(words) > 1) + (f", chance {chance}" if chance else ""),
        "per_class": model.get("per_class") or [],
        "confusion": _confusion(model),
        "charts": [c for c in (_reliability(model, id), *_class_curves(model, id), _learning(model, id)) if c],
        "subgroups": [(str(column), list(rows)) for column, rows in groupby(groups, key=lambda row: row["column"])],
        "mistakes": [_mistake(row, pictures) for row in model.get("mistakes") or []],
    }


PICTURE_FIELDS = {"picture": "", "video": "", "partner": "the other video of the pair", "explanation": "what moved it"}
"""Fields of a mistake that name a picture -> its caption; an explanation is drawn large."""


def _mistake(row: dict[str, Any], pictures: Mapping[str, str]) -> dict[str, Any]:
    confidence = row.get("probability") if is_number(row.get("probability")) else row.get("score")
    names = {field: str(row.get(field, "")) for field in PICTURE_FIELDS}
    shown = [
        (pictures[names[field]], words, field == "explanation")
        for field, words in PICTURE_FIELDS.items()
        if names[field] in pictures
    ]
    return {
        "name": names["video"] or str(row.get("image") or names["picture"]),
        "partner": names["partner"],
        "pictures": shown,
        "truth": str(row.get("truth", "")),
        "predicted": str(row.get("predicted", "")),
        "confidence": confidence,
        "reasons": [str(text) for text in row.get("reasons", [])],
    }


def _confusion(model: dict[str, Any]) -> dict[str, Any] | None:
    if "confusion" not in model:
        return None
    rows = []
    for name, counts in zip(model["classes"], model["confusion"], strict=True):
        total = sum(counts)
        shares = [count / total if total else 0.0 for count in counts]
        cells = [
            {"count": f"{count:g}", "share": f"{100 * share:.0f} %", "shade": round(min(max(share, 0), 1) * BARS)}
            for count, share in zip(counts, shares, strict=True)
        ]
        rows.append({"name": name, "cells": cells})
    return {"classes": model["classes"], "rows": rows}


def _figure(curves: Sequence[charts.XY], axes: charts.Axes, *, title: str, description: str, id: str) -> dict[str, Any]:
    """A square chart, a key where it has several curves, and the words that say the same."""
    svg = charts.square(curves, axes, title=title, description=description, id=id)
    keys = [(f"c{number % 8}", curve.name) for number, curve in enumerate(curves)] if len(curves) > 1 else []
    return {"svg": svg, "title": title, "description": description if not keys else "", "keys": keys}


def _reliability(model: dict[str, Any], id: str) -> dict[str, Any] | None:
    rows = model.get("reliability")
    if not rows:
        return None
    x, y = [row["confidence"] for row in rows], [row["right"] for row in rows]
    low, high = [row.get("low", row["right"]) for row in rows], [row.get("high", row["right"]) for row in rows]
    words = "; ".join(f"confidence {a:.2f}: {b:.0%} right of {row['n']}" for a, b, row in zip(x, y, rows, strict=True))
    axes = charts.Axes("confidence", "share right", diagonal=True)
    curve = charts.XY(model["name"], x, y, low, high)
    return _figure([curve], axes, title="Reliability", description=words, id=f"{id}-rel")


_ROC = charts.Axes("false positive rate", "true positive rate", diagonal=True)
_PRECISION_RECALL = charts.Axes("recall", "precision")


def _class_curves(model: dict[str, Any], id: str) -> list[dict[str, Any]]:
    figures = []
    for key, x, y, figure, title, axes in (
        ("roc", "fpr", "tpr", "auc", "ROC, area under the curve", _ROC),
        ("pr", "recall", "precision", "average_precision", "Precision and recall, average", _PRECISION_RECALL),
    ):
        curves = model.get(key)
        if not curves:
            continue
        names = {
            name: f"{name} {curve[figure]:.3f}" if is_number(curve.get(figure)) else str(name)
            for name, curve in curves.items()
        }
        shown = [charts.XY(names[name], curve[x], curve[y]) for name, curve in curves.items()]
        description = ", ".join(names.values())
        figures.append(_figure(shown, axes, title=title, description=description, id=f"{id}-{key}"))
    return figures


def _learning(model: dict[str, Any], id: str) -> dict[str, Any] | None:
    rows = model.get("learning_curve")
    if not rows:
        return None
    x, y = [row["n"] for row in rows], [row["accuracy"] for row in rows]
    words = "; ".join(f"{n:g} samples: {value:.1%}" for n, value in zip(x, y, strict=True))
    chance = model.get("chance")
    words += f"; chance {chance:.1%}, dashed" if is_number(chance) else ""
    low, high = [row.get("low", row["accuracy"]) for row in rows], [row.get("high", row["accuracy"]) for row in rows]
    axes = charts.Axes("training samples", "accuracy", x_range=(0, max(x)), level=chance)
    curve = charts.XY(model["name"], x, y, low, high)
    return _figure([curve], axes, title="Learning curve", description=words, id=f"{id}-learn")

"""What an accuracy.json may hold: fields of another shape are left out with a note, so that no file breaks a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

LARGEST = 1e15
"""Larger numbers, which no result has, would overflow in sums."""


def is_number(value: Any) -> bool:
    """Whether it is a number that can be computed with and drawn; truth values are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def numbers(value: Any, n: int | None = None) -> bool:
    """Whether it is a list of finite numbers, of `n` if that is given."""
    return isinstance(value, list) and all(map(is_number, value)) and (n is None or len(value) == n)


def to_number(text: Any) -> float | None:
    """A cell of a table as a finite number, else None."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if abs(value) <= LARGEST else None


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table, as column -> cell."""
    return [{str(column): cell for column, cell in row.items()} for row in table.to_dict("records")]


def clean_task(task: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """The task with only fields that can be shown; `notes` gets a sentence for each that cannot."""
    where = f"{task.get('source', 'accuracy.json')}"
    models = []
    for number, model in enumerate(task.get("models", [])):
        if not isinstance(model, dict) or not is_number(model.get("accuracy")):
            notes.append(f"{where}: model {number + 1} has no number 'accuracy'; left out")
            continue
        cleaned = {key: value for key, value in model.items() if _CHECKS.get(key, lambda _v: True)(value)}
        if not _square(cleaned):
            cleaned.pop("confusion", None)
        bad = sorted(set(model) - set(cleaned))
        if bad:
            notes.append(f"{where}: model {model.get('name', number + 1)}: {', '.join(bad)} not as docs/report.md says")
        models.append({**cleaned, "name": str(model.get("name", f"model {number + 1}"))})
    warnings = [str(text) for text in task.get("warnings", [])] if isinstance(task.get("warnings", []), list) else []
    plain = {key: str(task.get(key, "")) for key in ("unit", "data", "source", "folder", "protocol", "chance")}
    return {**plain, "task": str(task.get("task", "A task without a name")), "models": models, "warnings": warnings}


def _square(model: dict[str, Any]) -> bool:
    classes, matrix = model.get("classes"), model.get("confusion")
    return (
        isinstance(classes, list) and isinstance(matrix, list) and len(matrix) == len(classes)
        and all(numbers(row, len(classes)) for row in matrix)
    )  # fmt: skip


def _number_or_none(value: Any) -> bool:
    return value is None or is_number(value)


def _rows(*fields: str) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, list)
        and all(
            isinstance(row, dict)
            and all(is_number(row.get(name)) for name in fields)
            and all(is_number(row.get(name, 0)) for name in ("low", "high", "chance"))
            for row in value
        )
    )


def _named_rows(name: str, *fields: str) -> Callable[[Any], bool]:
    rows = _rows(*fields)
    return lambda value: rows(value) and all(isinstance(row.get(name), str) for row in value)


def _curves(x: str, y: str) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, dict)
        and all(
            isinstance(curve, dict) and numbers(curve.get(x)) and numbers(curve.get(y), len(curve[x]))
            for curve in value.values()
        )
    )


def _share(value: Any) -> bool:
    return isinstance(value, dict) and is_number(value.get("accuracy")) and numbers(value.get("wilson_95", [0, 1]), 2)


_NUMBERS = (
    "n", "chance", "balanced_accuracy", "macro_f1", "top_2", "log_loss", "calibration_error", "train_s", "predict_s",
    "total_s", "p", "size_bytes", "peak_memory_bytes", "predict_peak_memory_bytes",
)  # fmt: skip
_CHECKS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(_NUMBERS, _number_or_none),
    "wilson_95": lambda value: numbers(value, 2),
    "subject_interval_95": lambda value: value is None or numbers(value, 2),
    "f_beta": lambda value: isinstance(value, dict) and is_number(value.get("beta")) and is_number(value.get("value")),
    "classes": lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value),
    "per_class": _named_rows("class", "precision", "recall", "f1", "support"),
    "reliability": _rows("confidence", "right", "n"),
    "learning_curve": _rows("n", "accuracy"),
    "subgroups": lambda value: _rows("n", "accuracy")(value)
    and all(numbers(row.get("wilson_95"), 2) and {"column", "group"} <= set(row) for row in value),
    "mistakes": lambda value: isinstance(value, list) and all(
        isinstance(row, dict) and isinstance(row.get("reasons", []), list) for row in value
    ),
    "roc": _curves("fpr", "tpr"),
    "pr": _curves("recall", "precision"),
    "alone": _share,
    "without_near_duplicates": _share,
    "published": lambda value: isinstance(value, str),
}  # fmt: skip

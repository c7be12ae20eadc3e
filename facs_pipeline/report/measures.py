"""Accuracy figures of one task in one shape, whatever command made them; docs/report.md describes that shape.

Emotion or other classifiers are taken from `accuracy.json` as they are; rankings are brought into the shape here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics

from facs_pipeline.evaluation import wilson_interval
from facs_pipeline.report.gather import Ranking

BETA = 2.0
BINS = 10
MISTAKES = 12
CURVE_POINTS = 100


def two_class_figures(labels: Sequence[str], decisions: Sequence[str], probability: np.ndarray, scores: np.ndarray,
                      classes: tuple[str, str] = ("real", "fake")) -> dict[str, Any]:  # fmt: skip
    """Figures of decisions between two classes.

    Parameters
    ----------
    labels, decisions : [n] names of classes.
    probability : [n] of the first class, 0..1, NaN where there is none.
    scores : [n] higher for the first class.

    Returns
    -------
    dict
        The fields of one model in `accuracy.json`. ``calibration_error`` is the expected calibration error over
        ten bins of equal width (Naeini et al., AAAI 2015); ``f_beta`` weighs recall twice as much as precision.
    """
    labels, decisions = np.asarray(labels, object), np.asarray(decisions, object)
    n, right = len(labels), int((labels == decisions).sum())
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        labels, decisions, labels=list(classes), zero_division=0
    )
    confusion = metrics.confusion_matrix(labels, decisions, labels=list(classes))
    figures: dict[str, Any] = {
        "n": n,
        "accuracy": right / n,
        "wilson_95": list(wilson_interval(right, n)),
        "macro_f1": float(f1.mean()),
        "f_beta": {
            "beta": BETA,
            "value": float(
                metrics.fbeta_score(
                    labels, decisions, beta=BETA, labels=list(classes), average="macro", zero_division=0
                )
            ),
        },
        "classes": list(classes),
        "confusion": confusion.tolist(),
        "per_class": [
            {"class": name, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
            for name, p, r, f, s in zip(classes, precision, recall, f1, support, strict=True)
        ],
    }
    truth = (labels == classes[0]).astype(int)
    known = np.isfinite(probability)
    if known.any():
        clipped = np.clip(probability[known], 1e-12, 1 - 1e-12)
        figures["log_loss"] = float(metrics.log_loss(truth[known], clipped, labels=[0, 1]))
        figures["calibration_error"], figures["reliability"] = _reliability(truth[known], probability[known])
    if 0 < truth.sum() < n:
        fpr, tpr, _ = metrics.roc_curve(truth, scores)
        precisions, recalls, _ = metrics.precision_recall_curve(truth, scores)
        figures["roc"] = {classes[0]: {"auc": float(metrics.auc(fpr, tpr)), **_curve(fpr=fpr, tpr=tpr)}}
        average = float(metrics.average_precision_score(truth, scores))
        figures["pr"] = {classes[0]: {"average_precision": average, **_curve(recall=recalls, precision=precisions)}}
    return figures


def _curve(**columns: np.ndarray) -> dict[str, list[float]]:
    n = len(next(iter(columns.values())))
    kept = np.unique(np.linspace(0, n - 1, min(n, CURVE_POINTS)).astype(int))
    return {name: [round(float(value), 4) for value in values[kept]] for name, values in columns.items()}


def _reliability(truth: np.ndarray, probability: np.ndarray) -> tuple[float, list[dict[str, float]]]:
    # As a decision's confidence: one half and more, whichever class it is for.
    confidence = np.maximum(probability, 1 - probability)
    correct = np.where(probability >= 0.5, truth, 1 - truth)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    rows, error = [], 0.0
    for number in np.unique(bins):
        here = bins == number
        mean, share = float(confidence[here].mean()), float(correct[here].mean())
        low, high = wilson_interval(float(correct[here].sum()), int(here.sum()))
        rows.append({"confidence": mean, "right": share, "low": low, "high": high, "n": int(here.sum())})
        error += abs(mean - share) * here.mean()
    return float(error), rows


def task_of_ranking(ranking: Ranking, metadata: Mapping[str, Mapping[str, str]]) -> dict[str, Any] | None:
    """The accuracy table of a ranking whose labels are known, else None.

    Parameters
    ----------
    ranking : as gathered.
    metadata : video -> column -> text, for results by subgroup.
    """
    known = _scored(ranking.predictions)
    reported = (ranking.report or {}).get("models", {})
    models = []
    for name in [*reported, *(name for name in known["model"].unique() if name not in reported)]:
        rows = known[known["model"] == name]
        model: dict[str, Any] = {"name": str(name)}
        if len(rows):
            probability = rows["probability"].to_numpy(float)
            model |= two_class_figures(
                rows["label"].tolist(), rows["decision"].tolist(), probability, rows["score"].to_numpy(float)
            )
            model["subgroups"] = _subgroups(rows, metadata)
            model["mistakes"] = _mistakes(rows, ranking.reasons)
        model |= _reported(reported.get(name))
        if "accuracy" in model:
            models.append({"chance": 0.5, **model})
    if not models:
        return None
    data, warnings = ((ranking.report or {}).get(name) for name in ("data", "warnings"))
    data = data if isinstance(data, dict) else {}
    about = ", ".join(f"{data[key]} {key}" for key in ("videos", "pairs", "subjects", "folds") if key in data)
    return {
        "task": "Authenticity: real or fake",
        "unit": "pairs where authenticity.json has them, else videos; macro-F1 and what follows count videos",
        "data": f"{data.get('source', ranking.folder)}" + (f" ({about})" if about else ""),
        "models": models,
        "warnings": [str(text) for text in warnings] if isinstance(warnings, list) else [],
        "source": str(ranking.folder),
    }


def _scored(predictions: pd.DataFrame) -> pd.DataFrame:
    table = predictions.copy()
    for column in ("score", "probability"):
        table[column] = pd.to_numeric(table[column], errors="coerce")
    classes = ("real", "fake")
    return table[table["label"].isin(classes) & table["decision"].isin(classes) & table["score"].notna()]


def _reported(entry: Any) -> dict[str, Any]:
    """What `authenticity.json` says of a model: the pairs' accuracy counts, videos alone stand beside it."""
    if not isinstance(entry, dict):
        return {}
    found: dict[str, Any] = {}
    pairs, videos = entry.get("pairs"), entry.get("videos")
    if isinstance(pairs, dict) and _is_number(pairs.get("accuracy")):
        found |= {key: pairs[key] for key in ("n", "accuracy", "wilson_95", "chance") if key in pairs}
        found["subject_interval_95"] = pairs.get("subject_bootstrap_95")
        found["p"] = pairs.get("permutation_p_retrained", pairs.get("permutation_p"))
    if isinstance(videos, dict) and _is_number(videos.get("accuracy")):
        found["alone"] = {key: videos.get(key) for key in ("n", "accuracy", "wilson_95")}
    if _is_number(entry.get("seconds")):
        found["total_s"] = entry["seconds"]
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value)


def _subgroups(rows: pd.DataFrame, metadata: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    right = (rows["label"] == rows["decision"]).to_numpy()
    groups: dict[str, list[str]] = {"subject": rows["subject"].tolist(), "emotion": rows["emotion"].tolist()}
    further = {column for video in rows["video"] for column in metadata.get(video, {})} - {*groups, "label", "emotion"}
    for column in sorted(further):
        groups[column] = [metadata.get(video, {}).get(column, "") for video in rows["video"]]
    found = []
    for column, values in groups.items():
        of = np.asarray(values, dtype=object)
        for value in sorted({value for value in values if value}):
            here = of == value
            count, n = int(right[here].sum()), int(here.sum())
            interval = list(wilson_interval(count, n))
            found.append({"column": column, "group": value, "n": n, "accuracy": count / n, "wilson_95": interval})
    return found


def _mistakes(rows: pd.DataFrame, reasons: pd.DataFrame) -> list[dict[str, Any]]:
    """The most confident wrong decisions with the statistics that spoke for them, where those were written."""
    wrong = rows[rows["label"] != rows["decision"]]
    order = np.lexsort((wrong["video"].to_numpy(str), -wrong["score"].abs().to_numpy()))
    found = []
    for row in wrong.iloc[order[:MISTAKES]].to_dict("records"):
        own = reasons[(reasons["video_a"] == row["video"]) | (reasons["video_b"] == row["video"])]
        probability = row["probability"]
        found.append(
            {
                "video": row["video"],
                "truth": row["label"],
                "predicted": row["decision"],
                "score": float(row["score"]),
                "probability": None if not np.isfinite(probability) else float(max(probability, 1 - probability)),
                "reasons": own["reason"].head(3).tolist(),
            }
        )
    return found

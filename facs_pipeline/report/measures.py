"""Accuracy figures of one task in one shape, whatever command made them; docs/report.md describes that shape.

Emotion or other classifiers are taken from `accuracy.json` as they are; rankings are brought into the shape here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from facs_pipeline.authenticity.explanation import in_words
from facs_pipeline.foundation.evaluation.classification import MISTAKES, class_figures, subgroup_figures
from facs_pipeline.report.gather import Ranking
from facs_pipeline.report.ranker_tables import of_report
from facs_pipeline.report.shapes import is_number, numbers, records, to_number

REASONS = 3


def two_class_figures(labels: Sequence[str], decisions: Sequence[str], probability: np.ndarray, scores: np.ndarray,
                      classes: tuple[str, str] = ("real", "fake")) -> dict[str, Any]:  # fmt: skip
    """Figures of decisions between two classes; see `facs_pipeline.foundation.evaluation.classification.class_figures`.

    Parameters
    ----------
    labels, decisions : sequence of str
        Names of classes [n].
    probability : ndarray of float
        Of the first class [n], 0..1, NaN where there is none.
    scores : ndarray of float
        Higher for the first class [n].
    classes : (str, str)
        Names of both.
    """
    places = {name: number for number, name in enumerate(classes)}
    truth, decided = (np.array([places[name] for name in names]) for names in (labels, decisions))
    probability, scores = np.asarray(probability, float), np.asarray(scores, float)
    # Other programs' tables may hold anything here; what is no probability is none.
    probability = np.where((probability >= 0) & (probability <= 1), probability, np.nan)
    return class_figures(
        truth, np.stack([probability, 1 - probability], axis=1), classes, decisions=decided,
        scores=np.stack([scores, -scores], axis=1),
    )  # fmt: skip


def task_of_ranking(ranking: Ranking, metadata: Mapping[str, Mapping[str, str]]) -> dict[str, Any] | None:
    """The accuracy table of a ranking whose labels are known, else None.

    Parameters
    ----------
    ranking : Ranking
        As gathered.
    metadata : mapping
        Video -> column -> text, for results by subgroup.
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
            # In a pair one of two is right by chance, however many videos of each kind there are.
            model["chance"] = 0.5
            model["subgroups"] = _subgroups(rows, metadata)
            model["mistakes"] = _mistakes(rows, ranking.reasons)
        model |= _reported(reported.get(name)) | of_report(ranking.report, str(name))
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
        "chance": _by_chance_in_words(data.get("by_chance_95")),
        "models": models,
        "warnings": [str(text) for text in warnings] if isinstance(warnings, list) else [],
        "source": str(ranking.folder),
    }


def _by_chance_in_words(interval: Any) -> str:
    """What accuracies a study like this one has when there is nothing to be found; see docs/authenticity.md."""
    if not numbers(interval, 2):
        return ""
    low, high = interval
    return (
        f"By chance 50 % of pairs are right; with nothing to be found, 95 % of studies like this one still "
        f"have {100 * low:.0f} to {100 * high:.0f} % right (real and fake swapped at random, a ranker trained anew "
        "each time)."
    )


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
    figures: dict[str, Any] = {}
    pairs, videos = entry.get("pairs"), entry.get("videos")
    if isinstance(pairs, dict) and is_number(pairs.get("accuracy")):
        figures |= {key: pairs[key] for key in ("n", "accuracy", "wilson_95", "chance") if key in pairs}
        figures["subject_interval_95"] = pairs.get("subject_bootstrap_95")
        figures["p"] = pairs.get("permutation_p_retrained", pairs.get("permutation_p"))
    if isinstance(videos, dict) and is_number(videos.get("accuracy")):
        figures["alone"] = {key: videos.get(key) for key in ("n", "accuracy", "wilson_95", "chance")}
    if is_number(entry.get("train_s")):
        figures |= {key: entry.get(key) for key in ("train_s", "predict_s")}
    elif is_number(entry.get("seconds")):
        figures["total_s"] = entry["seconds"]
    return figures | {key: entry[key] for key in ("size_bytes", "learning_curve") if key in entry}


def _subgroups(rows: pd.DataFrame, metadata: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    right = (rows["label"] == rows["decision"]).to_numpy()
    groups: dict[str, list[str]] = {"subject": rows["subject"].tolist(), "emotion": rows["emotion"].tolist()}
    further = {column for video in rows["video"] for column in metadata.get(video, {})} - {*groups, "label", "emotion"}
    for column in sorted(further):
        groups[column] = [metadata.get(video, {}).get(column, "") for video in rows["video"]]
    return subgroup_figures(right, groups, chance=0.5)


def _mistakes(rows: pd.DataFrame, reasons: pd.DataFrame) -> list[dict[str, Any]]:
    """The most confident wrong decisions, one per pair, with the statistics in their favour where those are known.

    Of the two videos of a pair the one wrongly called real is named; the other one is its ``partner``.
    """
    wrong = rows[rows["label"] != rows["decision"]]
    order = np.lexsort((wrong["video"].to_numpy(str), wrong["decision"] != "real", -wrong["score"].abs().to_numpy()))
    mistakes: list[dict[str, Any]] = []
    named: set[frozenset[str]] = set()
    for row in records(wrong.iloc[order]):
        pair = frozenset((row["video"], row["partner"])) if row["partner"] else frozenset((row["video"],))
        if pair in named or len(mistakes) == MISTAKES:
            continue
        named.add(pair)
        probability = row["probability"]
        mistakes.append(
            {
                "video": row["video"],
                "partner": row["partner"],
                "truth": row["label"],
                "predicted": row["decision"],
                "score": float(row["score"]),
                "probability": None if not np.isfinite(probability) else float(max(probability, 1 - probability)),
                "reasons": _reasons_for(row, reasons)[:REASONS],
            }
        )
    return mistakes


def _reasons_for(row: Mapping[str, Any], reasons: pd.DataFrame) -> list[str]:
    """What moved the pair towards the decision on this video, in words with the measured values, strongest first."""
    own = reasons[(reasons["model"] == "") | (reasons["model"] == row["model"])]
    first = (own["video_a"] == row["video"]) & (own["video_b"] == row["partner"])
    second = (own["video_b"] == row["video"]) & (own["video_a"] == row["partner"])
    lines = []
    for reason in records(own[first | second]):
        a, b, part = (to_number(reason[name]) for name in ("value_a", "value_b", "contribution"))
        if a is None or b is None or part is None:
            lines.append(reason["reason"])
            continue
        is_a = reason["video_a"] == row["video"]
        if (part > 0) == (is_a == (row["decision"] == "real")):
            names = ("this video", "the other one")
            words = in_words(reason["column"], a, b, *(names if is_a else names[::-1]))
            this, other = (a, b) if is_a else (b, a)
            lines.append(f"{words} ({this:.3g} against {other:.3g})")
    return lines

"""How well an emotion model does on labelled faces: figures for `accuracy.json`, one row of a table for each face."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd

from facs_pipeline.datasets.labelled_faces import LabelledFaces, Skipped
from facs_pipeline.emotions.faces import SeenFaces
from facs_pipeline.emotions.model import EmotionModel
from facs_pipeline.emotions.training.models import ROWS
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.evaluation.classification import (
    class_figures,
    confident_mistakes,
    share_right,
    subgroup_figures,
)
from facs_pipeline.foundation.machine import peak_memory_bytes, reset_peak_memory
from facs_pipeline.foundation.progress import SILENT, Progress


def labelled_for(faces: LabelledFaces, emotions: tuple[str, ...]) -> tuple[LabelledFaces, tuple[Skipped, ...]]:
    """The faces with one of these emotions, and the others with the reason why they cannot be counted.

    Raises
    ------
    InputError
        If none is left.
    """
    known = np.isin(faces.emotions, emotions)
    skipped = tuple(Skipped(faces.sources[row], _why_not(str(faces.emotions[row]))) for row in np.flatnonzero(~known))
    if not known.any():
        raise InputError(
            f"{faces.name}: no face labelled with one of {', '.join(emotions)}; "
            f"found {', '.join(sorted(set(faces.emotions) - {''})) or 'no labels'}"
        )
    return faces.take(np.flatnonzero(known)), skipped


def _why_not(emotion: str) -> str:
    return f"emotion {emotion!r} is not among the model's" if emotion else "no emotion given"


def predict_table(
    model: EmotionModel, faces: LabelledFaces, seen: SeenFaces, probabilities: np.ndarray
) -> pd.DataFrame:
    """One row a face: image, split, emotion as labelled, found (0, 1), predicted, confidence, one column an emotion."""
    decided = probabilities.argmax(axis=1)
    table = pd.DataFrame(
        {
            "image": [faces.sources[row] for row in seen.rows],
            "split": faces.splits[seen.rows],
            "subject": faces.subjects[seen.rows],
            "emotion": faces.emotions[seen.rows],
            "found": seen.found.astype(int),
            "predicted": [model.emotions[number] for number in decided],
            "confidence": probabilities.max(axis=1).round(4),
        }
    )
    for number, emotion in enumerate(model.emotions):
        table[f"p_{emotion}"] = probabilities[:, number].round(4)
    return table


def evaluate_emotion(
    model: EmotionModel,
    faces: LabelledFaces,
    seen: SeenFaces,
    *,
    near_duplicate: np.ndarray | None = None,
    jobs: int = 1,
    progress: Progress = SILENT,
) -> tuple[dict[str, Any], pd.DataFrame, list[tuple[int, dict[str, Any]]]]:
    """Figures of a model on labelled faces; every usable image counts, a face that was not found too.

    Parameters
    ----------
    faces : n labelled faces, none trained on; see `labelled_for`.
    seen : what `facs_pipeline.emotions.faces.see_faces` made of them.
    near_duplicate : [n] bool, whether a training image is almost the same; None where that is not known.

    Returns
    -------
    entry : one model of `accuracy.json`.
    table : see `predict_table`.
    mistakes : (row of `seen`, {"truth", "predicted", "probability"}), most confident first.
    """
    reset_peak_memory()
    start = time.perf_counter()
    probabilities = model.predict_proba(seen, jobs=jobs, progress=progress)
    seconds = time.perf_counter() - start
    truth = np.array([model.emotions.index(name) for name in faces.emotions[seen.rows]])
    right = probabilities.argmax(axis=1) == truth
    entry = {
        "name": model.name,
        "title": ROWS[model.name].title if model.name in ROWS else model.name,
        **class_figures(truth, probabilities, model.emotions),
        "predict_s": round(seconds, 2),
        "subgroups": subgroup_figures(right, _groups(faces, seen), truth=truth),
    }
    if model.name in ROWS and ROWS[model.name].published:
        entry["published"] = ROWS[model.name].published
    for here, there in (("train_s", "train_s"), ("peak_memory_bytes", "train_peak_memory_bytes")):
        if there in model.card:
            entry[here] = model.card[there]
    peak = peak_memory_bytes()
    if peak:
        entry["predict_peak_memory_bytes"] = peak
    if near_duplicate is not None:
        alone = ~near_duplicate[seen.rows]
        if alone.any():
            entry["without_near_duplicates"] = share_right(right[alone])
    return (
        entry,
        predict_table(model, faces, seen, probabilities),
        confident_mistakes(truth, probabilities, model.emotions),
    )


def _groups(faces: LabelledFaces, seen: SeenFaces) -> dict[str, list[str]]:
    """What results are given by: whether a face was found, whose it is, and what else the data say of each face."""
    groups = {"face": ["found" if found else "not found" for found in seen.found]}
    groups["subject"] = [str(faces.subjects[row]) for row in seen.rows]
    for name, values in faces.attributes.items():
        groups[name] = [str(values[row]) for row in seen.rows]
    return groups

"""Evaluation of an emotion model on labelled faces: figures for `accuracy.json`, and a table with one row a face."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd

from facs_pipeline.datasets.labelled_faces import LabelledFaces, Skipped
from facs_pipeline.emotions.face_images import FaceImages
from facs_pipeline.emotions.model import EmotionModel
from facs_pipeline.emotions.priors import Priors, with_priors
from facs_pipeline.emotions.training.recipes import RECIPES
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
    """The faces with one of these emotions, and the others with the reason why they are left out.

    Parameters
    ----------
    faces : LabelledFaces
        Faces of any emotions.
    emotions : tuple of str
        Those of the model.

    Returns
    -------
    labelled : LabelledFaces
        Those with one of the emotions.
    skipped : tuple of Skipped
        The others.

    Raises
    ------
    InputError
        If none is left.
    """
    known = np.isin(faces.emotions, emotions)
    skipped = tuple(Skipped(faces.sources[row], _reason(str(faces.emotions[row]))) for row in np.flatnonzero(~known))
    if not known.any():
        raise InputError(
            f"{faces.name}: no face labelled with one of {', '.join(emotions)}; "
            f"found {', '.join(sorted(set(faces.emotions) - {''})) or 'no labels'}"
        )
    return faces.take(np.flatnonzero(known)), skipped


def _reason(emotion: str) -> str:
    return f"emotion {emotion!r} is not among the model's" if emotion else "no emotion given"


def predict_table(
    model: EmotionModel, faces: LabelledFaces, images: FaceImages, probabilities: np.ndarray
) -> pd.DataFrame:
    """Predictions beside the labels, one row a face.

    Parameters
    ----------
    model : EmotionModel
        With c emotions.
    faces : LabelledFaces
        Labelled images.
    images : FaceImages
        The m usable ones of them.
    probabilities : ndarray of float
        `[m, c]`.

    Returns
    -------
    DataFrame
        Columns image, split, subject, emotion (the label), found (0 or 1), predicted, confidence, ``p_<emotion>`` ...
    """
    predicted = probabilities.argmax(axis=1)
    table = pd.DataFrame(
        {
            "image": [faces.sources[row] for row in images.rows],
            "split": faces.splits[images.rows],
            "subject": faces.subjects[images.rows],
            "emotion": faces.emotions[images.rows],
            "found": images.detected.astype(int),
            "predicted": [model.emotions[number] for number in predicted],
            "confidence": probabilities.max(axis=1).round(4),
        }
    )
    for number, emotion in enumerate(model.emotions):
        table[f"p_{emotion}"] = probabilities[:, number].round(4)
    return table


def evaluate_emotion(
    model: EmotionModel,
    faces: LabelledFaces,
    images: FaceImages,
    *,
    near_duplicate: np.ndarray | None = None,
    priors: Priors = "given",
    jobs: int = 1,
    progress: Progress = SILENT,
) -> tuple[dict[str, Any], pd.DataFrame, list[tuple[int, dict[str, Any]]]]:
    """Figures of a model on labelled faces; every usable image counts, with a detected face or without.

    Parameters
    ----------
    model : EmotionModel
        The model.
    faces : LabelledFaces
        The n labelled faces, none trained on; see `labelled_for`.
    images : FaceImages
        Their images, by `facs_pipeline.emotions.training.face_images.measure_face_images`.
    near_duplicate : ndarray of bool, or None
        Whether a training image is almost the same `[n]`; None where that is unknown.
    priors : {"given", "estimated", "flat"}
        Shares of the emotions among the faces, see `facs_pipeline.emotions.priors`.
    jobs : int
        Processes.
    progress : Progress
        See `EmotionModel.predict_proba`.

    Returns
    -------
    entry : dict
        One model of `accuracy.json`.
    table : DataFrame
        See `predict_table`.
    mistakes : list of tuple
        Row of `images`, and ``{"truth", "predicted", "probability"}``; most confident first.
    """
    reset_peak_memory()
    start = time.perf_counter()
    probabilities = with_priors(model.predict_proba(images, jobs=jobs, progress=progress), model.prior, priors)
    seconds = time.perf_counter() - start
    truth = np.array([model.emotions.index(name) for name in faces.emotions[images.rows]])
    right = probabilities.argmax(axis=1) == truth
    recipe = RECIPES.get(model.name)
    entry = {
        "name": model.name,
        "title": recipe.title if recipe else model.name,
        **class_figures(truth, probabilities, model.emotions),
        "priors": priors,
        "predict_s": round(seconds, 2),
        "subgroups": subgroup_figures(right, _groups(faces, images), truth=truth),
    }
    if recipe and recipe.published:
        entry["published"] = recipe.published
    for name, of_card in (("train_s", "train_s"), ("peak_memory_bytes", "train_peak_memory_bytes")):
        if of_card in model.card:
            entry[name] = model.card[of_card]
    peak = peak_memory_bytes()
    if peak:
        entry["predict_peak_memory_bytes"] = peak
    if near_duplicate is not None:
        distinct = ~near_duplicate[images.rows]
        if distinct.any():
            entry["without_near_duplicates"] = share_right(right[distinct])
    return (
        entry,
        predict_table(model, faces, images, probabilities),
        confident_mistakes(truth, probabilities, model.emotions),
    )


def _groups(faces: LabelledFaces, images: FaceImages) -> dict[str, list[str]]:
    """Subgroups of the results: whether a face was detected, the subject, and the further attributes of the data."""
    groups = {"face": ["found" if detected else "not found" for detected in images.detected]}
    groups["subject"] = [str(faces.subjects[row]) for row in images.rows]
    for name, values in faces.attributes.items():
        groups[name] = [str(values[row]) for row in images.rows]
    return groups

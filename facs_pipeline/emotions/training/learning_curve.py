"""Learning curve of an emotion model: one recipe trained on growing parts of the faces, tested on the same others."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from facs_pipeline.emotions.face_images import FaceImages
from facs_pipeline.emotions.training.train import TrainingFaces, TrainingRun, train_emotion
from facs_pipeline.foundation.evaluation.learning_curve import SHARES, nested_rows, point
from facs_pipeline.foundation.files.result_store import ResultStore
from facs_pipeline.foundation.progress import SILENT, Progress

_VERSION = 1


@dataclass(frozen=True)
class EvaluatedModel:
    """The model of all training faces, and what it was tested on.

    Attributes
    ----------
    images : FaceImages
        The n test faces.
    truth : ndarray of int
        Positions `[n]` of their emotions among those of the training faces.
    figures : dict
        Of the model of all training faces: ``accuracy`` and ``wilson_95``.
    """

    images: FaceImages
    truth: np.ndarray
    figures: dict[str, Any]


def emotion_curve(
    name: str,
    faces: TrainingFaces,
    tested: EvaluatedModel,
    run: TrainingRun,
    *,
    cache: str | os.PathLike,
    shares: Sequence[float] = SHARES,
    progress: Progress = SILENT,
) -> list[dict[str, Any]]:
    """Accuracy of a recipe trained on growing, nested, stratified parts of m faces.

    Everything is learnt anew from each part: dictionaries, projections, settings and probabilities.

    Parameters
    ----------
    name : str
        Key of `facs_pipeline.emotions.training.recipes.RECIPES`.
    faces : TrainingFaces
        The m training faces.
    tested : EvaluatedModel
        The model of all of them, and its test faces.
    run : TrainingRun
        How each training runs; encoded faces of parts are not stored.
    cache : path
        Folder for finished points, so that an interrupted run continues where it stopped.
    shares : sequence of float
        Parts of the faces, 0..1, ascending.
    progress : Progress
        Told of every stage of every training.

    Returns
    -------
    list of dict
        ``n`` training faces, ``accuracy``, and Wilson's interval ``low``, ``high``; ascending, all faces last.
    """
    images, truth = tested.images, tested.truth
    digest = _digest(faces.images.crops, faces.images.features, faces.y, images.crops, images.features, truth)
    store = ResultStore(cache, progress)
    points: list[dict[str, Any]] = []
    for rows in nested_rows(faces.y, shares, seed=run.seed):
        if len(rows) >= len(faces.y) or (points and len(rows) <= points[-1]["n"]):
            continue

        def measure(rows: np.ndarray = rows) -> dict[str, Any]:
            model = train_emotion(name, faces.take(rows), replace(run, cache=None), progress=progress)
            predicted = model.predict_proba(images, jobs=run.jobs).argmax(axis=1)
            return point(len(rows), int((predicted == truth).sum()), len(truth))

        inputs = {"curve": _VERSION, "row": name, "faces": digest, "n": len(rows), "seed": run.seed}
        points.append(store.get(inputs, measure))
    low, high = tested.figures["wilson_95"]
    return [*points, {"n": len(faces.y), "accuracy": tested.figures["accuracy"], "low": low, "high": high}]


def _digest(*arrays: np.ndarray) -> str:
    whole = hashlib.sha256()
    for array in arrays:
        whole.update(np.ascontiguousarray(array).data)
    return whole.hexdigest()

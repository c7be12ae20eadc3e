"""Learning curve of an emotion model: the same row trained on a part of the faces, measured on the same others."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from facs_pipeline.emotions.faces import SeenFaces
from facs_pipeline.emotions.training.recipe import train_emotion
from facs_pipeline.foundation.evaluation.learning_curve import SHARES, nested_rows, point
from facs_pipeline.foundation.files.result_store import ResultStore
from facs_pipeline.foundation.progress import SILENT, Progress

_VERSION = 1


def emotion_curve(
    name: str,
    seen: SeenFaces,
    y: np.ndarray,
    emotions: tuple[str, ...],
    tested: SeenFaces,
    truth: np.ndarray,
    full: dict[str, Any],
    *,
    subjects: np.ndarray | None = None,
    shares: Sequence[float] = SHARES,
    cache: str | os.PathLike,
    jobs: int = 1,
    seed: int = 0,
    progress: Progress = SILENT,
) -> list[dict[str, Any]]:
    """Accuracy of the row `name` trained on growing, nested, stratified parts of m faces.

    Everything is learnt anew from each part: dictionaries, projections, settings and probabilities.

    Parameters
    ----------
    seen, y, emotions, subjects : the m training faces, as for `facs_pipeline.emotions.training.recipe.train_emotion`.
    tested, truth : the n faces measured on, and the position [n] of each one's emotion in `emotions`.
    full : figures of the model of all m faces: ``accuracy`` and ``wilson_95``.
    cache : folder that keeps finished points, so that an interrupted run goes on where it stopped.

    Returns
    -------
    list of dict
        ``n`` training faces, ``accuracy``, and Wilson's interval ``low``, ``high``; ascending, the full model last.
    """
    digest = _digest(seen.crops, seen.features, y, tested.crops, tested.features, truth)
    store = ResultStore(cache)
    found: list[dict[str, Any]] = []
    for rows in nested_rows(y, shares, seed=seed):
        if len(rows) >= len(y) or (found and len(rows) <= found[-1]["n"]):
            continue

        def measure(rows: np.ndarray = rows) -> dict[str, Any]:
            of_rows = None if subjects is None else subjects[rows]
            model = train_emotion(
                name, seen.take(rows), y[rows], emotions, subjects=of_rows, jobs=jobs, seed=seed, progress=progress
            )
            decided = model.predict_proba(tested, jobs=jobs).argmax(axis=1)
            return point(len(rows), int((decided == truth).sum()), len(truth))

        inputs = {"curve": _VERSION, "row": name, "faces": digest, "n": len(rows), "seed": seed}
        found.append(store.get(inputs, measure))
    low, high = full["wilson_95"]
    return [*found, {"n": len(y), "accuracy": full["accuracy"], "low": low, "high": high}]


def _digest(*arrays: np.ndarray) -> str:
    whole = hashlib.sha256()
    for array in arrays:
        whole.update(np.ascontiguousarray(array))
    return whole.hexdigest()

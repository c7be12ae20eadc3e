"""Measures of an action-unit model beside its agreement: scatter, a check by emotions, time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.foundation.evaluation.agreement import joint_counts
from facs_pipeline.foundation.regression.linear import batches

SCATTER_STEP = 0.5
_COUNTS = frozenset({"n", "subjects", "within_persons"})


def scatter(reference: np.ndarray, predicted: np.ndarray, aus: Sequence[int], data: str) -> dict[str, Any]:
    """Labels against predictions as ``facs report`` draws them: per action unit a matrix of counts.

    Parameters
    ----------
    reference, predicted : ndarray
        Intensities [n, k], 0..5.
    aus : sequence of int
        FACS numbers [k].
    data : str
        Which faces these are, in words.

    Returns
    -------
    dict
        ``data``, ``step`` (width of a bin) and ``counts``: each row of a matrix is one line of text, a bin of the
        labels; its numbers are bins of the predictions.
    """
    counts = joint_counts(reference, predicted, SCATTER_STEP)
    rows = {str(au): [" ".join(map(str, row)) for row in one.tolist()] for au, one in zip(aus, counts, strict=True)}
    return {"data": data, "step": SCATTER_STEP, "counts": rows}


def records(table: pd.DataFrame) -> dict[str, dict[str, float | int | None]]:
    """A table by action unit as JSON has it: four decimals, None for what is not defined."""
    return {
        str(au): {str(name): _plain(str(name), value) for name, value in row.items()} for au, row in table.iterrows()
    }


def _plain(name: str, value: float) -> float | int | None:
    if pd.isna(value):
        return None
    return int(value) if name in _COUNTS and float(value).is_integer() else round(float(value), 4)


def emotion_check(model: ActionUnitModel, X: np.ndarray, emotions: Sequence[str], *, seed: int = 0) -> dict[str, Any]:
    """How well intensities tell emotions that people have labelled apart: a check that needs no coder and no teacher.

    Parameters
    ----------
    model : ActionUnitModel
    X : ndarray
        Features [n, d] of faces never trained on.
    emotions : sequence of str
        Label of each face [n].
    seed : int
        Of the folds.

    Returns
    -------
    dict
        ``auc``: action unit -> emotion -> area under the ROC curve of "this emotion against all others" (0..1; 0.5
        is chance; below it the action unit is weaker there). ``accuracy``: share of faces whose emotion a logistic
        regression on the intensities names, 10-fold cross-validated; ``chance``: the most frequent emotion's share.

    References
    ----------
    Hanley and McNeil, "The meaning and use of the area under a ROC curve", Radiology 143, 1982,
    doi:10.1148/radiology.143.1.7063747.
    """
    labels = np.asarray(emotions)
    intensity = np.concatenate([model.predict(X[rows]) for rows in batches(len(X))])
    auc = emotion_auc(intensity, labels)
    names, counts = np.unique(labels, return_counts=True)
    folds = StratifiedKFold(10, shuffle=True, random_state=seed)
    guess = cross_val_predict(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)), intensity, labels, cv=folds
    )
    return {
        "faces": len(labels),
        "auc": {
            str(au): {str(name): round(float(value), 3) for name, value in zip(names, row, strict=True)}
            for au, row in zip(model.aus, auc, strict=True)
        },
        "accuracy": round(float((guess == labels).mean()), 4),
        "chance": round(float(counts.max() / counts.sum()), 4),
    }


def prediction_ms(model: ActionUnitModel, X: np.ndarray, *, repeats: int = 200) -> float:
    """Median wall-clock milliseconds from one face's features to all its intensities, one face at a time.

    Parameters
    ----------
    model : ActionUnitModel
    X : ndarray
        Features [n, d]; rows are taken in turn.
    repeats : int
        Faces that are timed.
    """
    times = []
    for turn in range(repeats + 1):
        row = X[turn % len(X)][None]
        started = time.perf_counter()
        model.predict(row)
        times.append(time.perf_counter() - started)
    # The first call also pays for what is loaded on demand.
    return 1000 * float(np.median(times[1:]))


def emotion_auc(intensity: np.ndarray, emotions: np.ndarray) -> np.ndarray:
    """AUC [k, e] of each action unit [n, k] for each emotion (sorted) against all others; ties count half."""
    ranks = rankdata(intensity, axis=0)
    columns = []
    for name in np.unique(emotions):
        inside = emotions == name
        n1, n0 = inside.sum(), (~inside).sum()
        columns.append((ranks[inside].sum(axis=0) - n1 * (n1 + 1) / 2) / (n1 * n0))
    return np.column_stack(columns)

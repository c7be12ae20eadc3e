"""Figures of a classifier with intervals, from true classes and probabilities, in one shape.

The shape is that of one model in ``accuracy.json``, which ``facs report`` shows; docs/report.md describes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn import metrics

from facs_pipeline.foundation.evaluation.accuracy import wilson_interval
from facs_pipeline.foundation.evaluation.accuracy_file import FORMAT

BETA = 2.0
"""F-beta weighs recall twice as much as precision."""
BINS = 10
"""Bins of the expected calibration error."""
MISTAKES = 12
"""Mistakes shown of a model."""
CURVE_POINTS = 100
"""Points stored of a ROC or precision-recall curve."""
_SMALLEST = 1e-12


def class_figures(
    truth: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
    *,
    decisions: np.ndarray | None = None,
    scores: np.ndarray | None = None,
) -> dict[str, Any]:
    """Figures of a classifier on data it was not trained on.

    Parameters
    ----------
    truth : ndarray of int
        Position of the true class in `classes` `[n]`.
    probabilities : ndarray
        0..1 `[n, c]`, every row sums to 1. A row of NaN is a decision without a probability; then give `decisions` as
        well.
    classes : sequence of str
        Names `[c]`.
    decisions : ndarray of int, optional
        Positions in `classes` `[n]`; by default the most probable class, of equal ones the first.
    scores : ndarray, optional
        Higher where a class is more likely `[n, c]`, for the ROC and precision-recall curves; by default the
        probabilities.

    Returns
    -------
    dict
        ``n, accuracy, wilson_95``; ``chance``, the share of the most frequent class; ``balanced_accuracy``, the mean
        recall of the classes that occur; ``macro_f1`` and ``f_beta``, means over all classes; ``top_2`` with three
        classes or more; ``log_loss`` in nats, probabilities below 1e-12 counting as 1e-12; ``calibration_error``, the
        expected calibration error over ten bins of equal width (Naeini, Cooper, Hauskrecht, AAAI 2015), and
        ``reliability``, those bins; ``roc`` and ``pr``, one curve per class against all others; ``classes``,
        ``confusion`` with a row per true class, ``per_class``. What the data cannot tell is left out.

    Raises
    ------
    ValueError
        If shapes do not belong together, a class is unknown, or rows are not probabilities.

    Examples
    --------
    >>> truth = np.array([0, 1, 2, 2])
    >>> probabilities = np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.2, 0.2, 0.6]])
    >>> figures = class_figures(truth, probabilities, ["happy", "sad", "neutral"])
    >>> figures["accuracy"], figures["chance"], figures["top_2"]
    (0.75, 0.5, 1.0)
    """
    truth, probabilities, decided = _checked(truth, probabilities, classes, decisions)
    numbers = list(range(len(classes)))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        truth, decided, labels=numbers, zero_division=0
    )
    f_beta = metrics.fbeta_score(truth, decided, beta=BETA, labels=numbers, average="macro", zero_division=0)
    figures: dict[str, Any] = {
        **share_right(truth == decided),
        "chance": float(support.max() / len(truth)),
        "balanced_accuracy": float(recall[support > 0].mean()),
        "macro_f1": float(f1.mean()),
        "f_beta": {"beta": BETA, "value": float(f_beta)},
        "classes": list(classes),
        "confusion": metrics.confusion_matrix(truth, decided, labels=numbers).tolist(),
        "per_class": [
            {"class": name, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
            for name, p, r, f, s in zip(classes, precision, recall, f1, support, strict=True)
        ],
    }
    known = np.isfinite(probabilities).all(axis=1)
    if known.any():
        figures |= _of_probabilities(truth[known], probabilities[known], numbers)
    figures |= _curves(truth, probabilities if scores is None else np.asarray(scores, float), classes)
    return figures


def _checked(
    truth: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], decisions: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth, probabilities = np.asarray(truth), np.asarray(probabilities, float)
    n, c = len(truth), len(classes)
    if n == 0 or c < 2 or len(set(classes)) != c:
        raise ValueError(f"expected at least one sample and two classes of different names, got {n} and {classes}")
    if truth.ndim != 1 or probabilities.shape != (n, c):
        raise ValueError(
            f"expected true classes [n] and probabilities [n, {c}], got {truth.shape} and {probabilities.shape}"
        )
    unknown = np.isnan(probabilities).all(axis=1)
    sums = np.where(unknown, 1.0, probabilities.sum(axis=1))
    bad = ~(np.abs(sums - 1) < 1e-3) | (probabilities < 0).any(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(f"row {row}: expected probabilities that sum to 1, got {probabilities[row].tolist()}")
    if decisions is None:
        if unknown.any():
            raise ValueError(f"row {int(np.flatnonzero(unknown)[0])} has no probabilities and no decision")
        decisions = probabilities.argmax(axis=1)
    decided = np.asarray(decisions)
    if decided.shape != (n,):
        raise ValueError(f"expected decisions [{n}], got {decided.shape}")
    for values in (truth, decided):
        if not np.issubdtype(values.dtype, np.integer) or values.min() < 0 or values.max() >= c:
            raise ValueError(f"expected classes as whole numbers 0 to {c - 1}, got {np.unique(values).tolist()[:10]}")
    return truth, probabilities, decided


def _of_probabilities(truth: np.ndarray, probabilities: np.ndarray, numbers: list[int]) -> dict[str, Any]:
    clipped = np.clip(probabilities, _SMALLEST, 1)
    clipped /= clipped.sum(axis=1, keepdims=True)
    figures: dict[str, Any] = {"log_loss": float(metrics.log_loss(truth, clipped, labels=numbers))}
    if len(numbers) > 2:
        figures["top_2"] = float(metrics.top_k_accuracy_score(truth, probabilities, k=2, labels=numbers))
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    figures["calibration_error"], figures["reliability"] = _reliability(confidence, right)
    return figures


def _reliability(confidence: np.ndarray, right: np.ndarray) -> tuple[float, list[dict[str, float]]]:
    """Expected calibration error, and mean confidence and share right of every bin that is not empty."""
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    rows, error = [], 0.0
    for number in np.unique(bins):
        here = bins == number
        mean, share = float(confidence[here].mean()), float(right[here].mean())
        low, high = wilson_interval(float(right[here].sum()), int(here.sum()))
        rows.append({"confidence": mean, "right": share, "low": low, "high": high, "n": int(here.sum())})
        error += abs(mean - share) * here.mean()
    return float(error), rows


def _curves(truth: np.ndarray, scores: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """ROC and precision-recall curves of every class that some samples are of and some are not."""
    roc, pr = {}, {}
    known = np.isfinite(scores).all(axis=1)
    for number, name in enumerate(classes):
        positive, score = (truth[known] == number).astype(int), scores[known, number]
        if not 0 < positive.sum() < len(positive):
            continue
        fpr, tpr, _ = metrics.roc_curve(positive, score)
        precisions, recalls, _ = metrics.precision_recall_curve(positive, score)
        average = float(metrics.average_precision_score(positive, score))
        roc[name] = {"auc": float(metrics.auc(fpr, tpr)), **_thinned(fpr=fpr, tpr=tpr)}
        pr[name] = {"average_precision": average, **_thinned(recall=recalls, precision=precisions)}
    return {"roc": roc, "pr": pr} if roc else {}


def _thinned(**columns: np.ndarray) -> dict[str, list[float]]:
    """The curve at points evenly spread along its length, with both ends."""
    path = np.concatenate(([0.0], np.cumsum(sum(np.abs(np.diff(values)) for values in columns.values()))))
    chosen = np.arange(len(path))
    if len(path) > CURVE_POINTS:
        chosen = np.unique(np.searchsorted(path, np.linspace(0, path[-1], CURVE_POINTS)).clip(0, len(path) - 1))
        chosen[-1] = len(path) - 1
    return {name: [round(float(value), 4) for value in values[chosen]] for name, values in columns.items()}


def share_right(right: np.ndarray) -> dict[str, Any]:
    """``n``, ``accuracy`` and its 95 % interval ``wilson_95`` of decisions `[n]` that are right or not; n > 0.

    Also the shape of ``without_near_duplicates``: the same model on the samples left when those are taken out.

    Examples
    --------
    >>> share_right(np.array([True, False, True, True]))["accuracy"]
    0.75
    """
    right = np.asarray(right, bool)
    return {
        "n": len(right),
        "accuracy": float(right.mean()),
        "wilson_95": list(wilson_interval(int(right.sum()), len(right))),
    }


def subgroup_figures(
    right: np.ndarray,
    groups: Mapping[str, Sequence[str]],
    *,
    truth: Sequence[Any] | np.ndarray | None = None,
    chance: float | None = None,
) -> list[dict[str, Any]]:
    """The field ``subgroups``: share right of every value of every column, so that bias shows.

    Parameters
    ----------
    right : ndarray of bool
        Which decisions were right `[n]`.
    groups : mapping of str to sequence of str
        Column to values `[n]`, empty where unknown (then not counted).
    truth : sequence, optional
        True classes `[n]`; each group's ``chance`` is then the share of its own most frequent class.
    chance : float, optional
        The same for all groups, instead.

    Returns
    -------
    list of dict
        ``column``, ``group``, the figures of `share_right`, and ``chance`` where it is known.

    Examples
    --------
    >>> [(row["group"], row["accuracy"]) for row in subgroup_figures([True, False], {"sex": ["f", "m"]})]
    [('f', 1.0), ('m', 0.0)]
    """
    right = np.asarray(right, bool)
    rows: list[dict[str, Any]] = []
    for column, values in groups.items():
        of = np.asarray(values, dtype=object)
        for value in sorted({value for value in values if value}):
            inside = of == value
            row = {"column": column, "group": value, **share_right(right[inside])}
            if truth is not None:
                row["chance"] = float(np.unique(np.asarray(truth)[inside], return_counts=True)[1].max() / inside.sum())
            elif chance is not None:
                row["chance"] = chance
            rows.append(row)
    return rows


def confident_mistakes(
    truth: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], *, most: int = MISTAKES
) -> list[tuple[int, dict[str, Any]]]:
    """The wrong decisions in which the classifier was surest, most confident first.

    Parameters
    ----------
    truth : ndarray of int
        Positions in `classes` `[n]`.
    probabilities : ndarray
        0..1 `[n, c]`.
    classes : sequence of str
        Names `[c]`.
    most : int
        At most so many.

    Returns
    -------
    list of tuple
        Position 0..n-1 and ``{"truth", "predicted", "probability"}`` of each. With ``picture`` (a file in the folder
        of ``accuracy.json``) and, where there are any, ``reasons`` (texts) and ``explanation`` (a picture) added to
        each they are the field ``mistakes``.

    Examples
    --------
    >>> confident_mistakes(np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]), ["happy", "sad"])
    [(1, {'truth': 'sad', 'predicted': 'happy', 'probability': 0.8})]
    """
    truth, probabilities = np.asarray(truth), np.asarray(probabilities, float)
    decided, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(decided != truth)
    order = wrong[np.argsort(-confidence[wrong], kind="stable")][:most]
    return [
        (
            int(i),
            {"truth": classes[truth[i]], "predicted": classes[decided[i]], "probability": float(confidence[i])},
        )
        for i in order
    ]


def accuracy_document(
    task: str,
    data: str,
    models: Sequence[Mapping[str, Any]],
    *,
    warnings: Sequence[str] = (),
    unit: str = "images",
    protocol: str = "",
) -> dict[str, Any]:
    """The content of ``accuracy.json``, to be written with `accuracy_file.write_accuracy`.

    Parameters
    ----------
    task : str
        E.g. ``"Emotion on FER2013"``; published figures are shown beside tasks with ``emotion`` in their name.
    data : str
        The data measured on, in words.
    models : sequence of mapping
        Each ``{"name": .., **class_figures(..)}`` and, where known, ``train_s``, ``predict_s`` in seconds,
        ``peak_memory_bytes`` of training, ``predict_peak_memory_bytes``, ``size_bytes``, ``without_near_duplicates``
        (`share_right`), ``subgroups`` (`subgroup_figures`), ``mistakes`` (`confident_mistakes`), ``learning_curve``,
        and ``published``: the name of the published system it stands beside (facs_pipeline/report/published.py).
    warnings : sequence of str
        Sentences to be read before the figures.
    unit : str
        What `n` counts.
    protocol : str
        One of those in published.py that was followed, so that the report can say "the same protocol".

    Returns
    -------
    dict
        JSON-able.

    Raises
    ------
    ValueError
        If a model has no name or no accuracy, or two have the same name.

    Examples
    --------
    >>> accuracy_document("Emotion", "ten images", [{"name": "svm", "accuracy": 0.5}])["format"]
    'facs-accuracy'
    """
    names = [model.get("name") for model in models]
    if len(set(names)) != len(names) or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"expected models of different names, got {names}")
    for model in models:
        if not isinstance(model.get("accuracy"), float | int):
            raise ValueError(f"model {model['name']!r}: expected a number 'accuracy', got {model.get('accuracy')!r}")
    return {
        "format": FORMAT,
        "task": task,
        "data": data,
        "unit": unit,
        "protocol": protocol,
        "warnings": list(warnings),
        "models": [dict(model) for model in models],
    }

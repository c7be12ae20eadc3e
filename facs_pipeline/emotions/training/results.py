"""Results of an emotion model on test faces as files: accuracy.json, predictions, and pictures of its mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facs_pipeline.datasets.labelled_faces import LabelledFaces, Skipped
from facs_pipeline.emotions.face_images import FaceImages
from facs_pipeline.emotions.model import EmotionModel
from facs_pipeline.emotions.priors import Priors
from facs_pipeline.emotions.training.evaluation import evaluate_emotion
from facs_pipeline.explanations.emotions import draw_explanation, explain_face
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.evaluation.accuracy_file import write_accuracy
from facs_pipeline.foundation.evaluation.classification import FORMAT, accuracy_document
from facs_pipeline.foundation.files.atomic import atomic_csv, atomic_write
from facs_pipeline.foundation.files.json_file import read_json_object
from facs_pipeline.foundation.progress import SILENT, Progress

_SHOWN_SKIPPED = 5
_CARD_FIGURES = (
    "n",
    "accuracy",
    "wilson_95",
    "chance",
    "balanced_accuracy",
    "macro_f1",
    "log_loss",
    "calibration_error",
    "per_class",
)

Figures = dict[str, Any]
"""One model of ``accuracy.json``, see docs/report.md."""


@dataclass(frozen=True)
class TestFaces:
    """Faces to measure on.

    Attributes
    ----------
    faces : LabelledFaces
        The n labelled faces.
    images : FaceImages
        The usable ones of them.
    near_duplicate : ndarray of bool or None
        Whether a training image is almost the same `[n]`; None where that is unknown.
    data : str
        Which faces these are, in words; figures of several models on the same data stand beside each other.
    protocol : str
        Name of a published protocol that they follow; empty without one.
    priors : {"given", "estimated", "flat"}
        Shares of the emotions among them, see `facs_pipeline.emotions.priors`.
    """

    __test__ = False  # not a class of tests, whatever pytest makes of its name

    faces: LabelledFaces
    images: FaceImages
    near_duplicate: np.ndarray | None
    data: str
    protocol: str = ""
    priors: Priors = "given"


def tell_skipped(name: str, skipped: Sequence[Skipped], progress: Progress) -> None:
    """Log what could not be used, the first few by name."""
    if not skipped:
        return
    lines = [
        f"{name}: {len(skipped)} left out",
        *(f"  {source}: {reason}" for source, reason in skipped[:_SHOWN_SKIPPED]),
    ]
    if len(skipped) > _SHOWN_SKIPPED:
        lines.append(f"  and {len(skipped) - _SHOWN_SKIPPED} more")
    progress.log("\n".join(lines))


def write_results(
    model: EmotionModel, test: TestFaces, out: Path, *, size_bytes: int, jobs: int = 1, progress: Progress = SILENT
) -> Figures:
    """Measure a model, and write predictions, pictures of mistakes, and its figures into ``accuracy.json``.

    Parameters
    ----------
    model : EmotionModel
    test : TestFaces
    out : Path
        Folder.
    size_bytes : int
        Of the model's file.
    jobs : int
        Processes.
    progress : Progress

    Returns
    -------
    dict
        What stands in ``accuracy.json``.
    """
    figures, table, mistakes = evaluate_emotion(
        model,
        test.faces,
        test.images,
        near_duplicate=test.near_duplicate,
        priors=test.priors,
        jobs=jobs,
        progress=progress,
    )
    figures["size_bytes"] = size_bytes
    figures["mistakes"] = [
        _write_mistake(model, test, out / f"mistakes-{model.name}", number, row, mistake)
        for number, (row, mistake) in enumerate(mistakes, start=1)
    ]
    out.mkdir(parents=True, exist_ok=True)
    atomic_csv(table, out / f"predictions-{model.name}.csv")
    write_figures(figures, test, out)
    return figures


def write_figures(figures: Figures, test: TestFaces, out: Path) -> None:
    """Put one model's figures into OUT/accuracy.json, beside those of other models on the same data."""
    file = out / "accuracy.json"
    others = [other for other in _figures_of_others(file, test.data) if other["name"] != figures["name"]]
    document = accuracy_document("Emotion of still faces", test.data, [*others, figures], protocol=test.protocol)
    write_accuracy(document, file)


def _write_mistake(
    model: EmotionModel, test: TestFaces, folder: Path, number: int, row: int, mistake: dict[str, Any]
) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    explanation = explain_face(model, test.images, row)
    names = f"{number}-face.png", f"{number}-why.png"
    for name, picture in zip(names, (test.images.pixels[row], draw_explanation(explanation)), strict=True):
        with atomic_write(folder / name, "wb") as file:
            file.write(cv2.imencode(".png", picture)[1].tobytes())
    return {
        **mistake,
        "image": test.faces.sources[test.images.rows[row]],
        "picture": f"{folder.name}/{names[0]}",
        "explanation": f"{folder.name}/{names[1]}",
        "reasons": list(explanation.reasons),
    }


def _figures_of_others(file: Path, data: str) -> list[Figures]:
    """Models that were measured on the same data, from an earlier accuracy.json."""
    try:
        document = read_json_object(file)
    except InputError:
        return []
    models = document.get("models")
    same = document.get("format") == FORMAT and document.get("data") == data and isinstance(models, list)
    return [figures for figures in models or [] if isinstance(figures, dict) and "name" in figures] if same else []


def card_figures(figures: Figures, split: str) -> dict[str, Any]:
    """What of a model's figures goes into its own card."""
    more = [name for name in ("without_near_duplicates",) if name in figures]
    return {"split": split, **{name: figures[name] for name in (*_CARD_FIGURES, *more)}}

"""What the emotion commands share: opening labelled faces, seeing them, and writing accuracy, predictions, mistakes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np

from facs_pipeline.datasets.labelled_faces import LabelledFaces, Skipped
from facs_pipeline.datasets.open_faces import open_faces
from facs_pipeline.emotions.face_images import FaceImages
from facs_pipeline.emotions.model import EmotionModel
from facs_pipeline.emotions.training.evaluation import evaluate_emotion
from facs_pipeline.emotions.training.face_images import measure_face_images
from facs_pipeline.foundation.evaluation.accuracy_file import write_accuracy
from facs_pipeline.foundation.evaluation.classification import FORMAT, accuracy_document
from facs_pipeline.foundation.files.atomic import atomic_csv, atomic_write
from facs_pipeline.report.published import FER2013_TEST

from .console import ConsoleProgress

_SHOWN_SKIPS = 5
_TEST_SPLITS = ("validation", "test")


def open_labelled(path: str, kind: str, protocol: str, angles: str) -> LabelledFaces:
    """Labelled faces with a progress bar for a large table; what was skipped is said."""
    faces = open_faces(path, kind, protocol=protocol, angles=angles.split(","), progress=ConsoleProgress())
    say_skipped(faces.name, faces.skipped)
    return faces


def say_skipped(name: str, skipped: Sequence[Skipped]) -> None:
    """What could not be used, the first few by name."""
    if skipped:
        click.echo(f"{name}: {len(skipped)} left out", err=True)
    for source, reason in skipped[:_SHOWN_SKIPS]:
        click.echo(f"  {source}: {reason}", err=True)
    if len(skipped) > _SHOWN_SKIPS:
        click.echo(f"  and {len(skipped) - _SHOWN_SKIPS} more", err=True)


def see(faces: LabelledFaces, cache: Path, jobs: int) -> FaceImages:
    """`measure_face_images` with a progress bar."""
    seen = measure_face_images(faces, cache, jobs=jobs, progress=ConsoleProgress())
    say_skipped(faces.name, seen.skipped)
    return seen


def split_to_test(faces: LabelledFaces, wanted: str | None) -> str | None:
    """The split to measure on: the wanted one, else the first there is of validation and test, else None."""
    there = sorted(set(faces.splits.tolist()))
    if wanted is not None:
        if wanted not in there:
            raise click.UsageError(f"no split {wanted!r} in {faces.name}; there are {', '.join(map(repr, there))}")
        return wanted
    return next((name for name in _TEST_SPLITS if name in there), None)


def measure(
    model: EmotionModel,
    path: Path,
    faces: LabelledFaces,
    seen: FaceImages,
    out: Path,
    *,
    near_duplicate: np.ndarray | None,
    data: str,
    jobs: int,
    fer2013_test: bool = False,
) -> dict[str, Any]:
    """Evaluate, write predictions and the pictures of mistakes, and put the figures into OUT/accuracy.json."""
    entry, table, mistakes = evaluate_emotion(
        model, faces, seen, near_duplicate=near_duplicate, jobs=jobs, progress=ConsoleProgress()
    )
    entry["size_bytes"] = path.stat().st_size
    entry["mistakes"] = _mistakes(model, faces, seen, mistakes, out)
    out.mkdir(parents=True, exist_ok=True)
    atomic_csv(table, out / f"predictions-{model.name}.csv")
    write_entry(entry, out, data=data, fer2013_test=fer2013_test)
    return entry


def write_entry(entry: dict[str, Any], out: Path, *, data: str, fer2013_test: bool = False) -> None:
    """Put one model's figures into OUT/accuracy.json, beside those of other models on the same data."""
    file = out / "accuracy.json"
    others = [other for other in _entries(file, data) if other["name"] != entry["name"]]
    write_accuracy(
        accuracy_document(
            "Emotion of still faces", data, [*others, entry], protocol=FER2013_TEST if fer2013_test else ""
        ),
        file,
    )


def _mistakes(model, faces, seen, mistakes, out: Path) -> list[dict[str, Any]]:
    from facs_pipeline.explanations.emotions import draw_explanation, explain_face

    folder, rows = out / f"mistakes-{model.name}", []
    folder.mkdir(parents=True, exist_ok=True)
    for number, (row, mistake) in enumerate(mistakes, start=1):
        explanation = explain_face(model, seen, row)
        names = f"{number}-face.png", f"{number}-why.png"
        for name, picture in zip(names, (seen.pixels[row], draw_explanation(explanation)), strict=True):
            with atomic_write(folder / name, "wb") as file:
                file.write(cv2.imencode(".png", picture)[1].tobytes())
        rows.append(
            {
                **mistake,
                "image": faces.sources[seen.rows[row]],
                "picture": f"{folder.name}/{names[0]}",
                "explanation": f"{folder.name}/{names[1]}",
                "reasons": list(explanation.reasons),
            }
        )
    return rows


def _entries(file: Path, data: str) -> list[dict[str, Any]]:
    """Models already measured on the same data, from an earlier accuracy.json."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    same = isinstance(document, dict) and document.get("format") == FORMAT and document.get("data") == data
    return [entry for entry in document.get("models", []) if "name" in entry] if same else []


def card_figures(entry: dict[str, Any], split: str) -> dict[str, Any]:
    """What of a model's figures goes into its own card."""
    names = ("n", "accuracy", "wilson_95", "chance", "balanced_accuracy", "macro_f1", "log_loss", "calibration_error")
    more = [name for name in ("without_near_duplicates",) if name in entry]
    return {"split": split, **{name: entry[name] for name in (*names, "per_class", *more)}}


def accuracy_line(entry: dict[str, Any]) -> str:
    """One line: accuracy, interval, chance, balanced accuracy, what is left without near-duplicates, time."""
    low, high = entry["wilson_95"]
    text = (
        f"{entry['name']:<16} {entry['accuracy']:6.2%}  ({low:.1%} to {high:.1%}; chance {entry['chance']:.1%})  "
        f"balanced {entry['balanced_accuracy']:.1%}  macro-F1 {entry['macro_f1']:.3f}"
    )
    if "without_near_duplicates" in entry:
        rest = entry["without_near_duplicates"]
        text += f"  without near-duplicates {rest['accuracy']:.2%} of {rest['n']}"
    if "train_s" in entry:
        text += f"  trained in {entry['train_s']:.0f} s"
    return text


def curve_line(points: Sequence[dict[str, Any]]) -> str:
    """A learning curve as one line: training samples and accuracy."""
    return "learning curve: " + ", ".join(f"{row['n']}: {row['accuracy']:.1%}" for row in points)

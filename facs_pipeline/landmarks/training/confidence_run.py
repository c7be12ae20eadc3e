"""From images on disk to a confidence model file with its card: what `facs train-confidence` calls."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from facs_pipeline.action_units.training.pseudo_labels import label_pictures, read_labels
from facs_pipeline.datasets.picture_source import PictureSource
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.atomic import atomic_write, require_place
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.landmarks.model import LandmarkModel
from facs_pipeline.landmarks.training.confidence import (
    FOLDS,
    ConfidenceTraining,
    JudgedFaces,
    fit_confidence,
    joined,
    judged_faces,
    measured,
)
from facs_pipeline.landmarks.training.recipe import TEACHER, LabelledFaces, gather_faces, held_out, versions

RIGHTS = (
    "Trained on the images listed and on nothing else. The points come from the teacher named. Nothing is promised "
    "about rights in the training images beyond what their sources state."
)
MOST = 1500
"""Images at most of each source's persons whom the landmark model knows; the others are all taken."""


@dataclass(frozen=True)
class ConfidenceOptions:
    """What a confidence model is trained from, and where it goes.

    Attributes
    ----------
    out : Path
        The model file to write (``.npz``); its card goes beside it as JSON.
    landmarks : Path
        The landmark model whose points are judged. Its card says which persons it has not seen.
    teacher : str or PathLike
        MediaPipe's ``face_landmarker.task``.
    settings : ConfidenceTraining
        How samples are made and the model is fitted.
    jobs : int
        Processes for the teacher.
    cache : Path, optional
        Folder for labels between runs; by default that of `out`, with ``.cache``.
    """

    out: Path
    landmarks: Path
    teacher: str | os.PathLike[str]
    settings: ConfidenceTraining
    jobs: int = 1
    cache: Path | None = None


def train_confidence_file(
    images: Sequence[PictureSource], options: ConfidenceOptions, progress: Progress = SILENT
) -> dict[str, Any]:
    """Train how far faces can be trusted, measure it on persons held out, and write the model.

    Parameters
    ----------
    images : sequence of PictureSource
        Sources of the landmark model, under the same names: so it is known whom that has seen.
    options : ConfidenceOptions
    progress : Progress
        Its log gets a line for each step.

    Returns
    -------
    dict of str to Any
        The model's card.

    Raises
    ------
    InputError
        If the images or the teacher cannot be used, or nobody is new to the landmark model.
    """
    require_place(options.out, "name another file with --out")
    model, settings = LandmarkModel.load(options.landmarks), options.settings
    percent = float(model.card.get("hold_out_percent", 0.0))
    groups = {seen: gathered(images, options, percent, seen=seen, progress=progress) for seen in (False, True)}
    new = sum(len(set(source.subjects)) for source in groups[False])
    if not groups[True] or new < FOLDS:
        raise InputError(
            f"{options.landmarks}: these images show {new} persons new to the landmark model, expected at least "
            f"{FOLDS}, and some whom it knows; give images of both"
        )
    judged: dict[bool, JudgedFaces] = {}
    for seen, sources in groups.items():
        rng = np.random.default_rng([settings.seed, seen])
        pictures = [image for source in sources for image in source.images]
        points = np.concatenate([source.points for source in sources]).astype(np.float64)
        repeats = settings.seen_repeats if seen else settings.unseen_repeats
        judged[seen] = joined([judged_faces(model, pictures, points, rng, None, progress) for _ in range(repeats)])
        whose = "whom the landmark model knows" if seen else "new to the landmark model"
        progress.log(f"{len(judged[seen].score)} damaged faces of persons {whose}")
    persons = np.tile(np.concatenate([source.subjects for source in groups[False]]), settings.unseen_repeats)
    fitted = fit_confidence(judged[True], judged[False], persons, settings)
    figures = measured(fitted, judged[False])
    for name, values in figures.items():
        progress.log(f"{name}: {values}")
    card: dict[str, Any] = {
        "title": "how far the 68 landmarks can be trusted, and what hides a face",
        "teacher": TEACHER,
        "rights": RIGHTS,
        "landmark_model": model.sha256,
        "training_data": {
            f"{source.name}, persons {whose}": source.facts
            for whose, seen in (("new to the landmark model", False), ("whom it knows", True))
            for source in groups[seen]
        },
        "measured_on_persons_held_out": figures,
        "settings": asdict(settings),
        "versions": versions(),
    }
    replace(fitted.model, card=card).save(options.out)
    card = dict(type(fitted.model).load(options.out).card)
    with atomic_write(options.out.with_suffix(".json")) as file:
        json.dump(card, file, indent=1, sort_keys=True, ensure_ascii=False)
        file.write("\n")
    return card


def gathered(
    images: Sequence[PictureSource],
    options: ConfidenceOptions,
    percent: float,
    *,
    seen: bool,
    progress: Progress = SILENT,
) -> list[LabelledFaces]:
    """Labelled images of the persons whom the landmark model has seen, or of all others; sources without any are left.

    Parameters
    ----------
    images : sequence of PictureSource
    options : ConfidenceOptions
        Teacher and cache are taken from it.
    percent : float
        Share of persons that the landmark model has not seen.
    seen : bool
        Whose images; at most `MOST` of each source where it is True.
    progress : Progress

    Returns
    -------
    list of LabelledFaces
    """
    sources = []
    for source in images:
        pictures = source.open()
        new = held_out([f"{pictures.path.name}/{person}" for person in pictures.persons], percent)
        numbers = np.flatnonzero(new != seen)
        if not len(numbers):
            continue
        if seen:
            numbers = numbers[:: -(-len(numbers) // MOST)]
        chosen = pictures.only(numbers.tolist())
        if source.labels is not None:
            labels = read_labels(source.labels, chosen)
        else:
            cache = options.cache or options.out.with_suffix(".cache")
            labels = label_pictures(chosen, options.teacher, cache, jobs=options.jobs, progress=progress)
        sources.append(gather_faces(chosen, labels, source.weight, progress))
    return sources

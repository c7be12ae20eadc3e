"""From images on disk to a landmark model file with its card: what `facs train-landmarks` calls."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from facs_pipeline.action_units.training.pseudo_labels import label_pictures, read_labels
from facs_pipeline.datasets.picture_source import PictureSource
from facs_pipeline.foundation.files.atomic import atomic_write, require_place
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.landmarks.training.recipe import LabelledFaces, gather_faces, train, train_shape_modes
from facs_pipeline.landmarks.training.settings import LandmarkTraining


@dataclass(frozen=True)
class LandmarkTrainingOptions:
    """What a landmark model is trained from, and where it goes.

    Attributes
    ----------
    out : Path
        The model file to write (``.npz``); its card goes beside it as JSON.
    teacher : str or PathLike
        MediaPipe's ``face_landmarker.task``.
    settings : LandmarkTraining
        How samples are made and steps are fitted.
    hold_out_percent : float
        Share of the persons that are measured on, 0..50.
    jobs : int
        Processes for the teacher.
    cache : Path, optional
        Folder for labels between runs; by default that of `out`, with ``.cache``.
    """

    out: Path
    teacher: str | os.PathLike[str]
    settings: LandmarkTraining
    hold_out_percent: float = 10.0
    jobs: int = 1
    cache: Path | None = None


@dataclass(frozen=True)
class TrainedLandmarkFile:
    """A model file.

    Attributes
    ----------
    card : dict
        As it stands in the file.
    path : Path
        The file.
    card_path : Path
        Its card as JSON.
    shape_modes : Path or None
        The principal modes of the faces' shape; None where there were fewer than 98 of 128 px or more.
    """

    card: dict[str, Any]
    path: Path
    card_path: Path
    shape_modes: Path | None


def train_landmark_file(
    images: Sequence[PictureSource], options: LandmarkTrainingOptions, progress: Progress = SILENT
) -> TrainedLandmarkFile:
    """Train the 68-point landmark model from a teacher's points, and measure it on persons held out.

    Parameters
    ----------
    images : sequence of PictureSource
    options : LandmarkTrainingOptions
    progress : Progress
        Its log gets a line for each step of the training.

    Returns
    -------
    TrainedLandmarkFile

    Raises
    ------
    InputError
        If the images or the teacher cannot be used.
    """
    require_place(options.out, "name another file with --out")
    sources = [_labelled(source, options, progress) for source in images]
    model = train(sources, options.settings, hold_out_percent=options.hold_out_percent, progress=progress)
    model.save(options.out)
    card = type(model).load(options.out).card
    card_path = options.out.with_suffix(".json")
    with atomic_write(card_path) as file:
        json.dump(card, file, indent=1, sort_keys=True, ensure_ascii=False)
        file.write("\n")
    modes = train_shape_modes(model, sources, hold_out_percent=options.hold_out_percent)
    modes_path = None
    if modes is not None:
        modes = replace(modes, card={**modes.card, "landmark_model": card["content_sha256"]})
        modes_path = Path(modes.save(options.out.with_name(f"{options.out.stem}-shape-modes.npz")))
    return TrainedLandmarkFile(card, options.out, card_path, modes_path)


def _labelled(source: PictureSource, options: LandmarkTrainingOptions, progress: Progress) -> LabelledFaces:
    pictures = source.open()
    if source.labels is not None:
        labels = read_labels(source.labels, pictures)
    else:
        cache = options.cache or options.out.with_suffix(".cache")
        labels = label_pictures(pictures, options.teacher, cache, jobs=options.jobs, progress=progress)
    return gather_faces(pictures, labels, source.weight, progress)

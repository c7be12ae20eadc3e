"""From data on disk to an action-unit model file with its card: what `facs train-au` calls."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from facs_pipeline.action_units.gaze import MODEL_KIND as GAZE_KIND
from facs_pipeline.action_units.gaze import GazeModel
from facs_pipeline.action_units.model import MODEL_KIND, ActionUnitModel
from facs_pipeline.action_units.sides import MODEL_KIND as SIDES_KIND
from facs_pipeline.action_units.sides import SideModel
from facs_pipeline.action_units.training.features import picture_features
from facs_pipeline.action_units.training.gaze import gaze_values, train_gaze
from facs_pipeline.action_units.training.human_codes import CodedFaces, refine
from facs_pipeline.action_units.training.measures import emotion_check, prediction_ms
from facs_pipeline.action_units.training.pseudo_labels import USABLE_AUS, label_pictures, read_labels
from facs_pipeline.action_units.training.recipe import Recipe, train, versions
from facs_pipeline.action_units.training.sides import FROM_HALVES, SidedFaces, train_sides
from facs_pipeline.action_units.training.sources import (
    FACS_CODERS,
    PSEUDO_LABELS,
    FeatureSource,
    Gathered,
    LabelledPictures,
    gather_coded,
    gather_pictures,
    teacher_only,
)
from facs_pipeline.datasets.coded import CodedSet
from facs_pipeline.datasets.coded_pairs import CodedPairs
from facs_pipeline.datasets.picture_source import PictureSource
from facs_pipeline.datasets.pictures import Pictures
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.atomic import atomic_write, require_place
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.landmarks.loading import load_landmarks
from facs_pipeline.landmarks.model import default_landmarks
from facs_pipeline.landmarks.training.teacher import TeacherLabels
from facs_pipeline.landmarks.training.warped import warped


@dataclass(frozen=True)
class AUTrainingOptions:
    """How an action-unit model is trained, and where it goes.

    Attributes
    ----------
    out : Path
        The model file to write (``.npz``); its card goes beside it as JSON.
    features : FeatureSource
        How features of training faces are computed.
    recipe : Recipe
        Settings of the training.
    emotion_check : PictureSource, optional
        Images in folders named for emotions, to check the model with.
    rights : str
        What the terms of the data ask to be said; stands in the card.
    """

    out: Path
    features: FeatureSource
    recipe: Recipe = field(default_factory=Recipe)
    emotion_check: PictureSource | None = None
    rights: str = ""


@dataclass(frozen=True)
class TrainedFile:
    """A model file.

    Attributes
    ----------
    model : ActionUnitModel
    card : dict
        As it stands in the file.
    path : Path
        The file.
    card_path : Path
        Its card as JSON, with the times of this run.
    """

    model: ActionUnitModel
    card: dict[str, Any]
    path: Path
    card_path: Path


@dataclass(frozen=True)
class TrainedSides:
    """A file that tells sides apart; attributes as of `TrainedFile`."""

    model: SideModel
    card: dict[str, Any]
    path: Path
    card_path: Path


@dataclass(frozen=True)
class TrainedGaze:
    """A gaze model's file; attributes as of `TrainedFile`."""

    model: GazeModel
    card: dict[str, Any]
    path: Path
    card_path: Path


def train_on_codings(
    coded: CodedSet, options: AUTrainingOptions, *, every: int = 1, progress: Progress = SILENT
) -> TrainedFile:
    """Train on faces that FACS coders have coded.

    Parameters
    ----------
    coded : CodedSet
        See `facs_pipeline.datasets.disfa.read_disfa` and `facs_pipeline.datasets.au_manifest.read_au_manifest`.
    options : AUTrainingOptions
    every : int
        Of each clip every so many-th coded frame.
    progress : Progress

    Returns
    -------
    TrainedFile

    Raises
    ------
    InputError
        If the data cannot be used, or are too few.

    Examples
    --------
    >>> options = AUTrainingOptions(Path("disfa.npz"), FeatureSource("cache"))
    >>> train_on_codings(read_disfa("DISFA"), options).model.aus  # doctest: +SKIP
    (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
    """
    require_place(options.out, "name another file with --out")
    landmark_model = _landmark_model(options.features)
    sources = [gather_coded(coded, options.features, every=every, progress=progress)]
    title = f"Action-unit intensities, trained on {coded.name}"
    return _train(sources, coded.aus, title, landmark_model, options, progress)


def train_on_teacher(
    images: Sequence[PictureSource],
    teacher: str | os.PathLike[str],
    options: AUTrainingOptions,
    *,
    aus: Sequence[int] | None = None,
    progress: Progress = SILENT,
) -> TrainedFile:
    """Train on a teacher's pseudo-labels of images that nobody has coded.

    Parameters
    ----------
    images : sequence of PictureSource
    teacher : str or PathLike
        MediaPipe's ``face_landmarker.task``.
    options : AUTrainingOptions
    aus : sequence of int, optional
        Action units; by default all usable ones.
    progress : Progress

    Returns
    -------
    TrainedFile

    Raises
    ------
    InputError
        If the images or the teacher cannot be used, or the teacher has no score for an action unit.
    """
    require_place(options.out, "name another file with --out")
    landmark_model = _landmark_model(options.features)
    chosen = teacher_only(aus or USABLE_AUS)
    sources = [_labelled(source, teacher, chosen, options.features, progress) for source in images]
    title = "Action-unit intensities, trained on pseudo-labels, not by FACS coders"
    return _train(sources, chosen, title, landmark_model, options, progress)


def train_on_coded_pairs(
    pairs: CodedPairs, pseudo_labelled: ActionUnitModel, options: AUTrainingOptions, *, progress: Progress = SILENT
) -> TrainedFile:
    """Correct a model by pseudo-labels by what FACS coders say of pairs of a coded and a neutral face.

    Parameters
    ----------
    pairs : CodedPairs
        See `facs_pipeline.datasets.coded_pairs.read_coded_pairs`.
    pseudo_labelled : ActionUnitModel
        From `train_on_teacher`, on the same landmarks.
    options : AUTrainingOptions
        Of the recipe no products and centres count: they are those of the model.
    progress : Progress

    Returns
    -------
    TrainedFile
        See `facs_pipeline.action_units.training.human_codes.refine`.

    Raises
    ------
    InputError
        If the model is no model by pseudo-labels on these landmarks, or persons are too few.
    """
    landmark_model, card = _landmark_model(options.features), pseudo_labelled.card
    if card.get("landmark_model", landmark_model) != landmark_model or "metrics_on_codes" in card:
        wrong = "corrected by codes already" if "metrics_on_codes" in card else "trained on other landmarks"
        raise InputError(
            f"the model to correct is {wrong}; expected one by pseudo-labels (--teacher) on these landmarks"
        )
    both = [
        picture_features(
            pairs.pictures,
            options.features.cache,
            mirror=mirror,
            landmarks=options.features.landmarks,
            jobs=options.features.jobs,
            progress=progress,
        )
        for mirror in (False, True)
    ]
    rows = both[0].rows
    subjects = np.array(pairs.pictures.persons)[rows]
    faces = CodedFaces(both[0].X, both[1].X, pairs.present[rows], pairs.neutral[rows], subjects, pairs.aus)
    started = time.perf_counter()
    model = refine(pseudo_labelled, faces, options.recipe, progress=progress)
    model.card |= {
        "title": "Action-unit intensities by codes of FACS coders and by pseudo-labels",
        "labels": f"{FACS_CODERS} ({pairs.pictures.path.name}); {card.get('labels', 'unknown')}",
        "action_units": list(model.aus),
        "codes_without_face": len(pairs.pictures) - len(rows),
        "pseudo_label_model": {"sha256": pseudo_labelled.sha256, "card": card},
        "versions": versions(),
    }
    return _finished(model, landmark_model, options, both[0].X, round(time.perf_counter() - started, 1), progress)


def train_on_sides(
    images: Sequence[PictureSource],
    teacher: str | os.PathLike[str],
    options: AUTrainingOptions,
    *,
    progress: Progress = SILENT,
) -> TrainedSides:
    """Learn by how much an action unit is stronger on one side, from a teacher's scores of both sides.

    Parameters
    ----------
    images : sequence of PictureSource
        Several of each person.
    teacher : str or PathLike
        MediaPipe's ``face_landmarker.task``.
    options : AUTrainingOptions
        Of the recipe only folds and seed count.
    progress : Progress

    Returns
    -------
    TrainedSides
        See `facs_pipeline.action_units.training.sides.train_sides`.

    Raises
    ------
    InputError
        If the images or the teacher cannot be used, or persons are too few.
    """
    require_place(options.out, "name another file with --out")
    how, landmark_model, embedded = options.features, _landmark_model(options.features), ActionUnitModel.load_default()
    parts: list[SidedFaces] = []
    for source in images:
        pictures = source.open()
        if source.labels is None:
            labels = label_pictures(pictures, teacher, how.cache, jobs=how.jobs, progress=progress)
        else:
            labels = read_labels(source.labels, pictures)
        found = picture_features(
            pictures, how.cache, near=labels.points, landmarks=how.landmarks, jobs=how.jobs, progress=progress
        )
        of_halves = embedded.predict(found.X)[:, [embedded.aus.index(au) for au in FROM_HALVES]]
        persons = np.array(pictures.persons)[found.rows]
        parts.append(SidedFaces(found.X, labels.blendshapes[found.rows], labels.names, of_halves, persons))
    faces = SidedFaces(
        np.concatenate([part.X for part in parts]),
        np.concatenate([part.blendshapes for part in parts]),
        parts[0].names,
        np.concatenate([part.intensities for part in parts]),
        np.concatenate([part.subjects for part in parts]).astype(str),
    )
    started = time.perf_counter()
    model = train_sides(faces, folds=options.recipe.folds, seed=options.recipe.seed)
    model.card |= {
        "title": "By how much action units are stronger on the left of a face",
        "labels": PSEUDO_LABELS,
        "landmark_model": landmark_model,
        "action_unit_model": embedded.sha256,
        "versions": versions(),
    }
    if options.rights:
        model.card["rights"] = options.rights
    model.save(options.out)
    card = model.card | {"kind": SIDES_KIND, "content_sha256": model.sha256}
    card_path = _write_card(options.out, card | {"train_s": round(time.perf_counter() - started, 1)})
    return TrainedSides(model, card, options.out, card_path)


def train_on_irises(
    images: Sequence[PictureSource], options: AUTrainingOptions, *, progress: Progress = SILENT
) -> TrainedGaze:
    """Learn where eyes look from where a teacher sees the irises.

    Parameters
    ----------
    images : sequence of PictureSource
        With labels that hold the teacher's mesh of 478 points.
    options : AUTrainingOptions
        Of the recipe only folds count.
    progress : Progress

    Returns
    -------
    TrainedGaze
        See `facs_pipeline.action_units.training.gaze.train_gaze`.

    Raises
    ------
    InputError
        If the labels hold no irises, or persons are too few.
    """
    require_place(options.out, "name another file with --out")
    parts = []
    for source in images:
        if source.labels is None:
            raise InputError(f"{source.path}: --gaze needs labels=NPZ with the teacher's mesh of 478 points")
        parts.append(gaze_values(source.open(), source.labels, progress=progress))
    values, angles, persons = (np.concatenate(part) for part in zip(*parts, strict=True))
    model = train_gaze(values, angles, persons.tolist(), folds=options.recipe.folds)
    model.card |= {
        "title": "Where eyes look, coarsely",
        "labels": "irises as MediaPipe sees them",
        "landmark_model": default_landmarks().sha256,
        "versions": versions(),
    }
    model.save(options.out)
    card = model.card | {"kind": GAZE_KIND, "content_sha256": model.sha256}
    return TrainedGaze(model, card, options.out, _write_card(options.out, card))


def _labelled(
    source: PictureSource,
    teacher: str | os.PathLike[str],
    aus: Sequence[int],
    features: FeatureSource,
    progress: Progress,
) -> Gathered:
    pictures = source.open()

    def label(shown: Pictures) -> TeacherLabels:
        return label_pictures(shown, teacher, features.cache, jobs=features.jobs, progress=progress)

    labels = label(pictures) if source.labels is None else read_labels(source.labels, pictures)
    copies = None
    if source.warp:
        shown = warped(pictures, labels.points)
        copies = shown, label(shown)
    return gather_pictures(LabelledPictures(pictures, labels, source.weight, copies), aus, features, progress=progress)


def _landmark_model(features: FeatureSource) -> str:
    """Hash of the landmark model that the features are from."""
    return (load_landmarks(features.landmarks) if features.landmarks else default_landmarks()).sha256


def _train(
    sources: Sequence[Gathered],
    aus: Sequence[int],
    title: str,
    landmark_model: str,
    options: AUTrainingOptions,
    progress: Progress,
) -> TrainedFile:
    started = time.perf_counter()
    model = train(sources, aus, options.recipe, title=title, jobs=options.features.jobs, progress=progress).model
    seconds = round(time.perf_counter() - started, 1)
    return _finished(model, landmark_model, options, sources[0].X, seconds, progress)


def _finished(
    model: ActionUnitModel,
    landmark_model: str,
    options: AUTrainingOptions,
    X: np.ndarray,
    seconds: float,
    progress: Progress,
) -> TrainedFile:
    """The model and its card on disk, after its last checks."""
    model.card["landmark_model"] = landmark_model
    if options.rights:
        model.card["rights"] = options.rights
    if options.emotion_check is not None:
        model.card["emotion_check"] = _emotion_check(model, options.emotion_check, options.features, progress)
    each_ms = round(prediction_ms(model, X), 4)
    model.save(options.out)
    card = model.card | {"kind": MODEL_KIND, "content_sha256": model.sha256}
    # Times are not in the model's own card: the same data make the same model file.
    card_path = _write_card(options.out, card | {"train_s": seconds, "predict_ms_per_face": each_ms})
    return TrainedFile(model, card, options.out, card_path)


def _write_card(out: Path, card: dict[str, Any]) -> Path:
    """The card as JSON beside the model file."""
    card_path = out.with_suffix(".json")
    with atomic_write(card_path) as file:
        json.dump(card, file, indent=1, sort_keys=True, ensure_ascii=False)
        file.write("\n")
    return card_path


def _emotion_check(
    model: ActionUnitModel, source: PictureSource, features: FeatureSource, progress: Progress
) -> dict[str, Any]:
    pictures = source.open()
    measured = picture_features(
        pictures, features.cache, landmarks=features.landmarks, jobs=features.jobs, progress=progress
    )
    emotions = [pictures.folder_of(number) for number in measured.rows]
    if len(set(emotions)) < 2:
        raise InputError(f"{pictures.path}: --emotion-check needs images in at least two folders named for emotions")
    return emotion_check(model, measured.X, emotions)

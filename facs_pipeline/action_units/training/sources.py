"""Rows to train action-unit models on: features and intensities of labelled faces, with facts for the model's card."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facs_pipeline.action_units.training.features import clip_features, picture_features
from facs_pipeline.action_units.training.pseudo_labels import TEACHER_AUS, intensities
from facs_pipeline.datasets.coded import CodedSet
from facs_pipeline.datasets.pictures import Pictures
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.landmarks.training.teacher import TeacherLabels

PSEUDO_LABELS = "pseudo-labels from MediaPipe's blendshape scores; no FACS coder has seen these faces"
FACS_CODERS = "coded by FACS coders"


@dataclass(frozen=True)
class LabelledPictures:
    """Still images with a teacher's labels.

    Attributes
    ----------
    pictures : Pictures
    labels : TeacherLabels
        One for each image.
    weight : float
        What each row counts for ridge.
    warped : tuple of Pictures and TeacherLabels, or None
        The same images warped, with labels of their own: trained on, not measured on.
    """

    pictures: Pictures
    labels: TeacherLabels
    weight: float = 1.0
    warped: tuple[Pictures, TeacherLabels] | None = None


@dataclass(frozen=True)
class FeatureSource:
    """How features of training faces are computed.

    Attributes
    ----------
    cache : str or PathLike
        Folder for features between runs.
    landmarks : str, PathLike or None
        Landmark model file; None: the embedded one.
    mirror : bool
        Mirrored faces, too: trained on, not measured on.
    jobs : int
        Processes; the result does not depend on it.
    """

    cache: str | os.PathLike[str]
    landmarks: str | os.PathLike[str] | None = None
    mirror: bool = False
    jobs: int = 1

    @property
    def mirrored(self) -> tuple[bool, ...]:
        """False for faces as they are, True for their mirror images."""
        return (False, True) if self.mirror else (False,)


@dataclass(frozen=True)
class Gathered:
    """Rows of one source.

    Attributes
    ----------
    name : str
    X : ndarray
        Features [n, d].
    Y : ndarray
        Intensities [n, k], 0..5, NaN where unknown.
    subjects : ndarray of str
        Whose face each row [n] is.
    weights : ndarray
        What each row [n] counts for ridge.
    original : ndarray of bool
        False for mirrored and warped copies [n], which are trained on but not measured on.
    facts : dict of str to Any
        For the card.
    """

    name: str
    X: np.ndarray
    Y: np.ndarray
    subjects: np.ndarray
    weights: np.ndarray
    original: np.ndarray
    facts: dict[str, Any]


_Part = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Features, intensities, persons, and whether they are original, of some rows."""


def gather_pictures(
    source: LabelledPictures, aus: Sequence[int], how: FeatureSource, *, progress: Progress = SILENT
) -> Gathered:
    """Features and pseudo-labels of still images.

    Parameters
    ----------
    source : LabelledPictures
    aus : sequence of int
        FACS numbers.
    how : FeatureSource
    progress : Progress
        Told of the images done.
    """
    pictures, parts = source.pictures, []
    for shown, labels in ((pictures, source.labels), *([source.warped] if source.warped else [])):
        Y = intensities(labels.blendshapes, labels.names, aus)
        persons = np.array(shown.persons)
        near = labels.points if labels.found.any() and not np.isnan(labels.points[labels.found]).any() else None
        for mirror in how.mirrored:
            copy = " (warped)" * (shown is not pictures) + " (mirrored)" * mirror
            features = picture_features(
                shown,
                how.cache,
                near=near,
                mirror=mirror,
                landmarks=how.landmarks,
                jobs=how.jobs,
                progress=progress,
            )
            rows = features.rows
            parts.append((features.X, Y[rows], persons[rows], np.full(len(rows), not copy)))
    facts = {
        "labels": PSEUDO_LABELS,
        "images": len(pictures),
        "persons": len(set(pictures.persons)),
        "persons_known": pictures.persons_known,
        "without_teacher_face": int((~source.labels.found).sum()),
        "warped_copies": int(source.warped is not None),
    }
    return _gathered(pictures.path.name, parts, source.weight, facts, len(pictures))


def gather_coded(coded: CodedSet, how: FeatureSource, *, every: int = 1, progress: Progress = SILENT) -> Gathered:
    """Features and coded intensities of a FACS-coded dataset.

    Parameters
    ----------
    coded : CodedSet
    how : FeatureSource
    every : int
        Of each clip every so many-th coded frame.
    progress : Progress
        Told of the frames done.
    """
    clips = [clip.thinned(every) for clip in coded.clips]
    Y = np.concatenate([clip.intensities for clip in clips])
    subjects = np.concatenate([np.full(len(clip.frames), clip.subject) for clip in clips])
    parts = []
    for mirror in how.mirrored:
        features = clip_features(
            clips, how.cache, mirror=mirror, landmarks=how.landmarks, jobs=how.jobs, progress=progress
        )
        rows = features.rows
        parts.append((features.X, Y[rows], subjects[rows], np.full(len(rows), not mirror)))
    facts = {"labels": FACS_CODERS, "images": len(Y), "persons": len(coded.subjects), "persons_known": True}
    return _gathered(coded.name, parts, 1.0, facts, len(Y))


def _gathered(name: str, parts: Sequence[_Part], weight: float, facts: Mapping[str, object], n_faces: int) -> Gathered:
    X, Y, subjects, original = (np.concatenate(part) for part in zip(*parts, strict=True))
    labelled = ~np.isnan(Y).all(axis=1)
    counts = {"without_face": n_faces - int(original.sum()), "rows": int(labelled.sum()), "weight": weight}
    return Gathered(
        name,
        X[labelled],
        Y[labelled],
        subjects[labelled].astype(str),
        np.full(int(labelled.sum()), float(weight)),
        original[labelled],
        {**facts, **counts},
    )


def teacher_only(aus: Sequence[int]) -> tuple[int, ...]:
    """The action units, each once, ascending, checked to have a blendshape."""
    unknown = [au for au in aus if au not in TEACHER_AUS]
    if unknown:
        raise InputError(
            f"AU{unknown[0]}: the teacher has no score for it; choose from {', '.join(map(str, TEACHER_AUS))}"
        )
    return tuple(sorted(set(aus)))

"""From labelled images to a finished landmark model with its card: gather, hold out, fit, measure, describe."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from facs_pipeline.datasets.pictures import Pictures
from facs_pipeline.features.shape_modes import N_LANDMARKS, ShapeModes, registered_landmarks
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.images import geometry
from facs_pipeline.foundation.machine import versions_of
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.landmarks.model import LandmarkModel
from facs_pipeline.landmarks.training.samples import misregistration
from facs_pipeline.landmarks.training.settings import LandmarkTraining
from facs_pipeline.landmarks.training.supervised_descent import train_landmarks
from facs_pipeline.landmarks.training.teacher import TeacherLabels

TEACHER = "MediaPipe Face Landmarker (Apache-2.0), 478 points reduced to iBUG's 68"
RIGHTS = (
    "Trained on the images listed and on nothing else; no image of 300-W or its parts is among them. The points come "
    "from the teacher named. Nothing is promised about rights in the training images beyond what their sources state."
)


@dataclass(frozen=True)
class LabelledFaces:
    """Images of one source in which the teacher found a face.

    Attributes
    ----------
    name : str
        Of the source.
    images : list of ndarray of uint8
        Grey `[h, w]`; n of them.
    points : ndarray
        The teacher's points `[n, 68, 2]`, pixels.
    subjects : ndarray of str
        Whom each image shows `[n]`.
    weight : float
        Of each image.
    facts : dict
        For the model's card.
    """

    name: str
    images: list[np.ndarray]
    points: np.ndarray
    subjects: np.ndarray
    weight: float
    facts: dict[str, Any]


def gather_faces(
    pictures: Pictures, labels: TeacherLabels, weight: float, progress: Progress = SILENT
) -> LabelledFaces:
    """Read all labelled images of a source into memory.

    Parameters
    ----------
    pictures : Pictures
        The source.
    labels : TeacherLabels
        Of all its images.
    weight : float
        Weight of each image.
    progress : Progress
        Told of the reading.

    Returns
    -------
    LabelledFaces
        Those in which the teacher found a face.

    Raises
    ------
    InputError
        If there is none, or an image cannot be decoded.
    """
    usable = np.flatnonzero(~np.isnan(labels.points).any(axis=(1, 2)))
    if not len(usable):
        raise InputError(f"{pictures.path}: no image has the teacher's points; labels=NPZ must hold an array points")
    images = []
    with progress.task(f"{pictures.path.name}: reading", len(usable), "images") as task:
        for number in usable:
            images.append(pictures.grey(int(number)))
            task.advance()
    facts = {
        "images": len(usable),
        "persons": len({pictures.persons[i] for i in usable}) if pictures.persons_known else None,
        "without_teacher_face": len(pictures) - len(usable),
        "weight": weight,
        "images_sha256": pictures.digest(),
    }
    subjects = np.array(pictures.persons)[usable]
    return LabelledFaces(pictures.path.name, images, labels.points[usable], subjects, weight, facts)


def source_subjects(source: LabelledFaces) -> list[str]:
    """Subjects of a source `[n]`, with its name before theirs."""
    return [f"{source.name}/{subject}" for subject in source.subjects]


def held_out(subjects: Sequence[str] | np.ndarray, percent: float) -> np.ndarray:
    """Which images are held out for measuring, subject by subject.

    The hash of a subject's name decides, so that nobody ever changes sides.

    Parameters
    ----------
    subjects : sequence of str
        Whom each image shows `[n]`.
    percent : float
        Share of the subjects, 0..100.

    Returns
    -------
    ndarray of bool
        `[n]`.
    """
    share = {s: int(hashlib.sha256(str(s).encode()).hexdigest()[:8], 16) / 0xFFFFFFFF for s in set(subjects)}
    return np.array([share[s] * 100 < percent for s in subjects])


def train(
    sources: Sequence[LabelledFaces],
    settings: LandmarkTraining,
    *,
    hold_out_percent: float = 10.0,
    progress: Progress = SILENT,
) -> LandmarkModel:
    """Train on all subjects but those held out.

    Parameters
    ----------
    sources : sequence of LabelledFaces
        See `gather_faces`.
    settings : LandmarkTraining
        How samples are made and steps are fitted.
    hold_out_percent : float
        Share of the subjects that are held out, 0..100.
    progress : Progress
        Its log gets one line per step.

    Returns
    -------
    LandmarkModel
        Its card has the points' errors on those held out.
    """
    images = [image for source in sources for image in source.images]
    points = np.concatenate([source.points for source in sources])
    # Prefixed by the source: a name in one source is not the same subject in another.
    subjects = np.concatenate([source_subjects(source) for source in sources])
    weights = np.concatenate([np.full(len(s.images), s.weight) for s in sources])
    out = held_out(subjects, hold_out_percent)
    chosen = np.flatnonzero(~out)
    progress.log(f"{len(chosen)} images to train on, {int(out.sum())} of other persons to measure on")
    model = train_landmarks(
        [images[i] for i in chosen],
        points[chosen],
        subjects[chosen],
        settings,
        weights=weights[chosen],
        progress=progress,
    )
    measured, start = {}, 0
    for source in sources:
        rows = start + np.flatnonzero(out[start : start + len(source.images)])
        start += len(source.images)
        if len(rows):
            measured[source.name] = error_on_stills(model, [images[i] for i in rows], points[rows])
            progress.log(f"{source.name}: {measured[source.name]}")
    model.card = {
        "title": "68 facial landmarks by supervised descent on oriented gradients",
        "teacher": TEACHER,
        "rights": RIGHTS,
        "training_data": {source.name: source.facts for source in sources},
        "hold_out_percent": hold_out_percent,
        "error_on_persons_held_out": measured,
        "settings": asdict(settings),
        "versions": versions(),
    }
    return model


def versions() -> dict[str, str | None]:
    """Versions of the packages and of Python that a model was trained with."""
    return versions_of("numpy", "scipy", "opencv", "facs-pipeline") | {"python": platform.python_version()}


def train_shape_modes(
    model: LandmarkModel, sources: Sequence[LabelledFaces], *, hold_out_percent: float = 10.0
) -> ShapeModes | None:
    """Principal modes of the registered landmarks that `model` finds in the faces it was trained on.

    Parameters
    ----------
    model : LandmarkModel
        As `train` made it, or as it was loaded again.
    sources : sequence of LabelledFaces
        The sources it was trained on; images of less than 128 px are left out.
    hold_out_percent : float
        As it was for `train`, so that the same subjects are left out.

    Returns
    -------
    ShapeModes or None
        None where fewer than 98 faces are left.
    """
    registered = []
    for source in sources:
        out = held_out(source_subjects(source), hold_out_percent)
        for image, points, left_out in zip(source.images, source.points, out, strict=True):
            if not left_out and max(image.shape) >= 128:
                registered.append(registered_landmarks(model.track(image, points.astype(np.float32)).points))
    if len(registered) < N_LANDMARKS:
        return None
    card = {
        "title": "30 principal modes of 49 registered landmarks",
        "faces": len(registered),
        "rights": RIGHTS,
        "training_data": {source.name: source.facts for source in sources},
        "versions": versions(),
    }
    return ShapeModes.fit(np.array(registered), card)


def error_on_stills(
    model: LandmarkModel, images: Sequence[np.ndarray], points: np.ndarray, seed: int = 0
) -> dict[str, float]:
    """Mean distance to the teacher in % of the outer-eye distance, from starts as far off as a detector's.

    Parameters
    ----------
    model : LandmarkModel
        The model.
    images : sequence of ndarray of uint8
        Grey images `[h, w]`; n of them.
    points : ndarray
        The teacher's points `[n, 68, 2]`, pixels.
    seed : int
        Of the starts.

    Returns
    -------
    dict of str to float
        ``images``, ``raw``, and ``offset_removed`` without each point's constant offset from the teacher (in the
        face's own axes): its mean, of the inner 49 points, and median and 90th percentile over images.
    """
    rng = np.random.default_rng(seed)
    start = geometry.fit_similarity(points, model.mean_shape)
    off = geometry.chain(misregistration(rng, len(images), (0.08, 0.06, 0.08)), start)
    starts = geometry.apply(geometry.invert(off), model.mean_shape).astype(np.float32)
    located = [model.track(i, model.track(i, s).points).points for i, s in zip(images, starts, strict=True)]
    raw, removed = point_errors(np.array(located), points)
    return {
        "images": len(images),
        "raw": round(float(raw.mean()), 3),
        "offset_removed": round(float(removed.mean()), 3),
        "offset_removed_inner_49": round(float(removed[:, 17:].mean()), 3),
        "offset_removed_median": round(float(np.median(removed.mean(axis=1))), 3),
        "offset_removed_p90": round(float(np.percentile(removed.mean(axis=1), 90)), 3),
    }


def point_errors(located: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Errors of points in % of the outer-eye distance.

    Parameters
    ----------
    located, truth : ndarray
        `[n, 68, 2]`, pixels.

    Returns
    -------
    raw : ndarray
        `[n, 68]`.
    offset_removed : ndarray
        Without each point's constant offset from the truth, in the face's own axes `[n, 68]`.
    """
    eyes = truth[:, 45] - truth[:, 36]
    distance = np.linalg.norm(eyes, axis=-1)
    off = (located - truth) / distance[:, None, None]
    across = eyes / distance[:, None]
    axes = np.stack([across, np.stack([-across[:, 1], across[:, 0]], axis=1)], axis=1)
    upright = np.einsum("nij,nkj->nki", axes, off)
    return 100 * np.linalg.norm(off, axis=-1), 100 * np.linalg.norm(upright - upright.mean(axis=0), axis=-1)

"""Pseudo-labels for training: action-unit intensities read off MediaPipe's blendshape scores.

These are not what a FACS coder would say, and are called pseudo-labels wherever they appear. An intensity is 5 times
the mean of the scores (0..1) that show the action unit, left and right.

AU16 (lower lip depressor) and AU25 (lips part) share the teacher's one lower-lip score. AU25 carries it by default;
AU16 can be asked for, but is left out otherwise, since a second column of the same numbers would pass for a second
measurement. AU6, AU9, AU14, AU22, AU23 and AU24 have no entry: the scores nearest to them are practically always 0.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from facs_pipeline.action_units.names import MAX_INTENSITY
from facs_pipeline.datasets.pictures import Pictures
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.model_file import check_unpacked_size
from facs_pipeline.foundation.files.result_store import ResultStore
from facs_pipeline.foundation.processes import in_processes
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.landmarks.training.teacher import TeacherLabels, label_stills, mesh_to_68

_LABELS_VERSION = 1
# One teacher labels a fixed number of images, so that labels do not depend on the number of workers.
_CHUNK = 250

# The order in which the teacher gives its scores.
_NAMES = """
    _neutral browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft
    cheekSquintRight eyeBlinkLeft eyeBlinkRight eyeLookDownLeft eyeLookDownRight eyeLookInLeft eyeLookInRight
    eyeLookOutLeft eyeLookOutRight eyeLookUpLeft eyeLookUpRight eyeSquintLeft eyeSquintRight eyeWideLeft eyeWideRight
    jawForward jawLeft jawOpen jawRight mouthClose mouthDimpleLeft mouthDimpleRight mouthFrownLeft mouthFrownRight
    mouthFunnel mouthLeft mouthLowerDownLeft mouthLowerDownRight mouthPressLeft mouthPressRight mouthPucker mouthRight
    mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft mouthSmileRight mouthStretchLeft
    mouthStretchRight mouthUpperUpLeft mouthUpperUpRight noseSneerLeft noseSneerRight
"""
BLENDSHAPES: tuple[str, ...] = tuple(_NAMES.split())


def _sides(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}{side}" for name in names for side in ("Left", "Right"))


TEACHER_AUS: dict[int, tuple[str, ...]] = {
    1: ("browInnerUp",),
    2: _sides("browOuterUp"),
    4: _sides("browDown"),
    5: _sides("eyeWide"),
    7: _sides("eyeSquint"),
    10: _sides("mouthUpperUp"),
    12: _sides("mouthSmile"),
    15: _sides("mouthFrown"),
    16: _sides("mouthLowerDown"),
    17: ("mouthShrugLower",),
    18: ("mouthPucker",),
    20: _sides("mouthStretch"),
    25: _sides("mouthLowerDown"),
    26: ("jawOpen",),
    28: ("mouthRollLower", "mouthRollUpper"),
    45: _sides("eyeBlink"),
}
"""FACS number -> the blendshapes whose mean stands for it."""

USABLE_AUS: tuple[int, ...] = (1, 2, 4, 5, 7, 10, 12, 25, 26, 45)
"""Trained by default: the teacher's score moves with the face and its meaning is the action unit's."""

EXPERIMENTAL_AUS: tuple[int, ...] = (15, 17, 18, 20, 28)
"""Weak scores; trained only if asked for."""


def intensities(blendshapes: np.ndarray, names: Sequence[str], aus: Sequence[int] = USABLE_AUS) -> np.ndarray:
    """Pseudo-label intensities from a teacher's scores.

    Parameters
    ----------
    blendshapes : ndarray
        Scores [n, b], 0..1; NaN where no face.
    names : sequence of str
        Names of the scores [b].
    aus : sequence of int
        FACS numbers [k].

    Returns
    -------
    ndarray of float32
        ``[n, k]``, 0..5.

    Raises
    ------
    InputError
        If an action unit has no blendshape, or the scores lack one that is needed.

    Examples
    --------
    >>> intensities(np.array([[0.5, 0.3]]), ["mouthSmileLeft", "mouthSmileRight"], [12])
    array([[2.]], dtype=float32)
    """
    position = {str(name): i for i, name in enumerate(names)}
    columns = []
    for au in aus:
        if au not in TEACHER_AUS:
            raise InputError(f"AU{au}: the teacher has no score for it; choose from {', '.join(map(str, TEACHER_AUS))}")
        missing = [name for name in TEACHER_AUS[au] if name not in position]
        if missing:
            raise InputError(f"AU{au}: the labels lack the blendshapes {', '.join(missing)}")
        chosen = [position[name] for name in TEACHER_AUS[au]]
        columns.append(np.asarray(blendshapes, dtype=np.float32)[:, chosen].mean(axis=1))
    return (MAX_INTENSITY * np.column_stack(columns)).astype(np.float32)


def label_pictures(
    pictures: Pictures,
    task_file: str | os.PathLike[str],
    cache: str | os.PathLike[str],
    *,
    jobs: int = 1,
    progress: Progress = SILENT,
) -> TeacherLabels:
    """Converged teacher labels of every image, computed once and stored under `cache`.

    Parameters
    ----------
    pictures : Pictures
        The images.
    task_file : str or PathLike
        MediaPipe's ``face_landmarker.task``.
    cache : str or PathLike
        Folder for finished labels, in pieces, so that an interrupted run goes on where it stopped.
    jobs : int
        Processes.
    progress : Progress
        Told of the images done.

    Raises
    ------
    InputError
        If the task file is missing, MediaPipe is not installed, or an image cannot be decoded.
    """
    task_file = Path(task_file)
    if not task_file.is_file():
        raise InputError(f"{task_file}: no such file; expected MediaPipe's face_landmarker.task")
    made_of = {
        "labels": _LABELS_VERSION,
        "pictures": pictures.digest(),
        "teacher": hashlib.sha256(task_file.read_bytes()).hexdigest(),
    }
    store = ResultStore(cache, progress)
    spans = [range(start, min(start + _CHUNK, len(pictures))) for start in range(0, len(pictures), _CHUNK)]
    parts = []
    with progress.task(f"{pictures.path.name}: pseudo-labels", len(pictures), "images") as task:
        for part in in_processes(jobs, _label_chunk, ((store, made_of, pictures, span, task_file) for span in spans)):
            parts.append(part)
            task.advance(len(part[0]))
    points, blendshapes = (np.concatenate(column) for column in zip(*parts, strict=True))
    return TeacherLabels(points, blendshapes, BLENDSHAPES)


def _label_chunk(
    store: ResultStore, made_of: Mapping[str, object], pictures: Pictures, span: range, task_file: Path
) -> tuple[np.ndarray, np.ndarray]:
    """Points [n, 68, 2] and blendshapes [n, 52] of one piece."""

    def compute() -> tuple[np.ndarray, np.ndarray]:
        try:
            labels = list(label_stills((pictures.grey(number) for number in span), task_file))
        except ImportError as error:
            raise InputError(str(error)) from None
        return np.array([points for points, _ in labels]), np.array([scores for _, scores in labels])

    return store.get({**made_of, "first": span.start}, compute)


def read_labels(path: str | os.PathLike[str], pictures: Pictures) -> TeacherLabels:
    """Labels made before.

    Parameters
    ----------
    path : str or PathLike
        An ``.npz`` with ``image`` [m] (file names), ``blendshapes`` [m, b] and ``names`` [b]. ``points`` [m, 478, 2]
        (the teacher's mesh) or [m, 68, 2], in pixels, may be there too; else they are NaN.
    pictures : Pictures
        The images that need labels; they are matched by file name.

    Raises
    ------
    InputError
        If the file is no such archive, or an image has no label in it.
    """
    path = Path(path)
    try:
        check_unpacked_size(path)
        with np.load(path, allow_pickle=False) as stored:
            images, scores, names = (stored[name] for name in ("image", "blendshapes", "names"))
            points = stored["points"] if "points" in stored.files else np.full((len(images), 68, 2), np.nan)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: expected an .npz with image, blendshapes and names ({error})") from None
    if scores.ndim != 2 or scores.shape != (len(images), len(names)):
        raise InputError(f"{path}: blendshapes {scores.shape} for {len(images)} images and {len(names)} names")
    row = {Path(str(name)).name: number for number, name in enumerate(images)}
    missing = [name for name in pictures.names if Path(name).name not in row]
    if missing:
        raise InputError(f"{path}: no labels for {len(missing)} images of {pictures.path}, e.g. {missing[0]}")
    chosen = [row[Path(name).name] for name in pictures.names]
    points = points[chosen].astype(np.float32)
    if points.shape[1:] == (478, 2):
        points = mesh_to_68(points)
    elif points.shape[1:] != (68, 2):
        raise InputError(f"{path}: points {points.shape}; expected 478 or 68 points of two coordinates per image")
    return TeacherLabels(points, scores[chosen].astype(np.float32), tuple(map(str, names)))

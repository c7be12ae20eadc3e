"""Landmarks, crops and features of many labelled still images, stored in pieces.

An image without a detectable face still gets an answer: the landmarks of a default place, where the face of a tight
crop usually is. Finished pieces are stored, so that an interrupted run continues where it stopped.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

import numpy as np

from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.datasets.labelled_faces import LabelledFaces, Skipped
from facs_pipeline.emotions.face_images import CROP_ZOOM, FaceImages, registered_crop_48, small_image
from facs_pipeline.faces.settings import SETTINGS as TRACKER_SETTINGS
from facs_pipeline.features import vector
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.result_store import ResultStore
from facs_pipeline.foundation.processes import in_processes
from facs_pipeline.foundation.progress import SILENT, Progress, Task
from facs_pipeline.landmarks.model import default_landmarks

_VERSION = 4
_CHUNK = 200


def measure_face_images(
    faces: LabelledFaces,
    cache: str | os.PathLike | None = None,
    *,
    jobs: int = 1,
    progress: Progress = SILENT,
) -> FaceImages:
    """Landmarks, crops and features of all images.

    Parameters
    ----------
    faces : LabelledFaces
        The n images; their labels are not used.
    cache : path or None
        Folder for finished pieces; None stores nothing.
    jobs : int
        Processes; the result does not depend on it.
    progress : Progress
        Told of the images measured.

    Returns
    -------
    FaceImages
        The images that could be read.

    Raises
    ------
    InputError
        If none could be read.
    """
    store = ResultStore(cache, progress)
    rows: list[int] = []
    skipped: list[Skipped] = []
    # Reading happens here, in one process: a table's images are in this process's memory.
    parts = []
    with progress.task(f"{faces.name}: faces", len(faces), "images") as task:
        pieces = ((images, store) for images in _pieces(faces, rows, skipped, task))
        for part in in_processes(jobs, _piece, pieces):
            parts.append(part)
            task.advance(len(part["detected"]))
    if not parts:
        raise InputError(f"{faces.name}: no image that can be used" + (f"; {skipped[0].reason}" if skipped else ""))
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return FaceImages(rows=np.array(rows, dtype=np.intp), skipped=tuple(skipped), **whole)


def _pieces(faces: LabelledFaces, rows: list[int], skipped: list[Skipped], task: Task) -> Iterator[list[np.ndarray]]:
    """Lists of up to 200 images; adds the position of every image read to `rows`, and the others to `skipped`."""
    piece: list[np.ndarray] = []
    for number, source in enumerate(faces.sources):
        try:
            piece.append(faces.grey(number))
            rows.append(number)
        except InputError as error:
            skipped.append(Skipped(source, str(error).rpartition(f"{source}: ")[2]))
            task.advance()
        if len(piece) == _CHUNK:
            yield piece
            piece = []
    if piece:
        yield piece


def _piece(images: list[np.ndarray], store: ResultStore) -> dict[str, np.ndarray]:
    return store.get(_inputs(images), lambda: _measure(images))


def _inputs(images: list[np.ndarray]) -> dict[str, object]:
    """Everything a piece depends on: its images, the landmark model, the settings of tracker and features."""
    content = hashlib.sha256()
    for image in images:
        content.update(np.ascontiguousarray(image).data)
    return {
        "emotion_faces": _VERSION,
        "zoom": CROP_ZOOM,
        "search": TRACKER_SETTINGS.as_json(),
        "features": vector.SETTINGS.as_json(),
        "landmarks": default_landmarks().sha256,
        "shapes": [image.shape for image in images],
        "content": content.hexdigest(),
    }


def _measure(images: list[np.ndarray]) -> dict[str, np.ndarray]:
    columns: dict[str, list[np.ndarray | bool]] = {
        name: [] for name in ("points", "detected", "crops", "pixels", "features", "mirrored")
    }
    analyser = FaceAnalyser(action_units=None)
    for grey in images:
        [face] = analyser.analyse_image(grey, default_place=True)
        columns["points"].append(face.points)
        columns["detected"].append(face.detected)
        columns["crops"].append(registered_crop_48(grey, face.points))
        columns["pixels"].append(small_image(grey))
        columns["features"].append(face.features)
        columns["mirrored"].append(vector.mirrored_features(grey, face.points))
    return {name: np.array(values) for name, values in columns.items()}

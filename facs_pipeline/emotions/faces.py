"""Still faces as the emotion models see them: landmarks for every image, registered crops, features; kept on disk.

A face that is not found still gets an answer: the landmarks of a default place, where the face of a tight crop usually
is. Work is done in pieces, and finished pieces are kept, so that an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import joblib
import numpy as np
from skimage.feature import hog as skimage_hog

from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.datasets.labelled_faces import LabelledFaces, Skipped
from facs_pipeline.faces.settings import SETTINGS as TRACKER_SETTINGS
from facs_pipeline.features import registration, vector
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.result_store import ResultStore
from facs_pipeline.foundation.images.crops import registered_crop
from facs_pipeline.foundation.progress import SILENT, Progress, Task
from facs_pipeline.landmarks.model import default_landmarks

SIDE = 48
"""Side of the small crops in pixels, that of FER2013's images."""
_ZOOM = 1.2
CROP_SCALE = SIDE / registration.TEXTURE * _ZOOM
CROP_OFFSET = (SIDE - registration.TEXTURE * CROP_SCALE) / 2
"""Pixel p of the registered texture is pixel ``CROP_SCALE * p + CROP_OFFSET`` of the small crop."""
_VERSION = 3
_CHUNK = 200
_WINDOW, _WINDOW_STRIDE = 24, 6


class SeenFaces(NamedTuple):
    """The m usable ones of n still images.

    Attributes
    ----------
    rows : ndarray [m] of int
        Which images they are; the others are in `skipped`.
    points : ndarray [m, 68, 2] float32
        Landmarks in pixels of each image.
    found : ndarray [m] bool
        Whether a face was found; else the landmarks are those of a default place.
    crops : ndarray [m, 48, 48] uint8
        The face registered by its landmarks.
    pixels : ndarray [m, 48, 48] uint8
        The whole image, scaled.
    features : ndarray [m, 9055] uint8
        See `facs_pipeline.features.face_features`.
    mirrored : ndarray [m, 9055] uint8
        The same of the face as a mirror shows it.
    skipped : tuple of Skipped
    """

    rows: np.ndarray
    points: np.ndarray
    found: np.ndarray
    crops: np.ndarray
    pixels: np.ndarray
    features: np.ndarray
    mirrored: np.ndarray
    skipped: tuple[Skipped, ...]

    def take(self, rows: np.ndarray) -> SeenFaces:
        """Only these of the m faces, in this order; `skipped` is dropped."""
        return SeenFaces(*(values[rows] for values in self[:-1]), skipped=())


def registered_crop_48(grey: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Face [48, 48] uint8 of an image [h, w] uint8, registered by landmarks [68, 2], from brows to chin.

    The same similarity as `facs_pipeline.features.registration.registration`, smaller, and closer to the face by a fifth.
    """
    matrix = registration.registration(points) * CROP_SCALE
    matrix[:, 2] += CROP_OFFSET
    return registered_crop(grey, matrix, SIDE)


def window_hog(pixels: np.ndarray) -> np.ndarray:
    """HOG of every 24 x 24 window at a stride of 6 over an image [48, 48], one after the other [1800] float32."""
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (_WINDOW, _WINDOW))[::_WINDOW_STRIDE, ::_WINDOW_STRIDE]
    return np.concatenate(
        [
            skimage_hog(window, orientations=8, pixels_per_cell=(8, 8), cells_per_block=(3, 3), feature_vector=True)
            for window in windows.reshape(-1, _WINDOW, _WINDOW)
        ]
    ).astype(np.float32)


def see_faces(
    faces: LabelledFaces,
    cache: str | os.PathLike | None = None,
    *,
    jobs: int = 1,
    progress: Progress = SILENT,
) -> SeenFaces:
    """Landmarks, crops and features of all images.

    Parameters
    ----------
    faces : n images; labels are not looked at.
    cache : folder for finished pieces, None to keep nothing.
    jobs : processes; the result does not depend on it.
    progress : Progress
        Told of the images done.
    """
    store = ResultStore(cache)
    rows: list[int] = []
    skipped: list[Skipped] = []
    # Reading happens here, in one process: a table's images are in this process's memory.
    parts = []
    with progress.task(f"{faces.name}: faces", len(faces), "images") as task:
        work = (joblib.delayed(_piece)(images, store) for images in _pieces(faces, rows, skipped, task))
        for part in joblib.Parallel(n_jobs=jobs, return_as="generator", pre_dispatch=2 * jobs)(work):
            parts.append(part)
            task.advance(len(part["found"]))
    if not parts:
        raise InputError(f"{faces.name}: no image that can be used" + (f"; {skipped[0].reason}" if skipped else ""))
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return SeenFaces(rows=np.array(rows, dtype=np.intp), skipped=tuple(skipped), **whole)


def _pieces(faces: LabelledFaces, rows: list[int], skipped: list[Skipped], task: Task) -> Iterator[list[np.ndarray]]:
    """Lists of up to 200 images; notes which were read and which could not be."""
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
    return store.get(_inputs(images), lambda: _look(images))


def _inputs(images: list[np.ndarray]) -> dict[str, object]:
    """What a piece depends on: its images, the landmark model and the settings of search and features."""
    content = hashlib.sha256()
    for image in images:
        content.update(np.ascontiguousarray(image))
    return {
        "emotion_faces": _VERSION,
        "zoom": _ZOOM,
        "search": TRACKER_SETTINGS.as_json(),
        "features": vector.SETTINGS.as_json(),
        "landmarks": default_landmarks().sha256,
        "shapes": [image.shape for image in images],
        "content": content.hexdigest(),
    }


def _look(images: list[np.ndarray]) -> dict[str, np.ndarray]:
    columns: dict[str, list] = {"points": [], "found": [], "crops": [], "pixels": [], "features": [], "mirrored": []}
    analyser = FaceAnalyser(action_units=None)
    for grey in images:
        [face] = analyser.analyse_image(grey, default_place=True)
        columns["points"].append(face.points)
        columns["found"].append(face.found)
        columns["crops"].append(registered_crop_48(grey, face.points))
        small = grey if grey.shape == (SIDE, SIDE) else cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        columns["pixels"].append(small)
        columns["features"].append(face.features)
        columns["mirrored"].append(vector.mirrored_features(grey, face.points))
    return {name: np.array(values) for name, values in columns.items()}

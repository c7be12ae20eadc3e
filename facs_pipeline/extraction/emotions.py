"""Emotions of still images and videos: one row per face, whatever the images are, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import joblib
import numpy as np
import pandas as pd

from facs_pipeline.analysis.analyser import AnalysedFace, FaceAnalyser
from facs_pipeline.datasets.labelled_faces import Skipped
from facs_pipeline.emotions.face_images import SIDE, FaceImages, registered_crop_48
from facs_pipeline.emotions.model import EmotionModel
from facs_pipeline.extraction.stills import about_stills, read_stills
from facs_pipeline.features import vector
from facs_pipeline.foundation.files.result_store import ResultStore
from facs_pipeline.foundation.progress import SILENT, Progress, Task
from facs_pipeline.landmarks.model import default_landmarks
from facs_pipeline.tables.column import expand
from facs_pipeline.tables.reader import table_points
from facs_pipeline.tables.schema import EMOTIONS
from facs_pipeline.video.reader import read_frames

_TASK, _BATCH = 50, 1000


class PredictedImages(NamedTuple):
    """Faces of some images.

    Attributes
    ----------
    paths : tuple [m] of Path
        The image of each face.
    face_ids : ndarray [m] of int
        Number of the face in its image.
    seen : FaceImages [m]
    probabilities : ndarray [m, c]
    skipped : tuple of Skipped
        Images that could not be read.
    """

    paths: tuple[Path, ...]
    face_ids: np.ndarray
    seen: FaceImages
    probabilities: np.ndarray
    skipped: tuple[Skipped, ...]


def prediction_columns(emotions: Sequence[str]) -> list[str]:
    """Columns of the table of predictions, see `facs columns emotions`."""
    return [column.name for column in expand(EMOTIONS.columns, {"<emotion>": emotions})]


def emotion_inputs(images: Sequence[np.ndarray], faces: Sequence[AnalysedFace]) -> FaceImages:
    """What emotion models are given of m faces, each in its grey image.

    `FaceImages.rows` counts the faces; what a mirror would show is left out, it is needed for training only.
    """
    crops, pixels = [], []
    for grey, face in zip(images, faces, strict=True):
        crops.append(registered_crop_48(grey, face.points))
        small = grey if grey.shape == (SIDE, SIDE) else cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        pixels.append(small)
    m = len(crops)
    return FaceImages(
        np.arange(m),
        np.array([face.points for face in faces], np.float32).reshape(m, 68, 2),
        np.array([face.found for face in faces], bool),
        np.array(crops, np.uint8).reshape(m, SIDE, SIDE),
        np.array(pixels, np.uint8).reshape(m, SIDE, SIDE),
        np.array([face.features for face in faces], np.uint8).reshape(m, vector.N_FEATURES),
        np.empty((m, 0), np.uint8),
        (),
    )


def predict_images(
    model: EmotionModel,
    paths: Sequence[Path],
    *,
    faces: str = "one",
    jobs: int = 1,
    unfinished: ResultStore | None = None,
    progress: Progress = SILENT,
) -> Iterator[PredictedImages]:
    """Emotions of the faces in images, a thousand images at a time.

    Parameters
    ----------
    faces : ``"one"`` for the main face of each image, ``"all"`` for all of them.
    jobs : processes; the result does not depend on it.
    unfinished : keeps what is done, in pieces of 50 images, for a run that goes on after this one was killed.
    progress : Progress
        Told of the images read.
    """
    paths = list(paths)
    pieces = [paths[start : start + _TASK] for start in range(0, len(paths), _TASK)]
    run = joblib.Parallel(n_jobs=min(jobs, max(len(pieces), 1)), return_as="generator", pre_dispatch=2 * jobs)
    unfinished = unfinished or ResultStore(None)
    done = run(joblib.delayed(_see_files)(piece, faces, unfinished) for piece in pieces)
    counted = _counted(done, progress.task("images", len(paths), "images"))
    while batch := list(islice(counted, _BATCH // _TASK)):
        seen = _joined([part[2] for part in batch])
        probabilities = np.empty((0, len(model.emotions)))
        if len(seen.detected):
            probabilities = model.predict_proba(seen, jobs=jobs)
        yield PredictedImages(
            tuple(path for part in batch for path in part[0]),
            np.array([face for part in batch for face in part[1]], np.int64),
            seen,
            probabilities,
            tuple(skipped for part in batch for skipped in part[3]),
        )


_SeenFiles = tuple[list[Path], list[int], FaceImages, list[Skipped], int]


def _counted(parts: Iterator[_SeenFiles], task: Task) -> Iterator[_SeenFiles]:
    with task:
        for part in parts:
            task.advance(part[4])
            yield part


def _see_files(paths: list[Path], faces: str, unfinished: ResultStore) -> _SeenFiles:
    about = {"for": "emotions", **about_stills(paths, faces, default_landmarks())}
    return unfinished.get(about, lambda: _seen_files(paths, faces))


def _seen_files(paths: list[Path], faces: str) -> _SeenFiles:
    owners, face_ids, parts, skipped = [], [], [], []
    analyser = FaceAnalyser(action_units=None, faces=faces)
    for still in read_stills(paths, analyser, default_place=True):
        if isinstance(still, Skipped):
            skipped.append(still)
            continue
        owners += [still.path] * len(still.faces)
        face_ids += [face.face_id for face in still.faces]
        parts.append(emotion_inputs([still.grey] * len(still.faces), still.faces))
    return owners, face_ids, _joined(parts), skipped, len(paths)


def _joined(parts: Sequence[FaceImages]) -> FaceImages:
    parts = [part for part in parts if len(part.detected)] or [emotion_inputs([], [])]
    _, *whole = (np.concatenate(values) for values in list(zip(*parts, strict=True))[:7])
    return FaceImages(np.arange(len(whole[1])), *whole, skipped=())


def image_table(found: PredictedImages, emotions: Sequence[str]) -> pd.DataFrame:
    """Rows of the table of predictions of images."""
    names = [_text(path) for path in found.paths]
    return _table(names, None, None, found.face_ids, found.seen.detected, found.probabilities, emotions)


def video_table(name: str | Path, frames: pd.DataFrame, emotions: Sequence[str]) -> pd.DataFrame:
    """Rows of the table of predictions of one video.

    Parameters
    ----------
    frames : its action-unit table with a column ``emotion_<name>`` for each emotion.
    """
    probabilities = frames[[f"emotion_{emotion}" for emotion in emotions]].to_numpy(float)
    return _table(
        [_text(name)] * len(frames),
        frames["frame"].to_numpy(),
        frames["timestamp"].to_numpy(),
        frames["face_id"].to_numpy(float),
        frames["success"].to_numpy(bool),
        probabilities,
        emotions,
    )


def _table(
    names: list[str],
    frame: np.ndarray | None,
    timestamp: np.ndarray | None,
    face_ids: np.ndarray,
    found: np.ndarray,
    probabilities: np.ndarray,
    emotions: Sequence[str],
) -> pd.DataFrame:
    answered = np.isfinite(probabilities).all(axis=1)
    first = np.where(answered[:, None], probabilities, 0.0).argmax(axis=1)
    rounded = EMOTIONS["confidence"].rounded(probabilities)
    columns: dict[str, Any] = {
        "input": names,
        "frame": pd.array([pd.NA] * len(names) if frame is None else frame, dtype="Int64"),
        "timestamp": np.full(len(names), np.nan) if timestamp is None else timestamp,
        "face_id": pd.array(face_ids, dtype="Int64"),
        "found": found.astype(int),
        "emotion": [emotions[number] if given else None for number, given in zip(first, answered, strict=True)],
        "confidence": rounded.max(axis=1) if len(names) else np.empty(0),
    }
    columns |= {f"p_{emotion}": rounded[:, number] for number, emotion in enumerate(emotions)}
    return pd.DataFrame(columns)[prediction_columns(emotions)]


def _text(path: str | Path) -> str:
    # File names need not be text, and could not be written into a table then.
    return str(path).encode("utf-8", "replace").decode("utf-8")


def frames_with_emotions(model: EmotionModel, video: str | Path, table: pd.DataFrame, *, jobs: int = 1) -> pd.DataFrame:
    """Emotions of a video's frames by a model that needs its pictures, not only stored features.

    Parameters
    ----------
    table : the video's action-unit table, whose landmarks say where the faces are.

    Returns
    -------
    The columns frame, timestamp, face_id, success and ``emotion_<name>`` (NaN without a face).
    """
    points = table_points(table)
    analyser = FaceAnalyser(action_units=None)
    rows_of = table.reset_index(drop=True).groupby("frame").indices
    probabilities = np.full((len(table), len(model.emotions)), np.nan)
    waiting: list[tuple[int, FaceImages]] = []

    def answer() -> None:
        rows = [row for row, _ in waiting]
        if rows:
            probabilities[rows] = model.predict_proba(_joined([seen for _, seen in waiting]), jobs=jobs)
        waiting.clear()

    success = table["success"].to_numpy(bool)
    for frame in read_frames(video):
        for row in rows_of.get(frame.index + 1, ()):
            if success[row]:
                waiting.append((row, emotion_inputs([frame.image], [analyser.face_at(frame.image, points[row])])))
        if len(waiting) >= _BATCH:
            answer()
    answer()
    found = table[["frame", "timestamp", "face_id", "success"]].reset_index(drop=True)
    of_emotions = pd.DataFrame(probabilities, columns=[f"emotion_{emotion}" for emotion in model.emotions])
    return pd.concat([found, of_emotions], axis=1)


def telling_rows(frames: pd.DataFrame, emotions: Sequence[str]) -> list[int]:
    """For each face of a video, the row that shows most surely the emotion that most of its frames show."""
    names = [f"emotion_{emotion}" for emotion in emotions]
    frames = frames.reset_index(drop=True)
    rows = []
    for _, face in frames[frames["success"] == 1].groupby("face_id"):
        first = face[names].to_numpy().argmax(axis=1)
        main = np.bincount(first, minlength=len(names)).argmax()
        rows.append(int(face.index[first == main][face[names[main]].to_numpy()[first == main].argmax()]))
    return rows

"""Emotions of still images and videos: one row per face, whatever the images are, and what could not be read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
import pandas as pd

from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.analysis.face import AnalysedFace
from facs_pipeline.datasets.labelled_faces import Skipped
from facs_pipeline.emotions.face_images import SIDE, FaceImages, registered_crop_48
from facs_pipeline.emotions.model import EmotionModel
from facs_pipeline.extraction.stills import read_stills, stills_inputs
from facs_pipeline.features import vector
from facs_pipeline.foundation.call_task import Lost, call_in_workers
from facs_pipeline.foundation.files.result_store import ResultStore
from facs_pipeline.foundation.progress import SILENT, Progress, Task
from facs_pipeline.landmarks.model import default_landmarks
from facs_pipeline.tables.column import expand
from facs_pipeline.tables.reader import table_points
from facs_pipeline.tables.schema import EMOTIONS
from facs_pipeline.video.reader import read_frames

_PIECE, _BATCH = 50, 1000


class PredictedImages(NamedTuple):
    """The m faces of some images.

    Attributes
    ----------
    paths : tuple of Path
        The image of each face.
    face_ids : ndarray of int
        Numbers [m] of the faces within their images.
    images : FaceImages
        What the model was given of them.
    probabilities : ndarray
        [m, c], of each emotion of the model; where no face was found, how frequent they are in its training.
    skipped : tuple of Skipped
        Images that could not be read.
    notes : tuple of Skipped
        What is to be known of others.
    """

    paths: tuple[Path, ...]
    face_ids: np.ndarray
    images: FaceImages
    probabilities: np.ndarray
    skipped: tuple[Skipped, ...]
    notes: tuple[Skipped, ...] = ()


def prediction_columns(emotions: Sequence[str]) -> list[str]:
    """Columns of the table of predictions, see `facs columns emotions`."""
    return [column.name for column in expand(EMOTIONS.columns, {"<emotion>": emotions})]


def emotion_inputs(images: Sequence[np.ndarray], faces: Sequence[AnalysedFace]) -> FaceImages:
    """What emotion models are given of faces.

    Parameters
    ----------
    images : sequence of ndarray of uint8
        The grey image [h, w] of each face.
    faces : sequence of AnalysedFace

    Returns
    -------
    FaceImages
        Its rows count the faces. Mirror images, which only training needs, are left out.
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
        np.array([face.detected for face in faces], bool),
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
    faces: Literal["one", "all"] = "one",
    jobs: int = 1,
    unfinished: ResultStore | None = None,
    progress: Progress = SILENT,
) -> Iterator[PredictedImages]:
    """Emotions of the faces in images, a thousand images at a time.

    Parameters
    ----------
    model : EmotionModel
    paths : sequence of Path
    faces : "one" or "all"
        The main face of each image, or all of them.
    jobs : int
        Processes; the result does not depend on it.
    unfinished : ResultStore, optional
        Stores what is done, in pieces of 50 images, for a run that goes on after this one was killed.
    progress : Progress
        Told of the images read.

    Yields
    ------
    PredictedImages
    """
    measure = partial(_measure_piece, faces=faces, store=unfinished or ResultStore(None))
    measured = call_in_workers(measure, list(paths), piece=_PIECE, jobs=jobs)
    with progress.task("images", len(paths), "images") as task:
        for batch in _batches(_counted(measured, task)):
            images = _joined([piece.images for piece in batch])
            probabilities = np.empty((0, len(model.emotions)))
            if len(images.detected):
                probabilities = model.predict_proba(images, jobs=jobs)
                probabilities[~images.detected] = model.prior
            yield PredictedImages(
                tuple(path for piece in batch for path in piece.paths),
                np.array([face for piece in batch for face in piece.face_ids], np.int64),
                images,
                probabilities,
                tuple(skipped for piece in batch for skipped in piece.skipped),
                tuple(note for piece in batch for note in piece.notes),
            )


class _Piece(NamedTuple):
    """Some images with their faces: the image and the number of each face, and how many images there were."""

    paths: list[Path]
    face_ids: list[int]
    images: FaceImages
    skipped: list[Skipped]
    n_images: int
    notes: list[Skipped]


def _counted(pieces: Iterator[_Piece | Lost[Path]], task: Task) -> Iterator[_Piece]:
    for one in pieces:
        if isinstance(one, Lost):
            piece = _Piece([], [], _joined([]), [Skipped(str(one.item), one.reason)], 1, [])
        else:
            piece = one
        task.advance(piece.n_images)
        yield piece


def _batches(pieces: Iterator[_Piece]) -> Iterator[list[_Piece]]:
    """Pieces of a thousand images together, whatever the pieces: the last digits depend on who is in a batch."""
    batch: list[_Piece] = []
    for piece in pieces:
        batch.append(piece)
        if sum(one.n_images for one in batch) >= _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _measure_piece(
    paths: Sequence[Path], tick: Callable[[], None], *, faces: Literal["one", "all"], store: ResultStore
) -> _Piece:
    inputs = {"for": "emotions", **stills_inputs(paths, faces, default_landmarks())}
    return store.get(inputs, lambda: _measured(paths, faces, tick))


def _measured(paths: Sequence[Path], faces: Literal["one", "all"], tick: Callable[[], None]) -> _Piece:
    owners: list[Path] = []
    face_ids: list[int] = []
    parts: list[FaceImages] = []
    skipped: list[Skipped] = []
    notes: list[Skipped] = []
    analyser = FaceAnalyser(action_units=None, faces=faces)
    for still in read_stills(paths, analyser, default_place=True, tick=tick):
        if isinstance(still, Skipped):
            skipped.append(still)
            continue
        if still.note:
            notes.append(Skipped(str(still.path), still.note))
        owners += [still.path] * len(still.faces)
        face_ids += [face.face_id for face in still.faces]
        parts.append(emotion_inputs([still.grey] * len(still.faces), still.faces))
    return _Piece(owners, face_ids, _joined(parts), skipped, len(paths), notes)


def _joined(parts: Sequence[FaceImages]) -> FaceImages:
    parts = [part for part in parts if len(part.detected)] or [emotion_inputs([], [])]
    points, detected, crops, pixels, features, mirrored = (
        np.concatenate([part[column] for part in parts]) for column in range(1, 7)
    )
    return FaceImages(np.arange(len(detected)), points, detected, crops, pixels, features, mirrored, ())


def image_table(predicted: PredictedImages, emotions: Sequence[str]) -> pd.DataFrame:
    """Rows of the table of predictions of images."""
    names = [_text(path) for path in predicted.paths]
    return _table(names, None, None, predicted.face_ids, predicted.images.detected, predicted.probabilities, emotions)


def video_table(name: str | Path, frames: pd.DataFrame, emotions: Sequence[str]) -> pd.DataFrame:
    """Rows of the table of predictions of one video.

    Parameters
    ----------
    name : str or Path
        Of the video.
    frames : DataFrame
        Its action-unit table with a column ``emotion_<name>`` for each emotion.
    emotions : sequence of str
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
    detected: np.ndarray,
    probabilities: np.ndarray,
    emotions: Sequence[str],
) -> pd.DataFrame:
    answered = detected & np.isfinite(probabilities).all(axis=1)
    first = np.where(answered[:, None], probabilities, 0.0).argmax(axis=1)
    rounded = EMOTIONS["confidence"].rounded(probabilities)
    columns: dict[str, Any] = {
        "input": names,
        "frame": pd.array([pd.NA] * len(names) if frame is None else frame, dtype="Int64"),
        "timestamp": np.full(len(names), np.nan) if timestamp is None else timestamp,
        "face_id": pd.array(face_ids, dtype="Int64"),
        "found": detected.astype(int),
        "emotion": [emotions[number] if given else None for number, given in zip(first, answered, strict=True)],
        "confidence": np.where(answered, rounded.max(axis=1, initial=0), np.nan),
    }
    columns |= {f"p_{emotion}": rounded[:, number] for number, emotion in enumerate(emotions)}
    return pd.DataFrame(columns)[prediction_columns(emotions)]


def _text(path: str | Path) -> str:
    # File names need not be text, and could not be written into a table then.
    return str(path).encode("utf-8", "replace").decode("utf-8")


VideoTable = tuple[Path, pd.DataFrame]
"""A video file or folder of images, and its action-unit table, whose landmarks tell where the faces are."""


def videos_with_emotions(
    model: Path, videos: Iterable[VideoTable], *, jobs: int = 1, unfinished: ResultStore
) -> Iterator[pd.DataFrame | Lost[VideoTable]]:
    """Emotions of the frames of videos by a model that needs their pictures, not only stored features.

    Parameters
    ----------
    model : Path
        Emotion model file.
    videos : iterable of VideoTable
    jobs : int
        Processes, each with a video; the result does not depend on it.
    unfinished : ResultStore
        Stores what is done, for a run that goes on after this one was killed.

    Yields
    ------
    DataFrame or Lost
        For each video the columns frame, timestamp, face_id, success and ``emotion_<name>`` (NaN without a face), or
        why there are none.
    """
    measure = partial(_measure_video, model=model, store=unfinished)
    for one in call_in_workers(measure, videos, piece=1, jobs=jobs):
        yield Lost(one.item, one.reason.removeprefix(f"{one.item[0]}: ")) if isinstance(one, Lost) else one


@cache
def _loaded(model: Path) -> EmotionModel:
    return EmotionModel.load(model)


def _measure_video(
    videos: Sequence[VideoTable], tick: Callable[[], None], *, model: Path, store: ResultStore
) -> pd.DataFrame:
    [(video, table)] = videos
    loaded = _loaded(model)
    content = hashlib.sha256(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes()).hexdigest()
    inputs = {
        **stills_inputs([video], "one", default_landmarks()),
        "for": "emotions of frames",
        "model": loaded.card["content_sha256"],
        "table": content,
    }
    return store.get(inputs, lambda: _frames_with_emotions(loaded, video, table, tick))


def _frames_with_emotions(
    model: EmotionModel, video: Path, table: pd.DataFrame, tick: Callable[[], None]
) -> pd.DataFrame:
    points = table_points(table)
    analyser = FaceAnalyser(action_units=None)
    rows_of = table.reset_index(drop=True).groupby("frame").indices
    probabilities = np.full((len(table), len(model.emotions)), np.nan)
    waiting: list[tuple[int, FaceImages]] = []

    def answer() -> None:
        rows = [row for row, _ in waiting]
        if rows:
            probabilities[rows] = model.predict_proba(_joined([images for _, images in waiting]))
        waiting.clear()

    success = table["success"].to_numpy(bool)
    for frame in read_frames(video):
        tick()
        for row in rows_of.get(frame.index + 1, ()):
            if success[row]:
                waiting.append((row, emotion_inputs([frame.image], [analyser.face_at(frame.image, points[row])])))
        if len(waiting) >= _BATCH:
            answer()
    answer()
    rows = table[["frame", "timestamp", "face_id", "success"]].reset_index(drop=True)
    of_emotions = pd.DataFrame(probabilities, columns=[f"emotion_{emotion}" for emotion in model.emotions])
    return pd.concat([rows, of_emotions], axis=1)


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

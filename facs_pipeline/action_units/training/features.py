"""Features of training faces, computed by the very stages that run on users' videos, and stored between runs.

Training gets what the pipeline will get: points from its own landmark model, or from the one that is named. Where a
teacher has found a still's face, its place saves the search; its points are not used.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.analysis.face import AnalysedFace
from facs_pipeline.datasets.coded import CodedClip
from facs_pipeline.datasets.pictures import Pictures
from facs_pipeline.faces.settings import SETTINGS as TRACKER_SETTINGS
from facs_pipeline.features import vector
from facs_pipeline.foundation.errors import InputError, VideoError
from facs_pipeline.foundation.files.result_store import ResultStore
from facs_pipeline.foundation.processes import in_processes
from facs_pipeline.foundation.progress import SILENT, Progress, Task
from facs_pipeline.landmarks.dlib_predictor import DlibLandmarks
from facs_pipeline.landmarks.loading import load_landmarks
from facs_pipeline.landmarks.model import LandmarkModel, default_landmarks
from facs_pipeline.video.numbering import numbering_gaps
from facs_pipeline.video.reader import IMAGE_SUFFIXES, folder_images, read_frames, read_image

_FEATURES_VERSION = 2
_CHUNK = 500
_MOST_FAILED = 0.5
"""Of the clips; where more of them cannot be decoded, something is wrong with all."""

_Work = Callable[[], Iterator[tuple[int, np.ndarray]]]
"""Rows of a piece and their features, computed when it is called."""
_Task = tuple[Mapping[str, object], range, _Work]
"""What a piece depends on, which faces it holds, and how it is computed."""


class Features(NamedTuple):
    """Features of those of n faces that were found.

    Attributes
    ----------
    X : ndarray of uint8 or float16
        ``[m, d]``, in the order of the faces; m <= n.
    rows : ndarray of int
        Which of the n faces each row [m] is.
    """

    X: np.ndarray
    rows: np.ndarray


def picture_features(
    pictures: Pictures,
    cache: str | os.PathLike[str],
    *,
    near: np.ndarray | None = None,
    mirror: bool = False,
    landmarks: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    progress: Progress = SILENT,
) -> Features:
    """Features of every image in which a face is found.

    Parameters
    ----------
    pictures : Pictures
        The images.
    cache : str or PathLike
        Folder for finished features, in pieces; an interrupted run goes on where it stopped.
    near : ndarray, optional
        Where the faces are known to be [n, 68, 2] (px; NaN: no face), which saves the search.
    mirror : bool
        Features of the mirrored faces instead.
    landmarks : str or PathLike, optional
        Landmark model file, see `facs_pipeline.load_landmarks`; the embedded one unless given.
    jobs : int
        Processes; the result does not depend on it.
    progress : Progress
        Told of the images done.
    """
    known = "" if near is None else hashlib.sha256(np.ascontiguousarray(near, np.float32).tobytes()).hexdigest()
    inputs = {"pictures": pictures.digest(), "near": known, "mirror": mirror}
    spans = [range(start, min(start + _CHUNK, len(pictures))) for start in range(0, len(pictures), _CHUNK)]
    file = _file(landmarks)
    work = [partial(_picture_chunk, pictures, span, _part(near, span), mirror, file) for span in spans]
    tasks: list[_Task] = [({**inputs, "first": span.start}, span, todo) for span, todo in zip(spans, work, strict=True)]
    task = progress.task(f"{pictures.path.name}: features{' (mirrored)' * mirror}", len(pictures), "images")
    return _run(tasks, ResultStore(cache, progress), file, task, jobs, progress)


def clip_features(
    clips: Sequence[CodedClip],
    cache: str | os.PathLike[str],
    *,
    mirror: bool = False,
    landmarks: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    progress: Progress = SILENT,
) -> Features:
    """Features of every coded frame in which a face is found.

    Parameters
    ----------
    clips : sequence of CodedClip
        Their coded frames are numbered clip by clip, frame by frame.
    cache, mirror, landmarks, jobs, progress : as in `picture_features`

    Raises
    ------
    InputError
        If a clip ends before its last coded frame.
    VideoError
        If more than half of the clips cannot be decoded; fewer are named and left out.
    """
    tasks: list[_Task] = []
    file, start = _file(landmarks), 0
    for clip in clips:
        inputs = {"clip": _clip_digest(clip), "mirror": mirror}
        work = partial(_clip_rows, clip, mirror, file)
        tasks.append((inputs, range(start, start + len(clip.frames)), work))
        start += len(clip.frames)
    task = progress.task(f"features of clips{' (mirrored)' * mirror}", start, "frames")
    return _run(tasks, ResultStore(cache, progress), file, task, jobs, progress)


def _file(path: str | os.PathLike[str] | None) -> str | None:
    return os.fspath(path) if path else None


@lru_cache(maxsize=1)
def _landmarks(path: str | None) -> LandmarkModel | DlibLandmarks:
    """Read once per process: a model does not travel to the workers, its file's name does."""
    return load_landmarks(path) if path else default_landmarks()


def _analyser(landmarks: str | None) -> FaceAnalyser:
    return FaceAnalyser(_landmarks(landmarks), action_units=None)


def _run(
    tasks: list[_Task],
    store: ResultStore,
    landmarks: str | None,
    task: Task,
    jobs: int,
    progress: Progress,
) -> Features:
    """All features, stored or computed, with rows counted through all tasks."""
    made_by = {
        "features": _FEATURES_VERSION,
        "search": TRACKER_SETTINGS.as_json(),
        "vector": vector.made_by(),
        "landmarks": _landmarks(landmarks).sha256,
    }
    calls = ((store, {**made_by, "faces": inputs}, work) for inputs, _, work in tasks)
    pieces = in_processes(jobs, _piece, calls)
    found, rows, failed = [], [], []
    with task:
        for (_, span, _), piece in zip(tasks, pieces, strict=True):
            task.advance(len(span))
            if isinstance(piece, VideoError):
                failed.append(piece)
                progress.warn(f"left out: {piece}")
                if len(failed) > _MOST_FAILED * len(tasks):
                    raise piece
                continue
            # A piece without a face does not know the type of the others.
            if len(piece.rows):
                found.append(piece.X)
                rows.append(piece.rows + span.start)
    if not rows:
        return Features(np.zeros((0, vector.N_FEATURES), np.uint8), np.zeros(0, np.int64))
    return Features(np.concatenate(found), np.concatenate(rows))


def _piece(store: ResultStore, inputs: Mapping[str, object], work: _Work) -> Features | VideoError:
    """Features of one piece of work, with rows counted from its first, or why not; float32 becomes float16."""

    def compute() -> Features:
        vectors, rows = [], []
        for row, values in work():
            vectors.append(values if values.dtype == np.uint8 else values.astype(np.float16))
            rows.append(row)
        empty = np.zeros((0, vector.N_FEATURES), np.uint8)
        return Features(np.array(vectors) if vectors else empty, np.array(rows, dtype=np.int64))

    try:
        return store.get(inputs, compute)
    except VideoError as error:
        return error


def _features(grey: np.ndarray, face: AnalysedFace, mirror: bool) -> np.ndarray:
    return vector.mirrored_features(grey, face.points) if mirror else face.features


def _part(near: np.ndarray | None, span: range) -> np.ndarray | None:
    return None if near is None else near[span.start : span.stop]


def _picture_chunk(
    pictures: Pictures, span: range, near: np.ndarray | None, mirror: bool, landmarks: str | None
) -> Iterator[tuple[int, np.ndarray]]:
    for row, number in enumerate(span):
        if near is not None and np.isnan(near[row]).any():
            continue
        grey = pictures.grey(number)
        for face in _analyser(landmarks).analyse_image(grey, near=None if near is None else near[row]):
            yield row, _features(grey, face, mirror)


def _is_image(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES


def _clip_digest(clip: CodedClip) -> str:
    whole = hashlib.sha256(np.ascontiguousarray(clip.frames, dtype=np.int64).tobytes())
    for file in folder_images(clip.source) if clip.source.is_dir() else [clip.source]:
        with open(file, "rb") as content:
            whole.update(hashlib.file_digest(content, "sha256").digest())
    return whole.hexdigest()


def _clip_rows(clip: CodedClip, mirror: bool, landmarks: str | None) -> Iterator[tuple[int, np.ndarray]]:
    if _is_image(clip.source):
        grey = read_image(clip.source)
        if grey is None:
            raise VideoError(f"{clip.source}: not an image that can be decoded")
        for face in _analyser(landmarks).analyse_image(grey):
            yield 0, _features(grey, face, mirror)
        return
    if clip.source.is_dir() and (gaps := numbering_gaps(folder_images(clip.source))):
        raise InputError(
            f"{clip.source}: {gaps}, but the n-th image is taken for frame n; add the missing ones, or number the "
            "images and the coded frames anew"
        )
    wanted = {int(frame): row for row, frame in enumerate(clip.frames)}
    last, number = max(wanted), 0
    analyser = _analyser(landmarks)
    for frame in read_frames(clip.source):
        number = frame.index + 1
        faces = analyser.track(frame.image, frame.time_s)
        if faces and number in wanted:
            yield wanted[number], _features(frame.image, faces[0], mirror)
        if number == last:
            return
    raise InputError(
        f"{clip.source}: coded up to frame {last}, but the video ends with frame {number}; "
        "the labels belong to another video, or the file is cut short"
    )

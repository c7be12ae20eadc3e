"""Still images: read whatever their colours, depth and size, their faces found and their action units measured."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.action_units.sides import SideModel
from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.analysis.face import AnalysedFace
from facs_pipeline.analysis.stills import SMALL_PX
from facs_pipeline.datasets.labelled_faces import Skipped
from facs_pipeline.faces.detector import upright_turn
from facs_pipeline.faces.settings import SETTINGS as TRACKER_SETTINGS
from facs_pipeline.features import vector
from facs_pipeline.features.confidence import LEAST, default_confidence
from facs_pipeline.foundation.call_task import Lost, call_in_workers
from facs_pipeline.foundation.files.regular import read_whole
from facs_pipeline.foundation.files.result_store import ResultStore
from facs_pipeline.foundation.images.decoding import decode_grey, picture_note, silence_opencv
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.landmarks.dlib_predictor import DlibLandmarks
from facs_pipeline.landmarks.loading import load_landmarks
from facs_pipeline.landmarks.model import LandmarkModel, default_landmarks
from facs_pipeline.tables.au_table import measured_cells, with_presence, with_sides
from facs_pipeline.tables.schema import N_POINTS, STILLS, face_columns

_SMALLEST = 16
_TASK = 50
_READING_VERSION = 3


class StillFace(NamedTuple):
    """One face of a still; an image in which none is found has one, of None.

    Attributes
    ----------
    path : Path
    face_id : int or None
        Number of the face in its image.
    score : float
        0..1, that the points lie on a face.
    points : ndarray [68, 2] float32 or None, landmarks in pixels.
    features : ndarray [9055] uint8 or None, see `facs_pipeline.features`.
    note : str
        What is to be known of the image, see `Still`.
    pose : ndarray [6] float64 or None, place in millimetres and angles in radians.
    ibug_points : ndarray [68, 2] float32 or None, the landmarks at iBUG's places.
    """

    path: Path
    face_id: int | None = None
    score: float = 0.0
    points: np.ndarray | None = None
    features: np.ndarray | None = None
    note: str = ""
    pose: np.ndarray | None = None
    ibug_points: np.ndarray | None = None


def read_still(path: str | Path) -> np.ndarray:
    """A still as grey image [h, w] uint8, whatever its colours, depth and size; `ValueError` says why not."""
    return _grey(read_whole(path))


def _grey(data: bytes) -> np.ndarray:
    grey = decode_grey(data)
    if min(grey.shape) < _SMALLEST:
        height, width = grey.shape
        raise ValueError(f"{width} x {height} pixels; expected at least {_SMALLEST} x {_SMALLEST}")
    return grey


class Still(NamedTuple):
    """A still that could be read.

    Attributes
    ----------
    path : Path
    grey : ndarray of uint8
        [h, w].
    faces : list of AnalysedFace
        See `FaceAnalyser.analyse_image`.
    note : str
        That it lies on its side, or of how many pictures it is one; empty for most.
    """

    path: Path
    grey: np.ndarray
    faces: list[AnalysedFace]
    note: str = ""
    pose: np.ndarray | None = None
    ibug_points: np.ndarray | None = None


def read_stills(
    paths: Sequence[Path],
    analyser: FaceAnalyser,
    *,
    default_place: bool = False,
    tick: Callable[[], None] = lambda: None,
) -> Iterator[Still | Skipped]:
    """Each still with its faces, in order; what cannot be read comes as `Skipped`.

    `default_place` as in `FaceAnalyser.analyse_image`; `tick` is called before each still.
    """
    silence_opencv()
    for path in paths:
        tick()
        try:
            data = read_whole(path)
            grey = _grey(data)
        except ValueError as error:
            yield Skipped(str(path), str(error))
        else:
            faces = analyser.analyse_image(grey, default_place=default_place)
            notes = picture_note(data), "" if any(face.detected for face in faces) else _lying(grey, analyser)
            yield Still(path, grey, faces, "; ".join(filter(None, notes)))


def _lying(grey: np.ndarray, analyser: FaceAnalyser) -> str:
    # Of a tight crop nobody knows which side is up.
    turn = upright_turn([grey], analyser.landmarks) if max(grey.shape) >= SMALL_PX else 0
    if not turn:
        return ""
    return (
        f"no face found, but turned by {turn} degrees clockwise it shows one; its EXIF orientation is missing or wrong"
    )


def measure_stills(
    paths: Sequence[Path],
    *,
    faces: Literal["one", "all"] = "one",
    landmarks: str | os.PathLike | None = None,
    jobs: int = 1,
    unfinished: ResultStore | None = None,
    progress: Progress = SILENT,
) -> Iterator[StillFace | Skipped]:
    """Faces and features of still images, each image by itself; what cannot be read comes as `Skipped`.

    Parameters
    ----------
    faces : "one" or "all"
        ``"one"`` for the main face of each image, ``"all"`` for all of them.
    landmarks : str or PathLike or None
        Landmark model file; the embedded one unless given.
    jobs : int
        Processes; the result, in the order of `paths`, does not depend on it.
    unfinished : ResultStore or None
        Keeps what is done, in pieces of 50 images, for a run that goes on after this one was killed.
    progress : Progress
        Told of the images done.

    Examples
    --------
    >>> for face in measure_stills([Path("photo.jpg")]):  # doctest: +SKIP
    ...     print(face.path, face.score, ActionUnitModel.load_default().predict(face.features))
    """
    measure = partial(_measure, faces=faces, landmarks=landmarks, unfinished=unfinished or ResultStore(None))
    with progress.task("images", len(paths), "images") as task:
        for faces_there in call_in_workers(measure, list(paths), piece=_TASK, jobs=jobs):
            if isinstance(faces_there, Lost):
                task.advance()
                yield Skipped(str(faces_there.item), faces_there.reason)
            else:
                task.advance(len({face.path if isinstance(face, StillFace) else face for face in faces_there}))
                yield from faces_there


def stills_table(faces: Sequence[StillFace], model: ActionUnitModel, least_confidence: float = LEAST) -> pd.DataFrame:
    """What `facs extract-stills` writes: a row for each face, with the intensities that `model` gives it.

    Where the confidence in its half of the face is below `least_confidence`, an intensity is empty.

    Examples
    --------
    >>> stills_table([StillFace(Path("wall.jpg"))], ActionUnitModel.load_default())["success"].tolist()
    [0]
    """
    rows = np.array([row for row, face in enumerate(faces) if face.points is not None], np.intp)
    sides = SideModel.load_default()
    sided = [k for k, au in enumerate(sides.aus) if au in model.aus]
    differences = np.full((len(faces), len(sided)), np.nan)
    cells = np.full((len(faces), 6 + 2 * N_POINTS + len(model.aus)), np.nan)
    trust, occluded = np.full((len(faces), 3), np.nan), np.full(len(faces), None, object)
    trust[:, 0] = 0.0
    if len(rows):
        points, shown, poses, features, scores = (
            np.array([getattr(faces[row], name) for row in rows])
            for name in ("points", "ibug_points", "pose", "features", "score")
        )
        judged = default_confidence().judge(features, points, scores)
        trust[rows], occluded[rows] = np.stack(judged[:3], axis=1), judged.occluded
        # Each by itself: a matrix product rounds a row otherwise when others are beside it.
        intensities = np.array([model.predict(row) for row in features])
        intensities = judged.trusted(intensities, model.aus, least_confidence)
        differences[rows] = sides.differences(features)[:, sided]
        cells[rows] = measured_cells(poses, shown, intensities)
    first = {
        # File names need not be text, and could not be written into a table then.
        "input": [str(face.path).encode("utf-8", "replace").decode("utf-8") for face in faces],
        "face_id": pd.Series([face.face_id for face in faces], dtype="Int64"),
        "confidence": trust[:, 0],
        "success": np.isin(np.arange(len(faces)), rows).astype(int),
        "confidence_upper": trust[:, 1],
        "confidence_lower": trust[:, 2],
        "occluded": occluded,
    }
    names = [column.name for column in face_columns(STILLS, model.aus)]
    table = pd.concat([pd.DataFrame(first), pd.DataFrame(cells, columns=names[len(first) :])], axis=1)[names]
    return with_sides(with_presence(table, model.presence), [sides.aus[k] for k in sided], differences)


def stills_inputs(paths: Sequence[Path], faces: str, landmarks: LandmarkModel | DlibLandmarks) -> dict[str, Any]:
    """What the faces and features of images depend on, as `ResultStore.get` takes it."""
    stamps = []
    for path in paths:
        with contextlib.suppress(OSError):
            stat = path.stat()
            stamps.append([str(path), stat.st_size, stat.st_mtime_ns])
    made_by = {
        "reading": _READING_VERSION,
        "search": TRACKER_SETTINGS.as_json(),
        "features": vector.made_by(),
        "landmarks": landmarks.sha256,
    }
    return {"images": stamps, "faces": faces, **made_by}


def _measure(
    paths: Sequence[Path],
    tick: Callable[[], None],
    *,
    faces: Literal["one", "all"],
    landmarks: str | os.PathLike | None,
    unfinished: ResultStore,
) -> list[StillFace | Skipped]:
    model = load_landmarks(landmarks) if landmarks else default_landmarks()
    return unfinished.get(
        stills_inputs(paths, faces, model), lambda: _measured(paths, FaceAnalyser(model, None, faces=faces), tick)
    )


def _measured(paths: Sequence[Path], analyser: FaceAnalyser, tick: Callable[[], None]) -> list[StillFace | Skipped]:
    measured: list[StillFace | Skipped] = []
    for still in read_stills(paths, analyser, tick=tick):
        if isinstance(still, Skipped):
            measured.append(still)
        else:
            measured += [
                StillFace(
                    still.path,
                    face.face_id,
                    face.score,
                    face.points,
                    face.features,
                    still.note,
                    face.place_and_pose,
                    face.ibug_points,
                )
                for face in still.faces
            ] or [StillFace(still.path, note=still.note)]
    return measured

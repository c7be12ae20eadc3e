"""One call for a video or an image: what was measured as a pandas DataFrame, with the columns of the tables."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facs_pipeline.action_units.gaze import GAZE_AUS
from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.analysis.face import AnalysedFace, two_sided
from facs_pipeline.dynamics.blinks import find_closed_eyes
from facs_pipeline.dynamics.face_series import BLINK_AU, CLOSED_AU
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.regular import read_whole
from facs_pipeline.foundation.images.decoding import decode_grey
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.tables.au_table import au_table_columns, measured_cells, with_presence, with_sides
from facs_pipeline.tables.schema import ACTION_UNITS, emotion_columns, presence_columns, side_columns
from facs_pipeline.video.reader import probe, read_frames

if TYPE_CHECKING:
    import pandas as pd

_GAZE = ("gaze_angle_x", "gaze_angle_y")


def analyse_video(
    path: str | os.PathLike[str],
    analyser: FaceAnalyser | None = None,
    *,
    image_fps: float = 25.0,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """Action units, landmarks and head pose of every frame of a video, in this process and without writing anything.

    For many videos, `extract_features` works on several at once and keeps what is done.

    Parameters
    ----------
    path : path
        Video file, or folder of images.
    analyser : FaceAnalyser, optional
        By default one with the embedded models, for the main face, with smoothing.
    image_fps : float
        Frames per second of a folder of images.
    progress : Progress

    Returns
    -------
    pandas.DataFrame
        The columns and rows of ``action_units/<video>.csv``, see `facs columns action_units`: a row for each frame and
        face; a frame without a face is a row with ``success`` 0 and empty cells. Without smoothing, sides and
        intensities are those of each frame alone.

    Raises
    ------
    VideoError
        If the video cannot be decoded to its end.

    Examples
    --------
    >>> table = analyse_video("interview.mp4")  # doctest: +SKIP
    >>> table.plot(x="timestamp", y=["AU01_r", "AU12_r", "AU45_r"])  # doctest: +SKIP
    """
    analyser = analyser or FaceAnalyser()
    analyser.reset()
    times: list[float] = []
    faces: list[AnalysedFace] = []
    with progress.task(Path(path).name, probe(path, image_fps=image_fps).frames, "frames") as task:
        for frame in read_frames(path, image_fps=image_fps):
            times.append(frame.time_s)
            faces += analyser.update(frame.image, frame.time_s)
            task.advance()
    faces += analyser.finish()
    by_frame: list[list[AnalysedFace]] = [[] for _ in times]
    for face in faces:
        by_frame[face.frame].append(face)
    rows: list[tuple[int, AnalysedFace | None]] = []
    for number, there in enumerate(by_frame):
        rows += [(number, face) for face in there] or [(number, None)]
    table = _with_eyes(_table([face for _, face in rows], analyser), [face for _, face in rows])
    table.insert(0, "timestamp", np.round([times[number] for number, _ in rows], 6))
    table.insert(0, "frame", [number + 1 for number, _ in rows])
    table.insert(0, "video", Path(path).stem)
    return table[_columns(analyser)]


def analyse_image(picture: str | os.PathLike[str] | np.ndarray, analyser: FaceAnalyser | None = None) -> pd.DataFrame:
    """Action units, landmarks and head pose of the faces in one image.

    Parameters
    ----------
    picture : path or ndarray
        Image file of any kind, or pixels as `FaceAnalyser` takes them; colour pixels need an analyser that knows the
        order of their channels: ``FaceAnalyser(colour="rgb")``.
    analyser : FaceAnalyser, optional
        By default one with the embedded models, for the main face.

    Returns
    -------
    pandas.DataFrame
        The columns of `facs columns stills`, a row for each face. An image without a face is a row with ``success`` 0
        and empty cells. ``input`` is the path, empty for an array.

    Raises
    ------
    InputError
        If the file cannot be read, or the array is no picture.

    Examples
    --------
    >>> from skimage.data import astronaut
    >>> table = analyse_image(astronaut(), FaceAnalyser(colour="rgb"))
    >>> table[["face_id", "success"]].to_numpy().tolist(), bool(table["AU12_r"][0] > 1)
    ([[0, 1]], True)
    """
    analyser = analyser or FaceAnalyser()
    name = ""
    if not isinstance(picture, np.ndarray):
        name = os.fspath(picture)
        try:
            picture = decode_grey(read_whole(picture))
        except ValueError as error:
            raise InputError(f"{name}: {error}") from None
    table = _table(analyser.analyse_image(picture) or [None], analyser)
    table.insert(0, "input", name)
    return table[["input", *(column for column in _columns(analyser) if column in table.columns and column != "input")]]


def _columns(analyser: FaceAnalyser) -> list[str]:
    closed = [CLOSED_AU] if BLINK_AU in analyser.aus else []
    extra = [
        *presence_columns(ACTION_UNITS, [*analyser.presence, *closed]),
        *side_columns(ACTION_UNITS, two_sided(analyser.aus)),
        *(ACTION_UNITS[name] for name in _GAZE),
        *presence_columns(ACTION_UNITS, GAZE_AUS),
        *emotion_columns(analyser.emotions),
    ]
    return au_table_columns(analyser.aus, extra)


def _with_eyes(table: pd.DataFrame, faces: Sequence[AnalysedFace | None]) -> pd.DataFrame:
    """The table of a video with gaze, where eyes are turned, and when they are closed for longer than a blink."""
    import pandas as pd

    known = [face for face in faces if face is not None]
    found = np.array([face is not None for face in faces])
    angles, turned = np.full((len(faces), 2), np.nan), np.full((len(faces), len(GAZE_AUS)), np.nan)
    if known:
        angles[found] = ACTION_UNITS[_GAZE[0]].rounded([face.gaze for face in known])
        turned[found] = [list(face.turned.values()) for face in known]
    columns = dict(zip(_GAZE, angles.T, strict=True))
    flags = dict(zip(GAZE_AUS, turned.T, strict=True)) | _closed_eyes(faces, known)
    named = zip(presence_columns(ACTION_UNITS, flags), flags.values(), strict=True)
    of_units = {column.name: pd.array(cells, dtype="Int64") for column, cells in named}
    return pd.concat([table, pd.DataFrame(columns | of_units, index=table.index)], axis=1)


def _closed_eyes(faces: Sequence[AnalysedFace | None], known: Sequence[AnalysedFace]) -> dict[int, np.ndarray]:
    """AU43 in each row; NaN where AU45 is not known."""
    if not known or BLINK_AU not in known[0].aus:
        return {CLOSED_AU: np.full(len(faces), np.nan)}
    column = known[0].aus.index(BLINK_AU)
    ids = np.array([-1 if face is None else face.face_id for face in faces])
    times = np.array([np.nan if face is None else face.time_s for face in faces])
    au45 = np.array(
        [np.nan if face is None or face.intensities is None else face.intensities[column] for face in faces]
    )
    closed = np.where(np.isnan(au45), np.nan, 0.0)
    for face in set(ids[ids >= 0].tolist()):
        mine = ids == face
        for first, last in find_closed_eyes(au45[mine], times[mine]):
            closed[mine & (times >= first) & (times < last) & ~np.isnan(au45)] = 1.0
    return {CLOSED_AU: closed}


def _table(faces: Sequence[AnalysedFace | None], analyser: FaceAnalyser) -> pd.DataFrame:
    """What is measured of each face, rounded as in the tables; NaN where there is none."""
    import pandas as pd

    found = np.array([face is not None for face in faces])
    known = [face for face in faces if face is not None]
    names = [
        name for name in _columns(analyser) if name.startswith(("pose_", "x_", "y_")) or re.fullmatch(r"AU\d\d_r", name)
    ]
    cells = np.full((len(faces), len(names)), np.nan)
    if known:
        intensities = np.array([face.intensities for face in known if face.intensities is not None])
        cells[found] = measured_cells(
            np.array([face.place_and_pose for face in known], np.float32),
            np.array([face.ibug_points for face in known]),
            intensities.reshape(len(known), -1),
        )
    table = with_presence(pd.DataFrame(cells, columns=names), analyser.presence)
    sided = two_sided(analyser.aus)
    differences = np.full((len(faces), len(sided)), np.nan)
    if known:
        differences[found] = [face.side_differences for face in known]
    table = with_sides(table, sided, differences)
    ids = [None if face is None else face.face_id for face in faces]
    table.insert(0, "face_id", pd.Series(ids, dtype="Int64"))
    table["confidence"] = [0.0 if face is None else face.confidence for face in faces]
    table["confidence_upper"] = [np.nan if face is None else face.confidence_upper for face in faces]
    table["confidence_lower"] = [np.nan if face is None else face.confidence_lower for face in faces]
    table["occluded"] = [None if face is None else face.occluded for face in faces]
    table["success"] = found.astype(int)
    if analyser.emotions:
        probabilities = np.full((len(faces), len(analyser.emotions)), np.nan)
        probabilities[found] = np.round([face.emotions for face in known], 4) if known else np.nan
        first = np.where(found[:, None], probabilities, 0.0).argmax(axis=1)
        table["emotion"] = [analyser.emotions[one] if there else None for one, there in zip(first, found, strict=True)]
        table["emotion_confidence"] = probabilities.max(axis=1)
        for number, emotion in enumerate(analyser.emotions):
            table[f"emotion_{emotion}"] = probabilities[:, number]
    return table

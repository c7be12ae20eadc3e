"""The faces of one video as time series, the descriptor of each, and the blinks of the main one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypedDict

import numpy as np

from facs_pipeline.dynamics.blinks import count_blinks, visible_seconds
from facs_pipeline.dynamics.descriptors import default_aus, describe_series, descriptor_names, why_not_described
from facs_pipeline.dynamics.extended import FaceMotion, describe_motion, extended_names, why_not_extended

BLINK_AU = 45
CLOSED_AU = 43

FaceSeries = tuple[np.ndarray, np.ndarray]
"""Times [n] in seconds and intensities [n, k] of all frames between a face's first and last; NaN without it."""


class VideoDescriptors(TypedDict):
    """Descriptors of the faces of a video, as they are stored.

    Attributes
    ----------
    columns : list of str
        Names of a descriptor's values.
    faces : dict of str to list of float
        Face id as text -> values.
    not_described : dict of str to str
        Face id as text -> why it has no descriptor.
    blinks : int or None
        Of the face that is there in most frames; None without AU45 or a face.
    blinks_s : float
        For how many seconds that face was visible.
    """

    columns: list[str]
    faces: dict[str, list[float]]
    not_described: dict[str, str]
    blinks: int | None
    blinks_s: float


def series_of_faces(
    chunks: Iterable[tuple[Mapping[str, np.ndarray], np.ndarray]], frames: int
) -> dict[int, FaceSeries]:
    """Put the rows of a video together, face by face.

    Parameters
    ----------
    chunks : iterable of tuple of Mapping and ndarray
        ``frame`` (from 0), ``face_id`` (-1 without a face) and ``time_s`` [n] of consecutive rows, and the intensities
        [m, k] of those m rows that have a face.
    frames : int
        Frames of the whole video.

    Returns
    -------
    dict of int to FaceSeries
        By increasing face id.

    Examples
    --------
    >>> rows = {"frame": np.arange(3), "face_id": np.array([0, -1, 0]), "time_s": np.array([0.0, 0.1, 0.2])}
    >>> series_of_faces([(rows, np.array([[1.0], [3.0]]))], 3)[0][1].ravel()
    array([ 1., nan,  3.], dtype=float32)
    """
    times_s = np.empty(frames)
    parts: dict[int, list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)
    for rows, intensities in chunks:
        times_s[rows["frame"]] = rows["time_s"]
        with_face = rows["face_id"] >= 0
        numbers, ids = rows["frame"][with_face], rows["face_id"][with_face]
        for face in np.unique(ids).tolist():
            parts[face].append((numbers[ids == face], intensities[ids == face]))
    series = {}
    for face in sorted(parts):
        numbers = np.concatenate([part[0] for part in parts[face]])
        values = np.concatenate([part[1] for part in parts.pop(face)])
        dense = np.full((numbers[-1] - numbers[0] + 1, values.shape[1]), np.nan, np.float32)
        dense[numbers - numbers[0]] = values
        series[face] = (times_s[numbers[0] : numbers[-1] + 1], dense)
    return series


def describe_motions(
    series: Mapping[int, FaceSeries], aus: Sequence[int], *, tick: Callable[[], None] = lambda: None
) -> VideoDescriptors:
    """Extended descriptors of all faces of a video.

    Parameters
    ----------
    series : Mapping of int to FaceSeries
        See `series_of_faces`; behind the k intensities the coordinates of 68 landmarks, `[n, k + 136]`.
    aus : sequence of int
        Numbers [k] of the action units.
    tick : callable
        Called before each face.

    Returns
    -------
    VideoDescriptors
        JSON-able.
    """
    result = _with_blinks(extended_names(aus), series, aus)
    for face, (times_s, values) in series.items():
        tick()
        points = values[:, len(aus) :].reshape(-1, 68, 2)
        motion = FaceMotion(times_s, values[:, : len(aus)], tuple(aus), points)
        if reason := why_not_extended(motion):
            result["not_described"][str(face)] = reason
        else:
            result["faces"][str(face)] = describe_motion(motion)[0].tolist()
    return result


def _with_blinks(columns: list[str], series: Mapping[int, FaceSeries], aus: Sequence[int]) -> VideoDescriptors:
    """No descriptors yet, and the blinks of the face that is there in most frames."""
    result: VideoDescriptors = {"columns": columns, "faces": {}, "not_described": {}, "blinks": None, "blinks_s": 0.0}
    if BLINK_AU in aus and series:
        times_s, intensities = max(series.values(), key=lambda pair: np.isfinite(pair[1][:, 0]).sum())
        result["blinks"] = count_blinks(intensities[:, aus.index(BLINK_AU)], times_s)
        result["blinks_s"] = visible_seconds(np.isfinite(intensities[:, 0]), times_s)
    return result


def describe_faces(
    series: Mapping[int, FaceSeries], aus: Sequence[int], *, cutoff_hz: float, tick: Callable[[], None] = lambda: None
) -> VideoDescriptors:
    """Descriptors of all faces of a video.

    Parameters
    ----------
    series : Mapping of int to FaceSeries
        See `series_of_faces`.
    aus : sequence of int
        Action-unit numbers of the series' columns.
    cutoff_hz : float
        Cut-off frequency in Hz of the smoothing.
    tick : callable
        Called before each action unit of each face.

    Returns
    -------
    VideoDescriptors
        JSON-able.
    """
    chosen = default_aus(aus)
    columns = [aus.index(au) for au in chosen]
    result = _with_blinks(descriptor_names(chosen), series, aus)
    for face, (times_s, intensities) in series.items():
        reason = why_not_described(intensities[:, columns], times_s)
        if reason:
            result["not_described"][str(face)] = reason
            continue
        # One action unit after the other: the 100 Hz series of a long video are the largest arrays of all.
        parts = []
        for column, au in zip(columns, chosen, strict=True):
            tick()
            parts.append(describe_series(intensities[:, [column]], times_s, [au], cutoff_hz=cutoff_hz)[0])
        result["faces"][str(face)] = np.concatenate(parts).tolist()
    return result

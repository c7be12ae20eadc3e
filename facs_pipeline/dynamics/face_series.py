"""The faces of one video as time series, and what is said of each: its descriptor, and the blinks of the main one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from facs_pipeline.dynamics.blinks import count_blinks, seen_seconds
from facs_pipeline.dynamics.descriptors import default_aus, describe_series, descriptor_names, why_not_described

BLINK_AU = 45

FaceSeries = tuple[np.ndarray, np.ndarray]
"""Times [n] in seconds and intensities [n, k] of all frames between a face's first and last; NaN where unseen."""


def series_of_faces(
    chunks: Iterable[tuple[Mapping[str, np.ndarray], np.ndarray]], frames: int
) -> dict[int, FaceSeries]:
    """Put the rows of a video together, face by face.

    Parameters
    ----------
    chunks : ``frame`` (from 0), ``face_id`` (-1 without a face) and ``time_s`` [n] of consecutive rows, and the
        intensities [m, k] of those m rows that have a face.
    frames : frames of the whole video.

    Returns
    -------
    dict of face id to FaceSeries, by increasing id

    Examples
    --------
    >>> rows = {"frame": np.arange(3), "face_id": np.array([0, -1, 0]), "time_s": np.array([0.0, 0.1, 0.2])}
    >>> series_of_faces([(rows, np.array([[1.0], [3.0]]))], 3)[0][1].ravel()
    array([ 1., nan,  3.], dtype=float32)
    """
    times_s = np.empty(frames)
    seen: dict[int, list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)
    for rows, intensities in chunks:
        times_s[rows["frame"]] = rows["time_s"]
        with_face = rows["face_id"] >= 0
        numbers, ids = rows["frame"][with_face], rows["face_id"][with_face]
        for face in np.unique(ids).tolist():
            seen[face].append((numbers[ids == face], intensities[ids == face]))
    series = {}
    for face in sorted(seen):
        numbers = np.concatenate([part[0] for part in seen[face]])
        values = np.concatenate([part[1] for part in seen.pop(face)])
        dense = np.full((numbers[-1] - numbers[0] + 1, values.shape[1]), np.nan, np.float32)
        dense[numbers - numbers[0]] = values
        series[face] = (times_s[numbers[0] : numbers[-1] + 1], dense)
    return series


def describe_faces(
    series: Mapping[int, FaceSeries], aus: Sequence[int], *, cutoff_hz: float, tick: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Descriptors of all faces of a video, JSON-able.

    Parameters
    ----------
    series : see `series_of_faces`.
    aus : action-unit numbers of the series' columns.
    cutoff_hz : of the smoothing.
    tick : called before each face.

    Returns
    -------
    dict
        ``columns``: names of the values; ``faces``: face id as text -> values; ``not_described``: face id -> why not;
        ``blinks`` of the face seen longest (None without AU45 or a face) and ``blinks_s``, for how long it was seen.
    """
    chosen = default_aus(aus)
    columns = [aus.index(au) for au in chosen]
    result: dict[str, Any] = {
        "columns": descriptor_names(chosen),
        "faces": {},
        "not_described": {},
        "blinks": None,
        "blinks_s": 0.0,
    }
    if BLINK_AU in aus and series:
        times_s, intensities = max(series.values(), key=lambda pair: np.isfinite(pair[1][:, 0]).sum())
        result["blinks"] = count_blinks(intensities[:, aus.index(BLINK_AU)], times_s)
        result["blinks_s"] = seen_seconds(np.isfinite(intensities[:, 0]), times_s)
    for face, (times_s, intensities) in series.items():
        tick()
        reason = why_not_described(intensities[:, columns], times_s)
        if reason:
            result["not_described"][str(face)] = reason
            continue
        # One action unit after the other: the 100 Hz series of a long video are the largest arrays of all.
        parts = [
            describe_series(intensities[:, [column]], times_s, [au], cutoff_hz=cutoff_hz)[0]
            for column, au in zip(columns, chosen, strict=True)
        ]
        result["faces"][str(face)] = np.concatenate(parts).tolist()
    return result

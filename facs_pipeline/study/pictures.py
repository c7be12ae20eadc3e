"""Frames of measured videos with what was found drawn in."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import numpy as np

from facs_pipeline.extraction.overlay import OverlaySheet, read_drawn_faces
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.json_file import read_json_object
from facs_pipeline.study.results import StudyResults
from facs_pipeline.video.reader import read_frames


def source_of(results: StudyResults, video: str) -> Path:
    """Where a video lay when it was measured.

    Raises
    ------
    InputError
        If it is not there any more.
    """
    path = results.folder / "run.json"
    videos = read_json_object(path).get("videos") if path.is_file() else None
    place = videos.get(video) if isinstance(videos, dict) else None
    if not isinstance(place, str) or not os.path.exists(place):
        raise InputError(f"{video}: the video is not where it was measured ({place})")
    return Path(place)


def drawn_frames(source: Path, table: Path, frames: Collection[int]) -> dict[int, np.ndarray]:
    """Some frames of a video, each as a picture [h, w, 3] BGR with landmarks and bars.

    Parameters
    ----------
    source : Path
        The video.
    table : Path
        Its action-unit table.
    frames : collection of int
        Numbers from 1, as tables count; those that the video does not have are left out.
    """
    aus, rows = read_drawn_faces(table)
    faces = {number: found for number, found in rows if number in frames}
    drawn: dict[int, np.ndarray] = {}
    for one in read_frames(source, colour=True):
        number = one.index + 1
        if number in faces:
            drawn[number] = OverlaySheet(one.image.shape[:2], aus).draw(one.image, faces[number], number, one.time_s)
            if len(drawn) == len(faces):
                break
    return drawn

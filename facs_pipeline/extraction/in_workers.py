"""Pictures and frames decoded in worker processes: a file that ends or stops a decoder costs itself alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.datasets.labelled_faces import Skipped
from facs_pipeline.extraction.stills import Still, read_still, read_stills
from facs_pipeline.foundation.call_task import Lost, call_in_workers
from facs_pipeline.foundation.errors import VideoError
from facs_pipeline.foundation.images.decoding import silence_opencv
from facs_pipeline.video.reader import read_frames

_PIECE = 8


def analysed_stills(
    paths: Sequence[Path],
    *,
    faces: Literal["one", "all"] = "one",
    landmarks: str | os.PathLike[str] | None = None,
    jobs: int = 1,
) -> Iterator[Still | Skipped]:
    """Each still with its faces and their features, in order; what cannot be read comes as `Skipped`.

    Parameters
    ----------
    paths : sequence of Path
    faces : "one" or "all"
        The main face of each image, or all of them.
    landmarks : str or PathLike, optional
        Landmark model file; by default that of the package.
    jobs : int
        Processes.

    Yields
    ------
    Still or Skipped
    """
    analyse = partial(_analysed, faces=faces, landmarks=landmarks)
    for piece in call_in_workers(analyse, paths, piece=_PIECE, jobs=jobs):
        if isinstance(piece, Lost):
            yield Skipped(str(piece.item), piece.reason)
        else:
            yield from piece


def _analysed(
    paths: Sequence[Path],
    tick: Callable[[], None],
    *,
    faces: Literal["one", "all"],
    landmarks: str | os.PathLike[str] | None,
) -> list[Still | Skipped]:
    stills = list(read_stills(paths, FaceAnalyser(landmarks or "default", None, faces=faces), tick=tick))
    for still in stills:
        if isinstance(still, Still):
            for face in still.faces:
                # Computed on first use, which is to be here.
                _ = face.features
    return stills


def grey_stills(paths: Sequence[Path], *, jobs: int = 1) -> Iterator[np.ndarray | Skipped]:
    """Each still as a grey image `[h, w]` of uint8, in order; what cannot be read comes as `Skipped`."""
    for piece in call_in_workers(_greys, paths, piece=_PIECE, jobs=jobs):
        if isinstance(piece, Lost):
            yield Skipped(str(piece.item), piece.reason)
        else:
            yield from piece


def _greys(paths: Sequence[Path], tick: Callable[[], None]) -> list[np.ndarray | Skipped]:
    silence_opencv()
    greys: list[np.ndarray | Skipped] = []
    for path in paths:
        tick()
        try:
            greys.append(read_still(path))
        except ValueError as error:
            greys.append(Skipped(str(path), str(error)))
    return greys


def frames_of_video(path: Path, numbers: Sequence[int]) -> dict[int, np.ndarray]:
    """Some frames of a video.

    Parameters
    ----------
    path : Path
        Video file or folder of images.
    numbers : sequence of int
        Which frames, counted from 1.

    Returns
    -------
    dict of int to ndarray of uint8
        Grey frames `[h, w]` by their numbers; those beyond the end are missing.

    Raises
    ------
    VideoError
        If the video cannot be decoded.
    """
    [decoded] = call_in_workers(partial(_frames, numbers=frozenset(numbers)), [path], piece=1, jobs=1)
    if isinstance(decoded, Lost):
        raise VideoError(f"{path}: {decoded.reason}")
    return decoded


def _frames(paths: Sequence[Path], tick: Callable[[], None], *, numbers: frozenset[int]) -> dict[int, np.ndarray]:
    found: dict[int, np.ndarray] = {}
    for frame in read_frames(paths[0]):
        tick()
        if frame.index + 1 in numbers:
            found[frame.index + 1] = frame.image
        if len(found) == len(numbers):
            break
    return found

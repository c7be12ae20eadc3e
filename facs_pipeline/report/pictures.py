"""A strip of small pictures of each video, as JPEG in data URIs."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from facs_pipeline.foundation.call_task import Lost, call_in_workers
from facs_pipeline.foundation.errors import VideoError
from facs_pipeline.foundation.machine import available_cores
from facs_pipeline.foundation.progress import SILENT_TASK, Task
from facs_pipeline.video.container import open_container, video_stream
from facs_pipeline.video.pixels import as_shown
from facs_pipeline.video.reader import folder_images, probe, read_image

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_PIECE = 2
HEIGHT, QUALITY = 80, 60
SHOWN = 8
"""Pictures of a strip that are shown at once; the others are for the pointer on the curves."""
COUNTS = {"quick": 16, "all": 100}
"""Pictures of a video at most, by mode."""
SPARSE, SPARSE_COST = 4, 0.65
"""From so many frames a picture on, frames that no other frame refers to are skipped; what is left costs this share."""
FOLDER_FPS = 25.0
"""Frames a second of folders of images, unless the run was told otherwise."""
LARGEST = 260
"""Height of a single picture at most, in pixels."""
QUICK_WORK = 2.0
"""What decoding may cost for the videos of one page, in seconds of one core as `_work` estimates them from sizes alone,
so that the same input gives the same report on every machine."""
BYTES_A_SECOND, PIXELS_A_SECOND = 10e6, 900e6
"""Rates at which one core of 2024 decodes H.264, measured on the shared videos."""


@dataclass(frozen=True)
class Strip:
    """Pictures of one video.

    Attributes
    ----------
    pictures : list of (float, str)
        Seconds and data URI, in the order of time.
    note : str
        What is missing.
    """

    pictures: list[tuple[float, str]]
    note: str = ""

    @property
    def shown_at_once(self) -> list[bool]:
        """[n] which pictures are shown at once: at most `SHOWN`, evenly spread."""
        n = len(self.pictures)
        chosen = {int((k + 0.5) * n / min(SHOWN, n)) for k in range(min(SHOWN, n))}
        return [i in chosen for i in range(n)]


def strips(
    places: Sequence[str], durations_s: Sequence[float], *, mode: str = "quick", count: int | None = None,
    task: Task = SILENT_TASK,
) -> list[Strip]:  # fmt: skip
    """One strip per video.

    Parameters
    ----------
    places : sequence of str
        Paths of videos or image folders, ``""`` where unknown.
    durations_s : sequence of float
        Of the videos, 0 where unknown; pictures are spread evenly over it.
    mode : "quick", "all" or "none"
        The first decodes whole videos, the cheapest first, up to `QUICK_WORK` in all and key frames of the others; the
        second decodes every video; the third takes no pictures.
    count : int, optional
        Pictures per video at most; by default `COUNTS`.
    task : Task
        Told of every video that is done.
    """
    if mode == "none":
        task.advance(len(places))
        return [Strip([], "pictures were left out (--pictures none)") for _ in places]
    count = count or COUNTS[mode]
    there = [index for index, place in enumerate(places) if place and os.path.exists(place)]
    whole = [True] * len(there)
    if mode != "all":
        whole = _affordable([places[index] for index in there], QUICK_WORK, count)
    calls = [_Call(places[index], durations_s[index], all_of_it) for index, all_of_it in zip(there, whole, strict=True)]
    taken = [_missing(place) for place in places]
    for index, strip in zip(there, _in_workers(partial(_strip, count=count), calls), strict=True):
        task.advance()
        taken[index] = Strip([], f"no pictures: {strip.reason}") if isinstance(strip, Lost) else strip
    task.advance(len(places) - len(there))
    return taken


@dataclass(frozen=True)
class _Call(os.PathLike[str]):
    """A video of which pictures are taken; a path, so that messages name it."""

    place: str
    duration_s: float
    whole: bool

    def __fspath__(self) -> str:
        return self.place

    def __str__(self) -> str:
        return self.place


def _in_workers(function: Callable[[_Item], _Result], items: Sequence[_Item]) -> Iterator[_Result | Lost[_Item]]:
    """What a function gives for each item; one with which a process crashes or hangs costs no other."""
    for piece in call_in_workers(partial(_each, function), items, piece=_PIECE, jobs=available_cores()):
        if isinstance(piece, Lost):
            yield piece
        else:
            yield from piece


def _each(function: Callable[[_Item], _Result], items: Sequence[_Item], tick: Callable[[], None]) -> list[_Result]:
    done = []
    for item in items:
        tick()
        done.append(function(item))
    return done


def _affordable(places: Sequence[str], budget: float, count: int) -> list[bool]:
    """[n] which videos are decoded whole: the cheapest ones that fit into the budget together."""
    estimates = _in_workers(partial(_work, count=count), places)
    # What ends a process so early is not decoded whole.
    work = [float("inf") if isinstance(estimate, Lost) else estimate for estimate in estimates]
    order = sorted(range(len(places)), key=lambda i: work[i])
    spent = np.cumsum([work[i] for i in order])
    chosen = {i for i, total in zip(order, spent, strict=True) if total <= budget}
    return [i in chosen for i in range(len(places))]


def _work(place: str, count: int) -> float:
    """What decoding the video costs, in seconds of one core; 0 for what is no video."""
    try:
        if not os.path.isfile(place):
            return 0.0
        info = probe(place)
        every = os.path.getsize(place) / BYTES_A_SECOND + info.frames * info.width * info.height / PIXELS_A_SECOND
        return every * (SPARSE_COST if info.frames >= SPARSE * count else 1)
    except (VideoError, av.FFmpegError, OSError, ValueError):
        return 0.0


def _missing(place: str) -> Strip:
    if not place:
        return Strip([], "run.json does not say where the video is")
    return Strip([], f"{place}: the video is not there any more; its curves are drawn without pictures")


def _strip(call: _Call, *, count: int) -> Strip:
    place, duration, whole = call.place, call.duration_s, call.whole
    try:
        if os.path.isdir(place):
            return _folder_strip(place, count, duration or probe(place).duration_s)
        info = probe(place)
        every = whole and 0 < info.frames <= count
        targets = np.full(count, -np.inf) if every else _targets(duration or info.duration_s, count)
        taken = _decode(place, targets, whole, sparse=info.frames >= SPARSE * count)
        missing = not whole and len(taken) < SHOWN
        return Strip(taken, "key frames only (facs report --pictures all takes the others)" if missing else "")
    except (VideoError, av.FFmpegError, OSError, ValueError) as error:
        return Strip([], f"no pictures: {error}")


def _targets(duration: float, count: int) -> np.ndarray:
    return (np.arange(count) + 0.5) * max(duration, 0.0) / count


def _decode(place: str, targets: np.ndarray, whole: bool, sparse: bool) -> list[tuple[float, str]]:
    """The first frame at or after each target, of all frames or of the key frames; only those taken are converted.

    Targets of minus infinity take one frame after the other.
    """
    # One for all frames: making it anew takes ten times as long as using it.
    taken: list[tuple[float, str]] = []
    wanted, shrink = 0, VideoReformatter()
    with open_container(place) as container:
        stream = video_stream(container, place)
        stream.codec_context.thread_count = 1
        # Softening block edges takes a quarter of the time, and does not show at this size.
        stream.codec_context.options = {"skip_loop_filter": "all"}
        if not whole or sparse:
            stream.codec_context.skip_frame = "NONREF" if whole else "NONKEY"
        for picture in container.decode(stream):
            time = float(picture.time or 0.0)
            # Key frames are few: the first one counts wherever it is.
            if time >= targets[wanted] or not (whole or taken):
                taken.append((time, _encode(_small(picture, shrink))))
                passed = int(np.searchsorted(targets, time, side="right")) if np.isfinite(targets[0]) else 0
                wanted = max(wanted + 1, passed)
                if wanted >= len(targets):
                    break
    return taken


def _small(picture: av.VideoFrame, shrink: VideoReformatter) -> np.ndarray:
    """The frame upright in BGR, at twice the height that is wanted."""
    width = max(2, round(picture.width * 2 * HEIGHT / picture.height))
    image = shrink.reformat(picture, width=width, height=2 * HEIGHT, format="bgr24").to_ndarray()
    return np.ascontiguousarray(as_shown(image, picture))


def _folder_strip(place: str, count: int, duration: float) -> Strip:
    images = folder_images(place)
    chosen = sorted({int((k + 0.5) * len(images) / count) for k in range(count)}) if images else []
    taken = []
    for index in chosen:
        image = read_image(images[index], colour=True)
        if image is not None:
            taken.append((duration * index / max(1, len(images)), _encode(image)))
    return Strip(taken)


def moments(places: Sequence[str], times_s: Sequence[float]) -> list[str]:
    """One picture of each video, as a data URI; empty where none can be taken.

    Parameters
    ----------
    places : sequence of str
        Paths of videos or image folders.
    times_s : sequence of float
        Time stamp of the frame, in seconds.
    """
    calls = [_Call(place, time, True) for place, time in zip(places, times_s, strict=True)]
    return ["" if isinstance(uri, Lost) else uri for uri in _in_workers(_moment, calls)]


def _moment(call: _Call) -> str:
    place, time = call.place, call.duration_s
    try:
        if os.path.isdir(place):
            images = folder_images(place)
            image = read_image(images[min(len(images) - 1, round(time * FOLDER_FPS))], colour=True)
            return "" if image is None else _encode(image)
        with open_container(place) as container:
            stream = video_stream(container, place)
            stream.codec_context.thread_count = 1
            if stream.time_base:
                # To the key frame before it; the frames from there on are decoded.
                container.seek(int(time / stream.time_base), stream=stream)
            last = None
            for picture in container.decode(stream):
                last = picture
                if float(picture.time or 0.0) >= time:
                    break
            return "" if last is None else _encode(_small(last, VideoReformatter()))
    except (VideoError, av.FFmpegError, OSError, ValueError, IndexError):
        return ""


def picture_uris(paths: Sequence[Path]) -> list[str]:
    """Image files as small data URIs, never larger than they are; empty where one cannot be decoded."""
    return ["" if isinstance(uri, Lost) else uri for uri in _in_workers(_picture_uri, paths)]


def _picture_uri(path: Path) -> str:
    image = read_image(path, colour=True)
    return "" if image is None else _encode(image, min(image.shape[0], LARGEST), quality=85)


def _encode(image: np.ndarray, tall: int = HEIGHT, quality: int = QUALITY) -> str:
    height, width = image.shape[:2]
    size = (max(1, min(round(width * tall / height), 3 * tall)), tall)
    small = image if (width, height) == size else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    _ok, data = cv2.imencode(".jpg", small, settings)
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")

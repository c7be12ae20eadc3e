"""A strip of small pictures of each video, as JPEG in data URIs."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from facs_pipeline.foundation.errors import VideoError
from facs_pipeline.foundation.progress import SILENT_TASK, Task
from facs_pipeline.video.container import open_container, video_stream
from facs_pipeline.video.pixels import as_shown
from facs_pipeline.video.reader import folder_images, probe, read_image

HEIGHT, QUALITY = 80, 60
SHOWN = 8
"""Pictures of a strip that are shown at once; the others are for the pointer on the curves."""
COUNTS = {"quick": 16, "all": 100}
"""Pictures of a video at most, by mode."""
SPARSE, SPARSE_COST = 4, 0.65
"""From so many frames a picture on, frames that no other frame refers to are skipped; what is left costs this share."""
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
    whole = _affordable(places, float("inf") if mode == "all" else QUICK_WORK, count)
    # Decoding leaves the interpreter's lock, so threads do.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        taken = []
        for strip in pool.map(_strip, places, durations_s, whole, repeat(count)):
            task.advance()
            taken.append(strip)
        return taken


def _affordable(places: Sequence[str], budget: float, count: int) -> list[bool]:
    """[n] which videos are decoded whole: the cheapest ones that fit into the budget together."""
    work = [_work(place, count) for place in places]
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


def _strip(place: str, duration: float, whole: bool, count: int) -> Strip:
    if not place:
        return Strip([], "run.json does not say where the video is")
    if not os.path.exists(place):
        return Strip([], f"{place}: the video is not there any more; its curves are drawn without pictures")
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


def picture_uri(path: str | os.PathLike) -> str:
    """One image file as a small data URI, never larger than it is; empty where it cannot be decoded."""
    image = read_image(path, colour=True)
    return "" if image is None else _encode(image, min(image.shape[0], LARGEST), quality=85)


def _encode(image: np.ndarray, tall: int = HEIGHT, quality: int = QUALITY) -> str:
    height, width = image.shape[:2]
    size = (max(1, min(round(width * tall / height), 3 * tall)), tall)
    small = image if (width, height) == size else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    _ok, data = cv2.imencode(".jpg", small, settings)
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")

"""A strip of small pictures of each video, as JPEG in data URIs."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import av
import cv2
import numpy as np

from facs_pipeline.errors import VideoError
from facs_pipeline.video import folder_images, probe, read_image

HEIGHT, QUALITY = 88, 68
QUICK_PIXELS = 500_000_000
"""Pixels decoded for all videos of a report together, a second and a half of one core; of longer videos key frames.
A number of pixels, not of seconds: the same input gives the same report on every machine."""


@dataclass(frozen=True)
class Strip:
    """Pictures of one video in the order of time: `pictures` are (seconds, data URI); `note` says what is missing."""

    pictures: list[tuple[float, str]]
    note: str = ""


def strips(places: Sequence[str], durations_s: Sequence[float], *, mode: str = "quick", count: int = 8) -> list[Strip]:
    """One strip per video.

    Parameters
    ----------
    places : paths of videos or image folders, ``""`` where unknown.
    durations_s : of the videos, 0 where unknown; pictures are spread evenly over it.
    mode : ``"quick"`` decodes whole videos up to `QUICK_PIXELS` in all and key frames of the others, ``"all"`` decodes
        every video, ``"none"`` takes no pictures.
    count : pictures per video at most.
    """
    if mode == "none":
        return [Strip([], "pictures were left out (--pictures none)") for _ in places]
    share = float("inf") if mode == "all" else QUICK_PIXELS / max(1, len(places))
    # Decoding leaves the interpreter's lock, so threads do.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(lambda pair: _strip(*pair, share, count), zip(places, durations_s, strict=True)))


def _strip(place: str, duration: float, share: float, count: int) -> Strip:
    if not place:
        return Strip([], "run.json does not say where the video is")
    if not os.path.exists(place):
        return Strip([], f"{place}: the video is not there any more; its curves are drawn without pictures")
    try:
        if os.path.isdir(place):
            return _folder_strip(place, count, duration)
        info = probe(place)
        targets = _targets(duration or info.duration_s, count)
        whole = info.frames * info.width * info.height <= share
        found = _decode(place, targets, whole)
        missing = not whole and len(found) < count
        return Strip(found, "key frames only (facs report --pictures all takes the others)" if missing else "")
    except (VideoError, av.FFmpegError, OSError, ValueError) as error:
        return Strip([], f"no pictures: {error}")


def _targets(duration: float, count: int) -> np.ndarray:
    return (np.arange(count) + 0.5) * max(duration, 0.0) / count


def _decode(place: str, targets: np.ndarray, whole: bool) -> list[tuple[float, str]]:
    """The first frame at or after each target, of all frames or of the key frames; only those taken are converted."""
    found, wanted = [], 0
    with av.open(place, metadata_errors="replace") as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        if not whole:
            stream.codec_context.skip_frame = "NONKEY"
        for picture in container.decode(stream):
            time = float(picture.time or 0.0)
            # Key frames are few: the first one counts wherever it is.
            if time >= targets[wanted] or not (whole or found):
                found.append((time, _encode(_small(picture))))
                wanted = max(wanted + 1, int(np.searchsorted(targets, time, side="right")))
                if wanted >= len(targets):
                    break
    return found


def _small(picture: av.VideoFrame) -> np.ndarray:
    """The frame upright in BGR, at twice the height that is wanted."""
    width = max(2, round(picture.width * 2 * HEIGHT / picture.height))
    image = picture.reformat(width=width, height=2 * HEIGHT).to_ndarray(format="bgr24")
    return np.ascontiguousarray(np.rot90(image, round(picture.rotation / 90) % 4))


def _folder_strip(place: str, count: int, duration: float) -> Strip:
    images = folder_images(place)
    chosen = sorted({int((k + 0.5) * len(images) / count) for k in range(count)}) if images else []
    found = []
    for index in chosen:
        image = read_image(images[index], cv2.IMREAD_COLOR)
        if image is not None:
            found.append((duration * index / max(1, len(images)), _encode(image)))
    return Strip(found)


def picture_uri(path: str | os.PathLike) -> str:
    """One image file as a small data URI; empty where it cannot be decoded."""
    image = read_image(path, cv2.IMREAD_COLOR)
    return "" if image is None else _encode(image)


def _encode(image: np.ndarray) -> str:
    height, width = image.shape[:2]
    size = (max(1, min(round(width * HEIGHT / height), 3 * HEIGHT)), HEIGHT)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    _ok, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")

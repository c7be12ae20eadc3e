"""Stage 1, video -> frames: a file or a folder of images as grey (or colour) images with their real time stamps.

Time stamps are the container's presentation times, so variable frame rates are kept; the display rotation of
phone videos and the pixel shape of DV and HDV are applied, so faces are upright and as wide as they were; the header's
frame count is never trusted, frames end where decoding ends.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from facs_pipeline.foundation.errors import VideoError

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf"}
    | {".ogv", ".ts", ".webm", ".wmv"}
)
IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})

# 8-bit formats whose first plane is luma as it stands
_LUMA_FIRST = frozenset(
    {"gray", "yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p", "nv12", "nv21", "nv16"}
    | {"yuvj420p", "yuvj422p", "yuvj444p", "yuvj440p"}
)
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
# Limited-range luma 16..235 -> 0..255 as factor and offset
_TO_FULL_RANGE = np.array([[255 / 219, -16 * 255 / 219]], np.float32)
# Pixels nearly square stay; those of cameras are 0.9 (DV) to 1.5 times as wide as high, wilder ones a broken header.
_SQUARE, _WILDEST = 1.02, 3.0
# PyAV had an option for tags that are no text; from version 19 on it replaces them by itself.
_ANY_TAGS: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


class Frame(NamedTuple):
    """One frame of a video.

    Attributes
    ----------
    index : int
        Number of the frame, from 0, in order of presentation.
    time_s : float
        Presentation time in seconds as the container gives it (the first frame's need not be 0).
    image : ndarray of uint8
        Grey (luma) `[h, w]` or BGR `[h, w, 3]`, upright, with square pixels.

    Examples
    --------
    >>> [frame.time_s for frame in read_frames("phone.mp4")][:3]  # doctest: +SKIP
    [0.0, 0.0333, 0.0667]
    """

    index: int  # type: ignore[assignment]  # a tuple's method, of no use for frames
    time_s: float
    image: np.ndarray


class VideoInfo(NamedTuple):
    """What the container's header claims, which need not be true.

    Attributes
    ----------
    frames : int
        For progress bars only; 0 where unknown.
    duration_s : float
        In seconds, for progress bars only; 0 where unknown.
    fps : float
        Mean frames per second.
    width, height : int
        In pixels as stored.
    """

    frames: int
    duration_s: float
    fps: float
    width: int
    height: int


def natural_key(name: str) -> list[int | str]:
    """Sort key under which ``frame10`` follows ``frame9``."""
    return [int(part) if part.isdecimal() else part.casefold() for part in re.split(r"(\d+)", name)]


def folder_images(folder: str | os.PathLike[str]) -> list[Path]:
    """The images directly in a folder, in natural order of their names."""
    images = (p for p in Path(folder).iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith("."))
    return sorted(images, key=lambda p: (natural_key(p.name), p.name))


def read_frames(path: str | os.PathLike[str], *, colour: bool = False, image_fps: float = 25.0) -> Iterator[Frame]:
    """Frames of a video file, or of a folder of images.

    Memory stays constant: one frame is held at a time.

    Parameters
    ----------
    path : path
        Video file or folder of images.
    colour : bool
        BGR frames `[h, w, 3]` instead of grey ones `[h, w]`.
    image_fps : float
        Frames per second of a folder of images, which carries no times.

    Yields
    ------
    Frame
        In order of presentation; times always rise.

    Raises
    ------
    VideoError
        If nothing can be decoded, or decoding stops at damaged data; frames before the damage have been yielded.

    Examples
    --------
    >>> for frame in read_frames("interview.mp4"):  # doctest: +SKIP
    ...     print(frame.index, frame.time_s, frame.image.shape)
    """
    path = Path(path)
    return _image_frames(path, colour, image_fps) if path.is_dir() else _file_frames(path, colour)


def probe(path: str | os.PathLike[str], *, image_fps: float = 25.0) -> VideoInfo:
    """What the header of a video claims, without decoding it; parameters as for `read_frames`.

    Raises
    ------
    VideoError
        If the file cannot be opened, or holds no video.
    """
    path = Path(path)
    if path.is_dir():
        images = folder_images(path)
        return VideoInfo(len(images), len(images) / image_fps, image_fps, 0, 0)
    with _open(path) as container:
        stream = _video_stream(container, path)
        fps = float(stream.average_rate or 0)
        duration = _stated_duration(container, stream)
        frames = stream.frames or round(duration * fps)
        return VideoInfo(frames, duration, fps, stream.codec_context.width, stream.codec_context.height)


def _stated_duration(container: InputContainer, stream: VideoStream) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    # Matroska keeps it in a tag; the container's own duration is that of the longest stream, often the sound.
    tag = re.fullmatch(r"(\d+):(\d\d):(\d\d\.\d+)", stream.metadata.get("DURATION", ""))
    if tag:
        return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3])
    return (container.duration or 0) / 1e6


def open_container(path: str | os.PathLike[str]) -> InputContainer:
    """A video file opened by PyAV, whether or not its tags are text."""
    return av.open(os.fspath(path), "r", **_ANY_TAGS)


def _open(path: Path) -> InputContainer:
    if not path.exists():
        raise VideoError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise VideoError(f"{path}: the file is empty (0 bytes)")
    try:
        return open_container(path)
    except PermissionError:
        raise VideoError(f"{path}: no permission to read the file") from None
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"{path}: not a video that can be opened ({_reason(error)})") from None


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        kinds: list[str] = sorted({s.type for s in container.streams}) or ["nothing"]
        raise VideoError(f"{path}: no video stream, only {' and '.join(kinds).replace('video', 'a cover picture')}")
    stream = streams[0]
    if stream.codec_context is None:
        raise VideoError(f"{path}: no decoder for its video stream")
    return stream


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _file_frames(path: Path, colour: bool) -> Iterator[Frame]:
    with _open(path) as container:
        stream = _video_stream(container, path)
        # One decoding thread: workers run side by side, and a single thread's output order never varies.
        stream.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        fps = float(stream.average_rate or stream.guessed_rate or 25)
        pixel_aspect = float(stream.sample_aspect_ratio or 1)
        index, last_time = 0, -np.inf
        try:
            for picture in container.decode(stream):
                time_s = picture.time
                if time_s is None or time_s <= last_time:
                    # Damaged or missing stamps: time runs on, never backwards.
                    time_s = last_time + 1 / fps if index else 0.0
                yield Frame(index, float(time_s), _pixels(picture, colour, pixel_aspect))
                index, last_time = index + 1, float(time_s)
        except (av.FFmpegError, OSError, ValueError, MemoryError) as error:
            raise VideoError(f"{path}: decoding stopped after {index} frames ({_reason(error)})") from None
        if index == 0:
            raise VideoError(f"{path}: the video holds no decodable frame")


def _pixels(picture: av.VideoFrame, colour: bool, pixel_aspect: float) -> np.ndarray:
    image: np.ndarray
    if colour:
        image = picture.to_ndarray(format="bgr24")
    elif picture.format.name in _LUMA_FIRST:
        plane = picture.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        image = rows[: picture.height, : picture.width]
        full = picture.color_range == _FULL_RANGE or picture.format.name.startswith(("yuvj", "gray"))
        image = np.ascontiguousarray(image) if full else cv2.transform(image, _TO_FULL_RANGE)
    else:
        image = picture.to_ndarray(format="gray")
    if _SQUARE < max(pixel_aspect, 1 / pixel_aspect) < _WILDEST:
        image = cv2.resize(image, None, fx=max(pixel_aspect, 1.0), fy=max(1 / pixel_aspect, 1.0))
    turn = _TURNS.get(round(picture.rotation / 90) * 90 % 360)
    return image if turn is None else cv2.rotate(image, turn)


def _image_frames(folder: Path, colour: bool, image_fps: float) -> Iterator[Frame]:
    images = folder_images(folder)
    if not images:
        raise VideoError(f"{folder}: the folder holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
    flag = cv2.IMREAD_COLOR if colour else cv2.IMREAD_GRAYSCALE
    for index, image_path in enumerate(images):
        image = read_image(image_path, flag)
        if image is None:
            raise VideoError(f"{image_path}: image {index + 1} of {len(images)} cannot be decoded")
        yield Frame(index, index / image_fps, image)


def read_image(path: str | os.PathLike[str], flag: int = cv2.IMREAD_GRAYSCALE) -> np.ndarray | None:
    """Pixels of one image file, under any file name.

    Parameters
    ----------
    path : path
        The file.
    flag : int
        As for `cv2.imdecode`, grey by default.

    Returns
    -------
    ndarray of uint8, or None
        `[h, w]` or, in colour, BGR `[h, w, 3]`; None where the file cannot be decoded.
    """
    try:
        data = np.fromfile(path, np.uint8)
    except OSError:
        return None
    return cv2.imdecode(data, flag) if data.size else None


def grey_frames(
    path: str | os.PathLike[str], numbers: Collection[int], *, image_fps: float = 25.0
) -> dict[int, np.ndarray]:
    """Some frames of a video.

    Parameters
    ----------
    path : path
        Video file or folder of images.
    numbers : collection of int
        Which frames, counted from 1.
    image_fps : float
        As for `read_frames`.

    Returns
    -------
    dict of int to ndarray of uint8
        Grey frames `[h, w]` by their numbers; those beyond the end are missing.
    """
    last = max(numbers, default=0)
    frames = islice(read_frames(path, image_fps=image_fps), last)
    return {frame.index + 1: frame.image for frame in frames if frame.index + 1 in numbers}

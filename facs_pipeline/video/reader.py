"""Stage 1, video -> frames: a file or a folder of images as grey (or colour) images with their real time stamps.

Time stamps are the container's presentation times, so variable frame rates are kept; the display matrix of phone
videos and the pixel shape of DV and HDV are applied, so faces are upright and as wide as they were; the header's frame
count is never trusted, frames end where decoding ends.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from facs_pipeline.foundation.errors import VideoError
from facs_pipeline.foundation.files.regular import read_whole, why_no_file
from facs_pipeline.foundation.images.decoding import BitDepth, picture_note
from facs_pipeline.foundation.images.decoding import decode as decode_image
from facs_pipeline.foundation.images.headers import is_jpeg
from facs_pipeline.video.container import (
    cut_short,
    note_on_streams,
    open_container,
    reason_of,
    stated_duration,
    video_stream,
)
from facs_pipeline.video.decoder import decode
from facs_pipeline.video.numbering import numbering_gaps
from facs_pipeline.video.pixels import to_image
from facs_pipeline.video.timestamps import Clock, RisingTimes

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf"}
    | {".ogv", ".ts", ".webm", ".wmv"}
    | {".264", ".265", ".3g2", ".asf", ".divx", ".dv", ".f4v", ".h264", ".h265", ".hevc", ".ivf", ".lrv", ".m2t"}
    | {".m2v", ".mjpeg", ".mjpg", ".mod", ".ogm", ".qt", ".rm", ".rmvb", ".tod", ".vob", ".xvid"}
)
IMAGE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
UNREADABLE_SUFFIXES = frozenset(
    {".arw", ".braw", ".cr2", ".cr3", ".dng", ".heic", ".heif", ".hif", ".insv", ".jxl", ".nef", ".orf", ".r3d", ".rw2"}
)
"""Recordings and photos that none of the libraries reads; they need to be converted."""
# A stream of JPEGs, each a frame.
_JPEG_STREAMS = frozenset({".mjpeg", ".mjpg"})


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
    pictures_s : float
        Duration that is stated of the pictures alone, in seconds; 0 where only that of the longest stream is.
    start_s : float
        Time stamp at which a player begins, in seconds: that of the first frame or sound.
    """

    frames: int
    duration_s: float
    fps: float
    width: int
    height: int
    pictures_s: float = 0.0
    start_s: float = 0.0


def natural_key(name: str) -> list[int | str]:
    """Sort key under which ``frame10`` follows ``frame9``."""
    return [int(part) if part.isdecimal() else part.casefold() for part in re.split(r"(\d+)", name)]


def folder_images(folder: str | os.PathLike[str]) -> list[Path]:
    """The images directly in a folder, in natural order of their names."""
    images = (p for p in Path(folder).iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith("."))
    return sorted(images, key=lambda p: (natural_key(p.name), p.name))


class FrameReader(Iterator[Frame]):
    """Frames in order of presentation, and what is to be known of the file: what `read_frames` gives.

    Attributes
    ----------
    notes : list of str
        What was corrected or chosen, in words; complete after the last frame.
    corrected : int
        Frames whose stamps were far off; of those read so far.
    """

    def __init__(self, path: Path, *, colour: bool, image_fps: float) -> None:
        self.notes: list[str] = []
        self.corrected = 0
        self._path, self._colour = path, colour
        if path.is_dir():
            self._frames = self._of_images(folder_images(path), image_fps)
        else:
            self._frames = self._of_images([path], image_fps) if is_photo(path) else self._of_file()

    def __next__(self) -> Frame:
        """The next frame."""
        return next(self._frames)

    def _of_file(self) -> Iterator[Frame]:
        path, index = self._path, 0
        with open_container(path) as container:
            stream = video_stream(container, path)
            clock = Clock.of(path, container, stream)
            self._say(note_on_streams(container, stream), clock.note, cut_short(path))
            stamped = ((one, clock.stamp(number, one)) for number, one in enumerate(decode(container, stream)))
            times, sizes = RisingTimes(stamped, 1 / clock.rate), _Sizes()
            try:
                for one, time_s in times:
                    image = to_image(one.picture, one.pixel_aspect, colour=self._colour)
                    sizes.add(index, image)
                    self.corrected = times.corrected
                    yield Frame(index, time_s, image)
                    index += 1
            except (av.FFmpegError, OSError, ValueError, MemoryError) as error:
                cut = cut_short(path)
                why = f"{reason_of(error)}; {cut}" if cut else reason_of(error)
                raise VideoError(f"{path}: decoding stopped after {index} frames ({why})") from None
            if index == 0:
                raise VideoError(f"{path}: the video holds no decodable frame")
            self._say(times.note(), sizes.note())

    def _of_images(self, images: list[Path], image_fps: float) -> Iterator[Frame]:
        if not images:
            raise VideoError(f"{self._path}: the folder holds no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
        gaps = numbering_gaps(images)
        self._say(f"{gaps}; its frames are taken {1 / image_fps:.3g} s apart all the same" if gaps else "")
        depth = BitDepth()
        for index, path in enumerate(images):
            try:
                data = read_whole(path)
                image = decode_image(data, colour=self._colour, depth=depth)
            except ValueError as error:
                which = f"image {index + 1} of {len(images)} cannot be decoded: " if len(images) > 1 else ""
                raise VideoError(f"{path}: {which}{error}") from None
            if len(images) == 1:
                self._say(picture_note(data))
            yield Frame(index, index / image_fps, image)

    def _say(self, *notes: str) -> None:
        self.notes += [note for note in notes if note]


class _Sizes:
    """Where a video changes its size, if it does."""

    def __init__(self) -> None:
        self._size: tuple[int, int] | None = None
        self._changes = 0
        self._first = ""

    def add(self, index: int, image: np.ndarray) -> None:
        height, width = image.shape[:2]
        if self._size is not None and self._size != (width, height):
            self._changes += 1
            before = f"{self._size[0]} x {self._size[1]}"
            self._first = self._first or f"from {before} to {width} x {height} px with frame {index + 1}"
        self._size = width, height

    def note(self) -> str:
        if not self._changes:
            return ""
        more = f", and {self._changes - 1} times more" if self._changes > 1 else ""
        return f"the picture's size changes {self._first}{more}; points are in the pixels of their own frame"


def read_frames(path: str | os.PathLike[str], *, colour: bool = False, image_fps: float = 25.0) -> FrameReader:
    """Frames of a video file, or of a folder of images.

    Memory stays constant: one frame is held at a time, and up to six where time stamps are in doubt.

    Parameters
    ----------
    path : path
        Video file or folder of images.
    colour : bool
        BGR frames `[h, w, 3]` instead of grey ones `[h, w]`.
    image_fps : float
        Frames per second of a folder of images, which carries no times.

    Returns
    -------
    FrameReader
        An iterator of `Frame`, in order of presentation; times always rise. Iterating raises `VideoError` if nothing
        can be decoded, or if decoding stops at damaged data; frames before the damage have been yielded.

    Examples
    --------
    >>> for frame in read_frames("interview.mp4"):  # doctest: +SKIP
    ...     print(frame.index, frame.time_s, frame.image.shape)
    """
    return FrameReader(Path(path), colour=colour, image_fps=image_fps)


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
    if is_photo(path):
        return VideoInfo(1, 0.0, 0.0, 0, 0)
    with open_container(path) as container:
        stream = video_stream(container, path)
        clock = Clock.of(path, container, stream)
        fps = clock.rate if clock.source == "rate" else float(stream.average_rate or 0)
        duration, of_pictures = stated_duration(container, stream)
        frames = stream.frames or round(duration * fps)
        codec = stream.codec_context
        pictures_s = duration if of_pictures else 0.0
        return VideoInfo(frames, duration, fps, codec.width, codec.height, pictures_s, clock.start_s)


def is_photo(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one image, by its name or because it begins as a JPEG.

    Phones put the seconds round a photo behind it; such a file is the photo, whatever it is called.
    """
    path = Path(path)
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return True
    if path.suffix.lower() in _JPEG_STREAMS or why_no_file(path):
        return False
    try:
        with open(path, "rb") as file:
            return is_jpeg(file.read(3))
    except OSError:
        return False


def read_image(path: str | os.PathLike[str], *, colour: bool = False) -> np.ndarray | None:
    """Pixels of one image file, under any file name.

    Parameters
    ----------
    path : path
        The file.
    colour : bool
        In colour instead of grey.

    Returns
    -------
    ndarray of uint8, or None
        `[h, w]` or, in colour, BGR `[h, w, 3]`; None where the file cannot be decoded.
    """
    try:
        return decode_image(read_whole(path), colour=colour)
    except ValueError:
        return None


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

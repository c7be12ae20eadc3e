"""Video files opened safely: which containers are read, which stream of theirs, and whether all of it is there.

A video file never opens another file or the network: lists of other files (ffconcat, HLS, DASH, SDP) are no videos.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from facs_pipeline.foundation.errors import VideoError
from facs_pipeline.foundation.files.regular import why_no_file
from facs_pipeline.foundation.limits import SIZE_LIMIT, largest_picture, too_many_pixels
from facs_pipeline.video.stated_size import stated_size

RAW_FORMATS = frozenset(
    {"h264", "hevc", "vvc", "m4v", "mpegvideo", "h263", "h261", "obu", "vc1", "mjpeg", "jpeg_pipe", "cavsvideo"}
)
"""Containers that are none: pictures one after the other, without time stamps."""
_FORMATS = (
    "3g2,3gp,apng,asf,avi,dv,flv,gif,gxf,ivf,live_flv,lxf,matroska,mov,mp4,mpeg,mpegts,mxf,nut,nuv,ogg,rm,swf,webm,wtv"
)
_SAFE = {"format_whitelist": ",".join([_FORMATS, *sorted(RAW_FORMATS)]), "protocol_whitelist": "file"}
_PYAV = int(av.__version__.split(".")[0])
# PyAV had an option for tags that are no text; from version 19 on it replaces them by itself.
_ANY_TAGS: dict[str, Any] = {"metadata_errors": "replace"} if _PYAV < 19 else {}
# Before version 18 it crashes on options of streams that show only while a file is probed, as in FLV.
_PROBED = _PYAV >= 18
_LARGE, _MOST_EXTENTS = 1 << 30, 4096


def open_container(path: str | os.PathLike[str]) -> InputContainer:
    """A video file opened by PyAV, whether or not its tags are text.

    Parameters
    ----------
    path : path

    Returns
    -------
    InputContainer
        To be closed; a context manager.

    Raises
    ------
    VideoError
        If it is no regular file with content, or cannot be opened as a video.
    """
    path = Path(path)
    check_file(path)
    # Decoders give up before they take memory for a larger picture, also where its size changes later.
    limits = {"max_pixels": str(largest_picture())} if _PROBED else {}
    try:
        return av.open(os.fspath(path), "r", container_options=_SAFE, options=limits, **_ANY_TAGS)
    except PermissionError:
        raise VideoError(f"{path}: no permission to read the file") from None
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"{path}: not a video that can be opened ({_why_not(path, error)})") from None


def check_file(path: Path) -> None:
    """Raise `VideoError` for what is no regular file, is empty, or is a hole for the most part."""
    try:
        status = path.stat()
    except PermissionError:
        raise VideoError(f"{path}: no permission to read the file") from None
    except (OSError, ValueError):
        raise VideoError(f"{path}: {why_no_file(path)}") from None
    if not stat.S_ISREG(status.st_mode):
        raise VideoError(f"{path}: a device, pipe or folder, expected a file; save the video as a file first")
    if status.st_size == 0:
        raise VideoError(f"{path}: the file is empty (0 bytes)")
    if status.st_size > _LARGE:
        stored = _stored_bytes(path, status.st_size)
        if stored < status.st_size / 2:
            raise VideoError(
                f"{path}: only {stored} of its {status.st_size} bytes are stored, the rest is a hole; "
                "is the download or copy unfinished? Copy it again"
            )


def _stored_bytes(path: Path, size: int) -> int:
    """Bytes of the file that are no holes; all of them where the file system does not tell."""
    if not hasattr(os, "SEEK_DATA"):
        return size
    stored, place = 0, 0
    try:
        with open(path, "rb", buffering=0) as file:
            for _ in range(_MOST_EXTENTS):
                try:
                    start = os.lseek(file.fileno(), place, os.SEEK_DATA)
                except OSError as error:
                    return size if error.errno != errno.ENXIO else stored
                place = os.lseek(file.fileno(), start, os.SEEK_HOLE)
                stored += place - start
                if place >= size:
                    return stored
    except OSError:
        return size
    return size


def _why_not(path: Path, error: Exception) -> str:
    cut = cut_short(path)
    if cut:
        return cut
    if getattr(error, "errno", None) == errno.EINVAL:
        return "a list of other files, or a format that is not read"
    return reason_of(error)


def cut_short(path: Path) -> str:
    """That a file is shorter than it says itself, in words; empty where it is whole, or does not say."""
    stated = stated_size(path)
    size = path.stat().st_size
    return f"cut short at {size} of {stated} bytes; copy it again" if stated > size else ""


def reason_of(error: Exception) -> str:
    """An error of FFmpeg or of the system in words."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    # So decoders answer a size that they do not take.
    return f"{words}; {SIZE_LIMIT}" if getattr(error, "errno", None) == errno.EINVAL else words


def video_stream(container: InputContainer, path: str | os.PathLike[str]) -> VideoStream:
    """The video stream that a player shows: the default one, else the first; cover pictures are none.

    Raises
    ------
    VideoError
        If there is none, or none that can be decoded.
    """
    streams = _video_streams(container)
    if not streams:
        kinds: list[str] = sorted({s.type for s in container.streams}) or ["nothing"]
        raise VideoError(f"{path}: no video stream, only {' and '.join(kinds).replace('video', 'a cover picture')}")
    stream = next((stream for stream in streams if stream.disposition & Disposition.default), streams[0])
    if stream.codec_context is None:
        raise VideoError(f"{path}: no decoder for its video stream")
    if problem := too_many_pixels(stream.codec_context.width, stream.codec_context.height):
        raise VideoError(f"{path}: {problem}")
    stream.codec_context.options = {"max_pixels": str(largest_picture())}
    return stream


def note_on_streams(container: InputContainer, stream: VideoStream) -> str:
    """Which of several video streams is read, in words; empty where there is only one."""
    streams = _video_streams(container)
    if len(streams) < 2:
        return ""
    default = "the default one" if stream.disposition & Disposition.default else "the first one"
    size = f"{stream.codec_context.width} x {stream.codec_context.height}"
    return f"{len(streams)} video streams, {default} is read (number {streams.index(stream) + 1}, {size} px)"


def _video_streams(container: InputContainer) -> list[VideoStream]:
    return [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]


def stated_duration(container: InputContainer, stream: VideoStream) -> tuple[float, bool]:
    """How long the header says that the video is.

    Returns
    -------
    duration_s : float
        Seconds, 0 where unknown.
    of_pictures : bool
        Whether that is the length of the pictures; else that of the longest stream, often the sound.
    """
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base), True
    # Matroska keeps it in a tag.
    tag = re.fullmatch(r"(\d+):(\d\d):(\d\d\.\d+)", stream.metadata.get("DURATION", ""))
    if tag:
        return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3]), True
    return (container.duration or 0) / 1e6, len(container.streams) == 1

"""Makes the small video files that tests need, from frames of real videos and from nothing."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from facs_pipeline.video.reader import read_frames


def frames_of(path: Path, count: int, start: int = 0) -> list[np.ndarray]:
    """BGR frames [h, w, 3] number `start` .. `start + count - 1` of a video."""
    return [frame.image for frame in islice(read_frames(path, colour=True), start, start + count)]


def write_video(path: Path, frames: Sequence[np.ndarray], fps: int = 25) -> Path:
    """Encode BGR frames; the container follows from the name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(fps))
        height, width = frames[0].shape[:2]
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.bit_rate = 4_000_000
        for image in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def write_audio(path: Path, cover: np.ndarray | None = None) -> Path:
    """Half a second of silence and no picture, or none but a `cover` [h, w, 3], BGR."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        stream.layout = "mono"
        if cover is not None:
            picture = container.add_stream("mjpeg")
            picture.height, picture.width, picture.pix_fmt = *cover.shape[:2], "yuvj420p"
            picture.disposition = Disposition.attached_pic.value  # type: ignore[assignment]  # PyAV 14 takes numbers only.
            image = av.VideoFrame.from_ndarray(cover, format="bgr24").reformat(format="yuvj420p")
            container.mux([*picture.encode(image), *picture.encode(None)])
        for number in range(8):
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            sound.sample_rate, sound.pts = 16000, number * 1024
            container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    return path


def turned(source: Path, target: Path, a: int, b: int, c: int, d: int) -> Path:
    """The same MP4 with another display matrix in its track header (QuickTime: x' = ax + cy, y' = bx + dy)."""
    data = bytearray(source.read_bytes())
    start = data.index(b"tkhd") + 44
    assert data[start - 40] == 0, "a version 0 header is expected"
    one = 1 << 16
    assert struct.unpack(">9i", data[start : start + 36])[0] == one
    data[start : start + 36] = struct.pack(">9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    target.write_bytes(data)
    return target


def add_video(
    container: OutputContainer, codec: str, size: tuple[int, ...], *, rate: int = 25, pix_fmt: str = "yuv420p"
) -> VideoStream:
    """A video stream for pictures of a height and width (further numbers do not count)."""
    stream = container.add_stream(codec, rate=rate)
    assert isinstance(stream, VideoStream)
    stream.height, stream.width, stream.pix_fmt = size[0], size[1], pix_fmt
    stream.codec_context.bit_rate = 8_000_000
    return stream

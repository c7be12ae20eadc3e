"""Frames -> a video file that every player opens: H.264 in MP4, real time stamps, same bytes for same frames."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import cast

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from facs_pipeline.foundation.errors import VideoError
from facs_pipeline.foundation.files.atomic import atomic_write

# Fine enough for the time stamps of any camera, and what MPEG containers themselves count in.
_CLOCK = 90_000
# MP4 holds no frame of more than 13 hours; players show none that long.
_LONGEST = 3600 * _CLOCK
# In order of preference; the second is in every build of FFmpeg. x264's slower presets switch on its macroblock
# tree, whose decisions vary from run to run even with one thread; superfast leaves it off.
_ENCODERS = (
    ("libx264", {"crf": "20", "preset": "superfast", "x264-params": "cpu-independent=1"}),
    ("mpeg4", {"qscale": "3"}),
)


class VideoWriter:
    """Writes an MP4 file frame by frame; use as a context manager.

    The file appears under its name only when the block ends without an error. One encoding thread is used, so
    that the bytes do not depend on the machine's load.

    Parameters
    ----------
    path : path
        Ends in ``.mp4``.
    fps : float
        Nominal frames per second, for the encoder's rate control and the length of the last frame.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "grey.mp4"
    >>> with VideoWriter(path, fps=25) as video:
    ...     for k in range(3):
    ...         video.write(np.full((64, 64, 3), 40 * k, np.uint8), k / 25)
    >>> path.stat().st_size > 0
    True
    """

    def __init__(self, path: str | os.PathLike[str], fps: float = 25.0) -> None:
        self.path = Path(path)
        self._fps = float(fps)
        self._container: OutputContainer
        self._stream: VideoStream | None = None
        self._last, self._left_out = -1, 0

    def __enter__(self) -> VideoWriter:
        self._atomic = atomic_write(self.path, "wb")
        self._container = av.open(self._atomic.__enter__(), "w", format="mp4")
        return self

    def write(self, image: np.ndarray, time_s: float) -> None:
        """Append one frame.

        Parameters
        ----------
        image : ndarray of uint8
            BGR `[h, w, 3]`; odd sides lose their last pixel.
        time_s : float
            When it is shown, in seconds; rising from frame to frame. A pause of more than an hour lasts an hour.

        Raises
        ------
        ValueError
            If the frame's size differs from the first one's.
        """
        image = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
        if self._stream is None:
            self._stream = self._open_stream(image.shape[1], image.shape[0])
        stream = self._stream
        if image.shape[:2] != (stream.height, stream.width):
            raise ValueError(
                f"{self.path}: a frame of {image.shape[1]} x {image.shape[0]} px, "
                f"expected {stream.width} x {stream.height} as the first one"
            )
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
        frame.time_base = Fraction(1, _CLOCK)
        # Equal stamps would be refused by the container.
        ticks = round(time_s * _CLOCK) - self._left_out
        self._left_out += max(ticks - self._last - _LONGEST, 0)
        self._last = frame.pts = min(max(self._last + 1, ticks), self._last + _LONGEST)
        self._encode(stream, frame)

    def _open_stream(self, width: int, height: int) -> VideoStream:
        available = [encoder for encoder in _ENCODERS if encoder[0] in av.codecs_available]
        if not available:
            raise VideoError(f"{self.path}: this build of PyAV has no encoder for libx264 or mpeg4; reinstall `av`")
        name, options = available[0]
        rate = Fraction(self._fps).limit_denominator(1001)
        stream = cast(VideoStream, self._container.add_stream(name, rate=rate, options={**options, "threads": "1"}))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, _CLOCK)
        stream.codec_context.thread_count = 1
        return stream

    def _encode(self, stream: VideoStream, frame: av.VideoFrame | None) -> None:
        for packet in stream.encode(frame):
            if not packet.duration:
                packet.duration = round(_CLOCK / self._fps)
            self._container.mux(packet)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                if self._stream is None:
                    raise VideoError(f"{self.path}: no frame was written, so there is no video")
                self._encode(self._stream, None)
            self._container.close()
        except BaseException as failure:
            self._atomic.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._atomic.__exit__(kind, error, trace)

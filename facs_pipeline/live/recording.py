"""A live session on disk: the video with the camera's time stamps, the marks, and the tables of `extract-features`."""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pandas as pd
from av.container import OutputContainer
from av.video.stream import VideoStream

from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.result import RunResult
from facs_pipeline.extraction.run import extract_features
from facs_pipeline.extraction.table_events import find_table_events
from facs_pipeline.foundation.errors import InputError, VideoError
from facs_pipeline.foundation.os_errors import advice_on
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.live.frames import Mark
from facs_pipeline.live.pictures import Picture
from facs_pipeline.tables.schema import MARKS
from facs_pipeline.tables.writing import write_table

VIDEO_NAME, MARKS_NAME, EVENTS_NAME = "recording.mkv", "marks.csv", "events.csv"
_CLOCK = 1000
"""Matroska counts milliseconds."""
# Ready for each picture at once, so that a recording that is killed ends with its last second.
_PRESET = {"preset": "superfast", "tune": "zerolatency", "threads": "1"}
_WHOLE_CLUSTERS = {"cluster_time_limit": "1000", "flush_packets": "1"}
_MPEG4 = {"qscale": "3"}


class Recorder:
    """Writes the pictures of a live source; `LiveAnalyser.on_picture` gives it each of them, also dropped ones.

    Parameters
    ----------
    folder : path
        Where the session goes; made if it is not there.
    lossless : bool
        Store luma and colour as they came: ten times as large, and measured exactly as live.

    Attributes
    ----------
    video : Path
    frames : int
        Pictures written so far.

    Raises
    ------
    InputError
        If the folder holds a recording, or cannot be written.
    """

    def __init__(self, folder: str | os.PathLike[str], *, lossless: bool = False) -> None:
        self.folder = Path(folder)
        self.video = self.folder / VIDEO_NAME
        self.frames = 0
        self._lossless = lossless
        self._times: list[float] = []
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._lock = threading.Lock()
        self._closed = False
        if self.video.exists():
            raise InputError(f"{self.video}: there is a recording already; name another folder with --record")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be written ({error.strerror}); name another folder") from None

    def write(self, picture: Picture) -> None:
        """Append a picture; a picture of another size than the first is scaled to it."""
        with self._lock:
            if self._closed:
                return
            try:
                self._write(picture.as_frame, picture.time_s)
            except OSError as error:
                advice = advice_on(error) or f"{error.strerror or error}"
                raise VideoError(f"{self.video}: {advice}; what was recorded is kept") from None

    def _write(self, frame: av.VideoFrame, time_s: float) -> None:
        if self._stream is None:
            self._stream = self._open(frame)
        stream = self._stream
        stored = frame.reformat(width=stream.width, height=stream.height, format=stream.pix_fmt)
        stored.pts, stored.time_base = round(time_s * _CLOCK), Fraction(1, _CLOCK)
        self._mux(stream, stored)
        self._times.append(time_s)
        self.frames += 1

    def _open(self, frame: av.VideoFrame) -> VideoStream:
        self._container = av.open(os.fspath(self.video), "w", format="matroska", options=_WHOLE_CLUSTERS)
        h264 = "libx264" in av.codecs_available
        options = {**_PRESET, **({"qp": "0"} if self._lossless else {"crf": "20"})} if h264 else _MPEG4
        stream = self._container.add_stream("libx264" if h264 else "mpeg4", rate=30, options=options)
        stream.width, stream.height = frame.width, frame.height
        # With the range of the camera, so that no level is rounded.
        full = frame.color_range == 2 or frame.format.name.startswith("yuvj")
        stream.pix_fmt = "yuvj420p" if full and h264 and frame.format.name != "bgr24" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, _CLOCK)
        stream.codec_context.gop_size = 30
        return stream

    def _mux(self, stream: VideoStream, frame: av.VideoFrame | None) -> None:
        assert self._container is not None
        for packet in stream.encode(frame):
            self._container.mux(packet)

    def close(self) -> None:
        """End the video; later pictures are not written. More than one call does no harm."""
        with self._lock:
            self._closed = True
            if self._container is not None:
                if self._stream is not None:
                    self._mux(self._stream, None)
                self._container.close()
                self._container = None

    def finish(
        self, marks: Sequence[Mark] = (), options: Options | None = None, progress: Progress = SILENT
    ) -> RunResult:
        """End the video, write ``marks.csv``, measure the recording as `extract-features` does, and find its events.

        Parameters
        ----------
        marks : sequence of Mark
        options : Options, optional
            Of the run; its folder is the recording's.
        progress : Progress

        Raises
        ------
        InputError
            If nothing was recorded, or the tables cannot be written.
        """
        self.close()
        if not self.frames:
            raise InputError(f"{self.video}: no picture came, so nothing was recorded")
        self._write_marks(marks)
        options = replace(options or Options(), out=self.folder)
        result = extract_features([self.video], options, progress)
        if result.videos[0].status == "ok":
            table = self.folder / "action_units" / f"{self.video.stem}.{options.format}"
            write_table(find_table_events([table]).table, self.folder / EVENTS_NAME)
        return result

    def _write_marks(self, marks: Sequence[Mark]) -> None:
        rows = [(mark.time_s, max(1, bisect_right(self._times, mark.time_s)), mark.label) for mark in marks]
        write_table(pd.DataFrame(rows, columns=list(MARKS.names)), self.folder / MARKS_NAME)

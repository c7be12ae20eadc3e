"""Where live pictures come from: a camera, a stream, a video file in real time, the synthetic face, or a caller."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, NamedTuple

import av
import numpy as np

from facs_pipeline.foundation.errors import InputError, VideoError
from facs_pipeline.live.pictures import Picture
from facs_pipeline.video.container import open_container, reason_of, video_stream
from facs_pipeline.video.decoder import decode
from facs_pipeline.video.timestamps import Clock, RisingTimes

DEMO = "demo"
NETWORK = re.compile(r"(?i)(rtsps?|https?|rtmps?|udp|rtp|srt|tcp)://")
DEVICE_FORMATS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
"""What FFmpeg calls the cameras of each system."""
PATIENCE_S = 10.0
"""A camera or stream that gives no picture for so long is given up."""
_TICK_S = 1e-3
"""Times of cameras are rounded to what a Matroska file holds, so that a recording has the same."""


class Source(ABC):
    """Gives pictures one after the other, as fast as they happen.

    Attributes
    ----------
    name : str
        For messages: the camera, file or address.
    endless : bool
        Whether it has gone where it gives no picture for long; a file ends, and others may bring pictures at any time.
    """

    name: str = ""
    endless: bool = True

    @abstractmethod
    def pictures(self) -> Iterator[Picture]:
        """The pictures, each when it is due; called once, in a thread of its own.

        Raises
        ------
        VideoError
            If there are none, or no more of them, for a reason that the user can do something about.
        """

    @abstractmethod
    def close(self) -> None:
        """Ask `pictures` to end soon; may be called from another thread."""


class Camera(NamedTuple):
    """A camera of this machine.

    Attributes
    ----------
    number : int
        By which it can be asked for.
    name : str
        What the system opens.
    description : str
        What people call it.
    """

    number: int
    name: str
    description: str


def cameras() -> list[Camera]:
    """The cameras of this machine, in the system's order; an empty list without one."""
    form = DEVICE_FORMATS.get(sys.platform)
    # Newer versions of PyAV ask the system; for older ones Linux has a folder.
    ask = getattr(av, "enumerate_input_devices", None)
    if form is None or (ask is None and form != "v4l2"):
        return []
    if ask is None:
        names = [str(path) for path in Path("/dev").glob("video*")]
        return sorted(Camera(_number(name, place), name, name) for place, name in enumerate(names))
    try:
        found = [one for one in ask(form) if not one.media_types or "video" in one.media_types]
    except (ValueError, OSError, av.FFmpegError):
        return []
    return sorted(Camera(_number(one.name, n), one.name, one.description or one.name) for n, one in enumerate(found))


def _number(name: str, place: int) -> int:
    """On Linux the number is the device's own, which stays when another camera goes."""
    of_device = re.fullmatch(r"/dev/video(\d+)", name)
    return int(of_device[1]) if of_device else place


def open_source(
    source: int | str | os.PathLike[str] | Source, *, allow_network: bool = False, real_time: bool = True
) -> Source:
    """The source that somebody names.

    Parameters
    ----------
    source : int, str, path or Source
        Number or name of a camera, a video file, ``"demo"``, an address such as ``rtsp://``, or a source itself.
    allow_network : bool
        Whether addresses may be opened.
    real_time : bool
        Play a file as fast as it was recorded; False reads it as fast as it is measured.

    Raises
    ------
    InputError
        If it is none of these.
    """
    if isinstance(source, Source):
        return source
    text = os.fspath(source) if not isinstance(source, int) else str(source)
    if text == DEMO:
        from facs_pipeline.live.demo_source import DemoSource

        return DemoSource()
    if NETWORK.match(text):
        if not allow_network:
            raise InputError(f"{text}: an address on the network; allow it with --allow-network (allow_network=True)")
        return StreamSource(text)
    if not text.isdecimal() and not text.startswith("/dev/") and Path(text).exists():
        return VideoSource(text, real_time=real_time)
    return CameraSource(_camera_named(text))


def _camera_named(text: str) -> Camera:
    there = cameras()
    if text.startswith("/dev/video") and Path(text).exists():
        return Camera(_number(text, 0), text, text)
    for camera in there:
        if text in (str(camera.number), camera.name, camera.description):
            return camera
    near = [camera for camera in there if text and text.casefold() in camera.description.casefold()]
    if len(near) == 1:
        return near[0]
    known = "; ".join(f"{camera.number}: {camera.description}" for camera in there)
    what = f"camera {text}" if text.isdecimal() else f"{text!r}: neither a file nor a camera"
    if known:
        raise InputError(f"{what}: not found; there are {known}")
    raise InputError(
        f"{what}: no camera is found on this machine. Is it plugged in, not used by another program, and may this "
        "program use it? Without one, try a video file, or `facs live demo`"
    )


class _Opened(Source):
    """A camera or a stream: opened by FFmpeg, with stamps of its own clock."""

    _asked: ClassVar[str] = "was it unplugged?"
    _hint: ClassVar[str] = "is it plugged in, and used by no other program?"

    def __init__(self, name: str) -> None:
        self.name = name
        self._ended = threading.Event()

    def close(self) -> None:
        """End with the next picture."""
        self._ended.set()

    def _open(self) -> av.container.InputContainer:
        raise NotImplementedError

    def pictures(self) -> Iterator[Picture]:
        """See `Source`; times count from the first picture."""
        try:
            container = self._open()
        except PermissionError:
            raise VideoError(f"{self.name}: no permission to use it; allow it in the system's settings") from None
        except (av.FFmpegError, OSError, ValueError) as error:
            raise VideoError(f"{self.name}: cannot be opened ({reason_of(error)}); {self._hint}") from None
        with container:
            yield from self._read(container)

    def _read(self, container: av.container.InputContainer) -> Iterator[Picture]:
        stream = video_stream(container, self.name)
        first_s, last_s, count = np.nan, -np.inf, 0
        try:
            for decoded in decode(container, stream):
                if self._ended.is_set():
                    return
                stamp = decoded.shown_s if np.isfinite(decoded.shown_s) else time.monotonic()
                if count == 0:
                    first_s = stamp
                time_s = round((stamp - first_s) / _TICK_S) * _TICK_S
                if time_s <= last_s:
                    time_s = last_s + _TICK_S
                last_s = time_s = round(time_s, 3)
                count += 1
                yield Picture(time_s, frame=decoded.picture, pixel_aspect=decoded.pixel_aspect)
        except (av.FFmpegError, OSError) as error:
            if self._ended.is_set():
                return
            raise VideoError(
                f"{self.name}: it stopped giving pictures after {count} ({reason_of(error)}); {self._asked}"
            ) from None
        if not self._ended.is_set():
            raise VideoError(f"{self.name}: it stopped giving pictures after {count}; {self._asked}")


class CameraSource(_Opened):
    """A camera of this machine.

    Parameters
    ----------
    camera : Camera
    """

    def __init__(self, camera: Camera) -> None:
        super().__init__(f"camera {camera.number} ({camera.description})")
        self._camera = camera

    def _open(self) -> av.container.InputContainer:
        form = DEVICE_FORMATS[sys.platform]
        name = f"video={self._camera.name}" if form == "dshow" else self._camera.name
        wanted = {"video_size": "640x480", "framerate": "30"}
        for options in (wanted, {"framerate": "30"}, {}):
            try:
                return av.open(name, "r", format=form, options=options, timeout=PATIENCE_S)
            except (av.FFmpegError, ValueError):
                # Not every camera has this size or rate.
                if not options:
                    raise
        raise AssertionError


class StreamSource(_Opened):
    """A stream from the network.

    Parameters
    ----------
    address : str
    """

    _asked: ClassVar[str] = "has the sender ended?"
    _hint: ClassVar[str] = "is the address right, and can it be reached?"

    def __init__(self, address: str) -> None:
        # A password in the address is nobody else's business.
        super().__init__(re.sub(r"//[^/@]*@", "//", address))
        self._address = address

    def _open(self) -> av.container.InputContainer:
        options = {"rtsp_transport": "tcp"} if self._address.casefold().startswith("rtsp") else {}
        return av.open(self._address, "r", options=options, timeout=PATIENCE_S)


class VideoSource(Source):
    """A video file, played as fast as it was recorded, with its own time stamps.

    Parameters
    ----------
    path : path
    real_time : bool
        False gives each picture at once.
    """

    endless = False

    def __init__(self, path: str | os.PathLike[str], *, real_time: bool = True) -> None:
        self.name, self._real_time = os.fspath(path), real_time
        self._ended = threading.Event()

    def close(self) -> None:
        """End at once."""
        self._ended.set()

    def pictures(self) -> Iterator[Picture]:
        """See `Source`; times are those that `read_frames` gives."""
        path = Path(self.name)
        with open_container(path) as container:
            stream = video_stream(container, path)
            clock = Clock.of(path, container, stream)
            stamped = ((one, clock.stamp(number, one)) for number, one in enumerate(decode(container, stream)))
            begun: float | None = None
            count = 0
            try:
                for one, time_s in RisingTimes(stamped, 1 / clock.rate):
                    now = time.perf_counter()
                    begun = now - time_s if begun is None else begun
                    if self._ended.wait(max(0.0, begun + time_s - now) if self._real_time else 0.0):
                        return
                    yield Picture(time_s, frame=one.picture, pixel_aspect=one.pixel_aspect)
                    count += 1
            except (av.FFmpegError, OSError, ValueError, MemoryError) as error:
                raise VideoError(f"{path}: decoding stopped after {count} frames ({reason_of(error)})") from None
            if count == 0:
                raise VideoError(f"{path}: the video holds no decodable frame")


class PushedSource(Source):
    """Pictures that somebody else brings, such as a browser.

    Parameters
    ----------
    name : str
        For messages.
    patient : bool
        Pictures may be long in coming, as from a page that is not open yet; else the source is given up then.

    Examples
    --------
    >>> source = PushedSource("a browser's camera")
    >>> source.push(np.zeros((120, 160, 3), np.uint8), 0.0)
    >>> source.end()
    >>> [picture.size for picture in source.pictures()]
    [(160, 120)]
    """

    def __init__(self, name: str, *, patient: bool = False) -> None:
        self.name, self.endless = name, not patient
        self._changed = threading.Condition()
        self._waiting: Picture | None = None
        self._last_s = -np.inf
        self._ended = False
        self._problem = ""

    def push(self, bgr: np.ndarray, time_s: float) -> None:
        """Bring a picture [h, w, 3] uint8 BGR; one that is not taken yet is replaced.

        Times that do not rise are set just behind the last.
        """
        with self._changed:
            self._last_s = time_s = max(round(time_s, 3), round(self._last_s + _TICK_S, 3))
            self._waiting = Picture(time_s, bgr=bgr)
            self._changed.notify_all()

    def end(self, problem: str = "") -> None:
        """There are no more pictures; `problem` says why, where that is an error."""
        with self._changed:
            self._ended, self._problem = True, problem
            self._changed.notify_all()

    def close(self) -> None:
        """The same."""
        self.end()

    def pictures(self) -> Iterator[Picture]:
        """See `Source`."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting is not None or self._ended)
                picture, self._waiting = self._waiting, None
            if picture is None:
                break
            yield picture
        if self._problem:
            raise VideoError(f"{self.name}: {self._problem}")

"""Where pictures come from: what is opened, what is refused, and what is said when a camera goes."""

from __future__ import annotations

import functools
import http.server
import sys
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from drawn_faces import drawn_frames
from video_files import write_video

from facs_pipeline.foundation.errors import InputError, VideoError
from facs_pipeline.live import sources
from facs_pipeline.live.analyser import LiveAnalyser
from facs_pipeline.live.demo_source import DemoSource
from facs_pipeline.live.frames import LiveFrame
from facs_pipeline.live.sources import (
    Camera,
    CameraSource,
    PushedSource,
    StreamSource,
    VideoSource,
    cameras,
    open_source,
)


def test_a_source_is_named_by_what_it_is(clips: Path):
    assert isinstance(open_source("demo"), DemoSource)
    assert isinstance(open_source(clips / "anna.mp4"), VideoSource)
    assert isinstance(open_source("http://127.0.0.1/a", allow_network=True), StreamSource)
    pushed = PushedSource("mine")
    assert open_source(pushed) is pushed


@pytest.mark.parametrize("address", ["rtsp://10.0.0.1/a", "http://a.example/b.mp4", "UDP://239.0.0.1:1234"])
def test_the_network_is_opened_only_where_it_is_allowed(address: str):
    with pytest.raises(InputError, match="allow it with --allow-network"):
        open_source(address)


def test_a_password_in_an_address_is_not_shown():
    assert StreamSource("rtsp://me:secret@10.0.0.1/door").name == "rtsp://10.0.0.1/door"


def test_an_unknown_camera_is_said_with_those_there_are(monkeypatch):
    monkeypatch.setattr(sources, "cameras", lambda: [])
    for name in (0, "7", "Integrated Webcam"):
        with pytest.raises(InputError, match=r"no camera is found on this machine.*facs live demo"):
            open_source(name)
    there = [Camera(0, "/dev/video0", "Built-in"), Camera(2, "/dev/video2", "USB Camera C920")]
    monkeypatch.setattr(sources, "cameras", lambda: there)
    with pytest.raises(InputError, match=r"camera 1: not found; there are 0: Built-in; 2: USB Camera C920"):
        open_source(1)
    for name in (2, "2", "/dev/video2", "USB Camera C920", "c920"):
        assert open_source(name).name == "camera 2 (USB Camera C920)"


def test_cameras_are_listed_in_order():
    assert [camera.number for camera in cameras()] == sorted(camera.number for camera in cameras())


@pytest.fixture
def device(monkeypatch) -> None:
    """FFmpeg's virtual input device in place of the system's cameras: it is opened and read the same way."""
    monkeypatch.setitem(sources.DEVICE_FORMATS, sys.platform, "lavfi")


def test_a_device_is_read_with_rising_times_from_zero(device):
    source = CameraSource(Camera(0, "testsrc2=size=160x120:rate=30", "test picture"))
    pictures = list(islice(source.pictures(), 10))
    assert [picture.time_s for picture in pictures] == [round(number / 30, 3) for number in range(10)]
    assert pictures[3].size == (160, 120)
    assert pictures[3].grey.shape == (120, 160)
    assert pictures[3].bgr.shape == (120, 160, 3)


def test_a_device_that_vanishes_is_said(device):
    source = CameraSource(Camera(3, "testsrc2=size=160x120:rate=30:duration=0.2", "test picture"))
    with pytest.raises(VideoError, match=r"camera 3 \(test picture\): it stopped giving pictures after 6"):
        list(source.pictures())
    missing = CameraSource(Camera(3, "nosuchfilter=1", "test picture"))
    with pytest.raises(VideoError, match=r"camera 3 .*cannot be opened"):
        list(missing.pictures())


def test_closing_a_device_ends_without_an_error(device):
    source = CameraSource(Camera(0, "testsrc2=size=160x120:rate=30", "test picture"))
    given = 0
    for _ in source.pictures():
        given += 1
        if given == 3:
            source.close()
    assert given == 3


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A folder with a stream, served on this machine."""
    write_video(tmp_path / "anna.ts", drawn_frames(1, "happiness", 40))
    handler = functools.partial(_Silent, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_a_stream_is_measured_until_it_stops(server: str):
    given: list[LiveFrame] = []
    live = LiveAnalyser(f"{server}/anna.ts", allow_network=True)
    with pytest.raises(VideoError, match=r"anna\.ts: it stopped giving pictures after 40; has the sender ended"):
        given.extend(live)
    assert given[-1].faces
    with pytest.raises(VideoError, match=r"nothing\.ts: cannot be opened .*can it be reached"):
        list(StreamSource(f"{server}/nothing.ts").pictures())


def test_pushed_pictures_are_replaced_and_their_times_rise():
    source = PushedSource("mine")
    for level, time_s in ((1, 0.0), (2, 5.0), (3, 4.0)):
        source.push(np.full((120, 160, 3), level, np.uint8), time_s)
    source.end()
    [picture] = source.pictures()
    assert picture.bgr[0, 0, 0] == 3
    assert picture.time_s == 5.001


def test_the_demonstration_moves_and_keeps_its_pace():
    source, begun = DemoSource(fps=20.0), time.perf_counter()
    pictures = list(islice(source.pictures(), 20))
    assert 0.9 < time.perf_counter() - begun < 4.0
    assert np.abs(pictures[0].bgr.astype(int) - pictures[-1].bgr).mean() > 1
    source.close()
    assert list(source.pictures()) == []

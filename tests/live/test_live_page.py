"""The page of `facs live` in a real browser, and who is let in; the browser's camera plays a drawn clip."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pandas as pd
import pytest
from extraction_runs import FACS
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from websockets import Origin
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.live.analyser import LiveAnalyser
from facs_pipeline.live.demo_source import demo_picture
from facs_pipeline.live.server import LivePage
from facs_pipeline.live.sources import PushedSource
from facs_pipeline.synthesis.face import SyntheticFace

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here; apt-get install chromium, then run again"
)
FPS = 25


@contextmanager
def serving(source: object = "demo") -> Iterator[tuple[LiveAnalyser, LivePage]]:
    """A live analysis in a thread of its own, and its page."""
    with LiveAnalyser(source, emotions="default") as live, LivePage(live) as page:  # type: ignore[arg-type]

        def run() -> None:
            for frame in live:
                page.write(frame)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield live, page
        finally:
            live.close()
            thread.join(20)


@pytest.fixture(scope="module")
def demo() -> Iterator[tuple[LiveAnalyser, LivePage]]:
    with serving() as served:
        yield served


@contextmanager
def browsing(*arguments: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not start for root in a container; the page is our own.
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *arguments])
        yield running
        running.close()


@contextmanager
def opened(browser: Browser, url: str, *, width: int = 1280) -> Iterator[Page]:
    """The page; nothing may be complained of, and nobody asked but the server."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    yield page
    context.close()
    assert complaints == []
    assert {one for one in asked if not one.startswith(("blob:", "data:"))} <= {url, f"{url}live.js", f"{url}live.css"}


def soon(condition: Callable[[], object], within_s: float = 20.0) -> None:
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.1)


def number(shown: Locator) -> float:
    text = shown.inner_text()
    return float("nan") if text == "–" else float(text)


@needs_chromium
def test_the_page_shows_what_is_measured_and_does_what_is_pressed(demo):
    live, served = demo
    with browsing() as browser, opened(browser, served.url) as page:
        expect(page.locator("#state")).to_have_text("1 face", timeout=20_000)
        assert page.locator("#empty").is_hidden()
        assert page.locator("#au-bars .bar").count() == len(live.analyser.aus)
        assert page.locator("#emotion-bars .bar").count() == 7
        smile = page.locator("#au-bars .bar", has_text="Lip corner puller")
        # The drawn face smiles and rests in turn.
        soon(lambda: number(smile.locator("output")) > 2)
        soon(lambda: number(smile.locator("output")) < 1.2)
        assert page.locator("#upper").inner_text().endswith("%")
        soon(lambda: number(page.locator("#blinks")) > 0)
        page.fill("#label", "stimulus on")
        page.press("#label", "Enter")
        soon(lambda: [mark.label for mark in live.marks] == ["stimulus on"])
        assert "stimulus on" in page.locator("#marked").inner_text()
        page.locator("h1").click()
        page.keyboard.press("n")
        page.wait_for_selector("#neutral[aria-pressed=true]", timeout=20_000)
        assert page.locator("#baseline").inner_text() == "above the resting face"
        assert page.locator("#record").is_hidden()
        for canvas in ("picture", "curves"):
            levels = page.evaluate(
                "name => { const one = document.getElementById(name); const all = one.getContext('2d')"
                ".getImageData(0, 0, one.width, one.height).data; return new Set(all.slice(0, 400000)).size; }",
                canvas,
            )
            assert levels > 20, canvas
        # A second tab beside it, a small one, and the first once more.
        with opened(browser, served.url, width=390) as other:
            expect(other.locator("#state")).to_have_text("1 face", timeout=20_000)
            assert other.evaluate("document.documentElement.scrollWidth") <= 390
        page.reload()
        expect(page.locator("#state")).to_have_text("1 face", timeout=20_000)


def asked(page: LivePage, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=10)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    return response.status, response.read().decode()


def test_only_who_has_the_token_gets_in_and_only_from_here(demo):
    _live, page = demo
    mine = urlsplit(page.url).path
    assert asked(page, mine)[0] == 200
    assert asked(page, f"{mine}live.js")[0] == 200
    for path in ("/", "/live.js", "/wrong/", "/wrong/live.js", f"{mine}server.py", f"{mine}../server.py"):
        status, text = asked(page, path)
        assert (status, "with its token" in text) == (403, True), path
    # A name of the web that was made to mean this machine, and a page of the web.
    assert asked(page, mine, Host=f"evil.example:{page.port}")[0] == 403
    assert asked(page, mine, Origin="http://evil.example")[0] == 403
    socket = page.url.replace("http://", "ws://") + "ws"
    with connect(socket, origin=Origin(f"http://127.0.0.1:{page.port}")) as mine_too:
        assert '"hello": 1' in str(mine_too.recv(10))
    for address, origin in (
        (socket, Origin("http://evil.example")),
        (socket, Origin(f"http://127.0.0.1:{page.port + 1}")),
        (socket.replace(mine, "/wrong/"), None),
    ):
        with pytest.raises(InvalidStatus, match="403"), connect(address, origin=origin):
            pass


def test_the_page_allows_no_other_script_and_no_other_host(demo):
    _live, page = demo
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=10)
    connection.request("GET", urlsplit(page.url).path)
    headers = connection.getresponse().headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["Referrer-Policy"] == "no-referrer"


def test_a_message_that_is_none_changes_nothing(demo):
    live, page = demo
    before = len(live.marks)
    with connect(page.url.replace("http://", "ws://") + "ws") as socket:
        for text in ("", "no json", "[]", "3", '{"do": "fly"}', '{"do": "record", "on": true}', '{"do": ["mark"]}'):
            socket.send(text)
        socket.send(b"\0" * 100)
        socket.send('{"do": "mark", "label": " two   words "}')
        soon(lambda: len(live.marks) > before)
    assert [mark.label for mark in live.marks[before:]] == ["two words"]


def test_a_port_that_is_taken_is_said(demo):
    _live, page = demo
    with LiveAnalyser("demo") as other, pytest.raises(InputError, match=f"port {page.port} of 127.0.0.1 cannot be had"):
        LivePage(other, port=page.port)


@pytest.fixture(scope="module")
def fake_camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of the drawn face, which smiles and blinks twice, as Chromium's fake camera takes them."""
    path, face = tmp_path_factory.mktemp("camera") / "camera.y4m", SyntheticFace(size=360)
    with open(path, "wb") as file:
        file.write(f"YUV4MPEG2 W360 H360 F{FPS}:1 Ip A1:1 C420\n".encode())
        for number in range(6 * FPS):
            picture = np.ascontiguousarray(demo_picture(face, number / FPS))
            file.write(b"FRAME\n" + cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420).tobytes())
    return path


@needs_chromium
def test_the_camera_of_the_browser_is_measured(fake_camera):
    allowed = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    source = PushedSource("the browser's camera", patient=True)
    with (
        serving(source) as (live, served),
        browsing(*allowed, f"--use-file-for-fake-video-capture={fake_camera}") as one,
    ):
        with opened(one, served.url) as page:
            expect(page.locator("#state")).to_have_text("1 face", timeout=30_000)
            soon(lambda: number(page.locator("#blinks")) >= 2)
        seen = live.frames
        soon(lambda: live.notice.startswith("the browser's camera: no picture"))
        assert live.frames - seen < 30


@needs_chromium
def test_a_camera_that_is_not_allowed_is_said_on_the_page():
    with serving(PushedSource("the browser's camera", patient=True)) as (_live, served), browsing() as browser:
        page = browser.new_page()
        page.goto(served.url)
        expect(page.locator("#state")).to_contain_text("camera", timeout=20_000)
        assert page.locator("#state").get_attribute("class") == "bad"


@needs_chromium
def test_a_recording_is_begun_on_the_page_and_measured_at_the_end(tmp_path, key_file):
    command = [*FACS, "live", "demo", "--no-open"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment)
    assert running.stderr is not None
    url = running.stderr.readline().split()[1]
    try:
        with browsing() as browser:
            page = browser.new_page()
            page.goto(url)
            page.wait_for_selector("#record:visible", timeout=20_000)
            page.locator("#record").click()
            page.wait_for_selector("#record[aria-pressed=true]", timeout=20_000)
            page.wait_for_timeout(1500)
            page.keyboard.press("m")
            page.wait_for_timeout(500)
            page.locator("#record").click()
            page.wait_for_selector("#record[aria-pressed=false]", timeout=20_000)
            running.send_signal(signal.SIGINT)
            expect(page.locator("#state")).to_have_text("The session has ended.", timeout=20_000)
        said = running.stderr.read()
        assert running.wait(60) == 0, said
    finally:
        running.kill()
    [folder] = tmp_path.iterdir()
    table = pd.read_csv(folder / "action_units" / "recording.csv")
    assert len(table) > 20
    assert table["success"].all()
    assert pd.read_csv(folder / "marks.csv")["label"].tolist() == ["mark"]


def test_a_video_waits_for_its_page(clips):
    command = [*FACS, "live", str(clips / "anna.mp4"), "--no-open"]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    try:
        url = running.stderr.readline().split()[1]
        assert running.stderr.readline() == "The video begins once the page is open.\n"
        time.sleep(3)
        with connect(url.replace("http://", "ws://") + "ws") as socket:
            told: list[bytes] = []
            with pytest.raises(ConnectionClosedError, match="4000"):
                told.extend(message for message in iter(socket.recv, None) if isinstance(message, bytes))
        # Not all: whoever looks may be slower than the video.
        assert len(told) > 5
        assert running.wait(60) == 0, running.stderr.read()
    finally:
        running.kill()

"""The page of `facs live`: a small server for this machine only, which shows each frame and takes what is pressed.

Only who has the token in the address gets in, by its own name and from its own page: no other user, no other tab, no
page of the web. The page asks nobody but this server.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import secrets
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from facs_pipeline.action_units.names import AU_NAMES
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.live.frames import LiveFrame
from facs_pipeline.live.json_lines import frame_record
from facs_pipeline.live.recordings import Recordings
from facs_pipeline.live.sources import PushedSource
from facs_pipeline.live.values import groups

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

    from facs_pipeline.live.analyser import LiveAnalyser

HOST = "127.0.0.1"
PORT = 8642
_PORTS_TRIED = 20
_PAGE = Path(__file__).parent / "page"
_FILES = {"": ("index.html", "text/html"), "live.js": ("live.js", "text/javascript"),
          "live.css": ("live.css", "text/css")}  # fmt: skip
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}
_LONGEST_LABEL = 200
_LARGEST_MESSAGE = 1 << 23
_SHOWN_PER_S = 25.0
_HEARTBEAT_S = 0.5
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 80]
_CLOSED = 4000
"""Code with which a page is told that the session is over."""
_TELLING_S = 2.0


def require_page() -> None:
    """Check before the work that the page can be served; `InputError` says what is to be installed."""
    try:
        import starlette  # noqa: F401  only whether they are there
        import uvicorn  # noqa: F401
        import websockets  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"the page needs {error.name}, which is not installed; pip install 'facs-pipeline[live]', or use --no-page"
        ) from None


class LivePage:
    """Serves the page of a live analysis; give it each frame.

    Parameters
    ----------
    live : LiveAnalyser
    port : int, optional
        Of 127.0.0.1; the first free one from `PORT` on unless given.
    recordings : Recordings, optional
        What the button of the page begins and ends.

    Attributes
    ----------
    url : str
        The address, with its token.

    Raises
    ------
    InputError
        If the port that was asked for is taken.

    Examples
    --------
    >>> with LiveAnalyser("demo") as live, LivePage(live) as page:  # doctest: +SKIP
    ...     print(page.url)
    ...     for frame in live:
    ...         page.write(frame)
    """

    def __init__(self, live: LiveAnalyser, *, port: int | None = None, recordings: Recordings | None = None) -> None:
        import uvicorn
        from starlette.applications import Starlette
        from starlette.routing import Route, WebSocketRoute

        self._live, self._recordings = live, recordings
        self._groups = groups(live.analyser)
        self._token = secrets.token_urlsafe(24)
        self._socket = _listening(port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}/{self._token}/"
        self._names = {f"{host}:{self.port}" for host in (HOST, "localhost")}
        self._frame: LiveFrame | None = None
        self._over = False
        self._open_pages = 0
        self._looked_at = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed: asyncio.Condition | None = None
        self._pictures: tuple[int, bytes] = (-1, b"")
        routes = [WebSocketRoute("/{token}/ws", self._socket_of), Route("/{token}/{name:path}", self._file)]
        app = Starlette(routes=routes, lifespan=self._lifespan, exception_handlers={404: _refused})
        app.router.redirect_slashes = False
        config = uvicorn.Config(
            app, log_level="critical", ws_max_size=_LARGEST_MESSAGE, timeout_graceful_shutdown=2,
            server_header=False, access_log=False,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="facs live page", daemon=True)
        self._ready = threading.Event()
        self._thread.start()
        self._ready.wait(10)

    def __enter__(self) -> LivePage:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def write(self, frame: LiveFrame) -> None:
        """Show a frame to all who look; whoever is not ready for it gets a later one."""
        self._frame = frame
        self._wake()

    def wait(self, timeout_s: float) -> bool:
        """Wait until somebody has opened the page; False if nobody did in that time."""
        return self._looked_at.wait(timeout_s)

    def close(self) -> None:
        """Tell the pages that it is over, and end the server."""
        self._over = True
        self._wake()
        # The server would cut them off before they are told.
        until = time.monotonic() + _TELLING_S
        while self._open_pages and time.monotonic() < until:
            time.sleep(0.01)
        self._server.should_exit = True
        self._thread.join(5)

    # ------------------------------------------------------------------------------------------------------ serving

    def _run(self) -> None:
        # Signals belong to the command, which closes this.
        self._server.run(sockets=[self._socket])

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: object) -> AsyncIterator[None]:
        self._loop, self._changed = asyncio.get_running_loop(), asyncio.Condition()
        self._ready.set()
        yield

    def _wake(self) -> None:
        if self._loop is not None and self._loop.is_running():
            asyncio.run_coroutine_threadsafe(self._notify(), self._loop)

    async def _notify(self) -> None:
        assert self._changed is not None
        async with self._changed:
            self._changed.notify_all()

    def _admits(self, connection: HTTPConnection) -> bool:
        """Whether it comes to this address by its own name, from its own page, with the token."""
        headers: Mapping[str, str] = connection.headers
        origin = headers.get("origin")
        return (
            headers.get("host") in self._names
            and (origin is None or origin.removeprefix("http://") in self._names)
            and hmac.compare_digest(str(connection.path_params.get("token", "")).encode(), self._token.encode())
        )

    async def _file(self, request: Request) -> Response:
        from starlette.responses import Response

        found = _FILES.get(request.path_params["name"])
        if not self._admits(request) or found is None:
            return await _refused(request, None)
        name, kind = found
        return Response((_PAGE / name).read_bytes(), media_type=kind, headers=_HEADERS)

    async def _socket_of(self, socket: WebSocket) -> None:
        if not self._admits(socket):
            await socket.close(code=1008)
            return
        await socket.accept()
        self._open_pages += 1
        try:
            await self._serve(socket)
        finally:
            self._open_pages -= 1

    async def _serve(self, socket: WebSocket) -> None:
        await socket.send_text(json.dumps(self._hello()))
        self._looked_at.set()
        tasks = [asyncio.create_task(self._send(socket)), asyncio.create_task(self._receive(socket))]
        _done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(RuntimeError):
            await socket.close(code=_CLOSED if self._over else 1000)

    # ----------------------------------------------------------------------------------------------------- to pages

    def _hello(self) -> dict[str, Any]:
        """What is measured, once to each page."""
        analyser = self._live.analyser
        sided = {int(name[2:4]) for group in self._groups for name in group.channels if name[4:] == "L_r"}
        return {
            "hello": 1,
            "source": self._live.source.name,
            "browser_camera": isinstance(self._live.source, PushedSource),
            "can_record": self._recordings is not None,
            "aus": [
                {"au": au, "name": AU_NAMES[au], "sided": au in sided, "present_from": analyser.presence.get(au)}
                for au in analyser.aus
            ],
            "emotions": list(analyser.emotions),
            "delay_s": round(analyser.delay_s, 3),
        }

    @property
    def _recording_on(self) -> bool:
        return self._recordings is not None and self._recordings.on

    async def _send(self, socket: WebSocket) -> None:
        assert self._changed is not None
        last, shown = -1, 0.0
        while not self._over:
            async with self._changed:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), _HEARTBEAT_S)
            frame = self._frame
            if frame is None or frame.index == last:
                await socket.send_text(json.dumps({"notice": self._live.notice, "recording": self._recording_on}))
                continue
            now = time.perf_counter()
            if now - shown < 1 / _SHOWN_PER_S:
                continue
            last, shown = frame.index, now
            # In another thread: whoever waits for a picture does not stop the others.
            await socket.send_bytes(await asyncio.to_thread(self._message, frame))

    def _message(self, frame: LiveFrame) -> bytes:
        """A frame's values as JSON behind their length in 4 bytes, and its picture as JPEG."""
        number, picture = self._pictures
        if number != frame.index:
            picture = cv2.imencode(".jpg", frame.picture, _JPEG)[1].tobytes()
            self._pictures = frame.index, picture
        height, width = frame.picture.shape[:2]
        record = frame_record(frame, self._groups)
        values = json.dumps({**record, "width": width, "height": height, "recording": self._recording_on}).encode()
        return struct.pack("<I", len(values)) + values + picture

    # --------------------------------------------------------------------------------------------------- from pages

    async def _receive(self, socket: WebSocket) -> None:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("bytes") is not None:
                await asyncio.to_thread(self._pushed, message["bytes"])
            elif message.get("text"):
                with contextlib.suppress(ValueError, TypeError, AttributeError):
                    await asyncio.to_thread(self._pressed, json.loads(message["text"]))

    def _pressed(self, asked: dict[str, Any]) -> None:
        """Do what a button asks for; what is none is passed over."""
        match asked.get("do"):
            case "mark":
                label = " ".join(str(asked.get("label", "")).split())[:_LONGEST_LABEL]
                self._live.mark(label or "mark")
            case "neutral":
                self._live.set_neutral()
            case "clear_neutral":
                self._live.clear_neutral()
            case "record" if self._recordings is not None:
                self._recordings.turn(on=bool(asked.get("on")))
            case "camera_problem" if isinstance(self._live.source, PushedSource):
                self._live.tell(f"the browser's camera: {str(asked.get('why', ''))[:_LONGEST_LABEL]}")

    def _pushed(self, content: bytes) -> None:
        """A picture of the browser's camera: its time in seconds in 8 bytes, and a JPEG."""
        source = self._live.source
        if not isinstance(source, PushedSource) or len(content) < 9:
            return
        [time_s] = struct.unpack("<d", content[:8])
        picture = cv2.imdecode(np.frombuffer(content, np.uint8, offset=8), cv2.IMREAD_COLOR)
        if picture is not None and np.isfinite(time_s):
            source.push(picture, float(time_s))


async def _refused(_request: Request, _error: Exception | None) -> Response:
    from starlette.responses import PlainTextResponse

    text = "Not from here. Open the address that facs live printed, with its token.\n"
    return PlainTextResponse(text, status_code=403, headers=_HEADERS)


def _listening(port: int | None) -> socket.socket:
    ports = [port] if port is not None else [*range(PORT, PORT + _PORTS_TRIED), 0]
    for number in ports:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((HOST, number))
            listening.listen(16)
        except OSError as error:
            listening.close()
            reason = error.strerror
        else:
            return listening
    raise InputError(
        f"port {port} of {HOST} cannot be had ({reason}); name another with --port, or none for a free one"
    )

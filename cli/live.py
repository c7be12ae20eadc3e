"""`facs live`: a camera, a stream or a video in real time."""

from __future__ import annotations

import os
import sys
import time
import webbrowser
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import click

from facs_pipeline.foundation.errors import VideoError
from facs_pipeline.foundation.text import counted

from .console import ConsoleProgress

if TYPE_CHECKING:
    from facs_pipeline.live.analyser import LiveAnalyser, LiveSmoothing
    from facs_pipeline.live.frames import LiveFace, LiveFrame
    from facs_pipeline.live.recordings import Recordings
    from facs_pipeline.live.server import LivePage
    from facs_pipeline.live.sources import Source

EPILOG = """\b
Examples:
  facs live                          # the first camera
  facs live demo                     # no camera: a synthetic face
  facs live browser --no-open        # the camera of the browser that opens the address
  facs live 0 --record session1 --lsl
  facs live interview.mp4 --faces all --emotions
  facs live 1 --json - --seconds 60 > faces.jsonl
  facs live rtsp://192.168.1.20/door --allow-network
\b
Without --smoothing centred, values differ slightly from the tables: those look 0.15 s ahead.
Exit codes: 0 ended, also by Ctrl-C; 1 the recording could not be measured; 2 no such source, or it vanished.
"""


_LONGEST_WAIT_S = 60.0


class Output(Protocol):
    """Where frames go."""

    def write(self, frame: LiveFrame) -> None:
        """Take a frame."""

    def close(self) -> None:
        """No more will come."""


@click.command("live", epilog=EPILOG)
@click.argument("source", required=False)
@click.option("--camera", help="Number or name of a camera; the same as SOURCE.  [default: 0]")
@click.option("--list", "list_cameras", is_flag=True, help="List the cameras and end.")
@click.option(
    "--faces", type=click.Choice(["one", "all"]), default="one", show_default=True,
    help="Follow the main face only, or every face.",
)  # fmt: skip
@click.option(
    "--smoothing", type=click.Choice(["off", "causal", "centred"]), default="causal", show_default=True,
    help="Over time: not at all; with the past only, without delay; or as in the tables, 0.15 s late.",
)  # fmt: skip
@click.option(
    "--emotions", is_flag=True,
    help="Also give probabilities of seven emotions: how people would label the face, not what somebody feels.",
)  # fmt: skip
@click.option(
    "--record", type=click.Path(path_type=Path), metavar="DIR",
    help="Write the video, marks and, at the end, the tables of facs extract-features.",
)  # fmt: skip
@click.option("--lossless", is_flag=True, help="Record without loss: about ten times as large.")
@click.option("--lsl", is_flag=True, help="Offer Lab Streaming Layer streams, to all of the local network.")
@click.option("--osc", metavar="HOST:PORT", help="Send each value by Open Sound Control, over UDP.")
@click.option(
    "--json", "json_lines", type=click.Path(), metavar="FILE", help="Write a JSON line a frame; - to standard output."
)
@click.option(
    "--neutral", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
    help="Take the face of the first seconds for the resting one, and subtract it from then on.",
)  # fmt: skip
@click.option("--allow-network", is_flag=True, help="Allow addresses as SOURCE, and other machines for --osc.")
@click.option("--no-page", is_flag=True, help="Serve no page; print a status line.")
@click.option("--no-open", is_flag=True, help="Print the page's address, and do not open it.")
@click.option("--port", type=click.IntRange(1, 65535), help="Of the page.  [default: the first free one from 8642 on]")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="End after so many seconds.")
def command(
    source: str | None,
    camera: str | None,
    list_cameras: bool,
    faces: Literal["one", "all"],
    smoothing: LiveSmoothing,
    emotions: bool,
    record: Path | None,
    lossless: bool,
    lsl: bool,
    osc: str | None,
    json_lines: str | None,
    neutral: float | None,
    allow_network: bool,
    no_page: bool,
    no_open: bool,
    port: int | None,
    seconds: float | None,
) -> int:
    """Measure the faces of SOURCE while they move, in real time.

    SOURCE is a camera's number or name, a video file, an address such as rtsp://, `demo`, a synthetic face, or
    `browser`, the camera of whatever browser opens the page. The page is shown by this machine, to whoever has its
    address. Pictures that come while the analysis is busy are left out, and counted. Ctrl-C ends.
    """
    if list_cameras:
        return _list()
    if source is not None and camera is not None:
        raise click.UsageError("SOURCE and --camera both name what to watch; give one of them")
    if lossless and record is None:
        raise click.UsageError("--lossless is about --record DIR")
    from facs_pipeline.live.analyser import LiveAnalyser
    from facs_pipeline.live.osc import osc_target
    from facs_pipeline.live.recordings import Recordings
    from facs_pipeline.live.server import require_page

    if not no_page:
        require_page()
    target = osc_target(osc, allow_network=allow_network) if osc else None
    live = LiveAnalyser(
        _source(source or camera or "0", page=not no_page),
        faces=faces,
        smoothing=smoothing,
        emotions="default" if emotions else None,
        allow_network=allow_network,
    )
    if neutral is not None:
        live.set_neutral(neutral)
    recordings = Recordings(live, record or Path(time.strftime("facs-live-%Y%m%d-%H%M%S")), lossless=lossless)
    if record is not None:
        recordings.start()
    vanished: VideoError | None = None
    with ExitStack() as stack:
        stack.enter_context(live)
        stack.callback(recordings.stop)
        outputs = _outputs(live, stack, lsl=lsl, osc=target, json_lines=json_lines)
        if not no_page:
            outputs.append(_page(live, stack, port, recordings, open_it=not no_open))
        status = _StatusLine()
        stack.callback(status.close)
        outputs.append(status)
        try:
            serve(live, outputs, seconds)
        except VideoError as error:
            # What was recorded until then is measured all the same.
            vanished = error
    _summarize(live)
    code = _finish(recordings, faces, emotions)
    if vanished is not None:
        raise vanished
    return code


def serve(live: LiveAnalyser, outputs: list[Output], seconds: float | None) -> None:
    """Give each frame to the outputs, until the source ends, the time is over, or Ctrl-C."""
    until = None if seconds is None else time.monotonic() + seconds
    try:
        for frame in live:
            for output in outputs:
                output.write(frame)
            if until is not None and time.monotonic() >= until:
                break
    except KeyboardInterrupt:
        click.echo("", err=True)


def _source(named: str, *, page: bool) -> str | Source:
    """What is watched; the browser's camera needs the page."""
    if named != "browser":
        return named
    from facs_pipeline.live.sources import PushedSource

    if not page:
        raise click.UsageError("the browser's camera comes through the page; leave --no-page out")
    return PushedSource("the browser's camera", patient=True)


def _page(live: LiveAnalyser, stack: ExitStack, port: int | None, recordings: Recordings, *, open_it: bool) -> LivePage:
    from facs_pipeline.live.server import LivePage
    from facs_pipeline.live.sources import VideoSource

    page = stack.enter_context(LivePage(live, port=port, recordings=recordings))
    click.echo(f"Page: {page.url}  (Ctrl-C ends)", err=True)
    # Without a display a browser in the terminal would open, and take it.
    if open_it and (
        sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        webbrowser.open(page.url)
    if isinstance(live.source, VideoSource):
        # A short one would be over before a browser is there.
        click.echo("The video begins once the page is open.", err=True)
        page.wait(_LONGEST_WAIT_S)
    return page


def _outputs(
    live: LiveAnalyser, stack: ExitStack, *, lsl: bool, osc: tuple[str, int] | None, json_lines: str | None
) -> list[Output]:
    from facs_pipeline.live.json_lines import JsonLines
    from facs_pipeline.live.lsl import LslStreams
    from facs_pipeline.live.osc import OscSender

    outputs: list[Output] = []
    if lsl:
        outputs.append(LslStreams(live.source.name, live.analyser))
    if osc is not None:
        outputs.append(OscSender(osc, live.analyser))
    if json_lines is not None:
        file = stack.enter_context(click.open_file(json_lines, "w", encoding="utf-8"))
        outputs.append(JsonLines(file, live.analyser))
    for output in outputs:
        stack.callback(output.close)
    return outputs


class _StatusLine:
    """How it goes, on one line of standard error that is written over, on a terminal only; notices on any."""

    def __init__(self) -> None:
        self._progress = ConsoleProgress()
        self._task = self._progress.task("live", unit="frames")
        self._notice = ""

    def write(self, frame: LiveFrame) -> None:
        """Tell of a frame."""
        if frame.notice and frame.notice != self._notice:
            self._progress.warn(frame.notice)
        self._notice = frame.notice
        told = "; ".join(_told(face) for face in frame.faces) or "no face"
        self._task.say(f"{frame.dropped} dropped, {frame.delay_ms:.0f} ms, {told}")
        self._task.advance()

    def close(self) -> None:
        """Leave the line."""
        self._task.close()


def _told(face: LiveFace) -> str:
    order = face.intensities.argsort()[::-1]
    strongest = [f"AU{face.aus[k]} {face.intensities[k]:.1f}" for k in order if face.intensities[k] >= 1][:3]
    return f"face {face.face_id}: {' '.join(strongest) or 'at rest'}, {counted(face.blinks, 'blink')}"


def _list() -> int:
    from facs_pipeline.live.sources import cameras

    there = cameras()
    for camera in there:
        click.echo(f"{camera.number:>2}  {camera.description}  ({camera.name})")
    if not there:
        click.echo("No camera is found. Is it plugged in, and may this program use it? Try: facs live demo")
    return 0


def _summarize(live: LiveAnalyser) -> None:
    frames = counted(live.frames, "frame")
    click.echo(
        f"{live.source.name}: {frames}, {live.dropped} dropped, median delay {live.median_delay_ms:.0f} ms", err=True
    )
    for face, blinks in live.blinks.items():
        click.echo(f"  face {face}: {counted(blinks, 'blink')}", err=True)


def _finish(recordings: Recordings, faces: Literal["one", "all"], emotions: bool) -> int:
    from facs_pipeline.extraction.options import Options

    recordings.stop()
    if any(recorder.frames for recorder in recordings.recorders):
        click.echo("Measuring what was recorded ...", err=True)
    code = 0
    for recorder, result in recordings.finish(Options(jobs=1, faces=faces, emotion=emotions), ConsoleProgress()):
        for video in result.videos:
            if video.status != "ok":
                click.echo(f"  {video.name}: {video.status} {video.reason}", err=True)
        click.echo(f"{counted(recorder.frames, 'frame')} recorded. Results: {recorder.folder}", err=True)
        code = max(code, 1 if result.failed else 0)
    return code

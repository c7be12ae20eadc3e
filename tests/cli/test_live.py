"""`facs live`: what it says without a camera, what it writes, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from extraction_runs import FACS
from facs_cli.live import command

from facs_pipeline.foundation.errors import InputError, VideoError
from facs_pipeline.live import sources
from facs_pipeline.live.sources import Camera


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], standalone_mode=False)


def test_cameras_are_listed(monkeypatch):
    monkeypatch.setattr(sources, "cameras", lambda: [])
    assert "No camera is found" in run("--list").output
    assert "facs live demo" in run("--list").output
    monkeypatch.setattr(sources, "cameras", lambda: [Camera(2, "/dev/video2", "C920")])
    assert run("--list").output == " 2  C920  (/dev/video2)\n"


def test_without_a_camera_it_says_what_to_try(monkeypatch):
    monkeypatch.setattr(sources, "cameras", lambda: [])
    for arguments in ((), ("--camera", "1"), ("3",)):
        done = run(*arguments)
        assert isinstance(done.exception, InputError)
        assert "no camera is found on this machine" in str(done.exception)
        assert "facs live demo" in str(done.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("demo", "--camera", "0"), "give one of them"),
        (("demo", "--lossless"), "--record"),
        (("demo", "--osc", "192.0.2.1:9000"), "--allow-network"),
        (("rtsp://192.0.2.1/a",), "--allow-network"),
        (("demo", "--smoothing", "median"), "'median' is not one of"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: tuple[str, ...], message: str):
    done = run(*arguments)
    assert done.exception is not None
    assert message in str(done.exception) + done.output


def test_a_file_is_measured_recorded_and_told(clips: Path, tmp_path: Path, key_file: Path):
    done = run(
        clips / "ben.mp4", "--no-page", "--record", tmp_path / "session", "--json", "-", "--emotions", "--lossless",
    )  # fmt: skip
    assert done.return_value == 0, done.output
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert records[-1]["faces"][0]["emotion"]
    assert f"{len(records)} frames, {records[-1]['dropped']} dropped, median delay" in done.stderr
    assert len(records) + records[-1]["dropped"] == 30
    assert f"face 0: {records[-1]['faces'][0]['blinks']} blink" in done.stderr
    assert "30 frames recorded" in done.stderr
    table = pd.read_csv(tmp_path / "session" / "action_units" / "recording.csv")
    assert len(table) == 30
    assert table["emotion"].notna().all()
    assert (tmp_path / "session" / "marks.csv").read_text() == "timestamp,frame,label\n"
    again = run(clips / "ben.mp4", "--no-page", "--record", tmp_path / "session")
    assert isinstance(again.exception, InputError)


def test_a_camera_that_vanishes_leaves_its_recording(clips: Path, tmp_path: Path, key_file: Path, monkeypatch):
    monkeypatch.setitem(sources.DEVICE_FORMATS, sys.platform, "lavfi")
    monkeypatch.setattr(sources, "cameras", lambda: [Camera(0, f"movie={clips / 'anna.mp4'}", "C920")])
    done = run("--no-page", "--record", tmp_path / "session")
    assert isinstance(done.exception, VideoError)
    assert "camera 0 (C920): it stopped giving pictures after 40" in str(done.exception)
    assert "40 frames recorded" in done.stderr
    table = pd.read_csv(tmp_path / "session" / "action_units" / "recording.csv")
    assert table["success"].tolist() == [1] * 40


def test_seconds_and_a_neutral_face():
    done = run("demo", "--no-page", "--seconds", 1.5, "--neutral", 0.5)
    assert done.return_value == 0, done.output
    assert "neutral face: rest for 0.5 s" in done.stderr
    assert "neutral face taken" in done.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_with_a_summary(tmp_path: Path, how: signal.Signals):
    path = tmp_path / "frames.jsonl"
    arguments = [*FACS, "live", "demo", "--no-page", "--json", str(path)]
    child = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 30
    while (not path.exists() or path.read_text().count("\n") < 5) and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(child.pid, how)
    _, told = child.communicate(timeout=10)
    assert child.returncode == 0, told
    assert "the synthetic face: " in told
    assert "dropped, median delay" in told
    assert "Traceback" not in told
    lines = path.read_text().splitlines()
    assert [json.loads(line)["frame"] for line in lines] == list(range(len(lines)))

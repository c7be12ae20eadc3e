"""`kill -9` at random moments, then a normal run: the same bytes as if nothing had happened, nothing left over."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time

import cv2
import numpy as np
import pytest
from drawn_faces import drawn_frames
from extraction_runs import FACS, facs, files_in
from skimage.data import astronaut
from video_files import write_video

KILLS = 20
PORTRAIT = cv2.resize(astronaut(), (256, 256), interpolation=cv2.INTER_AREA)


def test_killed_again_and_again(tmp_path, monkeypatch):
    monkeypatch.setenv("FACS_KEY_FILE", str(tmp_path / "key"))
    clips = tmp_path / "clips"
    for person, count in ((1, 60), (2, 60), (3, 60), (4, 25)):
        write_video(clips / f"{person}.mp4", drawn_frames(person, "happiness", 60)[:count])
    out = tmp_path / "out"
    arguments = ["extract-features", str(clips), "--out", str(out), "--jobs", "2"]

    start = time.monotonic()
    assert facs(*arguments).returncode == 0
    duration = time.monotonic() - start
    undisturbed = files_in(out)
    out.rename(tmp_path / "undisturbed")

    moments = random.Random(20)
    interrupted = 0
    for _ in range(KILLS):
        start = time.monotonic()
        running = subprocess.Popen(
            [*FACS, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(timeout=moments.uniform(0.1, 0.9) * duration)
        finished = running.poll() is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        interrupted += not finished
        if finished:
            # Nothing is left to interrupt: the next one starts anew, and is killed sooner.
            duration = min(duration, time.monotonic() - start)
            shutil.rmtree(out)
    assert interrupted > 0

    assert facs(*arguments).returncode == 0
    assert files_in(out) == undisturbed


def kill_when_kept(arguments, unfinished):
    """Start a run and kill it when it has kept something."""
    running = subprocess.Popen(
        [*FACS, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while not list(unfinished.rglob("*.joblib")):
        assert running.poll() is None, "ended before a piece was kept"
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()


@pytest.mark.parametrize("command", ["extract-stills", "predict-emotion"])
def test_killed_among_photos(tmp_path, monkeypatch, command):
    monkeypatch.setenv("FACS_KEY_FILE", str(tmp_path / "key"))
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(210):
        cv2.imwrite(str(photos / f"{number:03d}.png"), np.roll(PORTRAIT, number, axis=1)[..., ::-1])
    (photos / "100.png").write_text("no photo")
    out, unfinished = tmp_path / "table.csv", tmp_path / "table.csv.unfinished"
    arguments = [command, str(photos), "--out", str(out), "--jobs", "2"]

    undisturbed = facs(*arguments)
    assert undisturbed.returncode == 1
    assert "100.png" in undisturbed.stderr
    expected = out.read_bytes()
    out.unlink()
    kill_when_kept(arguments, unfinished)
    assert not out.exists()
    # Its key says that it is ours; a piece that was changed is not taken, and not unpickled.
    kept = sorted(unfinished.glob("*.joblib"))
    kept[0].write_bytes(b"x" + kept[0].read_bytes()[1:])

    again = facs(*arguments)
    assert again.returncode == 1
    assert f"{unfinished}: going on where an earlier run stopped" in again.stderr
    assert out.read_bytes() == expected
    assert not unfinished.exists()


def test_killed_among_videos_whose_emotions_are_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("FACS_KEY_FILE", str(tmp_path / "key"))
    for number in range(4):
        frames = [np.roll(PORTRAIT, 5 * number + shift, axis=1) for shift in range(30)]
        write_video(tmp_path / "clips" / f"{number}.mp4", frames)
    out, unfinished = tmp_path / "table.csv", tmp_path / "table.csv.unfinished"
    arguments = ["predict-emotion", str(tmp_path / "clips"), "--out", str(out), "--jobs", "1"]

    assert facs(*arguments).returncode == 0
    expected = out.read_bytes()
    out.unlink()
    kill_when_kept(arguments, unfinished)
    assert not out.exists()

    again = facs(*arguments)
    assert again.returncode == 0
    assert f"{unfinished}: going on where an earlier run stopped" in again.stderr
    assert out.read_bytes() == expected
    assert not unfinished.exists()

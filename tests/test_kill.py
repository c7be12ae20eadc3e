"""`kill -9` at random moments, then a normal run: the same bytes as if nothing had happened, nothing left over."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time

import pytest
from extraction_runs import FACS, facs, files_in
from video_files import frames_of, write_video

KILLS = 20


@pytest.mark.shared
def test_killed_again_and_again(videos_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("FACS_KEY_FILE", str(tmp_path / "key"))
    clips = tmp_path / "clips"
    for name, count in (("d0", 60), ("d18", 60), ("d12", 60), ("s32", 25)):
        write_video(clips / f"{name}.mp4", frames_of(videos_dir / f"{name}.mp4", count))
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

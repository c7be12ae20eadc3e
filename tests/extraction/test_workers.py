"""Work in processes of its own: a crash or a hang costs one input, and no process outlives its parent."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from extraction_runs import FACS, Remembering, facs
from skimage.data import astronaut

from facs_pipeline.extraction.run import Options, extract_features
from facs_pipeline.foundation.call_task import Lost, call_in_workers

PORTRAIT = cv2.resize(astronaut(), (128, 128), interpolation=cv2.INTER_AREA)
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def doubled(numbers, tick, *, crash_at=(), hang_at=(), fail_at=()):
    """Twice each number; some are the end of the process."""
    out = []
    for number in numbers:
        tick()
        if number in crash_at:
            os.kill(os.getpid(), signal.SIGSEGV)
        if number in hang_at:
            time.sleep(3600)
        if number in fail_at:
            raise MemoryError
        out.append(2 * number)
    return out


def call(function, numbers, jobs=2, timeout_s=60.0):
    return list(call_in_workers(function, numbers, piece=4, jobs=jobs, timeout_s=timeout_s))


@pytest.mark.parametrize("jobs", [1, 3])
def test_results_are_in_order(jobs):
    assert call(doubled, range(22), jobs) == [[2 * n for n in range(k, min(k + 4, 22))] for k in range(0, 22, 4)]
    assert call(doubled, []) == []


def test_an_item_that_crashes_costs_itself_alone():
    done = call(partial(doubled, crash_at=(5, 13)), range(16))
    assert done == [
        [0, 2, 4, 6],
        [8], Lost(5, "decoding crashed (SIGSEGV); the input was given up"), [12], [14],
        [16, 18, 20, 22],
        [24], Lost(13, "decoding crashed (SIGSEGV); the input was given up"), [28], [30],
    ]  # fmt: skip


def test_an_item_that_hangs_or_fails_costs_itself_alone():
    hanging = call(partial(doubled, hang_at=(1,)), range(3), jobs=1, timeout_s=15)
    assert hanging == [[0], Lost(1, "decoding hung, no progress for 15 s; the input was given up"), [4]]
    assert call(partial(doubled, fail_at=(1,)), range(3), jobs=1) == [[0], Lost(1, "not enough memory"), [4]]


def faulty(numbers, tick):
    """Has a fault of the program's own."""
    return {1: "one"}[numbers[0]]


def test_a_fault_in_a_worker_leaves_its_details_in_a_file():
    [done, lost] = list(call_in_workers(faulty, [1, 2], piece=1, jobs=1))
    assert (done, lost.item) == ("one", 2)
    named = re.fullmatch(r"unexpected KeyError: 2 \(an internal error; details in (\S+)\)", lost.reason)
    assert named, lost.reason
    details = Path(named[1]).read_text()
    Path(named[1]).unlink()
    assert 'return {1: "one"}[numbers[0]]' in details


def test_a_slow_reader_does_not_make_workers_hang():
    """Results that wait to be read are no sign of a worker that hangs."""
    results = call_in_workers(doubled, range(24), piece=4, jobs=2, timeout_s=12)
    assert next(results) == [0, 2, 4, 6]
    time.sleep(14)
    assert list(results) == [[2 * n for n in range(k, k + 4)] for k in range(4, 24, 4)]


def stuck(numbers, tick, *, folder, how):
    """Never ends; with ``busy`` inside a library that lets no other Python thread run."""
    (Path(folder) / f"{os.getpid()}.pid").touch()
    if how == "busy":
        return pow(3, 10**10)
    time.sleep(3600)
    return None


def is_running(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def wait_for(condition, seconds):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return condition()


@linux
@pytest.mark.parametrize("how", ["busy", "asleep"])
def test_a_worker_ends_with_its_parent_even_when_it_hangs(tmp_path, how):
    code = (
        "import sys, functools; sys.path.insert(0, sys.argv[1])\n"
        "import test_workers as t\n"
        "f = functools.partial(t.stuck, folder=sys.argv[2], how=sys.argv[3])\n"
        "list(t.call_in_workers(f, [1, 2], piece=1, jobs=2))"
    )
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path), how], env={**os.environ, **paths}
    )
    try:
        assert wait_for(lambda: len(list(tmp_path.glob("*.pid"))) == 2, 60)
    finally:
        parent.kill()
        parent.wait()
    workers = [int(path.stem) for path in tmp_path.glob("*.pid")]
    assert wait_for(lambda: not any(map(is_running, workers)), 10)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for number in range(160):
        cv2.imwrite(str(folder / f"{number:03d}.png"), np.roll(PORTRAIT, number, axis=1)[..., ::-1])
    return folder


def children(pid):
    """Processes that a process has started and that still run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(folder.name))
    return found


def start(command, photos, out):
    """The running command, and its workers once they have stored something."""
    running = subprocess.Popen(
        [*FACS, command, str(photos), "--out", str(out), "--jobs", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    unfinished = out.with_name(f"{out.name}.unfinished")
    assert wait_for(lambda: unfinished.is_dir() or running.poll() is not None, 120)
    return running, children(running.pid)


@linux
@pytest.mark.parametrize("command", ["extract-stills", "predict-emotion"])
class TestPhotos:
    def test_a_worker_that_is_killed_costs_nothing(self, photos, tmp_path, command):
        undisturbed = facs(command, photos, "--out", tmp_path / "a.csv", "--jobs", 2)
        assert undisturbed.returncode == 0, undisturbed.stderr
        running, workers = start(command, photos, tmp_path / "b.csv")
        assert workers
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        _, errors = running.communicate(timeout=300)
        assert running.returncode == 0, errors
        assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()

    def test_two_runs_into_one_table(self, photos, tmp_path, command):
        running, _ = start(command, photos, tmp_path / "a.csv")
        running.send_signal(signal.SIGSTOP)
        second = facs(command, photos / "000.png", "--out", tmp_path / "a.csv")
        running.send_signal(signal.SIGCONT)
        _, errors = running.communicate(timeout=300)
        assert running.returncode == 0, errors
        assert second.returncode == 75
        assert f"a.csv: another run (process {running.pid} on " in second.stderr
        assert len(pd.read_csv(tmp_path / "a.csv")) == 160
        assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]

    def test_asked_to_stop_it_leaves_no_process(self, photos, tmp_path, command):
        running, workers = start(command, photos, tmp_path / "a.csv")
        assert workers
        running.terminate()
        _, errors = running.communicate(timeout=60)
        assert running.returncode == 130
        assert errors.endswith("Interrupted. What was finished is kept; the same command goes on from there.\n")
        assert wait_for(lambda: not any(map(is_running, workers)), 10)


class Faulty(Remembering):
    """What listens to the run has a fault, and finds it when the third video begins."""

    def log(self, text):
        super().log(text)
        if sum(" faces computed" in line for line in self.logs) == 3:
            raise KeyError("fault")


def test_an_error_in_the_run_itself_keeps_what_is_finished(clips, tmp_path):
    options = Options(out=tmp_path / "out", jobs=1)
    with pytest.raises(KeyError, match="fault"):
        extract_features([clips], options, Faulty())
    assert sorted(path.name for path in options.out.iterdir()) == ["action_units", "cache"]
    again = Remembering()
    assert not extract_features([clips], options, again).failed
    assert again.to_do == 1

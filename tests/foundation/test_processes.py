"""Calls in several processes give their results in order, and end with the process that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path

import pytest

from facs_pipeline.foundation.errors import FacsError
from facs_pipeline.foundation.processes import in_processes

linux = pytest.mark.skipif(sys.platform != "linux", reason="kills processes, and reads /proc")

LONG = """
import os, time
from pathlib import Path
from facs_pipeline.foundation.processes import in_processes

def work(folder, number):
    (Path(folder) / f"{number}").write_text(str(os.getpid()))
    time.sleep(600)

def run(folder):
    list(in_processes(2, work, ((folder, n) for n in range(4))))
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_are_in_order(jobs):
    assert list(in_processes(jobs, divmod, ((n, 3) for n in range(7)))) == [divmod(n, 3) for n in range(7)]


def test_an_error_is_raised_here():
    with pytest.raises(ZeroDivisionError):
        list(in_processes(2, divmod, [(1, 1), (1, 0)]))


def once_killed(folder: Path, number: int) -> int:
    """Twice the number; the process ends in the first call with 2."""
    if number == 2 and not (folder / "killed").exists():
        (folder / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def killed(number: int) -> int:
    """Ends the process."""
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def asleep(_number: int) -> None:
    """Longer than anybody waits."""
    time.sleep(3600)


@linux
def test_a_killed_process_costs_nothing(tmp_path):
    assert list(in_processes(2, partial(once_killed, tmp_path), ((n,) for n in range(6)))) == [0, 2, 4, 6, 8, 10]
    assert (tmp_path / "killed").exists()


@linux
def test_what_kills_processes_again_is_one_clear_error():
    with pytest.raises(
        FacsError, match=r"^a process of this run crashed \(SIGKILL\), twice with .* goes on from there"
    ):
        list(in_processes(2, killed, [(1,)]))
    with pytest.raises(FacsError, match=r"^a process of this run hung, no progress for 3 s, twice"):
        list(in_processes(2, asleep, [(1,)], timeout_s=3))


def test_calls_are_taken_when_a_process_is_free_for_them():
    taken: list[int] = []

    def calls() -> Iterator[tuple[int, int]]:
        for n in range(100):
            taken.append(n)
            yield n, 3

    results = in_processes(2, divmod, calls())
    assert isinstance(results, Generator)
    assert next(results) == (0, 0)
    assert len(taken) < 20
    results.close()


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@linux
def test_they_end_with_the_process_that_started_them(tmp_path):
    (tmp_path / "long.py").write_text(LONG)
    (tmp_path / "pids").mkdir()
    started = subprocess.Popen(
        [sys.executable, "-c", "import sys, long; long.run(sys.argv[1])", tmp_path / "pids"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])},
    )
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "pids").iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    pids = {int(file.read_text()) for file in (tmp_path / "pids").iterdir()}
    assert len(pids) == 2
    assert all(map(alive, pids))
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    deadline = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(alive, pids))

"""Calls in several processes give their results in order, and end with the process that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from facs_pipeline.foundation.processes import in_processes

LONG = """
import os, time
from pathlib import Path
from facs_pipeline.foundation.processes import in_processes

def work(folder, number):
    (Path(folder) / f"{number}").write_text(str(os.getpid()))
    time.sleep(600)

if __name__ == "__main__":
    import sys
    list(in_processes(2, work, ((sys.argv[1], n) for n in range(4))))
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_are_in_order(jobs):
    assert list(in_processes(jobs, divmod, ((n, 3) for n in range(7)))) == [divmod(n, 3) for n in range(7)]


def test_an_error_is_raised_here():
    with pytest.raises(ZeroDivisionError):
        list(in_processes(2, divmod, [(1, 1), (1, 0)]))


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="whether a process lives is read from /proc")
def test_they_end_with_the_process_that_started_them(tmp_path):
    (tmp_path / "long.py").write_text(LONG)
    (tmp_path / "pids").mkdir()
    started = subprocess.Popen([sys.executable, tmp_path / "long.py", tmp_path / "pids"])
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

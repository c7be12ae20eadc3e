"""Worker processes, one video each at a time; one that crashes or hangs costs its video and is replaced."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

# Set before a worker imports NumPy; several workers with several threads each would only stand in each other's way.
_ONE_THREAD = {
    name: "1"
    for name in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    )
}
_POLL_S = 0.2


@dataclass(frozen=True)
class Event:
    """News of one job.

    Attributes
    ----------
    job : int
        Position in the list of jobs.
    kind : str
        ``"expect"``, ``"progress"``, ``"log"``, or one last ``"done"`` or ``"failed"``.
    content : dict
        ``frames`` (expect: as the container claims; progress: decoded so far), ``text`` (log), the result (done),
        ``reason`` (failed).
    """

    job: int
    kind: str
    content: dict[str, Any] = field(default_factory=dict)


class Pool:
    """Runs jobs in worker processes.

    Parameters
    ----------
    workers : int
        Number of processes.
    run : dict of str to Any
        What all jobs have in common; the first line each worker reads.
    timeout_s : float
        A worker from which nothing is heard for so long has hung and is ended.
    """

    def __init__(self, workers: int, run: dict[str, Any], timeout_s: float) -> None:
        self._slots: list[_Worker | None] = [None] * workers
        self._run, self._timeout_s = run, timeout_s
        self._news: queue.SimpleQueue[tuple[_Worker, dict[str, Any] | None]] = queue.SimpleQueue()
        self.pids: list[int] = []

    def run(self, jobs: Sequence[dict[str, Any]]) -> Iterator[Event]:
        """Do all jobs; events come as they happen, each job's last one is ``done`` or ``failed``."""
        waiting = deque(enumerate(jobs))
        busy: dict[_Worker, int] = {}
        while waiting or busy:
            self._hand_out(waiting, busy)
            with contextlib.suppress(queue.Empty):
                worker, message = self._news.get(timeout=_POLL_S)
                if worker in busy:
                    worker.heard = time.monotonic()
                    event = self._event(worker, message, busy[worker], jobs)
                    if event.kind in ("done", "failed"):
                        del busy[worker]
                    yield event
            for worker in busy:
                if time.monotonic() - worker.heard > self._timeout_s and not worker.hung:
                    worker.hung = True
                    worker.end()

    def _hand_out(self, waiting: deque, busy: dict[_Worker, int]) -> None:
        for slot, worker in enumerate(self._slots):
            if not waiting:
                return
            if worker is not None and worker in busy:
                continue
            if worker is None or not worker.alive:
                worker = self._slots[slot] = _Worker(self._run, self._news)
                self.pids.append(worker.pid)
            number, job = waiting.popleft()
            busy[worker] = number
            worker.give(job)

    def _event(self, worker: _Worker, message: dict | None, number: int, jobs: Sequence[dict]) -> Event:
        if message is None:
            reason = f"{jobs[number]['path']}: {worker.obituary(self._timeout_s)}"
            return Event(number, "failed", {"reason": reason})
        kind = message.pop("kind")
        return Event(number, kind, message)

    def close(self) -> None:
        """End all workers; what they were writing is not kept."""
        for worker in self._slots:
            if worker is not None:
                worker.end()
        self._slots = [None] * len(self._slots)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


class _Worker:
    def __init__(self, run: dict[str, Any], news: queue.SimpleQueue) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the process
        # The package is found where this process found it, installed or not.
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._process = subprocess.Popen(
            # -P: a folder of videos may hold a file called numpy.py, which must not be imported.
            [sys.executable, "-P", "-X", "faulthandler", "-m", "facs_pipeline.extraction.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **_ONE_THREAD, "PYTHONPATH": path},
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("a worker was started without pipes")
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self.pid = self._process.pid
        self.heard = time.monotonic()
        self.hung = False
        self._send(run)
        threading.Thread(target=self._listen, args=(news,), daemon=True).start()

    def _listen(self, news: queue.SimpleQueue) -> None:
        for line in self._stdout:
            try:
                news.put((self, json.loads(line)))
            except ValueError:
                # Cut by the worker's end; the end itself is what is reported.
                break
        self._process.wait()
        news.put((self, None))

    @property
    def alive(self) -> bool:
        return not self.hung and self._process.poll() is None

    def give(self, job: dict[str, Any]) -> None:
        self.heard = time.monotonic()
        self._send(job)

    def _send(self, message: dict[str, Any]) -> None:
        # A worker that is already dead is noticed by the listening thread.
        with contextlib.suppress(BrokenPipeError):
            self._stdin.write(json.dumps(message).encode() + b"\n")
            self._stdin.flush()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            self._stdin.close()

    def obituary(self, timeout_s: float) -> str:
        """Why the worker is gone, in words."""
        if self.hung:
            return f"decoding hung, no progress for {timeout_s:g} s; the video was given up"
        code = self._process.wait()
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"decoding crashed ({signal.Signals(-code).name}); the video was given up"
        self._errors.seek(0)
        last = self._errors.read().decode("utf-8", "replace").strip().splitlines()[-1:]
        return (
            f"the worker process ended with code {code} ({last[0] if last else 'no message'}); the video was given up"
        )

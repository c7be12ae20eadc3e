"""Worker processes, one job each at a time; one that crashes or hangs costs its job and is replaced."""

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
        What all jobs have in common; the first line each worker reads. Its ``task`` is one of
        `facs_pipeline.extraction.worker.TASKS`.
    timeout_s : float
        A worker from which nothing is heard for so long has hung and is ended.
    window : int or None
        No job is begun that comes so far behind the first unfinished one; None for no limit.
    """

    def __init__(self, workers: int, run: dict[str, Any], timeout_s: float, window: int | None = None) -> None:
        self._slots: list[_Worker | None] = [None] * workers
        self._run, self._timeout_s, self._window = run, timeout_s, window
        self._news: queue.SimpleQueue[tuple[_Worker, dict[str, Any] | None]] = queue.SimpleQueue()
        self.pids: list[int] = []

    def run(self, jobs: Sequence[dict[str, Any]]) -> Iterator[Event]:
        """Do all jobs; events come as they happen, each job's last one is ``done`` or ``failed``."""
        waiting = deque(enumerate(jobs))
        busy: dict[_Worker, int] = {}
        while waiting or busy:
            self._hand_out(waiting, busy)
            events = list(self._events(busy, jobs))
            # Only now that all news are read: a worker may have finished long ago, while nobody asked.
            for worker in busy:
                if time.monotonic() - worker.heard > self._timeout_s and not worker.hung:
                    worker.hung = True
                    worker.end()
            yield from events

    def _events(self, busy: dict[_Worker, int], jobs: Sequence[dict[str, Any]]) -> Iterator[Event]:
        """All news that there are, waiting a moment for the first."""
        wait = True
        while True:
            try:
                worker, message = self._news.get(wait, timeout=_POLL_S)
            except queue.Empty:
                return
            wait = False
            if worker in busy:
                event = self._event(worker, message, busy[worker], jobs)
                if event.kind in ("done", "failed"):
                    del busy[worker]
                yield event

    def _hand_out(self, waiting: deque, busy: dict[_Worker, int]) -> None:
        for slot, worker in enumerate(self._slots):
            if not waiting:
                return
            if self._window is not None and waiting[0][0] - min(busy.values(), default=waiting[0][0]) >= self._window:
                return
            if worker is not None and worker in busy:
                continue
            if worker is None or not worker.alive:
                try:
                    worker = self._slots[slot] = _Worker(self._run, self._news)
                except OSError:
                    # Too few handles or too little memory for one more: the others go on.
                    if busy:
                        return
                    raise
                self.pids.append(worker.pid)
            number, job = waiting.popleft()
            busy[worker] = number
            worker.give(job)

    def _event(self, worker: _Worker, message: dict | None, number: int, jobs: Sequence[dict]) -> Event:
        if message is None:
            what = "video" if self._run["task"] == "videos" else "input"
            return Event(
                number, "failed", {"reason": f"{jobs[number]['path']}: {worker.obituary(self._timeout_s, what)}"}
            )
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
        self.heard = time.monotonic()
        self.hung = False
        started: queue.SimpleQueue[subprocess.Popen[bytes] | OSError] = queue.SimpleQueue()
        threading.Thread(target=self._live, args=(started, news), daemon=True).start()
        process = started.get()
        if isinstance(process, OSError):
            raise process
        if process.stdin is None:
            raise RuntimeError("a worker was started without pipes")
        self._process, self._stdin, self.pid = process, process.stdin, process.pid
        self._send(run)

    def _live(self, started: queue.SimpleQueue[subprocess.Popen[bytes] | OSError], news: queue.SimpleQueue) -> None:
        """Start the process and listen to it to its end.

        Where the kernel ends a worker with its parent, the parent is the thread that started it. So that is this one.
        """
        # The package is found where this process found it, installed or not.
        path = os.pathsep.join(entry for entry in sys.path if entry)
        try:
            process = subprocess.Popen(
                # -P: a folder of videos may hold a file called numpy.py, which must not be imported.
                [sys.executable, "-P", "-X", "faulthandler", "-m", "facs_pipeline.extraction.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env={**os.environ, **_ONE_THREAD, "PYTHONPATH": path},
            )
        except OSError as error:
            started.put(error)
            return
        started.put(process)
        for line in process.stdout or ():
            # Now, not when the news are read: who reads them may be busy for long.
            self.heard = time.monotonic()
            try:
                news.put((self, json.loads(line)))
            except ValueError:
                # Cut by the worker's end; the end itself is what is reported.
                break
        process.wait()
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

    def obituary(self, timeout_s: float, what: str) -> str:
        """Why the worker is gone, in words."""
        if self.hung:
            return f"decoding hung, no progress for {timeout_s:g} s; the {what} was given up"
        code = self._process.wait()
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"decoding crashed ({signal.Signals(-code).name}); the {what} was given up"
        self._errors.seek(0)
        last = self._errors.read().decode("utf-8", "replace").strip().splitlines()[-1:]
        message = last[0] if last else "no message"
        return f"the worker process ended with code {code} ({message}); the {what} was given up"

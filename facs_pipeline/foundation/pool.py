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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

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
        What all jobs have in common; the first line each worker reads. Its ``task`` is a module whose ``prepare``
        begins a `facs_pipeline.foundation.worker.Task`.
    timeout_s : float
        A worker from which nothing is heard for so long has hung and is ended.
    window : int or None
        No job is begun that comes so far behind the first unfinished one; None for no limit.
    what, doing : str
        What a job is about, and what is done to it: for messages.
    """

    def __init__(
        self,
        workers: int,
        run: dict[str, Any],
        timeout_s: float,
        *,
        window: int | None = None,
        what: str = "input",
        doing: str = "decoding",
    ) -> None:
        self._slots: list[_Worker | None] = [None] * workers
        self._run, self._timeout_s, self._window = run, timeout_s, window
        self._what, self._doing = what, doing
        self._news: queue.SimpleQueue[tuple[_Worker, dict[str, Any] | None]] = queue.SimpleQueue()
        self.pids: list[int] = []

    def run(self, jobs: Iterable[dict[str, Any]]) -> Iterator[Event]:
        """Do all jobs; events come as they happen, each job's last one is ``done`` or ``failed``.

        A job is taken only when a worker is free for it.
        """
        waiting = _Waiting(jobs)
        busy: dict[_Worker, _Given] = {}
        while waiting.next or busy:
            self._hand_out(waiting, busy)
            events = list(self._events(busy))
            # Only now that all news are read: a worker may have finished long ago, while nobody asked.
            for worker in busy:
                if time.monotonic() - worker.heard > self._timeout_s and not worker.hung:
                    worker.hung = True
                    worker.end()
            yield from events

    def _events(self, busy: dict[_Worker, _Given]) -> Iterator[Event]:
        """All news that there are, waiting a moment for the first."""
        wait = True
        while True:
            try:
                worker, message = self._news.get(wait, timeout=_POLL_S)
            except queue.Empty:
                return
            wait = False
            if worker in busy:
                event = self._event(worker, message, busy[worker])
                if event.kind in ("done", "failed"):
                    del busy[worker]
                yield event

    def _hand_out(self, waiting: _Waiting, busy: dict[_Worker, _Given]) -> None:
        for slot, worker in enumerate(self._slots):
            if waiting.next is None:
                return
            number = waiting.number
            if self._window is not None and number - min((given.job for given in busy.values()), default=number) >= (
                self._window
            ):
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
            job = waiting.take()
            busy[worker] = _Given(number, job["path"])
            worker.give(job)

    def _event(self, worker: _Worker, message: dict | None, given: _Given) -> Event:
        if message is None:
            reason = f"{given.path}: {worker.obituary(self._timeout_s, self._what, self._doing)}"
            return Event(given.job, "failed", {"reason": reason})
        kind = message.pop("kind")
        return Event(given.job, kind, message)

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


class _Given(NamedTuple):
    """A job that a worker has, by its number, and what it is about."""

    job: int
    path: str


class _Waiting:
    """Jobs that nobody has yet; only the next one is known."""

    def __init__(self, jobs: Iterable[dict[str, Any]]) -> None:
        self._rest = iter(jobs)
        self.number, self.next = 0, next(self._rest, None)

    def take(self) -> dict[str, Any]:
        """The next job."""
        job = self.next
        if job is None:
            raise IndexError("no job is left")
        self.number, self.next = self.number + 1, next(self._rest, None)
        return job


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
                [sys.executable, "-P", "-X", "faulthandler", "-m", "facs_pipeline.foundation.worker"],
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

    def obituary(self, timeout_s: float, what: str, doing: str) -> str:
        """Why the worker is gone, in words."""
        if self.hung:
            return f"{doing} hung, no progress for {timeout_s:g} s; the {what} was given up"
        code = self._process.wait()
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"{doing} crashed ({signal.Signals(-code).name}); the {what} was given up"
        self._errors.seek(0)
        last = self._errors.read().decode("utf-8", "replace").strip().splitlines()[-1:]
        message = last[0] if last else "no message"
        return f"the worker process ended with code {code} ({message}); the {what} was given up"

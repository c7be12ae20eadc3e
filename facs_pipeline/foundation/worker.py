"""The process in which inputs are decoded: ``python -m facs_pipeline.foundation.worker``, driven by `pool`.

A decoder that crashes or hangs takes only this process down. Jobs come in as JSON lines on standard input and answers
go out as JSON lines on standard output. A plain child process, not `multiprocessing`, so that a user's script needs no
``if __name__ == "__main__"``.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Protocol

from facs_pipeline.foundation.crash_report import write_crash_report
from facs_pipeline.foundation.errors import FacsError
from facs_pipeline.foundation.os_errors import advice_on, place_of

TICK_S = 0.2
"""Progress goes out no more often than this."""
_PR_SET_PDEATHSIG = 1


class Link:
    """A worker's line to its parent, for one job after the other."""

    def __init__(self, answers: IO[str]) -> None:
        self._answers, self._last = answers, time.monotonic()

    def send(self, kind: str, **content: Any) -> None:
        """One answer, see `facs_pipeline.foundation.pool.Event`."""
        self._answers.write(json.dumps({"kind": kind, **content}) + "\n")
        self._answers.flush()

    def tick(self, frames: int = 0) -> None:
        """Show that the worker is alive, and how many frames are decoded so far; may be called often."""
        now = time.monotonic()
        if now - self._last >= TICK_S:
            self._last = now
            self.send("progress", frames=frames)


class Task(Protocol):
    """A kind of job."""

    folders: tuple[Path, ...]
    """Where it writes; errors about files in these name the folder."""

    def __call__(self, job: dict[str, Any], link: Link) -> dict[str, Any]:
        """Do one job; what it gives is the content of the event ``done``."""


def main() -> None:
    """Serve jobs until the parent is gone."""
    # Ctrl-C reaches the whole group; the parent decides what becomes of a worker.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    jobs = _end_with_parent()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Whatever a library prints must not end up between the answers.
    os.dup2(2, 1)
    run = jobs.get()
    _one_thread()
    prepare: Callable[[dict[str, Any]], Task] = importlib.import_module(run["task"]).prepare
    task, link = prepare(run), Link(answers)
    while True:
        _serve(task, jobs.get(), link)


def _end_with_parent() -> queue.SimpleQueue[dict[str, Any]]:
    """What the parent sends, line by line. Once it is gone this process is, too, whatever it is doing."""
    if sys.platform == "linux":
        # By the kernel, at once, even in a loop of a library that lets no other thread run.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    lines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            lines.put(json.loads(line))
        os._exit(1)

    threading.Thread(target=listen, daemon=True).start()
    return lines


def _one_thread() -> None:
    """One thread in every library, so that sums run in the same order whatever the number of workers."""
    import cv2
    import threadpoolctl

    cv2.setNumThreads(1)
    threadpoolctl.threadpool_limits(1)


def _serve(task: Task, job: dict[str, Any], link: Link) -> None:
    path = job["path"]
    try:
        outcome = task(job, link)
    except FacsError as error:
        link.send("failed", reason=str(error))
    except BrokenPipeError:
        # The parent is gone; nobody waits for an answer.
        os._exit(1)
    except MemoryError:
        link.send("failed", reason=f"{path}: not enough memory")
    except OSError as error:
        link.send("failed", reason=_os_reason(error, task.folders))
    except Exception as error:
        import traceback

        traceback.print_exc()
        report = write_crash_report(error, [path])
        details = f" (an internal error; details in {report})" if report else ""
        link.send("failed", reason=f"{path}: unexpected {type(error).__name__}: {error}{details}")
    else:
        link.send("done", **outcome)


def _os_reason(error: OSError, folders: tuple[Path, ...]) -> str:
    place = place_of(error, *folders)
    advice = advice_on(OSError(error.errno, error.strerror, place)) if error.errno else None
    return advice or ": ".join(filter(None, [place, error.strerror or str(error)]))


if __name__ == "__main__":
    main()

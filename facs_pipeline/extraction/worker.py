"""The process in which videos are decoded: ``python -m facs_pipeline.extraction.worker``, driven by `pool`.

A decoder that crashes or hangs takes only this process down. Jobs come in as JSON lines on standard input and answers
go out as JSON lines on standard output. A plain child process, not `multiprocessing`, so that a user's script needs no
``if __name__ == "__main__"``.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

TICK_S = 0.2
"""Progress goes out no more often than this."""


def main() -> None:
    """Serve jobs until standard input ends."""
    # Ctrl-C reaches the whole group; the parent decides what becomes of a worker.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Whatever a library prints must not end up between the answers.
    os.dup2(2, 1)
    run = json.loads(sys.stdin.readline())
    _one_thread()
    serve = _server(run, answers)
    for line in sys.stdin:
        serve(json.loads(line))


def _one_thread() -> None:
    """One thread in every library, so that sums run in the same order whatever the number of workers."""
    import cv2
    import threadpoolctl

    cv2.setNumThreads(1)
    threadpoolctl.threadpool_limits(1)


def _server(run: dict[str, Any], answers: IO[str]) -> Callable[[dict[str, Any]], None]:
    from facs_pipeline.extraction.cache import Cache
    from facs_pipeline.extraction.options import Options
    from facs_pipeline.extraction.outputs import Outputs
    from facs_pipeline.extraction.stage import VideoSettings
    from facs_pipeline.extraction.video_job import VideoJob, VideoRun
    from facs_pipeline.foundation.errors import FacsError

    options = Options.from_json(run["options"])
    cache = Cache(Path(run["cache"]), bytes.fromhex(run["key"]))
    outputs = Outputs(options.out, options.format, options.overlay, cache.folder / "outputs")

    def send(kind: str, **content: Any) -> None:
        answers.write(json.dumps({"kind": kind, **content}) + "\n")
        answers.flush()

    def serve(job: dict[str, Any]) -> None:
        last = time.monotonic()

        def tick(frames: int) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= TICK_S:
                last = now
                send("progress", frames=frames)

        settings = VideoSettings.from_json(job["settings"])
        video = VideoJob(**{**job, "path": Path(job["path"]), "settings": settings})
        try:
            outcome = VideoRun(
                video,
                options,
                outputs,
                cache,
                tick=tick,
                expect=lambda frames: send("expect", frames=frames),
                log=lambda text: send("log", text=text),
            ).run()
        except FacsError as error:
            send("failed", reason=str(error))
        except BrokenPipeError:
            # The parent is gone; nobody waits for an answer.
            os._exit(1)
        except OSError as error:
            send("failed", reason=_os_reason(error, outputs.folder))
        except MemoryError:
            send("failed", reason=f"{video.path}: not enough memory")
        except Exception as error:
            import traceback

            traceback.print_exc()
            send("failed", reason=f"{video.path}: unexpected {type(error).__name__}: {error}", unexpected=True)
        else:
            send("done", **asdict(outcome))

    return serve


def _os_reason(error: OSError, out: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{error.filename or out}: the disk is full; free some space and run the same command again"
    return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)


if __name__ == "__main__":
    main()

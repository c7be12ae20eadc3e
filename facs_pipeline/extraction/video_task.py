"""What a worker does for `facs_pipeline.extraction.run`: one video a job."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from facs_pipeline.extraction.cache import Cache
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.outputs import Outputs
from facs_pipeline.extraction.stage import VideoSettings
from facs_pipeline.extraction.video_job import VideoJob, VideoRun
from facs_pipeline.foundation.worker import Link


def prepare(run: dict[str, Any]) -> VideoTask:
    """Begin with the run's ``options``, ``cache`` and ``key``."""
    return VideoTask(Options.from_json(run["options"]), Cache(Path(run["cache"]), bytes.fromhex(run["key"])))


class VideoTask:
    """Does `VideoJob`s.

    Parameters
    ----------
    options : Options
    cache : Cache
    """

    def __init__(self, options: Options, cache: Cache) -> None:
        self._options, self._cache = options, cache
        self._outputs = Outputs(options.out, options.format, options.overlay, cache.folder / "outputs", cache.key)
        # The cache may lie in the output folder: then the latter is the one that its user knows.
        self.folders = (options.out, cache.folder)

    def __call__(self, job: dict[str, Any], link: Link) -> dict[str, Any]:
        """Do one job; the fields of its `VideoOutcome`."""
        settings = VideoSettings.from_json(job["settings"])
        video = VideoJob(**{**job, "path": Path(job["path"]), "settings": settings})
        outcome = VideoRun(
            video,
            self._options,
            self._outputs,
            self._cache,
            tick=link.tick,
            expect=lambda frames: link.send("expect", frames=frames),
            log=lambda text: link.send("log", text=text),
        ).run()
        return asdict(outcome)

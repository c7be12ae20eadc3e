"""How far a run, or a part of one, has come: a small signed file in the cache, which others may read meanwhile."""

from __future__ import annotations

import contextlib
import datetime
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from facs_pipeline.extraction.inputs import VideoInput
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.parts import Part
from facs_pipeline.extraction.progress import size_on_disk
from facs_pipeline.extraction.video_result import VideoResult
from facs_pipeline.foundation.files.signed_json import read_signed, write_signed

FOLDER = "runs"
"""Of these files within the cache."""
SCHEMA_VERSION = 1
_WRITE_EVERY_S = 2.0
# Settings that change no result; parts may differ in them.
_OF_ONE_RUN = ("out", "cache", "keep", "jobs", "fail_fast", "timeout_s", "scheduler")


@dataclass
class RunState:
    """How far a run has come.

    Attributes
    ----------
    part : str
        Such as ``3/20``; empty for a whole run.
    arguments : list of str
        What the user named, as absolute paths.
    options : dict of str to Any
        See `facs_pipeline.extraction.options.Options.as_json`.
    videos, bytes : int
        To be done by it.
    done_bytes : int
        Of the videos that are over.
    ok : list of str
        Names of the videos that are done.
    failed, troubled : dict of str to str
        Names and reasons of those that failed, and of those whose table is there but no descriptors.
    started, updated : str
        UTC, ISO 8601.
    started_done : int
        Bytes of `done_bytes` that were done before it began.
    finished : bool
        Whether it came to its end.
    """

    part: str
    arguments: list[str]
    options: dict[str, Any]
    videos: int = 0
    bytes: int = 0
    done_bytes: int = 0
    ok: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    troubled: dict[str, str] = field(default_factory=dict)
    started: str = ""
    updated: str = ""
    started_done: int = 0
    finished: bool = False
    schema_version: int = SCHEMA_VERSION

    @property
    def settings(self) -> dict[str, Any]:
        """The options on which results depend."""
        return {name: value for name, value in self.options.items() if name not in _OF_ONE_RUN}

    @property
    def name(self) -> str:
        """Of its file."""
        return f"part-{self.part.replace('/', '-of-')}.json" if self.part else "whole.json"

    def lock_file(self, out: Path) -> Path:
        """The place in the output folder that a part holds while it runs."""
        return out / f"part {self.part}"


class StateWriter:
    """Keeps a run's state on disk up to date, a few seconds late at most.

    Parameters
    ----------
    cache : Path or None
        The cache's folder; None keeps nothing.
    key : bytes
        The user's secret key.
    state : RunState
    videos : sequence of VideoInput
        To be done.
    """

    def __init__(self, cache: Path | None, key: bytes, state: RunState, videos: Sequence[VideoInput]) -> None:
        self._folder, self._key, self.state = cache and cache / FOLDER, key, state
        self._sizes = {video.name: size_on_disk(video.path) for video in videos}
        state.videos, state.bytes = len(videos), sum(self._sizes.values())
        state.started = _now()
        self._written = 0.0

    def over(self, result: VideoResult) -> None:
        """A video is done, or failed."""
        self.state.done_bytes += self._sizes.get(result.name, 0)
        self._take(result)
        if time.monotonic() - self._written > _WRITE_EVERY_S:
            self._write()

    def begin(self) -> None:
        """What is over now had been done before."""
        self.state.started_done = self.state.done_bytes
        self._write()

    def finish(self, results: Sequence[VideoResult]) -> None:
        """It came to its end, and these are all of its videos."""
        state = self.state
        state.ok, state.failed, state.troubled = [], {}, {}
        for result in results:
            self._take(result)
        state.done_bytes, state.finished = state.bytes, True
        self._write()

    def _take(self, result: VideoResult) -> None:
        if result.status == "failed":
            self.state.failed[result.name] = result.reason
        else:
            self.state.ok.append(result.name)
        if result.trouble:
            self.state.troubled[result.name] = result.trouble

    def _write(self) -> None:
        self._written, self.state.updated = time.monotonic(), _now()
        if self._folder is None:
            return
        # A disk that is full or gone shows where results are written.
        with contextlib.suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            write_signed(self._folder / self.state.name, asdict(self.state), self._key)


def read_states(cache: Path, key: bytes) -> list[RunState]:
    """The states of all runs that worked with this cache, parts by their numbers; what is damaged is left out."""
    states = []
    with contextlib.suppress(OSError):
        for path in sorted((cache / FOLDER).glob("*.json")):
            stored = read_signed(path, key)
            if isinstance(stored, dict) and stored.get("schema_version") == SCHEMA_VERSION:
                states.append(RunState(**stored))
    return sorted(states, key=lambda state: (bool(state.part), Part.parse(state.part).number if state.part else 0))


def remove_state(cache: Path, state: RunState) -> None:
    """Forget a run."""
    (cache / FOLDER / state.name).unlink(missing_ok=True)


def new_state(part: Part | None, arguments: Sequence[str | os.PathLike[str]], options: Options) -> RunState:
    """The state of a run that begins, with paths that mean the same from every folder."""
    named = [os.path.abspath(os.fspath(argument)) for argument in arguments]
    return RunState(str(part or ""), named, with_whole_paths(options))


def with_whole_paths(options: Options) -> dict[str, Any]:
    """The options as JSON-able values, with paths that mean the same from every folder."""
    values = options.as_json()
    for name, value in values.items():
        of_clip = name == "baseline" and value not in ("none", "video", "subject")
        if isinstance(getattr(options, name), Path) or of_clip:
            values[name] = os.path.abspath(value)
    return values


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")

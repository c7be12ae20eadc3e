"""What is done, running, stopped or failed of the runs into a folder, and how long they will take."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from facs_pipeline.extraction.parts import Part
from facs_pipeline.extraction.run_lock import ADVICE
from facs_pipeline.extraction.run_state import RunState, read_states
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.artifacts import load_key
from facs_pipeline.foundation.files.folder_lock import FolderLock


@dataclass(frozen=True)
class RunStatus:
    """How a run, or a part of one, stands.

    Attributes
    ----------
    part : str
        Such as ``3/20``; empty for a whole run.
    state : {"finished", "running", "stopped", "not begun"}
    videos, done : int
        How many it has, and how many of them are over; those of a part that has not begun are not known.
    failed : Mapping of str to str
        Videos that failed, and why.
    where : str
        Process and computer of one that runs.
    left_s : float or None
        Seconds that it will take, by the bytes done so far; None where that cannot be told.
    updated : str
        When it last said so, UTC.
    """

    part: str
    state: Literal["finished", "running", "stopped", "not begun"]
    videos: int = 0
    done: int = 0
    failed: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
    left_s: float | None = None
    updated: str = ""

    def as_json(self) -> dict[str, Any]:
        """JSON-able values."""
        return asdict(self)

    def line(self) -> str:
        """In one line."""
        name = f"part {self.part}" if self.part else "whole run"
        if self.state == "not begun":
            return f"{name}: not begun"
        text = f"{name}: {self.state}, {self.done} of {self.videos} videos"
        if self.failed:
            text += f", {len(self.failed)} of them failed"
        if self.left_s is not None:
            text += f", {_duration(self.left_s)} left"
        return text + (f"; {self.where}" if self.where else "")


def runs_into(out: str | os.PathLike[str], cache: str | os.PathLike[str] | None = None) -> list[RunStatus]:
    """The runs into an output folder.

    Parameters
    ----------
    out : str or PathLike
    cache : str or PathLike, optional
        ``out/cache`` unless given.

    Returns
    -------
    list of RunStatus
        All parts by their numbers, also those that have not begun.

    Raises
    ------
    InputError
        If there was none.
    """
    folder = Path(os.path.abspath(out))
    states = read_states(Path(os.path.abspath(cache)) if cache else folder / "cache", load_key()[0])
    if not states:
        raise InputError(f"{folder}: no run of facs extract-features has worked here")
    known = {state.part: _status(folder, state) for state in states}
    of = max((Part.parse(state.part).of for state in states if state.part), default=0)
    for number in range(1, of + 1):
        known.setdefault(f"{number}/{of}", RunStatus(f"{number}/{of}", "not begun"))
    return sorted(known.values(), key=lambda run: Part.parse(run.part).number if run.part else 0)


def _status(folder: Path, state: RunState) -> RunStatus:
    lock = FolderLock.of_file(state.lock_file(folder), ADVICE) if state.part else FolderLock(folder, ADVICE)
    where = "" if state.finished else lock.holder()
    done, left = len(state.ok) + len(state.failed), None
    if where:
        fresh = state.done_bytes - state.started_done
        spent = (_time(state.updated) - _time(state.started)).total_seconds()
        left = (state.bytes - state.done_bytes) * spent / fresh if fresh else None
    return RunStatus(
        state.part,
        "finished" if state.finished else "running" if where else "stopped",
        state.videos,
        done,
        state.failed,
        where,
        left,
        state.updated,
    )


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"

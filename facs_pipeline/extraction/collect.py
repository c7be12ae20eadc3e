"""The tables of a whole run from the parts that did it, byte for byte as one run would have written them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from facs_pipeline.extraction.inputs import VideoInput
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.parts import Part
from facs_pipeline.extraction.result import RunResult
from facs_pipeline.extraction.run import Run
from facs_pipeline.extraction.run_lock import ADVICE
from facs_pipeline.extraction.run_state import RunState, read_states
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.artifacts import load_key
from facs_pipeline.foundation.files.folder_lock import FolderLock
from facs_pipeline.foundation.progress import SILENT, Progress


def collect(
    out: str | os.PathLike[str], cache: str | os.PathLike[str] | None = None, progress: Progress = SILENT
) -> RunResult:
    """Write ``videos.csv``, ``descriptors.csv`` and ``run.json`` of all parts.

    It may be repeated, also while parts run.

    Parameters
    ----------
    out : str or PathLike
        Output folder of the parts.
    cache : str or PathLike, optional
        Folder of their stored results; ``out/cache`` unless given.
    progress : Progress
        Told of what is odd.

    Returns
    -------
    RunResult
        Videos that no part has finished count as failed, with the part that is to be run (again).

    Raises
    ------
    InputError
        If no part has worked there, or the videos are no longer where they were.
    BusyError
        If a whole run is writing there.

    Examples
    --------
    >>> result = collect("results")  # doctest: +SKIP
    >>> [video.name for video in result.failed]  # doctest: +SKIP
    []
    """
    folder = Path(os.path.abspath(out))
    cache_folder = Path(os.path.abspath(cache)) if cache else folder / "cache"
    states = {state.part: state for state in read_states(cache_folder, load_key()[0]) if state.part}
    if not states:
        raise InputError(
            f"{folder}: no part of a run has worked here; expected the results of "
            f"`facs extract-features ... --part 1/20 --out {folder}` and of the other parts"
        )
    first = next(iter(states.values()))
    options = replace(Options.from_json(first.options), out=folder, cache=cache_folder)
    return Run(options, progress, collected=Collected(folder, states)).run(first.arguments)


class Collected:
    """What the parts of a run say of their videos.

    Parameters
    ----------
    out : Path
        Their output folder.
    states : dict of str to RunState
        By part.
    """

    def __init__(self, out: Path, states: dict[str, RunState]) -> None:
        self._out, self._states = out, states
        self._part_of: dict[str, str] = {}
        self.troubled = {name: why for state in states.values() for name, why in state.troubled.items()}
        self._failed = {name: why for state in states.values() for name, why in state.failed.items()}

    def shared_out(self, shares: Sequence[Sequence[VideoInput]]) -> None:
        """Take note of which videos each part is to do, from the first part to the last."""
        numbered = enumerate(shares, start=1)
        self._part_of = {video.name: str(Part(number, self.of)) for number, videos in numbered for video in videos}

    @property
    def of(self) -> int:
        """How many parts there are, with those that have not begun."""
        return Part.parse(next(iter(self._states))).of

    def reason(self, name: str) -> str:
        """Why a video has no results."""
        if name in self._failed:
            return self._failed[name]
        part = self._part_of.get(name, "")
        state = self._states.get(part)
        if state is None:
            return f"not done: part {part} has not begun"
        if FolderLock.of_file(state.lock_file(self._out), ADVICE).holder():
            return f"not done yet: part {part} is at work"
        if not state.finished:
            return f"not done: part {part} was stopped; run it again"
        return f"not done: its stored results are gone or its file has changed; run part {part} again"

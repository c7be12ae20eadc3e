"""How much there is to do, for progress bars: no header's frame count is trusted further than this."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

from facs_pipeline.foundation.progress import Task


def size_on_disk(path: Path) -> int:
    """Bytes of a file or of the files in a folder; 1 where that cannot be told."""
    try:
        return max(path.stat().st_size, 1) if path.is_file() else sum(e.stat().st_size for e in os.scandir(path))
    except OSError:
        return 1


class FrameEstimate:
    """How many frames there are to decode: containers' claims for videos begun, by size for those not begun."""

    def __init__(self, sizes: list[int]) -> None:
        self._sizes = sizes
        self._claimed: dict[int, int] = {}
        self._decoded: dict[int, int] = defaultdict(int)
        self._told = 0

    def update(self, job: int, kind: str, frames: int) -> None:
        """Take in an ``"expect"`` or ``"progress"`` event, see `facs_pipeline.foundation.pool.Event`."""
        if kind == "expect":
            self._claimed[job] = frames
        elif frames:
            self._decoded[job] = frames

    def finish(self, job: int) -> None:
        """The job is over; its frames are what was decoded, whatever was claimed."""
        self._claimed[job] = self._decoded[job]

    def tell(self, task: Task) -> None:
        """Tell the task what was decoded since it was told last, and what is expected."""
        task.expect(max(self.expected, self.done))
        task.advance(self.done - self._told)
        self._told = self.done

    @property
    def done(self) -> int:
        """Frames decoded so far."""
        return sum(self._decoded.values())

    @property
    def expected(self) -> int:
        """Frames to decode in all, as far as can be told."""
        begun = {job: max(claim, self._decoded[job]) for job, claim in self._claimed.items()}
        size_begun = sum(self._sizes[job] for job in begun)
        size_left = sum(self._sizes) - size_begun
        return sum(begun.values()) + (round(sum(begun.values()) * size_left / size_begun) if size_begun else 0)

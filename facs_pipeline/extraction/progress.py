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
    """How many frames there are to decode: containers' claims for videos begun, by size for those not begun.

    Parameters
    ----------
    sizes : list of int
        Bytes of each job's video.

    Attributes
    ----------
    done : int
        Frames decoded so far.
    """

    def __init__(self, sizes: list[int]) -> None:
        self._sizes = sizes
        self._claimed: dict[int, int] = {}
        self._decoded: dict[int, int] = defaultdict(int)
        self._told = 0
        # Sums, kept up to date: a run of thousands of videos has many thousands of events.
        self._size, self._size_begun, self._frames_begun = sum(sizes), 0, 0
        self.done = 0

    def update(self, job: int, kind: str, frames: int) -> None:
        """Take in an ``"expect"`` or ``"progress"`` event, see `facs_pipeline.foundation.pool.Event`."""
        if kind == "expect":
            self._set(job, frames, self._decoded[job])
        elif frames:
            self._set(job, self._claimed.get(job), frames)

    def finish(self, job: int) -> None:
        """The job is over; its frames are what was decoded, whatever was claimed."""
        self._set(job, self._decoded[job], self._decoded[job])

    def tell(self, task: Task) -> None:
        """Tell the task what was decoded since it was told last, and what is expected."""
        task.expect(max(self.expected, self.done))
        task.advance(self.done - self._told)
        self._told = self.done

    @property
    def expected(self) -> int:
        """Frames to decode in all, as far as can be told."""
        begun, size_begun = self._frames_begun, self._size_begun
        return begun + (round(begun * (self._size - size_begun) / size_begun) if size_begun else 0)

    def _set(self, job: int, claimed: int | None, decoded: int) -> None:
        """What is known of a job from now on, and the sums with it."""
        self.done += decoded - self._decoded[job]
        if job in self._claimed:
            self._frames_begun -= max(self._claimed[job], self._decoded[job])
        self._decoded[job] = decoded
        if claimed is not None:
            if job not in self._claimed:
                self._size_begun += self._sizes[job]
            self._claimed[job] = claimed
            self._frames_begun += max(claimed, decoded)

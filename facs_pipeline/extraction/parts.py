"""Parts of a run: many computers do a share of the videos each, into one folder, without a server between them."""

from __future__ import annotations

import heapq
import os
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from facs_pipeline.extraction.inputs import VideoInput
from facs_pipeline.extraction.progress import size_on_disk
from facs_pipeline.foundation.errors import InputError

_PART = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True)
class Part:
    """One of so many shares of the videos.

    Attributes
    ----------
    number : int
        From 1.
    of : int

    Examples
    --------
    >>> str(Part.parse("3/20"))
    '3/20'
    """

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @classmethod
    def parse(cls, text: str) -> Part:
        """From such as ``3/20``.

        Raises
        ------
        InputError
            If it is none, or there is no such share.
        """
        match = _PART.fullmatch(text.strip())
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise InputError(f"--part {text}: expected which of how many, from 1, such as 3/20; or none")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of_slurm(cls, environment: Mapping[str, str] = os.environ) -> Part | None:
        """The share of a task of a Slurm job array; None outside of one.

        Examples
        --------
        >>> array = {"SLURM_ARRAY_TASK_ID": "6", "SLURM_ARRAY_TASK_MIN": "4", "SLURM_ARRAY_TASK_COUNT": "20"}
        >>> str(Part.of_slurm(array))
        '3/20'
        """
        try:
            task, count = int(environment["SLURM_ARRAY_TASK_ID"]), int(environment["SLURM_ARRAY_TASK_COUNT"])
            first, step = (int(environment.get(f"SLURM_ARRAY_TASK_{name}") or 1) for name in ("MIN", "STEP"))
        except (KeyError, ValueError):
            return None
        number, rest = divmod(task - first, max(step, 1))
        if rest or not 0 <= number < count:
            raise InputError(
                f"SLURM_ARRAY_TASK_ID {task} of an array that is not evenly numbered; say which share this is by --part"
            )
        return cls(number + 1, count)

    def share(
        self, videos: Sequence[VideoInput], together: Callable[[VideoInput], str] = lambda video: video.name
    ) -> list[VideoInput]:
        """The videos of this part, in their order: about as many bytes as each other part's.

        Every part finds the same shares if all see the same files.

        Parameters
        ----------
        videos : sequence of VideoInput
            Of the whole run.
        together : callable
            Videos for which it gives the same text are in the same part, such as those of one person.
        """
        return shares(self.of, videos, together)[self.number - 1]


def shares(of: int, videos: Sequence[VideoInput], together: Callable[[VideoInput], str]) -> list[list[VideoInput]]:
    """The videos of every part, see `Part.share`, from the first to the last."""
    groups: dict[str, list[VideoInput]] = defaultdict(list)
    for video in videos:
        groups[together(video)].append(video)
    sizes = {name: sum(size_on_disk(video.path) for video in group) for name, group in groups.items()}
    loads = [(0, number) for number in range(of)]
    part_of: dict[str, int] = {}
    # The largest first, each to whoever has least.
    for name in sorted(groups, key=lambda name: (-sizes[name], name)):
        load, number = loads[0]
        heapq.heapreplace(loads, (load + sizes[name], number))
        part_of |= {video.name: number for video in groups[name]}
    found: list[list[VideoInput]] = [[] for _ in range(of)]
    for video in videos:
        found[part_of[video.name]].append(video)
    return found

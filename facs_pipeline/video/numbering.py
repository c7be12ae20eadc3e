"""Whether images that are the frames of a video are numbered without a gap."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

_REGULAR_SHARE = 0.5
"""Numbers of which fewer are this share of equal steps apart are dates or identifiers, not a count of frames."""


def numbering_gaps(images: Sequence[Path]) -> str:
    """Where the numbers in the names of images jump, in words; empty where they do not.

    The usual step may be any number, as where every fifth frame of a video was kept.

    Parameters
    ----------
    images : sequence of Path
        In the order of their numbers.

    Examples
    --------
    >>> numbering_gaps([Path(f"frame{number:03d}.png") for number in (1, 2, 3, 6, 7)])
    'the numbers of its images jump from frame003.png to frame006.png'
    >>> numbering_gaps([Path(f"{number}.png") for number in (0, 5, 10)])
    ''
    """
    numbers = [_number(image) for image in images]
    if len(numbers) < 3 or None in numbers or len({text for _, text in filter(None, numbers)}) > 1:
        return ""
    counted = [number for number, _ in filter(None, numbers)]
    steps = [later - earlier for earlier, later in pairwise(counted)]
    step, often = Counter(steps).most_common(1)[0]
    if often < _REGULAR_SHARE * len(steps):
        return ""
    jumps = [place for place, this in enumerate(steps) if this > step]
    if not jumps:
        return ""
    first = jumps[0]
    more = f" and at {len(jumps) - 1} more places" if len(jumps) > 1 else ""
    return f"the numbers of its images jump from {images[first].name} to {images[first + 1].name}{more}"


def _number(image: Path) -> tuple[int, str] | None:
    """The last number in a name, and the text round it."""
    match = re.fullmatch(r"(.*?)([0-9]{1,18})([^0-9]*)", image.stem)
    return (int(match[2]), f"{match[1]}|{match[3]}") if match else None

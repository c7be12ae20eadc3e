"""A coder's codes: what they mean, and one form for them, whatever they are written in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

CodeClock = Literal["start", "timestamp", "frame"]
UNSCORABLE = -1
"""In place of an action unit: the coder could not see the face."""
CODER = "coder"
"""Who has coded, where nothing says who."""
UNSEEN = re.compile(r"no[\s_-]*face|unscorable|not[\s_-]*scorable|face[\s_-]*not[\s_-]*visible", re.IGNORECASE)
SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}
_CODE = re.compile(r"(?P<side>[LRBlrb])?\s*(?:AU|au|Au)?\s*0*(?P<au>\d{1,2})\s*(?P<letter>[A-Ea-e])?(?![A-Za-z0-9.])")
_UNSEEN_CODES = (73, 74)
"""FACS' codes for a face that is not visible, or unscorable."""


class Code(NamedTuple):
    """One action unit of a code.

    Attributes
    ----------
    au : int
        `UNSCORABLE` where the face could not be scored.
    side : str
        ``left``, ``right``, or empty for both.
    intensity : float
        1 (A) to 5 (E); NaN where the coder gives none.
    """

    au: int
    side: str
    intensity: float


def parse_code(text: str) -> list[Code]:
    """The action units of a code as FACS coders write it; empty where it is none.

    Examples
    --------
    >>> [(code.au, code.side, code.intensity) for code in parse_code("6B+L12D")]
    [(6, '', 2.0), (12, 'left', 4.0)]
    >>> parse_code("smile")
    []
    """
    if UNSEEN.fullmatch(text.strip()):
        return [Code(UNSCORABLE, "", float("nan"))]
    found = []
    for part in re.split(r"[+,;/]", text):
        match = _CODE.match(part.strip())
        if match is None:
            return []
        found.append(code_of(int(match["au"]), match["side"] or "", match["letter"] or ""))
    return found


def code_of(au: int, side: str, letter: str) -> Code:
    """A code of its parts; side and letter may be empty."""
    intensity = float("ABCDE".index(letter.upper()) + 1) if letter else float("nan")
    return Code(UNSCORABLE if au in _UNSEEN_CODES else au, SIDES.get(side.lower(), ""), intensity)


class Annotation(NamedTuple):
    """One action unit from begin to end, in units of `clock`; or, where not `known`, that nobody knows of it there."""

    video: str
    coder: str
    au: int
    side: str
    begin: float
    end: float
    intensity: float
    clock: CodeClock
    known: bool = True


@dataclass(frozen=True)
class FileCodes:
    """What one file says; see `facs_pipeline.study.codes.Codes`."""

    annotations: list[Annotation]
    scored: dict[tuple[str, str], frozenset[int]]
    notes: list[str]

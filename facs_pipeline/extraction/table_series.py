"""What descriptors and events of existing action-unit tables have in common: how their series are read and checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.progress import Progress
from facs_pipeline.tables.reader import AUSeries, read_au_table
from facs_pipeline.tables.time_base import TimeUnit

Wanted = Literal["default", "all"] | tuple[int, ...]
"""Action units: see `facs_pipeline.tables.reader.choose_aus`."""


@dataclass(frozen=True)
class SeriesOptions:
    """How action-unit tables are read.

    Attributes
    ----------
    aus : "default", "all" or tuple of int
        Action units, see `facs_pipeline.tables.reader.choose_aus`.
    fps : float, optional
        Frames per second of tables without time stamps.
    min_confidence : float
        0..1; faces of which a table is less sure are passed over.
    baseline : "none" or "video"
        Whether the resting face is subtracted: the median of the calmest tenth of each video's frames.
    time_unit : "s", "ms", "us" or "min", optional
        What time stamps count; by default the program's unit, if cameras have such a frame rate.
    """

    aus: Wanted = "default"
    fps: float | None = None
    min_confidence: float = 0.0
    baseline: Literal["none", "video"] = "none"
    time_unit: TimeUnit | None = None

    def read(self, path: Path, *, landmarks: bool = False) -> list[AUSeries]:
        """The series of one table, with landmarks where they are asked for and there."""
        return read_au_table(
            path,
            fps=self.fps,
            min_confidence=self.min_confidence,
            time_unit=self.time_unit,
            landmarks=landmarks,
        )


@dataclass
class Failures:
    """Tables that cannot be used: told at once, and remembered; the others go on."""

    progress: Progress
    reasons: list[str] = field(default_factory=list)

    @contextmanager
    def caught(self) -> Iterator[None]:
        """An `InputError` ends this block only."""
        try:
            yield
        except InputError as error:
            self.reasons.append(str(error))
            self.progress.fail(str(error))


def require(one: AUSeries, aus: tuple[int, ...], other: Path | None) -> None:
    """Check that a series has all of `aus`, and that no other table is about the same face.

    Parameters
    ----------
    one : AUSeries
    aus : tuple of int
    other : Path or None
        The table of the same video and face that was read before.

    Raises
    ------
    InputError
        If not.
    """
    missing = [au for au in aus if au not in one.aus]
    if missing:
        raise InputError(
            f"{one.source}: no AU {', '.join(map(str, missing))}, only {', '.join(map(str, one.aus))}; "
            "choose with --aus"
        )
    if other is not None:
        raise InputError(f"{one.source}: video {one.video!r}, face {one.face_id!r} is already in {other}; give one")

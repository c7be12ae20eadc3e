"""FACS-coded recordings as every reader of a dataset gives them: images, subjects, and the coded intensities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facs_pipeline.action_units.names import AU_NAMES, MAX_INTENSITY
from facs_pipeline.datasets.labelled_faces import Skipped
from facs_pipeline.foundation.errors import InputError


@dataclass(frozen=True)
class CodedClip:
    """One video, folder of images, or single image with coded frames.

    Attributes
    ----------
    source : Path
        Video file, folder of images, or one image.
    subject : str
        Whose face it shows; the same text means the same person throughout the dataset.
    frames : ndarray of int
        Coded frames [m], from 1, ascending, none twice; a single image is frame 1.
    intensities : ndarray of float32
        [m, k], 0..5 for each of the dataset's action units; NaN where it was not coded.
    """

    source: Path
    subject: str
    frames: np.ndarray
    intensities: np.ndarray

    def __post_init__(self) -> None:
        if len(self.frames) != len(self.intensities) or self.intensities.ndim != 2:
            raise ValueError(f"{self.source}: {len(self.frames)} frames but intensities {self.intensities.shape}")

    def thinned(self, every: int) -> CodedClip:
        """Every `every`-th coded frame: neighbours in a video are nearly the same picture."""
        return CodedClip(self.source, self.subject, self.frames[::every], self.intensities[::every])


@dataclass(frozen=True)
class CodedSet:
    """A dataset.

    Attributes
    ----------
    name : str
        What messages and results call it.
    aus : tuple of int
        Its action units [k], FACS numbers, ascending.
    clips : tuple of CodedClip
        Its recordings.
    skipped : tuple of Skipped
        Rows that name nothing that is there, left out.
    """

    name: str
    aus: tuple[int, ...]
    clips: tuple[CodedClip, ...]
    skipped: tuple[Skipped, ...] = ()

    def only(self, aus: Sequence[int]) -> CodedSet:
        """The dataset with some of its action units.

        Parameters
        ----------
        aus : sequence of int
            FACS numbers, in any order.

        Raises
        ------
        InputError
            If it has not been coded for one of them.
        """
        missing = [au for au in aus if au not in self.aus]
        if missing:
            raise InputError(f"{self.name}: AU{missing[0]} is not coded; there are {', '.join(map(str, self.aus))}")
        aus = tuple(sorted(set(aus)))
        columns = [self.aus.index(au) for au in aus]
        clips = (CodedClip(c.source, c.subject, c.frames, c.intensities[:, columns]) for c in self.clips)
        return CodedSet(self.name, aus, tuple(clips), self.skipped)

    @property
    def n_frames(self) -> int:
        """Coded frames of all clips together."""
        return sum(len(clip.frames) for clip in self.clips)

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects, sorted."""
        return tuple(sorted({clip.subject for clip in self.clips}))


def known_au(number: int | None, where: str) -> int:
    """The number itself if FACS knows it; `where` begins the error's text otherwise."""
    if number is None or number not in AU_NAMES:
        name = "this" if number is None else f"AU{number}"
        raise InputError(f"{where}: {name} is no FACS action unit facs knows ({', '.join(map(str, AU_NAMES))})")
    return number


def read_intensity(text: str, where: str) -> float:
    """An intensity cell: a number 0..5, NaN for an empty cell; `where` begins the error's text."""
    text = text.strip()
    if not text:
        return float("nan")
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= MAX_INTENSITY:
        raise InputError(f"{where}: intensity {text!r}; expected a number from 0 to 5 (FACS A to E are 1 to 5)")
    return value


def ranges(numbers: Sequence[int] | np.ndarray, at_most: int = 4) -> str:
    """Frame numbers as text, runs joined, cut after `at_most` runs.

    >>> ranges([1, 2, 3, 7])
    '1-3, 7'
    """
    unique = np.unique(np.asarray(numbers, dtype=np.int64))
    runs = np.split(unique, np.flatnonzero(np.diff(unique) != 1) + 1)
    text = [f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs[:at_most]]
    return ", ".join(text) + (f" and {len(runs) - at_most} more" if len(runs) > at_most else "")

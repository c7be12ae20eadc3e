"""What a stage is: what it takes, its settings, what it gives and how it computes.

Importing a stage imports nothing heavy: a run in which everything is stored is over before a model would be read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from facs_pipeline.extraction.options import Options
    from facs_pipeline.tables.schema import Column

FRAMES = "frames"
"""Name of the input that is not another stage's result: the video's frames with their faces, in `FrameBatch`es."""


@dataclass(frozen=True)
class VideoSettings:
    """Settings that differ from video to video within a run.

    Attributes
    ----------
    image_fps : float or None
        Frames per second of a folder of images; None for a video file, which carries its own times.
    baseline : None, "video", or tuple of float
        Subtract nothing, the video's own resting face, or these resting intensities of each action unit.
    """

    image_fps: float | None = None
    baseline: str | tuple[float, ...] | None = None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> VideoSettings:
        """From what JSON makes of `dataclasses.asdict`."""
        baseline = values["baseline"]
        return cls(values["image_fps"], tuple(baseline) if isinstance(baseline, list) else baseline)


@dataclass(frozen=True)
class ModelFile:
    """A model as a stage's setting: read from its place, known by its content.

    Attributes
    ----------
    name : str
        What it measures: ``"landmarks"``, ``"action_units"``, ``"emotions"``.
    path : Path
    sha256 : str
        Hash of the model's numbers; the only part of it in the keys of results.
    """

    name: str
    path: Path
    sha256: str


@dataclass(frozen=True)
class StageSettings:
    """Base of each stage's settings: everything that its results depend on, besides their inputs and its version."""

    def key(self) -> dict[str, Any]:
        """The settings as JSON-able values; model files by their hashes, nested settings by their values."""
        return dict(self._values)

    @cached_property
    def _values(self) -> dict[str, Any]:
        # Asked for again with every video.
        values: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, ModelFile):
                value = value.sha256
            elif hasattr(value, "__dataclass_fields__"):
                value = asdict(value)
            values[field.name] = value
        return values


class Computation(ABC):
    """A stage at work on one video: chunks go in, chunks come out, at once or later, as many and in the same order."""

    @abstractmethod
    def push(self, chunks: Mapping[str, Any]) -> Any | None:
        """Take the next chunk of each input; give the next finished chunk, None where there is none yet."""

    def finish(self) -> tuple[Any | None, dict[str, Any]]:
        """The chunk that is still due, None where none is, and JSON-able facts about the whole video."""
        return None, {}


class PerChunk(Computation):
    """A computation whose chunks do not depend on each other."""

    def __init__(self, function: Callable[[Mapping[str, Any]], Any]) -> None:
        self._function = function

    def push(self, chunks: Mapping[str, Any]) -> Any:
        """The function of the chunks."""
        return self._function(chunks)


@dataclass(frozen=True)
class Stage(ABC):
    """One step from a video to its tables.

    A subclass names its `settings` (a frozen dataclass), and as class variables what it is called and takes. Keys of
    stored results are derived from these.

    Attributes
    ----------
    name : str
        Of the stage and of its stored results.
    version : int
        Raised whenever the same inputs and settings would give another result.
    inputs : tuple of str
        Earlier stages whose results it takes; `FRAMES` stands for the decoded frames.
    of_whole_video : bool
        False for a result with a chunk for each chunk of frames; True for one that needs the whole series. The
        latter are computed once the table is written.
    large : bool
        True for a result that takes much room and is in no table itself; it is stored where `Options.keep` says so.
    settings : StageSettings
    """

    name: ClassVar[str]
    version: ClassVar[int]
    inputs: ClassVar[tuple[str, ...]]
    of_whole_video: ClassVar[bool] = False
    large: ClassVar[bool] = False

    settings: StageSettings

    @classmethod
    @abstractmethod
    def configured(cls, options: Options, video: VideoSettings) -> Self | None:
        """The stage as the options ask for it; None where they do not ask for it.

        Raises
        ------
        InputError, ModelError
            If an option's value or a model file cannot be used.
        """

    @abstractmethod
    def computation(self, tick: Callable[[], None]) -> Computation:
        """Begin with one video; `tick` is to be called at least every few seconds, to show that work goes on."""

    def models(self) -> list[ModelFile]:
        """The model files it uses."""
        values = [getattr(self.settings, field.name) for field in fields(self.settings)]
        return [value for value in values if isinstance(value, ModelFile)]

    def columns(self, facts: Mapping[str, Any]) -> Sequence[Column]:
        """The columns that its chunks add to action-unit tables, behind the action units; none by default.

        `facts` are those of the stored result.
        """
        return ()

    def cells(self, chunk: Any, facts: Mapping[str, Any]) -> Sequence[Any]:
        """For each of `columns`, the values [m] of those rows of a chunk that have a face."""
        return ()

    def video_columns(self) -> Sequence[str]:
        """The columns that it adds to ``videos.csv``; none by default."""
        return ()

    def video_cells(self, facts: Mapping[str, Any]) -> Sequence[str]:
        """The text for each of `video_columns`."""
        return ()

"""Stage: frames and landmarks -> LBP, HOG and shape of each face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.stage import FRAMES, Computation, PerChunk, Stage, StageSettings, VideoSettings


@dataclass(frozen=True)
class FeaturesStageSettings(StageSettings):
    """Settings of the stage.

    Attributes
    ----------
    appearance : dict
        Settings of texture, LBP, HOG and shape, and the hash of the shape modes.
    """

    appearance: dict[str, Any]


@dataclass(frozen=True)
class Features(Stage):
    """Feature vectors of the faces in `Faces`' rows."""

    name = "features"
    version = 3
    inputs = (FRAMES, "landmarks")
    large = True

    settings: FeaturesStageSettings

    @classmethod
    def configured(cls, options: Options, video: VideoSettings) -> Self:
        """Always there."""
        from facs_pipeline.features.vector import made_by

        return cls(FeaturesStageSettings(made_by()))

    def computation(self, tick: Callable[[], None]) -> Computation:
        """Take the vectors of each batch."""
        return PerChunk(lambda chunks: chunks[FRAMES].features())

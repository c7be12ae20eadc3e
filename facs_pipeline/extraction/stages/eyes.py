"""Stage: registered faces -> how the eyes are turned in the head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from facs_pipeline.extraction.models import gaze_model, load_gaze
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.stage import (
    FRAMES,
    Computation,
    ModelFile,
    PerChunk,
    Stage,
    StageSettings,
    VideoSettings,
)


@dataclass(frozen=True)
class EyesSettings(StageSettings):
    """Settings of the stage.

    Attributes
    ----------
    gaze_model : ModelFile
    """

    gaze_model: ModelFile


@dataclass(frozen=True)
class Eyes(Stage):
    """Angles [m, 2] of the eyes in the head, see `facs_pipeline.action_units.gaze`; `Gaze` makes columns of them.

    A stage of its own: with another action-unit model no video is decoded again.
    """

    name = "eyes"
    version = 1
    inputs = (FRAMES, "landmarks")

    settings: EyesSettings

    @classmethod
    def configured(cls, options: Options, video: VideoSettings) -> Self:
        """Always there."""
        return cls(EyesSettings(gaze_model()))

    def computation(self, tick: Callable[[], None]) -> Computation:
        """Measure each chunk."""
        return PerChunk(self._angles)

    def _angles(self, chunks: Mapping[str, Any]) -> np.ndarray:
        return load_gaze(self.settings.gaze_model).angles(chunks[FRAMES].eyes())

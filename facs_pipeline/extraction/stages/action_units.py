"""Stage: features -> intensities of action units, smoothed over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from facs_pipeline.extraction.models import action_unit_model, load_action_units
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.stage import Computation, ModelFile, Stage, StageSettings, VideoSettings


@dataclass(frozen=True)
class ActionUnitsSettings(StageSettings):
    """Settings of the stage.

    Attributes
    ----------
    au_model : ModelFile
    """

    au_model: ModelFile


@dataclass(frozen=True)
class ActionUnits(Stage):
    """Intensities 0..5 of the faces in `Faces' rows."""

    name = "action_units"
    version = 3
    inputs = ("faces", "features")

    settings: ActionUnitsSettings

    @classmethod
    def configured(cls, options: Options, video: VideoSettings) -> Self:
        """Always there."""
        return cls(ActionUnitsSettings(action_unit_model(options.au_model)))

    def computation(self, tick: Callable[[], None]) -> Computation:
        """Predict chunk by chunk; smoothing needs the next chunk, so each comes one later."""
        return _Intensities(self.settings.au_model, tick)


class _Intensities(Computation):
    def __init__(self, file: ModelFile, tick: Callable[[], None]) -> None:
        from facs_pipeline.action_units.bilateral_filter import BilateralFilter

        self._model, self._filter, self._tick = load_action_units(file), BilateralFilter(), tick

    def push(self, chunks: Mapping[str, Any]) -> np.ndarray | None:
        self._tick()
        features = chunks["features"]
        if len(features):
            intensities = self._model.predict(features)
        else:
            intensities = np.empty((0, len(self._model.aus)), np.float32)
        return self._filter.push(chunks["faces"], intensities)

    def finish(self) -> tuple[np.ndarray | None, dict[str, Any]]:
        return self._filter.finish(), {}

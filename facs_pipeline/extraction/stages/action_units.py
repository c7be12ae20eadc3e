"""Stage: features -> intensities of action units, smoothed over time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from facs_pipeline.extraction.models import action_unit_model, load_action_units
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.stage import Computation, ModelFile, Stage, StageSettings, VideoSettings

if TYPE_CHECKING:
    from facs_pipeline.features.confidence import Confidence


@dataclass(frozen=True)
class ActionUnitsSettings(StageSettings):
    """Settings of the stage.

    Attributes
    ----------
    au_model : ModelFile
    least_confidence : float
        Where the confidence in its half of the face is lower, an intensity is NaN.
    """

    au_model: ModelFile
    least_confidence: float


@dataclass(frozen=True)
class ActionUnits(Stage):
    """Intensities 0..5 of the faces in `Faces' rows; NaN where they cannot be trusted."""

    name = "action_units"
    version = 4
    inputs = ("faces", "features", "confidence")

    settings: ActionUnitsSettings

    @classmethod
    def configured(cls, options: Options, video: VideoSettings) -> Self:
        """Always there."""
        return cls(ActionUnitsSettings(action_unit_model(options.au_model), options.least_trusted))

    def computation(self, tick: Callable[[], None]) -> Computation:
        """Predict chunk by chunk; smoothing needs the next chunk, so each comes one later."""
        return _Intensities(self.settings, tick)


class _Intensities(Computation):
    def __init__(self, settings: ActionUnitsSettings, tick: Callable[[], None]) -> None:
        from facs_pipeline.action_units.bilateral_filter import BilateralFilter

        self._model, self._filter, self._tick = load_action_units(settings.au_model), BilateralFilter(), tick
        self._least = settings.least_confidence
        self._waiting: deque[Confidence] = deque()

    def push(self, chunks: Mapping[str, Any]) -> np.ndarray | None:
        self._tick()
        features = chunks["features"]
        if len(features):
            intensities = self._model.predict(features)
        else:
            intensities = np.empty((0, len(self._model.aus)), np.float32)
        self._waiting.append(chunks["confidence"])
        return self._trusted(self._filter.push(chunks["faces"], intensities))

    def finish(self) -> tuple[np.ndarray | None, dict[str, Any]]:
        return self._trusted(self._filter.finish()), {}

    def _trusted(self, smoothed: np.ndarray | None) -> np.ndarray | None:
        if smoothed is None:
            return None
        return self._waiting.popleft().trusted(smoothed, self._model.aus, self._least)

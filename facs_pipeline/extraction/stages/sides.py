"""Stage: features -> by how much each action unit is stronger on the person's left, smoothed over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from facs_pipeline.extraction.models import load_sides, side_model, sided_aus
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.stage import Computation, ModelFile, Stage, StageSettings, VideoSettings


@dataclass(frozen=True)
class SidesSettings(StageSettings):
    """Settings of the stage.

    Attributes
    ----------
    side_model : ModelFile
    aus : tuple of int
        Action units of the differences' columns: those with two sides that the action-unit model measures.
    """

    side_model: ModelFile
    aus: tuple[int, ...]


@dataclass(frozen=True)
class Sides(Stage):
    """Left less right [m, u] of the faces in `Faces' rows; the tables hold both sides."""

    name = "sides"
    version = 1
    inputs = ("faces", "features")

    settings: SidesSettings

    @classmethod
    def configured(cls, options: Options, video: VideoSettings) -> Self:
        """Always there."""
        return cls(SidesSettings(side_model(), sided_aus(options.au_model)))

    def computation(self, tick: Callable[[], None]) -> Computation:
        """Predict chunk by chunk; smoothing needs the next chunk, so each comes one later."""
        return _Differences(self.settings, tick)


class _Differences(Computation):
    def __init__(self, settings: SidesSettings, tick: Callable[[], None]) -> None:
        from facs_pipeline.action_units.bilateral_filter import BilateralFilter

        self._model, self._filter, self._tick = load_sides(settings.side_model), BilateralFilter(), tick
        self._columns = [self._model.aus.index(au) for au in settings.aus]

    def push(self, chunks: Mapping[str, Any]) -> np.ndarray | None:
        self._tick()
        differences = self._model.differences(chunks["features"])[:, self._columns]
        return self._filter.push(chunks["faces"], differences)

    def finish(self) -> tuple[np.ndarray | None, dict[str, Any]]:
        return self._filter.finish(), {}

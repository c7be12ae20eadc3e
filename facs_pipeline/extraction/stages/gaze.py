"""Stage: how the eyes and the head are turned -> where the eyes look, coarsely."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from facs_pipeline.extraction.models import measured_aus
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.stage import Computation, PerChunk, Stage, StageSettings, VideoSettings
from facs_pipeline.tables.schema import ACTION_UNITS, Column, presence_columns

_BLINK_AU = 45
_TURNED_AUS = (61, 62, 63, 64)


@dataclass(frozen=True)
class GazeSettings(StageSettings):
    """Settings of the stage.

    Attributes
    ----------
    aus : tuple of int
        Action units of the intensities' columns.
    """

    aus: tuple[int, ...]


@dataclass(frozen=True)
class Gaze(Stage):
    """Angles of the eyes in the head [m, 2], then OpenFace's gaze angles [m, 2]; NaN for closed or hidden eyes."""

    name = "gaze"
    version = 1
    inputs = ("eyes", "landmarks", "action_units")

    settings: GazeSettings

    @classmethod
    def configured(cls, options: Options, video: VideoSettings) -> Self:
        """Always there."""
        return cls(GazeSettings(measured_aus(options.au_model)))

    def computation(self, tick: Callable[[], None]) -> Computation:
        """Measure each chunk."""
        return PerChunk(self._angles)

    def columns(self, facts: Mapping[str, Any]) -> Sequence[Column]:
        """Both angles, and whether the eyes are turned left, right, up or down."""
        angles = [ACTION_UNITS["gaze_angle_x"], ACTION_UNITS["gaze_angle_y"]]
        return [*angles, *presence_columns(ACTION_UNITS, _TURNED_AUS)]

    def cells(self, chunk: np.ndarray, facts: Mapping[str, Any]) -> Sequence[np.ndarray]:
        """See `columns`."""
        from facs_pipeline.action_units.gaze import eyes_turned

        in_head, unknown = chunk[:, :2], np.isnan(chunk[:, 0])
        turned = (np.where(unknown, np.nan, eyes) for eyes in eyes_turned(in_head).values())
        return [*chunk[:, 2:].T, *turned]

    def _angles(self, chunks: Mapping[str, Any]) -> np.ndarray:
        from facs_pipeline.action_units.gaze import EYES_CLOSED, gaze_angles

        in_head = chunks["eyes"]
        angles = np.concatenate([in_head, gaze_angles(in_head, chunks["landmarks"]["pose"])], axis=1)
        if _BLINK_AU in self.settings.aus:
            # Not below: an eye whose half of the face is not trusted has no intensity.
            seen = chunks["action_units"][:, self.settings.aus.index(_BLINK_AU)] < EYES_CLOSED
            angles[~seen] = np.nan
        return angles

"""Stage: frames -> the 68 landmarks of each face, smoothed over time, and the pose of its head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from facs_pipeline.extraction.models import landmark_model, landmark_places
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
class LandmarksSettings(StageSettings):
    """Settings of the stage.

    Attributes
    ----------
    landmark_model : ModelFile
    places : ModelFile
        Of iBUG's places.
    """

    landmark_model: ModelFile
    places: ModelFile


@dataclass(frozen=True)
class Landmarks(Stage):
    """Points and pose of the faces in `Faces`' rows."""

    name = "landmarks"
    version = 4
    inputs = (FRAMES, "faces")

    settings: LandmarksSettings

    @classmethod
    def configured(cls, options: Options, video: VideoSettings) -> Self:
        """Always there."""
        return cls(LandmarksSettings(landmark_model(options.landmarks), landmark_places()))

    def computation(self, tick: Callable[[], None]) -> Computation:
        """Take the points of each batch."""
        return PerChunk(_points_and_pose)


def _points_and_pose(chunks: Mapping[str, Any]) -> dict[str, np.ndarray]:
    frames = chunks[FRAMES]
    place, pose = np.split(frames.place_and_pose(), 2, axis=1)
    return {"points": frames.points(), "ibug_points": frames.ibug_points(), "place": place, "pose": pose}

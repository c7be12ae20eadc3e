"""Stage: frames -> which faces are where, how sure, and what is known of the video as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from facs_pipeline.extraction.models import landmark_model
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.stage import FRAMES, Computation, ModelFile, Stage, StageSettings, VideoSettings
from facs_pipeline.faces.settings import SETTINGS as TRACKER_SETTINGS
from facs_pipeline.faces.settings import TrackerSettings


@dataclass(frozen=True)
class FacesSettings(StageSettings):
    """Settings of the stage.

    Attributes
    ----------
    faces : str
        ``"one"`` for the main face, ``"all"`` for everybody.
    tracker : TrackerSettings
    landmark_model : ModelFile
        Tracking goes from landmarks to landmarks.
    image_fps : float or None
        See `VideoSettings`.
    """

    faces: str
    tracker: TrackerSettings
    landmark_model: ModelFile
    image_fps: float | None


@dataclass(frozen=True)
class Faces(Stage):
    """Rows of frames and faces; the facts hold numbers of frames, times and cuts."""

    name = "faces"
    version = 9
    inputs = (FRAMES,)

    settings: FacesSettings

    @classmethod
    def configured(cls, options: Options, video: VideoSettings) -> Self:
        """Always there."""
        model = landmark_model(options.landmarks)
        return cls(FacesSettings(options.faces, TRACKER_SETTINGS, model, video.image_fps))

    def computation(self, tick: Callable[[], None]) -> Computation:
        """Take the rows of each batch."""
        return _Rows()


class _Rows(Computation):
    def __init__(self) -> None:
        self._facts: dict[str, Any] = {}

    def push(self, chunks: Mapping[str, Any]) -> dict[str, Any]:
        batch = chunks[FRAMES]
        self._facts = dict(batch.facts or {})
        return batch.rows()

    def finish(self) -> tuple[None, dict[str, Any]]:
        return None, self._facts

"""Stage: features and landmarks -> how far each face can be trusted, and what hides it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from facs_pipeline.extraction.models import confidence_model
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.stage import Computation, ModelFile, PerChunk, Stage, StageSettings, VideoSettings

if TYPE_CHECKING:
    from facs_pipeline.features.confidence import Confidence as FaceConfidence


@dataclass(frozen=True)
class ConfidenceSettings(StageSettings):
    """Settings of the stage.

    Attributes
    ----------
    confidence_model : ModelFile
    """

    confidence_model: ModelFile


@dataclass(frozen=True)
class Confidence(Stage):
    """Confidence in the faces in `Faces`' rows, as `facs_pipeline.features.confidence.Confidence`."""

    name = "confidence"
    version = 1
    inputs = ("faces", "landmarks", "features")

    settings: ConfidenceSettings

    @classmethod
    def configured(cls, options: Options, video: VideoSettings) -> Self:
        """Always there."""
        return cls(ConfidenceSettings(confidence_model()))

    def computation(self, tick: Callable[[], None]) -> Computation:
        """Judge each chunk."""
        return PerChunk(_judged)


def _judged(chunks: Mapping[str, Any]) -> FaceConfidence:
    from facs_pipeline.features.confidence import default_confidence

    rows = chunks["faces"]
    score = rows["score"][rows["face_id"] >= 0]
    return default_confidence().judge(chunks["features"], chunks["landmarks"]["points"], score)

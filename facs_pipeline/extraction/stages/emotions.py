"""Stage, where it is asked for: features -> probabilities of emotion labels of each face."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from facs_pipeline.extraction.models import emotion_model, load_emotions
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.stage import Computation, ModelFile, Stage, StageSettings, VideoSettings
from facs_pipeline.tables.schema import VIDEOS, Column, emotion_columns


@dataclass(frozen=True)
class EmotionsSettings(StageSettings):
    """Settings of the stage.

    Attributes
    ----------
    emotion_model : ModelFile
    """

    emotion_model: ModelFile


@dataclass(frozen=True)
class Emotions(Stage):
    """Probabilities; the facts name the emotions and count the frames in which each is the most probable."""

    name = "emotions"
    version = 2
    inputs = ("features",)

    settings: EmotionsSettings

    @classmethod
    def configured(cls, options: Options, video: VideoSettings) -> Self | None:
        """Only there with ``--emotion`` or ``--emotion-model``."""
        if not (options.emotion or options.emotion_model):
            return None
        return cls(EmotionsSettings(emotion_model(options.emotion_model)))

    def computation(self, tick: Callable[[], None]) -> Computation:
        """Predict chunk by chunk."""
        return _Probabilities(self.settings.emotion_model, tick)

    def columns(self, facts: Mapping[str, Any]) -> Sequence[Column]:
        """The most probable emotion, its probability, and those of all."""
        return emotion_columns(facts["emotions"])

    def cells(self, chunk: np.ndarray, facts: Mapping[str, Any]) -> Sequence[Any]:
        """See `columns`."""
        names = np.array(facts["emotions"], object)
        return [names[chunk.argmax(axis=1)], chunk.max(axis=1), *chunk.T]

    def video_columns(self) -> Sequence[str]:
        """The emotion that most frames show, and their share."""
        return [column.name for column in VIDEOS.extra]

    def video_cells(self, facts: Mapping[str, Any]) -> Sequence[str]:
        """See `video_columns`."""
        from facs_pipeline.emotions.series import most_frequent

        emotion, share = most_frequent(facts["emotions"], facts["frames"])
        return [emotion, VIDEOS["main_emotion_share"].cell(share)]


class _Probabilities(Computation):
    def __init__(self, file: ModelFile, tick: Callable[[], None]) -> None:
        self._model, self._tick = load_emotions(file), tick
        self._frames = np.zeros(len(self._model.emotions), np.int64)

    def push(self, chunks: Mapping[str, Any]) -> np.ndarray:
        from facs_pipeline.emotions.series import emotion_probabilities

        self._tick()
        probabilities = emotion_probabilities(self._model, chunks["features"])
        self._frames += np.bincount(probabilities.argmax(axis=1), minlength=len(self._frames))
        return probabilities

    def finish(self) -> tuple[None, dict[str, Any]]:
        return None, {"emotions": list(self._model.emotions), "frames": self._frames.tolist()}

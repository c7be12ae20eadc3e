"""Stage: intensities over time -> the facial activity descriptor of each face, and the blinks of the main one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from facs_pipeline.extraction.models import measured_aus
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.stage import Computation, Stage, StageSettings, VideoSettings
from facs_pipeline.foundation.errors import InputError

if TYPE_CHECKING:
    from facs_pipeline.dynamics.face_series import VideoDescriptors
    from facs_pipeline.extraction.resting_faces import RestingFaces

_ROWS = ("frame", "face_id", "time_s")


@dataclass(frozen=True)
class DescriptorsSettings(StageSettings):
    """Settings of the stage.

    Attributes
    ----------
    aus : tuple of int
        Action units of the intensities' columns.
    cutoff_hz : float
        Of the smoothing, in Hz.
    baseline : None, "video", or tuple of float
        See `VideoSettings`.
    """

    aus: tuple[int, ...]
    cutoff_hz: float
    baseline: str | tuple[float, ...] | None


@dataclass(frozen=True)
class Descriptors(Stage):
    """One chunk, a dict as `facs_pipeline.dynamics.face_series.describe_faces` gives it."""

    name = "descriptors"
    version = 5
    inputs = ("faces", "action_units")
    of_whole_video = True

    settings: DescriptorsSettings

    @classmethod
    def configured(cls, options: Options, video: VideoSettings) -> Self | None:
        """Unless the extended ones are asked for."""
        if not 0 < options.cutoff_hz < 50:
            raise InputError(f"--cutoff-hz is {options.cutoff_hz:g}, expected more than 0 and less than 50 Hz")
        if options.descriptor_set != "published":
            return None
        return cls(DescriptorsSettings(measured_aus(options.au_model), options.cutoff_hz, video.baseline))

    def computation(self, tick: Callable[[], None]) -> Computation:
        """Collect the series, describe them at the end."""
        return _Series(self.settings, tick)


class _Series(Computation):
    def __init__(self, settings: DescriptorsSettings, tick: Callable[[], None]) -> None:
        self._settings, self._tick = settings, tick
        self._chunks: list[tuple[dict[str, np.ndarray], np.ndarray]] = []

    def push(self, chunks: Mapping[str, Any]) -> None:
        self._tick()
        self._chunks.append(({name: chunks["faces"][name] for name in _ROWS}, chunks["action_units"]))

    def finish(self) -> tuple[VideoDescriptors, dict[str, Any]]:
        from facs_pipeline.dynamics.face_series import describe_faces, series_of_faces
        from facs_pipeline.extraction.resting_faces import RestingFaces

        frames = int(self._chunks[-1][0]["frame"][-1]) + 1
        resting = RestingFaces.of(self._settings.baseline, self._chunks, frames)
        series = series_of_faces(self._above(resting), frames)
        return describe_faces(series, self._settings.aus, cutoff_hz=self._settings.cutoff_hz, tick=self._tick), {}

    def _above(self, resting: RestingFaces) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        for rows, intensities in self._chunks:
            yield rows, resting.subtract(intensities, rows["face_id"])


@dataclass(frozen=True)
class ExtendedSettings(StageSettings):
    """Settings of the extended descriptors.

    Attributes
    ----------
    aus : tuple of int
        Action units of the intensities' columns.
    baseline : None, "video", or tuple of float
        See `VideoSettings`.
    """

    aus: tuple[int, ...]
    baseline: str | tuple[float, ...] | None


@dataclass(frozen=True)
class ExtendedDescriptors(Stage):
    """In place of `Descriptors`: one chunk, as `facs_pipeline.dynamics.face_series.describe_motions` gives it."""

    name = "descriptors"
    version = 101
    inputs = ("faces", "landmarks", "action_units")
    of_whole_video = True

    settings: ExtendedSettings

    @classmethod
    def configured(cls, options: Options, video: VideoSettings) -> Self | None:
        """Where they are asked for."""
        if options.descriptor_set != "extended":
            return None
        return cls(ExtendedSettings(measured_aus(options.au_model), video.baseline))

    def computation(self, tick: Callable[[], None]) -> Computation:
        """Collect the series, describe them at the end."""
        return _Motions(self.settings, tick)


class _Motions(Computation):
    def __init__(self, settings: ExtendedSettings, tick: Callable[[], None]) -> None:
        self._settings, self._tick = settings, tick
        self._chunks: list[tuple[dict[str, np.ndarray], np.ndarray]] = []
        self._points: list[np.ndarray] = []

    def push(self, chunks: Mapping[str, Any]) -> None:
        self._tick()
        self._chunks.append(({name: chunks["faces"][name] for name in _ROWS}, chunks["action_units"]))
        self._points.append(chunks["landmarks"]["points"].reshape(-1, 136))

    def finish(self) -> tuple[VideoDescriptors, dict[str, Any]]:
        from facs_pipeline.dynamics.face_series import describe_motions, series_of_faces
        from facs_pipeline.extraction.resting_faces import RestingFaces

        frames = int(self._chunks[-1][0]["frame"][-1]) + 1
        resting = RestingFaces.of(self._settings.baseline, self._chunks, frames)
        rows = [
            (rows, np.hstack([resting.subtract(intensities, rows["face_id"]), points]))
            for (rows, intensities), points in zip(self._chunks, self._points, strict=True)
        ]
        return describe_motions(series_of_faces(rows, frames), self._settings.aus, tick=self._tick), {}

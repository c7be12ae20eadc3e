"""Each video's resting face, where it is to be found in other videos: its subject's, or a clip's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from facs_pipeline.action_units.baseline import resting_intensity
from facs_pipeline.extraction.cache import Cache, stage_keys
from facs_pipeline.extraction.inputs import VideoInput, find_videos
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.plan import stages_for
from facs_pipeline.extraction.stage import VideoSettings
from facs_pipeline.extraction.video_result import VideoResult
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.artifacts import BadArtifactError

_ATTEMPTS = 3
"""So often are stored results computed anew that cannot be read back."""


class DoVideos(Protocol):
    """Does videos that are not done; `bad` are those whose stored action units could not be read, and why."""

    def __call__(  # noqa: D102  the class says it
        self,
        videos: list[VideoInput],
        settings: dict[str, VideoSettings],
        *,
        only_action_units: bool = False,
        bad: Mapping[str, str] | None = None,
    ) -> dict[str, VideoResult]: ...


class Baselines:
    """Finds resting faces in videos.

    Parameters
    ----------
    options : Options
    cache : Cache
    do : DoVideos
        Measures the action units of those that are not measured yet.
    """

    def __init__(self, options: Options, cache: Cache, do: DoVideos) -> None:
        self._options, self._cache, self._do = options, cache, do

    def find(
        self,
        videos: list[VideoInput],
        settings: dict[str, VideoSettings],
        metadata: dict[str, dict[str, str]],
    ) -> dict[str, VideoResult]:
        """Put each video's resting face into its settings; return the videos that failed on the way."""
        if self._options.baseline != "subject":
            try:
                found = find_videos([self._options.baseline])
            except InputError as error:
                raise InputError(f"--baseline is none, video, subject or a clip of the resting face; {error}") from None
            clips = [replace(clip, name=f"rest clip {clip.name}") for clip in found]
            image_fps = self._options.image_fps if clips[0].is_images else None
            of_clips = {clip.name: VideoSettings(image_fps) for clip in clips}
            stored, failed = self._intensities(clips, of_clips)
            for result in failed.values():
                raise InputError(f"{result.name}: {result.reason}")
            resting = _resting([chunk for clip in clips for chunk in stored[clip.name]], share=1.0)
            if resting is None:
                raise InputError(f"{self._options.baseline}: no face found in the clip of the resting face")
            set_baseline(videos, settings, resting)
            return {}
        groups: dict[str, list[VideoInput]] = defaultdict(list)
        for video in videos:
            groups[metadata[video.name]["subject"]].append(video)
        # All of them first, so that every worker is busy; then subject by subject, as nobody's memory holds all.
        failed = _failed(self._do(videos, settings, only_action_units=True))
        for group in groups.values():
            good = [video for video in group if video.name not in failed]
            stored, more = self._intensities(good, settings)
            failed |= more
            set_baseline(good, settings, _resting([chunk for chunks in stored.values() for chunk in chunks]))
        return failed

    def _intensities(
        self, videos: list[VideoInput], settings: dict[str, VideoSettings]
    ) -> tuple[dict[str, list[np.ndarray]], dict[str, VideoResult]]:
        """Stored action units of videos, by name, and the videos that failed.

        What cannot be read any more, whatever the reason, is computed anew.
        """
        stored: dict[str, list[np.ndarray]] = {}
        failed: dict[str, VideoResult] = {}
        bad: dict[str, str] = {}
        for _ in range(_ATTEMPTS):
            left = [video for video in videos if video.name not in stored and video.name not in failed]
            results = self._do(left, settings, only_action_units=True, bad=bad)
            failed |= _failed(results)
            for video in left:
                if video.name not in failed:
                    try:
                        stored[video.name] = self._stored_intensities(results[video.name], settings[video.name])
                    except (FileNotFoundError, BadArtifactError) as error:
                        bad[video.name] = str(error) if isinstance(error, BadArtifactError) else "is gone"
        for video in videos:
            if video.name not in stored and video.name not in failed:
                reason = f"{self._cache.folder}: stored results are damaged or gone again and again; check the disk"
                failed[video.name] = VideoResult.failed(video, reason)
        # In the order of the videos: a sum in another order would have other last digits.
        return {video.name: stored[video.name] for video in videos if video.name in stored}, failed

    def _stored_intensities(self, result: VideoResult, settings: VideoSettings) -> list[np.ndarray]:
        keys = stage_keys(result.sha256, stages_for(self._options, settings))
        return list(self._cache.open(keys["action_units"]))


def _failed(results: Mapping[str, VideoResult]) -> dict[str, VideoResult]:
    return {name: result for name, result in results.items() if result.status == "failed"}


def _resting(chunks: Sequence[np.ndarray], share: float | None = None) -> tuple[float, ...] | None:
    """The resting face in the intensities of videos; None where no face is in them."""
    parts = [chunk for chunk in chunks if len(chunk)]
    if not parts:
        return None
    resting = resting_intensity(np.concatenate(parts), **({} if share is None else {"share": share}))
    return tuple(resting.tolist())


def set_baseline(
    videos: list[VideoInput], settings: dict[str, VideoSettings], baseline: str | tuple[float, ...] | None
) -> None:
    """Put a resting face into the settings of videos."""
    for video in videos:
        settings[video.name] = replace(settings[video.name], baseline=baseline)


def require_subjects(videos: list[VideoInput], metadata: dict[str, dict[str, str]], options: Options) -> None:
    """Check before the work that every video's subject is known.

    Raises
    ------
    InputError
        If there is no metadata, or a video without a subject.
    """
    if not options.metadata:
        raise InputError("--baseline subject needs --metadata with a column 'subject' that says who is in each video")
    without = [video.name for video in videos if not metadata.get(video.name, {}).get("subject")]
    if without:
        raise InputError(
            f"{options.metadata}: --baseline subject needs the subject of every video; "
            f"{len(without)} have none, the first is {without[0]!r}"
        )

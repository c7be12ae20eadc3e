"""A run over many videos: what is cached is taken, the rest goes to worker processes, then tables are written.

This module imports nothing heavy: a run in which nothing changed is over before the models would be loaded.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from facs_pipeline.action_units.baseline import resting_intensity
from facs_pipeline.dynamics.verdicts import QualityLimits
from facs_pipeline.extraction.cache import Cache, content_sha256, stage_keys, table_key
from facs_pipeline.extraction.inputs import VideoInput, find_videos
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.outputs import Outputs
from facs_pipeline.extraction.plan import check_options, stages_for
from facs_pipeline.extraction.progress import FrameEstimate, size_on_disk
from facs_pipeline.extraction.provenance import mixture_note
from facs_pipeline.extraction.result import RunResult
from facs_pipeline.extraction.stage import VideoSettings
from facs_pipeline.extraction.tables import RunFacts, write_run
from facs_pipeline.extraction.video_hashes import VideoHashes
from facs_pipeline.extraction.video_result import VideoResult
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.artifacts import BadArtifactError, load_key
from facs_pipeline.foundation.files.atomic import make_writable, remove_leftovers, temporary_folder
from facs_pipeline.foundation.files.folder_lock import FolderLock
from facs_pipeline.foundation.pool import Pool
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.video.reader import folder_images

_ATTEMPTS = 3
"""So often are stored results computed anew that cannot be read back."""
_ADVICE = "name another folder with --out or --cache"


def extract_features(
    videos: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    options: Options | None = None,
    progress: Progress = SILENT,
) -> RunResult:
    """Action-unit tables and descriptors of videos.

    Parameters
    ----------
    videos : str or PathLike or sequence of str or PathLike
        One or several files, folders, globs, ``.txt`` lists, folders of images.
    options : Options or None
        See `Options`; its defaults unless given.
    progress : Progress
        Told of the frames decoded, of videos that failed, and why a stage is computed again.

    Returns
    -------
    RunResult
        A video that failed is in it with its reason; the others are done.

    Raises
    ------
    InputError, ModelError
        If no video is found, the output folder cannot be written, or an option or model cannot be used.
    BusyError
        If another run is writing into the output folder.

    Examples
    --------
    >>> result = extract_features(["interviews/"], Options(out=Path("results")))  # doctest: +SKIP
    >>> [(video.name, video.status) for video in result.videos]  # doctest: +SKIP
    [('anna', 'ok'), ('ben', 'ok')]
    """
    named = [videos] if isinstance(videos, str | os.PathLike) else list(videos)
    return _Run(options or Options(), progress).run(named)


class _Run:
    def __init__(self, options: Options, progress: Progress) -> None:
        self.options, self.progress = options, progress
        self.out = Path(os.path.abspath(options.out))
        self.seconds: dict[str, float] = defaultdict(float)
        self._tables_before: dict[str, int | None] = {}

    def run(self, arguments: Sequence[str | os.PathLike]) -> RunResult:
        start = time.perf_counter()
        options = self.options
        cache_folder = Path(os.path.abspath(options.cache or self.out / "cache"))
        videos = find_videos(arguments, exclude=[self.out, cache_folder], note=self.progress.warn)
        metadata = self._metadata(options.metadata, videos) if options.metadata else {}
        if options.baseline == "subject":
            _require_subjects(videos, metadata, options)
        if options.baseline not in ("none", "video") and options.faces == "all":
            raise InputError("a resting face of a subject or clip is one person's; use it with --faces one")
        for note in check_options(options):
            self.progress.warn(note)
        limits = QualityLimits.read(options.quality) if options.quality else QualityLimits()
        key, warning = load_key()
        if warning:
            self.progress.warn(warning)
        make_writable(self.out, _ADVICE)
        with FolderLock(self.out, _ADVICE, self.progress.log) as lock:
            results = self._extracted(videos, metadata, cache_folder, key)
            self.seconds["total"] = time.perf_counter() - start
            lock.check()
            write_run(self.out, results, metadata, RunFacts(options, dict(self.seconds), limits))
        if mixture := mixture_note(results):
            self.progress.warn(mixture)
        self._tell_of_others(results)
        return RunResult(results, self.out, self.outputs, dict(self.seconds))

    def _extracted(
        self, videos: list[VideoInput], metadata: dict[str, dict[str, str]], cache_folder: Path, key: bytes
    ) -> list[VideoResult]:
        """Do the videos, and leave nothing half written behind."""
        self._tidy(self.out)
        with contextlib.ExitStack() as stack:
            if not self.options.keep_cache:
                cache_folder = stack.enter_context(temporary_folder(self.out))
            make_writable(cache_folder, _ADVICE)
            self._tidy(cache_folder)
            self.cache = Cache(cache_folder, key)
            self.outputs = Outputs(self.out, self.options.format, self.options.overlay, cache_folder / "outputs", key)
            self.hashes = VideoHashes(cache_folder / "videos.json", key)
            try:
                return self._process(videos, metadata)
            finally:
                self.hashes.save()
                # Workers that were ended cannot tidy up after themselves.
                remove_leftovers(cache_folder)
                remove_leftovers(self.out, depth=1)

    def _tell_of_others(self, results: list[VideoResult]) -> None:
        others = self.outputs.others(result.name for result in results)
        if others:
            more = f" and {len(others) - 1} more" if len(others) > 1 else ""
            self.progress.warn(
                f"{others[0]}{more} in {others[0].parent.name}/ are of earlier runs; "
                "descriptors.csv and videos.csv are about the videos of this run only"
            )

    def _metadata(self, path: Path, videos: list[VideoInput]) -> dict[str, dict[str, str]]:
        from facs_pipeline.extraction.metadata import read_metadata, without_row

        metadata, notes = read_metadata(path, videos)
        missing = without_row(metadata, videos)
        for note in [*notes, *([f"{path}: {missing}"] if missing else [])]:
            self.progress.warn(note)
        return metadata

    def _tidy(self, folder: Path) -> None:
        for path in remove_leftovers(folder):
            self.progress.log(f"{path.name}: left over from a run that was killed, removed")

    # ------------------------------------------------------------------------------------------------- processing

    def _process(self, videos: list[VideoInput], metadata: dict[str, dict[str, str]]) -> list[VideoResult]:
        per_video = {
            video.name: VideoSettings(image_fps=self.options.image_fps if video.is_images else None) for video in videos
        }
        results = {video.name: VideoResult.failed(video, video.problem) for video in videos if video.problem}
        good = [video for video in videos if not video.problem]
        with Pool(self._workers(len(good)), self._common(), self.options.timeout_s, what="video") as self.pool:
            if self.options.baseline in ("none", "video"):
                resting = self.options.baseline if self.options.baseline == "video" else None
                _set_baseline(good, per_video, resting)
            else:
                failed = self._find_baselines(good, per_video, metadata)
                results |= failed
                good = [video for video in good if video.name not in failed]
            results |= self._do(good, per_video)
        return [results[video.name] for video in videos]

    def _workers(self, videos: int) -> int:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, min(self.options.jobs or cores, videos))

    def _common(self) -> dict[str, Any]:
        return {
            "task": "facs_pipeline.extraction.video_task",
            "cache": str(self.cache.folder),
            "key": self.cache.key.hex(),
            "options": replace(self.options, out=self.out).as_json(),
        }

    def _do(
        self,
        videos: list[VideoInput],
        settings: dict[str, VideoSettings],
        *,
        only_action_units: bool = False,
        bad: Mapping[str, str] | None = None,
    ) -> dict[str, VideoResult]:
        """Do videos that are not done. `bad` are those whose stored action units could not be read, and why."""
        bad = bad or {}
        results: dict[str, VideoResult] = {}
        pending = []
        for video in videos:
            result = None if video.name in bad else self._cached(video, settings[video.name], only_action_units)
            if result:
                results[video.name] = result
            else:
                pending.append(video)
        if not only_action_units:
            done = len(videos) - len(pending)
            self.progress.log(
                f"{len(videos)} video{'s' * (len(videos) != 1)}, {len(pending)} to do, {done} done already"
            )
        # Long videos first: otherwise the last one keeps a single worker busy while the others wait.
        pending.sort(key=lambda video: -size_on_disk(video.path))
        self._tables_before = {video.name: self._table_stamp(video) for video in pending}
        jobs = [
            {
                "path": str(video.path),
                "name": video.name,
                "is_images": video.is_images,
                "settings": asdict(settings[video.name]),
                "sha256": self.hashes.known(video),
                "only_action_units": only_action_units,
                "bad": {"action_units": bad[video.name]} if video.name in bad else {},
            }
            for video in pending
        ]
        estimate = FrameEstimate([size_on_disk(video.path) for video in pending])
        with self.progress.task("decoding", unit="frames") as task:
            for event in self.pool.run(jobs):
                video = pending[event.job]
                if event.kind == "log":
                    self.progress.log(event.content["text"])
                elif event.kind in ("expect", "progress"):
                    estimate.update(event.job, event.kind, event.content["frames"])
                    estimate.tell(task)
                else:
                    result = self._result(video, settings[video.name], event.kind, event.content)
                    results[video.name] = result
                    estimate.finish(event.job)
                    estimate.tell(task)
                    task.say(f"{len(results)}/{len(videos)} videos")
                    if result.trouble:
                        self.progress.warn(f"{video.name}: no descriptors, its table is kept: {result.trouble}")
                    if result.status == "failed" and not only_action_units:
                        self.progress.fail(result.reason)
                    if result.status == "failed" and self.options.fail_fast:
                        self.pool.close()
                        break
        for video in pending:
            if video.name not in results:
                results[video.name] = VideoResult.failed(video, "not processed: the run stopped at the first failure")
        return results

    def _result(self, video: VideoInput, settings: VideoSettings, kind: str, content: dict[str, Any]) -> VideoResult:
        if kind == "failed":
            finished = self._without_descriptors(video, settings, content["reason"])
            if finished:
                return finished
            self.outputs.remove_table(video.name)
            return VideoResult.failed(video, content["reason"])
        for stage, seconds in content["seconds"].items():
            self.seconds[stage] += seconds
        self.hashes.learn(video, content["sha256"])
        return VideoResult.done(video, content["sha256"], content["facts"], content["descriptors"], content["trouble"])

    def _without_descriptors(self, video: VideoInput, settings: VideoSettings, reason: str) -> VideoResult | None:
        """The video, if its worker came to grief only once its table was finished; else None."""
        known, written = self.hashes.known(video), self._table_stamp(video)
        if written is None or (not known and written == self._tables_before.get(video.name)):
            return None
        stages = stages_for(self.options, settings)
        try:
            images = folder_images(video.path) if video.is_images else None
            sha256 = known or content_sha256(video.path, images)
            keys = stage_keys(sha256, stages)
            if not self.outputs.table_is_current(video.name, table_key(keys, stages), settings.baseline):
                return None
            names = [stage.name for stage in stages if not stage.of_whole_video and stage.name != "features"]
            facts = {name: self.cache.open(keys[name]).facts for name in names}
        except (OSError, BadArtifactError):
            return None
        self.hashes.learn(video, sha256)
        return VideoResult.done(video, sha256, facts, None, reason)

    def _table_stamp(self, video: VideoInput) -> int | None:
        """When the video's table was written; None where there is none."""
        try:
            return self.outputs.table(video.name).stat().st_mtime_ns
        except OSError:
            return None

    def _cached(self, video: VideoInput, settings: VideoSettings, only_action_units: bool) -> VideoResult | None:
        sha256 = self.hashes.known(video)
        if not sha256:
            return None
        stages = stages_for(self.options, settings)
        keys = stage_keys(sha256, stages)
        try:
            if only_action_units:
                facts = {name: self.cache.open(keys[name]).facts for name in ("faces", "action_units")}
                return VideoResult.done(video, sha256, facts, None)
            if not self.outputs.table_is_current(video.name, table_key(keys, stages), settings.baseline):
                return None
            stored = {name: self.cache.open(key) for name, key in keys.items() if name != "features"}
            [descriptors] = stored["descriptors"]
        except (FileNotFoundError, BadArtifactError):
            # The worker finds out what is missing, and says so.
            return None
        return VideoResult.done(video, sha256, {name: one.facts for name, one in stored.items()}, descriptors)

    # --------------------------------------------------------------------------------------------------- baselines

    def _find_baselines(
        self,
        videos: list[VideoInput],
        settings: dict[str, VideoSettings],
        metadata: dict[str, dict[str, str]],
    ) -> dict[str, VideoResult]:
        """Put each video's resting face into its settings; return the videos that failed on the way."""
        if self.options.baseline != "subject":
            try:
                found = find_videos([self.options.baseline])
            except InputError as error:
                raise InputError(f"--baseline is none, video, subject or a clip of the resting face; {error}") from None
            clips = [replace(clip, name=f"rest clip {clip.name}") for clip in found]
            image_fps = self.options.image_fps if clips[0].is_images else None
            of_clips = {clip.name: VideoSettings(image_fps) for clip in clips}
            stored, failed = self._intensities(clips, of_clips)
            for result in failed.values():
                raise InputError(f"{result.name}: {result.reason}")
            resting = _resting([chunk for clip in clips for chunk in stored[clip.name]], share=1.0)
            if resting is None:
                raise InputError(f"{self.options.baseline}: no face found in the clip of the resting face")
            _set_baseline(videos, settings, resting)
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
            _set_baseline(good, settings, _resting([chunk for chunks in stored.values() for chunk in chunks]))
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
                reason = f"{self.cache.folder}: stored results are damaged or gone again and again; check the disk"
                failed[video.name] = VideoResult.failed(video, reason)
        # In the order of the videos: a sum in another order would have other last digits.
        return {video.name: stored[video.name] for video in videos if video.name in stored}, failed

    def _stored_intensities(self, result: VideoResult, settings: VideoSettings) -> list[np.ndarray]:
        keys = stage_keys(result.sha256, stages_for(self.options, settings))
        return list(self.cache.open(keys["action_units"]))


def _failed(results: Mapping[str, VideoResult]) -> dict[str, VideoResult]:
    return {name: result for name, result in results.items() if result.status == "failed"}


def _resting(chunks: Sequence[np.ndarray], share: float | None = None) -> tuple[float, ...] | None:
    """The resting face in the intensities of videos; None where no face is in them."""
    parts = [chunk for chunk in chunks if len(chunk)]
    if not parts:
        return None
    resting = resting_intensity(np.concatenate(parts), **({} if share is None else {"share": share}))
    return tuple(resting.tolist())


def _set_baseline(
    videos: list[VideoInput], settings: dict[str, VideoSettings], baseline: str | tuple[float, ...] | None
) -> None:
    for video in videos:
        settings[video.name] = replace(settings[video.name], baseline=baseline)


def _require_subjects(videos: list[VideoInput], metadata: dict[str, dict[str, str]], options: Options) -> None:
    if not options.metadata:
        raise InputError("--baseline subject needs --metadata with a column 'subject' that says who is in each video")
    without = [video.name for video in videos if not metadata.get(video.name, {}).get("subject")]
    if without:
        raise InputError(
            f"{options.metadata}: --baseline subject needs the subject of every video; "
            f"{len(without)} have none, the first is {without[0]!r}"
        )

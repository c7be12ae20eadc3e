"""A run over many videos: what is cached is taken, the rest goes to worker processes, then tables are written.

This module imports nothing heavy: a run in which nothing changed is over before the models would be loaded.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facs_pipeline.dynamics.verdicts import QualityLimits
from facs_pipeline.extraction.baselines import Baselines, require_subjects, set_baseline
from facs_pipeline.extraction.cache import Cache, content_sha256, stage_keys, table_key
from facs_pipeline.extraction.inputs import VideoInput, find_videos
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.outputs import Outputs
from facs_pipeline.extraction.parts import Part, shares
from facs_pipeline.extraction.plan import check_options, stages_for
from facs_pipeline.extraction.progress import FrameEstimate, size_on_disk
from facs_pipeline.extraction.provenance import mixture_note
from facs_pipeline.extraction.result import RunResult
from facs_pipeline.extraction.room import room_needed
from facs_pipeline.extraction.run_lock import ADVICE, held
from facs_pipeline.extraction.run_state import StateWriter, new_state, with_whole_paths
from facs_pipeline.extraction.shared_values import SharedValues
from facs_pipeline.extraction.stage import Stage, VideoSettings
from facs_pipeline.extraction.tables import RunFacts, write_run
from facs_pipeline.extraction.video_hashes import VideoHashes
from facs_pipeline.extraction.video_result import VideoResult
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.artifacts import BadArtifactError, load_key
from facs_pipeline.foundation.files.atomic import make_writable, remove_leftovers, temporary_folder
from facs_pipeline.foundation.pool import Pool
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.video.reader import folder_images

if TYPE_CHECKING:
    from facs_pipeline.dynamics.face_series import VideoDescriptors
    from facs_pipeline.extraction.cluster import ClusterPool
    from facs_pipeline.extraction.collect import Collected

Each = Callable[[VideoResult, Path], None]


def extract_features(
    videos: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    options: Options | None = None,
    progress: Progress = SILENT,
    *,
    part: Part | None = None,
    each: Each | None = None,
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
    part : Part, optional
        Do this share of the videos only, and leave the tables of the whole run to `facs_pipeline.extraction.collect`.
    each : callable, optional
        Called with each `VideoResult` and the path of its table as soon as it is there.

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
    return Run(options or Options(), progress, part=part, each=each).run(named)


class Run:
    """One run, or a part of one, or the collection of its parts.

    Parameters
    ----------
    options : Options
    progress : Progress
    part : Part, optional
        Which share of the videos it does; its tables of the whole run are left to `collect`.
    collected : Collected, optional
        What parts have done: nothing is computed, what is not there has failed.
    each : callable, optional
        Called with each result and the path of its table as soon as it is there.
    """

    def __init__(
        self,
        options: Options,
        progress: Progress,
        *,
        part: Part | None = None,
        collected: Collected | None = None,
        each: Each | None = None,
    ) -> None:
        self.options, self.progress, self.part, self.collected = options, progress, part, collected
        self._each = each
        self._told: set[str] = set()
        self._shared = SharedValues()
        self._stages_of: dict[VideoSettings, tuple[Stage, ...]] = {}
        self.out = Path(os.path.abspath(options.out))
        self.seconds: dict[str, float] = defaultdict(float)
        self._tables_before: dict[str, int | None] = {}

    def run(self, arguments: Sequence[str | os.PathLike]) -> RunResult:
        """Do the videos that are named."""
        start = time.perf_counter()
        options = self.options
        cache_folder = Path(os.path.abspath(options.cache or self.out / "cache"))
        videos = find_videos(arguments, exclude=[self.out, cache_folder], note=self.progress.warn)
        metadata = self._metadata(options.metadata, videos) if options.metadata else {}
        if options.baseline == "subject":
            require_subjects(videos, metadata, options)
        if options.baseline not in ("none", "video") and options.faces == "all":
            raise InputError("a resting face of a subject or clip is one person's; use it with --faces one")
        for note in check_options(options):
            self.progress.warn(note)
        limits = QualityLimits.read(options.quality) if options.quality else QualityLimits()
        key, warning = load_key()
        if warning:
            self.progress.warn(warning)
        make_writable(self.out, ADVICE)
        state = new_state(self.part, arguments, options)
        collecting = self.collected is not None
        with held(self.out, cache_folder, key, state, self.progress.log, collecting=collecting) as lock:
            videos = self._share(videos, metadata)
            kept = cache_folder if options.keep_cache and not collecting else None
            self.state = StateWriter(kept, key, state, videos)
            results = self._extracted(videos, metadata, cache_folder, key)
            self.seconds["total"] = time.perf_counter() - start
            self._over(results)
            lock.check()
            if self.part is None:
                write_run(self.out, results, metadata, RunFacts(options, dict(self.seconds), limits))
            self.state.finish(results)
        if mixture := mixture_note(results):
            self.progress.warn(mixture)
        if self.part is None:
            self._tell_of_others(results)
        return RunResult(results, self.out, self.outputs, dict(self.seconds))

    def _share(self, videos: list[VideoInput], metadata: dict[str, dict[str, str]]) -> list[VideoInput]:
        """The videos that this part does; of a person who has one resting face all are in one part."""

        def together(video: VideoInput) -> str:
            return metadata[video.name]["subject"] if self.options.baseline == "subject" else video.name

        if self.collected is not None:
            self.collected.shared_out(shares(self.collected.of, videos, together))
        if self.part is None:
            return videos
        mine = self.part.share(videos, together)
        self.progress.log(f"part {self.part}: {len(mine)} of {len(videos)} videos")
        return mine

    def _extracted(
        self, videos: list[VideoInput], metadata: dict[str, dict[str, str]], cache_folder: Path, key: bytes
    ) -> list[VideoResult]:
        """Do the videos, and leave nothing half written behind."""
        self._tidy(self.out)
        with contextlib.ExitStack() as stack:
            if not self.options.keep_cache:
                cache_folder = stack.enter_context(temporary_folder(self.out))
            make_writable(cache_folder, ADVICE)
            self._tidy(cache_folder)
            self.cache = Cache(cache_folder, key)
            self.outputs = Outputs(self.out, self.options.format, self.options.overlay, cache_folder / "outputs", key)
            own = f"videos-{self.part.number}-of-{self.part.of}.json" if self.part else "videos.json"
            self.hashes = VideoHashes(cache_folder / own, key, sorted(cache_folder.glob("videos*.json")))
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
        with self._pool_of(self._workers(len(good))) as self.pool:
            if self.options.baseline in ("none", "video"):
                resting = self.options.baseline if self.options.baseline == "video" else None
                set_baseline(good, per_video, resting)
            else:
                failed = Baselines(self.options, self.cache, self._do).find(good, per_video, metadata)
                results |= failed
                good = [video for video in good if video.name not in failed]
            results |= self._do(good, per_video)
        return [results[video.name] for video in videos]

    def _pool_of(self, workers: int) -> Pool | ClusterPool:
        common = self._common()
        if self.options.scheduler is None or self.collected is not None:
            return Pool(workers, common, self.options.timeout_s, what="video")
        from facs_pipeline.extraction.cluster import ClusterPool

        options = Options.from_json(with_whole_paths(replace(self.options, out=self.out)))
        return ClusterPool(self.options.scheduler, workers, common | {"options": options.as_json()}, options)

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
        for video in videos:
            result = None if video.name in bad else self._cached(video, settings[video.name], only_action_units)
            if result:
                results[video.name] = result
        pending = [video for video in videos if video.name not in results]
        if self.collected is not None:
            return results | {video.name: self._not_collected(video, settings[video.name]) for video in pending}
        if not only_action_units:
            self._over(results.values())
            self.state.begin()
            self.progress.log(
                f"{len(videos)} video{'s' * (len(videos) != 1)}, {len(pending)} to do, {len(results)} done already"
            )
            for line, short in room_needed(pending, self.out, self.options):
                (self.progress.warn if short else self.progress.log)(line)
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
                    self._tell(result, last=not only_action_units)
                    if result.status == "failed" and self.options.fail_fast:
                        self.pool.close()
                        break
        for video in pending:
            if video.name not in results:
                results[video.name] = VideoResult.failed(video, "not processed: the run stopped at the first failure")
        return results

    def _tell(self, result: VideoResult, *, last: bool) -> None:
        """Say what became of a video; `last` where nothing more is to be done with it."""
        if result.trouble:
            self.progress.warn(f"{result.name}: no descriptors, its table is kept: {result.trouble}")
        if last:
            self._over([result])
            if result.status == "failed":
                self.progress.fail(result.reason)

    def _over(self, results: Iterable[VideoResult]) -> None:
        """Nothing more is to be done with these videos."""
        for result in results:
            if result.name not in self._told:
                self._told.add(result.name)
                self.state.over(result)
                if self._each is not None:
                    self._each(result, self.outputs.table(result.name))

    def _stages(self, settings: VideoSettings) -> tuple[Stage, ...]:
        """The stages of a video; most videos of a run have the same settings."""
        if settings not in self._stages_of:
            self._stages_of[settings] = stages_for(self.options, settings)
        return self._stages_of[settings]

    def _not_collected(self, video: VideoInput, settings: VideoSettings) -> VideoResult:
        """What is to be said of a video whose results are not all stored."""
        assert self.collected is not None
        trouble = self.collected.troubled.get(video.name)
        finished = self._without_descriptors(video, settings, trouble) if trouble else None
        return finished or VideoResult.failed(video, self.collected.reason(video.name))

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
        return self._done(video, content["sha256"], content["facts"], content["descriptors"], content["trouble"])

    def _done(
        self,
        video: VideoInput,
        sha256: str,
        facts: Mapping[str, dict[str, Any]],
        descriptors: VideoDescriptors | None,
        trouble: str = "",
    ) -> VideoResult:
        shared = self._shared
        return VideoResult.done(video, sha256, shared.facts(facts), shared.descriptors(descriptors), trouble)

    def _without_descriptors(self, video: VideoInput, settings: VideoSettings, reason: str) -> VideoResult | None:
        """The video, if its worker came to grief only once its table was finished; else None."""
        known, written = self.hashes.known(video), self._table_stamp(video)
        if written is None or (not known and written == self._tables_before.get(video.name)):
            return None
        stages = self._stages(settings)
        try:
            images = folder_images(video.path) if video.is_images else None
            sha256 = known or content_sha256(video.path, images)
            keys = stage_keys(sha256, stages)
            if not self.outputs.table_is_current(video.name, table_key(keys, stages), settings.baseline):
                return None
            names = [stage.name for stage in stages if not stage.of_whole_video and not stage.large]
            facts = {name: self.cache.open(keys[name]).facts for name in names}
        except (OSError, BadArtifactError):
            return None
        self.hashes.learn(video, sha256)
        return self._done(video, sha256, facts, None, reason)

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
        stages = self._stages(settings)
        keys = stage_keys(sha256, stages)
        try:
            if only_action_units:
                facts = {name: self.cache.open(keys[name]).facts for name in ("faces", "action_units")}
                return self._done(video, sha256, facts, None)
            if not self.outputs.table_is_current(video.name, table_key(keys, stages), settings.baseline):
                return None
            stored = {stage.name: self.cache.open(keys[stage.name]) for stage in stages if not stage.large}
            [descriptors] = stored["descriptors"]
        except (FileNotFoundError, BadArtifactError):
            # The worker finds out what is missing, and says so.
            return None
        return self._done(video, sha256, {name: one.facts for name, one in stored.items()}, descriptors)

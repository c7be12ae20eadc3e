"""One video from its file to its tables: computes what is missing, takes the rest from the cache.

This runs in a worker process. It knows no stage by name but those whose results make the table's first columns; what
is computed from what follows from the stages themselves.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.dynamics.face_series import BLINK_AU, CLOSED_AU
from facs_pipeline.extraction.cache import Cache, StageKey, content_sha256, stage_keys, table_key
from facs_pipeline.extraction.closed_eyes import ClosedEyes
from facs_pipeline.extraction.decoding import decoded_batches
from facs_pipeline.extraction.models import landmark_model, learnt_presence, load_landmarks, measured_aus, sided_aus
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.outputs import Outputs
from facs_pipeline.extraction.plan import stages_for
from facs_pipeline.extraction.provenance import COMPUTED_WITH
from facs_pipeline.extraction.resting_faces import RestingFaces
from facs_pipeline.extraction.stage import FRAMES, Computation, Stage, VideoSettings
from facs_pipeline.foundation.errors import FacsError, InputError
from facs_pipeline.foundation.files.artifacts import Artifact, ArtifactWriter, BadArtifactError
from facs_pipeline.foundation.machine import computed_with
from facs_pipeline.tables.au_table import TABLES, FaceRows, present, side_cells
from facs_pipeline.tables.face_schemas import ACTION_UNITS, presence_columns, side_columns
from facs_pipeline.video.container import check_file
from facs_pipeline.video.reader import folder_images


@dataclass(frozen=True)
class VideoJob:
    """What a worker is to do.

    Attributes
    ----------
    path : Path
        Of the video, see `facs_pipeline.extraction.inputs.VideoInput`; likewise `name` and `is_images`.
    name : str
    is_images : bool
    settings : VideoSettings
    sha256 : str
        Hash of the content where it is known already, else empty.
    only_action_units : bool
        Stop before tables and descriptors; the baseline is still to be found.
    bad : dict of str to str
        Stages whose stored results cannot be used, and why: the parent has tried.
    """

    path: Path
    name: str
    is_images: bool
    settings: VideoSettings
    sha256: str = ""
    only_action_units: bool = False
    bad: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class VideoOutcome:
    """What became of a video, JSON-able.

    Attributes
    ----------
    sha256 : str
        Hash of its content.
    facts : dict of str to dict
        Facts that each stage stored with its result.
    descriptors : dict or None
        See `facs_pipeline.dynamics.face_series.describe_faces`; None where only action units were asked for.
    seconds : dict of str to float
        Time spent on each stage and on writing.
    trouble : str
        Why the descriptors could not be computed; empty where they were.
    """

    sha256: str
    facts: dict[str, dict[str, Any]]
    descriptors: dict[str, Any] | None
    seconds: dict[str, float]
    trouble: str = ""


class VideoRun:
    """Carries out one job.

    Parameters
    ----------
    job : VideoJob
    options : Options
        Of the run.
    outputs : Outputs
        Where its tables go and in which format.
    cache : Cache
    tick : callable
        Called with the number of frames decoded so far, often; shows that the worker is alive.
    expect : callable
        Called before decoding with the number of frames that the container claims, 0 where it does not say.
    log : callable
        Called with one line whenever something is computed, saying why.
    """

    def __init__(
        self,
        job: VideoJob,
        options: Options,
        outputs: Outputs,
        cache: Cache,
        *,
        tick: Callable[[int], None],
        expect: Callable[[int], None],
        log: Callable[[str], None],
    ) -> None:
        self.job, self.options, self.outputs, self.cache = job, options, outputs, cache
        self.stages = stages_for(options, job.settings)
        self._tick, self._expect, self._log = tick, expect, log
        self.seconds: dict[str, float] = defaultdict(float)
        self._bad = dict(job.bad)

    def run(self) -> VideoOutcome:
        """Do the job."""
        images = folder_images(self.job.path) if self.job.is_images else None
        if not (self.job.is_images or self.job.sha256):
            # What has no end cannot be read for its hash.
            check_file(self.job.path)
        sha256 = self.job.sha256 or content_sha256(self.job.path, images, self._alive)
        keys = stage_keys(sha256, self.stages)
        # A chunk can turn out damaged while it is read; then its stage is computed again.
        for _ in self.stages:
            try:
                return self._attempt(sha256, keys)
            except _DamagedStageError as damaged:
                self._bad[damaged.stage] = str(damaged)
        raise InputError(f"{self.cache.folder}: stored results are damaged or gone again and again; check the disk")

    def _attempt(self, sha256: str, keys: dict[str, StageKey]) -> VideoOutcome:
        by_chunk = [stage for stage in self.stages if not stage.of_whole_video]
        self._compute(by_chunk, keys)
        stored, descriptors, trouble = self._all_stored(keys, by_chunk), None, ""
        if not self.job.only_action_units:
            self._table(keys, stored)
            try:
                self._compute([stage for stage in self.stages if stage.of_whole_video], keys)
                stored = self._all_stored(keys, self.stages)
                [descriptors] = self._chunks("descriptors", stored)
            except (FacsError, ArithmeticError, ValueError, MemoryError) as error:
                # The table is there and right: it is kept.
                trouble = str(error) or type(error).__name__
        facts = {name: artifact.facts for name, artifact in stored.items()}
        return VideoOutcome(sha256, facts, descriptors, dict(self.seconds), trouble)

    def _alive(self) -> None:
        self._tick(0)

    # -------------------------------------------------------------------------------------------- stored results

    def _stored(self, keys: dict[str, StageKey]) -> dict[str, Artifact]:
        stored = {}
        for stage, identity in keys.items():
            if stage in self._bad:
                continue
            try:
                stored[stage] = self.cache.open(identity)
            except FileNotFoundError:
                continue
            except BadArtifactError as error:
                self._bad[stage] = str(error)
        return stored

    def _all_stored(self, keys: dict[str, StageKey], stages: Sequence[Stage]) -> dict[str, Artifact]:
        """The results of all these stages; `_DamagedStageError` where one vanished after it was computed."""
        stored = self._stored(keys)
        for stage in stages:
            if self._kept(stage):
                self._require(stage.name, stored)
        return stored

    def _kept(self, stage: Stage) -> bool:
        return self.options.keep == "all" or not stage.large

    def _require(self, stage: str, stored: dict[str, Artifact]) -> None:
        if stage not in stored:
            raise _DamagedStageError(stage, self._bad.get(stage, "is gone"))

    def _chunks(self, stage: str, stored: dict[str, Artifact]) -> Iterator[Any]:
        self._require(stage, stored)
        try:
            yield from stored[stage]
        except BadArtifactError as error:
            raise _DamagedStageError(stage, str(error)) from None

    def _together(self, stored: dict[str, Artifact], *stages: str) -> Iterator[tuple[Any, ...]]:
        return zip(*(self._chunks(stage, stored) for stage in stages), strict=True)

    # ------------------------------------------------------------------------------------------------- computing

    def _compute(self, stages: Sequence[Stage], keys: dict[str, StageKey]) -> None:
        """Compute those of the stages whose results are not stored, in one pass over what they take."""
        stored = self._stored(keys)
        missing = self._missing(stages, stored)
        if any(FRAMES in stage.inputs for stage in missing):
            # Whoever decodes a video again has all that follows from it.
            missing = list(stages)
        if not missing:
            return
        for stage in missing:
            # One that is never stored goes without saying.
            self._say(stage.name, keys, computed=stage.name not in stored and self._kept(stage))
        names = {stage.name for stage in missing}
        taken = list(dict.fromkeys(name for stage in missing for name in stage.inputs if name not in names))
        with contextlib.ExitStack() as stack:
            writers = {
                stage.name: stack.enter_context(
                    ArtifactWriter(self.cache.path(keys[stage.name]), self.cache.key, dict(keys[stage.name].about))
                )
                for stage in missing
                if self._kept(stage)
            }
            flow = _Flow(missing, writers, self._timed, self._alive)
            if FRAMES in taken:
                for batch in self._decoded():
                    flow.give(FRAMES, batch)
            else:
                for chunks in self._together(stored, *taken):
                    for name, chunk in zip(taken, chunks, strict=True):
                        flow.give(name, chunk)
            flow.finish()

    def _missing(self, stages: Sequence[Stage], stored: dict[str, Artifact]) -> list[Stage]:
        """Those to be computed, in the order of the data: one that is not kept only for others that take it."""
        missing: list[Stage] = []
        for stage in reversed(stages):
            taken = any(stage.name in later.inputs for later in missing)
            if stage.name not in stored and (self._kept(stage) or taken):
                missing.insert(0, stage)
        return missing

    def _say(self, stage: str, keys: dict[str, StageKey], *, computed: bool) -> None:
        reason = self._bad.pop(stage, None)
        if computed or reason:
            reason = f"stored result {reason}" if reason else self.cache.why_absent(keys[stage])
            self._log(f"{self.job.name}: {stage} computed ({reason})")

    def _decoded(self) -> Iterator[Any]:
        landmarks = load_landmarks(landmark_model(self.options.landmarks))
        return decoded_batches(
            self.job.path,
            FaceAnalyser(landmarks, action_units=None, faces=self.options.faces),
            image_fps=self._image_fps,
            tick=self._tick,
            expect=self._expect,
            timed=self._timed,
        )

    @property
    def _image_fps(self) -> float:
        # None for files, which carry their own times; the readers do not use it then.
        return self.job.settings.image_fps or 25.0

    # --------------------------------------------------------------------------------------------------- tables

    def _table(self, keys: dict[str, StageKey], stored: dict[str, Artifact]) -> None:
        outputs, made_of, baseline = self.outputs, table_key(keys, self.stages), self.job.settings.baseline
        if outputs.table_is_current(self.job.name, made_of, baseline):
            return
        with self._timed("tables"):
            path = outputs.table(self.job.name)
            aus = measured_aus(self.options.au_model)
            present = [*learnt_presence(self.options.au_model), *([CLOSED_AU] if BLINK_AU in aus else [])]
            extra = presence_columns(ACTION_UNITS, present)
            extra += side_columns(ACTION_UNITS, sided_aus(self.options.au_model))
            extra += [column for stage in self._extra() for column in stage.columns(stored[stage.name].facts)]
            with TABLES[outputs.format](path, self.job.name, aus, extra) as table:
                for rows in self._rows(stored):
                    table.write(rows)
                    self._alive()
        if outputs.overlay:
            from facs_pipeline.extraction.overlay import write_overlay

            with self._timed("overlay"):
                write_overlay(
                    self.job.path,
                    path,
                    outputs.overlay_path(self.job.name),
                    image_fps=self._image_fps,
                    on_frame=lambda _: self._alive(),
                )
        outputs.record_table(self.job.name, made_of, baseline)

    def _extra(self) -> list[Stage]:
        """The stages that add columns of their own."""
        shown = {"faces", "landmarks", "confidence", "action_units", "sides"}
        return [stage for stage in self.stages if not (stage.of_whole_video or stage.large or stage.name in shown)]

    def _rows(self, stored: dict[str, Artifact]) -> Iterator[FaceRows]:
        chunks_read = self._together(stored, "faces", "action_units")
        resting = RestingFaces.of(self.job.settings.baseline, chunks_read, stored["faces"].facts["frames"])
        extra = [stage for stage in self._extra() if stage.columns(stored[stage.name].facts)]
        names = ("faces", "landmarks", "confidence", "action_units", "sides", *(stage.name for stage in extra))
        aus, levels = measured_aus(self.options.au_model), learnt_presence(self.options.au_model)
        closed = ClosedEyes.of(self._together(stored, "faces", "action_units"), aus, stored["faces"].facts["frames"])
        sided = [aus.index(au) for au in sided_aus(self.options.au_model)]
        for faces, landmarks, trust, intensities, differences, *chunks in self._together(stored, *names):
            above_rest = resting.subtract(intensities, faces["face_id"])
            # As rounded as the table has them, so that a reader of the table finds the same.
            written = ACTION_UNITS["AU01_r"].rounded(above_rest)
            cells: list[Any] = [present(written[:, aus.index(au)], level) for au, level in levels.items()]
            if BLINK_AU in aus:
                eyes = closed.rows(faces["face_id"], faces["time_s"])
                cells.append(np.where(np.isnan(intensities[:, aus.index(BLINK_AU)]), np.nan, eyes))
            cells += side_cells(above_rest[:, sided], differences)
            confidence = np.zeros(len(faces["frame"]))
            confidence[faces["face_id"] >= 0] = trust.whole
            for stage, chunk in zip(extra, chunks, strict=True):
                cells += stage.cells(chunk, stored[stage.name].facts)
            yield FaceRows(
                faces["frame"] + 1,
                faces["face_id"],
                faces["time_s"],
                confidence,
                np.stack([trust.upper, trust.lower], axis=1),
                trust.occluded.tolist(),
                np.concatenate([landmarks["place"], landmarks["pose"]], axis=1),
                landmarks["ibug_points"],
                above_rest,
                cells,
            )

    @contextlib.contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[what] += time.perf_counter() - start


class _Flow:
    """Chunks on their way: each stage is given a chunk of each of its inputs as soon as all of them are there."""

    def __init__(
        self,
        stages: Sequence[Stage],
        writers: Mapping[str, ArtifactWriter],
        timed: Callable[[str], contextlib.AbstractContextManager[None]],
        tick: Callable[[], None],
    ) -> None:
        self._stages, self._writers, self._timed = stages, writers, timed
        self._queues: dict[str, dict[str, deque[Any]]] = {
            stage.name: {name: deque() for name in stage.inputs} for stage in stages
        }
        self._computations: dict[str, Computation] = {stage.name: stage.computation(tick) for stage in stages}

    def give(self, name: str, chunk: Any) -> None:
        """Hand a chunk of `name` to every stage that takes it."""
        for stage in self._stages:
            queues = self._queues[stage.name]
            if name in queues:
                queues[name].append(chunk)
                while all(queues.values()):
                    chunks = {name: queue.popleft() for name, queue in queues.items()}
                    with self._timed(stage.name):
                        result = self._computations[stage.name].push(chunks)
                    self._take(stage.name, result)

    def finish(self) -> None:
        """End every computation, in the order of the data, and give the artifacts their names."""
        ends = {}
        for stage in self._stages:
            with self._timed(stage.name):
                last, ends[stage.name] = self._computations[stage.name].finish()
            self._take(stage.name, last)
        with self._timed("write"):
            for name, writer in self._writers.items():
                writer.finish({**ends[name], COMPUTED_WITH: computed_with()})

    def _take(self, stage: str, result: Any | None) -> None:
        if result is not None:
            if stage in self._writers:
                with self._timed("write"):
                    self._writers[stage].append(result)
            self.give(stage, result)


class _DamagedStageError(Exception):
    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(reason)
        self.stage = stage

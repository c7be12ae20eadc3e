"""One video from its file to its tables: computes what is missing, takes the rest from the cache.

This runs in a worker process. The decoding pass makes faces, landmarks, features and action units together, chunk by
chunk, so memory does not grow with the video's length; a later change of the model starts from the stored features.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from facs_pipeline.action_units.baseline import resting_intensity, subtract_resting
from facs_pipeline.action_units.bilateral_filter import BilateralFilter
from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.dynamics.face_series import FaceSeries, describe_faces, series_of_faces
from facs_pipeline.emotions.series import emotion_probabilities
from facs_pipeline.extraction.frame_chunk import FrameChunk
from facs_pipeline.extraction.outputs import Outputs
from facs_pipeline.extraction.stages import STAGES, Cache, StageKey, content_sha256, stage_keys, table_key
from facs_pipeline.faces.detector import upright_turn
from facs_pipeline.faces.tracker import FaceTracker
from facs_pipeline.features.vector import face_features
from facs_pipeline.foundation.files.artifacts import Artifact, ArtifactWriter, BadArtifactError
from facs_pipeline.landmarks.loading import load_landmarks
from facs_pipeline.landmarks.model import LandmarkModel
from facs_pipeline.landmarks.pose import head_pose
from facs_pipeline.tables.au_table import TABLES, FaceRows
from facs_pipeline.video.reader import Frame, folder_images, probe, read_frames

CHUNK_FRAMES = 256
"""Frames in one chunk of an artifact."""
DECODED_AT_ONCE = 8
LOOKED_AT_TURNED = 2
"""Frames of a video without a face that are turned, to see whether it lies on its side."""


@dataclass(frozen=True)
class VideoJob:
    """What a worker is to do; JSON-able but for the paths.

    Attributes
    ----------
    path, name, is_images : the video, see `facs_pipeline.extraction.inputs.VideoInput`.
    outputs : where its tables go and in which format.
    settings : of all stages, see `facs_pipeline.extraction.stages.stage_keys`.
    sha256 : hash of the content where it is known already, else "".
    only_action_units : stop before tables and descriptors; the baseline is still to be found.
    """

    path: Path
    name: str
    is_images: bool
    outputs: Outputs
    settings: dict[str, Any]
    sha256: str = ""
    only_action_units: bool = False


@dataclass
class Models:
    """The models of a run, loaded on first use and kept for the worker's life."""

    landmarks_path: str
    au_path: str
    emotion_path: str = ""
    _loaded: dict[str, Any] = field(default_factory=dict)

    @property
    def landmarks(self) -> LandmarkModel:
        """68 points of a face."""
        if "landmarks" not in self._loaded:
            self._loaded["landmarks"] = load_landmarks(self.landmarks_path)
        return self._loaded["landmarks"]

    @property
    def action_units(self) -> ActionUnitModel:
        """Intensities from features."""
        if "action_units" not in self._loaded:
            self._loaded["action_units"] = ActionUnitModel.load(self.au_path)
        return self._loaded["action_units"]

    @property
    def emotions(self) -> Any:
        """Probabilities of emotions from features; imported only where it is asked for."""
        if "emotions" not in self._loaded:
            from facs_pipeline.emotions.model import EmotionModel

            self._loaded["emotions"] = EmotionModel.load(self.emotion_path)
        return self._loaded["emotions"]


class VideoRun:
    """Carries out one job.

    Parameters
    ----------
    job : what to do.
    cache : stored results.
    models : the run's models.
    tick : called with the number of frames decoded so far, often; shows that the worker is alive.
    expect : called before decoding with the number of frames that the container claims, 0 where it does not say.
    log : called with one line whenever something is computed, saying why.
    """

    def __init__(
        self,
        job: VideoJob,
        cache: Cache,
        models: Models,
        *,
        tick: Callable[[int], None],
        expect: Callable[[int], None],
        log: Callable[[str], None],
    ) -> None:
        self.job, self.cache, self.models = job, cache, models
        self._tick, self._expect, self._log = tick, expect, log
        self.seconds: dict[str, float] = defaultdict(float)
        self._bad: dict[str, str] = {}
        self._resting: dict[int, np.ndarray] | None = None
        self._emotion_frames = np.zeros(0, np.int64)

    def run(self) -> dict[str, Any]:
        """Do the job and return the row of ``videos.csv``, the descriptors and the seconds of each stage."""
        images = folder_images(self.job.path) if self.job.is_images else None
        sha256 = self.job.sha256 or content_sha256(self.job.path, images, lambda: self._tick(0))
        keys = stage_keys(sha256, self.job.settings)
        # A chunk can turn out damaged while it is read; then its stage is computed again.
        for _ in STAGES:
            try:
                return self._attempt(sha256, keys)
            except _DamagedStage as damaged:
                self._bad[damaged.stage] = str(damaged)
        raise BadArtifactError(f"{self.cache.folder}: stored results were damaged again and again; check the disk")

    def _attempt(self, sha256: str, keys: dict[str, StageKey]) -> dict[str, Any]:
        stored = self._stored(keys)
        if not keys.keys() - {"features", "descriptors"} <= stored.keys():
            self._compute(keys, stored)
            stored = self._stored(keys)
        if self.job.only_action_units:
            return {"sha256": sha256, "facts": stored["faces"].facts, "seconds": dict(self.seconds)}
        self._table(keys, stored)
        if "descriptors" not in stored:
            self._say("descriptors", keys)
            self._descriptors(keys["descriptors"], stored)
            stored = self._stored(keys)
        [descriptors] = self._chunks("descriptors", stored)
        return {
            "sha256": sha256,
            "facts": stored["faces"].facts,
            "descriptors": descriptors,
            "emotions": stored["emotions"].facts if "emotions" in stored else None,
            "seconds": dict(self.seconds),
        }

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

    def _chunks(self, stage: str, stored: dict[str, Artifact]) -> Iterator[Any]:
        try:
            yield from stored[stage]
        except (BadArtifactError, OSError) as error:
            raise _DamagedStage(stage, str(error)) from None

    def _say(self, stage: str, keys: dict[str, StageKey]) -> None:
        reason = self._bad.pop(stage, None)
        reason = f"stored result {reason}" if reason else self.cache.why_absent(keys[stage])
        self._log(f"{self.job.name}: {stage} computed ({reason})")

    # ------------------------------------------------------------------------------------------------- computing

    def _compute(self, keys: dict[str, StageKey], stored: dict[str, Artifact]) -> None:
        self._emotion_frames = np.zeros(len(self.models.emotions.emotions) if "emotions" in keys else 0, np.int64)
        if {"faces", "landmarks", "features"} <= stored.keys():
            if "action_units" not in stored:
                self._say("action_units", keys)
                with self._writer(keys["action_units"]) as writer:
                    steady = BilateralFilter()
                    for faces, vectors in self._together(stored, "faces", "features"):
                        _append(writer, steady.push(faces, self._intensities(vectors)))
                        self._tick(0)
                    _append(writer, steady.finish())
                    writer.finish()
            if "emotions" in keys and "emotions" not in stored:
                self._say("emotions", keys)
                with self._writer(keys["emotions"]) as writer:
                    for vectors in self._chunks("features", stored):
                        writer.append(self._emotions(vectors))
                        self._tick(0)
                    writer.finish(self._emotion_facts())
            return
        for stage in self._decoded(keys):
            if stage not in stored or stage in self._bad:
                self._say(stage, keys)
        self._decode(keys)

    @staticmethod
    def _decoded(keys: dict[str, StageKey]) -> list[str]:
        return [stage for stage in ("faces", "landmarks", "features", "action_units", "emotions") if stage in keys]

    @property
    def _image_fps(self) -> float:
        # None for files, which carry their own times; the readers do not look at it then.
        return self.job.settings["image_fps"] or 25.0

    def _writer(self, identity: StageKey) -> ArtifactWriter:
        return ArtifactWriter(self.cache.path(identity), self.cache.key, dict(identity.about))

    def _intensities(self, chunk: np.ndarray) -> np.ndarray:
        with self._timed("action_units"):
            if not len(chunk):
                return np.empty((0, len(self.models.action_units.aus)), np.float32)
            return self.models.action_units.predict(chunk)

    def _emotions(self, chunk: np.ndarray) -> np.ndarray:
        model = self.models.emotions
        with self._timed("emotions"):
            probabilities = emotion_probabilities(model, chunk)
        self._emotion_frames += np.bincount(probabilities.argmax(axis=1), minlength=len(model.emotions))
        return probabilities

    def _emotion_facts(self) -> dict[str, Any]:
        return {"emotions": list(self.models.emotions.emotions), "frames": self._emotion_frames.tolist()}

    def _decode(self, keys: dict[str, StageKey]) -> None:
        stated = probe(self.job.path, image_fps=self._image_fps)
        self._expect(stated.frames)
        follower = FaceTracker(self.models.landmarks, faces=self.job.settings["faces"])
        frames = read_frames(self.job.path, image_fps=self._image_fps)
        facts = {"frames": 0, "frames_with_face": 0, "first_s": 0.0, "last_s": 0.0, "cuts": 0}
        facts["stated_s"] = stated.duration_s
        decoded = self._decoded(keys)
        with contextlib.ExitStack() as stack:
            writers = {stage: stack.enter_context(self._writer(keys[stage])) for stage in decoded}
            chunk, steady = FrameChunk(), BilateralFilter()
            faceless: deque[np.ndarray] = deque(maxlen=LOOKED_AT_TURNED)
            sizes: set[tuple[int, ...]] = set()
            for frame in self._a_few_at_once(frames):
                if len(chunk) >= CHUNK_FRAMES:
                    self._flush(chunk, steady, writers)
                    chunk = FrameChunk()
                with self._timed("faces and landmarks"):
                    faces = follower.update(frame.image, frame.time_s)
                with self._timed("features"):
                    chunk.add(frame, faces, [face_features(frame.image, face.points) for face in faces])
                facts["first_s"] = frame.time_s if frame.index == 0 else facts["first_s"]
                facts["last_s"] = frame.time_s
                facts["frames"] += 1
                facts["frames_with_face"] += bool(faces)
                facts["cuts"] += follower.cut
                sizes.add(frame.image.shape)
                if not facts["frames_with_face"] and frame.index & (frame.index - 1) == 0:
                    faceless.append(frame.image)
                self._tick(facts["frames"])
            if len(chunk):
                self._flush(chunk, steady, writers)
            facts["sizes"] = len(sizes)
            if not facts["frames_with_face"]:
                facts["upright_turn"] = upright_turn(faceless, self.models.landmarks)
            with self._timed("write"):
                _append(writers["action_units"], steady.finish())
                for stage in decoded:
                    emotions = self._emotion_facts() if stage == "emotions" else None
                    writers[stage].finish(facts if stage == "faces" else emotions)

    def _a_few_at_once(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        # Decoder and landmarks push each other's data out of the processor's cache; taking turns less often costs less.
        while True:
            with self._timed("decode"):
                few = list(islice(frames, DECODED_AT_ONCE))
            if not few:
                return
            yield from few

    def _flush(self, chunk: FrameChunk, steady: BilateralFilter, writers: dict[str, ArtifactWriter]) -> None:
        arrays = chunk.arrays()
        with self._timed("faces and landmarks"):
            points = arrays.pop("points")
            pose = head_pose(points)
        vectors = arrays.pop("features")
        intensities = steady.push(arrays, self._intensities(vectors))
        emotions = self._emotions(vectors) if "emotions" in writers else None
        with self._timed("write"):
            writers["faces"].append(arrays)
            writers["landmarks"].append({"points": points, "pose": np.asarray(pose, np.float32)})
            writers["features"].append(vectors)
            _append(writers["action_units"], intensities)
            if emotions is not None:
                writers["emotions"].append(emotions)

    # --------------------------------------------------------------------------------------------------- results

    def _rows(self, stored: dict[str, Artifact]) -> Iterator[FaceRows]:
        stages = ("faces", "landmarks", "action_units", *(("emotions",) if "emotions" in stored else ()))
        for faces, landmarks, intensities, *emotions in self._together(stored, *stages):
            ids = faces["face_id"]
            yield FaceRows(
                faces["frame"] + 1,
                ids,
                faces["time_s"],
                faces["confidence"],
                landmarks["pose"],
                landmarks["points"],
                self._above_baseline(intensities, ids[ids >= 0], stored),
                *emotions,
            )

    def _together(self, stored: dict[str, Artifact], *stages: str) -> Iterator[tuple[Any, ...]]:
        return zip(*(self._chunks(stage, stored) for stage in stages), strict=True)

    def _above_baseline(self, intensities: np.ndarray, ids: np.ndarray, stored: dict[str, Artifact]) -> np.ndarray:
        baseline = self.job.settings["baseline"]
        if baseline is None:
            return intensities
        if baseline != "video":
            return subtract_resting(intensities, np.asarray(baseline))
        if self._resting is None:
            self._resting = {
                face: resting_intensity(values) for face, (_, values) in self._series(stored, raw=True).items()
            }
        rows = [subtract_resting(row[None], self._resting[face])[0] for row, face in zip(intensities, ids, strict=True)]
        return np.array(rows).reshape(intensities.shape)

    def _table(self, keys: dict[str, StageKey], stored: dict[str, Artifact]) -> None:
        outputs, key = self.job.outputs, table_key(keys)
        emotions = stored["emotions"].facts["emotions"] if "emotions" in stored else ()
        if outputs.table_is_current(self.job.name, key, self.job.settings["baseline"]):
            return
        with self._timed("tables"):
            path = outputs.table(self.job.name)
            with TABLES[outputs.format](path, self.job.name, self.models.action_units.aus, emotions) as table:
                for rows in self._rows(stored):
                    table.write(rows)
                    self._tick(0)
        if outputs.overlay:
            from facs_pipeline.extraction.overlay import write_overlay

            with self._timed("overlay"):
                write_overlay(
                    self.job.path,
                    path,
                    outputs.overlay_path(self.job.name),
                    image_fps=self._image_fps,
                    on_frame=lambda _: self._tick(0),
                )
        outputs.record_table(self.job.name, key, self.job.settings["baseline"])

    def _descriptors(self, identity: StageKey, stored: dict[str, Artifact]) -> None:
        with self._timed("descriptors"):
            result = describe_faces(
                self._series(stored),
                self.models.action_units.aus,
                cutoff_hz=self.job.settings["cutoff_hz"],
                tick=lambda: self._tick(0),
            )
        with self._writer(identity) as writer:
            writer.append(result)
            writer.finish()

    def _series(self, stored: dict[str, Artifact], *, raw: bool = False) -> dict[int, FaceSeries]:
        def chunks() -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
            for faces, intensities in self._together(stored, "faces", "action_units"):
                ids = faces["face_id"]
                yield faces, intensities if raw else self._above_baseline(intensities, ids[ids >= 0], stored)

        return series_of_faces(chunks(), stored["faces"].facts["frames"])

    @contextlib.contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[what] += time.perf_counter() - start


def _append(writer: ArtifactWriter, chunk: np.ndarray | None) -> None:
    if chunk is not None:
        writer.append(chunk)


class _DamagedStage(Exception):
    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(reason)
        self.stage = stage

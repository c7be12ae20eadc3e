"""Stage: frames, faces and landmarks -> measures of how good the recording is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.stage import FRAMES, Computation, Stage, StageSettings, VideoSettings


@dataclass(frozen=True)
class Quality(Stage):
    """Sharpness, brightness and clipped share of each face; the facts are those of the whole video.

    See `facs_pipeline.dynamics.quality.MEASURES`; the verdict by them is no part of what is stored.
    """

    name = "quality"
    version = 1
    inputs = (FRAMES, "faces", "landmarks", "confidence")

    settings: StageSettings

    @classmethod
    def configured(cls, options: Options, video: VideoSettings) -> Self:
        """Always there."""
        return cls(StageSettings())

    def computation(self, tick: Callable[[], None]) -> Computation:
        """Measure batch by batch, and the whole in the end."""
        return _Measuring()


class _Measuring(Computation):
    def __init__(self) -> None:
        self._rows: list[dict[str, np.ndarray]] = []
        self._cuts: int | None = None

    def push(self, chunks: Mapping[str, Any]) -> np.ndarray:
        from facs_pipeline.dynamics.quality import face_widths, picture_measures

        pictures = np.array([picture_measures(texture) for texture in chunks[FRAMES].textures()], np.float32)
        pictures = pictures.reshape(-1, 3)
        rows, landmarks, confidence = chunks["faces"], chunks["landmarks"], chunks["confidence"]
        n, seen = len(rows["frame"]), rows["face_id"] >= 0
        pose, width, shown = np.full((n, 3), np.nan), np.full(n, np.nan), np.full((n, 3), np.nan)
        sure = np.zeros((n, 3))
        sure[seen] = np.stack([confidence.whole, confidence.upper, confidence.lower], axis=1)
        pose[seen], shown[seen] = np.degrees(landmarks["pose"]), pictures
        width[seen] = face_widths(landmarks["ibug_points"])
        columns = {name: rows[name] for name in ("time_s", "frame", "face_id")}
        self._rows.append({**columns, "confidence": sure, "pose": pose, "width": width, "pictures": shown})
        if chunks[FRAMES].facts:
            self._cuts = chunks[FRAMES].facts["cuts"]
        return pictures

    def finish(self) -> tuple[None, dict[str, Any]]:
        from facs_pipeline.dynamics.quality import FaceRows, measure_quality

        if not self._rows:
            return None, {}
        whole = {name: np.concatenate([rows[name] for rows in self._rows]) for name in self._rows[0]}
        rows = FaceRows(
            whole["time_s"], whole["frame"], whole["face_id"], whole["confidence"][:, 0], whole["pose"],
            whole["width"], whole["pictures"], whole["confidence"][:, 1:], self._cuts,
        )  # fmt: skip
        return None, dict(measure_quality(rows))

"""Frames and their faces, collected until there are enough of them to be stored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facs_pipeline.faces.tracker import TrackedFace
from facs_pipeline.features.vector import N_FEATURES
from facs_pipeline.video.reader import Frame


class FrameChunk:
    """Frames and faces collected until there are enough to be written."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, float, float, tuple[float, ...], bool]] = []
        self._points: list[np.ndarray] = []
        self._features: list[np.ndarray] = []
        self._frames = 0

    def __len__(self) -> int:
        return self._frames

    def add(self, frame: Frame, faces: Sequence[TrackedFace], vectors: Sequence[np.ndarray]) -> None:
        """Append a frame with its faces and their feature vectors."""
        self._frames += 1
        if not faces:
            self._rows.append((frame.index, -1, frame.time_s, 0.0, (np.nan,) * 4, False))
        for face, vector in zip(faces, vectors, strict=True):
            row = frame.index, face.face_id, frame.time_s, float(face.confidence), tuple(face.box), face.cut
            self._rows.append(row)
            self._points.append(face.points)
            self._features.append(vector)

    def arrays(self) -> dict[str, np.ndarray]:
        """Columns of the rows [n]: ``frame``, ``face_id``, ``time_s``, ``confidence``, ``box``, ``cut``.

        And ``points`` [m, 68, 2] and ``features`` [m, d] of those that have a face.
        """
        frame, face_id, time_s, confidence, box, cut = zip(*self._rows, strict=True)
        return {
            "frame": np.array(frame, np.int64),
            "face_id": np.array(face_id, np.int64),
            "time_s": np.array(time_s, np.float64),
            "confidence": np.array(confidence, np.float32),
            "box": np.array(box, np.float32),
            "cut": np.array(cut, bool),
            "points": np.array(self._points, np.float32).reshape(-1, 68, 2),
            "features": np.array(self._features) if self._features else np.empty((0, N_FEATURES), np.uint8),
        }

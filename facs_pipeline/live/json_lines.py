"""One JSON object a picture, on a line of its own."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import IO

from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.live.frames import LiveFace, LiveFrame
from facs_pipeline.live.values import Group, face_values, groups

SCHEMA_VERSION = 1
"""Raised when a name goes or changes its meaning; names may be added at any time."""
_DECIMALS = 4


class JsonLines:
    """Writes a line for each frame, and flushes it.

    Parameters
    ----------
    file : text file
    analyser : FaceAnalyser
        Says what is measured.
    """

    def __init__(self, file: IO[str], analyser: FaceAnalyser) -> None:
        self._file, self._groups = file, groups(analyser)

    def write(self, frame: LiveFrame) -> None:
        """Append the frame's line."""
        self._file.write(json.dumps(frame_record(frame, self._groups), allow_nan=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Nothing is left to do; the file is the caller's."""


def frame_record(frame: LiveFrame, of: Sequence[Group]) -> dict[str, object]:
    """A frame as JSON can hold it: values by the names of the tables' columns, null where nothing is known."""
    return {
        "schema_version": SCHEMA_VERSION,
        "frame": frame.index,
        "time_s": round(frame.time_s, 6),
        "dropped": frame.dropped,
        "delay_ms": round(frame.delay_ms, 1),
        "frames_per_s": round(frame.frames_per_s, 1),
        "share_of_core": round(frame.share_of_core, 3),
        "notice": frame.notice,
        "marks": [{"time_s": mark.time_s, "label": mark.label} for mark in frame.marks],
        "faces": [face_record(face, of) for face in frame.faces],
    }


def face_record(face: LiveFace, of: Sequence[Group]) -> dict[str, object]:
    """A face likewise: what it is, where, and its values."""
    return {
        "face_id": face.face_id,
        "box": [round(float(side), 1) for side in face.box],
        "occluded": face.occluded,
        "neutral": face.neutral,
        **({"emotion": face.emotion} if face.emotion_names else {}),
        **{name: _number(name, value) for name, value in face_values(face, of).items()},
        "points": [[round(float(x), 2), round(float(y), 2)] for x, y in face.points],
    }


def _number(name: str, value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    return int(value) if name.endswith("_c") or name == "blinks" else round(value, _DECIMALS)

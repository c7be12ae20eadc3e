"""Lab Streaming Layer: each face's action units, head pose, gaze, emotions and state as streams, and marks as markers.

Streams are named ``facs AU``, ``facs pose``, ``facs gaze``, ``facs emotion``, ``facs state`` and ``facs marks``; those
of faces but the first have their number behind it. Channels have the names and units of the tables. Samples are stamped
with LSL's clock at the moment in which the picture arrived, not when it was measured. Rates are irregular, as pictures
may be dropped. A face that is not seen gives NaN.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.live.frames import LiveFrame
from facs_pipeline.live.values import Group, group_values, groups

if TYPE_CHECKING:
    from pylsl import StreamOutlet

_TYPES = {"AU": "FACS", "pose": "MoCap", "gaze": "Gaze", "emotion": "Emotion", "state": "FaceState"}


class LslStreams:
    """Offers the values of live frames as LSL streams.

    Parameters
    ----------
    source_name : str
        Camera or file; with it a receiver knows the streams again after a restart.
    analyser : FaceAnalyser
        Says what is measured.

    Raises
    ------
    InputError
        If pylsl, or the library that it needs, is not installed.
    """

    def __init__(self, source_name: str, analyser: FaceAnalyser) -> None:
        try:
            import pylsl
        except (ImportError, RuntimeError, OSError) as error:
            reason = str(error).strip().splitlines()[0]
            raise InputError(
                f"LSL: pylsl cannot be used ({reason}); install it with: pip install 'facs-pipeline[lsl]'"
            ) from None
        self._lsl, self._source = pylsl, source_name
        self._groups = groups(analyser)
        self._faces: dict[int, list[StreamOutlet]] = {}
        about = pylsl.StreamInfo(
            "facs marks", "Markers", 1, pylsl.IRREGULAR_RATE, pylsl.cf_string, self._id("marks", 0)
        )
        self._marks = pylsl.StreamOutlet(about)
        # Before a face is seen, so that recorders find the streams.
        self._outlets(0)

    def write(self, frame: LiveFrame) -> None:
        """Push a sample of each stream."""
        arrived = self._lsl.local_clock() - (time.perf_counter() - frame.arrived)
        for mark in frame.marks:
            self._marks.push_sample([mark.label], arrived + mark.time_s - frame.time_s)
        seen = {face.face_id: face for face in frame.faces}
        for face_id in (*seen, *(known for known in self._faces if known not in seen)):
            for group, outlet in zip(self._groups, self._outlets(face_id), strict=True):
                there = face_id in seen
                values = group_values(seen[face_id], group) if there else np.full(len(group.channels), np.nan)
                outlet.push_sample(values.tolist(), arrived)

    def close(self) -> None:
        """Take the streams away."""
        self._faces.clear()
        del self._marks

    def _outlets(self, face_id: int) -> list[StreamOutlet]:
        if face_id not in self._faces:
            self._faces[face_id] = [self._outlet(group, face_id) for group in self._groups]
        return self._faces[face_id]

    def _outlet(self, group: Group, face_id: int) -> StreamOutlet:
        name = f"facs {group.name}" + (f" {face_id}" if face_id else "")
        info = self._lsl.StreamInfo(
            name, _TYPES[group.name], len(group.channels), self._lsl.IRREGULAR_RATE, self._lsl.cf_float32,
            self._id(group.name, face_id),
        )  # fmt: skip
        description = info.desc()
        description.append_child_value("manufacturer", "facs-pipeline")
        description.append_child_value("face_id", str(face_id))
        channels = description.append_child("channels")
        for label, unit in zip(group.channels, group.units, strict=True):
            channel = channels.append_child("channel")
            channel.append_child_value("label", label)
            channel.append_child_value("unit", unit)
            channel.append_child_value("type", _TYPES[group.name])
        return self._lsl.StreamOutlet(info)

    def _id(self, kind: str, face_id: int) -> str:
        return f"facs {kind} {face_id} {self._source}"

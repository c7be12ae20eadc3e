"""Live analysis: how late values come, and how much of a core they take, from a file played in real time.

    python benchmarks/live.py

The frames of one of the shared videos, forwards and backwards, are scaled to the height and widened with their border,
and encoded as H.264 at 30 frames/s. Decoding is part of what is measured, and so is all that a face has: action units,
both sides, gaze, pose, confidence, blinks. The delay is from the decoded picture to these values, without smoothing
ahead. The share is processor time of the whole process over the time that the file plays, after its first second.
"""

from __future__ import annotations

import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import cv2
import harness
import numpy as np

from facs_pipeline.live.analyser import LiveAnalyser
from facs_pipeline.live.values import face_values, groups
from facs_pipeline.video.reader import read_frames
from facs_pipeline.video.writer import VideoWriter

SIZES = ((640, 480), (1280, 720))
FPS = 30
TARGET_SHARE = {(640, 480): 0.25, (1280, 720): 0.45}
TARGET_MS = 40.0
_FIRST_S = 1.0


class Measured(NamedTuple):
    """Of one playing.

    Attributes
    ----------
    frames, dropped, with_face : int
    delay_ms, delay_95_ms : float
        Median, and what 95 % stay below.
    share : float
        Of one core.
    """

    frames: int
    dropped: int
    with_face: int
    delay_ms: float
    delay_95_ms: float
    share: float


def make_file(source: Path, target: Path, size: tuple[int, int], seconds: float) -> Path:
    """The source's frames, there and back again, at another size and 30 frames/s."""
    frames = [frame.image for frame in islice(read_frames(source, colour=True), 150)]
    width, height = size
    with VideoWriter(target, fps=FPS) as video:
        for number, frame in enumerate(islice(cycle([*frames, *frames[-2:0:-1]]), int(seconds * FPS))):
            scaled = cv2.resize(frame, (round(frame.shape[1] * height / frame.shape[0]), height))[:, :width]
            left = (width - scaled.shape[1]) // 2
            right = width - scaled.shape[1] - left
            video.write(cv2.copyMakeBorder(scaled, 0, 0, left, right, cv2.BORDER_REPLICATE), number / FPS)
    return target


def play(path: Path, *, pictures: bool, emotions: bool) -> Measured:
    """Analyse the file while it plays."""
    delays, with_face = [], 0
    begun: tuple[float, float] | None = None
    with LiveAnalyser(path, emotions="default" if emotions else None) as live:
        of = groups(live.analyser)
        for frame in live:
            for face in frame.faces:
                face_values(face, of)
            if pictures:
                frame.picture  # noqa: B018
            # Also what is only computed when it is asked for.
            delays.append(1000 * (time.perf_counter() - frame.arrived))
            with_face += bool(frame.faces)
            if begun is None and frame.time_s >= _FIRST_S:
                begun, first = (time.perf_counter(), time.process_time()), len(delays)
        assert begun is not None
        share = (time.process_time() - begun[1]) / (time.perf_counter() - begun[0])
    median, high = np.percentile(delays[first:], [50, 95])
    return Measured(live.frames, live.dropped, with_face, float(median), float(high), share)


def main() -> None:
    """Command line."""
    parser = harness.parser(__doc__, "live")
    parser.add_argument("--video", default="d6")
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    [video] = harness.videos(options.data, [options.video])
    rows, result = [], {}
    kinds = {"values": (False, False), "values, picture": (True, False), "values, picture, emotions": (True, True)}
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            path = make_file(video, Path(folder) / f"{size[0]}.mp4", size, options.seconds)
            for kind, (pictures, emotions) in kinds.items():
                one = play(path, pictures=pictures, emotions=emotions)
                name = f"{size[0]} x {size[1]}, {kind}"
                result[name] = {**one._asdict(), "target_share": TARGET_SHARE[size], "target_ms": TARGET_MS}
                rows.append([name, *one, TARGET_SHARE[size]])
    columns = ["", "frames", "dropped", "with face", "delay ms", "95 %", "share of core", "target"]
    harness.table(f"Live at {FPS} frames/s; target of the delay {TARGET_MS:g} ms", columns, rows)
    harness.save(options.out, {"video": video.stem, "seconds": options.seconds}, result)


if __name__ == "__main__":
    main()

"""The decoding pass: a video's frames, each with its faces, in batches; memory does not grow with the video."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path

import numpy as np

from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.dynamics.resampling import LONGEST_GAP_S
from facs_pipeline.extraction.frame_batch import FrameBatch, VideoFacts
from facs_pipeline.faces.detector import upright_turn
from facs_pipeline.video.reader import Frame, probe, read_frames

BATCH_FRAMES = 256
"""Frames in one batch, and so in one chunk of an artifact."""
DECODED_AT_ONCE, DECODED_BYTES = 8, 1 << 24
"""Frames that are decoded before their faces are searched for, but no more bytes than this: of 8K one by one."""
TURNED_FRAMES = 2
"""Frames of a video without a face that are turned, to find out whether it lies on its side."""

Timer = Callable[[str], AbstractContextManager[None]]
"""Given a name, a context whose duration is added to that name's seconds."""


def decoded_batches(
    path: Path,
    analyser: FaceAnalyser,
    *,
    image_fps: float,
    tick: Callable[[int], None],
    expect: Callable[[int], None],
    timed: Timer,
) -> Iterator[FrameBatch]:
    """Frames of a video with their faces.

    Parameters
    ----------
    path : Path
        Video file, or folder of images.
    analyser : FaceAnalyser
        Without action units and emotions: those are predicted from whole chunks.
    image_fps : float
        Frames per second of a folder of images.
    tick : callable
        Called with the number of frames decoded so far.
    expect : callable
        Called first with the number of frames that the container claims, 0 where it claims none.
    timed : Timer

    Raises
    ------
    VideoError
        If the video cannot be decoded to its end.
    """
    stated = probe(path, image_fps=image_fps)
    expect(stated.frames)
    facts = VideoFacts(
        frames=0, frames_with_face=0, first_s=0.0, last_s=0.0, stated_s=stated.pictures_s, cuts=0,
        start_s=stated.start_s, gaps=0, gaps_s=0.0, other_person=0, notes=[],
    )  # fmt: skip
    batch = FrameBatch()
    faceless: deque[np.ndarray] = deque(maxlen=TURNED_FRAMES)
    sizes: set[tuple[int, ...]] = set()
    frames = read_frames(path, image_fps=image_fps)
    for frame in _several_at_once(frames, timed):
        if len(batch) >= BATCH_FRAMES:
            yield batch
            batch = FrameBatch()
        with timed("faces"):
            faces = analyser.track(frame.image, frame.time_s)
        with timed("features"):
            batch.add(frame, faces)
        if frame.index == 0:
            facts["first_s"] = frame.time_s
        elif frame.time_s - facts["last_s"] > LONGEST_GAP_S:
            facts["gaps"] += 1
            facts["gaps_s"] += frame.time_s - facts["last_s"]
        facts["last_s"] = frame.time_s
        facts["frames"] += 1
        facts["frames_with_face"] += bool(faces)
        facts["cuts"] += analyser.cut
        sizes.add(frame.image.shape)
        if not facts["frames_with_face"] and frame.index & (frame.index - 1) == 0:
            faceless.append(frame.image)
        tick(facts["frames"])
    facts["sizes"] = len(sizes)
    facts["other_person"] = analyser.other_person
    facts["notes"] = frames.notes
    if frames.corrected:
        # The header counts wrong stamps, too.
        facts["stated_s"] = 0.0
    if not facts["frames_with_face"]:
        facts["upright_turn"] = upright_turn(faceless, analyser.landmarks)
    batch.facts = facts
    if len(batch):
        yield batch


def _several_at_once(frames: Iterator[Frame], timed: Timer) -> Iterator[Frame]:
    # Decoder and landmarks push each other's data out of the processor's cache; taking turns less often costs less.
    at_once = 1
    while True:
        with timed("decode"):
            several = list(islice(frames, at_once))
        if not several:
            return
        yield from several
        at_once = max(1, min(DECODED_AT_ONCE, DECODED_BYTES // several[-1].image.nbytes))

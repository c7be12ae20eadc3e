"""Montages of two people who meet: one passes before the other, hides for a while, or a cut changes their places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np

from facs_pipeline.faces.landmark_finder import LandmarkFinder
from facs_pipeline.faces.tracker import FaceTracker
from facs_pipeline.video.reader import read_frames

Kind = Literal["crossing", "hiding", "cut"]
KINDS: tuple[Kind, ...] = ("crossing", "hiding", "cut")
FRAMES, FPS = 60, 25
_SIDE, _WIDTH, _HEIGHT = 280, 1000, 320


def person(video: Path, model: LandmarkFinder) -> list[np.ndarray]:
    """`FRAMES` square pictures of a video's main face, which is in the middle of the first."""
    greys = [frame.image for frame in islice(read_frames(video), FRAMES)]
    points = FaceTracker(model).update(greys[0], 0.0)[0].points
    half = 0.95 * float(np.ptp(points[:, 0]))
    (left, top), side = (points.mean(axis=0) - half).astype(int).tolist(), int(2 * half)
    wide = [cv2.copyMakeBorder(grey, side, side, side, side, cv2.BORDER_REPLICATE) for grey in greys]
    return [grey[top + side : top + 2 * side, left + side : left + 2 * side] for grey in wide]


class Meeting(NamedTuple):
    """Frames of a meeting, and where the two people are in each: the left edges of their pictures, None if hidden."""

    frames: list[np.ndarray]
    left: list[tuple[int, int | None]]


def meeting(staying: Sequence[np.ndarray], moving: Sequence[np.ndarray], kind: Kind) -> Meeting:
    """Two people of whom pictures of equal size are given, `FRAMES` of each, face in the middle."""
    frames, left = [], []
    for number in range(FRAMES):
        first: int = (_WIDTH - _SIDE) // 2
        second: int | None = 20
        if kind == "crossing":
            second = round(number / (FRAMES - 1) * (_WIDTH - _SIDE))
        elif kind == "hiding":
            second = 20 if number < 20 else None if number < 32 else _WIDTH - _SIDE - 20
        elif number >= FRAMES // 2:
            first, second = 20, first
        frame = np.full((_HEIGHT, _WIDTH), 90 if kind != "cut" or number < FRAMES // 2 else 180, np.uint8)
        for picture, at in ((staying[number], first), (moving[number], second)):
            if at is not None:
                frame[20 : 20 + _SIDE, at : at + _SIDE] = cv2.resize(
                    picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA
                )
        frames.append(frame)
        left.append((first, second))
    return Meeting(frames, left)


def switches(model: LandmarkFinder, met: Meeting) -> int:
    """How many of the two people carry another id after the meeting than before."""
    tracker = FaceTracker(model, faces="all")
    seen: list[list[int]] = [[], []]
    for number, (frame, left) in enumerate(zip(met.frames, met.left, strict=True)):
        for face in tracker.update(frame, number / FPS):
            x = float(face.points[:, 0].mean())
            inside = [who for who, at in enumerate(left) if at is not None and at < x < at + _SIDE]
            # Where one is before the other nobody can say whose face it is.
            if len(inside) == 1:
                seen[inside[0]].append(face.face_id)
    return sum(not ids or ids[0] != ids[-1] for ids in seen)


def pairs(count: int) -> Iterator[tuple[int, int]]:
    """Ordered pairs of `count` people."""
    yield from ((one, other) for one in range(count) for other in range(count) if one != other)

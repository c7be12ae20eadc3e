"""A live face as named values: the names, units and signs of the tables, for all that leaves the program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from facs_pipeline.action_units.gaze import GAZE_AUS
from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.analysis.face import two_sided
from facs_pipeline.dynamics.face_series import BLINK_AU, CLOSED_AU
from facs_pipeline.live.frames import LiveFace


class Group(NamedTuple):
    """Values that belong together.

    Attributes
    ----------
    name : str
        Such as ``"AU"``.
    channels : tuple of str
        Names, in order; those of the tables' columns where there are such.
    units : tuple of str
        Of each channel.
    """

    name: str
    channels: tuple[str, ...]
    units: tuple[str, ...]


_POSE = ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")
_GAZE = ("gaze_angle_x", "gaze_angle_y")
_STATE = ("confidence", "confidence_upper", "confidence_lower", "blinks", "blinks_per_minute", "eyes_closed_s")


def groups(analyser: FaceAnalyser) -> list[Group]:
    """The groups of values that `face_values` gives, in its order.

    Examples
    --------
    >>> [group.name for group in groups(FaceAnalyser())]
    ['AU', 'pose', 'gaze', 'state']
    """
    aus = analyser.aus
    closed = [CLOSED_AU] if BLINK_AU in aus else []
    measured = [f"AU{au:02d}_r" for au in aus]
    sides = [f"AU{au:02d}{side}_r" for au in two_sided(aus) for side in "LR"]
    there = [f"AU{au:02d}_c" for au in (*analyser.presence, *closed, *GAZE_AUS)]
    made = [
        Group("AU", (*measured, *sides, *there), ("0..5",) * len(measured + sides) + ("0 or 1",) * len(there)),
        Group("pose", _POSE, ("millimetres",) * 3 + ("radians",) * 3),
        Group("gaze", _GAZE, ("radians",) * 2),
    ]
    if analyser.emotions:
        names = tuple(f"emotion_{name}" for name in analyser.emotions)
        made.append(Group("emotion", names, ("probability",) * len(names)))
    units = ("probability",) * 3 + ("count", "per minute", "seconds")
    return [*made, Group("state", _STATE, units)]


def group_values(face: LiveFace, group: Group) -> np.ndarray:
    """The values [c] float64 of one group; NaN where nothing is known."""
    return np.array(_READ[group.name](face), np.float64)


def face_values(face: LiveFace, of: Sequence[Group]) -> dict[str, float]:
    """All values by their names."""
    return {
        name: value
        for group in of
        for name, value in zip(group.channels, group_values(face, group).tolist(), strict=True)
    }


def _action_units(face: LiveFace) -> list[float]:
    sides = np.stack([face.left, face.right], axis=1).ravel()
    there = face.present
    if BLINK_AU not in face.aus:
        there.pop(CLOSED_AU)
    else:
        # In the tables' order: AU43 before where the eyes are turned.
        closed = there.pop(CLOSED_AU)
        turned = {au: there.pop(au) for au in GAZE_AUS}
        there |= {CLOSED_AU: closed} | turned
    return [*face.intensities.tolist(), *sides.tolist(), *there.values()]


_READ = {
    "AU": _action_units,
    "pose": lambda face: face.place_and_pose,
    "gaze": lambda face: face.gaze,
    "emotion": lambda face: face.emotions,
    "state": lambda face: [
        face.confidence, face.confidence_upper, face.confidence_lower,
        face.blinks, face.blinks_per_minute, face.closed_s,
    ],
}  # fmt: skip

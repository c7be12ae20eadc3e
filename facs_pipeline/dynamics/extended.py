"""The extended descriptor: action units, lips, lids, brows and head at three time scales, with names that say what.

Beside the published descriptor (`facs_pipeline.dynamics.descriptors`) it holds what the literature found to differ
between felt and posed expressions: onset and offset, sides of the face, AU6 with AU12, smoothness, blinks, and movement
faster than the 1 Hz that the published smoothing passes. `facs_pipeline.dynamics.evidence` tells which columns are of
the face. Nothing in it is a total that grows with the clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facs_pipeline.action_units.baseline import CALMEST_SHARE
from facs_pipeline.dynamics import time_scales
from facs_pipeline.dynamics.blinks import find_blinks
from facs_pipeline.dynamics.coordination import TOGETHER, coordination
from facs_pipeline.dynamics.face_signals import ASYMMETRIES, LANDMARK_SIGNALS, SIDED, Signal, landmark_series
from facs_pipeline.dynamics.phases import PHASES, phase_statistics
from facs_pipeline.dynamics.phases import SCALE_MS as PHASE_MS
from facs_pipeline.dynamics.resampling import RATE_HZ, as_series, has_face, hours, span_s
from facs_pipeline.dynamics.time_scales import LEVELS, MOVEMENTS, SCALES_MS, SHAPES, Motion, joined, motion_at
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.landmarks.pose import head_pose

BLINK_AU = 45
LONGEST_S = 1800.0
"""Longest series that is described, so that all of its samples at all scales fit into a gigabyte."""
AU_PAIRS = ((6, 12), (1, 2), (1, 4), (4, 7), (9, 10), (12, 25), (15, 17))
"""Action units whose coordination is described."""
ANGLES = ("pitch", "yaw", "roll")
HEAD_SIGNALS = tuple(
    Signal(f"head_{name}", f"{name} of the head, as `pose_R{axis}`", "degrees", 0.5)
    for name, axis in zip(ANGLES, "xyz", strict=True)
)
IN_STEP = ("correlation", "slope", "speed_correlation")
"""Statistics of an angle of the head with the face's activity."""
WHERE = ("time_of_max", "end_minus_start")
"""Where in the clip a series is high."""
RECORDING = (
    "recording_duration_s",
    "recording_frames",
    "recording_frame_rate_hz",
    "recording_face_share",
    "recording_face_size_px",
    "recording_face_x_px",
    "recording_face_y_px",
)


@dataclass(frozen=True)
class FaceMotion:
    """What one face did in one video.

    Attributes
    ----------
    times_s : ndarray
        Presentation times [n] in seconds.
    intensities : ndarray
        AU intensities [n, k]; rows of NaN without the face.
    aus : tuple of int
        Numbers [k] of the action units.
    points : ndarray or None
        Landmarks [n, 68, 2] in pixels, rows of NaN without the face; None where there are none.
    """

    times_s: np.ndarray
    intensities: np.ndarray
    aus: tuple[int, ...]
    points: np.ndarray | None = None

    def __post_init__(self) -> None:
        as_series(self.intensities, self.times_s)
        if self.intensities.shape[1] != len(self.aus):
            raise InputError(
                f"intensities have {self.intensities.shape[1]} columns, but {len(self.aus)} action units are named"
            )


def au_signals(aus: Sequence[int]) -> tuple[Signal, ...]:
    """Series of action units."""
    return tuple(Signal(f"AU{au:02d}", f"intensity of AU{au:02d}", "intensity", 0.1) for au in aus)


def extended_names(aus: Sequence[int], landmarks: bool = True) -> list[str]:
    """Names of the extended descriptor's values, in order.

    Parameters
    ----------
    aus : sequence of int
        Action units.
    landmarks : bool
        Whether there are landmarks.

    Examples
    --------
    >>> extended_names([12], landmarks=False)[:3]
    ['AU12_mean', 'AU12_p05', 'AU12_p25']
    """
    phased = [*au_signals(aus), *(LANDMARK_SIGNALS if landmarks else ())]
    plain = [*phased, *(ASYMMETRIES if landmarks else ())]
    names = [f"{signal.name}_{statistic}" for signal in plain for statistic in _plain()]
    names += [f"{signal.name}_{phase}" for signal in phased for phase in PHASES]
    names += [f"{pair}_{statistic}" for pair in _pairs(aus, landmarks) for statistic in TOGETHER]
    names += ["face_synchrony", "face_first_component"]
    names += ["blinks_per_s", "blinks_in_movement"] if BLINK_AU in aus else []
    if landmarks:
        names += [f"head_in_step_{angle}_{statistic}" for angle in ANGLES for statistic in IN_STEP]
        names += [f"{signal.name}_{statistic}" for signal in HEAD_SIGNALS for statistic in _plain()]
    names += [f"clip_{signal.name}_{statistic}" for signal in plain for statistic in WHERE]
    return names + [name for name in RECORDING if landmarks or "_face_" not in name or name.endswith("share")]


def _plain() -> list[str]:
    return [*LEVELS, *SHAPES, *(f"{name}_{scale}ms" for scale in SCALES_MS for name in MOVEMENTS)]


def _pairs(aus: Sequence[int], landmarks: bool) -> list[str]:
    of_aus = [f"AU{a:02d}_with_AU{b:02d}" for a, b in AU_PAIRS if a in aus and b in aus]
    return of_aus + [f"{name}_left_with_right" for name in SIDED if landmarks]


def why_not_extended(motion: FaceMotion) -> str:
    """Why there is no extended descriptor, in words; empty where there is one.

    Examples
    --------
    >>> why_not_extended(FaceMotion(np.zeros(1), np.zeros((1, 1)), (12,)))
    'a face in 1 of 1 frames, an extended descriptor needs two within 0.5 s'
    """
    rows, times = as_series(_rows(motion), motion.times_s)
    if not _described(rows, times):
        shown = int(has_face(rows, times).sum())
        return (
            f"a face in {shown} of {len(rows)} frames, an extended descriptor needs two "
            f"within {time_scales.LONGEST_HOLE_S:g} s"
        )
    total = span_s(rows, times)
    longest = f"an extended descriptor is of at most {hours(LONGEST_S)}; cut the video"
    return f"faces span {hours(total)}, {longest}" if total > LONGEST_S else ""


def _described(rows: np.ndarray, times: np.ndarray) -> bool:
    shown = np.flatnonzero(has_face(rows, times))
    return bool((np.diff(times[shown]) <= time_scales.LONGEST_HOLE_S).any())


def _rows(motion: FaceMotion) -> np.ndarray:
    """All that is known of each frame, a row of NaN where something is missing."""
    if motion.points is None:
        return motion.intensities
    return np.hstack([motion.intensities, motion.points.reshape(len(motion.points), -1)])


def describe_motion(motion: FaceMotion) -> tuple[np.ndarray, list[str]]:
    """Extended descriptor of one face in one video.

    Parameters
    ----------
    motion : FaceMotion

    Returns
    -------
    values : ndarray of float64
        All NaN when there is too little to describe; `why_not_extended` gives the reason.
    names : list of str
        See `extended_names`.

    Notes
    -----
    Series are split where no face is seen for more than half a second, put on a 100 Hz base and smoothed at three
    scales, part by part; statistics are of all parts.

    Examples
    --------
    >>> times = np.arange(75) / 25
    >>> smile = 2 - 2 * np.cos(2 * np.pi * times / 3)
    >>> values, names = describe_motion(FaceMotion(times, smile[:, None], (12,)))
    >>> round(float(values[names.index("AU12_onset_duration_s")]), 1)
    1.5
    """
    names = extended_names(motion.aus, motion.points is not None)
    if why_not_extended(motion):
        return np.full(len(names), np.nan), names
    # Six digits hold all that is known of a movement, and a table is a third as large.
    return np.array([float(f"{value:.6g}") for value in _Description(motion).values()]), names


class _Description:
    """Series of one face at all scales, and the blocks of its descriptor."""

    def __init__(self, motion: FaceMotion) -> None:
        self.motion = motion
        rows = _rows(motion)
        shown = has_face(np.asarray(rows, float), np.asarray(motion.times_s, float))
        self.shown = shown
        aus = au_signals(motion.aus)
        blocks = [np.asarray(motion.intensities, float)]
        self.phased: tuple[Signal, ...] = aus
        self.plain: tuple[Signal, ...] = aus
        self.head: tuple[Signal, ...] = ()
        self.sides = slice(0, 0), slice(0, 0)
        if motion.points is not None:
            points = motion.points[shown]
            series, sides = landmark_series(points)
            angles = np.degrees(head_pose(points))
            of_face = np.hstack([series, sides[:, 0] - sides[:, 1], angles, sides[:, 0], sides[:, 1]])
            blocks.append(np.full((len(shown), of_face.shape[1]), np.nan))
            blocks[1][shown] = of_face
            self.phased = (*aus, *LANDMARK_SIGNALS)
            self.plain = (*self.phased, *ASYMMETRIES)
            self.head = HEAD_SIGNALS
            first = len(self.plain) + len(ANGLES)
            self.sides = slice(first, first + len(SIDED)), slice(first + len(SIDED), first + 2 * len(SIDED))
        every = np.hstack(blocks)
        every[~shown] = np.nan
        self.signals = (*self.plain, *self.head)
        self.least = np.array([signal.least for signal in self.signals])
        parts = time_scales.split_at_holes(every, np.asarray(motion.times_s, float))
        self.at_scale = {scale: motion_at(parts, scale) for scale in SCALES_MS}
        self.all = {scale: joined(of_scale) for scale, of_scale in self.at_scale.items()}
        self.acting = [i for i, au in enumerate(motion.aus) if au != BLINK_AU] or list(range(len(motion.aus)))

    def values(self) -> np.ndarray:
        """All values, in the order of `extended_names`."""
        plain = self._plain_statistics()
        n = len(self.plain)
        blocks = [plain[:, :n].T.ravel(), self._phases(), self._coordination(), self._synchrony()]
        if BLINK_AU in self.motion.aus:
            blocks.append(self._blinks())
        if self.head:
            blocks += [self._head_in_step(), plain[:, n:].T.ravel()]
        return np.concatenate([*blocks, self._where(), self._recording()])

    def _plain_statistics(self) -> np.ndarray:
        count = len(self.signals)
        fine = self.all[SCALES_MS[0]].value
        activity = fine[:, self.acting].mean(axis=1)
        calm = activity <= np.quantile(activity, CALMEST_SHARE)
        blocks = [time_scales.level_statistics(fine[:, :count], calm, self.least)]
        for scale in SCALES_MS:
            motion = Motion(*(series[:, :count] for series in self.all[scale]))
            blocks.append(time_scales.movement_statistics(motion, self.least))
        return np.concatenate(blocks)

    def _phases(self) -> np.ndarray:
        count = len(self.phased)
        parts = [Motion(*(series[:, :count] for series in part)) for part in self.at_scale[PHASE_MS]]
        return phase_statistics(parts, self.least[:count]).T.ravel()

    def _coordination(self) -> np.ndarray:
        aus = self.motion.aus
        pairs = [(aus.index(a), aus.index(b)) for a, b in AU_PAIRS if a in aus and b in aus]
        first, second = [a for a, _ in pairs], [b for _, b in pairs]
        values = [part.value for part in self.at_scale[PHASE_MS]]
        left, right = self.sides
        result = np.zeros((3, 0))
        for one, other, least in (
            ([v[:, first] for v in values], [v[:, second] for v in values], np.full(len(pairs), 0.1)),
            ([v[:, left] for v in values], [v[:, right] for v in values], np.full(left.stop - left.start, 0.5)),
        ):
            if len(least):
                result = np.hstack([result, coordination(one, other, least, least)])
        return result.T.ravel()

    def _synchrony(self) -> np.ndarray:
        """Mean correlation of any two action units, and share of their first principal component."""
        value = self.all[PHASE_MS].value[:, self.acting]
        moved = (value - value.mean(axis=0)) / (value.std(axis=0) + self.least[self.acting])
        correlation = moved.T @ moved / len(moved)
        total = np.trace(correlation)
        if len(self.acting) < 2 or total <= 0:
            return np.zeros(2)
        between = (correlation.sum() - total) / (len(self.acting) * (len(self.acting) - 1))
        return np.array([between, np.linalg.eigvalsh(correlation)[-1] / total])

    def _activity(self) -> Motion:
        """Mean over action units of value and of the amounts of speed and acceleration, `[m]`."""
        value, speed, acceleration = self.all[PHASE_MS]
        chosen = self.acting
        return Motion(
            value[:, chosen].mean(axis=1),
            np.abs(speed[:, chosen]).mean(axis=1),
            np.abs(acceleration[:, chosen]).mean(axis=1),
        )

    def _blinks(self) -> np.ndarray:
        """Blinks a second, and how much faster than on average the face moves during them."""
        motion = self.motion
        times = np.asarray(motion.times_s, float)[self.shown]
        lids = np.asarray(motion.intensities, float)[self.shown, motion.aus.index(BLINK_AU)]
        found = find_blinks(lids, times)
        speed = self._activity().speed
        rate = len(found) / (len(speed) / RATE_HZ)
        if not found:
            return np.array([rate, 0.0])
        grid = np.linspace(times[0], times[-1], len(speed))
        during = np.any([(grid >= first) & (grid <= last) for first, last in found], axis=0)
        faster = speed[during].mean() / (speed.mean() + 0.1) - 1 if during.any() else 0.0
        return np.array([rate, faster])

    def _head_in_step(self) -> np.ndarray:
        value, speed, _acceleration = self.all[PHASE_MS]
        angles = slice(len(self.plain), len(self.plain) + len(ANGLES))
        activity = self._activity()
        result = []
        for angle, turning in zip(value[:, angles].T, np.abs(speed[:, angles]).T, strict=True):
            covariance = np.mean((angle - angle.mean()) * (activity.value - activity.value.mean()))
            result += [
                covariance / ((angle.std() + 0.5) * (activity.value.std() + 0.1)),
                covariance / (activity.value.var() + 0.01),
                np.mean((turning - turning.mean()) * (activity.speed - activity.speed.mean()))
                / ((turning.std() + 0.5) * (activity.speed.std() + 0.1)),
            ]
        return np.array(result)

    def _where(self) -> np.ndarray:
        """Time of the maximum as a share of the clip; mean of the last third minus that of the first."""
        value = self.all[PHASE_MS].value[:, : len(self.plain)]
        third = max(1, len(value) // 3)
        changed = value[-third:].mean(axis=0) - value[:third].mean(axis=0)
        return np.column_stack([value.argmax(axis=0) / len(value), changed]).ravel()

    def _recording(self) -> np.ndarray:
        times = np.asarray(self.motion.times_s, float)
        frames, seconds = len(times), float(times[-1] - times[0])
        rate = (frames - 1) / seconds if seconds > 0 else 0.0
        of_all = [frames / rate if rate else 0.0, frames, rate, float(self.shown.mean())]
        if self.motion.points is None:
            return np.array(of_all)
        points = np.asarray(self.motion.points, float)[self.shown]
        middle = points.mean(axis=1)
        size = np.sqrt(((points - middle[:, None]) ** 2).sum(axis=2).mean(axis=1))
        return np.array([*of_all, size.mean(), *middle.mean(axis=0)])

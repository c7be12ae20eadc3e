"""Landmarks -> how far lips, lids and brows are open, raised or apart, in the face's own frame.

A mean head is turned, scaled and moved onto each face's rigid points (`facs_pipeline.landmarks.pose`). What the
landmarks lie beside it, turned upright and divided by the face's size, is what the face does: place, size, roll and, to
first order, pitch and yaw are out of it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from facs_pipeline.landmarks.pose import MEAN_HEAD

PERCENT = 100.0
# No expression moves these much: upper face outline, nose, eye corners.
_RIGID = np.array([0, 1, 2, 14, 15, 16, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 39, 42, 45])
_ORIGIN = MEAN_HEAD[_RIGID].mean(axis=0)
_SOLVE = np.linalg.pinv(MEAN_HEAD[_RIGID] - _ORIGIN)


class Signal(NamedTuple):
    """A series that is described.

    Attributes
    ----------
    name : str
        Of the series, first part of its columns' names.
    meaning : str
        What rises with it, in words.
    unit : str
        Its unit.
    least : float
        Smallest change that is more than noise, in that unit.
    """

    name: str
    meaning: str
    unit: str
    least: float


_OF_EYES = "% of the outer-eye distance"
_LIPS_LIDS_BROWS = {
    "lip_width": "distance of the lip corners",
    "lip_opening": "distance of the inner lips",
    "lip_corners_height": "height of the lip corners over the base of the nose, mean of both",
    "lip_corners_out": "how far the lip corners lie from the middle, mean of both",
    "upper_lip_height": "height of the upper lip over the base of the nose",
    "lower_lip_height": "height of the lower lip over the base of the nose",
    "jaw_height": "height of the chin over the base of the nose",
    "lids_opening": "distance of the lids, mean of both eyes",
    "inner_brows_height": "height of the inner brows over the inner eye corners, mean of both",
    "outer_brows_height": "height of the outer brows over the outer eye corners, mean of both",
    "brow_gap": "distance of the inner brows",
    "nose_width": "distance of the nose wings",
    "nose_wings_height": "height of the nose wings over the bridge, mean of both",
}
SIDED = ("lip_corners_height", "lip_corners_out", "lids_opening", "inner_brows_height", "outer_brows_height")
"""What either side of the face has for itself."""
ASYMMETRIES = tuple(
    Signal(f"{name}_left_minus_right", f"{_LIPS_LIDS_BROWS[name].split(',')[0]}, the person's left minus right",
           _OF_EYES, 0.5)
    for name in SIDED
)  # fmt: skip
LANDMARK_SIGNALS = tuple(Signal(name, words, _OF_EYES, 0.5) for name, words in _LIPS_LIDS_BROWS.items())


def frontal_landmarks(points: np.ndarray) -> np.ndarray:
    """Landmarks in the face's own frame.

    Parameters
    ----------
    points : ndarray
        ``[n, 68, 2]`` in pixels, y down.

    Returns
    -------
    ndarray of float64
        ``[n, 68, 2]`` in outer-eye distances of the mean head: x to the image's right, y up.

    Examples
    --------
    >>> frontal_landmarks(80 * MEAN_HEAD[None, :, :2] + 50)[0, 8, 1].round(3).tolist()
    -0.92
    """
    points = np.asarray(points, np.float64)
    rigid = points[:, _RIGID]
    middle = rigid.mean(axis=1, keepdims=True)
    # Scaled orthographic projection, solved linearly and made a rotation by the nearest orthonormal pair of rows.
    solved = np.einsum("mk,nkc->ncm", _SOLVE, rigid - middle)
    u, singular, vt = np.linalg.svd(solved, full_matrices=False)
    rows, size = u @ vt, singular.mean(axis=1)[:, None]
    beside = (points - middle) / size[..., None] - (MEAN_HEAD - _ORIGIN) @ rows.transpose(0, 2, 1)
    roll = np.arctan2(rows[:, 1, 0], rows[:, 0, 0])
    upright = (beside[..., 0] + 1j * beside[..., 1]) * np.exp(-1j * roll)[:, None]
    return np.stack([MEAN_HEAD[:, 0] + upright.real, -MEAN_HEAD[:, 1] - upright.imag], axis=-1)


def landmark_series(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The series of `LANDMARK_SIGNALS`, and of either side of `SIDED`.

    Parameters
    ----------
    points : ndarray
        ``[n, 68, 2]`` in pixels, y down.

    Returns
    -------
    series : ndarray of float64
        ``[n, 13]``, in percent of the outer-eye distance.
    sides : ndarray of float64
        ``[n, 2, 5]``: the person's left and right, of an image that is not mirrored.
    """
    x, y = np.moveaxis(PERCENT * frontal_landmarks(points), -1, 0)

    def apart(first: int, second: int) -> np.ndarray:
        return np.hypot(x[:, first] - x[:, second], y[:, first] - y[:, second])

    base = y[:, 33]
    left = np.column_stack([
        y[:, 54] - base,
        x[:, 54] - x[:, 33],
        (apart(43, 47) + apart(44, 46)) / 2,
        y[:, 22:24].mean(axis=1) - y[:, 42],
        y[:, 24:26].mean(axis=1) - y[:, 45],
    ])  # fmt: skip
    right = np.column_stack([
        y[:, 48] - base,
        x[:, 33] - x[:, 48],
        (apart(37, 41) + apart(38, 40)) / 2,
        y[:, 20:22].mean(axis=1) - y[:, 39],
        y[:, 18:20].mean(axis=1) - y[:, 36],
    ])  # fmt: skip
    both = (left + right) / 2
    series = {
        "lip_width": apart(48, 54),
        "lip_opening": apart(62, 66),
        "upper_lip_height": y[:, 51] - base,
        "lower_lip_height": y[:, 57] - base,
        "jaw_height": y[:, 8] - base,
        "brow_gap": apart(21, 22),
        "nose_width": apart(31, 35),
        "nose_wings_height": (y[:, 31] + y[:, 35]) / 2 - y[:, 27],
        **dict(zip(SIDED, both.T, strict=True)),
    }
    return np.column_stack([series[name] for name in _LIPS_LIDS_BROWS]), np.stack([left, right], axis=1)

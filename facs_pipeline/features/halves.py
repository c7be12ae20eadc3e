"""The features of either half of a face, the right half's as a mirror shows them, so that the two compare.

Windows of gradients lie symmetrically about the middle of the registered texture, and so do the mean face's landmarks.
A mirror therefore moves their values to other places of the vector and changes none: it swaps the two halves. That
does not hold for local binary patterns, whose cells do not lie symmetrically, so they are left out.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from facs_pipeline.features.hog import HOG_SHAPE, ORIENTATIONS
from facs_pipeline.features.registration import MEAN_49
from facs_pipeline.features.vector import BLOCKS
from facs_pipeline.foundation.images.gradients import mirrored_directions
from facs_pipeline.landmarks.points import INNER_49, MIRROR_68

# Registered landmarks are stored as differences from the mean face, 128 is none.
_TWICE_ZERO = 256


class _Places(NamedTuple):
    """Where in the vector the values of the left half are, and those that take their place in a mirror [m].

    A mirrored value is ``sign * value + shift``. The first `gradients` are gradients, the rest landmarks; those of the
    middle line, which belong to both halves, are True in `middle`.
    """

    left: np.ndarray
    right: np.ndarray
    sign: np.ndarray
    shift: np.ndarray
    middle: np.ndarray
    gradients: int


def _gradients() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places, mirrored places, and which are of the middle."""
    windows = np.arange(BLOCKS["hog"].start, BLOCKS["hog"].stop).reshape(HOG_SHAPE)
    middle = HOG_SHAPE[1] // 2
    # The outermost windows are divided by what lies around them, which the border cuts off on one side only.
    columns = np.arange(middle, HOG_SHAPE[1] - 1)
    left = windows[:, columns]
    right = windows[:, 2 * middle - columns][..., mirrored_directions(ORIENTATIONS)]
    central = np.zeros(left.shape, bool)
    central[:, 0] = True
    # Of two directions of the middle that change places one is enough.
    wanted = ~central | (left < right)
    return left[wanted], right[wanted], central[wanted]


def _landmarks() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Places, mirrored places, which are of the middle, and which are across the face, where a mirror turns signs."""
    of_point = {point: number for number, point in enumerate(INNER_49.tolist())}
    partner = np.array([of_point[point] for point in MIRROR_68[INNER_49].tolist()])
    number = np.arange(len(INNER_49))
    central = partner == number
    chosen = number[central | (MEAN_49[:, 0] > MEAN_49[partner, 0])]
    axis = np.array([0, 1])
    places, mirrored = (BLOCKS["landmarks"].start + 2 * which[:, None] + axis for which in (chosen, partner[chosen]))
    middle, across = np.broadcast_to(central[chosen, None], places.shape), np.broadcast_to(axis == 0, places.shape)
    # A point of the middle differs from its mirror image in x only.
    wanted = ~middle | across
    return places[wanted], mirrored[wanted], middle[wanted], across[wanted]


@cache
def _places() -> _Places:
    left, right, middle = _gradients()
    of_points, mirrored, middle_points, across = _landmarks()
    sign = np.concatenate([np.ones(len(left)), np.where(across, -1, 1)]).astype(np.int16)
    return _Places(
        np.concatenate([left, of_points]),
        np.concatenate([right, mirrored]),
        sign,
        np.where(sign < 0, _TWICE_ZERO, 0).astype(np.int16),
        np.concatenate([middle, middle_points]),
        len(left),
    )


def face_halves(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradients and landmarks of the halves of faces.

    Parameters
    ----------
    features : ndarray of uint8
        ``[n, 9055]``, as `facs_pipeline.features.face_features` gives them.

    Returns
    -------
    left, right : ndarray of int16
        ``[n, m]`` each, of the person's own left and right. Where the same place of both halves looks alike, so do
        the values. The face in a mirror has them exchanged.

    Examples
    --------
    >>> left, right = face_halves(np.full((1, 9055), 128, np.uint8))
    >>> bool((left == right).all())
    True
    """
    places = _places()
    wide = np.asarray(features).astype(np.int16)
    return wide[:, places.left], wide[:, places.right] * places.sign + places.shift


def middle_values() -> np.ndarray:
    """Which of the values of `face_halves` [m] are of the middle line; bool."""
    return _places().middle


def gradient_values() -> slice:
    """Which of the values of `face_halves` are gradients; those behind them are landmarks."""
    return slice(0, _places().gradients)

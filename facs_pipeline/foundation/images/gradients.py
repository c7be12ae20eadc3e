"""Gradients of a picture along evenly spread directions."""

from __future__ import annotations

import cv2
import numpy as np


def directions(n: int) -> np.ndarray:
    """`n` directions evenly round the circle [2, n] float32, of half a unit's length, the first to the right."""
    angle = np.arange(n) * (2 * np.pi / n)
    # Without the rounding, cos(pi / 2) is 6e-17, and it depends on OpenCV's version which way ties round.
    return np.round(0.5 * np.stack([np.cos(angle), np.sin(angle)]), 7).astype(np.float32)


def mirrored_directions(n: int) -> np.ndarray:
    """Which of `directions(n)` takes the place of each in a mirror [n]: the angle a turns into pi - a; `n` is even.

    Example
    -------
    >>> mirrored_directions(4).tolist()
    [2, 1, 0, 3]
    """
    return (n // 2 - np.arange(n)) % n


def oriented_gradients(picture: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Gradients of a `picture` [h, w] uint8 `along` n `directions` [2, n], 0 where they point the other way; n is even.

    Returns [n h, w] uint8: one below the other, so that one call sums them all.
    """
    height, width = picture.shape
    dx, dy = cv2.spatialGradient(picture)
    gradients = np.empty((along.shape[1] * height, width), np.int16)
    half = along.shape[1] // 2
    for k, (x, y) in enumerate(along.T.tolist()[:half]):
        # Asked for 8 bits, which would clip, too, OpenCV 5.0 takes four times as long.
        cv2.addWeighted(dx, x, dy, y, 0, dst=gradients[k * height : (k + 1) * height])
    np.negative(gradients[: half * height], out=gradients[half * height :])
    return np.clip(gradients, 0, 255, out=gradients).astype(np.uint8)

"""Still faces whose mouth, brows and lids are moved, turned and stretched: expressions that few photographs show."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from typing import NamedTuple

import cv2
import numpy as np

from facs_pipeline.datasets.pictures import Pictures
from facs_pipeline.foundation.errors import InputError

_WARP_VERSION = 1
_ROUNDS = 8  # of the iteration that finds where points have gone


class Part(NamedTuple):
    """A part of the face that moves by itself; movements are standard deviations, lengths in outer-eye distances.

    Attributes
    ----------
    points : slice
        Those whose mean is the part's centre.
    reach : float
        Of the movement round the centre.
    shift : tuple of float
        Across and down.
    turn : float
        In radians.
    stretch : tuple of float
        Across and down, in log units.
    """

    points: slice
    reach: float
    shift: tuple[float, float]
    turn: float
    stretch: tuple[float, float]


MOUTH = Part(slice(48, 68), 0.32, (0.07, 0.04), 0.16, (0.14, 0.16))
PARTS = (
    MOUTH,
    *(Part(brow, 0.22, (0.015, 0.035), 0.08, (0.05, 0.0)) for brow in (slice(17, 22), slice(22, 27))),
    *(Part(eye, 0.14, (0.0, 0.0), 0.0, (0.03, 0.2)) for eye in (slice(36, 42), slice(42, 48))),
)


def warp(image: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The face with its `PARTS` moved at random, smoothly, each by itself, and where its points are then.

    Parameters
    ----------
    image : ndarray of uint8
        Grey `[h, w]`.
    points : ndarray
        Landmarks `[68, 2]`, pixels.
    rng : numpy.random.Generator
        Draws the movements.

    Returns
    -------
    image : ndarray of uint8
        `[h, w]`.
    points : ndarray of float64
        Landmarks `[68, 2]`, pixels. In about one warp of a hundred some point is not exact: where the face is folded,
        it has no single place.

    Examples
    --------
    >>> from skimage.data import astronaut
    >>> from facs_pipeline.landmarks.model import default_landmarks
    >>> grey = astronaut().mean(axis=2).astype(np.uint8)
    >>> points = default_landmarks().find(grey, (170.0, 80.0, 110.0, 110.0)).points
    >>> moved, at = warp(grey, points, np.random.default_rng(0))
    >>> moved.shape == grey.shape, bool((moved[:40] == grey[:40]).all()), bool((moved == grey).all())
    (True, True, False)
    >>> np.linalg.norm(at - points, axis=1)[[30, 48]].round()  # px: the nose stays, a corner of the mouth moves
    array([0., 1.])
    """
    points = np.asarray(points, np.float64)
    eyes = float(np.linalg.norm(points[45] - points[36]))
    movements = []
    for part in PARTS:
        angle = rng.standard_normal() * part.turn
        turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        linear = turned * np.exp(rng.standard_normal(2) * part.stretch) - np.eye(2)
        movements.append((part, linear, rng.standard_normal(2) * part.shift * np.array(eyes)))

    def way_back(at: np.ndarray) -> np.ndarray:
        """From `at` [..., 2] to where what is there now was before, px."""
        away = np.zeros_like(at)
        for part, linear, shift in movements:
            centre = points[part.points].mean(axis=0)
            off = at - centre
            near = np.exp(-0.5 * (off**2).sum(axis=-1) / (part.reach * eyes) ** 2)
            if part is MOUTH:
                # The nose stays: full movement only from half-way between its base and the mouth.
                below_nose = centre - points[33]
                near *= np.clip(2 * ((at - points[33]) @ below_nose) / (below_nose @ below_nose), 0, 1)
            away += near[..., None] * (shift + off @ linear.T)
        return away

    height, width = image.shape
    # The movement is smooth: a coarse grid of it is enough, and ten times as fast.
    step = max(1, round(eyes / 24))
    down, across = np.arange(-(-height // step) + 1) * step, np.arange(-(-width // step) + 1) * step
    grid = (way_back(np.stack(np.meshgrid(across, down), axis=-1).astype(np.float64)) / step).astype(np.float32)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    fine = cv2.remap(grid, columns / step, rows / step, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) * step
    image = cv2.remap(
        image, columns + fine[..., 0], rows + fine[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    # A point is where the way back leads to where it was.
    now = points
    for _ in range(_ROUNDS):
        now = points - way_back(now)
    return image, now


@dataclass(frozen=True)
class WarpedPictures(Pictures):
    """`Pictures` of which each is warped, the same way every time; see `warp` and `warped`.

    Attributes
    ----------
    points : ndarray
        Landmarks of each face `[n, 68, 2]`, pixels; NaN where none was found: such an image stays as it is.
    """

    points: np.ndarray = field(kw_only=True)

    def grey(self, number: int) -> np.ndarray:
        """Image `number`, warped, as grey `[h, w]`, uint8."""
        image, points = super().grey(number), self.points[number]
        if np.isnan(points).any():
            return image
        return warp(image, points, np.random.default_rng([_WARP_VERSION, number]))[0]

    def digest(self) -> str:
        """SHA-256 over the images, their points and the settings of warping (64 hex digits)."""
        inputs = f"warped|{_WARP_VERSION}|{PARTS}|{super().digest()}|".encode()
        return hashlib.sha256(inputs + np.ascontiguousarray(self.points, np.float32).tobytes()).hexdigest()


def warped(pictures: Pictures, points: np.ndarray) -> WarpedPictures:
    """The same pictures, each face warped.

    Parameters
    ----------
    pictures : Pictures
        n images.
    points : ndarray
        Landmarks of each face `[n, 68, 2]`, pixels; NaN where none was found.

    Returns
    -------
    WarpedPictures
        Warped as they are read.

    Raises
    ------
    InputError
        If no image has points.
    """
    if np.isnan(points).any(axis=(1, 2)).all():
        raise InputError(f"{pictures.path}: no image has the teacher's points, at which faces are warped")
    return WarpedPictures(**{one.name: getattr(pictures, one.name) for one in fields(pictures)}, points=points)

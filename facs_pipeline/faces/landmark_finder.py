"""What stage 2 asks of a landmark model: points in a detector's box, points near the last ones, and how sure they are.

The models themselves belong to stage 3, which builds on this one; here they are known by what they can do.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

Box = tuple[float, float, float, float]
"""Left, top, width and height in pixels."""


class Located(NamedTuple):
    """Landmarks of one face.

    Attributes
    ----------
    points : ndarray of float32
        iBUG's 68 points `[68, 2]`, pixels.
    confidence : float
        0..1, that they lie on an unhidden face.
    """

    points: np.ndarray
    confidence: float


class LandmarkFinder(Protocol):
    """Finds the landmarks of a face; `facs_pipeline.landmarks` has the implementations."""

    mean_shape: np.ndarray
    """Mean points `[68, 2]` in a crop of 96 x 96 pixels."""

    def find(self, grey: np.ndarray, box: Box) -> Located:
        """Points of the face in a detector's box of `grey`, uint8 `[h, w]`."""
        ...

    def track(self, grey: np.ndarray, points: np.ndarray) -> Located:
        """Points of the face whose `points` were these, `[68, 2]` in pixels, in the frame before."""
        ...

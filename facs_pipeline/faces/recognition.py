"""Who is who within a video: outlines of registered faces, compared by correlation.

A portrait holds how strong the edges are in eight directions, in overlapping windows. Grey levels would be alike in any
two faces that are lit alike, and unlike in one that laughs.
"""

from __future__ import annotations

import cv2
import numpy as np

from facs_pipeline.faces.settings import SETTINGS
from facs_pipeline.foundation.images import geometry
from facs_pipeline.foundation.images.crops import registered_crop


class Portraits:
    """Portraits of one person, each unlike the others.

    Examples
    --------
    >>> from skimage.data import astronaut
    >>> from facs_pipeline.landmarks.model import default_landmarks
    >>> grey, model = astronaut().mean(axis=2).astype(np.uint8), default_landmarks()
    >>> points = model.find(grey, (170.0, 80.0, 110.0, 110.0)).points
    >>> known = Portraits()
    >>> known.add(portrait(grey, points, model.mean_shape), 0.0)
    >>> known.similarity(portrait(grey, points + 1, model.mean_shape)) > SETTINGS.same_person
    True
    """

    def __init__(self) -> None:
        self._portraits: list[np.ndarray] = []
        self._added_s = -np.inf

    def similarity(self, portrait: np.ndarray) -> float:
        """Correlation -1..1 with the most similar portrait; -1 where there is none."""
        return max((float(known @ portrait) for known in self._portraits), default=-1.0)

    def due(self, time_s: float) -> bool:
        """Whether another portrait may be added at `time_s` seconds; several a second would hardly differ."""
        return time_s - self._added_s >= SETTINGS.portrait_every_s

    def add(self, portrait: np.ndarray, time_s: float) -> None:
        """Take another portrait, of the frame at `time_s` seconds, unless there is a similar one."""
        self._added_s = time_s
        if len(self._portraits) < SETTINGS.portraits and self.similarity(portrait) < SETTINGS.new_portrait:
            self._portraits.append(portrait)


_SIDE, _WINDOW, _STEP = 48, 6, 4
_DIRECTIONS = np.arange(8) * (np.pi / 4)


def portrait(grey: np.ndarray, points: np.ndarray, mean_shape: np.ndarray) -> np.ndarray:
    """Edges of a small registered face; the product of two portraits is their correlation.

    Parameters
    ----------
    grey : ndarray of uint8
        Frame `[h, w]`.
    points : ndarray
        Landmarks `[68, 2]`, pixels.
    mean_shape : ndarray
        Mean landmarks `[68, 2]` in a crop of 96 x 96 pixels.

    Returns
    -------
    ndarray of float64
        Values `[968]`, of mean 0 and length 1.
    """
    small = registered_crop(grey, geometry.fit_similarity(points, mean_shape * (_SIDE / 96)), _SIDE).astype(np.float64)
    across, down = (cv2.Sobel(small, cv2.CV_64F, *order) for order in ((1, 0), (0, 1)))
    # Each gradient counts in the two directions that it lies between; the root keeps one strong edge from ruling.
    angle = np.arctan2(down, across)[..., None] - _DIRECTIONS
    apart = np.abs((angle + np.pi) % (2 * np.pi) - np.pi)
    edges = np.clip(1 - apart / (np.pi / 4), 0, 1) * np.sqrt(np.hypot(across, down))[..., None]
    windows = cv2.blur(edges, (_WINDOW, _WINDOW))[3:-3:_STEP, 3:-3:_STEP]
    strength = np.linalg.norm(windows, axis=2, keepdims=True)
    vector = (windows / (strength + 0.05 * strength.mean() + 1e-9)).ravel()
    vector -= vector.mean()
    return vector / max(float(np.linalg.norm(vector)), 1e-6)

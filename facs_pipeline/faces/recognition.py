"""Who is who within a video: small registered portraits of a face, compared by correlation."""

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


def portrait(grey: np.ndarray, points: np.ndarray, mean_shape: np.ndarray) -> np.ndarray:
    """Small registered picture of a face; the product of two is their correlation.

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
        Pixels `[960]`, of mean 0 and length 1.
    """
    small = registered_crop(grey, geometry.fit_similarity(points, mean_shape * 0.4), 40)
    vector = cv2.GaussianBlur(small, (3, 3), 0)[6:-4, 4:-4].astype(np.float64).ravel()
    vector -= vector.mean()
    return vector / max(float(np.linalg.norm(vector)), 1e-6)

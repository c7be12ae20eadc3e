"""The one-euro filter: takes the jitter out of points as they come, without blurring fast movements."""

from __future__ import annotations

import numpy as np


class OneEuroFilter:
    """One-euro filter of 68 points (Casiez, Roussel & Vogel 2012).

    A low-pass whose cut-off rises with speed: at rest points keep still, a blink or a smile's onset passes.

    Parameters
    ----------
    rest_hz : float
        Cut-off at rest.
    per_speed : float
        What one face size per second adds to the cut-off, in Hz.
    speed_hz : float
        Cut-off of the speed estimate.

    Example
    -------
    >>> steady = OneEuroFilter()
    >>> points = np.zeros((68, 2), np.float32); points[0] = 100
    >>> bool(np.array_equal(steady(points, 0.0), points))
    True
    """

    def __init__(self, rest_hz: float = 1.5, per_speed: float = 20.0, speed_hz: float = 3.0):
        self.rest_hz, self.per_speed, self.speed_hz = rest_hz, per_speed, speed_hz
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next points pass unchanged."""
        self._points: np.ndarray | None = None
        self._speed: np.ndarray | None = None
        self._time_s = 0.0

    def __call__(self, points: np.ndarray, time_s: float) -> np.ndarray:
        """Steadied points [68, 2] float32 of the frame at `time_s` seconds."""
        step = time_s - self._time_s
        if self._points is None or not 0 < step < 0.5:
            self._points, self._speed, self._time_s = points.astype(np.float64), np.zeros((len(points), 2)), time_s
            return points
        size = float((points.max(axis=0) - points.min(axis=0)).max())
        keep = _weight(self.speed_hz, step)
        self._speed += keep * ((points - self._points) / (step * size) - self._speed)
        # The two coordinates of a point share their cut-off, so that a point never leaves its path.
        speed = np.sqrt((self._speed**2).sum(axis=1, keepdims=True))
        self._points += _weight(self.rest_hz + self.per_speed * speed, step) * (points - self._points)
        self._time_s = time_s
        return self._points.astype(np.float32)


def _weight(cutoff_hz, step_s: float):
    """Share of the new value in a first-order low-pass."""
    x = 2 * np.pi * cutoff_hz * step_s
    return x / (1 + x)

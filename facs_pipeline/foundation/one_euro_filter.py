"""The one-euro filter: takes the jitter out of points as they come, without blurring fast movements."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

_Cutoff = TypeVar("_Cutoff", float, np.ndarray)


class OneEuroFilter:
    """One-euro filter of points: a low-pass whose cut-off rises with speed.

    At rest points keep still; a blink or a smile's onset passes.

    Parameters
    ----------
    rest_hz : float
        Cut-off at rest.
    per_speed : float
        What one face size per second adds to the cut-off, in Hz.
    speed_hz : float
        Cut-off of the speed estimate.

    References
    ----------
    Casiez, Roussel and Vogel, "1 Euro filter: a simple speed-based low-pass filter for noisy input in interactive
    systems", CHI 2012, doi:10.1145/2207676.2208639.

    Examples
    --------
    >>> smooth = OneEuroFilter()
    >>> points = np.zeros((68, 2), np.float32); points[0] = 100
    >>> bool(np.array_equal(smooth(points, 0.0), points))
    True
    """

    def __init__(self, rest_hz: float = 1.5, per_speed: float = 20.0, speed_hz: float = 3.0) -> None:
        self.rest_hz, self.per_speed, self.speed_hz = rest_hz, per_speed, speed_hz
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next points pass unchanged."""
        self._points: np.ndarray | None = None
        self._speed: np.ndarray = np.zeros((0, 2))
        self._time_s = 0.0

    def __call__(self, points: np.ndarray, time_s: float) -> np.ndarray:
        """Smooth the points of the next frame.

        Parameters
        ----------
        points : ndarray of float32
            `[n, 2]`, pixels.
        time_s : float
            When the frame is shown, in seconds. After half a second, or backwards, the filter starts anew.

        Returns
        -------
        ndarray of float32
            `[n, 2]`, pixels.
        """
        step = time_s - self._time_s
        if self._points is None or not 0 < step < 0.5:
            self._points, self._speed, self._time_s = points.astype(np.float64), np.zeros((len(points), 2)), time_s
            return points
        size = float((points.max(axis=0) - points.min(axis=0)).max())
        self._speed += _weight(self.speed_hz, step) * ((points - self._points) / (step * size) - self._speed)
        # The two coordinates of a point share their cut-off, so that a point never leaves its path.
        speed = np.sqrt((self._speed**2).sum(axis=1, keepdims=True))
        self._points += _weight(self.rest_hz + self.per_speed * speed, step) * (points - self._points)
        self._time_s = time_s
        return self._points.astype(np.float32)


def _weight(cutoff_hz: _Cutoff, step_s: float) -> _Cutoff:
    """Share of the new value in a first-order low-pass."""
    x = 2 * np.pi * cutoff_hz * step_s
    return x / (1 + x)

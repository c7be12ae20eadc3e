"""Taking jitter out without blurring onsets: of followed points as they come, of intensities with both neighbours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

INTENSITY_WIDTH_S, INTENSITY_STEP = 0.05, 0.3
"""How far apart in time, and in intensity, two frames count for each other: standard deviations of the kernel."""


class PointFilter:
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
    >>> steady = PointFilter()
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


class IntensityFilter:
    """Bilateral filter of intensities over time (Tomasi & Manduchi 1998), chunk by chunk, without lag.

    Each intensity is averaged with those of the frames just before and after that are like it: at rest noise averages
    out, while a blink, whose intensities are far from those around it, keeps most of its height. The kernel is as wide
    in seconds at any frame rate. It never reaches across a cut or a gap, nor to another face.

    Parameters
    ----------
    width_s : float
        Standard deviation of the kernel in time.
    step : float
        Standard deviation of the kernel in intensity.

    Example
    -------
    >>> nothing = np.zeros(3, int)
    >>> rows = {"frame": np.arange(3), "face_id": nothing, "time_s": np.arange(3) / 30, "cut": nothing > 0}
    >>> steady = IntensityFilter()
    >>> steady.push(rows, np.array([[0.0, 0.0], [4.0, 0.2], [0.0, 0.0]]))
    >>> steady.finish().round(1).T
    array([[0. , 4. , 0. ],
           [0.1, 0.1, 0.1]], dtype=float32)
    """

    def __init__(self, width_s: float = INTENSITY_WIDTH_S, step: float = INTENSITY_STEP):
        self.width_s, self.step = width_s, step
        self._chunks: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._last: dict[int, tuple[int, int]] = {}
        self._runs = 0

    def push(self, rows: Mapping[str, np.ndarray], intensities: np.ndarray) -> np.ndarray | None:
        """Take the next chunk; returns the steadied intensities of the one before it, None after the first.

        Parameters
        ----------
        rows : ``frame``, ``face_id`` (-1 without a face), ``time_s`` and ``cut`` [n] of consecutive rows.
        intensities : [m, k] of those m rows that have a face.
        """
        seen = rows["face_id"] >= 0
        runs = self._number_runs(rows["frame"][seen], rows["face_id"][seen], rows["cut"][seen])
        self._chunks = [*self._chunks[-2:], (rows["time_s"][seen], runs, intensities)]
        return self._steadied(len(self._chunks) - 2) if len(self._chunks) > 1 else None

    def finish(self) -> np.ndarray | None:
        """The steadied intensities of the last chunk, None where there was none."""
        return self._steadied(len(self._chunks) - 1) if self._chunks else None

    def _number_runs(self, frames: np.ndarray, ids: np.ndarray, cuts: np.ndarray) -> np.ndarray:
        """[m] numbers of the unbroken stretches in which one face was followed."""
        numbers = np.empty(len(frames), np.int64)
        for row, (frame, face, cut) in enumerate(zip(frames.tolist(), ids.tolist(), cuts.tolist(), strict=True)):
            before, run = self._last.get(face, (-2, 0))
            if cut or frame != before + 1:
                run = self._runs = self._runs + 1
            self._last[face] = frame, run
            numbers[row] = run
        return numbers

    def _steadied(self, position: int) -> np.ndarray:
        """The chunk at `position`, with what lies before and after it."""
        time_s, runs, values = (np.concatenate(parts) for parts in zip(*self._chunks, strict=True))
        order = np.argsort(runs, kind="stable")
        time_s, runs, values = time_s[order], runs[order], values[order].astype(np.float64)
        total, weights = values.copy(), np.ones_like(values)
        for lag in range(1, len(values)):
            near = np.exp(-0.5 * ((time_s[lag:] - time_s[:-lag]) / self.width_s) ** 2)
            near[(runs[lag:] != runs[:-lag]) | (near < 0.01)] = 0
            if not near.any():
                break
            like = np.exp(-0.5 * ((values[lag:] - values[:-lag]) / self.step) ** 2)
            weight = near[:, None] * like
            total[lag:] += weight * values[:-lag]
            total[:-lag] += weight * values[lag:]
            weights[lag:] += weight
            weights[:-lag] += weight
        steadied = np.empty(values.shape, np.float32)
        steadied[order] = total / weights
        start = sum(len(chunk[2]) for chunk in self._chunks[:position])
        return steadied[start : start + len(self._chunks[position][2])]


def _weight(cutoff_hz, step_s: float):
    """Share of the new value in a first-order low-pass."""
    x = 2 * np.pi * cutoff_hz * step_s
    return x / (1 + x)

"""Taking jitter out without blurring onsets: of followed points as they come, of intensities with both neighbours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

INTENSITY_WIDTH_S, INTENSITY_STEP = 0.05, 0.3
"""How far apart in time, and in intensity, two frames count for each other: standard deviations of the kernel."""


class BilateralFilter:
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
    >>> steady = BilateralFilter()
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

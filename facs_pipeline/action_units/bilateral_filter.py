"""Bilateral filter of intensities over time: noise averages out, onsets stay where they are.

With intensities y_i of a face at times t_i, the filtered one is ``sum_j w_ij y_j / sum_j w_ij``, where
``w_ij = exp(-((t_i - t_j) / width_s)^2 / 2) exp(-((y_i - y_j) / step)^2 / 2)``. Where the first factor is below 0.01
the weight is 0. Tomasi and Manduchi, "Bilateral filtering for gray and color images", ICCV 1998,
doi:10.1109/ICCV.1998.710815; here over one dimension, time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

INTENSITY_WIDTH_S, INTENSITY_STEP = 0.05, 0.3
"""How far apart in time, and in intensity, two frames count for each other: standard deviations of the kernel."""
_LEAST = 0.01


class BilateralFilter:
    """Bilateral filter of the intensities of a video's faces, chunk by chunk or frame by frame, without lag.

    Each intensity is averaged with those of the frames just before and after that are like it: at rest noise averages
    out, while a blink, whose intensities are far from those around it, keeps most of its height. The kernel is as wide
    in seconds at any frame rate. It never reaches across a cut or a gap, nor to another face.

    Chunks are given to `push`, frames to `push_frame`; `finish` ends both. One object filters one video, one way.
    The numbers are the same either way, as long as every chunk is longer than `reach_s`.

    Parameters
    ----------
    width_s : float
        Standard deviation of the kernel in time, in seconds.
    step : float
        Standard deviation of the kernel in intensity.
    causal : bool
        Average with frames before only, so that `push_frame` gives each frame at once: half as many, so more noise
        stays. Not for `push`.

    Examples
    --------
    >>> bilateral, filtered = BilateralFilter(), []
    >>> for frame, intensity in enumerate([0.0, 0.2, 4.0, 0.0, 0.2, 0.0, 0.2]):
    ...     filtered.extend(bilateral.push_frame([0], np.array([[intensity]]), frame / 30))
    >>> np.ravel(filtered).round(1)
    array([0.1, 0.1], dtype=float32)
    >>> bilateral.finish().ravel().round(1)
    array([4. , 0.1, 0.1, 0.1, 0.1], dtype=float32)
    """

    def __init__(
        self, width_s: float = INTENSITY_WIDTH_S, step: float = INTENSITY_STEP, *, causal: bool = False
    ) -> None:
        self.width_s, self.step, self.causal = width_s, step, causal
        # Rows of faces in order of time: the last `_pending` are not given out yet, those before are still in reach.
        self._time_s, self._runs = np.zeros(0), np.zeros(0, np.int64)
        self._values = np.zeros((0, 0))
        self._pending = 0
        self._started = False
        self._frame = 0
        self._last: dict[int, tuple[int, int]] = {}
        self._n_runs = 0

    @property
    def reach_s(self) -> float:
        """After this many seconds a frame no longer changes: about 0.152. `push_frame` is late by it, `finish` is not.

        Examples
        --------
        >>> round(BilateralFilter().reach_s, 3)
        0.152
        """
        return self.width_s * float(np.sqrt(-2 * np.log(_LEAST)))

    def push(self, rows: Mapping[str, np.ndarray], intensities: np.ndarray) -> np.ndarray | None:
        """Take the next chunk, and give the one before it.

        Parameters
        ----------
        rows : Mapping of str to ndarray
            ``frame``, ``face_id`` (-1 without a face), ``time_s`` and ``cut`` [n] of consecutive rows.
        intensities : ndarray
            ``[m, k]`` of those m rows that have a face.

        Returns
        -------
        ndarray of float32 or None
            Filtered intensities of the chunk before, None after the first.
        """
        with_face = rows["face_id"] >= 0
        frames, ids, cuts = (rows[name][with_face].tolist() for name in ("frame", "face_id", "cut"))
        before = self._pending if self._started else None
        self._append(rows["time_s"][with_face], self._number_runs(frames, ids, cuts), intensities)
        return None if before is None else self._release(before)

    def push_frame(
        self, face_ids: Sequence[int], intensities: np.ndarray, time_s: float, *, cut: bool = False
    ) -> np.ndarray:
        """Take the next frame, and give all that no later frame can change.

        Parameters
        ----------
        face_ids : sequence of int
            Ids of the frame's m faces; empty without a face. Every frame must be pushed: one that is left out would be
            no gap.
        intensities : ndarray
            ``[m, k]``, in the order of `face_ids`.
        time_s : float
            Time of the frame in seconds, later than that of the frame before.
        cut : bool
            Whether the frame is the first after a cut.

        Returns
        -------
        ndarray of float32
            Filtered intensities [f, k] of earlier faces, in the order in which they were pushed, whole frames at a
            time: those of frames more than `reach_s` before this one that were not given yet. f is often 0. A causal
            filter gives this frame's.
        """
        m = len(face_ids)
        runs = self._number_runs([self._frame] * m, face_ids, [cut] * m)
        self._frame += 1
        self._append(np.full(m, time_s), runs, intensities)
        if self.causal:
            filtered = self._release(m)
            self._forget(time_s)
            return filtered
        pending = self._time_s[len(self._time_s) - self._pending :]
        return self._release(int((self._nearness(time_s - pending) == 0).sum()))

    def finish(self) -> np.ndarray | None:
        """Filtered intensities of all faces not given yet: those of the last chunk, or of the last frames.

        Returns
        -------
        ndarray of float32 or None
            ``[m, k]``; None where nothing was pushed.
        """
        return self._release(self._pending) if self._started else None

    def _number_runs(self, frames: Sequence[int], ids: Sequence[int], cuts: Sequence[bool]) -> np.ndarray:
        """[m] numbers of the unbroken stretches in which one face was tracked."""
        numbers = np.empty(len(frames), np.int64)
        for row, (frame, face, cut) in enumerate(zip(frames, ids, cuts, strict=True)):
            before, run = self._last.get(face, (-2, 0))
            if cut or frame != before + 1:
                run = self._n_runs = self._n_runs + 1
            self._last[face] = frame, run
            numbers[row] = run
        return numbers

    def _append(self, time_s: np.ndarray, runs: np.ndarray, values: np.ndarray) -> None:
        self._time_s = np.concatenate([self._time_s, time_s])
        self._runs = np.concatenate([self._runs, runs])
        self._values = np.concatenate([self._values, values]) if self._started else values
        self._pending += len(values)
        self._started = True

    def _release(self, n: int) -> np.ndarray:
        """The first `n` pending rows, filtered; rows that are out of reach of all others are forgotten."""
        first = len(self._time_s) - self._pending
        filtered = self._filtered()[first : first + n] if n else self._values[:0].astype(np.float32)
        self._pending -= n
        next_s = self._time_s[first + n :][:1]
        if len(next_s):
            self._forget(float(next_s[0]))
        return filtered

    def _forget(self, time_s: float) -> None:
        """Drop rows that are out of reach of a time at which, or after which, all that follows is."""
        near = self._nearness(time_s - self._time_s) > 0
        start = int(near.argmax()) if near.any() else len(near)
        self._time_s, self._runs, self._values = self._time_s[start:], self._runs[start:], self._values[start:]

    def _nearness(self, seconds: np.ndarray) -> np.ndarray:
        near = np.exp(-0.5 * (seconds / self.width_s) ** 2)
        near[near < _LEAST] = 0
        return near

    def _filtered(self) -> np.ndarray:
        """All rows [n, k] that are at hand."""
        order = np.argsort(self._runs, kind="stable")
        time_s, runs, values = self._time_s[order], self._runs[order], self._values[order].astype(np.float64)
        total, weights = values.copy(), np.ones_like(values)
        for lag in range(1, len(values)):
            near = self._nearness(time_s[lag:] - time_s[:-lag])
            near[runs[lag:] != runs[:-lag]] = 0
            if not near.any():
                break
            like = np.exp(-0.5 * ((values[lag:] - values[:-lag]) / self.step) ** 2)
            weight = near[:, None] * like
            total[lag:] += weight * values[:-lag]
            total[:-lag] += weight * values[lag:]
            weights[lag:] += weight
            weights[:-lag] += weight
        filtered = np.empty(values.shape, np.float32)
        filtered[order] = total / weights
        return filtered

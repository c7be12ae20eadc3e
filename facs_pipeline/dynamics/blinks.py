"""Closed eyes in the time series of AU45: a rise above a high level that falls back below a low one.

FACS has two action units for it. What is over within half a second is a blink, AU45; longer, the eyes are closed, AU43.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from facs_pipeline.dynamics.resampling import LONGEST_GAP_S

ONSET_RISE = 1.0
"""Rise of AU45 over the open eye, in intensity units, that starts a blink."""
OFFSET_RISE = 0.5
"""Rise below which the blink is over; lower than the onset, so that noise does not split a blink in two."""
LONGEST_S = 0.5
"""Eyes closed for longer than this are closed, not blinking; spontaneous blinks last 0.1 to 0.4 s."""
OPEN_AT_MOST = 1.5
"""No open eye reads more of AU45: where eyes are closed for seconds, the running window holds nothing else."""
WINDOW_S = 4.0
"""Width of the running window whose lower quartile is taken for the open eye."""
LEAST_RATE_HZ = 15.0
"""Frames per second below which a blink may fall between two frames: the shortest last 0.1 s."""


class Closure(NamedTuple):
    """One time the eyes are closed.

    Attributes
    ----------
    first_s, last_s : float
        First frame of the rise, and the frame at which it is over or the series, or a stretch of it, ends.
    onset_seen : bool
        Whether the eye was seen open before it.
    ended : bool
        Whether the eye was seen open again.
    """

    first_s: float
    last_s: float
    onset_seen: bool
    ended: bool


def count_blinks(au45: np.ndarray, times_s: np.ndarray) -> int:
    """Number of blinks; see `find_blinks` for the parameters and for what counts as one.

    Examples
    --------
    >>> times = np.arange(100) / 25
    >>> blinks = 3.0 * (np.abs(times - 1) < 0.1) + 3.0 * (np.abs(times - 3) < 0.1)
    >>> count_blinks(blinks, times)
    2
    """
    return len(find_blinks(au45, times_s))


def find_blinks(au45: np.ndarray, times_s: np.ndarray) -> list[tuple[float, float]]:
    """Onset and offset of each blink.

    Parameters
    ----------
    au45 : ndarray
        Intensities [n] of AU45, 0..5; NaN where there is no face.
    times_s : ndarray
        Time of each frame [n] in seconds, increasing.

    Returns
    -------
    list of tuple of float
        First and last second of rises of at least `ONSET_RISE` over the open eye that fall below `OFFSET_RISE` within
        `LONGEST_S`: the first frame of the rise and the frame at which it is over. A blink that the series' start, end
        or a gap cuts counts if the series shows its onset.

    Raises
    ------
    ValueError
        If the two series are not of the same length.

    Notes
    -----
    Intensity models give a half-closed or narrow eye a level of its own, so levels count from the open eye around
    the moment (lower quartile of four seconds, at most `OPEN_AT_MOST`), not from zero.

    Examples
    --------
    >>> times = np.arange(100) / 25
    >>> find_blinks(3.0 * (np.abs(times - 1) < 0.1), times)
    [(0.92, 1.12)]
    """
    return [(one.first_s, one.last_s) for one in eye_closures(au45, times_s) if is_blink(one)]


def find_closed_eyes(au45: np.ndarray, times_s: np.ndarray) -> list[tuple[float, float]]:
    """First and last second of each time the eyes are closed for longer than `LONGEST_S`: AU43.

    Parameters as for `find_blinks`. Eyes that are closed from the first frame on count, too.

    Examples
    --------
    >>> times = np.arange(200) / 25
    >>> find_closed_eyes(3.0 * (np.abs(times - 4) < 2), times)
    [(2.04, 6.0)]
    """
    return [(one.first_s, one.last_s) for one in eye_closures(au45, times_s) if one.last_s - one.first_s > LONGEST_S]


def is_blink(closure: Closure) -> bool:
    """Whether it is short enough, and began in the series."""
    return closure.onset_seen and closure.last_s - closure.first_s <= LONGEST_S


def eye_closures(au45: np.ndarray, times_s: np.ndarray) -> list[Closure]:
    """Each time the eyes are closed, blink or not; parameters as for `find_blinks`.

    Examples
    --------
    >>> times = np.arange(100) / 25
    >>> eye_closures(3.0 * (times > 3.5), times)
    [Closure(first_s=3.52, last_s=3.96, onset_seen=True, ended=False)]
    """
    au45, times_s = np.asarray(au45, dtype=float), np.asarray(times_s, dtype=float)
    if au45.shape != times_s.shape or au45.ndim != 1:
        raise ValueError(f"expected two series [n], got shapes {au45.shape} and {times_s.shape}")
    with_face = np.isfinite(au45)
    au45, times_s = au45[with_face], times_s[with_face]
    if len(au45) < 2:
        return []
    rise = au45 - _open_eye(au45, times_s)
    closures: list[Closure] = []
    started: float | None = None
    # Eyes that are closed from the first frame on never show an onset.
    onset_seen = bool(rise[0] < ONSET_RISE)
    before = float(times_s[0])
    for value, time in zip(rise.tolist(), times_s.tolist(), strict=True):
        if time - before > LONGEST_GAP_S:
            if started is not None:
                closures.append(Closure(started, before, onset_seen, ended=False))
            started, onset_seen = None, False
        before = time
        if started is None and value >= ONSET_RISE:
            started = time
        elif value < OFFSET_RISE:
            if started is not None:
                closures.append(Closure(started, time, onset_seen, ended=True))
            started, onset_seen = None, True
    if started is not None:
        closures.append(Closure(started, float(times_s[-1]), onset_seen, ended=False))
    return closures


def visible_seconds(visible: np.ndarray, times_s: np.ndarray) -> float:
    """How long a face was visible: each frame with it counts until the next frame, the last one as long as most do.

    A frame before a gap of more than `facs_pipeline.dynamics.resampling.LONGEST_GAP_S` counts as long as most do, too.

    Parameters
    ----------
    visible : ndarray of bool
        Whether the face was found in each frame [n].
    times_s : ndarray
        Time of each frame [n] in seconds, increasing.

    Returns
    -------
    float
        Seconds; 0 for fewer than two frames.

    Examples
    --------
    >>> round(visible_seconds(np.array([True, True, False, True]), np.array([0.0, 0.1, 0.5, 0.6])), 3)
    0.6
    """
    if len(times_s) < 2:
        return 0.0
    steps = np.diff(times_s)
    usual = np.median(steps)
    steps = np.where(steps > LONGEST_GAP_S, usual, steps)
    return float(np.append(steps, usual)[visible].sum())


def _open_eye(au45: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    from scipy.ndimage import percentile_filter

    step = float(np.median(np.diff(times_s)))
    width = max(3, round(WINDOW_S / step)) if step > 0 else 3
    return np.minimum(percentile_filter(au45, 25, size=min(width, len(au45)), mode="nearest"), OPEN_AT_MOST)

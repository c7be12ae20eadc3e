"""Action-unit series on even steps: split at long gaps, interpolated at 100 Hz, smoothed without delay."""

from __future__ import annotations

import numpy as np

from facs_pipeline.foundation.errors import InputError

RATE_HZ = 100.0
"""Frames per second of the common time base; the unit of speed is intensity per 1 / RATE_HZ seconds."""
CUTOFF_HZ = 1.0
"""Cut-off frequency of the smoothing in the published method."""
LONGEST_GAP_S = 10.0
"""Time from one frame to the next above which a series is split: what lies between them is unknown."""
LONGEST_S = 86_400.0
"""Longest series that is described, gaps left out; so memory has a bound whatever the time stamps say."""

# Time stamps are often rounded to milliseconds; so close to the grid, a sample is where it claims to be.
ON_GRID_S = 0.51e-3


def smooth_series(series: np.ndarray, fs: float = RATE_HZ, *, cutoff_hz: float = CUTOFF_HZ) -> np.ndarray:
    """First-order Butterworth low-pass, forward and backward, so without delay.

    Parameters
    ----------
    series : ndarray
        ``[n]`` or ``[n, k]`` with n >= 4: values at `fs` samples a second, without gaps.
    fs : float
        Samples a second.
    cutoff_hz : float
        Cut-off frequency in Hz of one pass, above 0 and below ``fs / 2``.

    Returns
    -------
    ndarray of float64
        Of the same shape.

    Raises
    ------
    InputError
        If there are fewer than four samples, or the cut-off lies outside 0 .. fs / 2.

    Notes
    -----
    The ends are extended by three samples of odd reflection, as the published code does; SciPy's own default of six
    changes statistics visibly.

    Examples
    --------
    >>> smooth_series(np.full(5, 2.0))
    array([2., 2., 2., 2., 2.])
    """
    from scipy.signal import butter, filtfilt

    series = np.asarray(series, dtype=np.float64)
    if not 0 < cutoff_hz < fs / 2:
        raise InputError(f"smoothing cut-off: {cutoff_hz:g} Hz given, must lie between 0 and {fs / 2:g} Hz")
    if len(series) < 4:
        raise InputError(f"smoothing needs at least 4 samples, got {len(series)}")
    numerator, denominator = butter(1, cutoff_hz / (fs / 2))
    return filtfilt(numerator, denominator, series, axis=0, padlen=3)


def resample_series(intensities: np.ndarray, times_s: np.ndarray, fs: float = RATE_HZ) -> np.ndarray:
    """Put a series with real time stamps on an even time base that starts at its first frame with a face.

    Parameters
    ----------
    intensities : ndarray
        ``[n, k]``, one row a frame; a row with any NaN is a frame without a face.
    times_s : ndarray
        Presentation times [n] in seconds, from any origin. A frame that is not later than all before it is left out.
    fs : float
        Samples a second of the result.

    Returns
    -------
    ndarray of float64
        ``[m, k]``: samples at 0, 1 / fs, 2 / fs ... seconds after the first frame with a face, for as long as the last
        such frame is shown (the mean time between frames from the first to the last face, pauses left out). Gaps inside
        are bridged by the same interpolation. No row when no frame has a face. Where frames are more than
        `LONGEST_GAP_S` apart the series is split; the samples of its parts follow each other.

    Raises
    ------
    InputError
        If the samples would last longer than `LONGEST_S`.

    Notes
    -----
    A series already on the grid comes back unchanged. Others are interpolated by modified Akima cubics, through the
    samples and without the swings of a spline beside gaps and steps. A clip of N frames at 25 frames/s lasts N / 25 s,
    as do its 4 N frames at 100 frames/s, three of which come after the last slow frame: there the series goes on as
    the parabola through its end. (Stopping at the last frame, or holding its value, moves more than ten times as many
    statistics by over 2 % of their range.) No sample leaves the series' range by more than a tenth of it.
    """
    values, times = as_series(intensities, times_s)
    parts = series_parts(values, times)
    total = sum(span_s(*part) for part in parts)
    if total > LONGEST_S:
        raise InputError(f"a series of {hours(total)}, expected at most {hours(LONGEST_S)}; cut it")
    return np.concatenate([resample_part(*part, fs) for part in parts])


def series_parts(values: np.ndarray, times: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """A series split where two frames are more than `LONGEST_GAP_S` apart.

    Parameters
    ----------
    values : ndarray
        ``[n, k]``, one row a frame.
    times : ndarray
        Presentation times [n] in seconds.

    Returns
    -------
    list of tuple of ndarray
        Values and times of each part; all rows are in one of them.

    Examples
    --------
    >>> [len(times) for _, times in series_parts(np.zeros((4, 1)), np.array([0.0, 0.1, 99.0, 99.1]))]
    [2, 2]
    """
    valid = np.flatnonzero(_is_later(times))
    with np.errstate(over="ignore"):
        ends = valid[1:][np.diff(times[valid]) > LONGEST_GAP_S]
    return list(zip(np.split(values, ends), np.split(times, ends), strict=True))


def span_s(values: np.ndarray, times: np.ndarray) -> float:
    """Seconds from the first to the last face."""
    with_face = np.flatnonzero(has_face(values, times))
    return float(times[with_face[-1]] - times[with_face[0]]) if len(with_face) else 0.0


def hours(seconds: float) -> str:
    """A time in hours, as messages name it."""
    return f"{seconds / 3600:.4g} h"


def resample_part(values: np.ndarray, times: np.ndarray, fs: float) -> np.ndarray:
    """One part of a series at even steps, see `resample_series`."""
    from scipy.interpolate import Akima1DInterpolator, make_interp_spline

    with_face = has_face(values, times)
    if with_face.sum() < 2:
        return values[with_face]
    first, end = np.flatnonzero(with_face)[[0, -1]]
    # Frames before or after the face do not count for its frame rate.
    steps = np.diff(times[first : end + 1][_is_later(times)[first : end + 1]])
    # Uneven frames still have a mean rate, which a pause in the recording must not lower.
    interval = steps[steps <= 2 * np.median(steps)].mean()
    values, times = values[with_face], times[with_face] - times[with_face][0]
    last = times[-1]
    count = max(int(np.floor((last + interval + ON_GRID_S) * fs)), 1)
    grid = np.arange(count) / fs
    if len(times) == count and np.all(np.abs(times - grid) <= ON_GRID_S):
        return values
    if len(times) > 2:
        curve = Akima1DInterpolator(times, values, method="makima")
    else:
        curve = make_interp_spline(times, values, k=1)
    samples = curve(np.minimum(grid, last))
    beyond = grid > last
    back = np.array([curve(max(last - step * interval, 0.0)) for step in range(3)])
    ahead = ((grid[beyond] - last) / interval)[:, None]
    parabola = back[0] + ahead * (back[0] - back[1]) + ahead * (1 + ahead) / 2 * (back[0] - 2 * back[1] + back[2])
    samples[beyond] = parabola
    # An apex between two frames may rise above both; frames that almost coincide must not throw the curve further.
    margin = 0.1 * np.ptp(values, axis=0)
    return np.clip(samples, values.min(axis=0) - margin, values.max(axis=0) + margin)


def as_series(intensities: np.ndarray, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Intensities [n, k] and times [n] as float64; raises `InputError` where they do not fit together."""
    values, times = np.asarray(intensities, dtype=np.float64), np.asarray(times_s, dtype=np.float64)
    if values.ndim != 2 or times.shape != values.shape[:1]:
        raise InputError(
            f"expected intensities [n, k] and times [n], got shapes {list(values.shape)} and {list(times.shape)}"
        )
    return values, times


def _is_later(times: np.ndarray) -> np.ndarray:
    """Which frames come after all frames before them; damaged videos repeat time stamps or go back."""
    latest = np.fmax.accumulate(times)
    later = np.isfinite(times)
    later[1:] &= ~(times[1:] <= latest[:-1])
    return later


def has_face(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Rows [n] of intensities [n, k] that show a face, later than all before them."""
    return np.isfinite(values).all(axis=1) & _is_later(times)

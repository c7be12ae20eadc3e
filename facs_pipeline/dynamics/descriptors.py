"""Video level: action-unit series -> Butterworth smoothing, derivatives, statistics -> facial activity descriptor.

A descriptor says how strongly, how fast, how often and how long each action unit (AU) moved in a video: 62 named
numbers an AU, 434 for the seven AUs of the published method [1]_. The published code assumes 100 frames/s; here every
series is first put on a 100 Hz time base by its real time stamps, so that the same motion gives the same descriptor
at any frame rate, and exactly the published values at 100 frames/s.

References
----------
.. [1] F. Saxen, P. Werner, A. Al-Hamadi, "Real vs. Fake Emotion Challenge: Learning to Rank Authenticity From Facial
   Activity Descriptors", ICCV Workshops 2017, doi:10.1109/ICCVW.2017.363.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from facs_pipeline.foundation.errors import InputError

RATE_HZ = 100.0
"""Frames per second of the common time base; the unit of speed is intensity per 1 / RATE_HZ seconds."""
CUTOFF_HZ = 1.0
"""Cut-off frequency of the smoothing in the published method."""
MIN_DURATION_S = 0.5
"""Shortest time from the first to the last frame with a face that is described."""
MIN_FRAMES = 5
"""Fewest frames with a face that are described."""
MIN_COVERAGE = 0.5
"""Smallest share of frames with a face, between the first and the last of them, that is described."""

PUBLISHED_AUS = (1, 2, 4, 6, 9, 12, 25)
"""The seven action units of the published descriptor; intensities from a DISFA-trained model have them."""
EMBEDDED_AUS = (1, 2, 4, 7, 10, 12, 25)
"""The seven that stand in for them where a model has no AU6 and AU9, as the embedded one."""

SIGNALS = ("value", "speed", "acceleration")
STATISTICS = (
    "mean",
    "median",
    "min",
    "max",
    "range",
    "std",
    "iqr",
    "idr",
    "mad",
    "time_of_max",
    "time_above_mean",
    "time_above_threshold",
    "segments_above_mean",
    "segments_above_threshold",
    "area",
    "area_normalised",
    "max_minus_first_mean_crossing",
)
SQUARED = (*STATISTICS[:9], "area", "area_normalised")
N_PER_AU = len(SIGNALS) * len(STATISTICS) + len(SQUARED)
"""Statistics of one action unit: 3 x 17, and the squares of 11 of the smoothed series: 62."""

_SQUARED_INDEX = [STATISTICS.index(name) for name in SQUARED]
# Time stamps are often rounded to milliseconds; so close to the grid, a sample is where it claims to be.
_ON_GRID_S = 0.51e-3
# Filtering a constant leaves rounding noise of this order, which is no motion.
_CONSTANT = 1e-12


def descriptor_names(aus: Iterable[int]) -> list[str]:
    """Names of a descriptor's values, in order, such as ``AU12_speed_max`` (62 per action unit).

    >>> descriptor_names([12])[20], len(descriptor_names([1, 2]))
    ('AU12_speed_max', 124)
    """
    of_one = [f"{signal}_{statistic}" for signal in SIGNALS for statistic in STATISTICS]
    of_one += [f"value_{statistic}_squared" for statistic in SQUARED]
    return [f"AU{au:02d}_{name}" for au in aus for name in of_one]


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
        are bridged by the same interpolation. No row when no frame has a face.

    Notes
    -----
    A series already on the grid comes back unchanged. Others are interpolated by modified Akima cubics, through the
    samples and without the swings of a spline beside gaps and steps. A clip of N frames at 25 frames/s lasts N / 25 s,
    as do its 4 N frames at 100 frames/s, three of which come after the last slow frame: there the series goes on as
    the parabola through its end. (Stopping at the last frame, or holding its value, moves more than ten times as many
    statistics by over 2 % of their range.) No sample leaves the series' range by more than a tenth of it.
    """
    from scipy.interpolate import Akima1DInterpolator, make_interp_spline

    values, times = _as_series(intensities, times_s)
    with_face = _has_face(values, times)
    if with_face.sum() < 2:
        return values[with_face]
    first, end = np.flatnonzero(with_face)[[0, -1]]
    # Frames before or after the face do not count for its frame rate.
    steps = np.diff(times[first : end + 1][_is_later(times)[first : end + 1]])
    # Uneven frames still have a mean rate, which a pause in the recording must not lower.
    interval = steps[steps <= 2 * np.median(steps)].mean()
    values, times = values[with_face], times[with_face] - times[with_face][0]
    last = times[-1]
    count = max(int(np.floor((last + interval + _ON_GRID_S) * fs)), 1)
    grid = np.arange(count) / fs
    if len(times) == count and np.all(np.abs(times - grid) <= _ON_GRID_S):
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


def why_not_described(intensities: np.ndarray, times_s: np.ndarray) -> str:
    """Why a series is too short for a descriptor, in words; empty when it is long enough.

    A descriptor needs five frames with a face that span at least half a second, and a face in at least half of the
    frames between the first and the last of them.

    Parameters
    ----------
    intensities : ndarray
        ``[n, k]``, one row a frame; a row with any NaN is a frame without a face.
    times_s : ndarray
        Presentation times [n] in seconds.

    Returns
    -------
    str
        Empty where the series is described.

    Examples
    --------
    >>> why_not_described(np.zeros((10, 1)), np.arange(10) / 25)
    'faces span 0.36 s, a descriptor needs at least 0.5 s'
    """
    values, times = _as_series(intensities, times_s)
    with_face = np.flatnonzero(_has_face(values, times))
    if len(with_face) < MIN_FRAMES:
        return f"a face in {len(with_face)} of {len(values)} frames, a descriptor needs at least {MIN_FRAMES}"
    span = times[with_face[-1]] - times[with_face[0]]
    if span < MIN_DURATION_S - _ON_GRID_S:
        return f"faces span {span:.2f} s, a descriptor needs at least {MIN_DURATION_S:g} s"
    covered = len(with_face) / (with_face[-1] - with_face[0] + 1)
    if covered < MIN_COVERAGE:
        return (
            f"a face in {100 * covered:.0f} % of the frames between its first and last appearance, "
            f"a descriptor needs at least {100 * MIN_COVERAGE:.0f} %"
        )
    return ""


def default_aus(aus: Sequence[int]) -> tuple[int, ...]:
    """The action units that are described: the published seven, else their stand-ins, else all that there are.

    Examples
    --------
    >>> default_aus((1, 2, 4, 6, 9, 12, 25)), default_aus((12, 45))
    ((1, 2, 4, 6, 9, 12, 25), (12, 45))
    """
    for seven in (PUBLISHED_AUS, EMBEDDED_AUS):
        if set(seven) <= set(aus):
            return seven
    return tuple(aus)


def describe_series(
    intensities: np.ndarray, times_s: np.ndarray, aus: Sequence[int], *, cutoff_hz: float = CUTOFF_HZ
) -> tuple[np.ndarray, list[str]]:
    """Facial activity descriptor of one face in one video.

    Parameters
    ----------
    intensities : ndarray
        AU intensities [n, k], usually 0..5, one row a frame; a row with any NaN is a frame without a face.
    times_s : ndarray
        Presentation times of the frames [n] in seconds, from any origin, evenly spaced or not.
    aus : sequence of int
        Action-unit numbers [k] of the columns.
    cutoff_hz : float
        Cut-off frequency in Hz of the smoothing; 1 in the published method.

    Returns
    -------
    values : ndarray of float64
        ``[k * 62]``, all NaN when there is too little to describe; `why_not_described` gives the reason.
    names : list of str
        One for each value, see `descriptor_names`.

    Raises
    ------
    InputError
        If the shapes do not fit together or the cut-off is out of range.

    Notes
    -----
    Value: the series on a 100 Hz base, smoothed. Speed: its first difference, smoothed (intensity per 0.01 s).
    Acceleration: the first difference of speed, smoothed. Statistics of each, with m = mean, lo = min, hi = max and
    threshold = (lo + m) / 2:

    - mean, median, min, max; range = hi - lo; std with n - 1; iqr and idr, the 25..75 and 10..90 percentile ranges
      with MATLAB's percentiles; mad, the mean absolute deviation from m;
    - time_of_max: seconds to the first maximum, the first sample counting as 0.01 s;
    - time_above_mean, time_above_threshold: shares of the samples, 0..1;
    - segments_above_mean, segments_above_threshold: crossings of the level, halved and rounded up;
    - area = 0.001 sum(x - lo); area_normalised = 0.01 sum(x - lo) / range;
    - max_minus_first_mean_crossing: seconds from the first crossing of m to the first maximum.

    The squares of value's level, variability and area statistics follow. On a constant series the statistics that
    have no definition (the normalised area, the time from a crossing) are 0.

    Source: Saxen et al. 2017, doi:10.1109/ICCVW.2017.363.

    Examples
    --------
    >>> times = np.arange(75) / 25
    >>> smile = 2 - 2 * np.cos(2 * np.pi * times / 3)
    >>> values, names = describe_series(smile[:, None], times, [12])
    >>> round(float(values[names.index("AU12_value_time_of_max")]), 1)
    1.5
    """
    values, times = _as_series(intensities, times_s)
    if values.shape[1] != len(aus):
        raise InputError(f"intensities have {values.shape[1]} columns, but {len(aus)} action units are named")
    names = descriptor_names(aus)
    if why_not_described(values, times):
        return np.full(len(names), np.nan), names
    value = smooth_series(resample_series(values, times), cutoff_hz=cutoff_hz)
    speed = smooth_series(np.diff(value, axis=0), cutoff_hz=cutoff_hz)
    acceleration = smooth_series(np.diff(speed, axis=0), cutoff_hz=cutoff_hz)
    of_value = _statistics(value)
    parts = [of_value, _statistics(speed), _statistics(acceleration), of_value[_SQUARED_INDEX] ** 2]
    return np.concatenate(parts).T.ravel(), names


def _as_series(intensities: np.ndarray, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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


def _has_face(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    return np.isfinite(values).all(axis=1) & _is_later(times)


def _statistics(x: np.ndarray) -> np.ndarray:
    """The 17 statistics [17, k] of series [n, k], in the order of STATISTICS."""
    still = np.ptp(x, axis=0) <= _CONSTANT * np.maximum(1.0, np.abs(x).max(axis=0))
    x = np.where(still, np.where(np.abs(x[0]) <= _CONSTANT, 0.0, x[0]), x)
    low, high = x.min(axis=0), x.max(axis=0)
    mean = np.where(still, low, x.mean(axis=0))
    spread = high - low
    p10, p25, median, p75, p90 = np.percentile(x, [10, 25, 50, 75, 90], axis=0, method="hazen")
    above_mean, above_threshold = x > mean, x > (low + mean) / 2
    crosses_mean = np.diff(above_mean, axis=0)
    crosses_threshold = np.diff(above_threshold, axis=0)
    time_of_max = (x.argmax(axis=0) + 1) / RATE_HZ
    # argmax finds the sample before the first crossing (from 0); the sample after it, counted from 1, is 2 later.
    first_crossing = (crosses_mean.argmax(axis=0) + 2) / RATE_HZ
    total = (x - low).sum(axis=0)
    return np.stack(
        [
            mean,
            np.where(still, low, median),
            low,
            high,
            spread,
            x.std(axis=0, ddof=1),
            p75 - p25,
            p90 - p10,
            np.abs(x - mean).mean(axis=0),
            time_of_max,
            above_mean.mean(axis=0),
            above_threshold.mean(axis=0),
            np.ceil(crosses_mean.sum(axis=0) / 2),
            np.ceil(crosses_threshold.sum(axis=0) / 2),
            0.001 * total,
            0.01 * total / np.where(still, 1.0, spread),
            np.where(still, 0.0, time_of_max - first_crossing),
        ]
    )

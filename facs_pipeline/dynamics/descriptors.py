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

from facs_pipeline.dynamics.resampling import (
    CUTOFF_HZ,
    LONGEST_GAP_S,
    LONGEST_S,
    ON_GRID_S,
    RATE_HZ,
    as_series,
    has_face,
    hours,
    resample_part,
    series_parts,
    smooth_series,
    span_s,
)
from facs_pipeline.foundation.errors import InputError

MIN_DURATION_S = 0.5
"""Shortest time from the first to the last frame with a face that is described."""
MIN_FRAMES = 5
"""Fewest frames with a face that are described."""
MIN_COVERAGE = 0.5
"""Smallest share of frames with a face, between the first and the last of them, that is described."""

PUBLISHED_AUS = (1, 2, 4, 6, 9, 12, 25)
"""The seven action units of the published descriptor."""
STAND_IN_AUS = (1, 2, 4, 7, 10, 12, 25)
"""The seven that stand in for them where a model has no AU6 and AU9, as one by pseudo-labels."""

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


def why_not_described(intensities: np.ndarray, times_s: np.ndarray) -> str:
    """Why a series is too short for a descriptor, in words; empty when it is long enough.

    A descriptor needs five frames with a face that span at least half a second, and a face in at least half of the
    frames between the first and the last of them. Where frames are more than `LONGEST_GAP_S` apart the series is split;
    parts too short for that are left out.

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
    values, times = as_series(intensities, times_s)
    parts = series_parts(values, times)
    reasons = [_why_not(*part) for part in parts]
    described = [part for part, reason in zip(parts, reasons, strict=True) if not reason]
    if not described:
        longest = max(range(len(parts)), key=lambda k: has_face(*parts[k]).sum())
        split = f" in the longest of {len(parts)} parts, split at gaps of more than {LONGEST_GAP_S:g} s"
        return reasons[longest] + (split if len(parts) > 1 else "")
    total = sum(span_s(*part) for part in described)
    if total > LONGEST_S:
        return f"faces span {hours(total)}, a descriptor is of at most {hours(LONGEST_S)}"
    return ""


def _why_not(values: np.ndarray, times: np.ndarray) -> str:
    """Why one part of a series is too short, in words; empty when it is long enough."""
    with_face = np.flatnonzero(has_face(values, times))
    if len(with_face) < MIN_FRAMES:
        of_all = f"{len(with_face)} of {len(values)} frames"
        return f"a whole face measured in {of_all}, a descriptor needs at least {MIN_FRAMES}"
    span = times[with_face[-1]] - times[with_face[0]]
    if span < MIN_DURATION_S - ON_GRID_S:
        return f"faces span {span:.2f} s, a descriptor needs at least {MIN_DURATION_S:g} s"
    covered = len(with_face) / (with_face[-1] - with_face[0] + 1)
    if covered < MIN_COVERAGE:
        return (
            f"a whole face measured in {100 * covered:.0f} % of the frames between its first and last appearance, "
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
    for seven in (PUBLISHED_AUS, STAND_IN_AUS):
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
    Where frames are more than `LONGEST_GAP_S` apart the series is split: each part is resampled and smoothed by itself,
    statistics are of all their samples, and times count without the gaps.

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
    values, times = as_series(intensities, times_s)
    if values.shape[1] != len(aus):
        raise InputError(f"intensities have {values.shape[1]} columns, but {len(aus)} action units are named")
    names = descriptor_names(aus)
    if why_not_described(values, times):
        return np.full(len(names), np.nan), names
    value = [
        smooth_series(resample_part(*part, RATE_HZ), cutoff_hz=cutoff_hz)
        for part in series_parts(values, times)
        if not _why_not(*part)
    ]
    speed = [smooth_series(np.diff(part, axis=0), cutoff_hz=cutoff_hz) for part in value]
    acceleration = [smooth_series(np.diff(part, axis=0), cutoff_hz=cutoff_hz) for part in speed]
    of_value = _statistics(value)
    blocks = [of_value, _statistics(speed), _statistics(acceleration), of_value[_SQUARED_INDEX] ** 2]
    return np.concatenate(blocks).T.ravel(), names


def _statistics(parts: list[np.ndarray]) -> np.ndarray:
    """The 17 statistics [17, k] of a series [n, k], given in its parts, in the order of STATISTICS."""
    x = np.concatenate(parts)
    still = np.ptp(x, axis=0) <= _CONSTANT * np.maximum(1.0, np.abs(x).max(axis=0))
    x = np.where(still, np.where(np.abs(x[0]) <= _CONSTANT, 0.0, x[0]), x)
    low, high = x.min(axis=0), x.max(axis=0)
    mean = np.where(still, low, x.mean(axis=0))
    spread = high - low
    p10, p25, median, p75, p90 = np.percentile(x, [10, 25, 50, 75, 90], axis=0, method="hazen")
    above_mean, above_threshold = x > mean, x > (low + mean) / 2
    crosses_mean = np.diff(above_mean, axis=0)
    crosses_threshold = np.diff(above_threshold, axis=0)
    # From one part to the next nothing crosses a level.
    ends = np.cumsum([len(part) for part in parts])[:-1] - 1
    crosses_mean[ends] = crosses_threshold[ends] = False
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

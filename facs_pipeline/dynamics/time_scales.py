"""Series on even steps -> smoothed value, speed and acceleration at three time scales, and plain statistics of them.

Smoothing is by a Gaussian, speed and acceleration by its derivatives, so that they are those of the same motion at any
frame rate. A standard deviation of 50 ms passes half of what moves at 4 Hz, 200 ms half at 1 Hz.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from facs_pipeline.dynamics.resampling import RATE_HZ, has_face, resample_part

SCALES_MS = (50, 100, 200)
"""Standard deviations of the smoothing, in milliseconds."""
LONGEST_HOLE_S = 0.5
"""Time without a face above which a series is split: what lies between is not bridged."""
_PADDING = 4

LEVELS = ("mean", "p05", "p25", "median", "p75", "p95", "above_rest")
"""Statistics of the value at the finest scale."""
SHAPES = ("skewness", "middle_share")
"""Shape of its distribution."""
MOVEMENTS = ("sd", "speed_mean", "speed_p05", "speed_p95", "speed_balance", "acceleration_p95", "roughness")
"""Statistics at each scale."""


class Motion(NamedTuple):
    """Series at one time scale, each ``[m, k]``, parts one after the other: per second, per second squared."""

    value: np.ndarray
    speed: np.ndarray
    acceleration: np.ndarray


def split_at_holes(series: np.ndarray, times_s: np.ndarray) -> list[np.ndarray]:
    """A series at 100 Hz, in parts without long holes.

    Parameters
    ----------
    series : ndarray
        ``[n, k]``, one row a frame; a row with any NaN is a frame without a face.
    times_s : ndarray
        ``[n]`` in seconds.

    Returns
    -------
    list of ndarray of float64
        ``[m, k]`` each; a part needs two frames with a face. Empty where no part has.

    Examples
    --------
    >>> [len(part) for part in split_at_holes(np.ones((4, 1)), np.array([0.0, 0.1, 9.0, 9.1]))]
    [20, 20]
    """
    shown = np.flatnonzero(has_face(series, times_s))
    ends = np.flatnonzero(np.diff(times_s[shown]) > LONGEST_HOLE_S) + 1
    parts = [rows for rows in np.split(shown, ends) if len(rows) > 1]
    return [resample_part(series[rows], times_s[rows], RATE_HZ) for rows in parts]


def motion_at(parts: list[np.ndarray], scale_ms: int) -> list[Motion]:
    """Smoothed value, speed and acceleration of each part of a series.

    Parameters
    ----------
    parts : list of ndarray
        ``[m, k]`` at 100 Hz each.
    scale_ms : int
        Standard deviation of the Gaussian in milliseconds.

    Examples
    --------
    >>> ramp = np.arange(100.0)[:, None] / 100
    >>> float(motion_at([ramp], 50)[0].speed.round(2).min())
    1.0
    """
    from scipy.ndimage import gaussian_filter1d

    sigma = scale_ms * RATE_HZ / 1000
    pad = int(np.ceil(_PADDING * sigma))
    result = []
    for part in parts:
        # Reflection through the end point: a movement that the clip cuts goes on instead of turning back.
        longer = np.pad(part, ((pad, pad), (0, 0)), mode="reflect", reflect_type="odd")
        orders = (gaussian_filter1d(longer, sigma, axis=0, order=k)[pad:-pad] * RATE_HZ**k for k in range(3))
        result.append(Motion(*orders))
    return result


def joined(parts: list[Motion]) -> Motion:
    """All samples of all parts."""
    return Motion(*(np.concatenate(series) for series in zip(*parts, strict=True)))


def level_statistics(value: np.ndarray, calm: np.ndarray, least: np.ndarray) -> np.ndarray:
    """`LEVELS` and `SHAPES` of series.

    Parameters
    ----------
    value : ndarray
        ``[m, k]``.
    calm : ndarray of bool
        The calmest samples ``[m]``.
    least : ndarray
        Smallest change ``[k]`` that is more than noise.

    Returns
    -------
    ndarray of float64
        ``[9, k]``.
    """
    p05, p25, median, p75, p95 = np.percentile(value, [5, 25, 50, 75, 95], axis=0)
    mean = value.mean(axis=0)
    above_rest = mean - value[calm].mean(axis=0)
    spread = p95 - p05 + least
    return np.stack(
        [mean, p05, p25, median, p75, p95, above_rest, (p95 + p05 - 2 * median) / spread, (p75 - p25) / spread]
    )


def movement_statistics(motion: Motion, least: np.ndarray) -> np.ndarray:
    """`MOVEMENTS` of series at one scale.

    Parameters
    ----------
    motion : Motion
        ``[m, k]``.
    least : ndarray
        Smallest change ``[k]`` that is more than noise.

    Returns
    -------
    ndarray of float64
        ``[7, k]``.
    """
    value, speed, acceleration = motion
    falling, rising = np.percentile(speed, [5, 95], axis=0)
    balance = np.log((np.maximum(rising, 0) + least) / (np.maximum(-falling, 0) + least))
    roughness = acceleration.std(axis=0) / (speed.std(axis=0) + least)
    fast = np.percentile(np.abs(acceleration), 95, axis=0)
    return np.stack([value.std(axis=0), np.abs(speed).mean(axis=0), falling, rising, balance, fast, roughness])

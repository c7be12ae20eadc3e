"""Rises and falls of a series -> onset, apex and offset: how large, how long, how fast, how smooth.

An onset is an uninterrupted rise of the smoothed series, an offset such a fall. Felt smiles were found to rise and fall
more slowly, more smoothly and more evenly than posed ones (Schmidt, Ambadar, Cohn, Reed, "Movement differences between
deliberate and spontaneous facial expressions", Journal of Nonverbal Behavior 30, 2006; Dibeklioglu, Salah, Gevers,
"Recognition of genuine smiles", IEEE TMM 17, 2015).

A clip may hold several. Means are weighted by the square of each one's amplitude, so that small ones do not count and
nothing jumps when two are equally large.
"""

from __future__ import annotations

import numpy as np

from facs_pipeline.dynamics.resampling import RATE_HZ
from facs_pipeline.dynamics.time_scales import Motion

SCALE_MS = 100
"""Time scale at which rises and falls are told apart."""

PHASES = (
    "onset_amplitude",
    "onset_duration_s",
    "onset_peak_speed",
    "onset_acceleration",
    "onset_evenness",
    "offset_amplitude",
    "offset_duration_s",
    "offset_peak_speed",
    "offset_acceleration",
    "offset_evenness",
    "onset_to_offset_amplitude",
    "onset_to_offset_duration",
    "onset_to_offset_speed",
    "apexes_per_s",
    "onset_jerk",
    "onset_arc_length",
)
"""Statistics of onsets and offsets, see `phase_statistics`."""
_LEAST_S = 0.05
_ARC_HZ, _ARC_POINTS = 10.0, 1024


def phase_statistics(parts: list[Motion], least: np.ndarray) -> np.ndarray:
    """`PHASES` of series.

    Parameters
    ----------
    parts : list of Motion
        ``[m, k]`` each, at `SCALE_MS`.
    least : ndarray
        Smallest change ``[k]`` that is more than noise.

    Returns
    -------
    ndarray of float64
        ``[16, k]``. Of onsets and of offsets: the largest amplitude; duration, peak speed, peak acceleration and
        evenness (mean over peak speed), each a mean weighted by squared amplitude. Logarithms of onset over offset.
        Number of apexes a second, onsets of unequal size counting less: ``(sum a)^2 / sum a^2``. Smoothness of the
        largest onset's speed v: the logarithm of its dimensionless jerk ``T^3 / max(v)^2 integral (v'')^2``, and the
        length of its normalised spectrum's arc. All 0 without an onset or offset.

    References
    ----------
    Balasubramanian, Melendez-Calderon, Burdet, "A robust and sensitive metric for quantifying movement smoothness",
    IEEE TBME 59, 2012.
    """
    seconds = sum(len(part.value) for part in parts) / RATE_HZ
    return np.column_stack([_of_one(parts, k, float(least[k]), seconds) for k in range(len(least))])


def _of_one(parts: list[Motion], column: int, least: float, seconds: float) -> np.ndarray:
    runs = [_runs(Motion(*(series[:, column] for series in part))) for part in parts]
    amplitude, duration, speed, acceleration = np.concatenate(runs, axis=1)
    rises, falls = amplitude > 0, amplitude < 0
    onset, offset = (
        _weighted(np.abs(amplitude[of]), duration[of], speed[of], acceleration[of], least) for of in (rises, falls)
    )
    low = np.array([least, _LEAST_S, least])
    ratios = np.log((onset[:3] + low) / (offset[:3] + low))
    heights = amplitude[rises]
    apexes = heights.sum() ** 2 / (np.sum(heights**2) + least**2) / seconds
    return np.array([*onset, *offset, *ratios, apexes, *_smoothness(parts, column, least)])


def _runs(motion: Motion) -> np.ndarray:
    """Amplitude, duration in seconds, peak speed and peak acceleration ``[4, r]`` of each rise or fall ``[m]``."""
    value, speed, acceleration = motion
    starts = np.concatenate([[0], np.flatnonzero(np.diff(speed > 0)) + 1])
    ends = np.append(starts[1:], len(value) - 1)
    peak, push = (np.maximum.reduceat(np.abs(series), starts) for series in (speed, acceleration))
    amplitude = np.where(speed[starts] > 0, 1, -1) * np.abs(value[ends] - value[starts])
    return np.stack([amplitude, (ends - starts) / RATE_HZ, peak, push])


def _weighted(
    amplitude: np.ndarray, duration: np.ndarray, speed: np.ndarray, acceleration: np.ndarray, least: float
) -> np.ndarray:
    weights = amplitude**2 / (np.sum(amplitude**2) + least**2)
    even = amplitude / np.maximum(duration * speed, 1e-12)
    means = [float(weights @ of) for of in (duration, speed, acceleration, even)]
    return np.array([amplitude.max(initial=0.0), *means])


def _smoothness(parts: list[Motion], column: int, least: float) -> tuple[float, float]:
    """Logarithm of the dimensionless jerk, and spectral arc length, of the largest onset; 0 without one."""
    best, rise = least, np.zeros(0)
    for part in parts:
        value, speed = part.value[:, column], part.speed[:, column]
        edges = np.flatnonzero(np.diff(np.concatenate([[False], speed > 0, [False]])))
        for start, end in edges.reshape(-1, 2):
            if value[end - 1] - value[start] > best:
                best, rise = value[end - 1] - value[start], speed[start:end]
    if len(rise) < 4:
        return 0.0, 0.0
    jerk = np.diff(rise, 2) * RATE_HZ**2
    lasting = len(rise) / RATE_HZ
    dimensionless = lasting**3 / rise.max() ** 2 * np.sum(jerk**2) / RATE_HZ
    spectrum = np.abs(np.fft.rfft(rise, _ARC_POINTS))
    spectrum = spectrum[: int(_ARC_HZ * _ARC_POINTS / RATE_HZ)] / spectrum[0]
    arc = np.sum(np.hypot(np.diff(spectrum), 1 / len(spectrum)))
    return float(np.log(dimensionless + 1)), float(arc)

"""Synchrony of two faces: windowed cross-correlation of their action units, its lag, and what chance would give.

Windows and lags are those of Boker, Rotondo, Xu and King (2002, Psychological Methods 7, 338); chance is that of
shuffled windows, as Tschacher's surrogate synchrony (Tschacher, Rees and Ramseyer 2014, Frontiers in Psychology
5, 1323).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from facs_pipeline.dynamics.quality import stretches
from facs_pipeline.foundation.errors import ArgumentError
from facs_pipeline.study.curves import Curves

BRIDGED_S = 0.5
"""Gaps up to so long are bridged in a straight line; longer ones end windows."""
_FLAT = 1e-6
_COLUMNS = (
    "signal", "windows", "left_out", "synchrony", "chance", "chance_low", "chance_high", "p", "r_zero", "lag_s",
    "r_at_lag",
)  # fmt: skip


@dataclass(frozen=True)
class SynchronyOptions:
    """How two series are compared; the defaults are those of ``facs synchrony``.

    Attributes
    ----------
    aus : tuple of int
        Action units.
    window_s, step_s : float
        Length of the windows, and from the begin of one to the next.
    max_lag_s : float
        Lags up to so long are tried, in both directions.
    rate : float, optional
        Moments a second; by default the lower frame rate of the two, at most 25.
    min_confidence : float
        0..1; less sure frames are not used.
    surrogates, seed : int
        Shufflings.
    """

    aus: tuple[int, ...] = (6, 12)
    window_s: float = 5.0
    step_s: float = 2.5
    max_lag_s: float = 2.0
    rate: float | None = None
    min_confidence: float = 0.5
    surrogates: int = 1999
    seed: int = 0

    def __post_init__(self) -> None:
        if self.window_s <= 0 or self.step_s <= 0 or self.max_lag_s < 0:
            raise ArgumentError("expected a window and a step above 0 s, and a lag of at least 0 s", "window")


@dataclass(frozen=True)
class Series:
    """Two faces on one time.

    Attributes
    ----------
    times_s : ndarray of float
        Moments `[n]` from the start, equally spaced.
    a, b : ndarray of float
        Intensities `[n, k]`; NaN where there is none.
    """

    times_s: np.ndarray
    a: np.ndarray
    b: np.ndarray

    @property
    def rate(self) -> float:
        """Moments a second."""
        return 1 / float(self.times_s[1] - self.times_s[0]) if len(self.times_s) > 1 else 1.0


@dataclass(frozen=True)
class Correlations:
    """Cross-correlations of one action unit.

    Attributes
    ----------
    starts_s : ndarray of float
        Begin of each window `[w]`.
    lags_s : ndarray of float
        `[l]`; above 0 the second face follows the first.
    r : ndarray of float
        `[w, l]`; NaN where a window is not whole, or a face does not move at all in it.
    """

    starts_s: np.ndarray
    lags_s: np.ndarray
    r: np.ndarray


def aligned(a: Curves, b: Curves, options: SynchronyOptions, *, starts_s: tuple[float, float] = (0.0, 0.0)) -> Series:
    """Two curves on one time, as long as both last.

    Parameters
    ----------
    a, b : Curves
    options : SynchronyOptions
    starts_s : tuple of float
        Time stamps of each that are the same moment.
    """
    slowest = max(a.step_s, b.step_s)
    rate = options.rate or min(25.0, 1 / slowest if slowest > 0 else 25.0)
    length = min(float(one.times_s[-1]) - start for one, start in zip((a, b), starts_s, strict=True))
    times = np.arange(max(0, int(np.floor(length * rate + 1e-9)) + 1)) / rate
    values = (_bridged(one.at(times + start), rate) for one, start in zip((a, b), starts_s, strict=True))
    return Series(times, *values)


def _bridged(values: np.ndarray, rate: float) -> np.ndarray:
    """Values `[n, k]` with short gaps filled."""
    filled = pd.DataFrame(values).interpolate(limit_area="inside").to_numpy(float, copy=True)
    for k in range(values.shape[1]):
        for first, last in stretches(np.isnan(values[:, k])):
            if last + 1 - first > BRIDGED_S * rate:
                filled[first : last + 1, k] = np.nan
    return filled


def cross_correlations(a: np.ndarray, b: np.ndarray, rate: float, options: SynchronyOptions) -> Correlations:
    """Correlations of two series `[n]` in windows, at lags.

    Parameters
    ----------
    a, b : ndarray of float
    rate : float
        Moments a second.
    options : SynchronyOptions

    Examples
    --------
    >>> wave = np.sin(np.arange(500) / 10)
    >>> found = cross_correlations(wave, np.roll(wave, 5), 25.0, SynchronyOptions(max_lag_s=1.0))
    >>> round(float(found.lags_s[np.nanmean(found.r, axis=0).argmax()]), 3)
    0.2
    """
    windows = _Windows(a, b, rate, options)
    r = [np.einsum("wn,wn->w", windows.left, windows.right(place)) for place in range(len(windows.lags))]
    return Correlations(windows.starts / rate, windows.lags / rate, np.array(r).T)


def peaks(found: Correlations) -> np.ndarray:
    """The highest correlation of each window over the lags `[w]`; NaN where not every lag has one."""
    # NaN stays NaN.
    return found.r.max(axis=1)


def peak_table(a: np.ndarray, b: np.ndarray, rate: float, options: SynchronyOptions) -> np.ndarray:
    """The highest correlation over the lags of each window of one series with each of the other `[w, w]`."""
    windows = _Windows(a, b, rate, options)
    highest = np.full((len(windows.starts), len(windows.starts)), -np.inf)
    for place in range(len(windows.lags)):
        highest = np.maximum(highest, windows.left @ windows.right(place).T)
    return highest


def shuffled_means(table: np.ndarray, surrogates: int, seed: int) -> np.ndarray:
    """Means of what goes together by chance `[surrogates]`: each row of a table with another row's column."""
    random = np.random.default_rng(seed)
    n = len(table)
    rows = np.arange(n)
    return np.array([table[rows, random.permutation(n)].mean() for _ in range(surrogates)])


def synchrony_of(series: Series, options: SynchronyOptions) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Synchrony of two faces.

    Parameters
    ----------
    series : Series
    options : SynchronyOptions

    Returns
    -------
    tuple of DataFrame
        A row for each action unit: ``synchrony`` is the mean over windows of the highest correlation over the lags,
        ``chance`` the same of shuffled windows (with its 95 % range), ``p`` how often these are as high; ``r_zero``
        the mean correlation without a lag, ``lag_s`` the lag at which the mean correlation is highest, and
        ``r_at_lag`` that. Then a row for each window: ``begin_s``, ``peak_r``, ``peak_lag_s``.
    """
    rows: list[dict[str, object]] = []
    windows = []
    for k, au in enumerate(options.aus):
        a, b = series.a[:, k], series.b[:, k]
        found = cross_correlations(a, b, series.rate, options)
        highest = peaks(found)
        used = np.isfinite(highest)
        row: dict[str, object] = {"signal": f"AU{au:02d}", "windows": int(used.sum()), "left_out": int((~used).sum())}
        if used.sum() > 1:
            table = peak_table(a, b, series.rate, options)[np.ix_(used, used)]
            chance = shuffled_means(table, options.surrogates, options.seed)
            synchrony = float(table.diagonal().mean())
            mean = np.tanh(_fisher(found.r[used]).mean(axis=0))
            best = int(mean.argmax())
            low, high = np.percentile(chance, [2.5, 97.5])
            row |= {
                "synchrony": synchrony, "chance": float(chance.mean()), "chance_low": float(low), "chance_high":
                float(high), "p": (1 + int((chance >= synchrony - 1e-12).sum())) / (1 + len(chance)),
                "r_zero": float(mean[len(mean) // 2]), "lag_s": float(found.lags_s[best]),
                "r_at_lag": float(mean[best]),
            }  # fmt: skip
        rows.append(row)
        at = np.where(used, np.nan_to_num(found.r, nan=-2.0).argmax(axis=1), 0)
        windows.append(pd.DataFrame({
            "signal": f"AU{au:02d}", "begin_s": found.starts_s, "end_s": found.starts_s + options.window_s,
            "peak_r": highest, "peak_lag_s": np.where(used, found.lags_s[at], np.nan),
        }))  # fmt: skip
    found_rows = pd.DataFrame(rows, columns=list(_COLUMNS))
    found_rows[list(_COLUMNS[3:])] = found_rows[list(_COLUMNS[3:])].astype(float)
    return found_rows, pd.concat(windows, ignore_index=True)


def _fisher(r: np.ndarray) -> np.ndarray:
    return np.arctanh(np.clip(r, -0.999999, 0.999999))


class _Windows:
    """Windows of two series, of length 1 about their means; those of the second at every lag.

    Attributes
    ----------
    starts, lags : ndarray of int
        In moments.
    left : ndarray
        Of the first series `[w, n]`; NaN where one is not whole or does not move.
    """

    def __init__(self, a: np.ndarray, b: np.ndarray, rate: float, options: SynchronyOptions) -> None:
        self._length, step = (max(1, round(s * rate)) for s in (options.window_s, options.step_s))
        most = round(options.max_lag_s * rate)
        self.lags = np.arange(-most, most + 1)
        self.starts = np.arange(most, len(a) - self._length - most + 1, step)
        self.left = self._units(a, self.starts)
        self._b = b

    def right(self, place: int) -> np.ndarray:
        """Of the second series `[w, n]`, at the lag of that place."""
        return self._units(self._b, self.starts + self.lags[place])

    def _units(self, values: np.ndarray, begins: np.ndarray) -> np.ndarray:
        if not len(begins):
            return np.empty((0, self._length))
        cut = np.lib.stride_tricks.sliding_window_view(values, self._length)[begins]
        centred = cut - cut.mean(axis=1, keepdims=True)
        size = np.sqrt((centred**2).sum(axis=1, keepdims=True))
        return np.divide(centred, size, out=np.full_like(centred, np.nan), where=size > _FLAT)


def viewer_correlations(values: Sequence[np.ndarray]) -> np.ndarray:
    """Correlation of each viewer with the mean of all others `[v]`, over the moments that both have.

    Source: leave-one-out inter-subject correlation (Hasson et al. 2004, Science 303, 1634; Nastase et al. 2019, Social
    Cognitive and Affective Neuroscience 14, 667).

    Parameters
    ----------
    values : sequence of ndarray
        A series `[n]` of each viewer on one time; NaN where there is none.

    Examples
    --------
    >>> wave = np.sin(np.arange(100.0))
    >>> viewer_correlations([wave, 2 * wave, wave + 1]).round(6).tolist()
    [1.0, 1.0, 1.0]
    """
    stacked = np.array(values, float)
    there = np.isfinite(stacked)
    # Each counts by its deviations: who is seen less does not shift the others' mean.
    centred = np.where(there, stacked - _mean(stacked, there), 0.0)
    others = there.sum(axis=0) - there
    rest = np.divide(centred.sum(axis=0) - centred, others, out=np.full_like(centred, np.nan), where=others > 0)
    return np.array([_r(one, other) for one, other in zip(np.where(there, centred, np.nan), rest, strict=True)])


def _mean(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    n = there.sum(axis=1, keepdims=True)
    return np.where(there, values, 0.0).sum(axis=1, keepdims=True) / np.maximum(n, 1)


def _r(a: np.ndarray, b: np.ndarray) -> float:
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 3:
        return float("nan")
    x, y = a[both] - a[both].mean(), b[both] - b[both].mean()
    size = float(np.sqrt((x**2).sum() * (y**2).sum()))
    return float((x * y).sum() / size) if size > _FLAT else float("nan")


def shifted_chance(values: Sequence[np.ndarray], surrogates: int, seed: int) -> np.ndarray:
    """Mean correlation of viewers by chance `[surrogates]`: each series turned round by a random time of its own.

    Parameters
    ----------
    values : sequence of ndarray
        As `viewer_correlations` takes.
    surrogates, seed : int
    """
    random = np.random.default_rng(seed)
    n = len(values[0])
    means = []
    for _ in range(surrogates):
        by = random.integers(0, n, len(values))
        turned = [np.roll(one, shift) for one, shift in zip(values, by, strict=True)]
        found = viewer_correlations(turned)
        means.append(float(np.nanmean(found)) if np.isfinite(found).any() else np.nan)
    return np.array(means)

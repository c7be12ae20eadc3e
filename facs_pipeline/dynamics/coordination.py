"""How two series go together: how alike they are, which leads, and which is larger.

In felt smiles AU6 goes with AU12, and both sides of the face move at once; posed ones were found more one-sided
(Ekman, Hager, Friesen, "The symmetry of emotional and deliberate facial actions", Psychophysiology 18, 1981; Cohn,
Schmidt, "The timing of facial motion in posed and spontaneous smiles", IJWMIP 2, 2004).
"""

from __future__ import annotations

import numpy as np

from facs_pipeline.dynamics.resampling import RATE_HZ

LONGEST_LEAD_S = 0.5
TOGETHER = ("correlation", "lead_s", "amplitude_ratio")
"""Statistics of two series, see `coordination`."""
_SHARPNESS = 4


def coordination(
    first: list[np.ndarray], second: list[np.ndarray], least_first: np.ndarray, least_second: np.ndarray
) -> np.ndarray:
    """`TOGETHER` of pairs of series.

    Parameters
    ----------
    first, second : list of ndarray
        ``[m, k]`` at 100 Hz, in parts.
    least_first, least_second : ndarray
        Smallest change ``[k]`` that is more than noise.

    Returns
    -------
    ndarray of float64
        ``[3, k]``: correlation at once; by how many seconds the first is ahead, as the mean over leads of at most
        `LONGEST_LEAD_S` weighted by the fourth power of the positive correlation; logarithm of the first's standard
        deviation over the second's. Of series that hardly move, correlation and lead tend to 0.

    Examples
    --------
    >>> t = np.arange(300)[:, None] / 100
    >>> smile, later = np.sin(4 * t), np.sin(4 * (t - 0.1))
    >>> correlation, lead, ratio = coordination([smile], [later], np.ones(1) * 0.01, np.ones(1) * 0.01)[:, 0]
    >>> bool(correlation > 0.8), bool(0 < lead < 0.2), bool(abs(ratio) < 0.1)
    (True, True, True)
    """
    (a, spread_a), (b, spread_b) = _centred(first), _centred(second)
    count = sum(map(len, a))
    scale = count * (spread_a + least_first) * (spread_b + least_second)
    longest = int(LONGEST_LEAD_S * RATE_HZ)
    products = np.zeros((2 * longest + 1, len(least_first)))
    for lead in range(-longest, longest + 1):
        for ours, theirs in zip(a, b, strict=True):
            overlap = len(ours) - abs(lead)
            if overlap > 0:
                early, late = max(-lead, 0), max(lead, 0)
                products[lead + longest] += (ours[early : early + overlap] * theirs[late : late + overlap]).sum(axis=0)
    correlation = products / scale
    weights = np.maximum(correlation, 0) ** _SHARPNESS
    leads = np.arange(-longest, longest + 1)[:, None] / RATE_HZ
    # Uncorrelated series have no lead; the constant keeps noise from giving them one.
    lead_s = (weights * leads).sum(axis=0) / (weights.sum(axis=0) + 0.1)
    ratio = np.log((spread_a + least_first) / (spread_b + least_second))
    return np.stack([correlation[longest], lead_s, ratio])


def _centred(parts: list[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    every = np.concatenate(parts)
    return [part - every.mean(axis=0) for part in parts], every.std(axis=0)

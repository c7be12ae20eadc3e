"""Linear maps of the landmark model from sums over samples: ridge regression, and maps of low rank."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from facs_pipeline.landmarks.model import Step

RANK = 48
"""Of a step's linear map. Faces move in few ways, and a smaller map is faster."""


def ridge(gram: np.ndarray, cross: np.ndarray, penalty: float) -> np.ndarray:
    """Ridge regression from uncentred moments.

    Parameters
    ----------
    gram : ndarray
        Sum of x x' over samples `[d + 1, d + 1]`, the last feature being 1.
    cross : ndarray
        Sum of x y' `[d + 1, k]`.
    penalty : float
        Multiplies the mean variance of the features; the intercept is not penalised.

    Returns
    -------
    ndarray of float32
        Weights `[d + 1, k]`, the intercept last.
    """
    n = float(gram[-1, -1])
    mean_x, mean_y = gram[-1, :-1].astype(np.float64) / n, cross[-1].astype(np.float64) / n
    centred = gram[:-1, :-1].astype(np.float64) - n * np.outer(mean_x, mean_x)
    d = len(centred)
    centred[np.arange(d), np.arange(d)] += penalty * np.trace(centred) / d
    weights = scipy.linalg.solve(
        centred, cross[:-1] - n * np.outer(mean_x, mean_y), assume_a="pos", overwrite_a=True, check_finite=False
    )
    return np.vstack([weights, mean_y - mean_x @ weights]).astype(np.float32)


def low_rank(weights: np.ndarray, gram: np.ndarray, rank: int = RANK) -> Step:
    """The map of low rank whose predictions differ least, in the mean square, from those of a full one.

    Reduced-rank regression: only the principal axes of the predictions stay.

    Parameters
    ----------
    weights : ndarray
        The full map `[d + 1, 136]`, the intercept last.
    gram : ndarray
        Sum of x x' over samples `[d + 1, d + 1]`, the last feature being 1.
    rank : int
        At most 136.

    Returns
    -------
    Step
        The map.

    References
    ----------
    Izenman, "Reduced-rank regression for the multivariate linear model", J. Multivariate Analysis 5, 1975,
    doi:10.1016/0047-259X(75)90042-1.
    """
    n = float(gram[-1, -1])
    mean = gram[-1, :-1].astype(np.float64) / n
    linear = weights[:-1].astype(np.float64)
    predicted = linear.T @ gram[:-1, :-1].astype(np.float64) @ linear / n - np.outer(mean @ linear, mean @ linear)
    _variance, axes = np.linalg.eigh(predicted)
    axes = axes[:, -rank:]
    down = axes.T @ linear.T
    bias = weights[-1] + mean @ linear - axes @ (down @ mean)
    return Step(*(np.ascontiguousarray(part, np.float32) for part in (down, axes, bias)))

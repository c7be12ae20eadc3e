"""Linear predictions batch by batch, and standardisation folded into the weights."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def batches(n_rows: int, size: int = 2048) -> Iterator[slice]:
    """Slices that cover `n_rows` rows; large arrays are read through these, since they may lie on disk."""
    return (slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size))


def linear_predict(X: np.ndarray, coef: np.ndarray, intercept: np.ndarray | float) -> np.ndarray:
    """``X @ coef + intercept``, batch by batch, of X `[n, d]` and coef `[d]` or `[d, k]`; float64."""
    out = np.empty((len(X), *coef.shape[1:]))
    for rows in batches(len(X)):
        out[rows] = X[rows].astype(np.float64, copy=False) @ coef + intercept
    return out


def as_floats(features: np.ndarray) -> np.ndarray:
    """The features as float32, or float64 where they are so already."""
    return features if features.dtype == np.float64 else features.astype(np.float32, copy=False)


def mean_and_scale(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column of X `[n, d]`, float64 `[d]` each, read batch by batch."""
    mean = sum(X[rows].sum(axis=0, dtype=np.float64) for rows in batches(len(X))) / len(X)
    square = sum(((X[rows] - mean) ** 2).sum(axis=0) for rows in batches(len(X))) / len(X)
    return mean, np.sqrt(square)


def folding(mean: np.ndarray, scale: np.ndarray, feature_weights: np.ndarray | None) -> np.ndarray:
    """Factors `[d]` that standardise and weight each column; 0 where a column is constant but for rounding.

    Raises
    ------
    ValueError
        If `feature_weights` are not d finite numbers of 0 or more.
    """
    weights = np.ones(len(mean)) if feature_weights is None else np.asarray(feature_weights, dtype=np.float64)
    if weights.shape != mean.shape or not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError(f"feature_weights: expected {mean.shape} finite numbers of 0 or more, got {weights.shape}")
    moves = scale > 1e-10 * np.maximum(np.abs(mean), 1e-10)
    return np.divide(weights, scale, out=np.zeros_like(weights), where=moves)

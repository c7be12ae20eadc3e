"""Axes of pairwise products: principal axes of all faces, and of differences within persons.

Pearson, "On lines and planes of closest fit to systems of points in space", Philosophical Magazine 2, 1901,
doi:10.1080/14786440109462720.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse.linalg import eigsh

from facs_pipeline.action_units.kernel_correction import KernelCorrection
from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.action_units.pairwise_products import BYTE_SCALE, BYTE_ZERO, PairwiseProducts
from facs_pipeline.action_units.training.cross_validation import TrainingSet
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.regression.linear import batches, folding, mean_and_scale
from facs_pipeline.foundation.regression.ridge import safe_scale, sum_rows

FEWEST_FACES = 20
"""A person with at least so many faces shows what differs within persons."""
_LEAST = 1e-6


def fit_products(
    X: np.ndarray,
    subjects: np.ndarray,
    sizes: tuple[int, int],
    feature_weights: np.ndarray,
    sample_weight: np.ndarray | None = None,
) -> PairwiseProducts:
    """Axes on which faces differ most, and on which the faces of one person do.

    Parameters
    ----------
    X : ndarray
        Features [n, d] of any number type.
    subjects : ndarray of str
        Whose face each row [n] is.
    sizes : tuple of int
        How many axes of all faces, and how many within persons; either may be 0.
    feature_weights : ndarray
        Multiplied onto the standardised columns [d].
    sample_weight : ndarray, optional
        How much each row [n] counts among all faces.

    Returns
    -------
    PairwiseProducts

    Raises
    ------
    InputError
        If axes within persons are asked for and nobody has `FEWEST_FACES` faces; if more axes are asked for than
        there are columns, or than the faces differ on.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(60, 5)) * [9, 1, 1, 1, 1]
    >>> products = fit_products(X, np.repeat(["anna", "ben"], 30), (1, 2), np.ones(5))
    >>> products.coordinates(X).std(axis=0).round(1)
    array([1., 1., 1.])
    """
    if max(sizes) >= X.shape[1] or min(sizes) < 0 or not max(sizes):
        raise InputError(f"{sizes[0]} and {sizes[1]} face modes of {X.shape[1]} features; expected fewer, and not none")
    shift, scale = mean_and_scale(X)
    fold = folding(shift, scale, feature_weights)
    scale = safe_scale(scale)
    sums = sum_rows(X, np.empty((len(X), 0)), np.arange(len(X)), shift, scale, sample_weight)
    mean = sums.x / sums.weight
    everybody = (sums.xx / sums.weight - np.outer(mean, mean)) * (fold * scale) * (fold * scale)[:, None]
    groups = [_principal(everybody, sizes[0])] if sizes[0] else []
    if sizes[1]:
        groups.append(_principal(_within(X, subjects, fold), sizes[1]))
    axes = np.concatenate(groups, axis=1)
    deviation = np.sqrt(np.einsum("dm,dm->m", axes, everybody @ axes))
    axes *= fold[:, None] / deviation
    return PairwiseProducts(axes, -(shift + mean * scale) @ axes, [size for size in sizes if size])


def _within(X: np.ndarray, subjects: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Sums of squares and products [d, d] of differences from each person's mean face."""
    persons, counts = np.unique(subjects, return_counts=True)
    persons = persons[counts >= FEWEST_FACES]
    if not len(persons):
        raise InputError(
            f"face modes within persons need somebody with {FEWEST_FACES} faces or more; "
            f"the most that one of {len(counts)} persons has is {counts.max()}. Ask for modes of all faces only (N,0)"
        )
    total = np.zeros((X.shape[1], X.shape[1]), np.float32)
    for person in persons:
        faces = X[subjects == person].astype(np.float32)
        faces = (faces - faces.mean(axis=0)) * fold.astype(np.float32)
        total += faces.T @ faces
    return total


def _principal(scatter: np.ndarray, size: int) -> np.ndarray:
    """The `size` axes [d, size] of largest scatter, largest first; each one's largest part is positive."""
    # A fixed start gives the same axes every time.
    values, axes = eigsh(scatter, k=size, v0=np.ones(len(scatter)))
    real = int((values > _LEAST * values.max()).sum())
    if real < size:
        raise InputError(
            f"{size} face modes, but these faces differ on {real} axes only; ask for fewer, or use more faces"
        )
    axes = axes[:, np.argsort(-values)].astype(np.float64)
    return axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(size)])


def with_products(data: TrainingSet, products: PairwiseProducts) -> TrainingSet:
    """The same faces, their features followed by their products as bytes."""
    X = np.empty((len(data.X), data.X.shape[1] + products.n_products), data.X.dtype)
    for rows in batches(len(X)):
        X[rows, : data.X.shape[1]] = data.X[rows]
        X[rows, data.X.shape[1] :] = products.as_bytes(data.X[rows])
    return replace(data, X=X)


def folded(
    aus: Sequence[int],
    coef: np.ndarray,
    intercept: np.ndarray,
    card: dict[str, Any],
    products: PairwiseProducts | None,
    correction: KernelCorrection | None = None,
) -> ActionUnitModel:
    """The model of `coef` [d, k] for features, followed by byte products where there are `products`."""
    if products is None:
        return ActionUnitModel(aus, coef, intercept, card)
    d = len(products.axes)
    return ActionUnitModel(
        aus,
        coef[:d],
        intercept + BYTE_ZERO * coef[d:].sum(axis=0),
        card,
        products=products,
        product_weights=BYTE_SCALE * coef[d:],
        correction=correction,
    )

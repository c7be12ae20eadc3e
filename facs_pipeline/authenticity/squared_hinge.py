"""Linear support vector machines with the squared hinge loss, solved exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

_STEPS = 200
_SMALLEST = 1e-12
# A Gram matrix of more samples takes more memory than it saves time.
_LARGEST_GRAM = 8192


def squared_hinge(
    z: np.ndarray, y: np.ndarray, C: float, *, intercept: bool = True, start: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """The L2-regularised squared-hinge SVM that `LinearSVC` defines; see `squared_hinge_parts`.

    Parameters
    ----------
    z : ndarray of float
        Samples `[n, d]`.
    y : ndarray of float
        `[n]`, 1 or -1.
    C : float
        Penalty of the loss, above 0.
    intercept : bool
        Without it b is 0.
    start : ndarray of float, or None
        Weights, and with an intercept that too, `[d]` or `[d + 1]`; the nearer to the truth, the fewer steps.

    Returns
    -------
    weights : ndarray of float
        `[d]`.
    intercept : float
        The b of `squared_hinge_parts`.
    """
    weights, intercepts = squared_hinge_parts(z, y, C, [np.arange(len(y))], intercept=intercept, start=start)
    return weights[:, 0], float(intercepts[0])


def squared_hinge_parts(
    z: np.ndarray,
    y: np.ndarray,
    C: float,
    parts: Sequence[np.ndarray],
    *,
    intercept: bool = True,
    start: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Many squared-hinge SVMs, each on its own part of the samples.

    Each minimises ``|w|^2/2 + b^2/2 + C sum max(0, 1 - y (w.z + b))^2`` by Newton steps on the set of samples inside
    the margin. Where a full step does not improve, an exact line search follows: full steps alone can go in circles.
    A step solves a system of as many unknowns as there are samples inside, or features, whichever is less. All SVMs
    step together, so that their scores are one matrix product.

    Parameters
    ----------
    z : ndarray of float
        Samples `[n, d]`.
    y : ndarray of float
        `[n]`, 1 or -1.
    C : float
        Penalty of the loss, above 0.
    parts : sequence of ndarray of int
        m ascending arrays of samples.
    intercept : bool
        Without it b is 0.
    start : ndarray of float, or None
        As in `squared_hinge`, for all parts.

    Returns
    -------
    weights : ndarray of float
        `[d, m]`.
    intercepts : ndarray of float
        `[m]`.

    References
    ----------
    Chapelle, "Training a Support Vector Machine in the Primal", Neural Computation 19, 2007; Keerthi & DeCoste, "A
    Modified Finite Newton Method for Fast Solution of Large Scale Linear SVMs", JMLR 6, 2005.
    """
    # The intercept is one more constant feature, as in liblinear.
    samples = np.column_stack([z, np.ones(len(z))]) if intercept else z
    gram = samples @ samples.T if len(parts) > 1 and len(samples) <= _LARGEST_GRAM else None
    weights = np.zeros((samples.shape[1], len(parts)))
    scores = [np.zeros(len(part)) for part in parts]
    active = list(parts)
    if start is not None:
        weights += start[:, None]
        of_start = samples @ start
        scores = [of_start[part] for part in parts]
        active = [part[y[part] * of_start[part] < 1] for part in parts]
    unsolved = list(range(len(parts)))
    for iteration in range(_STEPS):
        points = _newton_points(samples, y, C, [active[number] for number in unsolved], gram)
        of_points = (samples @ points).T
        left = []
        for number, point, of_point in zip(unsolved, points.T, of_points, strict=True):
            part = parts[number]
            reached, labels = of_point[part], y[part]
            reached_inside = part[labels * reached < 1]
            if np.array_equal(reached_inside, active[number]):
                weights[:, number] = point
                continue
            change, move = point - weights[:, number], reached - scores[number]
            line = _Line(
                1 - labels * scores[number],
                -labels * move,
                C,
                float(weights[:, number] @ change),
                float(change @ change),
            )
            # The start at 0 is worse than any point.
            step = 1.0 if (start is None and not iteration) or line.falls_at_1() else line.minimum()
            weights[:, number] += step * change
            scores[number] += step * move
            if step * np.abs(move).max() > _SMALLEST:
                active[number] = reached_inside if step == 1 else part[labels * scores[number] < 1]
                left.append(number)
        unsolved = left
        if not unsolved:
            break
    return (weights[:-1], weights[-1]) if intercept else (weights, np.zeros(len(parts)))


def _newton_points(
    samples: np.ndarray, y: np.ndarray, C: float, active: Sequence[np.ndarray], gram: np.ndarray | None
) -> np.ndarray:
    """Weights [d, k] with the least ``|w|^2/2 + C sum (1 - y w.z)^2`` over each of k sets of active samples."""
    n, d = samples.shape
    duals, weights = np.zeros((n, len(active))), np.zeros((d, len(active)))
    in_primal = []
    for k, rows in enumerate(active):
        if not len(rows):
            continue
        if len(rows) > d:
            in_primal.append(k)
            own = samples[rows]
            weights[:, k] = _regularised_solution(own.T @ own, y[rows] @ own, C)
        elif gram is None:
            own = samples[rows]
            duals[rows, k] = _regularised_solution(own @ own.T, y[rows], C)
        else:
            duals[rows, k] = _regularised_solution(gram[np.ix_(rows, rows)], y[rows], C)
    if len(in_primal) < len(active):
        weights += samples.T @ duals
    return weights


def _regularised_solution(system: np.ndarray, right: np.ndarray, C: float) -> np.ndarray:
    system[np.diag_indices_from(system)] += 0.5 / C
    return cho_solve(cho_factor(system, lower=True, overwrite_a=True, check_finite=False), right, check_finite=False)


class _Line(NamedTuple):
    """The convex function ``slope t + curvature t^2 / 2 + C sum max(0, slack + t rate)^2`` for t >= 0."""

    slack: np.ndarray
    rate: np.ndarray
    C: float
    slope: float
    curvature: float

    def falls_at_1(self) -> bool:
        """Whether the value at 1 is below that at 0."""
        losses = [float((np.maximum(0, slack) ** 2).sum()) for slack in (self.slack, self.slack + self.rate)]
        return self.slope + self.curvature / 2 + self.C * (losses[1] - losses[0]) < 0

    def minimum(self) -> float:
        """Where it is least: its derivative is linear between the places where a sample crosses the margin."""
        slack, rate, C = self.slack, self.rate, self.C
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = -slack / rate
        later = np.flatnonzero(np.isfinite(crossing) & (crossing > 0))
        later = later[np.argsort(crossing[later], kind="stable")]
        starts = (slack > 0) | ((slack == 0) & (rate > 0))
        enters = np.sign(rate[later])
        level = self.slope + 2 * C * np.cumsum(np.r_[(slack * rate)[starts].sum(), enters * (slack * rate)[later]])
        growth = self.curvature + 2 * C * np.cumsum(np.r_[(rate**2)[starts].sum(), enters * rate[later] ** 2])
        at_end = level[:-1] + growth[:-1] * crossing[later]
        # Where the derivative is still negative at a segment's end, the minimum lies beyond it.
        segment = int(np.argmax(at_end >= 0)) if (at_end >= 0).any() else len(later)
        return max(0.0, float(-level[segment] / growth[segment])) if growth[segment] > 0 else 1.0


def standardised(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns with mean 0 and standard deviation 1; constant columns become 0.

    Parameters
    ----------
    samples : ndarray of float
        `[n, d]`.

    Returns
    -------
    standardised : ndarray of float
        `[n, d]`.
    mean, scale : ndarray of float
        `[d]`; the scale of constant columns is 1.
    """
    mean, scale = samples.mean(axis=0), samples.std(axis=0)
    scale[scale <= 1e-12 * np.maximum(np.abs(mean), 1e-300)] = 1.0
    return (samples - mean) / scale, mean, scale


def standardised_in_both_orders(differences: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`standardised` differences `[p, d]`, as if their negatives were among the samples: the mean is 0."""
    scale = np.sqrt((differences**2).mean(axis=0))
    scale[scale == 0] = 1.0
    return differences / scale, np.zeros(differences.shape[1]), scale

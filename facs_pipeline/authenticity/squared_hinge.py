"""Linear support vector machines with the squared hinge loss on few samples of many features."""

from __future__ import annotations

import numpy as np
from sklearn.svm import LinearSVC

_STEPS = 50


def squared_hinge_dual(
    gram: np.ndarray, z: np.ndarray, y: np.ndarray, C: float, intercept: bool = True
) -> tuple[np.ndarray, float]:
    """Dual coefficients and intercept of the L2-regularised squared-hinge SVM that `LinearSVC` defines.

    Minimises ``|w|^2/2 + b^2/2 + C sum max(0, 1 - y (w.z + b))^2`` by Newton steps on the set of samples inside the
    margin. With n far below d, a few n x n solves take 1 to 2 ms where liblinear needs 50 or more.

    Parameters
    ----------
    gram : ndarray of float
        ``z @ z.T``, `[n, n]`.
    z : ndarray of float
        Samples `[n, d]`.
    y : ndarray of float
        `[n]`, 1 or -1.
    C : float
        Penalty of the loss, above 0.
    intercept : bool
        Without it b is 0.

    Returns
    -------
    dual : ndarray of float
        `[n]`; ``w = z.T @ dual``.
    intercept : float
        The b above.

    References
    ----------
    Chapelle, "Training a Support Vector Machine in the Primal", Neural Computation 19, 2007.
    """
    # The intercept is one more constant feature, as in liblinear.
    kernel = gram + 1.0 if intercept else gram
    inside = np.ones(len(y), bool)
    for _step in range(_STEPS):
        active = np.flatnonzero(inside)
        system = kernel[np.ix_(active, active)]
        system[np.diag_indices_from(system)] += 0.5 / C
        dual = np.zeros(len(y))
        dual[active] = np.linalg.solve(system, y[active])
        now_inside = y * (kernel @ dual) < 1
        if np.array_equal(now_inside, inside):
            return dual, float(dual.sum()) if intercept else 0.0
        inside = now_inside
    # The set can cycle on degenerate data; liblinear is slow there, but it converges.
    return _liblinear_dual(z, y, C, intercept)


def _liblinear_dual(z: np.ndarray, y: np.ndarray, C: float, intercept: bool) -> tuple[np.ndarray, float]:
    settings = {"dual": True, "tol": 1e-8, "max_iter": 100_000, "random_state": 0}
    if len(np.unique(y)) == 1:  # liblinear needs two classes: every sample once more with both signs turned
        svm = LinearSVC(C=C / 2, fit_intercept=False, **settings)
        svm.fit(np.vstack([z, -z]), np.concatenate([y, -y]))
    else:
        svm = LinearSVC(C=C, fit_intercept=intercept, **settings).fit(z, y)
    slack = np.maximum(0.0, 1 - y * svm.decision_function(z))
    return 2 * C * y * slack, float(svm.intercept_[0]) if intercept else 0.0


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

"""A large mirror kernel reduced: few directions, few centres, one byte a number.

The gradients of a trained kernel machine's scores give the directions in which the scores change most. Features are
projected on these. Ridge regression on the kernels with a few thousand centres then replaces all training faces.
"""

from __future__ import annotations

import numpy as np

from facs_pipeline.emotions.mirror_kernel import MirrorKernelRidge

_BATCH = 4000
# Faces whose kernels stay in the processor's cache.
_AT_ONCE = 32
_JITTER = 0.05


def steepest_directions(
    ridge: MirrorKernelRidge, n_symmetric: int, n_antisymmetric: int, *, power: float = 0.25, samples: int = 3000
) -> tuple[np.ndarray, np.ndarray]:
    """Projections on the directions of steepest change of the scores.

    They are the leading eigenvectors of the mean outer product of the scores' gradients at the last `samples` training
    faces (training rows are in random order), each times its eigenvalue to the power of power / 2.

    Parameters
    ----------
    ridge : MirrorKernelRidge
        Fitted, with `n_symmetric` given.
    n_symmetric, n_antisymmetric : int
        Directions of each part.
    power : float
        Of the square root of the eigenvalues.
    samples : int
        Training faces whose gradients are used.

    Returns
    -------
    symmetric : ndarray of float32
        `[d_s, n_symmetric]`.
    antisymmetric : ndarray of float32
        `[d_a, n_antisymmetric]`.

    References
    ----------
    Radhakrishnan, Beaglehole, Pandit, Belkin, "Mechanism for feature learning in neural networks and
    backpropagation-free machine learning models", Science 383, 2024.
    """
    split = ridge.n_symmetric
    X, dual = ridge.X_fit_, ridge.dual_coef_
    symmetric, antisymmetric = X[:, :split], X[:, split:]
    outer_s = np.zeros((symmetric.shape[1], symmetric.shape[1]), np.float32)
    outer_a = np.zeros((antisymmetric.shape[1], antisymmetric.shape[1]), np.float32)
    first = max(len(X) - samples, 0)
    for start in range(first, len(X), _BATCH):
        at = X[start : start + _BATCH]
        flipped = np.concatenate([at[:, :split], -at[:, split:]], axis=1)
        # The kernel adds a Gaussian to the face and one to its mirror image; the gradient needs each of them.
        same, mirror = (_gaussian(points, X, ridge.gamma) for points in (at, flipped))
        for column in dual.T:
            one, two = same * column, mirror * column
            total = (one + two).sum(axis=1)[:, None]
            gradient_s = total * at[:, :split] - (one + two) @ symmetric
            gradient_a = total * at[:, split:] - (one - two) @ antisymmetric
            outer_s += gradient_s.T @ gradient_s
            outer_a += gradient_a.T @ gradient_a
    return _leading(outer_s, n_symmetric, power), _leading(outer_a, n_antisymmetric, power)


def _gaussian(X: np.ndarray, Y: np.ndarray, gamma: float) -> np.ndarray:
    distance = np.einsum("ij,ij->i", X, X)[:, None] + np.einsum("ij,ij->i", Y, Y) - 2 * X @ Y.T
    return np.exp(-gamma * np.maximum(distance, 0))


def _leading(outer: np.ndarray, n: int, power: float) -> np.ndarray:
    values, axes = np.linalg.eigh(outer.astype(np.float64))
    values, axes = values[::-1][:n], axes[:, ::-1][:, :n]
    # The sign of an axis is arbitrary: a positive largest component makes refitting give the same model.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return (axes * np.maximum(values, 0) ** (power / 2)).astype(np.float32)


class SmallKernel:
    """Scores ``k(x, centres) @ dual``, centres stored in one byte a number.

    Parameters
    ----------
    centres : ndarray of int8
        Centres `[m, d]` in steps.
    steps : ndarray of float32
        Value `[d]` of one step of each column.
    dual : ndarray of float32
        Dual coefficients `[m, c]`.
    gamma : float
        Of the kernel, above 0.
    n_symmetric : int
        Columns of the symmetric part, which come first.

    Attributes
    ----------
    centres, steps, dual : ndarray
    gamma : float
    n_symmetric : int
    """

    kind = "small"

    def __init__(self, centres: np.ndarray, steps: np.ndarray, dual: np.ndarray, gamma: float, n_symmetric: int):
        self.centres, self.steps = centres, np.asarray(steps, np.float32)
        self.dual, self.gamma, self.n_symmetric = np.asarray(dual, np.float32), float(gamma), int(n_symmetric)
        self._centres = centres.astype(np.float32) * self.steps
        scaled = 2 * self.gamma * self._centres.T
        self._symmetric, self._antisymmetric = (np.ascontiguousarray(part) for part in np.split(scaled, [n_symmetric]))
        self._squares = self.gamma * np.einsum("ij,ij->i", self._centres, self._centres)

    @classmethod
    def fit(
        cls,
        X: np.ndarray,
        targets: np.ndarray,
        rows: np.ndarray,
        *,
        n_centres: int,
        n_symmetric: int,
        gamma: float = 0.7,
        penalty: float = 0.1,
    ) -> SmallKernel:
        """Ridge regression of the targets on kernels with some of the rows as centres.

        Parameters
        ----------
        X : ndarray of float32
            Features `[n, d]`.
        targets : ndarray of float
            `[n, c]`.
        rows : ndarray of int
            Training rows in random order; the first `n_centres` of them are the centres.
        n_centres, n_symmetric : int
            Number of centres, and of columns of the symmetric part.
        gamma, penalty : float
            Of the kernel and of the regression.
        """
        chosen = X[rows[:n_centres]]
        steps = np.maximum(np.abs(chosen).max(axis=0), 1e-9) / 127
        small = cls(np.round(chosen / steps).astype(np.int8), steps, np.zeros((len(chosen), 1)), gamma, n_symmetric)
        m = len(chosen)
        gram, right = np.zeros((m, m)), np.zeros((m, targets.shape[1]))
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            # In double precision: the centres' kernels are nearly collinear.
            kernel = small._kernel(X[part]).astype(np.float64)
            gram += kernel.T @ kernel
            right += kernel.T @ targets[part]
        gram += penalty * small._kernel(small._centres)
        gram.flat[:: m + 1] += _JITTER
        small.dual = np.linalg.solve(gram, right).astype(np.float32)
        return small

    def _kernel(self, X: np.ndarray) -> np.ndarray:
        """`mirror_kernel` of rows `[n, d]` and the centres, in fewer passes over its n x m numbers."""
        kernel = X[:, : self.n_symmetric] @ self._symmetric
        kernel -= self._squares
        antisymmetric = X[:, self.n_symmetric :] @ self._antisymmetric
        mirrored = kernel - antisymmetric
        kernel += antisymmetric
        np.exp(kernel, out=kernel)
        kernel += np.exp(mirrored, out=mirrored)
        kernel *= np.exp(-self.gamma * np.einsum("ij,ij->i", X, X))[:, None]
        return kernel

    def scores(self, X: np.ndarray) -> np.ndarray:
        """Scores `[n, c]` of features `[n, d]`, both float32."""
        scores = np.empty((len(X), self.dual.shape[1]), np.float32)
        for start in range(0, len(X), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            scores[rows] = self._kernel(X[rows]) @ self.dual
        return scores

    def arrays(self) -> dict[str, np.ndarray]:
        """The learnt state, for a model file."""
        return {
            "centres": self.centres,
            "steps": self.steps,
            "dual": self.dual,
            "gamma": np.array([self.gamma]),
            "n_symmetric": np.array([self.n_symmetric]),
        }

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> SmallKernel:
        """The kernel from what `arrays` gave."""
        return cls(
            arrays["centres"], arrays["steps"], arrays["dual"], arrays["gamma"][0], int(arrays["n_symmetric"][0])
        )

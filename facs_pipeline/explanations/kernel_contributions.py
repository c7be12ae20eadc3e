"""Exact contributions to a small kernel's decision, along the straight line from the average face to the face."""

from __future__ import annotations

import numpy as np

from facs_pipeline.emotions.hog_directions import HogDirections
from facs_pipeline.emotions.model import EmotionModel
from facs_pipeline.emotions.small_kernel import SmallKernel

_NODES = 40


def kernel_contributions(
    model: EmotionModel, hog: np.ndarray, reference: np.ndarray, first: int, second: int
) -> tuple[np.ndarray, float, float]:
    """What each value of a face's HOG contributes to a small kernel's decision, compared with a reference.

    Parameters
    ----------
    model : EmotionModel
        With a `SmallKernel` on `HogDirections`.
    hog, reference : ndarray of float64
        HOG [2592] of the face, and of what it is compared with, such as the average face.
    first, second : int
        Positions of two emotions.

    Returns
    -------
    values : ndarray of float64
        Contributions [2592] to the log odds of `first` against `second`; they sum to `of_face` less `of_reference`.
    of_face, of_reference : float
        The kernel's part of the log odds.

    Notes
    -----
    Integrated gradients: the slope along the straight line from the reference to the face, times the way. A quadrature
    with 40 nodes makes the sum exact far beyond single precision.

    References
    ----------
    Sundararajan, Taly, Yan, "Axiomatic attribution for deep networks", ICML 2017.
    """
    stage = model.kernel_stage
    if stage is None or not isinstance(stage.kernel, SmallKernel) or not isinstance(stage.families[0], HogDirections):
        raise TypeError(f"model {model.name!r} has no small kernel on directions of the HOG")
    family, kernel = stage.families[0], stage.kernel
    matrix = family.matrix.astype(np.float64)
    start, end = (np.asarray(values, np.float64) @ matrix - family.offset for values in (reference, hog))
    dual = stage.temperature * (kernel.dual[:, first] - kernel.dual[:, second]).astype(np.float64)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    along = start + (nodes[:, None] + 1) / 2 * (end - start)
    slope = weights / 2 @ _slopes(kernel, along, dual)
    of_face, of_reference = (_kernels(kernel, np.stack([end, start])).sum(axis=0) @ dual).tolist()
    return (hog - reference) * (matrix @ slope), of_face, of_reference


def _kernels(kernel: SmallKernel, X: np.ndarray) -> np.ndarray:
    """Of X [n, d] to the centres and to their mirror images [2, n, m], in double precision."""
    return np.stack(
        [
            np.exp(-kernel.gamma * ((X**2).sum(axis=1)[:, None] + (C**2).sum(axis=1) - 2 * X @ C.T))
            for C in _centres(kernel)
        ]
    )


def _centres(kernel: SmallKernel) -> tuple[np.ndarray, np.ndarray]:
    centres = kernel.centres * kernel.steps.astype(np.float64)
    mirror = np.where(np.arange(centres.shape[1]) < kernel.n_symmetric, 1.0, -1.0)
    return centres, centres * mirror


def _slopes(kernel: SmallKernel, X: np.ndarray, dual: np.ndarray) -> np.ndarray:
    """Gradients [n, d] of ``sum over centres of dual * kernel`` at X [n, d]."""
    slopes = np.zeros_like(X)
    for values, C in zip(_kernels(kernel, X) * dual, _centres(kernel), strict=True):
        slopes -= 2 * kernel.gamma * (values.sum(axis=1)[:, None] * X - values @ C)
    return slopes

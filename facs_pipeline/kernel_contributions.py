"""Exact contributions to a small kernel's decision, along the straight line from the average face to the face."""

from __future__ import annotations

import numpy as np

from facs_pipeline.emotion_model import EmotionModel
from facs_pipeline.small_kernel import SmallKernel

_NODES = 40


def kernel_contributions(
    model: EmotionModel, crop: np.ndarray, first: int, second: int
) -> tuple[np.ndarray, float, float]:
    """What each cell of the pooled codes of one face speaks for, compared with the average training face.

    Parameters
    ----------
    model : with a `SmallKernel` on one family of encoded faces.
    crop : ndarray [48, 48] uint8
        The registered face.
    first, second : positions of two emotions.

    Returns
    -------
    cells : ndarray [cells, cells]
        Contributions to the log odds of `first` against `second`; they sum to `face` less `average`.
    face, average : float
        The kernel's part of the log odds, for the face and for the average face.

    Notes
    -----
    Integrated gradients: the slope along the straight line from the average to the face, times the way. A quadrature
    with 40 nodes makes the sum exact far beyond single precision.

    References
    ----------
    Sundararajan, Taly, Yan, "Axiomatic attribution for deep networks", ICML 2017.
    """
    family, kernel = model.families[0], model.kernel
    codes = family.encoder.encode(crop).astype(np.float64) - family.means_
    projections = [projection.astype(np.float64) for projection in family.projections_]
    z = np.concatenate([part @ projection for part, projection in zip(codes, projections, strict=True)])
    dual = model.temperature * (kernel.dual[:, first] - kernel.dual[:, second]).astype(np.float64)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    along = (nodes[:, None] + 1) / 2 * z
    slope = weights / 2 @ _slopes(kernel, along, dual)
    split = kernel.n_symmetric
    slopes = [projections[0] @ slope[:split], projections[1] @ slope[split:]]
    # Symmetric part = (face + mirrored face) / sqrt 2, antisymmetric part their difference; see where each came from.
    shape = (family.encoder.cells, family.encoder.cells, -1)
    here = 0.5 * (codes[0] + codes[1]) * (slopes[0] + slopes[1])
    mirrored = 0.5 * (codes[0] - codes[1]) * (slopes[0] - slopes[1])
    cells = here.reshape(shape).sum(axis=2) + mirrored.reshape(shape).sum(axis=2)[:, ::-1]
    ends = _kernels(kernel, np.stack([z, np.zeros_like(z)])).sum(axis=0) @ dual
    return cells, float(ends[0]), float(ends[1])


def _kernels(kernel: SmallKernel, Z: np.ndarray) -> np.ndarray:
    """Of Z [n, d] to the centres and to their mirror images [2, n, m], in double precision."""
    return np.stack(
        [
            np.exp(-kernel.gamma * ((Z**2).sum(axis=1)[:, None] + (C**2).sum(axis=1) - 2 * Z @ C.T))
            for C in _centres(kernel)
        ]
    )


def _centres(kernel: SmallKernel) -> tuple[np.ndarray, np.ndarray]:
    centres = kernel.centres * kernel.steps.astype(np.float64)
    mirror = np.where(np.arange(centres.shape[1]) < kernel.n_symmetric, 1.0, -1.0)
    return centres, centres * mirror


def _slopes(kernel: SmallKernel, Z: np.ndarray, dual: np.ndarray) -> np.ndarray:
    """Gradients [n, d] of ``sum over centres of dual * kernel`` at Z [n, d]."""
    slopes = np.zeros_like(Z)
    for values, C in zip(_kernels(kernel, Z) * dual, _centres(kernel), strict=True):
        slopes -= 2 * kernel.gamma * (values.sum(axis=1)[:, None] * Z - values @ C)
    return slopes

"""Landmarks -> their registered places, and products of the main modes in which faces differ in shape.

A face's scores on the principal modes of registered landmarks x (a point distribution model: Cootes, Taylor, Cooper and
Graham, "Active shape models", CVIU 61, 1995, doi:10.1006/cviu.1995.1004) are ``s = A (x - mean)``, of unit variance.
The features are ``128 + 8 s_i s_j`` for each pair i <= j. Distances between points, such as how far an eye or the mouth
is open, are not linear in the points; linear in these products they are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from facs_pipeline.features.registration import MEAN_49, registration
from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.foundation.files.model_file import load_model, save_model, usable
from facs_pipeline.foundation.images import geometry
from facs_pipeline.landmarks.points import INNER_49

KIND = "shape-modes"
DEFAULT_MODEL = Path(__file__).parents[1] / "models" / "shape_modes.npz"
"""The modes that all features are made with."""

N_LANDMARKS = 2 * len(INNER_49)
"""Values of the registered landmarks: 49 points, x and y."""
N_MODES = 30
"""Principal shape modes whose products are features."""
N_PRODUCTS = N_MODES * (N_MODES + 1) // 2
"""Products of pairs of modes, squares among them."""
PRODUCT_SCALE = 8.0
"""Steps of a product of two shape modes' standard deviations."""

# Registered landmarks are stored as quarters of a texture pixel from the mean face, 128 is on it.
_LANDMARK_SCALE = 4.0
_LIMIT = 4.0
_PAIRS = np.triu_indices(N_MODES)
_MEAN_49 = geometry.as_complex(MEAN_49)


@dataclass(frozen=True, eq=False)
class ShapeModes:
    """Mean and principal axes of registered landmarks, in a model file of their own.

    Attributes
    ----------
    mean : ndarray of float32
        Of registered landmarks [98].
    axes : ndarray of float32
        ``[30, 98]``, the one of largest variance first, each divided by the standard deviation along it.
    card : Mapping of str to Any
        Facts about the faces they come from.

    Examples
    --------
    >>> modes = ShapeModes.load()
    >>> modes.scores(modes.mean.round()).shape
    (30,)
    """

    mean: np.ndarray
    axes: np.ndarray
    card: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.mean.shape != (N_LANDMARKS,) or self.axes.shape != (N_MODES, N_LANDMARKS):
            raise ModelError(
                f"shape modes: expected a mean [{N_LANDMARKS}] and axes [{N_MODES}, {N_LANDMARKS}], "
                f"got {list(self.mean.shape)} and {list(self.axes.shape)}"
            )

    @property
    def sha256(self) -> str:
        """Hash of the numbers in the file; part of the key of every result that features go into."""
        return self.card.get("content_sha256", "unsaved")

    @classmethod
    def fit(cls, registered: np.ndarray, card: Mapping[str, Any] | None = None) -> ShapeModes:
        """The modes of a set of faces.

        Parameters
        ----------
        registered : ndarray of uint8
            Registered landmarks [n, 98], see `registered_landmarks`; at least 98 faces.
        card : Mapping of str to Any, optional
            Facts about these faces.
        """
        mean = registered.mean(axis=0)
        _u, spread, axes = np.linalg.svd(registered - mean, full_matrices=False)
        scale = spread[:N_MODES, None] / np.sqrt(len(registered))
        # The sign of an axis is arbitrary; its largest part is made positive so that refitting gives the same features.
        axes = axes[:N_MODES]
        axes = axes * np.sign(np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1))
        return cls(mean.astype(np.float32), (axes / scale).astype(np.float32), card or {})

    @classmethod
    def load(cls, path: str | os.PathLike[str] = DEFAULT_MODEL) -> ShapeModes:
        """Read a model file.

        Raises
        ------
        ModelError
            If the file is missing, damaged, of another kind or of other sizes.
        """
        stored = load_model(path, KIND)
        with usable(path, "shape modes"):
            modes = cls(stored.arrays["mean"], stored.arrays["axes"], stored.card)
            modes.scores(modes.mean)
        return modes

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the modes and their card to an ``.npz`` that runs no code when loaded."""
        return save_model(path, KIND, {"mean": self.mean, "axes": self.axes}, dict(self.card))

    def scores(self, registered: np.ndarray) -> np.ndarray:
        """Scores [30] of registered landmarks [98], in standard deviations, not limited."""
        # In double precision: in single, some products are rounded to other bytes on other processors.
        return self.axes.astype(np.float64) @ (registered - self.mean.astype(np.float64))


@cache
def default_shape_modes() -> ShapeModes:
    """The modes that come with the package, read once per process."""
    return ShapeModes.load()


def _byte(values: np.ndarray) -> np.ndarray:
    """Rounded to 0..255; `np.clip` takes longer than all the rest."""
    return np.minimum(np.maximum(np.rint(values), 0), 255).astype(np.uint8)


def registered_landmarks(points: np.ndarray, matrix: np.ndarray | None = None) -> np.ndarray:
    """49 inner points relative to the mean face after registration.

    Parameters
    ----------
    points : ndarray
        The face's landmarks [68, 2].
    matrix : ndarray, optional
        ``registration(points)``, a similarity, where the caller has it already.

    Returns
    -------
    ndarray of uint8
        ``[98]`` (x, y, x, y ...): 128 + 4 per pixel of the registered texture.

    Examples
    --------
    >>> from facs_pipeline.landmarks.pose import MEAN_HEAD
    >>> np.unique(registered_landmarks(80 * MEAN_HEAD[:, :2] + 150)).tolist()
    [128]
    """
    (a, _, x), (b, _, y) = (registration(points) if matrix is None else matrix).tolist()
    moved = complex(a, b) * geometry.as_complex(points[INNER_49]) + (complex(x, y) - _MEAN_49)
    return _byte(moved.view(np.float64) * _LANDMARK_SCALE + 128)


def landmark_places(registered: np.ndarray) -> np.ndarray:
    """Where in the texture [49, 2] the points of `registered_landmarks` [98] lie, to a quarter of a pixel.

    Examples
    --------
    >>> landmark_places(np.full(98, 128)).mean(axis=0).round(1).tolist()
    [60.0, 55.2]
    """
    return (registered.reshape(-1, 2).astype(np.float64) - 128) / _LANDMARK_SCALE + MEAN_49


def shape_products(registered: np.ndarray) -> np.ndarray:
    """Products of any two of 30 shape modes.

    Parameters
    ----------
    registered : ndarray of uint8
        Registered landmarks [98].

    Returns
    -------
    ndarray of uint8
        ``[465]``: 128 + 8 times each product, the scores being limited to 4 standard deviations.
    """
    first, second = _PAIRS
    scores = np.minimum(np.maximum(default_shape_modes().scores(registered), -_LIMIT), _LIMIT)
    return _byte(128 + PRODUCT_SCALE * scores[first] * scores[second])

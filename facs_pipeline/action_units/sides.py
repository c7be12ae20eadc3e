"""Left and right of a face: how much stronger an action unit is on one side.

The difference of both sides is ``d = (l - r) W``, with l and r the features of either half of the face, the right
half's as a mirror shows them (`facs_pipeline.features.halves`). There is no intercept, so for the mirrored features d
is exactly ``-d``. An action unit of intensity s is ``s + d / 2`` strong on the person's left and ``s - d / 2`` on the
right, within 0..5. `facs_pipeline.action_units.training.sides` finds the weights.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from facs_pipeline.action_units.names import AU_NAMES, MAX_INTENSITY
from facs_pipeline.features import vector
from facs_pipeline.features.halves import face_halves, middle_values
from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.foundation.files.model_file import content_hash, load_model, save_model, usable
from facs_pipeline.foundation.regression.linear import batches

MODEL_KIND = "face-sides"
DEFAULT_MODEL = Path(__file__).parents[1] / "models" / "sides.npz"


class SideModel:
    """Features of a face -> by how much each of several action units is stronger on the left than on the right.

    Parameters
    ----------
    aus : sequence of int
        FACS numbers [u].
    weights : ndarray
        ``[m, u]``, for the differences of `facs_pipeline.features.halves.face_halves`.
    card : Mapping of str to Any, optional
        Facts about the training.

    Attributes
    ----------
    aus : tuple of int
    weights : ndarray of float32
    card : dict of str to Any
    sha256 : str
        Hash of the numbers.

    Raises
    ------
    ModelError
        If the shapes do not fit, a number is not finite, or an action unit is unknown or named twice.

    Examples
    --------
    >>> model = SideModel.load_default()
    >>> model.differences(np.full((2, 9055), 128, np.uint8)).shape == (2, len(model.aus))
    True
    """

    def __init__(self, aus: Sequence[int], weights: np.ndarray, card: Mapping[str, Any] | None = None) -> None:
        self.aus = tuple(int(au) for au in aus)
        self.weights = np.ascontiguousarray(weights, dtype=np.float32)
        self.card = {} if card is None else dict(card)
        expected = (len(middle_values()), len(self.aus))
        if self.weights.shape != expected or not np.isfinite(self.weights).all():
            raise ModelError(f"sides of faces: expected finite weights {expected}, got {self.weights.shape}")
        if len(set(self.aus)) != len(self.aus) or not set(self.aus) <= AU_NAMES.keys():
            raise ModelError(f"sides of faces: {self.aus} are not distinct FACS numbers")
        self.sha256 = content_hash(self._arrays())

    def _arrays(self) -> dict[str, np.ndarray]:
        return {"aus": np.array(self.aus, np.int64), "weights": self.weights}

    def differences(self, features: np.ndarray) -> np.ndarray:
        """Intensity on the person's own left less that on the right, not limited.

        Parameters
        ----------
        features : ndarray of uint8
            ``[n, 9055]``.

        Returns
        -------
        ndarray of float32
            ``[n, u]``; with both halves exchanged exactly the same with the other sign.
        """
        result = np.empty((len(features), len(self.aus)), np.float32)
        for rows in batches(len(features)):
            left, right = face_halves(features[rows])
            # Sums in double precision: in single they would depend on the processor.
            result[rows] = (left - right).astype(np.float64) @ self.weights.astype(np.float64)
        return result

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model and its card to an ``.npz`` that runs no code when loaded."""
        settings = vector.SETTINGS.as_json()
        return save_model(path, MODEL_KIND, self._arrays(), {**self.card, "settings": settings})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> SideModel:
        """Read a model file and check that this version computes the features it was trained on.

        Raises
        ------
        ModelError
            If the file is damaged or of another kind, or trained on other features.
        """
        stored = load_model(path, MODEL_KIND)
        with usable(path, "a model of the sides of faces"):
            if stored.card["settings"] != vector.SETTINGS.as_json():
                raise ModelError(
                    f"{path}: trained on other features than this version computes; "
                    "train it again with `facs train-au --sides`, or use the version that trained it"
                )
            return cls(stored.arrays["aus"].tolist(), stored.arrays["weights"], stored.card)

    @classmethod
    def load_default(cls) -> SideModel:
        """The model that comes with the package; read once per process."""
        return _load_default()


@cache
def _load_default() -> SideModel:
    return SideModel.load(DEFAULT_MODEL)


def both_sides(intensity: np.ndarray, difference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Intensities of the left and of the right, from that of the whole face and the difference of the sides.

    Parameters
    ----------
    intensity : ndarray
        0..5, of any shape.
    difference : ndarray
        Left less right, of the same shape.

    Returns
    -------
    left, right : ndarray
        0..5. Their mean is the intensity unless one of them was limited.

    Examples
    --------
    >>> both_sides(np.array([2.0, 0.2]), np.array([1.0, -1.0]))
    (array([2.5, 0. ]), array([1.5, 0.7]))
    """
    return tuple(np.clip(intensity + sign * difference / 2, 0.0, MAX_INTENSITY) for sign in (1, -1))  # type: ignore[return-value]


def asymmetry(left: np.ndarray, right: np.ndarray) -> float:
    """Of a movement: ``sum(left - right) / sum(left + right)``; 1: left only, 0: both alike, -1: right only.

    Parameters
    ----------
    left, right : ndarray
        Intensities of both sides in the frames of the movement [n]; NaN where unknown.

    Returns
    -------
    float
        NaN where both sides are 0, or unknown.

    Examples
    --------
    >>> asymmetry(np.array([2.0, 4.0]), np.array([1.0, 1.0]))
    0.5
    """
    total = float(np.nansum(left + right))
    return float(np.nansum(left - right)) / total if total > 0 else float("nan")

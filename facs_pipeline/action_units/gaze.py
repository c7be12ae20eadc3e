"""Where eyes look, coarsely: values of both eyes -> angles of the eyes in the head, and FACS' AU61 to 64.

A linear map of `facs_pipeline.features.eye_values` gives either eye's angles, the mean of both is the gaze. With the
head's pitch and yaw they are OpenFace's `gaze_angle_x` and `gaze_angle_y`: into the camera both are 0, x grows to the
right of the image (the person's own left), y downwards. `facs_pipeline.action_units.training.gaze` finds the map.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from facs_pipeline.features.eye_values import N_VALUES
from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.foundation.files.model_file import content_hash, load_model, save_model, usable

MODEL_KIND = "gaze"
DEFAULT_MODEL = Path(__file__).parents[1] / "models" / "gaze.npz"
GAZE_AUS: dict[int, tuple[int, int]] = {61: (0, 1), 62: (0, -1), 63: (1, -1), 64: (1, 1)}
"""Eyes turned left, right, up, down: which of the two angles, and its sign."""
TURNED = np.radians([12.0, 6.0])
"""From which angle in the head on eyes are turned, across and down: about three times the mean error."""
EYES_CLOSED = 2.0
"""Of AU45: from here on so little of the iris is seen that no gaze is given."""
_TURN = np.array([-1.0, 1.0])


class GazeModel:
    """Values of both eyes -> where they look, in the head.

    Parameters
    ----------
    weights : ndarray
        ``[292, 2]``, for the right eye's values, or those of the left eye in a mirror.
    intercept : ndarray
        ``[2]``.
    card : Mapping of str to Any, optional
        Facts about the training.

    Attributes
    ----------
    weights, intercept : ndarray of float32
    card : dict of str to Any
    sha256 : str
        Hash of the numbers.

    Raises
    ------
    ModelError
        If the shapes do not fit, or a number is not finite.
    """

    def __init__(self, weights: np.ndarray, intercept: np.ndarray, card: Mapping[str, Any] | None = None) -> None:
        self.weights = np.ascontiguousarray(weights, np.float32)
        self.intercept = np.ascontiguousarray(intercept, np.float32)
        self.card = {} if card is None else dict(card)
        if self.weights.shape != (N_VALUES, 2) or self.intercept.shape != (2,):
            raise ModelError(f"gaze: expected weights {(N_VALUES, 2)} and intercept (2,), got {self.weights.shape}")
        if not (np.isfinite(self.weights).all() and np.isfinite(self.intercept).all()):
            raise ModelError("gaze: weights must be finite")
        self.sha256 = content_hash(self._arrays())

    def _arrays(self) -> dict[str, np.ndarray]:
        return {"weights": self.weights, "intercept": self.intercept}

    def angles(self, values: np.ndarray) -> np.ndarray:
        """Angles of the eyes in the head.

        Parameters
        ----------
        values : ndarray
            ``[n, 2, 292]``, see `facs_pipeline.features.eye_values.eye_values`.

        Returns
        -------
        ndarray of float64
            ``[n, 2]`` in radians: to the person's own left, and down. A mirror turns the sign of the first.
        """
        # In double precision: in single the last digits would depend on the processor.
        of_eyes = values.astype(np.float64) @ self.weights.astype(np.float64) + self.intercept
        return (of_eyes[:, 0] + of_eyes[:, 1] * _TURN) / 2

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model and its card to an ``.npz`` that runs no code when loaded."""
        return save_model(path, MODEL_KIND, self._arrays(), self.card)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> GazeModel:
        """Read a model file.

        Raises
        ------
        ModelError
            If the file is damaged or of another kind.
        """
        stored = load_model(path, MODEL_KIND)
        with usable(path, "a gaze model"):
            return cls(stored.arrays["weights"], stored.arrays["intercept"], stored.card)

    @classmethod
    def load_default(cls) -> GazeModel:
        """The model that comes with the package; read once per process."""
        return _load_default()


@cache
def _load_default() -> GazeModel:
    return GazeModel.load(DEFAULT_MODEL)


def gaze_angles(in_head: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """OpenFace's gaze angles: those of the eyes in the head, and of the head.

    Parameters
    ----------
    in_head : ndarray
        ``[n, 2]`` in radians, see `GazeModel.angles`.
    pose : ndarray
        Pitch, yaw and roll [n, 3] in radians, OpenFace's signs.

    Returns
    -------
    ndarray
        `gaze_angle_x` and `gaze_angle_y` [n, 2] in radians.

    Examples
    --------
    >>> gaze_angles(np.array([[0.1, 0.0]]), np.array([[0.05, 0.1, 0.0]])).round(2).tolist()
    [[0.0, 0.05]]
    """
    return in_head + np.stack([-pose[:, 1], pose[:, 0]], axis=1)


def eyes_turned(in_head: np.ndarray) -> dict[int, np.ndarray]:
    """AU61 to 64: which eyes [n] are turned to the person's own left, to the right, up and down.

    Examples
    --------
    >>> {au: turned.tolist() for au, turned in eyes_turned(np.array([[0.4, 0.0], [0.0, -0.3]])).items()}
    {61: [True, False], 62: [False, False], 63: [False, True], 64: [False, False]}
    """
    return {au: sign * in_head[:, axis] >= TURNED[axis] for au, (axis, sign) in GAZE_AUS.items()}

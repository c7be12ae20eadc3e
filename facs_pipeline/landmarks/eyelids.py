"""The closest look, at either eye: its six points are moved to where the lids are.

Steps that move all 68 points at once leave wide eyes half open. Here gradients along six directions are summed over
3 x 3 cells of two sizes round each of an eye's points, and a linear map from these values and the eye's shape moves the
six. One map serves both eyes: the left one is looked at as in a mirror. It is trained with more weight on wide eyes,
because few faces have them.
"""

from __future__ import annotations

import numpy as np

from facs_pipeline.foundation.images.gradients import mirrored_directions
from facs_pipeline.landmarks.patch_features import PatchFeatures

CELLS = (3, 8)
"""Sides of the cells, in pixels of what the last step looks at."""
ORIENTATIONS = 6
N_SEEN = 9 * ORIENTATIONS * len(CELLS) * 12
"""Values that are seen of both eyes."""
N_VALUES = N_SEEN // 2 + 12
"""Values that describe one eye: those seen, and its shape."""
_EYES = np.arange(36, 48)
_IN_MIRROR = np.array([3, 2, 1, 0, 5, 4])
_TURNED = np.array([-1, 1], np.float32)
# Brings an eye's shape, in crop pixels, to the size of the other values.
_SHAPE_SCALE = np.float32(0.25)

# Which of all values belong to the right eye, and which to the left one in a mirror [2, m].
_SEEN = np.moveaxis(np.arange(N_SEEN).reshape(3, 3, ORIENTATIONS, len(CELLS), 12), 3, 0)
_LEFT = _SEEN[:, :, ::-1, mirrored_directions(ORIENTATIONS)][..., 6 + _IN_MIRROR]
_ORDER = np.stack([_SEEN[..., :6].ravel(), _LEFT.ravel()])


def eyes_of(points: np.ndarray) -> np.ndarray:
    """Points [..., 68, 2] -> the right eye's and, mirrored, the left eye's [..., 2, 6, 2], from the outer corner on.

    Example
    -------
    >>> from facs_pipeline.landmarks.pose import MEAN_HEAD
    >>> right, left = eyes_of(MEAN_HEAD[:, :2])
    >>> bool(np.allclose(right - right[0], left - left[0], atol=0.02))
    True
    """
    return np.stack([points[..., 36:42, :], points[..., 42 + _IN_MIRROR, :] * _TURNED], axis=-3)


def eye_aspect_ratio(points: np.ndarray) -> np.ndarray:
    """Height over width of the eyes, mean of both, of points [..., 68, 2].

    References
    ----------
    Soukupova and Cech, "Real-time eye blink detection using facial landmarks", CVWW 2016.

    Example
    -------
    >>> from facs_pipeline.landmarks.pose import MEAN_HEAD
    >>> float(eye_aspect_ratio(MEAN_HEAD[:, :2]).round(1))
    0.3
    """
    outer, above_outer, above_inner, inner, below_inner, below_outer = np.moveaxis(eyes_of(points), -2, 0)
    heights = np.linalg.norm(above_outer - below_outer, axis=-1) + np.linalg.norm(above_inner - below_inner, axis=-1)
    return (heights / (2 * np.linalg.norm(outer - inner, axis=-1))).mean(axis=-1)


def eyelid_values(close: PatchFeatures, points: np.ndarray) -> np.ndarray:
    """What describes either eye [2, 660] float32, where `close` looks at a face with `points` [68, 2] in its crop."""
    return _described(close.at(points, CELLS, _EYES), eyes_of(points))


def _described(seen: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """Values [..., 2, 660] from those of all cells and points [..., 1296] and the eyes' points [..., 2, 6, 2]."""
    shape = (eyes - eyes.mean(axis=-2, keepdims=True)) * _SHAPE_SCALE
    return np.concatenate([seen[..., _ORDER], shape.reshape(*shape.shape[:-2], 12)], axis=-1)


class Eyelids:
    """Moves the points of both eyes.

    Parameters
    ----------
    weights : ndarray [661, 12]
        Linear map from `eyelid_values` (and 1) to the movement of an eye's six points, in crop pixels.

    Example
    -------
    >>> from facs_pipeline.landmarks.patch_features import Look
    >>> close = PatchFeatures(Look(1.75, 147, ORIENTATIONS))
    >>> close.look(np.zeros((96, 96), np.uint8), np.eye(2, 3))
    >>> wider = Eyelids(np.vstack([np.zeros((660, 12)), [0, 0, 0, -1, 0, -1, 0, 0, 0, 1, 0, 1]]))
    >>> wider.move(close, np.full((68, 2), 48, np.float32))[42:48, 1].tolist()
    [48.0, 47.0, 47.0, 48.0, 49.0, 49.0]
    """

    def __init__(self, weights: np.ndarray):
        self.weights = np.asarray(weights, np.float32)
        # All values are linear in what is seen and where the points are, so one product of matrices does for both eyes.
        inputs = np.eye(N_SEEN + 24, dtype=np.float32)
        points = np.zeros((len(inputs), 68, 2), np.float32)
        points[:, _EYES] = inputs[:, N_SEEN:].reshape(-1, 12, 2)
        self._map = _movement(_described(inputs, eyes_of(points)) @ self.weights[:-1])
        self._always = _movement(np.tile(self.weights[-1], (2, 1)))

    def move(self, close: PatchFeatures, points: np.ndarray) -> np.ndarray:
        """Points [68, 2] float32 in the crop that `close` looks at, with the eyes' moved."""
        moved = points.copy()
        values = np.concatenate([close.at(points, CELLS, _EYES), points[36:48].ravel()])
        moved[36:48] += (values @ self._map + self._always).reshape(12, 2)
        return moved


def _movement(of_eyes: np.ndarray) -> np.ndarray:
    """Of both eyes, the left one's mirrored [..., 2, 12] -> of points 36 to 47 [..., 24]."""
    right, left = np.moveaxis(of_eyes.reshape(*of_eyes.shape[:-1], 6, 2), -3, 0)
    return np.concatenate([right, left[..., _IN_MIRROR, :] * _TURNED], axis=-2).reshape(*of_eyes.shape[:-2], 24)

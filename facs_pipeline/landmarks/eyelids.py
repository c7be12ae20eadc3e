"""The last correction: the six points of each eye are moved to where its lids are.

Steps that move all 68 points at once leave wide eyes half open. Here gradients along six directions are summed over
3 x 3 cells of two sizes round each of an eye's points. A linear map from these values and the eye's shape moves the
six. One map serves both eyes: the left one is mirrored. It is trained with more weight on wide eyes, because few faces
have them.
"""

from __future__ import annotations

import numpy as np

from facs_pipeline.foundation.images.gradients import mirrored_directions
from facs_pipeline.landmarks.patch_features import PatchFeatures

CELLS = (3, 8)
"""Sides of the cells, in pixels of the crop that the last step reads."""
ORIENTATIONS = 6
N_GRADIENTS = 9 * ORIENTATIONS * len(CELLS) * 12
"""Sums of gradients round the points of both eyes."""
N_VALUES = N_GRADIENTS // 2 + 12
"""Values that describe one eye: its sums of gradients, and its shape."""
_EYES = np.arange(36, 48)
_IN_MIRROR = np.array([3, 2, 1, 0, 5, 4])
_TURNED = np.array([-1, 1], np.float32)
# Brings an eye's shape, in crop pixels, to the size of the other values.
_SHAPE_SCALE = np.float32(0.25)

# Which of all sums belong to the right eye, and which to the mirrored left one [2, m].
_SUMS = np.moveaxis(np.arange(N_GRADIENTS).reshape(3, 3, ORIENTATIONS, len(CELLS), 12), 3, 0)
_LEFT = _SUMS[:, :, ::-1, mirrored_directions(ORIENTATIONS)][..., 6 + _IN_MIRROR]
_ORDER = np.stack([_SUMS[..., :6].ravel(), _LEFT.ravel()])


def eyes_of(points: np.ndarray) -> np.ndarray:
    """The points of both eyes, the left one's mirrored, from the outer corner on.

    Parameters
    ----------
    points : ndarray
        Landmarks `[..., 68, 2]`.

    Returns
    -------
    ndarray
        `[..., 2, 6, 2]`, the right eye first.

    Examples
    --------
    >>> from facs_pipeline.landmarks.pose import MEAN_HEAD
    >>> right, left = eyes_of(MEAN_HEAD[:, :2])
    >>> bool(np.allclose(right - right[0], left - left[0], atol=0.02))
    True
    """
    return np.stack([points[..., 36:42, :], points[..., 42 + _IN_MIRROR, :] * _TURNED], axis=-3)


def eye_aspect_ratio(points: np.ndarray) -> np.ndarray:
    """Height over width of the eyes, mean of both.

    Parameters
    ----------
    points : ndarray
        Landmarks `[..., 68, 2]`.

    Returns
    -------
    ndarray
        `[...]`; about 0.3 of open eyes, 0.1 of closed ones.

    References
    ----------
    Soukupova and Cech, "Real-time eye blink detection using facial landmarks", CVWW 2016.

    Examples
    --------
    >>> from facs_pipeline.landmarks.pose import MEAN_HEAD
    >>> float(eye_aspect_ratio(MEAN_HEAD[:, :2]).round(1))
    0.3
    """
    outer, above_outer, above_inner, inner, below_inner, below_outer = np.moveaxis(eyes_of(points), -2, 0)
    heights = np.linalg.norm(above_outer - below_outer, axis=-1) + np.linalg.norm(above_inner - below_inner, axis=-1)
    return (heights / (2 * np.linalg.norm(outer - inner, axis=-1))).mean(axis=-1)


def eyelid_values(patches: PatchFeatures, points: np.ndarray) -> np.ndarray:
    """What describes either eye of the face whose crop `patches` holds.

    Parameters
    ----------
    patches : PatchFeatures
        With the crop set.
    points : ndarray of float32
        Landmarks `[68, 2]`, in pixels of a crop of 96 x 96.

    Returns
    -------
    ndarray of float32
        `[2, 660]`.
    """
    return _per_eye(patches.at(points, CELLS, _EYES), eyes_of(points))


def _per_eye(sums: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """Values [..., 2, 660] from the sums of gradients [..., 1296] and the eyes' points [..., 2, 6, 2]."""
    shape = (eyes - eyes.mean(axis=-2, keepdims=True)) * _SHAPE_SCALE
    return np.concatenate([sums[..., _ORDER], shape.reshape(*shape.shape[:-2], 12)], axis=-1)


class Eyelids:
    """Moves the points of both eyes.

    Parameters
    ----------
    weights : ndarray
        Linear map `[661, 12]` from `eyelid_values` (and 1) to the movement of an eye's six points, in crop pixels.

    Examples
    --------
    >>> from facs_pipeline.landmarks.patch_features import CropSettings
    >>> patches = PatchFeatures(CropSettings(1.75, 147, ORIENTATIONS))
    >>> patches.set_crop(np.zeros((96, 96), np.uint8), np.eye(2, 3))
    >>> wider = Eyelids(np.vstack([np.zeros((660, 12)), [0, 0, 0, -1, 0, -1, 0, 0, 0, 1, 0, 1]]))
    >>> wider.move(patches, np.full((68, 2), 48, np.float32))[42:48, 1].tolist()
    [48.0, 47.0, 47.0, 48.0, 49.0, 49.0]
    """

    def __init__(self, weights: np.ndarray) -> None:
        # In double precision for the reason given in `facs_pipeline.landmarks.model.LandmarkModel`.
        self.weights = np.asarray(weights, np.float64)
        # All values are linear in the sums and the points, so one product of matrices does for both eyes.
        inputs = np.eye(N_GRADIENTS + 24)
        points = np.zeros((len(inputs), 68, 2))
        points[:, _EYES] = inputs[:, N_GRADIENTS:].reshape(-1, 12, 2)
        self._map = _movement(_per_eye(inputs, eyes_of(points)) @ self.weights[:-1])
        self._always = _movement(np.tile(self.weights[-1], (2, 1)))

    def move(self, patches: PatchFeatures, points: np.ndarray) -> np.ndarray:
        """The points with those of the eyes moved; parameters as for `eyelid_values`."""
        moved = points.copy()
        values = np.concatenate([patches.at(points, CELLS, _EYES), points[36:48].ravel()])
        moved[36:48] += (values @ self._map + self._always).reshape(12, 2)
        return moved


def _movement(of_eyes: np.ndarray) -> np.ndarray:
    """Of both eyes, the left one's mirrored [..., 2, 12] -> of points 36 to 47 [..., 24]."""
    right, left = np.moveaxis(of_eyes.reshape(*of_eyes.shape[:-1], 6, 2), -3, 0)
    return np.concatenate([right, left[..., _IN_MIRROR, :] * _TURNED], axis=-2).reshape(*of_eyes.shape[:-2], 24)

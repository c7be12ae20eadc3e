"""iBUG's 68 landmarks: which are the inner ones, and which takes the place of which in a mirror."""

from __future__ import annotations

import numpy as np

MIRROR_68 = np.array(
    [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31,
     45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
     54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
)  # fmt: skip
"""``MIRROR_68[i]`` is the point that takes the place of point i in a mirror."""

INNER_49 = np.array([i for i in range(17, 68) if i not in (60, 64)])
"""The 49 inner points of the method: no chin line (0 to 16), no inner mouth corners (60 and 64)."""


def mirrored(grey: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The face as a mirror shows it.

    Parameters
    ----------
    grey : ndarray
        Image `[h, w]`.
    points : ndarray
        Landmarks `[68, 2]`, pixels.

    Returns
    -------
    grey : ndarray
        The mirrored image `[h, w]`.
    points : ndarray
        Its landmarks `[68, 2]`, in iBUG's order.
    """
    flipped = points[MIRROR_68].copy()
    flipped[:, 0] = grey.shape[1] - 1 - flipped[:, 0]
    return np.ascontiguousarray(grey[:, ::-1]), flipped

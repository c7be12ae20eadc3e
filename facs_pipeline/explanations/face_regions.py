"""Parts of a registered face, pixel by pixel: brows, eyes, nose, mouth, cheeks, chin, forehead, or outside it."""

from __future__ import annotations

import cv2
import numpy as np

from facs_pipeline.features.registration import TEXTURE

REGIONS = ("brows", "eyes", "nose", "mouth", "cheeks", "chin", "forehead", "surroundings")
"""Names of the parts, in the order of the numbers in `region_map`."""

# iBUG's 68 points of each part that has points of its own; left and right apart, so that no part spans the nose.
_PARTS = {
    "brows": (range(17, 22), range(22, 27)),
    "eyes": (range(36, 42), range(42, 48)),
    "nose": (range(27, 36),),
    "mouth": (range(48, 68),),
}
# What moves is also beside the points: the width of skin, in texture pixels, that is counted to a part.
_MARGIN = {"brows": 6, "eyes": 5, "nose": 4, "mouth": 7}

AU_REGIONS: dict[int, str] = {
    **dict.fromkeys((1, 2, 4), "brows"),
    **dict.fromkeys((5, 7, 43, 45, 46), "eyes"),
    **dict.fromkeys((9, 38, 39), "nose"),
    **dict.fromkeys((6, 11, 33, 34, 35), "cheeks"),
    **dict.fromkeys((17, 21, 29, 30, 31), "chin"),
}
"""Where an action unit shows most; those not listed move the mouth (Ekman, Friesen, Hager, FACS, 2002)."""


def region_map(points: np.ndarray) -> np.ndarray:
    """Part of every pixel of a registered texture [120, 120], as positions in `REGIONS`, int.

    Parameters
    ----------
    points : ndarray [68, 2]
        Landmarks in pixels of the texture; those outside it are taken at its edge.

    Examples
    --------
    >>> from facs_pipeline.landmarks.pose import MEAN_HEAD
    >>> parts = region_map(MEAN_HEAD[:, :2] * 58 + 60)
    >>> REGIONS[parts[85, 60]], REGIONS[parts[118, 2]]
    ('mouth', 'surroundings')
    """
    points = np.clip(points, -TEXTURE, 2 * TEXTURE)
    face = _filled(points[np.r_[0:17, 17:27]])
    parts = np.full((TEXTURE, TEXTURE), REGIONS.index("surroundings"))
    rows = np.arange(TEXTURE)[:, None]
    eye_line, mouth_line = points[36:48, 1].mean(), points[[48, 54, 57], 1].mean()
    parts[face & (rows < eye_line)] = REGIONS.index("forehead")
    parts[face & (rows >= eye_line)] = REGIONS.index("cheeks")
    parts[face & (rows > mouth_line)] = REGIONS.index("chin")
    # The chin line ends at the brows; what the texture shows above them between the temples is forehead.
    across = np.arange(TEXTURE)[None, :]
    between = (across > points[17:27, 0].min()) & (across < points[17:27, 0].max())
    parts[between & (rows < points[17:27, 1].max()) & ~face] = REGIONS.index("forehead")
    nearest = np.full(parts.shape, np.inf)
    for name, groups in _PARTS.items():
        inside = np.zeros(parts.shape, bool)
        for group in groups:
            inside |= _filled(points[list(group)])
        distance = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
        closer = (distance <= _MARGIN[name]) & (distance < nearest)
        nearest[closer], parts[closer] = distance[closer], REGIONS.index(name)
    return parts


def _filled(points: np.ndarray) -> np.ndarray:
    hull = cv2.convexHull(np.round(points).astype(np.int32))
    return cv2.fillConvexPoly(np.zeros((TEXTURE, TEXTURE), np.uint8), hull, 1).astype(bool)

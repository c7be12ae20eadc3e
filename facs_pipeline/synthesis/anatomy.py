"""Anatomy of the synthetic face: landmarks of scikit-image's portrait and how action units move them.

All coordinates are pixels of `skimage.data.astronaut()`, x to the right, y down. Displacements follow what the Facial
Action Coding System describes for each unit (Ekman, Friesen & Hager 2002), sized by eye on this one face.
"""

from __future__ import annotations

import numpy as np

from facs_pipeline.landmarks.points import MIRROR_68

PORTRAIT_POINTS = np.array(
    [(182, 100), (180.8, 113), (181, 124), (182, 134.5), (185.1, 149.5), (190.1, 159.5), (198.3, 167.6),
     (208.3, 174.5), (223.3, 177.6), (238.3, 174.5), (250.8, 168.9), (258.3, 159.5), (264.5, 148.3), (267, 137),
     (268.6, 127.5), (270.1, 119.5), (270, 102),
     (190, 89.8), (194.5, 88.2), (198.3, 87.6), (204.9, 89.5), (212.4, 91.8),
     (238.1, 92.8), (244, 92.2), (250, 91.5), (255.9, 91.8), (262.2, 95.2),
     (224.5, 102), (224.2, 111), (223.7, 119.5), (222.5, 127.5),
     (211.5, 129.5), (217, 131.5), (223.5, 133.2), (230, 132.2), (235.5, 130),
     (192.4, 101), (198.5, 98.3), (206, 98.3), (213.4, 103.5), (207.8, 104.2), (198.7, 103.2),
     (236.5, 104.5), (242.5, 100.3), (251.3, 100.1), (258.4, 103.4), (251.8, 105.6), (243.1, 105.9),
     (202.3, 139.3), (209.5, 139.4), (219.5, 139.3), (223.3, 140.1), (226.4, 139.2), (234.5, 139.6), (244.5, 139.9),
     (236.4, 148.8), (229.5, 154.9), (222.8, 155.3), (215.8, 154), (208.5, 149.3),
     (203.2, 139.6), (217, 142.6), (223.6, 143.4), (231.4, 143.1), (243.6, 140.6),
     (231.4, 148.8), (222.6, 149.3), (214.5, 148.5)]
)  # fmt: skip
"""iBUG's 68 points in the portrait's pixels (x, y), placed by eye on enlargements."""

# Further points that move with the face: name -> (x, y), numbered after the 68. Upper case letters L and R: image side.
_EXTRA = {
    "lip_upper_L": (209.0, 140.7), "lip_upper_R": (239.5, 141.2),
    "lip_lower_L": (208.3, 145.4), "lip_lower_R": (237.8, 144.6),
    "cheek_L": (197, 120), "cheek_R": (250, 121.5),
    "fold_L": (203, 129), "fold_R": (243.5, 130.5),
    "fold_end_L": (195.5, 136.5), "fold_end_R": (250, 138.5),
    "under_eye_L": (202, 110.5), "under_eye_R": (247, 112.5),
    "glabella": (225, 92), "fringe_L": (200, 77), "fringe": (224, 79), "fringe_R": (248, 82.5),
    "lid_fold_L": (203, 94.2), "lid_fold_R": (247, 96.2),
}  # fmt: skip
_NAMES = list(_EXTRA)
START_POINTS = np.vstack([PORTRAIT_POINTS, list(_EXTRA.values())])
"""All points of the portrait that move, `[n_points, 2]`."""

# Displacements in portrait pixels at intensity 5; y runs down. Only the image's left half and the midline are
# written; the other side mirrors them. "rest" leads from the portrait's smile to the resting face.
_MOVES: dict[str, dict[int | str, tuple[float, float]]] = {
    "rest": {
        48: (4.2, 6.0), 60: (4.4, 5.8), "lip_upper_L": (2.2, 3.8), "lip_lower_L": (2.8, -0.6),
        49: (2.5, 2.4), 50: (0.6, 1.0), 51: (0, 0.9), 61: (1.3, 1.9), 62: (0, 1.2),
        67: (1.0, -3.7), 66: (0, -4.6), 59: (2.0, 0.2), 58: (0.8, -2.6), 57: (0, -3.4),
        "cheek_L": (0, 1.5), "fold_L": (1.0, 1.5), "fold_end_L": (2.0, 2.5), "under_eye_L": (0, 0.8),
        40: (0, 0.5), 41: (0, 0.5), 5: (0, -0.4), 6: (0, -0.8), 7: (0, -1.0), 8: (0, -1.0),
    },
    "AU01": {21: (0.6, -6.0), 20: (0, -4.2), 19: (0, -1.6), "glabella": (0, -3.0), "fringe": (0, -1.5),
             "fringe_L": (0, -0.8), "lid_fold_L": (0, -1.2)},
    "AU02": {17: (0, -4.4), 18: (0, -5.6), 19: (0, -4.8), 20: (0, -2.2), "fringe_L": (0, -1.5),
             "lid_fold_L": (0, -1.4)},
    "AU04": {21: (3.2, 4.6), 20: (2.2, 4.2), 19: (1.0, 3.0), 18: (0.3, 1.6), 17: (0, 0.6), "glabella": (0, 3.0),
             "lid_fold_L": (0.2, 1.0)},
    "AU06": {"cheek_L": (0, -2.5), "under_eye_L": (0, -1.6), 40: (0, -0.7), 41: (0, -0.7), "fold_L": (-0.3, -0.8)},
    "AU09": {31: (-0.4, -2.0), 32: (0, -1.4), 33: (0, -1.0), 30: (0, -0.8), "fold_L": (0, -1.6),
             "glabella": (0, 1.5), 21: (1.0, 2.0), 20: (0.4, 1.4), 50: (0, -1.2), 51: (0, -1.2), 61: (0, -1.2),
             62: (0, -1.2), "under_eye_L": (0, -1.0)},
    "AU10": {49: (0, -2.4), 50: (0, -3.0), 51: (0, -2.8), 61: (0, -3.0), 62: (0, -2.8), "lip_upper_L": (0, -2.6),
             48: (0, -0.6), 60: (0, -0.7), 31: (-0.2, -1.2), 32: (0, -0.6), "fold_L": (0, -1.6)},
    "AU12": {48: (-5.0, -6.6), 60: (-5.2, -6.4), "lip_upper_L": (-2.8, -3.4), "lip_lower_L": (-3.0, -3.2),
             49: (-2.8, -2.4), 50: (-0.8, -1.0), 51: (0, -0.8), 61: (-1.4, -1.4), 62: (0, -0.8), 67: (-1.4, -0.9),
             66: (0, -0.3), 59: (-2.4, -1.4), 58: (-0.9, -0.4), 57: (0, -0.1), "cheek_L": (-0.4, -2.2),
             "fold_L": (-1.4, -2.0), "fold_end_L": (-2.6, -3.0), "under_eye_L": (0, -0.8), 4: (-0.6, 0)},
    "AU15": {48: (-0.4, 4.0), 60: (-0.3, 3.8), "lip_upper_L": (0, 2.0), "lip_lower_L": (0, 2.0), 49: (0, 1.5),
             59: (0, 1.7), 61: (0, 0.5), 67: (0, 0.5), "fold_end_L": (0, 1.2)},
    "AU25": {61: (0, -0.9), 62: (0, -1.1), 50: (0, -0.8), 51: (0, -0.8), 49: (0, -0.5), "lip_upper_L": (0, -0.6),
             67: (0, 4.4), 66: (0, 4.9), 57: (0, 4.0), 58: (-0.3, 3.4), 59: (0, 1.4), "lip_lower_L": (0, 2.4),
             60: (0.2, 0), 8: (0, 0.6)},
    "AU26": {8: (0, 11), 7: (0.2, 10.2), 6: (0.5, 8), 5: (0.6, 5), 4: (0.3, 2), 57: (0, 9.6), 58: (0.2, 8.8),
             59: (0.6, 6.4), 66: (0, 9.6), 67: (0.5, 9.0), "lip_lower_L": (1.6, 6.8), 48: (2.2, 3.4), 60: (2.2, 3.4),
             "lip_upper_L": (1.2, 0.8), 49: (0.8, 0.5), "fold_end_L": (1.0, 1.5), "fold_L": (0.2, 0.4)},
}  # fmt: skip
DRIVEN_AUS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 15, 25, 26, 45)
"""Action units that the face can show."""

DEPTH = np.array(
    [0.0] * 4 + [0.1, 0.25, 0.4, 0.5, 0.55, 0.5, 0.4, 0.25, 0.1] + [0.0] * 4
    + [0.3, 0.4, 0.5, 0.55, 0.6] + [0.6, 0.55, 0.5, 0.4, 0.3] + [0.65, 0.8, 0.9, 1.0] + [0.7, 0.8, 0.85, 0.8, 0.7]
    + [0.35, 0.45, 0.5, 0.5, 0.5, 0.45] + [0.5, 0.5, 0.45, 0.35, 0.45, 0.5]
    + [0.5, 0.6, 0.7, 0.72, 0.7, 0.6, 0.5, 0.6, 0.68, 0.7, 0.68, 0.6, 0.5, 0.65, 0.7, 0.65, 0.5, 0.65, 0.7, 0.65]
    + [0.6, 0.6, 0.6, 0.6, 0.45, 0.45, 0.55, 0.55, 0.45, 0.45, 0.45, 0.45, 0.6, 0.4, 0.5, 0.4, 0.5, 0.5]
)  # fmt: skip
"""How far each point stands out of the plane of the face's outline (nose tip 1): the parallax of a turning head."""

FIXED_POINTS = np.array(
    [(224, 40), (185, 55), (265, 55), (165, 85), (290, 85), (168, 125), (280, 130), (180, 175), (262, 182),
     (172, 150), (284, 155), (195, 192), (222, 196), (250, 196)]
)  # fmt: skip
"""Points that no movement carries along: hair, ears, neck, collar."""

UPPER_LIP = [60, 68, 61, 62, 63, 69, 64]
LOWER_LIP = [60, 70, 67, 66, 65, 71, 64]
"""Rows of the lips' inner contours, left to right."""
INNER_LIPS = UPPER_LIP + LOWER_LIP[-2:0:-1]
"""Rows of the closed outline between the lips."""
EYES = ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47))
"""Rows of both eyes' outlines."""


def _mirror_index(key: int | str) -> int | str:
    if isinstance(key, str):
        return key[:-1] + "R" if key.endswith("_L") else key
    return int(MIRROR_68[key])


def displacements() -> dict[str, np.ndarray]:
    """Displacements at intensity 5 by name, `[n_points, 2]` each, in portrait pixels."""
    fields = {}
    for name, moves in _MOVES.items():
        field = np.zeros_like(START_POINTS)
        for key, (dx, dy) in moves.items():
            for side, sign in ((key, 1), (_mirror_index(key), -1)):
                field[_row(side)] = (sign * dx, dy)
        fields[name] = field
    return fields


def _row(key: int | str) -> int:
    return 68 + _NAMES.index(key) if isinstance(key, str) else key


def lid_closing(points: np.ndarray) -> np.ndarray:
    """Displacement of `points` `[n_points, 2]` that closes both eyes; the upper lids do four fifths of it."""
    field = np.zeros_like(points)
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        gap = points[lower] - points[upper]
        field[upper] = 0.82 * gap
        field[lower] = -0.18 * gap
    for fold, eye in (("lid_fold_L", EYES[0]), ("lid_fold_R", EYES[1])):
        field[_row(fold)] = 0.35 * field[[eye[1], eye[2]]].mean(axis=0)
    return field


def meet_lips(points: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """The displacement `rest` of `points`, corrected so that the lower lip just meets the upper one.

    Both are `[n_points, 2]` of one identity.
    """
    rest, resting = rest.copy(), points + rest
    for upper, lower, edge in zip(UPPER_LIP[1:-1], LOWER_LIP[1:-1], (59, 58, 57, 56, 55), strict=True):
        missing = resting[upper, 1] - resting[lower, 1]
        rest[lower, 1] += missing
        # The lip's outer edge follows, so that it keeps its thickness.
        rest[edge, 1] += 0.8 * missing
    return rest

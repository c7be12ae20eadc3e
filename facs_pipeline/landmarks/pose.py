"""Head pose from 68 landmarks: pitch, yaw and roll of the rotation that best turns a mean head into the image."""

from __future__ import annotations

import numpy as np

# Symmetric median of 350 faces' MediaPipe meshes turned to the front.
MEAN_HEAD = 0.01 * np.array([
    (-80.5, -30.4, 88.0), (-80.1, -5.8, 92.8), (-79.0, 11.6, 91.4), (-75.6, 30.4, 86.4), (-65.9, 55.1, 71.6),
    (-52.4, 70.6, 54.6), (-37.5, 81.6, 41.9), (-21.3, 88.9, 31.2), (0.0, 92.0, 26.5), (21.3, 88.9, 31.2),
    (37.5, 81.6, 41.9), (52.4, 70.6, 54.6), (65.9, 55.1, 71.6), (75.6, 30.4, 86.4), (79.0, 11.6, 91.4),
    (80.1, -5.8, 92.8), (80.5, -30.4, 88.0), (-65.2, -51.1, 34.6), (-58.0, -57.4, 25.8), (-47.4, -61.0, 18.5),
    (-33.2, -60.6, 11.9), (-16.9, -58.4, 8.5), (16.9, -58.4, 8.5), (33.2, -60.6, 11.9), (47.4, -61.0, 18.5),
    (58.0, -57.4, 25.8), (65.2, -51.1, 34.6), (0.0, -38.7, 9.0), (0.0, -22.5, -1.9), (0.0, -8.6, -14.3),
    (0.0, 0.2, -17.3), (-16.8, 12.2, 7.4), (-9.3, 14.9, 3.9), (0.0, 15.4, 2.0), (9.3, 14.9, 3.9), (16.8, 12.2, 7.4),
    (-50.0, -34.5, 33.3), (-42.5, -39.2, 26.3), (-31.6, -39.7, 24.4), (-20.0, -33.2, 27.7), (-30.0, -31.8, 25.3),
    (-41.0, -31.3, 27.2), (20.0, -33.2, 27.7), (31.6, -39.7, 24.4), (42.5, -39.2, 26.3), (50.0, -34.5, 33.3),
    (41.0, -31.3, 27.2), (30.0, -31.8, 25.3), (-30.9, 42.3, 25.2), (-17.9, 33.5, 7.8), (-9.3, 31.3, 3.5),
    (0.0, 32.7, 2.6), (9.3, 31.3, 3.5), (17.9, 33.5, 7.8), (30.9, 42.3, 25.2), (18.6, 54.3, 13.0), (10.1, 57.1, 10.0),
    (0.0, 58.0, 9.4), (-10.1, 57.1, 10.0), (-18.6, 54.3, 13.0), (-28.0, 42.2, 23.0), (-7.9, 38.7, 10.2),
    (0.0, 39.1, 9.2), (7.9, 38.7, 10.2), (28.0, 42.2, 23.0), (8.2, 46.8, 11.7), (0.0, 47.5, 10.8), (-8.2, 46.8, 11.7),
])  # fmt: skip
"""Mean head `[68, 3]` in outer-eye distances: x to the image's right, y down, z away from the camera, from the nose."""

# Points that no expression moves much: upper face outline, nose, eye corners.
_RIGID = np.array([0, 1, 2, 14, 15, 16, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 39, 42, 45])
_MODEL = MEAN_HEAD[_RIGID] - MEAN_HEAD[_RIGID].mean(axis=0)
_SOLVE = np.linalg.pinv(_MODEL)


EYES_MM = 90.0
"""Distance of the outer eye corners of adults, in millimetres: men 91, women 88 (Farkas, "Anthropometry of the head and
face", 1994)."""
_MIDDLE = MEAN_HEAD.mean(axis=0)


def focal_length(width: int, height: int) -> float:
    """Focal length in pixels that is taken for any camera, as OpenFace does: 500 px for a picture of 640 x 480.

    Examples
    --------
    >>> focal_length(640, 480), focal_length(1280, 960)
    (500.0, 1000.0)
    """
    return (500 * width / 640 + 500 * height / 480) / 2


def head_place(points: np.ndarray, shape: tuple[int, ...], focal: float | None = None) -> np.ndarray:
    """Where the head is, seen from the camera.

    Parameters
    ----------
    points : ndarray
        Landmarks `[n, 68, 2]` in pixels (y down).
    shape : tuple of int
        Height and width of the picture in pixels.
    focal : float, optional
        Focal length of the camera in pixels; by default `focal_length`.

    Returns
    -------
    ndarray of float64
        `[n, 3]` in millimetres: to the image's right, down and away from the camera, of the middle of the 68 points of
        a mean head whose outer eye corners are `EYES_MM` apart. All three grow with the size that is taken for the
        head, and z with the focal length: between frames of one camera they can be compared, as distances they are a
        guess.

    Examples
    --------
    >>> head = 90 * MEAN_HEAD[None, :, :2] + [320, 240]  # 1 px/mm at the distance of the focal length
    >>> (head_place(head, (480, 640))[0] - EYES_MM * MEAN_HEAD.mean(axis=0) * [1, 1, 0]).round(1).tolist()
    [0.5, 0.5, 500.0]
    """
    height, width = shape[:2]
    focal = focal_length(width, height) if focal is None else focal
    points = np.asarray(points, np.float64)[:, _RIGID]
    middle = points.mean(axis=1)
    rows = np.einsum("mk,nkc->ncm", _SOLVE, points - middle[:, None])
    u, stretch, vt = np.linalg.svd(rows, full_matrices=False)
    # Pixels of an outer-eye distance at the head's own distance.
    size = np.maximum(stretch.mean(axis=1), 1e-9)
    away = focal * EYES_MM / size
    at = middle + size[:, None] * ((u @ vt) @ (_MIDDLE - MEAN_HEAD[_RIGID].mean(axis=0)))
    across = (at + 0.5 - np.array([width, height]) / 2) * (away / focal)[:, None]
    return np.column_stack([across, away])


def head_pose_and_place(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Place and angles `[n, 6]` as the tables have them: `head_place` in millimetres, then `head_pose` in radians."""
    return np.concatenate([head_place(points, shape), head_pose(points)], axis=1)


def head_pose(points: np.ndarray) -> np.ndarray:
    """Rotation of the head relative to the camera, from 2-D landmarks under weak perspective.

    Parameters
    ----------
    points : ndarray
        Landmarks `[n, 68, 2]` in pixels (y down).

    Returns
    -------
    ndarray of float64
        Angles `[n, 3]` in radians: pitch (Rx, positive looks down), yaw (Ry, positive turns to the left of the image)
        and roll (Rz, positive tilts clockwise in the image), with R = Rx Ry Rz as in OpenFace. Without camera
        calibration a face off the optical axis seems turned by its angle of view.

    References
    ----------
    DeMenthon and Davis, "Model-based object pose in 25 lines of code", IJCV 15, 1995, doi:10.1007/BF01450852: the first
    iteration of POSIT. Scaled orthographic projection p = s R[:2] X + t is solved linearly, and made a rotation by the
    nearest orthonormal pair of rows.

    Examples
    --------
    >>> bool(np.abs(head_pose(MEAN_HEAD[None, :, :2] * 100)).max() < 1e-6)
    True
    """
    points = np.asarray(points, np.float64)[:, _RIGID]
    centred = points - points.mean(axis=1, keepdims=True)
    rows = np.einsum("mk,nkc->ncm", _SOLVE, centred)
    u, _, vt = np.linalg.svd(rows, full_matrices=False)
    first_two = u @ vt
    r = np.concatenate([first_two, np.cross(first_two[:, 0], first_two[:, 1])[:, None]], axis=1)
    pitch = np.arctan2(-r[:, 1, 2], r[:, 2, 2])
    yaw = np.arcsin(np.clip(r[:, 0, 2], -1, 1))
    roll = np.arctan2(-r[:, 0, 1], r[:, 0, 0])
    return np.stack([pitch, yaw, roll], axis=1)

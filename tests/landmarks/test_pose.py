"""Head pose: known rotations of the mean head come back, with the signs that the docstring states."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facs_pipeline.landmarks.points import MIRROR_68
from facs_pipeline.landmarks.pose import EYES_MM, MEAN_HEAD, head_place, head_pose

NOSE_TIP, CHIN, LEFT_IN_PICTURE, RIGHT_IN_PICTURE = 30, 8, 36, 45


def seen(pitch: float, yaw: float, roll: float, size: float = 160.0, place=(320.0, 240.0)) -> np.ndarray:
    """The mean head turned by R = Rx Ry Rz, orthographically projected: points [68, 2]."""
    rotation = Rotation.from_euler("XYZ", [pitch, yaw, roll]).as_matrix()
    return size * (MEAN_HEAD @ rotation.T)[:, :2] + place


def test_known_angles_are_recovered():
    rng = np.random.default_rng(0)
    angles = rng.uniform([-0.9, -1.2, -3.0], [0.9, 1.2, 3.0], (200, 3))
    points = np.array([seen(x, y, z, size=rng.uniform(20, 900), place=rng.uniform(0, 2000, 2)) for x, y, z in angles])
    assert np.abs(head_pose(points) - angles).max() < 1e-6


def test_upright_heads_have_no_rotation():
    assert np.abs(head_pose(seen(0, 0, 0)[None])).max() < 1e-9


@pytest.mark.parametrize("angle", [0.2, 0.6])
def test_positive_pitch_looks_down(angle):
    points = seen(angle, 0, 0)
    eyes = points[[LEFT_IN_PICTURE, RIGHT_IN_PICTURE]].mean(axis=0)
    level = seen(0, 0, 0)
    assert points[NOSE_TIP, 1] - eyes[1] > level[NOSE_TIP, 1] - level[[36, 45], 1].mean()
    assert head_pose(points[None])[0] == pytest.approx([angle, 0, 0], abs=1e-6)


@pytest.mark.parametrize("angle", [0.2, 0.6])
def test_positive_yaw_turns_to_the_left_of_the_picture(angle):
    points = seen(0, angle, 0)
    assert points[NOSE_TIP, 0] < points[[LEFT_IN_PICTURE, RIGHT_IN_PICTURE], 0].mean()
    assert head_pose(points[None])[0] == pytest.approx([0, angle, 0], abs=1e-6)


@pytest.mark.parametrize("angle", [0.2, 0.6])
def test_positive_roll_tilts_clockwise_in_the_picture(angle):
    points = seen(0, 0, angle)
    assert points[RIGHT_IN_PICTURE, 1] > points[LEFT_IN_PICTURE, 1]
    assert points[CHIN, 0] < points[NOSE_TIP, 0]
    assert head_pose(points[None])[0] == pytest.approx([0, 0, angle], abs=1e-6)


def test_a_mirror_turns_yaw_and_roll_round_but_not_pitch():
    points = seen(0.3, -0.4, 0.2)
    mirrored = points[MIRROR_68] * [-1, 1] + [640, 0]
    assert np.allclose(head_pose(mirrored[None])[0], [0.3, 0.4, -0.2], atol=1e-6)


def test_mean_head_is_symmetric():
    assert np.allclose(MEAN_HEAD[MIRROR_68] * [-1, 1, 1], MEAN_HEAD, atol=0.0051)


def test_a_smile_or_raised_brows_leave_the_pose_alone():
    points = seen(0.1, -0.2, 0.05)
    moved = points.copy()
    moved[17:27, 1] -= 15
    moved[48:68, 1] += 10
    moved[[48, 54], 0] += [-12, 12]
    moved[5:12, 1] += 25
    assert np.array_equal(head_pose(moved[None]), head_pose(points[None]))


def test_a_pixel_of_noise_costs_a_few_degrees_at_most():
    rng = np.random.default_rng(0)
    angles = rng.uniform(-0.4, 0.4, (200, 3))
    points = np.array([seen(*a) for a in angles]) + rng.normal(0, 1, (200, 68, 2))
    assert np.degrees(np.abs(head_pose(points) - angles)).max() < 5


def test_many_faces_are_independent_of_each_other_and_none_is_fine():
    points = np.array([seen(0.1, 0.2, 0.3), seen(-0.2, 0.5, 0.0)])
    assert np.allclose(head_pose(points)[1], head_pose(points[1:])[0], atol=1e-12)
    assert head_pose(points[:0]).shape == (0, 3)


def test_a_head_is_where_it_is_seen():
    middle = MEAN_HEAD.mean(axis=0)
    # Half the focal length away, a millimetre is two pixels; the picture's middle lies between pixels.
    points = seen(0, 0, 0, size=2 * EYES_MM, place=(319.5, 239.5)) - 2 * EYES_MM * middle[:2]
    assert head_place(points[None], (480, 640))[0] == pytest.approx([0, 0, 250], abs=0.01)
    assert head_place((points + np.array([20, -10]))[None], (480, 640))[0] == pytest.approx([10, -5, 250], abs=0.01)
    assert head_place(points[None], (480, 640), focal=1000)[0] == pytest.approx([0, 0, 500], abs=0.01)


def test_a_turned_head_stays_in_its_place():
    points = np.array([seen(0, yaw, 0) - 160 * (turned(yaw) @ MEAN_HEAD.mean(axis=0))[:2] for yaw in (0, 0.5, 1.0)])
    places = head_place(points, (480, 640))
    assert np.abs(places - places[0]).max() < 0.1


def turned(yaw: float) -> np.ndarray:
    return Rotation.from_euler("XYZ", [0, yaw, 0]).as_matrix()

"""Where eyes look: by drawn irises, in a mirror, and learnt from other persons."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from facs_pipeline.action_units.gaze import GazeModel, eyes_turned, gaze_angles
from facs_pipeline.action_units.training.gaze import iris_angles, train_gaze
from facs_pipeline.features.eye_values import N_VALUES, eye_values
from facs_pipeline.features.registration import registered_texture
from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.landmarks.model import LandmarkModel
from facs_pipeline.landmarks.points import mirrored
from facs_pipeline.landmarks.pose import MEAN_HEAD

POINTS = 240 * MEAN_HEAD[:, :2] + [300, 250]


def looking(across: float, down: float) -> np.ndarray:
    """A face [600, 600] of nothing but eyes, whose irises are moved by shares of the eyes' width."""
    image = np.full((600, 600), 150, np.uint8)
    for eye in (slice(36, 42), slice(42, 48)):
        lids = POINTS[eye]
        white, iris = np.zeros_like(image), np.zeros_like(image)
        cv2.fillPoly(white, [lids.round().astype(np.int32)], 1)
        width = np.ptp(lids[:, 0])
        place = lids.mean(axis=0) + width * np.array([across, down])
        cv2.circle(iris, tuple(place.round().astype(int).tolist()), round(0.2 * width), 1, -1)
        image[white > 0] = 220
        image[(white > 0) & (iris > 0)] = 40
    return cv2.GaussianBlur(image, (0, 0), 2)


def angles(grey: np.ndarray, points: np.ndarray) -> np.ndarray:
    values = eye_values(registered_texture(grey, points), points)
    return GazeModel.load_default().angles(values[None])[0]


def test_irises_on_the_right_of_the_image_look_to_the_persons_left():
    right, left = (angles(looking(share, 0.0), POINTS)[0] for share in (0.2, -0.2))
    assert right > 0 > left
    assert np.degrees(right - left) > 15


def test_in_a_mirror_the_eyes_look_to_the_other_side():
    grey = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2GRAY)
    points = LandmarkModel.load().find(grey, (170, 80, 110, 110)).points
    (across, down), (across_there, down_there) = angles(grey, points), angles(*mirrored(grey, points))
    assert np.degrees(abs(across + across_there)) < 0.5
    assert np.degrees(abs(down - down_there)) < 0.5


def test_the_head_turns_with_the_eyes():
    np.testing.assert_allclose(gaze_angles(np.array([[0.1, 0.2]]), np.array([[0.3, 0.4, 0.5]])), [[-0.3, 0.5]])
    turned = eyes_turned(np.radians([[13.0, -7.0], [-13.0, 7.0], [11.0, 5.0]]))
    assert {au: eyes.tolist() for au, eyes in turned.items()} == {
        61: [True, False, False],
        62: [False, True, False],
        63: [True, False, False],
        64: [False, True, False],
    }


def test_irises_of_a_mesh_become_angles():
    mesh = np.zeros((1, 478, 2))
    mesh[0, [33, 133, 362, 263]] = [[0, 0], [30, 0], [60, 0], [90, 0]]
    mesh[0, [468, 473]] = [[21, 0], [75, 3]]
    right, left = np.degrees(iris_angles(mesh)[0])
    # 6 and 3 of 30, on a ball of radius 12.
    np.testing.assert_allclose(right, [30, 0], atol=1e-6)
    np.testing.assert_allclose(left, [0, np.degrees(np.arcsin(0.25))], atol=1e-6)


def test_gaze_is_learnt_from_other_persons(tmp_path):
    rng = np.random.default_rng(0)
    look = rng.normal(0, 0.15, (400, 2))
    values = rng.normal(0, 0.1, (400, 2, N_VALUES)).astype(np.float32)
    values[:, :, :2] += np.stack([look, look * [-1, 1]], axis=1)
    seen = np.stack([look, look], axis=1)
    model = train_gaze(values, seen, np.repeat([f"p{n}" for n in range(10)], 40).tolist())
    for row in model.card["metrics_of_gaze"].values():
        assert row["r"] > 0.5
        assert row["mean_error_deg"] < row["straight_ahead_error_deg"]
    again = GazeModel.load(model.save(tmp_path / "gaze.npz"))
    np.testing.assert_array_equal(again.angles(values), model.angles(values))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ModelError, match="expected weights"):
        GazeModel(np.zeros((3, 2)), np.zeros(2))
    with pytest.raises(ModelError, match="finite"):
        GazeModel(np.full((N_VALUES, 2), np.nan), np.zeros(2))

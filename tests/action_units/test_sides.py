"""Left and right: exchanged exactly by a mirror, and learnt from what is told of other persons."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.action_units.names import AU_NAMES
from facs_pipeline.action_units.sides import SideModel, asymmetry, both_sides
from facs_pipeline.action_units.training import sides
from facs_pipeline.action_units.training.sides import FROM_HALVES, SIDED_SCORES, SidedFaces, train_sides
from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.features.halves import face_halves
from facs_pipeline.features.hog import HOG_SHAPE
from facs_pipeline.features.vector import BLOCKS, N_FEATURES
from facs_pipeline.foundation.errors import InputError, ModelError
from facs_pipeline.foundation.threads import one_thread
from facs_pipeline.landmarks.points import INNER_49, MIRROR_68


def in_mirror(features: np.ndarray) -> np.ndarray:
    """Features [n, d] with the gradients and landmarks that the mirrored face has, window by window, point by point."""
    turned = features.copy()
    windows = features[:, BLOCKS["hog"]].reshape(-1, *HOG_SHAPE)
    there = turned[:, BLOCKS["hog"]].reshape(-1, *HOG_SHAPE)
    for column in range(1, HOG_SHAPE[1]):
        for direction in range(8):
            there[:, :, column, direction] = windows[:, :, 18 - column, (4 - direction) % 8]
    turned[:, BLOCKS["hog"]] = there.reshape(len(features), -1)
    points = features[:, BLOCKS["landmarks"]].reshape(-1, 49, 2)
    for number, point in enumerate(INNER_49):
        x, y = points[:, INNER_49.tolist().index(MIRROR_68[point])].T
        turned[:, BLOCKS["landmarks"].start + 2 * number] = 256 - x.astype(int)
        turned[:, BLOCKS["landmarks"].start + 2 * number + 1] = y
    return turned


@pytest.fixture
def features() -> np.ndarray:
    return np.random.default_rng(0).integers(1, 256, (20, N_FEATURES)).astype(np.uint8)


def test_in_a_mirror_left_and_right_change_places_exactly(features):
    model = SideModel.load_default()
    here, there = model.differences(features), model.differences(in_mirror(features))
    assert np.abs(here).max() > 0.5
    np.testing.assert_array_equal(there, -here)
    intensities = np.random.default_rng(1).uniform(0, 5, here.shape)
    left, right = both_sides(intensities, here)
    for one, other in zip((left, right), reversed(both_sides(intensities, there)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert ((left + right) / 2 - intensities)[(left > 0) & (right > 0) & (left < 5) & (right < 5)] == pytest.approx(0)


def test_the_embedded_model_knows_units_with_two_sides_only():
    model, units = SideModel.load_default(), ActionUnitModel.load_default().aus
    assert set(model.aus) == {*SIDED_SCORES, *FROM_HALVES}
    # What lies on the middle line has no sides: chin, pucker, lips parted, jaw.
    assert set(model.aus) <= set(units) - {17, 18, 23, 25, 26, 27, 28}


def test_an_asymmetric_movement():
    assert asymmetry(np.array([2.0, 2.0]), np.array([0.0, 0.0])) == 1
    assert asymmetry(np.array([1.0]), np.array([3.0])) == -0.5
    assert np.isnan(asymmetry(np.zeros(3), np.zeros(3)))


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(ModelError, match="expected finite weights"):
        SideModel([12], np.zeros((3, 1)))
    model = SideModel.load_default()
    assert SideModel.load(model.save(tmp_path / "again.npz")).sha256 == model.sha256
    assert set(model.aus) <= set(AU_NAMES)


def taught(persons: int) -> SidedFaces:
    """Faces with noise, and gradients on either half that are as strong as the teacher says of that side."""
    rng = np.random.default_rng(2)
    n = 12 * persons
    subjects = np.repeat([f"p{number}" for number in range(persons)], 12)
    X = rng.integers(120, 130, (n, N_FEATURES)).astype(np.uint8)
    strength = rng.uniform(0, 1, (n, 2))
    for side, half in enumerate(face_halves(np.arange(N_FEATURES)[None])):
        X[:, half[0, :40]] += (100 * strength[:, [side]]).astype(np.uint8)
    names = tuple(f"{name}{side}" for name in SIDED_SCORES.values() for side in ("Left", "Right"))
    of_halves = np.tile(strength.mean(axis=1, keepdims=True), (1, len(FROM_HALVES)))
    return SidedFaces(X, np.tile(strength, (1, len(SIDED_SCORES))), names, of_halves, subjects)


def test_sides_are_learnt_from_other_persons(monkeypatch):
    monkeypatch.setattr(sides, "PENALTIES", (0.001, 0.03))
    faces = taught(persons=4)
    with one_thread():
        model = train_sides(faces, folds=3)
    said = faces.differences()[:, list(SIDED_SCORES).index(12)]
    assert np.corrcoef(model.differences(faces.X)[:, model.aus.index(12)], said)[0, 1] > 0.95
    measured = model.card["metrics_of_sides"]
    assert set(measured) == {str(au) for au in model.aus}
    assert measured["12"]["labels"] == "teacher"
    assert measured["12"]["r"] > 0.9
    assert measured["6"]["labels"] == "halves of two faces"


def test_what_cannot_be_learnt_from_is_refused():
    faces = taught(persons=2)
    with pytest.raises(InputError, match="at least 3"):
        train_sides(faces)
    without = SidedFaces(faces.X, faces.blendshapes[:, 2:], faces.names[2:], faces.intensities, faces.subjects)
    with pytest.raises(InputError, match="browOuterUpLeft"):
        train_sides(without)


@pytest.mark.shared
def test_a_mirrored_video_has_left_and_right_exchanged(videos_dir):
    differences = []
    for turn in (1, -1):
        video, analyser = cv2.VideoCapture(str(videos_dir / "d6.mp4")), FaceAnalyser(action_units=None)
        features = []
        for number in range(90):
            grey = np.ascontiguousarray(cv2.cvtColor(video.read()[1], cv2.COLOR_BGR2GRAY)[:, ::turn])
            features += [face.features for face in analyser.track(grey, number / 30)]
        differences.append(SideModel.load_default().differences(np.array(features)))
    model = SideModel.load_default()
    here, there = differences
    moves = here.std(axis=0) > 0.1
    assert moves.sum() >= 5
    for k in np.flatnonzero(moves):
        # As near as the tracker's points are mirrored.
        assert np.corrcoef(here[:, k], -there[:, k])[0, 1] > 0.95, model.aus[k]

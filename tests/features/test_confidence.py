"""The confidence falls where points cannot be right, half by half, and names what hides a face."""

from __future__ import annotations

import doctest

import cv2
import numpy as np
import pytest
from drawn_faces import drawn_frames

from facs_pipeline.features import confidence
from facs_pipeline.features.confidence import LEAST, Confidence, ConfidenceModel, default_confidence
from facs_pipeline.features.vector import face_features
from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.landmarks.model import default_landmarks
from facs_pipeline.landmarks.training.damaged import damaged


@pytest.fixture(scope="module")
def face() -> tuple[np.ndarray, np.ndarray]:
    """A drawn face, grey, and its points."""
    grey = cv2.cvtColor(drawn_frames(1, "happiness", 30)[0], cv2.COLOR_BGR2GRAY)
    return grey, default_landmarks().find(grey, (120.0, 75.0, 150.0, 150.0)).points


def judged(grey, start) -> Confidence:
    points, score = default_landmarks().track(grey, default_landmarks().track(grey, start).points)
    return default_confidence().judge(face_features(grey, points)[None], points[None], np.array([score]))


def median(face, kind, **changes) -> dict[str, float]:
    """Medians over nine draws of one kind of damage."""
    grey, points = face
    shown = [damaged(grey, points, [grey[::-1]], np.random.default_rng(seed), only=kind) for seed in range(9)]
    said = [judged(one.image, one.points.astype(np.float32)) for one in shown]
    return {name: float(np.median([getattr(one, name)[0] for one in said])) for name in ("whole", "upper", "lower")}


def test_a_plain_face_is_trusted_and_glasses_change_little(face):
    plain, glasses = median(face, "none"), median(face, "glasses")
    assert min(plain.values()) > 0.9
    assert min(glasses.values()) > 0.7


def test_a_mask_hides_the_mouth_and_sunglasses_the_eyes(face):
    mask, sunglasses = median(face, "mask"), median(face, "sunglasses")
    assert mask["lower"] < LEAST < mask["upper"]
    assert sunglasses["upper"] < LEAST < sunglasses["lower"]


def test_a_hand_on_the_mouth_takes_the_lower_face_only(face):
    grey, points = face
    covered = grey.copy()
    middle, eyes = points[48:68].mean(axis=0), np.linalg.norm(points[45] - points[36])
    skin = int(np.median(grey[points[[2, 14, 30], 1].astype(int), points[[2, 14, 30], 0].astype(int)]))
    cv2.ellipse(
        covered, np.rint(middle).astype(int).tolist(), (round(0.55 * eyes), round(0.3 * eyes)), 0, 0, 360, skin, -1
    )
    before, after = judged(grey, points), judged(covered, points)
    assert after.lower[0] < LEAST < before.lower[0]
    assert after.upper[0] > LEAST
    assert after.occluded[0] in ("lower", "mask")
    assert before.occluded[0] == "no"


@pytest.mark.parametrize(
    "worse",
    [
        lambda grey: cv2.GaussianBlur(grey, (0, 0), 9),
        lambda grey: (grey * 0.03 + np.random.default_rng(0).normal(0, 2, grey.shape)).clip(0, 255).astype(np.uint8),
    ],
    ids=["blurred", "dark"],
)
def test_it_falls_with_blur_and_darkness(face, worse):
    grey, points = face
    assert judged(worse(grey), points).whole[0] < judged(grey, points).whole[0] - 0.2


def test_it_falls_with_size(face):
    grey, points = face
    small = cv2.resize(grey, None, fx=0.12, fy=0.12, interpolation=cv2.INTER_AREA)
    assert judged(small, points * 0.12).whole[0] < judged(grey, points).whole[0] - 0.05


def test_intensities_of_a_half_that_is_not_trusted_are_left_out():
    said = Confidence(np.array([0.9, 0.9]), np.array([0.5, 0.2]), np.array([0.4999, 0.9]), np.array(["lower", "no"]))
    kept = said.trusted(np.ones((2, 4), np.float32), (1, 12, 45, 9))
    assert np.isnan(kept).tolist() == [[False, True, False, True], [True, False, True, False]]
    assert np.isfinite(said.trusted(np.ones((2, 4), np.float32), (1, 12, 45, 9), 0.0)).all()
    assert said.trusted(np.empty((2, 0), np.float32), ()).shape == (2, 0)


def test_a_face_is_judged_alike_alone_and_among_others(face):
    grey, points = face
    features = np.array([face_features(grey, points + shift) for shift in (0, 1, 2)])
    together = default_confidence().judge(features, np.array([points] * 3), np.array([0.9, 0.5, 0.1]))
    alone = default_confidence().judge(features[1:2], points[None], np.array([0.5]))
    assert together.whole[1] == alone.whole[0]
    assert len(default_confidence().judge(features[:0], np.empty((0, 68, 2)), np.empty(0)).occluded) == 0


def test_a_file_of_other_sizes_is_refused(tmp_path):
    model = default_confidence()
    assert ConfidenceModel.load(model.save(tmp_path / "same.npz")).sha256 == model.sha256
    with pytest.raises(ModelError, match="shapes"):
        ConfidenceModel(model.weights[:-1], model.bias, model.centre, model.scale, model.odds)


def test_examples():
    assert doctest.testmod(confidence).failed == 0

"""A face's HOG on a few directions: what a mirror exchanges, what is folded into one product, what is stored."""

from __future__ import annotations

import doctest

import cv2
import lightgbm
import numpy as np
import pytest
from skimage.data import astronaut, lfw_subset

from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.emotions import hog_directions
from facs_pipeline.emotions.heads import LightGBMHead
from facs_pipeline.emotions.hog_directions import HogDirections, mirrored_parts, principal_axes
from facs_pipeline.emotions.model import EmotionModel
from facs_pipeline.features import hog, vector
from facs_pipeline.landmarks.points import mirrored


@pytest.fixture(scope="module")
def hogs():
    """HOGs [100, 2592] uint8 of real faces, as they lie in scikit-image's crops."""
    return np.stack([hog.hog(cv2.resize((255 * face).astype(np.uint8), (120, 120))) for face in lfw_subset()[:100]])


@pytest.fixture(scope="module")
def fitted(hogs):
    parts = mirrored_parts(hogs)
    parts[0][:] -= parts[0].mean(axis=0)
    return HogDirections.fit(hogs, principal_axes(parts[0], 12, 0.3), principal_axes(parts[1], 5, 0.3))


def test_a_mirrored_face_keeps_its_sums_and_turns_its_differences():
    grey = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2GRAY)
    points = FaceAnalyser(action_units=None).analyse_image(grey, default_place=True)[0].points
    there = mirrored_parts(vector.face_features(grey, points)[None, vector.BLOCKS["hog"]])
    back = mirrored_parts(vector.face_features(*mirrored(grey, points))[None, vector.BLOCKS["hog"]])
    # Its windows meet their counterparts to a pixel, one of the 13 that each has.
    assert np.corrcoef(there[0], back[0])[0, 1] > 0.99
    assert np.corrcoef(there[1], -back[1])[0, 1] > 0.98
    assert np.abs(there[1]).max() > 50


def test_a_mirrored_face_gets_nearly_the_same_scores():
    grey = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2GRAY)
    points = FaceAnalyser(action_units=None).analyse_image(grey, default_place=True)[0].points
    stage, hog = EmotionModel.load_default().kernel_stage, vector.BLOCKS["hog"]
    assert stage is not None
    family = stage.families[0]
    assert isinstance(family, HogDirections)
    there, back = (
        stage.kernel.scores(family.values(vector.face_features(*face)[None, hog]))
        for face in ((grey, points), mirrored(grey, points))
    )
    np.testing.assert_allclose(there, back, atol=0.02)
    assert np.ptp(there) > 0.3


def test_mirrored_numbers_exactly_turn_the_antisymmetric_values(hogs, fitted):
    turned = hogs[:5].astype(np.float32)
    left, right = hog_directions._LEFT, hog_directions._RIGHT
    turned[:, left], turned[:, right] = hogs[:5, right], hogs[:5, left]
    signs = np.r_[np.ones(12), -np.ones(5)]
    np.testing.assert_allclose(fitted.values(turned), fitted.values(hogs[:5]) * signs, atol=1e-4)


def test_one_product_is_what_the_parts_give(hogs, fitted):
    values = fitted.values(hogs)
    parts = np.split(fitted.directions * fitted.steps, [12], axis=1)
    expected = np.hstack([part @ along for part, along in zip(mirrored_parts(hogs), parts, strict=True)])
    np.testing.assert_allclose(values, expected - fitted.offset, atol=1e-4)
    assert (values**2).sum(axis=1).mean() == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(values[:, :12].mean(axis=0), 0, atol=1e-4)
    assert not fitted.offset[12:].any()


def test_storage_keeps_the_values_in_a_byte_a_number(hogs, fitted):
    again = HogDirections.restore(fitted.settings(), fitted.arrays())
    np.testing.assert_array_equal(again.values(hogs), fitted.values(hogs))
    assert fitted.directions.dtype == np.int8
    assert np.abs(fitted.directions).max() == 127


def test_axes_are_those_of_largest_mean_square(hogs):
    part, _ = mirrored_parts(hogs)
    axes = principal_axes(part, 3, 0.0)
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-4)
    spread = ((part @ axes) ** 2).mean(axis=0)
    assert (np.diff(spread) < 0).all()
    np.testing.assert_allclose(np.sqrt(spread), np.linalg.svd(part)[1][:3] / 10, rtol=1e-3)
    whitened = principal_axes(part, 3, 1.0)
    np.testing.assert_allclose(((part @ whitened) ** 2).mean(axis=0), 1, rtol=1e-3)


def test_examples_in_the_docstrings():
    result = doctest.testmod(hog_directions)
    assert result.attempted
    assert not result.failed


def test_a_kernel_needs_a_head_with_scores():
    head = LightGBMHead(lightgbm.train({"verbosity": -1}, lightgbm.Dataset(np.zeros((4, 1)), np.arange(4)), 1))
    with pytest.raises(TypeError, match="a kernel beside a LightGBMHead; expected a LinearHead"):
        EmotionModel("other", ["happy", "sad"], head, kernel_stage=EmotionModel.load_default().kernel_stage)

"""Shares of emotions that differ from the training's."""

from __future__ import annotations

import numpy as np
import pytest

from facs_pipeline.emotions import priors as priors_module
from facs_pipeline.emotions.priors import PRIORS, with_priors


@pytest.fixture(scope="module")
def shifted() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exact probabilities of a model trained on shares 0.6, 0.3, 0.1, of 20,000 faces with shares 0.1, 0.2, 0.7."""
    random = np.random.default_rng(0)
    trained, new = np.array([0.6, 0.3, 0.1]), np.array([0.1, 0.2, 0.7])
    truth = random.choice(3, 20_000, p=new)
    x = random.normal(truth, 0.8)
    likelihood = np.exp(-0.5 * ((x[:, None] - np.arange(3)) / 0.8) ** 2)
    joint = likelihood * trained
    return joint / joint.sum(axis=1, keepdims=True), trained, truth


def test_estimated_shares_are_those_of_the_faces(shifted):
    probabilities, trained, truth = shifted
    adjusted = with_priors(probabilities, trained, "estimated")
    assert np.allclose(adjusted.mean(axis=0), np.bincount(truth) / len(truth), atol=0.02)
    right = [(p.argmax(axis=1) == truth).mean() for p in (probabilities, adjusted)]
    assert right[1] > right[0] + 0.1


def test_flat_shares_make_likelihoods_of_probabilities(shifted):
    probabilities, trained, _ = shifted
    flat = with_priors(probabilities, trained, "flat")
    back = flat * trained
    assert np.allclose(back / back.sum(axis=1, keepdims=True), probabilities)


@pytest.mark.parametrize("priors", PRIORS)
def test_no_face_and_a_share_of_zero_are_no_error(priors):
    assert with_priors(np.empty((0, 2)), np.array([0.5, 0.5]), priors).shape == (0, 2)
    adjusted = with_priors(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([1.0, 0.0]), priors)
    assert np.isfinite(adjusted).all()


def test_given_leaves_them_as_they_are(shifted):
    probabilities, trained, _ = shifted
    assert with_priors(probabilities, trained, "given") is probabilities


def test_examples_in_the_docstrings():
    import doctest

    assert doctest.testmod(priors_module, extraglobs={"np": np}).failed == 0

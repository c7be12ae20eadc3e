"""Kernel corrections: what they are, exact differences, training on unseen persons, model files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facs_pipeline.action_units.kernel_correction import KernelCorrection
from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.action_units.pairwise_products import PairwiseProducts
from facs_pipeline.action_units.training.kernel_correction import CorrectionTraining
from facs_pipeline.action_units.training.recipe import Recipe, train
from facs_pipeline.action_units.training.sources import Gathered
from facs_pipeline.features.vector import N_FEATURES
from facs_pipeline.foundation.errors import InputError, ModelError
from facs_pipeline.foundation.files.model_file import load_model, save_model


def model_of(n_features: int) -> ActionUnitModel:
    """AU1 and AU12 of faces with numbers round 100, with products and six faces to compare with."""
    random = np.random.default_rng(2)
    axes = random.normal(0, 1 / np.sqrt(400 * n_features), (n_features, 5))
    products = PairwiseProducts(axes, random.normal(0, 0.1, 5) - 100 * axes.sum(axis=0), (3, 2))
    correction = KernelCorrection(random.normal(0, 0.5, (6, 7)), np.full(7, 0.5), random.normal(0, 1, (6, 2)))
    weights = random.normal(0, 1 / np.sqrt(400 * n_features), (n_features, 2))
    intercept, of_products = np.ones(2) - 100 * weights.sum(axis=0), random.normal(0, 0.1, (products.n_products, 2))
    return ActionUnitModel(
        (1, 12), weights, intercept, products=products, product_weights=of_products, correction=correction
    )


def test_the_nearer_the_more_is_corrected():
    correction = KernelCorrection(np.array([[0.0, 0.0], [2.0, 2.0]]), np.array([2.0, 0.5]), np.array([[1.0], [-3.0]]))
    coordinates, linear = np.array([[0.3], [1.0], [50.0]]), np.array([[0.4], [4.0], [0.0]])
    u = np.column_stack([coordinates * 2, linear * 0.5])
    near = np.exp(-np.square(u[:, None] - np.array([[0, 0], [2, 2]])).sum(axis=2))
    np.testing.assert_allclose(correction.predict(coordinates, linear), near @ [[1.0], [-3.0]], atol=1e-12)
    # At the second training face, and far from both.
    np.testing.assert_allclose(correction.predict(coordinates, linear)[1:, 0], [-3, 0], atol=1e-3)
    single = correction.predict(coordinates.astype(np.float32), linear.astype(np.float32))
    assert single.dtype == np.float32
    assert np.abs(single - correction.predict(coordinates, linear)).max() < 1e-5


def test_the_difference_of_two_faces_is_shared_out_exactly():
    model, random = model_of(12), np.random.default_rng(5)
    plain = replace_correction(model, None)
    x, r = random.normal(100, 20, (2, 20, 12))
    x[0] += 300  # a face whose coordinates are limited
    for one, other in zip(x, r, strict=True):
        for column, au in enumerate(model.aus):
            moved = (model.scores(one) - model.scores(other))[column]
            assert model.weights_between(one, other, au) @ (one - other) == pytest.approx(moved, abs=1e-9)
    assert np.abs(model.scores(x) - plain.scores(x)).max() > 0.3


def replace_correction(model: ActionUnitModel, correction: KernelCorrection | None) -> ActionUnitModel:
    return ActionUnitModel(
        model.aus, model.weights, model.intercept, products=model.products, product_weights=model.product_weights,
        correction=correction,
    )  # fmt: skip


def test_what_a_weighted_sum_cannot_follow_is_learnt_and_measured_on_unseen_persons():
    """An action unit that is 0 below a threshold, and twice as strong where a second number is high."""
    random = np.random.default_rng(5)
    subjects = np.repeat([f"p{i:02d}" for i in range(60)], 25)
    moves, raised = random.normal(0, 1, 1500), random.normal(0, 1, 1500)
    X = np.full((1500, N_FEATURES), 100, np.uint8)
    X[:, 3000:3006] = (120 + 25 * raised + random.normal(0, 2, 1500)).clip(0, 255)[:, None]
    X[:, 4000:4006] = (120 + 25 * moves + random.normal(0, 2, 1500)).clip(0, 255)[:, None]
    Y = (2 * np.maximum(moves, 0) * np.where(raised > 0.5, 1.0, 0.3)).clip(0, 5)[:, None]
    source = Gathered("made up", X, Y, subjects, np.ones(1500), np.ones(1500, bool), {"labels": "made up"})
    recipe = Recipe(regressor="ridge", folds=3, n_bootstrap=0, product_axes=(2, 1))
    without = train([source], (12,), recipe, title="with products")
    trained = train([source], (12,), replace(recipe, n_centres=150), title="corrected")
    assert trained.table["ccc"][12] > without.table["ccc"][12] + 0.03
    assert trained.table["mae"][12] < 0.7 * without.table["mae"][12]
    again = train([source], (12,), replace(recipe, n_centres=150), title="corrected")
    assert again.model.sha256 == trained.model.sha256 != without.model.sha256
    # A face by itself, and among others.
    np.testing.assert_allclose(trained.model.predict(X[5]), trained.model.predict(X)[5], atol=1e-5)
    with pytest.raises(InputError, match="expected modes"):
        train([source], (12,), replace(recipe, n_centres=150, product_axes=()), title="no products")
    with pytest.raises(InputError, match="5000 faces to be compared with, but only"):
        train([source], (12,), replace(recipe, n_centres=5000), title="too many")


def test_rows_with_unknown_intensities_teach_nothing():
    random = np.random.default_rng(0)
    coordinates, linear = random.normal(size=(200, 3)), random.normal(2, 1, (200, 2))
    Y = linear + np.sin(coordinates[:, :2])
    unknown = np.where(np.arange(200)[:, None] < 50, np.nan, Y)
    rows = np.arange(200) < 150
    one = CorrectionTraining(coordinates, unknown, None, 30).fit(rows, linear)
    known = (np.arange(200) >= 50) & rows
    other = CorrectionTraining(coordinates, Y, None, 30).fit(known, linear)
    assert one.corrections.tobytes() == other.corrections.tobytes()
    left = Y[150:] - linear[150:] - other.predict(coordinates[150:], linear[150:])
    assert np.square(left).mean() < 0.5 * np.square(Y[150:] - linear[150:]).mean()


def test_a_saved_model_has_its_correction(tmp_path):
    model = model_of(N_FEATURES)
    correction = model.correction
    assert correction is not None
    again = ActionUnitModel.load(model.save(tmp_path / "m.npz"))
    X = np.random.default_rng(1).integers(0, 255, (4, N_FEATURES)).astype(np.uint8)
    assert again.sha256 == model.sha256
    assert again.predict(X).tobytes() == model.predict(X).tobytes()
    assert replace_correction(model, None).sha256 != model.sha256
    assert model.predict(X[:0]).shape == (0, 2)
    assert model.predict(X[0]).shape == (2,)
    stored = load_model(tmp_path / "m.npz")
    # Without them in its settings, a version that knows none would take the rest for the whole.
    assert stored.card["settings"]["similar"] == 6
    part = {name: values for name, values in stored.arrays.items() if name != "similar_scales"}
    with pytest.raises(ModelError, match=r"without .*similar_scales"):
        ActionUnitModel.load(save_model(tmp_path / "part.npz", "action-units", part, stored.card))
    with pytest.raises(ModelError, match=r"6 centres of 7 numbers need scales \[7\]"):
        KernelCorrection(correction.centres, np.ones(6), correction.corrections)
    with pytest.raises(ModelError, match="compared by the coordinates of products and 2 intensities"):
        replace_correction(model, KernelCorrection(np.zeros((6, 6)), np.ones(6), np.zeros((6, 2))))

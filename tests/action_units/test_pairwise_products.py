"""Pairwise products: the right axes, products within limits, exact differences, and models that have them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.action_units.pairwise_products import BYTE_SCALE, BYTE_ZERO, PairwiseProducts
from facs_pipeline.action_units.training.cross_validation import TrainingSet
from facs_pipeline.action_units.training.products import FEWEST_FACES, fit_products, folded, with_products
from facs_pipeline.action_units.training.recipe import Recipe, train
from facs_pipeline.action_units.training.sources import Gathered
from facs_pipeline.features.vector import N_FEATURES
from facs_pipeline.foundation.errors import InputError, ModelError
from facs_pipeline.foundation.files.model_file import load_model, save_model

SIZES = (3, 2)


@pytest.fixture(scope="module")
def faces():
    """30 persons of 30 faces: column 0 says who it is, column 1 how the face moves, the others are noise."""
    random = np.random.default_rng(7)
    subjects = np.repeat([f"p{i:02d}" for i in range(30)], 30)
    X = random.normal(100, 2, (900, 12))
    X[:, 0] += np.repeat(random.normal(0, 20, 30), 30)
    X[:, 1] += random.normal(0, 9, 900)
    return np.rint(X).clip(0, 255).astype(np.uint8), subjects


@pytest.fixture(scope="module")
def products(faces):
    X, subjects = faces
    return fit_products(X, subjects, SIZES, np.full(12, 2.0))


def model_with(products):
    random = np.random.default_rng(3)
    weights = random.normal(0, 0.1, (12, 2)), random.normal(1, 1, 2)
    return ActionUnitModel(
        (1, 12), *weights, products=products, product_weights=random.normal(0, 1, (products.n_products, 2))
    )


def test_axes_of_all_faces_and_of_differences_within_persons(faces):
    X, subjects = faces
    # Standardised, all columns count alike; weights say which ones matter.
    weights = np.where(np.arange(12) < 2, [10.0, 5.0, *np.ones(10)], 1.0)
    found = fit_products(X, subjects, (1, 1), weights)
    assert np.abs(found.axes).argmax(axis=0).tolist() == [0, 1]
    coordinates = found.coordinates(X)
    np.testing.assert_allclose(coordinates.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(coordinates.std(axis=0), 1, atol=0.02)
    again = fit_products(X, subjects, (1, 1), weights)
    assert again.axes.tobytes() == found.axes.tobytes()
    assert again.offset.tobytes() == found.offset.tobytes()


def test_rows_count_as_they_are_weighed(faces):
    X, subjects = faces
    one = fit_products(X, subjects, SIZES, np.ones(12), np.where(subjects < "p10", 1.0, 0.0))
    np.testing.assert_allclose(one.coordinates(X[:300]).mean(axis=0)[:3], 0, atol=0.05)
    assert np.abs(one.coordinates(X).mean(axis=0)[:3]).max() > 0.05


def test_products_of_pairs_within_each_group(faces, products):
    X, _ = faces
    z = products.coordinates(X)
    expected = [z[:, i] * z[:, j] for i, j in [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2), (3, 3), (3, 4), (4, 4)]]
    np.testing.assert_allclose(products.of_features(X), np.column_stack(expected), rtol=1e-6)
    as_bytes = (products.as_bytes(X).astype(float) - BYTE_ZERO) / BYTE_SCALE
    assert np.abs(as_bytes - products.of_features(X)).max() <= 0.5 / BYTE_SCALE + 1e-6


def test_a_face_unlike_all_others_is_limited(products):
    assert np.abs(products.coordinates(np.full((1, 12), 255, np.uint8))).max() == 3
    assert np.abs(products.of_features(np.zeros((1, 12), np.uint8))).max() == 9
    assert products.as_bytes(np.array([[0] * 12, [255] * 12], np.uint8)).dtype == np.uint8


def test_the_difference_of_two_faces_is_shared_out_exactly(faces, products):
    model, X = model_with(products), faces[0].astype(np.float64)
    # The last one is limited in some coordinates and not in others.
    pairs = [(X[0], X[500]), (X[3], X[3]), (X[3], np.full(12, 100.0)), (X[8], X[8] + np.eye(12)[1] * 150)]
    limited = np.abs(products.coordinates(pairs[3][1][None])) == 3
    assert limited.any()
    assert not limited.all()
    for x, r in pairs:
        for column, au in enumerate(model.aus):
            moved = (model.scores(x) - model.scores(r))[column]
            assert model.weights_between(x, r, au) @ (x - r) == pytest.approx(moved, abs=1e-9)
    assert np.abs(model.scores(X[0]) - (X[0] @ model.weights + model.intercept)).max() > 0.1


def test_without_products_the_weights_are_the_models(faces):
    plain = ActionUnitModel((1,), np.arange(12.0)[:, None], [0.5])
    np.testing.assert_array_equal(plain.weights_between(faces[0][0], faces[0][1], 1), np.arange(12.0))


def test_a_model_of_bytes_is_folded_into_one_of_products(faces, products):
    X, subjects = faces
    data = with_products(TrainingSet(X, np.zeros((900, 2)), subjects, (1, 12)), products)
    assert data.X.shape == (900, 12 + products.n_products)
    assert data.X.dtype == np.uint8
    random = np.random.default_rng(1)
    coef, intercept = random.normal(0, 0.01, (data.X.shape[1], 2)), np.array([2.0, 1.0])
    model = folded((1, 12), coef, intercept, {}, products)
    rounding = 0.5 * np.abs(coef[12:]).sum(axis=0).max()
    np.testing.assert_allclose(model.scores(X), data.X @ coef + intercept, atol=rounding)
    # A face by itself, and among others.
    np.testing.assert_allclose(model.predict(X[5]), model.predict(X)[5], atol=1e-5)


def test_what_depends_on_the_person_is_learnt_with_products_only():
    """An action unit that raises a number in some persons and lowers it in others; folds are of persons."""
    random = np.random.default_rng(5)
    subjects = np.repeat([f"p{i:02d}" for i in range(40)], 25)
    kind, moves = np.repeat(random.choice([-1, 1], 40), 25), random.normal(0, 1, 1000)
    X = np.full((1000, N_FEATURES), 100, np.uint8)
    X[:, 3000:3006] = (120 + 40 * kind + random.normal(0, 4, 1000))[:, None]
    X[:, 4000:4006] = (120 + 25 * moves * kind + random.normal(0, 2, 1000)).clip(0, 255)[:, None]
    Y = (2.5 + moves + random.normal(0, 0.2, 1000)).clip(0, 5)[:, None]
    source = Gathered("made up", X, Y, subjects, np.ones(1000), np.ones(1000, bool), {"labels": "made up"})
    recipe = Recipe(regressor="ridge", folds=3, n_bootstrap=0)
    with pytest.raises(InputError, match="no action unit is usable"):
        train([source], (12,), recipe, title="linear")
    trained = train([source], (12,), replace(recipe, product_axes=(2, 1)), title="with products")
    assert trained.table["r"][12] > 0.9
    assert trained.model.products is not None
    assert trained.model.products.sizes == (2, 1)
    assert trained.model.card["recipe"]["modes"] == (2, 1)
    assert np.corrcoef(trained.model.predict(X)[:, 0], Y[:, 0])[0, 1] > 0.9


def test_a_saved_model_has_its_products(tmp_path):
    random = np.random.default_rng(0)
    products = PairwiseProducts(random.normal(0, 1e-3, (N_FEATURES, 5)), random.normal(size=5), SIZES)
    weights = np.zeros((N_FEATURES, 1)), [1.0]
    model = ActionUnitModel((12,), *weights, {}, products=products, product_weights=random.normal(size=(9, 1)))
    again = ActionUnitModel.load(model.save(tmp_path / "m.npz"))
    X = random.integers(0, 255, (4, N_FEATURES)).astype(np.uint8)
    assert again.sha256 == model.sha256
    assert again.predict(X).tobytes() == model.predict(X).tobytes()
    assert ActionUnitModel((12,), *weights).sha256 != model.sha256
    stored = load_model(tmp_path / "m.npz")
    # Without them in its settings, a version that knows no products would take the rest for the whole.
    assert stored.card["settings"]["modes"] == [3, 2]
    part = {name: values for name, values in stored.arrays.items() if name != "product_weights"}
    with pytest.raises(ModelError, match=r"without .*product_weights"):
        ActionUnitModel.load(save_model(tmp_path / "part.npz", "action-units", part, stored.card))
    with pytest.raises(ModelError, match=r"9 products .* need weights \[9, 1\]"):
        ActionUnitModel((12,), *weights, products=products, product_weights=np.zeros((8, 1)))
    with pytest.raises(ModelError, match=r"groups of \(3, 1\) axes"):
        PairwiseProducts(products.axes, products.offset, (3, 1))


@pytest.mark.parametrize(
    ("sizes", "said"),
    [((0, 0), "0 and 0 face modes"), ((12, 0), "of 12 features"), ((-1, 2), "-1 and 2 face modes")],
)
def test_sizes_that_cannot_be(faces, sizes, said):
    X, subjects = faces
    with pytest.raises(InputError, match=said):
        fit_products(X, subjects, sizes, np.ones(12))


def test_more_axes_than_the_faces_differ_on(faces):
    X, subjects = faces
    with pytest.raises(InputError, match="6 face modes, but these faces differ on 4 axes only; ask for fewer"):
        fit_products(X[:5], subjects[:5], (6, 0), np.ones(12))


def test_nobody_has_enough_faces(faces):
    X, _ = faces
    alone = np.array([f"p{i}" for i in range(len(X))])
    with pytest.raises(
        InputError, match=rf"somebody with {FEWEST_FACES} faces or more; the most .* 900 persons has is 1"
    ):
        fit_products(X, alone, (2, 1), np.ones(12))
    assert fit_products(X, alone, (2, 0), np.ones(12)).sizes == (2,)

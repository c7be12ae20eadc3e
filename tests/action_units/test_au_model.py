"""The regressors (scikit-learn's contract, folding, balancing) and the model file of action units."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import ThreadpoolController, threadpool_limits

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.action_units.training.svr_ensemble import SVREnsemble, balanced_rows
from facs_pipeline.features import vector
from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.foundation.files.model_file import save_model
from facs_pipeline.foundation.regression import linear, ridge
from facs_pipeline.foundation.regression.ridge import BatchedRidge


@pytest.fixture(scope="module")
def faces():
    """Counts like a histogram's, a constant column, and intensities that are mostly 0."""
    random = np.random.default_rng(11)
    X = random.poisson(8, (700, 60)).astype(np.uint8)
    X[:, 7] = 3
    y = np.clip(0.15 * (X[:, :10].astype(float).sum(axis=1) - 80) + random.normal(0, 0.3, 700), 0, 5)
    return X, y


@parametrize_with_checks([SVREnsemble(n_estimators=3, C=10.0), BatchedRidge()])
def test_the_regressors_keep_scikit_learns_contract(estimator, check):
    check(estimator)


def test_the_folded_ensemble_is_the_mean_of_its_members(faces):
    X, y = faces
    model = SVREnsemble(n_estimators=4, max_samples=150).fit(X, y)
    members = X @ model.member_coef_.T + model.member_intercept_
    assert members.std(axis=1).max() > 0.01
    np.testing.assert_allclose(model.predict(X), members.mean(axis=1), atol=1e-9)


def test_a_member_is_the_svr_on_its_standardised_subsample(faces):
    X, y = faces
    weights = np.where(np.arange(60) < 10, 3.0, 1.0)
    model = SVREnsemble(C=2.0, n_estimators=1, max_samples=200, level_width=1.0, feature_weights=weights).fit(X, y)
    rows = balanced_rows(y, 200, np.random.RandomState(0))
    standardised = StandardScaler().fit(X).transform(X) * weights
    moving = np.arange(60) != 7
    plain = SVR(kernel="linear", C=2.0 / (weights[moving] ** 2).sum(), epsilon=0.1, tol=1e-6)
    # libsvm stops at 1e-3 in the dual.
    plain.fit(standardised[rows], y[rows])
    np.testing.assert_allclose(model.predict(X), plain.predict(standardised), atol=0.02)
    assert model.coef_[7] == 0


def test_ridge_is_scikit_learns_ridge_on_standardised_columns(faces):
    X, y = faces
    weights = np.where(np.arange(60) < 10, 3.0, 1.0)
    Y = np.column_stack([y, X[:, 20] - y])
    model = BatchedRidge(alpha=0.2, feature_weights=weights).fit(X, Y)
    standardised = StandardScaler().fit_transform(X) * weights
    plain = Ridge(alpha=0.2 * len(X)).fit(standardised, Y)
    np.testing.assert_allclose(model.predict(X), plain.predict(standardised), atol=1e-4)


def test_both_ways_to_solve_ridge_agree(faces):
    X, y = faces
    weights, counts = np.where(np.arange(60) < 10, 3.0, 1.0), np.random.default_rng(1).uniform(0, 3, 700)
    rows, Y = np.arange(700), np.column_stack([y, y**2])
    mean, scale = linear.mean_and_scale(X)
    scale = ridge.safe_scale(scale)
    sums = ridge.sum_rows(X, Y, rows, mean, scale, counts, dtype=np.float64)
    from_sums = ridge.solve(sums, [0.1, 2.0], mean, scale, weights)
    from_rows = ridge.solve_rows(X, Y, [0.1, 2.0], weights, counts)
    np.testing.assert_allclose(from_rows[0], from_sums[0], atol=1e-8)
    np.testing.assert_allclose(from_rows[1], from_sums[1], atol=1e-8)


def test_leaving_rows_out_is_a_subtraction(faces):
    X, y = faces
    rows, Y = np.arange(700), y[:, None]
    mean, scale = linear.mean_and_scale(X)
    scale = ridge.safe_scale(scale)
    every = ridge.sum_rows(X, Y, rows, mean, scale)
    left = every - ridge.sum_rows(X, Y, rows[:200], mean, scale)
    coef, intercept = ridge.solve(left, [0.1], mean, scale)
    direct = BatchedRidge(alpha=0.1).fit(X[200:], y[200:])
    np.testing.assert_allclose(X @ coef[0, :, 0] + intercept[0, 0], direct.predict(X), atol=1e-3)


def test_subsamples_balance_the_intensities():
    y = np.repeat([0.0, 1.2, 2.1, 3.0, 4.9], [5000, 400, 300, 60, 10])
    rows = balanced_rows(y, 500, np.random.RandomState(1))
    counts = np.unique(np.round(y[rows]), return_counts=True)[1]
    assert len(rows) <= 500
    assert len(set(rows)) == len(rows)
    assert list(counts[3:]) == [60, 10]
    assert counts[:3].max() - counts[:3].min() == 0
    assert counts[0] > 100
    other = balanced_rows(y, 500, np.random.RandomState(2))
    assert set(rows) != set(other)


def test_zeros_never_outweigh_all_other_levels_together():
    y = np.repeat([0.0, 2.0, 4.0], [300, 10, 6])
    counts = np.unique(y[balanced_rows(y, 5000, np.random.RandomState(1))], return_counts=True)[1]
    assert list(counts) == [16, 10, 6]


def test_faint_intensities_are_learnt_like_strong_ones(faces):
    """The range of `y` sets levels and tolerance, so that scaling `y` scales the predictions."""
    X, y = faces
    strong, faint = (SVREnsemble(n_estimators=3, max_samples=200).fit(X, f * y).predict(X) for f in (0.5, 0.02))
    np.testing.assert_allclose(faint * 25, strong, atol=1e-6)


def test_balancing_raises_high_intensities(faces):
    X, y = faces
    skewed = np.concatenate([np.flatnonzero(y < 0.5)] * 12 + [np.flatnonzero(y >= 0.5)])
    balanced = SVREnsemble(max_samples=300).fit(X[skewed], y[skewed])
    plain = SVREnsemble(max_samples=300, level_width=100.0).fit(X[skewed], y[skewed])
    high = y > 2
    assert (y - balanced.predict(X))[high].mean() < (y - plain.predict(X))[high].mean() - 0.05


def test_a_few_faces_are_predicted_on_one_thread_and_many_on_all(monkeypatch):
    """Waking the threads of BLAS takes several times as long as a frame's products."""
    model = ActionUnitModel.load_default()
    blas = ThreadpoolController().select(user_api="blas").lib_controllers
    threads = []

    def linear(self, *args):
        threads.append([library.get_num_threads() for library in blas])
        return original(self, *args)

    original = ActionUnitModel._linear
    monkeypatch.setattr(ActionUnitModel, "_linear", linear)
    X = np.random.default_rng(0).integers(0, 255, (40, vector.N_FEATURES)).astype(np.uint8)
    with threadpool_limits(2, "blas"):
        together, alone = model.predict(X), np.array([model.predict(x) for x in X])
    assert threads[0] == [2] * len(blas)
    assert threads[1:] == [[1] * len(blas)] * len(X)
    np.testing.assert_allclose(alone, together, atol=1e-4)


@pytest.fixture
def model():
    random = np.random.default_rng(0)
    weights = random.normal(0, 0.01, (vector.N_FEATURES, 3))
    return ActionUnitModel((1, 12, 45), weights, [0.5, 1.0, -0.2], {"data": "nothing, a test"})


def test_predictions_are_one_product_within_0_and_5(model):
    X = np.random.default_rng(1).normal(0, 9, (50, vector.N_FEATURES)).astype(np.float32)
    intensities = model.predict(X)
    assert intensities.shape == (50, 3)
    assert intensities.dtype == np.float32
    assert intensities.min() == 0
    assert intensities.max() <= 5
    np.testing.assert_allclose(intensities, np.clip(X @ model.weights + model.intercept, 0, 5))
    np.testing.assert_allclose(model.predict(X[4]), intensities[4], atol=1e-5)
    with pytest.raises(ModelError, match=rf"expects {vector.N_FEATURES} features a face, got 7"):
        model.predict(X[:, :7])


def test_a_saved_model_is_the_same_model(model, tmp_path):
    again = ActionUnitModel.load(model.save(tmp_path / "a.npz"))
    assert again.aus == (1, 12, 45)
    assert again.sha256 == model.sha256
    assert again.card["data"] == "nothing, a test"
    np.testing.assert_array_equal(again.weights, model.weights)
    assert (tmp_path / "a.npz").read_bytes() == again.save(tmp_path / "b.npz").read_bytes()
    other = ActionUnitModel(model.aus, model.weights * 1.01, model.intercept)
    assert other.sha256 != model.sha256


def test_a_model_for_other_features_is_refused(model, tmp_path):
    settings = {**model.settings, "texture_px": 96}
    other = ActionUnitModel(model.aus, model.weights, model.intercept, settings=settings).save(tmp_path / "m.npz")
    with pytest.raises(ModelError, match=r"m\.npz: trained on other features .*texture_px: 96 there.*facs train-au"):
        ActionUnitModel.load(other)
    short = ActionUnitModel(model.aus, model.weights[:-1], model.intercept).save(tmp_path / "s.npz")
    with pytest.raises(ModelError, match="train it again"):
        ActionUnitModel.load(short)


def test_files_that_are_no_such_model_are_refused(model, tmp_path):
    with pytest.raises(ModelError, match="expected 'action-units'"):
        ActionUnitModel.load(save_model(tmp_path / "l.npz", "landmarks", {"weights": np.zeros(3)}, {}))
    with pytest.raises(ModelError, match="without"):
        ActionUnitModel.load(save_model(tmp_path / "e.npz", "action-units", {"weights": np.zeros(3)}, {}))
    whole = model.save(tmp_path / "a.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"cut\.npz"):
        ActionUnitModel.load(tmp_path / "cut.npz")


def test_a_model_needs_facs_numbers_and_finite_weights():
    with pytest.raises(ModelError, match="FACS numbers"):
        ActionUnitModel((1, 3), np.zeros((4, 2)), np.zeros(2))
    with pytest.raises(ModelError, match="finite"):
        ActionUnitModel((1,), np.full((4, 1), np.nan), np.zeros(1))
    with pytest.raises(ModelError, match="weights"):
        ActionUnitModel((1, 2), np.zeros((4, 1)), np.zeros(1))

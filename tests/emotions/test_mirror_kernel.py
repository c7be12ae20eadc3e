"""The mirror kernel and its solver: exactness, what it says ahead, mirror invariance, the small version of it."""

import numpy as np
import pytest
from counted_progress import CountedProgress
from sklearn.datasets import load_digits, make_classification
from sklearn.model_selection import train_test_split
from sklearn.utils.estimator_checks import parametrize_with_checks

from facs_pipeline.emotions.mirror_kernel import MirrorKernelRidge, fit_temperature, mirror_kernel, solve_in_place
from facs_pipeline.emotions.small_kernel import SmallKernel, steepest_directions


@parametrize_with_checks([MirrorKernelRidge()])
def test_scikit_learns_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("parameters", [{"gamma": 0}, {"penalty": -1.0}, {"gamma": float("nan")}, {"n_symmetric": -1}])
def test_parameters_out_of_range_are_refused(parameters):
    name = next(iter(parameters))
    with pytest.raises(ValueError, match=f"{name} is {parameters[name]!r}; expected"):
        MirrorKernelRidge(**parameters).fit(np.eye(4), np.repeat([0, 1], 2))


def test_the_kernel_is_that_of_both_mirror_images():
    random = np.random.default_rng(0)
    X, Y = random.normal(size=(5, 7)).astype(np.float32), random.normal(size=(4, 7)).astype(np.float32)
    flipped = Y * np.r_[np.ones(3), -np.ones(4)]
    both = [np.exp(-0.3 * ((X[:, None] - other) ** 2).sum(axis=2)) for other in (Y, flipped)]
    np.testing.assert_allclose(mirror_kernel(X, Y, 3, 0.3), sum(both), rtol=1e-4)


def test_blocks_solve_what_lapack_solves_and_know_what_earlier_rows_say():
    random = np.random.default_rng(1)
    X = random.normal(size=(4300, 6)).astype(np.float32)
    kernel = mirror_kernel(X, X, 4, 0.2)
    kernel.flat[::4301] += 0.5
    targets = np.eye(2, dtype=np.float32)[(X[:, 0] > 0).astype(int)]
    told = CountedProgress()
    solution, ahead = solve_in_place(kernel.copy(), targets, told)
    np.testing.assert_allclose(solution, np.linalg.solve(kernel.astype(float), targets), atol=2e-3)
    # Rows of the third block: a model trained on the first two alone.
    alone = np.linalg.solve(kernel[:4096, :4096].astype(float), targets[:4096])
    np.testing.assert_allclose(ahead[4096:], kernel[4096:, :4096] @ alone, atol=2e-3)
    assert (ahead[:2048] == 0).all()
    assert told.counts == [(4300, 4300)]


def test_a_face_and_its_mirror_image_get_the_same_answer():
    X, y = make_classification(300, 10, n_informative=6, random_state=0)
    model = MirrorKernelRidge(0.05, n_symmetric=6).fit(X, y)
    flipped = X * np.r_[np.ones(6), -np.ones(4)]
    np.testing.assert_allclose(model.predict_proba(X), model.predict_proba(flipped), atol=1e-5)


def test_the_temperature_makes_probabilities_honest():
    random = np.random.default_rng(2)
    scores = random.normal(size=(20_000, 3))
    odds = np.exp(2.5 * scores)
    y = np.array([random.choice(3, p=row / row.sum()) for row in odds])
    assert fit_temperature(scores, y) == pytest.approx(2.5, rel=0.05)


def test_probabilities_of_unseen_digits_are_calibrated_and_the_small_kernel_is_nearly_as_good():
    X, y = load_digits(return_X_y=True)
    X = ((X - X.mean(axis=0)) / 40).astype(np.float32)
    X = np.concatenate([X, X + np.random.default_rng(0).normal(0, 0.02, X.shape).astype(np.float32)])
    train, test, y_train, y_test = train_test_split(X, np.tile(y, 2), random_state=0, train_size=2600)
    model = MirrorKernelRidge(1.0, 0.1, n_symmetric=60).fit(train, y_train)
    full = (model.predict(test) == y_test).mean()
    assert full > 0.95
    first, second = steepest_directions(model, 16, 2, samples=500)
    targets = np.eye(10)[y_train]
    projected, unseen = (np.hstack([rows[:, :60] @ first, rows[:, 60:] @ second]) for rows in (train, test))
    length = np.sqrt((projected**2).sum(axis=1).mean())
    small = SmallKernel.fit(
        projected / length, targets, np.arange(len(train)), n_centres=400, n_symmetric=16, gamma=1.0
    )
    right = (small.scores(unseen / length).argmax(axis=1) == y_test).mean()
    assert right > full - 0.06
    centres = small.centres * small.steps
    np.testing.assert_allclose(
        small.scores(unseen / length), mirror_kernel(unseen / length, centres, 16, 1.0) @ small.dual, atol=1e-4
    )
    again = SmallKernel.restore(small.arrays())
    np.testing.assert_array_equal(again.scores(unseen), small.scores(unseen))
    assert small.centres.dtype == np.int8

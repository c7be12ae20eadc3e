"""The Rank-SVM does what the publication says, and the rankers beside it keep the same contract."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from facs_pipeline.authenticity.baselines import LightGBMPairs, LightGBMSingle, SVMSingle
from facs_pipeline.authenticity.checks import emotion_columns, known_emotions
from facs_pipeline.authenticity.inner_folds import widest_margin
from facs_pipeline.authenticity.rank_svm import AUTO_C, RankSVM
from facs_pipeline.authenticity.series import ResidualBoosting, Series, WindowsSVM, window_statistics
from facs_pipeline.authenticity.squared_hinge import squared_hinge, squared_hinge_parts

EMOTIONS = ("angry", "happy", "sad")


def people(n_subjects=20, d=30, strength=1.5, seed=0):
    """Descriptors with large differences between people and a small one between real and fake."""
    rng = np.random.default_rng(seed)
    X, subjects, emotions = [], [], []
    for subject in range(n_subjects):
        person = 2 * rng.normal(size=d)
        for emotion in EMOTIONS:
            for label in (1, -1):
                row = person + rng.normal(size=d)
                row[:5] += strength * label / 2
                X.append(row)
                subjects.append(str(subject))
                emotions.append(emotion)
    pairs = np.arange(len(X)).reshape(-1, 2)
    return np.array(X), pairs, np.array(subjects, dtype=object), np.array(emotions, dtype=object)


@pytest.fixture(scope="module")
def fitted():
    X, pairs, _subjects, emotions = people()
    return RankSVM(n_estimators=25).fit(X, pairs[:45], emotions=emotions), X, pairs, emotions


def test_ranks_people_it_has_not_seen_far_better_than_chance(fitted):
    model, X, pairs, emotions = fitted
    assert model.score(X, pairs[45:], emotions=emotions) >= 0.8


def test_swapping_a_pair_changes_the_sign_and_nothing_else(fitted):
    model, X, pairs, emotions = fitted
    forward = model.decision_function(X, pairs, emotions=emotions)
    assert np.array_equal(forward, -model.decision_function(X, pairs[:, ::-1], emotions=emotions))
    assert np.abs(forward).max() <= 1


def test_one_product_gives_the_votes_of_the_members_one_by_one(fitted):
    """The published way, spelled out: standardise, append the emotion, every member votes in both orders."""
    model, X, pairs, emotions = fitted
    folded = model.decision_function(X, pairs[45:], emotions=emotions)
    slow = []
    for a, b in pairs[45:]:
        onehot = np.array([emotions[a] == name for name in EMOTIONS], float)
        votes = [
            np.sign(np.r_[X[a] - X[b], onehot] @ w + c) - np.sign(np.r_[X[b] - X[a], onehot] @ w + c)
            for w, c in zip(model.pair_weights_.T, model.pair_intercepts_, strict=True)
        ]
        slow.append(np.mean(votes) / 2)
    assert np.array_equal(folded, np.array(slow))


def test_members_are_the_svms_that_scikit_learn_trains_on_the_same_halves():
    X, pairs, _subjects, emotions = people(n_subjects=10, d=80)
    model = RankSVM(n_estimators=3, random_state=4).fit(X, pairs, emotions=emotions)
    onehot = (emotions[pairs[:, 0]][:, None] == np.array(EMOTIONS)).astype(float)
    difference = X[pairs[:, 0]] - X[pairs[:, 1]]
    samples = np.vstack([np.hstack([difference, onehot]), np.hstack([-difference, onehot])])
    y = np.repeat([1.0, -1.0], len(pairs))
    z = StandardScaler().fit_transform(samples)
    rng = np.random.RandomState(4)
    for member in range(3):
        half = np.sort(rng.permutation(len(y))[: len(y) // 2])
        reference = LinearSVC(C=1, dual=True, tol=1e-10, max_iter=10**6, random_state=0).fit(z[half], y[half])
        own = z @ (model.pair_weights_[:, member] * samples.std(axis=0)) + (
            model.pair_intercepts_[member] + samples.mean(axis=0) @ model.pair_weights_[:, member]
        )
        assert np.allclose(own, reference.decision_function(z), atol=1e-5)


def test_hinge_loss_is_libsvms_and_votes_almost_alike():
    X, pairs, _subjects, emotions = people(n_subjects=16, d=120)
    squared = RankSVM(n_estimators=15).fit(X, pairs[:36], emotions=emotions)
    hinge = RankSVM(n_estimators=15, loss="hinge").fit(X, pairs[:36], emotions=emotions)
    one, other = (m.decision_function(X, pairs[36:], emotions=emotions) for m in (squared, hinge))
    assert np.abs(one - other).mean() < 0.1
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(30, 50)), np.where(rng.random(30) < 0.5, 1.0, -1.0)
    weights, intercept = RankSVM(loss="hinge").fit(X, pairs)._solve(z, y, 1.0)
    assert np.allclose(z @ weights + intercept, SVC(kernel="linear", C=1).fit(z, y).decision_function(z), atol=2e-3)


def test_newton_solver_reaches_the_optimum_where_classes_overlap():
    rng = np.random.default_rng(1)
    z = rng.normal(size=(200, 4))
    y = np.where(z[:, 0] + rng.normal(size=200) > 0, 1.0, -1.0)
    weights, intercept = squared_hinge(z, y, C=0.3)
    reference = LinearSVC(C=0.3, dual=True, tol=1e-10, max_iter=10**6, random_state=0).fit(z, y)
    assert np.allclose(weights, reference.coef_[0], atol=1e-5)
    assert intercept == pytest.approx(reference.intercept_[0], abs=1e-5)


def test_svms_solved_together_are_those_solved_alone_wherever_they_start():
    rng = np.random.default_rng(2)
    # Hardly more samples than features, and overlapping classes: here steps without a line search go in circles.
    z = rng.normal(size=(180, 12)) @ rng.normal(size=(12, 90)) + 0.3 * rng.normal(size=(180, 90))
    y = np.where(z[:, 0] + 4 * rng.normal(size=180) > 0, 1.0, -1.0)
    parts = [np.sort(rng.permutation(180)[:size]) for size in (20, 90, 140, 180)]
    for start in (None, rng.normal(size=91)):
        weights, intercepts = squared_hinge_parts(z, y, 1.0, parts, start=start)
        for number, part in enumerate(parts):
            alone, intercept = squared_hinge(z[part], y[part], 1.0)
            assert np.allclose(weights[:, number], alone, atol=1e-9)
            assert intercepts[number] == pytest.approx(intercept, abs=1e-9)
            slack = np.maximum(0, 1 - y[part] * (z[part] @ alone + intercept))
            # The gradient of the objective: 0 at the optimum.
            assert np.allclose(alone, 2 * (slack * y[part]) @ z[part], atol=1e-8)
            assert intercept == pytest.approx(2 * (slack * y[part]).sum(), abs=1e-8)


def test_same_seed_same_model_other_seed_other_halves():
    X, pairs, _subjects, emotions = people(n_subjects=6)
    weights = [
        RankSVM(n_estimators=5, random_state=seed).fit(X, pairs, emotions=emotions).pair_weights_ for seed in (0, 0, 1)
    ]
    assert np.array_equal(weights[0], weights[1])
    assert not np.allclose(weights[0], weights[2])


def test_margins_sum_to_the_mean_of_the_members_margins(fitted):
    model, X, pairs, emotions = fitted
    margins = model.margins(X, pairs[45:], emotions=emotions)
    difference = X[pairs[45:, 0]] - X[pairs[45:, 1]]
    assert np.allclose(margins.sum(axis=1), (difference @ model.pair_weights_[: X.shape[1]]).mean(axis=1))
    # The five descriptors that carry the signal carry the decision.
    assert np.abs(margins[:, :5]).mean() > 2 * np.abs(margins[:, 5:]).mean()


def test_video_without_partner_is_scored_by_the_plain_ensemble(fitted):
    model, X, _pairs, emotions = fitted
    scores = model.score_videos(X[90:], emotions=emotions[90:])
    assert np.abs(scores).max() <= 1
    assert scores[::2].mean() > scores[1::2].mean()


@pytest.mark.parametrize(
    "ranker", [RankSVM(n_estimators=5), SVMSingle(), LightGBMPairs(trees=(20,)), LightGBMSingle(trees=(20,))]
)
def test_every_ranker_looks_at_no_row_that_training_does_not_name(ranker):
    X, pairs, subjects, emotions = people(n_subjects=8)
    other = X.copy()
    other[40:] = np.nan
    scores = [
        clone(ranker)
        .fit(data, pairs[:20], emotions=emotions, subjects=subjects)
        .decision_function(X, pairs[20:], emotions=emotions)
        for data in (X, other)
    ]
    assert np.array_equal(*scores)


@pytest.mark.parametrize("ranker", [SVMSingle(), LightGBMPairs(trees=(30,)), LightGBMSingle(trees=(30,))])
def test_baselines_are_antisymmetric_and_better_than_chance(ranker):
    X, pairs, subjects, emotions = people(n_subjects=30, strength=3)
    ranker.fit(X, pairs[:60], emotions=emotions, subjects=subjects)
    forward = ranker.decision_function(X, pairs[60:], emotions=emotions)
    assert np.allclose(forward, -ranker.decision_function(X, pairs[60:, ::-1], emotions=emotions))
    assert ranker.score(X, pairs[60:], emotions=emotions) > 0.65


def test_penalty_chosen_in_inner_folds_is_one_of_the_offered(fitted):
    X, pairs, subjects, emotions = people(n_subjects=9)
    model = RankSVM(n_estimators=5, C="auto").fit(X, pairs, emotions=emotions, subjects=subjects)
    assert model.C_ in (1.0, 1e-2, 1e-3, 1e-4, 1e-5)
    assert model.single_C_ in (1.0, 1e-2, 1e-3, 1e-4, 1e-5)
    copy = RankSVM.from_arrays(model.to_arrays(), model.get_params())
    assert (copy.C_, copy.single_C_) == (model.C_, model.single_C_)
    assert clone(model).C == "auto"


def test_tuned_penalty_is_strong_for_a_signal_along_the_main_directions_and_weak_for_a_hidden_one():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(4, 60))
    noise = rng.normal(size=(160, 4)) @ mixing + 0.3 * rng.normal(size=(160, 60))
    pairs, subjects = np.arange(160).reshape(-1, 2), np.repeat(np.arange(40), 4)
    sign = np.tile([0.5, -0.5], 80)[:, None]
    hidden = np.zeros(60)
    hidden[:6] = 1.0
    chosen = {}
    for name, signal in (("main", 2.0 * mixing[0]), ("hidden", hidden)):
        model = RankSVM(n_estimators=5, C="auto").fit(noise + sign * signal, pairs, subjects=subjects)
        chosen[name] = model.C_
    assert chosen["main"] < chosen["hidden"]


def test_one_order_of_every_pair_is_enough_to_find_the_svm_of_both():
    X, pairs, _subjects, emotions = people(n_subjects=9)
    differences = X[pairs[:, 0]] - X[pairs[:, 1]]
    onehot = emotion_columns(emotions, known_emotions(emotions, pairs), pairs[:, 0])
    both = np.vstack([np.hstack([differences, onehot]), np.hstack([-differences, onehot])])
    z = (both - both.mean(axis=0)) / both.std(axis=0)
    y = np.repeat([1.0, -1.0], len(pairs))
    weights, intercept = squared_hinge(z, y, C=0.01)
    assert intercept == pytest.approx(0, abs=1e-9)
    assert weights[-onehot.shape[1] :] == pytest.approx(0, abs=1e-9)
    half = differences / np.sqrt((differences**2).mean(axis=0))
    of_half, intercept = squared_hinge(half, np.ones(len(half)), C=0.02, intercept=False)
    assert intercept == 0
    assert of_half == pytest.approx(weights[: X.shape[1]], abs=1e-9)


def test_tuning_gives_both_losses_a_penalty_of_their_own():
    X, pairs, subjects, emotions = people(n_subjects=9)
    for loss in ("squared_hinge", "hinge"):
        model = RankSVM(n_estimators=3, C="auto", scaling="auto", loss=loss)
        model.fit(X, pairs, emotions=emotions, subjects=subjects)
        assert model.C_ in AUTO_C
        assert model.score(X, pairs, emotions=emotions) > 0.9


def test_repeated_inner_folds_keep_people_together_and_differ():
    y, groups = np.ones(30), np.repeat(np.arange(10), 3)
    parts = []

    def held_out(train, test):
        assert not set(groups[train]) & set(groups[test])
        parts.append(tuple(test))
        return np.column_stack([np.ones(len(test)), np.linspace(-1, 2, len(test))])

    assert widest_margin(held_out, y, groups, default=1, repeats=3) == 0
    assert len(parts) == 15
    assert len(set(parts)) > 10
    assert sorted(sum(parts[5:10], ())) == list(range(30))
    again, parts = parts, []
    widest_margin(held_out, y, groups, default=1, repeats=3)
    assert parts == again
    assert widest_margin(held_out, y, np.zeros(30), default=1, repeats=3) == 1


def moving(slow: bool, seed: int) -> Series:
    rng = np.random.default_rng(seed)
    times = np.arange(75) / 25
    course = np.clip(times / 1.5, 0, 1) if slow else (times > 1) * 1.0
    values = np.outer(course, [3, 2]) * rng.uniform(0.8, 1.2) + 0.05 * rng.normal(size=(75, 2))
    face = rng.normal(size=(68, 2)) * 50 + 200
    points = face + course[:, None, None] * np.array([6.0, -4.0]) * (np.arange(68) > 47)[:, None]
    return Series(times, values, points + 0.2 * rng.normal(size=(75, 68, 2)))


@pytest.mark.parametrize("ranker", [WindowsSVM(), ResidualBoosting(n_components=4)])
@pytest.mark.parametrize("landmarks", [True, False])
def test_rankers_on_series_tell_slow_from_abrupt(ranker, landmarks):
    X = [moving(i % 2 == 0, i) for i in range(60)]
    if not landmarks:
        X = [series._replace(points=None) for series in X]
    pairs = np.arange(60).reshape(-1, 2)
    subjects = np.arange(60) // 2
    model = clone(ranker).fit(X, pairs[:24], subjects=subjects)
    assert model.score(X, pairs[24:]) >= 5 / 6
    forward = model.decision_function(X, pairs[24:])
    assert np.allclose(forward, -model.decision_function(X, pairs[24:, ::-1]))


def test_window_statistics_of_a_ramp():
    series = Series(np.arange(30) / 20, np.arange(30.0)[:, None] / 20)
    statistics = window_statistics(series)
    assert statistics.shape == (20,)
    # Windows of three frames at 20 frames/s: mean of window means, and the slope between first and last frame.
    assert statistics[0] == pytest.approx(np.mean(np.arange(30) / 20))
    assert statistics[4] == pytest.approx(0.1 / 0.15)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, pairs, e: (X, np.array([[3, 3]]), e), "with itself"),
        (lambda X, pairs, e: (X, np.array([[0, 900]]), e), "rows 0..119"),
        (lambda X, pairs, e: (X, pairs[:0], e), "no pairs"),
        (lambda X, pairs, e: (X, np.array([[0, 1], [1, 2]]), None), "real one of one pair"),
        (lambda X, pairs, e: (np.where(np.arange(120)[:, None] == 7, np.nan, X), pairs, e), "row 7"),
        (lambda X, pairs, e: (X, pairs, np.roll(e, 1)), "joins two emotions"),
        (lambda X, pairs, e: (X, pairs, np.where(e == "sad", "", e)), "some pairs have an emotion"),
        (lambda X, pairs, e: (X, pairs.astype(float), e), "integers"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_with_the_reason(change, message):
    X, pairs, _subjects, emotions = people()
    X, pairs, emotions = change(X, pairs, emotions)
    with pytest.raises(ValueError, match=message):
        RankSVM(n_estimators=3).fit(X, pairs, emotions=emotions)


def test_one_pair_and_constant_columns_are_enough_to_fit():
    X, _pairs, _subjects, emotions = people(n_subjects=2)
    X[:, 10:20] = 3.0
    model = RankSVM(n_estimators=5).fit(X, np.array([[0, 1]]), emotions=emotions)
    assert model.decision_function(X, np.array([[0, 1]]), emotions=emotions)[0] == 1
    assert np.isfinite(model.pair_weights_).all()


def test_wrong_width_is_named(fitted):
    model, X, pairs, emotions = fitted
    with pytest.raises(ValueError, match="29 columns"):
        model.decision_function(X[:, 1:], pairs, emotions=emotions)


def test_normal_scaling_sees_a_signal_that_skewed_columns_hide():
    X, pairs, _subjects, emotions = people(n_subjects=40, strength=1.2)
    skewed = np.exp(2 * X)
    scores = [
        RankSVM(n_estimators=15, scaling=scaling)
        .fit(skewed, pairs[:90], emotions=emotions)
        .score(skewed, pairs[90:], emotions=emotions)
        for scaling in ("standard", "normal")
    ]
    assert scores[1] > scores[0] + 0.1
    same, other = (
        RankSVM(n_estimators=3, scaling="normal").fit(data, pairs).decision_function(data, pairs)
        for data in (X, skewed)
    )
    # Ranks do not change under a rising function; between quantiles the interpolation does a little.
    assert np.abs(same - other).max() < 0.7
    assert np.array_equal(np.sign(same), np.sign(other))


def test_scaling_chosen_in_inner_folds_follows_the_data_and_is_kept_when_saved():
    X, pairs, subjects, emotions = people(n_subjects=24, strength=1.2)
    for data in (np.exp(2 * X), X):
        model = RankSVM(n_estimators=5, scaling="auto").fit(data, pairs, emotions=emotions, subjects=subjects)
        fixed = RankSVM(n_estimators=5, scaling=model.scaling_).fit(data, pairs, emotions=emotions, subjects=subjects)
        copy = RankSVM.from_arrays(model.to_arrays(), model.get_params())
        assert copy.scaling_ == model.scaling_
        for other in (fixed, copy):
            assert np.array_equal(
                model.decision_function(data, pairs, emotions=emotions),
                other.decision_function(data, pairs, emotions=emotions),
            )
    skewed = RankSVM(n_estimators=3, scaling="auto", C="auto").fit(np.exp(2 * X), pairs, subjects=subjects)
    assert skewed.scaling_ == "normal"
    plain = RankSVM(n_estimators=3, scaling="auto").fit(X, pairs[:1])
    assert (plain.scaling_, plain.C_) == ("standard", 1.0)


def test_normal_scaling_is_antisymmetric_and_takes_constant_columns():
    X, pairs, _subjects, emotions = people(n_subjects=8)
    X[:, 7] = 2.0
    model = RankSVM(n_estimators=5, scaling="normal").fit(X, pairs, emotions=emotions)
    forward = model.decision_function(X, pairs, emotions=emotions)
    assert np.array_equal(forward, -model.decision_function(X, pairs[:, ::-1], emotions=emotions))
    assert np.all(model.margins(X, pairs, emotions=emotions)[:, 7] == 0)

"""Folds, intervals, p-values and probabilities are what they claim to be."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from facs_pipeline.authenticity import scoring
from facs_pipeline.authenticity.pairs import Pairs
from facs_pipeline.authenticity.rank_svm import RankSVM
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.evaluation import accuracy


def test_folds_are_subject_mod_k_as_published():
    assert accuracy.subject_folds(["0", "7", "13", "40", "7"], 10).tolist() == [0, 7, 3, 0, 7]


@pytest.mark.parametrize("names", [[f"s{i}" for i in range(25)], [str(10 * i) for i in range(1, 26)]])
def test_no_subject_is_in_two_folds(names):
    subjects = np.repeat(names, 4)
    folds = accuracy.subject_folds(subjects, 10)
    assert len(np.unique(folds)) == 10
    assert all(len(set(folds[subjects == name])) == 1 for name in names)


def test_few_subjects_get_a_fold_each():
    assert accuracy.subject_folds(["anna", "ben", "anna"], 10).tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("subjects", "message"), [(["1", "1"], "all 2 videos show subject '1'"), (["1", ""], "1 videos have no subject")]
)
def test_folds_need_two_known_subjects(subjects, message):
    with pytest.raises(InputError, match=message):
        accuracy.subject_folds(subjects)


def test_own_folds_with_a_subject_on_both_sides_are_refused_by_row():
    with pytest.raises(
        InputError,
        match=r"t.csv: row 4, column 'fold': subject '1' is in fold 'b' here and in fold 'a' in t.csv: row 2",
    ):
        accuracy.check_folds(["1", "2", "1"], ["a", "b", "b"], lambda i: f"t.csv: row {i + 2}")
    assert accuracy.check_folds(["1", "2", "1"], ["a", "b", "a"], str).tolist() == [0, 1, 0]
    with pytest.raises(InputError, match="at least two folds"):
        accuracy.check_folds(["1", "2"], ["a", "a"], str)
    with pytest.raises(InputError, match="'fold' is empty"):
        accuracy.check_folds(["1", "2"], ["a", ""], str)


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    # 40 of 60 is the published result; 0 of 10 and 10 of 10 from R's prop.test-free formula, binom::binom.wilson.
    [(40, 60, 0.5406, 0.7727), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962)],
)
def test_wilson_interval(correct, n, low, high):
    assert accuracy.wilson_interval(correct, n) == pytest.approx((low, high), abs=5e-5)


def test_bootstrap_over_subjects_is_wider_where_a_subject_is_all_right_or_all_wrong():
    subjects = np.repeat(np.arange(20), 10)
    together = np.repeat(np.arange(20) % 2, 10).astype(float)
    scattered = np.tile([0.0, 1.0], 100)
    width = lambda interval: interval[1] - interval[0]  # noqa: E731
    assert width(accuracy.bootstrap_interval(together, subjects)) > 0.3
    assert width(accuracy.bootstrap_interval(scattered, subjects)) < 0.01
    assert accuracy.bootstrap_interval(together, subjects, seed=3) == accuracy.bootstrap_interval(
        together, subjects, seed=3
    )


def test_swap_p_value_is_the_binomial_test():
    from scipy.stats import binomtest

    scores = np.r_[np.ones(40), -np.ones(20)]
    assert scoring.swap_p_value(scores, n_permutations=20_000) == pytest.approx(
        binomtest(40, 60, alternative="greater").pvalue, abs=0.003
    )
    assert scoring.swap_p_value(-scores) > 0.98
    # Four pairs that share their videos are one coin, not four.
    assert scoring.swap_p_value(np.ones(4), np.zeros(4, int)) == pytest.approx(0.5, abs=0.02)


def test_retrained_p_value_is_small_with_signal_and_not_without():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(48, 6))
    pairs = np.arange(48).reshape(-1, 2)
    folds = np.repeat(np.arange(6), 8)
    model = RankSVM(n_estimators=5)
    data = scoring.PairedVideos(X, Pairs(pairs, pairs[:0]), folds)
    noise = scoring.retrained_p_value(model, data, n_permutations=30)
    X[::2, 0] += 4
    signal = scoring.retrained_p_value(model, data, n_permutations=30)
    assert signal == pytest.approx(1 / 31)
    assert noise > 0.05


def test_accuracies_by_chance_are_those_of_ridge_regressions_trained_again():
    """The slow way: swap labels, fit scikit-learn's ridge per fold, count what is right."""
    rng = np.random.default_rng(4)
    differences, folds = rng.normal(size=(24, 6)) * [1, 5, 1, 1, 0.1, 1], np.arange(24) % 4
    differences[:, 5] = 0
    groups = np.r_[0, 0, 1:23]
    fast = scoring.relabelled_accuracies(differences, folds, groups, n_permutations=20, seed=3)
    signs = np.random.default_rng(3).choice([-1.0, 1.0], size=(20, 23))[:, groups]
    for sign, share in zip(signs, fast, strict=True):
        swapped = differences * sign[:, None]
        hits = 0.0
        for fold in range(4):
            train, test = folds != fold, folds == fold
            scale = np.sqrt((swapped[train] ** 2).mean(axis=0))
            scale[5] = 1
            ridge = Ridge(alpha=6, fit_intercept=False).fit(swapped[train] / scale, np.ones(train.sum()))
            hits += (ridge.predict(swapped[test] / scale) > 0).sum()
        assert share == pytest.approx(hits / 24)


def test_p_against_retrained_rankers_is_sound_where_the_quick_one_is_not():
    """Pairs that train each other's models fail together: without signal, independent guesses would spread less."""
    quick, sound = [], []
    for seed in range(150):
        rng = np.random.default_rng([seed, 11])
        X = rng.normal(size=(60, 20))
        pairs, folds = np.arange(60).reshape(-1, 2), np.repeat(np.arange(30) % 5, 2)
        data = scoring.PairedVideos(X, Pairs(pairs, pairs[:0]), folds)
        scores = scoring.out_of_fold_scores(RankSVM(n_estimators=3), data)[0]
        observed = scoring.right(scores).mean()
        by_chance = scoring.relabelled_accuracies(X[::2] - X[1::2], folds[::2], n_permutations=500)
        quick.append(scoring.swap_p_value(scores, n_permutations=500))
        sound.append(scoring.share_at_least(by_chance, observed))
    assert np.mean(np.array(sound) < 0.1) <= 0.13
    assert np.mean(np.array(sound) < 0.1) < np.mean(np.array(quick) < 0.1)


def test_pairs_that_share_a_video_are_swapped_together():
    groups = scoring.swap_groups(np.array([[0, 1], [2, 3], [0, 4], [5, 6]]))
    assert groups[0] == groups[2]
    assert len(np.unique(groups)) == 3


def test_out_of_fold_scores_do_not_depend_on_the_labels_of_their_own_fold():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 8))
    pairs = np.arange(40).reshape(-1, 2)
    folds = np.repeat(np.arange(5), 8)
    swapped = pairs.copy()
    swapped[:4] = pairs[:4, ::-1]
    model, none = RankSVM(n_estimators=9), pairs[:0]
    labels, other = np.tile([1, -1], 20), np.tile([1, -1], 20)
    other[:8] *= -1
    data = scoring.PairedVideos(X, Pairs(pairs, none), folds, labels=labels)
    scores, _c, videos = scoring.out_of_fold_scores(model, data)
    data = scoring.PairedVideos(X, Pairs(swapped, none), folds, labels=other)
    scores_other, _c, videos_other = scoring.out_of_fold_scores(model, data)
    assert np.array_equal(scores[:4], -scores_other[:4])
    assert np.array_equal(videos[:8], videos_other[:8])
    assert not np.array_equal(videos[8:], videos_other[8:])


def test_auc():
    assert scoring.auc_of_pairs(np.array([1.0, 2.0, 0.5])) == 1
    assert scoring.auc_of_pairs(np.array([1.0, -1.0])) == 0.5
    assert scoring.auc_of_videos(np.array([0.2, 0.9, 0.4]), np.array([-1, 1, 1])) == 1
    assert scoring.auc_of_videos(np.array([0.2]), np.array([1])) is None


def test_calibrated_probabilities_are_right_as_often_as_they_say():
    rng = np.random.default_rng(2)
    scores = rng.normal(size=4000)
    is_right = rng.random(4000) < 1 / (1 + np.exp(-2 * scores))
    curve = scoring.Calibration.of_pairs(np.where(is_right, scores, -scores)[:2000])
    assert curve is not None
    p = curve(scores[2000:])
    for low in (0.1, 0.3, 0.5, 0.7):
        inside = (p >= low) & (p < low + 0.2)
        assert is_right[2000:][inside].mean() == pytest.approx(p[inside].mean(), abs=0.06)
    assert np.allclose(curve(scores) + curve(-scores), 1)


def test_scores_that_are_worse_than_chance_or_few_give_no_confidence():
    rng = np.random.default_rng(3)
    worse = -np.abs(rng.normal(size=50))
    curve = scoring.Calibration.of_pairs(worse)
    assert curve is not None
    assert curve(np.array([3.0])) == pytest.approx(0.5)
    lucky = scoring.Calibration.of_pairs(np.array([0.9]))
    assert lucky is not None
    assert 0.5 < lucky(np.array([0.9]))[0] < 0.8
    assert scoring.Calibration.of_pairs(np.array([np.nan])) is None
    assert scoring.Calibration.of_videos(np.array([0.1, 0.4]), np.array([1, 1])) is None


def test_a_folds_probability_is_learnt_on_the_other_folds():
    used = []

    def fit(mask):
        used.append(mask.copy())
        return lambda scores: np.full(len(scores), 0.7)

    folds = np.array([0, 0, 1])
    assert scoring.cross_calibrated(np.zeros(3), folds, fit).tolist() == [0.7, 0.7, 0.7]
    assert [mask.tolist() for mask in used] == [[False, False, True], [True, True, False]]

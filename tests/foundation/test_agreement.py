"""Agreement measures against published and independent numbers."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from sklearn.metrics import f1_score, mean_absolute_error

from facs_pipeline.foundation.evaluation import agreement as ag

# Shrout and Fleiss (1979), table 2: 6 targets rated by 4 judges; they give ICC(3,1) = .71.
SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])


@pytest.fixture
def rated():
    random = np.random.default_rng(3)
    truth = np.clip(random.gamma(1.0, 1.2, (400, 3)), 0, 5)
    return truth, np.clip(0.8 * truth + 0.3 + random.normal(0, 0.5, truth.shape), 0, 5), np.arange(400) // 20


def test_icc_equals_the_published_example():
    assert ag.icc_3_1(SHROUT_FLEISS) == pytest.approx(0.71, abs=0.005)


def test_two_raters_are_the_general_case(rated):
    truth, guess, _ = rated
    for column in range(3):
        general = ag.icc_3_1(np.column_stack([truth[:, column], guess[:, column]]))
        assert ag.icc(truth, guess)[column] == pytest.approx(general, abs=1e-12)


def test_measures_equal_independent_code(rated):
    truth, guess, _ = rated
    for column in range(3):
        y, p = truth[:, column], guess[:, column]
        assert ag.pearson(truth, guess)[column] == pytest.approx(np.corrcoef(y, p)[0, 1], abs=1e-12)
        assert ag.mae(truth, guess)[column] == pytest.approx(mean_absolute_error(y, p), abs=1e-12)
        assert ag.bias(truth, guess)[column] == pytest.approx((p - y).mean(), abs=1e-12)
        assert ag.f1(truth, guess)[column] == pytest.approx(f1_score(y >= 2, p >= 2), abs=1e-12)


def test_what_each_measure_forgives(rated):
    truth, _, _ = rated
    assert ag.pearson(truth, 0.5 * truth + 1) == pytest.approx(np.ones(3))
    assert ag.icc(truth, truth + 1) == pytest.approx(np.ones(3))
    assert (ag.icc(truth, 0.5 * truth) < 0.9).all()
    assert (ag.ccc(truth, truth + 1) < 0.9).all()
    assert ag.ccc(truth, truth) == pytest.approx(np.ones(3))


def test_unknown_cells_are_left_out_per_action_unit(rated):
    truth, guess, _ = rated
    holes = truth.copy()
    holes[::3, 1] = np.nan
    known = ~np.isnan(holes[:, 1])
    for measure in (ag.pearson, ag.ccc, ag.icc, ag.mae, ag.bias, ag.f1):
        assert measure(holes, guess)[1] == pytest.approx(measure(truth[known], guess[known])[1], abs=1e-12)
        assert measure(holes, guess)[0] == pytest.approx(measure(truth, guess)[0], abs=1e-12)


def test_a_constant_has_no_correlation_and_no_positives_no_f1():
    flat, moving = np.zeros((50, 1)), np.linspace(0, 1, 50)[:, None]
    assert np.isnan(ag.pearson(flat, moving)[0])
    assert np.isnan(ag.f1(flat, moving)[0])
    assert ag.mae(flat, moving)[0] == pytest.approx(0.5)


def test_the_interval_is_the_bootstrap_over_persons(rated):
    """The same draws made the slow way, row by row, give the same interval."""
    truth, guess, subjects = rated
    table = ag.agreement(truth, guess, subjects, (1, 2, 4), n_bootstrap=40, random_state=5)
    times = np.random.default_rng(5).multinomial(20, np.full(20, 1 / 20), size=40)
    slow = []
    for draw in times:
        rows = np.concatenate([np.flatnonzero(subjects == s) for s, count in enumerate(draw) for _ in range(count)])
        slow.append(ag.ccc(truth[rows], guess[rows]))
    low, high = np.quantile(slow, [0.025, 0.975], axis=0)
    assert table["ccc_low"].to_numpy() == pytest.approx(low, abs=1e-9)
    assert table["ccc_high"].to_numpy() == pytest.approx(high, abs=1e-9)
    assert list(table.index) == [1, 2, 4]
    assert (table["subjects"] == 20).all()
    assert (table["n"] == 400).all()


def test_intervals_over_persons_are_wider_than_over_rows(rated):
    truth, guess, subjects = rated
    level = np.random.default_rng(0).normal(0, 0.6, 20)[subjects][:, None]
    persons = ag.agreement(truth, guess + level, subjects, (1, 2, 4))
    rows = ag.agreement(truth, guess + level, [str(n) for n in range(400)], (1, 2, 4))
    width = [t["bias_high"] - t["bias_low"] for t in (persons, rows)]
    assert (width[0] > 1.5 * width[1]).all()


def test_within_a_person_counts_only_where_the_reference_moves():
    time = np.linspace(0, 6, 60)
    reference = np.concatenate([2 + 2 * np.sin(time), np.full(60, 1.0) + 0.01 * np.sin(time)])[:, None]
    predicted = np.concatenate([2 + 2 * np.sin(time), -np.sin(time)])[:, None]
    mean, counts = ag.within_subject_pearson(reference, predicted, ["a"] * 60 + ["b"] * 60)
    assert counts[0] == 1
    assert mean[0] == pytest.approx(1.0)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="one shape"):
        ag.pearson(np.zeros((3, 2)), np.zeros((3, 1)))
    with pytest.raises(ValueError, match="2 x 2"):
        ag.icc_3_1(np.zeros((1, 4)))
    with pytest.raises(ValueError, match="subjects"):
        ag.agreement(np.zeros((3, 2)), np.zeros((3, 2)), ["1", "2"], (1, 2))


def test_docstring_examples():
    assert doctest.testmod(ag).failed == 0


def test_joint_counts_are_a_two_dimensional_histogram(rated):
    y, p, _subjects = rated
    counts = ag.joint_counts(y, p)
    edges = np.arange(0, 5.25, 0.5)
    for k in range(y.shape[1]):
        known = ~np.isnan(y[:, k])
        expected = np.histogram2d(np.clip(y[known, k], 0, 5), np.clip(p[known, k], 0, 5), bins=(edges, edges))[0]
        assert (counts[k] == expected).all()
        assert counts[k].sum() == known.sum()
    # Above the scale counts in the last bin, below it in the first.
    assert ag.joint_counts(np.array([6.0]), np.array([-1.0]))[0, 9, 0] == 1

"""Probabilities have intervals, and a model may keep an answer to itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from ranking_data import failure, rank

from facs_pipeline.authenticity.confidence import Abstention, Confidence
from facs_pipeline.authenticity.model import AuthenticityModel


@pytest.fixture(scope="module")
def confidence() -> Confidence:
    """Of 900 pairs of 30 people; the further from 0 a score, the more often it is right."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=900)
    right = rng.random(900) < 1 / (1 + np.exp(-2 * np.abs(scores)))
    return Confidence.of_pairs(np.where(right, 1, -1) * np.abs(scores), np.arange(900) % 10, np.arange(900) % 30)


def test_surer_answers_are_right_more_often(confidence):
    accuracy = [point.accuracy for point in confidence.coverage]
    assert accuracy[0] > 0.93
    assert accuracy[-1] == pytest.approx(0.74, abs=0.05)
    assert accuracy[0] > accuracy[4] > accuracy[-1]
    assert all(point.low < point.accuracy < point.high for point in confidence.coverage[3:])
    assert confidence.coverage[-1].threshold < confidence.coverage[0].threshold


def test_threshold_keeps_the_error_rate_or_the_coverage(confidence):
    at_15 = confidence.threshold(Abstention(error_rate=0.15))
    expected = [point for point in confidence.coverage if point.accuracy >= 0.85][-1]
    assert at_15 == expected.threshold > 0
    assert confidence.threshold(Abstention(error_rate=0.4)) == confidence.coverage[-1].threshold
    assert confidence.threshold(Abstention(error_rate=1e-6)) == np.inf
    assert confidence.threshold(Abstention(coverage=0.5)) == pytest.approx(0.67, abs=0.06)
    assert confidence.threshold(Abstention()) == 0


def test_interval_holds_the_truth_and_swaps_with_the_pair(confidence):
    low, high = confidence.interval(np.array([1.0, -1.0]))
    assert low[0] < 1 / (1 + np.exp(-2)) < high[0]
    assert high[0] - low[0] < 0.15
    assert low[1] == pytest.approx(1 - high[0])
    copy = Confidence.from_dict(confidence.to_dict())
    assert copy.coverage == confidence.coverage
    np.testing.assert_allclose(copy.interval(np.array([1.0]))[0], low[:1], atol=1e-5)


def test_saved_model_abstains_where_it_is_asked_to(ranking_table, tmp_path):
    model = tmp_path / "m.npz"
    rank("--descriptors", ranking_table, "--train", "--save", model, "--model", "svm", "--data", "Drawn; free.")
    card = AuthenticityModel.load(model).card
    assert "Drawn; free." in card["data"]
    assert "no lie detector" in " ".join(card["not_for"])
    assert any("2024/1689" in line for line in card["law"])
    decisions = {}
    for name, more in (("all", ()), ("half", ("--coverage", "0.5"))):
        result = rank("--descriptors", ranking_table, "--predict", model, "--out", tmp_path / name, *more)
        assert result.return_value == 0, result.output
        table = pd.read_csv(tmp_path / name / "predictions.csv")
        assert (table["probability_low"] <= table["probability"]).all()
        assert (table["probability"] <= table["probability_high"]).all()
        decisions[name] = (table["decision"] == "cannot tell").mean()
    assert decisions["all"] == 0
    assert 0.2 < decisions["half"] < 0.8
    for wrong, message in (("0.7", "less than 0.5"), ("0", "more than 0")):
        assert message in failure("--descriptors", ranking_table, "--predict", model, "--error-rate", wrong)
    both = ("--error-rate", "0.1", "--coverage", "0.5")
    assert "give one of them" in failure("--descriptors", ranking_table, "--predict", model, *both)
    assert "go with --predict" in failure("--descriptors", ranking_table, "--evaluate", "--coverage", "0.5")

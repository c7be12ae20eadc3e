"""Figures of classifiers against values worked out by hand or by their definitions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from facs_pipeline.foundation.evaluation.accuracy_file import write_accuracy
from facs_pipeline.foundation.evaluation.classification import (
    CURVE_POINTS,
    accuracy_document,
    class_figures,
    confident_mistakes,
    share_right,
    subgroup_figures,
)

SEVEN = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]


def test_three_classes_by_hand():
    truth = np.array([0, 0, 0, 1, 1, 2])
    probabilities = np.array(
        [[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.5, 0.4, 0.1], [0.1, 0.8, 0.1], [0.5, 0.3, 0.2]]
    )
    found = class_figures(truth, probabilities, ["a", "b", "c"])
    assert (found["n"], found["accuracy"], found["chance"]) == (6, 0.5, 0.5)
    assert found["confusion"] == [[2, 1, 0], [1, 1, 0], [1, 0, 0]]
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    # Precision 2/4 and 1/2, recall 2/3 and 1/2; nothing was called c.
    f1 = [2 * 0.5 * (2 / 3) / (0.5 + 2 / 3), 0.5, 0]
    f2 = [5 * 0.5 * (2 / 3) / (4 * 0.5 + 2 / 3), 0.5, 0]
    assert [row["f1"] for row in found["per_class"]] == pytest.approx(f1)
    assert found["macro_f1"] == pytest.approx(np.mean(f1))
    assert found["f_beta"] == {"beta": 2.0, "value": pytest.approx(np.mean(f2))}
    # True class among the two most probable: rows 1, 2, 4, 5; row 3 puts it last, row 6 too.
    assert found["top_2"] == pytest.approx(4 / 6)
    assert found["log_loss"] == pytest.approx(-np.log([0.7, 0.6, 0.2, 0.4, 0.8, 0.2]).mean())
    # Bins 0.5: three rows, none right; 0.6, 0.7 and 0.8: one row each, all right.
    assert [row["n"] for row in found["reliability"]] == [3, 1, 1, 1]
    assert found["calibration_error"] == pytest.approx((3 * 0.5 + 0.4 + 0.3 + 0.2) / 6)
    # Class a: three positive scores .7 .6 .2 against .5 .1 .5: 3 + 3 + 1 of 9 pairs in the right order.
    assert found["roc"]["a"]["auc"] == pytest.approx(7 / 9)


def test_two_classes_have_no_top_2_and_a_class_that_is_not_there_no_curve():
    found = class_figures(np.array([0, 1, 0]), np.array([[0.6, 0.4], [0.3, 0.7], [0.9, 0.1]]), ["real", "fake"])
    assert "top_2" not in found
    assert set(found["roc"]) == {"real", "fake"}
    one = class_figures(np.array([0, 0]), np.array([[0.6, 0.4], [0.3, 0.7]]), ["real", "fake"])
    assert "roc" not in one
    assert one["chance"] == 1.0
    assert one["balanced_accuracy"] == 0.5


def test_decisions_without_probabilities():
    probabilities = np.array([[0.9, 0.1], [np.nan, np.nan], [0.2, 0.8]])
    found = class_figures(
        np.array([0, 1, 0]),
        probabilities,
        ["a", "b"],
        decisions=np.array([0, 1, 0]),
        scores=np.array([[2, -2], [1, -1], [3, -3]]),
    )
    assert found["accuracy"] == 1.0
    assert sum(row["n"] for row in found["reliability"]) == 2
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.2]).mean())
    assert found["roc"]["a"]["auc"] == 1.0


def test_certain_and_wrong_stays_finite():
    found = class_figures(np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]]), ["a", "b"])
    assert found["log_loss"] == pytest.approx(-np.log(1e-12) / 2)


@pytest.mark.parametrize(
    ("truth", "probabilities", "decisions", "message"),
    [
        ([], np.zeros((0, 2)), None, "at least one sample"),
        ([0, 1], [[0.5, 0.5]], None, r"\(2,\) and \(1, 2\)"),
        ([0, 2], [[0.5, 0.5]] * 2, None, "0 to 1, got"),
        ([0.0, 1.0], [[0.5, 0.5]] * 2, None, "whole numbers"),
        ([0, 1], [[0.5, 0.5], [0.5, 0.7]], None, "row 1: expected probabilities"),
        ([0, 1], [[0.5, 0.5], [-0.5, 1.5]], None, "row 1: expected probabilities"),
        ([0, 1], [[0.5, np.nan], [0.5, 0.5]], None, "row 0: expected probabilities"),
        ([0, 1], [[np.nan, np.nan], [0.5, 0.5]], None, "row 0 has no probabilities"),
        ([0, 1], [[0.5, 0.5]] * 2, [0], r"decisions \[2\]"),
    ],
)
def test_what_does_not_belong_together_is_refused(truth, probabilities, decisions, message):
    with pytest.raises(ValueError, match=message):
        class_figures(np.array(truth), np.array(probabilities), ["a", "b"], decisions=decisions)


@settings(max_examples=40, deadline=None)
@example(1, 7)
@given(st.integers(0, 10_000), st.integers(1, 300))
def test_what_always_holds(seed, n):
    rng = np.random.default_rng(seed)
    truth, probabilities = rng.integers(7, size=n), rng.dirichlet(np.ones(7) * 0.3, size=n)
    found = class_figures(truth, probabilities, SEVEN)
    assert found["wilson_95"][0] <= found["accuracy"] <= found["wilson_95"][1]
    assert found["accuracy"] <= found["top_2"]
    assert found["chance"] >= 1 / 7
    assert 0 <= found["calibration_error"] <= 1
    assert found["log_loss"] >= 0
    assert np.sum(found["confusion"]) == n == sum(row["n"] for row in found["reliability"])
    for curve in found.get("roc", {}).values():
        assert curve["fpr"][0] == curve["tpr"][0] == 0
        assert curve["fpr"][-1] == curve["tpr"][-1] == 1
        assert len(curve["fpr"]) <= CURVE_POINTS
        assert curve["fpr"] == sorted(curve["fpr"])
    for curve in found.get("pr", {}).values():
        assert curve["recall"][-1] == 0
        assert curve["recall"] == sorted(curve["recall"], reverse=True)
    json.dumps(found, allow_nan=False)


def test_a_thinned_curve_keeps_its_area():
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=4000)
    score = truth + rng.normal(size=4000)
    probability = 1 / (1 + np.exp(-score))
    curve = class_figures(truth, np.stack([1 - probability, probability], axis=1), ["no", "yes"])["roc"]["yes"]
    assert np.trapezoid(curve["tpr"], curve["fpr"]) == pytest.approx(curve["auc"], abs=0.003)


def test_the_surest_mistakes_come_first():
    truth = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.4, 0.6], [0.1, 0.9], [0.2, 0.8], [0.9, 0.1]])
    found = confident_mistakes(truth, probabilities, ["a", "b"])
    assert [place for place, _row in found] == [1, 3, 0]
    assert found[0][1] == {"truth": "a", "predicted": "b", "probability": 0.9}
    assert len(confident_mistakes(truth, probabilities, ["a", "b"], most=2)) == 2


def test_subgroups_leave_out_what_is_unknown():
    rows = subgroup_figures(np.array([True, True, False]), {"sex": ["f", "m", ""], "age": ["old", "old", "old"]})
    assert [(row["column"], row["group"], row["n"], row["accuracy"]) for row in rows] == [
        ("sex", "f", 1, 1.0), ("sex", "m", 1, 1.0), ("age", "old", 3, 2 / 3),
    ]  # fmt: skip
    assert rows[2]["wilson_95"] == share_right(np.array([1, 1, 0]))["wilson_95"]


def test_chance_of_a_subgroup_is_its_own_most_frequent_class():
    right, groups = np.array([True, True, False, True]), {"sex": ["f", "f", "f", "m"]}
    rows = subgroup_figures(right, groups, truth=["happy", "happy", "sad", "sad"])
    assert [row["chance"] for row in rows] == [pytest.approx(2 / 3), 1.0]
    assert [row["chance"] for row in subgroup_figures(right, groups, chance=0.5)] == [0.5, 0.5]
    assert all("chance" not in row for row in subgroup_figures(right, groups))


def test_the_document_on_disk(tmp_path):
    models = [{"name": "svm", **class_figures(np.array([0, 1]), np.eye(2), ["a", "b"]), "train_s": 2.5}]
    document = accuracy_document("Emotion on FER2013", "two images", models, warnings=["few"])
    write_accuracy(document, tmp_path / "accuracy.json")
    assert json.loads((tmp_path / "accuracy.json").read_text()) == document
    with pytest.raises(ValueError, match="JSON"):
        write_accuracy({**document, "x": float("nan")}, tmp_path / "accuracy.json")
    assert json.loads((tmp_path / "accuracy.json").read_text()) == document


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ([{"accuracy": 1.0}], "different names"),
        ([{"name": "a", "accuracy": 1.0}] * 2, "different names"),
        ([{"name": "a"}], "expected a number 'accuracy'"),
    ],
)
def test_a_document_needs_names_and_accuracies(models, message):
    with pytest.raises(ValueError, match=message):
        accuracy_document("task", "data", models)

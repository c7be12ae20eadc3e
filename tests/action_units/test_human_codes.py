"""Codes by people on top of a model by pseudo-labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from facs_pipeline.action_units.model import ActionUnitModel, limited
from facs_pipeline.action_units.training.human_codes import CodedFaces, auc, refine
from facs_pipeline.action_units.training.recipe import Recipe
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.model_file import load_model

D = 30
RECIPE = Recipe(regressor="ridge", folds=4, n_bootstrap=50)


@pytest.fixture(scope="module")
def faces() -> CodedFaces:
    """40 persons with a neutral face and three coded ones; features are AU12, AU4, AU6, and 27 of who it is."""
    random = np.random.default_rng(0)
    persons, each = 40, 4
    X = np.repeat(random.normal(128, 12, (persons, D)), each, axis=0) + random.normal(0, 3, (persons * each, D))
    present = random.random((persons * each, 3)) < 0.5
    present[::each] = False
    X[:, :3] = 128 + random.normal(0, 8, (len(X), 3)) + 40 * present[:, [1, 0, 2]]
    subjects = np.repeat([f"p{n:02d}" for n in range(persons)], each)
    neutral = np.arange(len(X)) % each == 0
    bytes_ = X.clip(0, 255).astype(np.uint8)
    return CodedFaces(bytes_, bytes_, present, neutral, subjects, (4, 12, 6))


@pytest.fixture(scope="module")
def teacher() -> ActionUnitModel:
    """Follows AU12 well, and takes a wide face for AU4; it knows AU45, which nobody has coded."""
    weights = np.zeros((D, 3))
    weights[0, 1] = weights[5, 0] = weights[7, 2] = 0.05
    return ActionUnitModel((4, 12, 45), weights, [-6.0, -6.0, -6.0], {"labels": "a drawn teacher's"})


@pytest.fixture(scope="module")
def refined(teacher, faces) -> ActionUnitModel:
    return refine(teacher, faces, RECIPE)


def test_codes_are_told_on_persons_not_trained_on(refined, teacher, faces):
    assert refined.aus == (4, 6, 12, 45)
    measured = refined.card["metrics_on_codes"]
    peaks = ~faces.neutral
    assert roc_auc_score(faces.present[peaks, 0], teacher.predict(faces.X[peaks])[:, 0]) < 0.7
    for au in ("4", "6", "12"):
        assert measured[au]["auc"] > 0.95
        assert measured[au]["auc_low"] <= measured[au]["auc"] <= measured[au]["auc_high"]
        assert measured[au]["f1"] > 0.85 > measured[au]["f1_chance"]
    assert "auc" not in measured["45"]
    assert refined.card["teacher_share"]["4"] < refined.card["teacher_share"]["12"]
    assert refined.card["teacher_share"]["6"] == 0
    assert refined.card["teacher_share"]["45"] == 1


def test_codes_are_told_by_ensembles_of_svrs_as_well(teacher, faces):
    ensembles = refine(teacher, faces, replace(RECIPE, regressor="svr", folds=3))
    for au in ("4", "6", "12"):
        assert ensembles.card["metrics_on_codes"][au]["auc"] > 0.95
    assert ensembles.card["codes"]["regressor"] == "svr"


def test_neutral_faces_read_nearly_zero_and_coded_ones_c(refined, faces):
    measured = refined.card["metrics_on_codes"]
    assert max(row["neutral_mean"] for row in measured.values()) <= 0.25
    assert max(row["neutral_p95"] for row in measured.values()) <= 1.2
    intensities = refined.predict(faces.X)
    for column, au in ((0, 4), (1, 12), (2, 6)):
        coded = intensities[faces.present[:, column], refined.aus.index(au)]
        assert 2 <= np.median(coded) <= 3.2


def test_codes_dealt_at_random_are_told_by_chance_only(teacher, faces):
    dealt = np.random.default_rng(1).permutation(np.flatnonzero(~faces.neutral))
    present = faces.present.copy()
    present[~faces.neutral] = faces.present[dealt]
    told = refine(teacher, replace(faces, present=present), RECIPE).card
    assert "6" in told["left_out"]
    assert all(0.3 < told["metrics_on_codes"][au]["auc"] < 0.7 for au in ("4", "12"))


def test_the_result_is_one_linear_model_limited_softly(refined, faces, tmp_path):
    again = refined.scores(faces.X.astype(np.float64))
    np.testing.assert_allclose(again, faces.X @ refined.weights.astype(np.float64) + refined.intercept, atol=1e-9)
    np.testing.assert_allclose(refined.predict(faces.X), limited(again, 0.35), atol=1e-4)
    path = refined.save(tmp_path / "m.npz")
    assert load_model(path).card["settings"]["softness"] == 0.35
    assert refined.sha256 != ActionUnitModel(refined.aus, refined.weights, refined.intercept).sha256


def test_scores_of_any_size_become_0_to_5_in_their_order():
    scores = np.linspace(-4, 4.9, 200)
    soft = limited(scores, 0.35)
    assert (np.diff(soft) > 0).all()
    assert 0 < soft[0] < 1e-4
    np.testing.assert_allclose(soft[scores > 2], scores[scores > 2], atol=0.01)
    np.testing.assert_array_equal(limited(scores, 0), scores.clip(0, 5))
    assert limited(np.array([80.0], np.float32), 0.35).tolist() == [5]


def test_auc_is_that_of_scikit_learn():
    random = np.random.default_rng(2)
    scores, present = random.integers(0, 6, (50, 3)).astype(float), random.random((50, 3)) < 0.4
    expected = [roc_auc_score(present[:, k], scores[:, k]) for k in range(3)]
    np.testing.assert_allclose(auc(scores, present), expected)


def test_neutral_faces_are_needed(teacher, faces):
    with pytest.raises(InputError, match="coded faces and neutral ones"):
        refine(teacher, replace(faces, neutral=np.zeros(len(faces.X), bool)))
    with pytest.raises(InputError, match="at least 3 are needed"):
        refine(teacher, faces.only(np.isin(faces.subjects, ["p00", "p01"])))

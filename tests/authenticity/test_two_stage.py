"""Both stages on people they have not seen: the emotion first, then felt or posed, being told the emotion found."""

from __future__ import annotations

import numpy as np
import pytest

from facs_pipeline.authenticity import scoring
from facs_pipeline.authenticity.baselines import SVMSingle
from facs_pipeline.authenticity.pairs import pair_up
from facs_pipeline.authenticity.study import Study, prepare
from facs_pipeline.authenticity.two_stage import both_right, emotion_figures, stages_by_fold
from facs_pipeline.tables.descriptor_table import DescriptorTable

PEOPLE, FOLDS = 20, 5


def study_of(emotion_noise: float, felt_noise: float, seed: int = 0) -> Study:
    """Each person has a felt and a posed clip of two emotions, which one value tells, and felt or posed another."""
    rng = np.random.default_rng(seed)
    people = np.repeat(np.arange(PEOPLE).astype(str), 4).astype(object)
    emotions = np.tile(np.array(["happy", "happy", "sad", "sad"], dtype=object), PEOPLE)
    labels = np.tile(np.array(["real", "fake"], dtype=object), 2 * PEOPLE)
    values = np.column_stack([np.where(emotions == "happy", 1.0, -1.0), np.where(labels == "real", 1.0, -1.0)])
    values += rng.normal(size=values.shape) * [emotion_noise, felt_noise]
    videos = np.array([f"clip {row}" for row in range(len(people))], dtype=object)
    nothing = np.full(len(people), "", dtype=object)
    columns = ("mood", "effort")
    rows = np.arange(len(people)) + 2
    table = DescriptorTable("test", videos, people, emotions, labels, nothing, values, columns, rows)
    return prepare(table, pair_up(people, emotions, labels), n_folds=FOLDS)


def figures_of(study: Study) -> tuple[dict, dict]:
    """Of the first stage alone, and of both."""
    stages, models = stages_by_fold(study), []
    data = study.paired_videos()
    scoring.out_of_fold_scores(SVMSingle(Cs=(1.0,)), data, each_fold=lambda model, _rows: models.append(model))
    folds = [fold for fold, _train, _test in scoring.training_folds(data.folds, data.pairs.labelled)]
    first = emotion_figures(study, stages, seed=0)
    assert first is not None
    return first, both_right(study, stages, dict(zip(folds, models, strict=True)), seed=0)


def test_what_both_values_tell_is_right_in_both_stages():
    first, both = figures_of(study_of(0.01, 0.01))
    assert first["accuracy"] == 1
    assert {kind: both[kind]["accuracy"] for kind in ("pairs", "videos")} == {"pairs": 1, "videos": 1}
    # Two emotions alike, and then two answers alike.
    assert first["chance"] == pytest.approx(0.5)
    assert both["pairs"]["chance"] == pytest.approx(0.25)


def test_either_stage_alone_is_not_enough():
    """Where one stage knows nothing, both are right as often as the other is, by chance."""
    first, both = figures_of(study_of(100.0, 0.01))
    assert both["videos"]["accuracy"] == pytest.approx(first["accuracy"], abs=0.02)
    assert first["accuracy"] < 0.7
    first, both = figures_of(study_of(0.01, 100.0))
    assert first["accuracy"] == 1
    assert 0.3 < both["videos"]["accuracy"] < 0.7


def test_a_fold_is_answered_by_a_stage_that_has_not_seen_its_people():
    study = study_of(0.01, 0.01)
    folds = study.assigned_folds()
    turned = np.array(study.table.values)
    turned[folds == 0, 0] *= -1
    before = stages_by_fold(study)
    study.table.values[:] = turned
    after = stages_by_fold(study)
    np.testing.assert_array_equal(before[0].weights, after[0].weights)
    assert not np.array_equal(before[1].weights, after[1].weights)
    # In fold 0 the emotions are the wrong way round for everybody, and nobody there could say so.
    first = emotion_figures(study, after, seed=0)
    assert first is not None
    assert first["accuracy"] == pytest.approx((folds != 0).mean(), abs=0.15)


def test_without_emotions_there_is_no_first_stage():
    study = study_of(0.01, 0.01)
    study.table.emotions[:] = ""
    assert stages_by_fold(study) == {}
    assert emotion_figures(study, {}, seed=0) is None

"""Controls find what is told by anything but the face, and say what a ranker gains from it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from ranking_data import failure, features_folder, rank

from facs_pipeline.authenticity import scoring
from facs_pipeline.authenticity.baselines import SVMSingle
from facs_pipeline.authenticity.controls import FittedFolds, matched, of_facts
from facs_pipeline.authenticity.pairs import pair_up
from facs_pipeline.authenticity.raters import beside_raters
from facs_pipeline.authenticity.recording_facts import RecordingFact
from facs_pipeline.authenticity.study import prepare
from facs_pipeline.tables.descriptor_table import DescriptorTable


def study_of(values: np.ndarray):
    """20 people, each with two felt and two posed clips, described by `values`."""
    n = len(values)
    subjects = np.array([f"{row // 4}" for row in range(n)], dtype=object)
    labels = np.array(["real", "fake"] * (n // 2), dtype=object)
    empty = np.full(n, "", dtype=object)
    columns = tuple(f"column {number}" for number in range(values.shape[1]))
    videos = np.array([f"clip {row}" for row in range(n)], dtype=object)
    table = DescriptorTable("test", videos, subjects, empty, labels, empty, values, columns, np.arange(n) + 2)
    return prepare(table, pair_up(subjects, empty, labels), n_folds=5)


def fitted(study) -> FittedFolds:
    ranker, models = SVMSingle(Cs=(0.01,)), []
    data = study.paired_videos()
    scored, _candidates, _videos = scoring.out_of_fold_scores(
        ranker, data, each_fold=lambda model, _rows: models.append(model)
    )
    folds = [fold for fold, _train, _test in scoring.training_folds(data.folds, data.pairs.labelled)]
    return FittedFolds("svm", ranker, dict(zip(folds, models, strict=True)), scored)


@pytest.fixture(scope="module")
def leaking():
    """A study whose felt clips are longer, a ranker that sees the face, and one that sees the length too."""
    rng = np.random.default_rng(0)
    felt = np.tile([1.0, -1.0], 40)
    length = felt + 2 * rng.normal(size=80)
    face = felt[:, None] * 0.8 + rng.normal(size=(80, 3))
    other = rng.normal(size=80)
    facts = [RecordingFact("duration", length[:, None]), RecordingFact("brightness", other[:, None])]
    return facts, fitted(study_of(face)), fitted(study_of(length[:, None])), study_of(face)


def test_a_fact_that_tells_is_above_chance_and_another_is_not(leaking):
    facts, by_face, _by_length, study = leaking
    duration, brightness, together = of_facts(study, by_face, facts)
    assert (duration.control, brightness.control) == ("duration", "brightness")
    assert duration.p < 0.01
    assert duration.accuracy > 0.6
    assert duration.low > 0.5
    assert "above chance" in duration.verdict
    assert "at chance" in brightness.verdict
    assert np.isnan(brightness.gain)
    assert together.accuracy > 0.55


def test_gain_is_the_whole_of_a_ranker_that_sees_nothing_else_and_nothing_of_one_that_does_not_see_it(leaking):
    facts, by_face, by_length, study = leaking
    of_face, of_length = (of_facts(study, ranker, facts)[0] for ranker in (by_face, by_length))
    assert of_length.matched_accuracy == pytest.approx(0.5, abs=0.1)
    assert of_length.gain > 0.1
    assert abs(of_face.gain) < 0.08
    assert of_face.matched_low < of_face.matched_accuracy < of_face.matched_high


def test_matched_pairs_weigh_both_kinds_alike_in_every_stratum():
    rng = np.random.default_rng(1)
    control = rng.normal(0.5, 1.0, size=4000)
    people = np.arange(4000) % 40
    independent = (rng.random(4000) < 0.7).astype(float)
    unmatched, accuracy, low, high = matched(independent, control, people)
    assert unmatched == pytest.approx(0.7, abs=0.03)
    assert accuracy == pytest.approx(0.7, abs=0.03)
    assert low < 0.7 < high
    repeated = matched((control > 0).astype(float), control, people)
    assert repeated[1] == pytest.approx(0.5)
    assert np.isnan(matched(independent, np.abs(control), people)[1])


def test_the_command_writes_every_control_and_the_raters(tmp_path):
    folder = features_folder(tmp_path, n_subjects=6)
    videos = pd.read_csv(folder / "videos.csv")
    felt = videos["video"].str.endswith("real")
    rng = np.random.default_rng(0)
    videos["duration_s"] = 3 + felt + 0.1 * rng.random(len(videos))
    videos["fps"] = 25 + rng.random(len(videos))
    videos.to_csv(folder / "videos.csv", index=False)
    person = videos["video"].str.extract(r"p(\d+)_")[0].astype(int)
    about = pd.DataFrame(
        {"video": videos["video"], "sex": np.where(person % 2, "F", "M"), "raters_type_right_pct": 40 + 40 * felt}
    )
    about.to_csv(tmp_path / "about.csv", index=False)
    out = tmp_path / "out"
    result = rank(
        "--features", folder, "--evaluate", "--model", "svm", "--folds", "3", "--controls",
        "--metadata", tmp_path / "about.csv", "--out", out,
    )  # fmt: skip
    assert result.return_value == 0, result.output
    table = pd.read_csv(out / "controls.csv").set_index("control")
    assert set(table["model"]) == {"svm"}
    p, accuracy, n = (table[name].to_dict() for name in ("p", "accuracy", "n"))
    assert p["duration"] < 0.05
    assert "above chance" in table["verdict"].to_dict()["duration"]
    assert accuracy["frame rate"] < accuracy["duration"]
    assert n["each clip cut at random at both ends"] == 18
    assert accuracy["each clip cut at random at both ends"] > 0.6
    assert 0.2 < accuracy["labels swapped within pairs"] < 0.8
    assert accuracy["pairs of two persons"] > 0.6
    assert {"happy left out", "sad left out", "disgust left out", "another emotion named"} <= accuracy.keys()
    assert n["trained on F, tried on M"] == 9
    report = json.loads((out / "authenticity.json").read_text())
    raters = report["models"]["svm"]["raters"]
    assert raters["one_rater"] == pytest.approx(0.6)
    assert raters["majority"]["accuracy"] == pytest.approx(0.5)
    assert raters["both_right"] + raters["only_raters_right"] == 18
    assert [row["control"] for row in report["controls"]] == list(table.index)
    assert "controls: pairs right" in result.output
    assert "beside people" in result.output


def test_raters_that_fail_where_the_ranker_does_not():
    labels = np.array([1, -1, 1, -1, 0])
    figures = beside_raters(
        np.array([1.0, -1.0, -1.0, -2.0, 3.0]), labels, np.array([0.9, 0.2, 0.3, 0.5, 0.9]), np.array(list("aabbc"))
    )
    assert figures is not None
    assert (figures["both_right"], figures["only_ranker_right"], figures["both_wrong"]) == (1, 1, 1)
    assert figures["ranker"]["accuracy"] == 0.75
    assert beside_raters(np.array([np.nan]), np.array([1]), np.array([0.5]), np.array(["a"])) is None


def test_controls_need_an_evaluation(ranking_table, tmp_path):
    assert "--controls goes with --evaluate" in failure(
        "--descriptors", ranking_table, "--predict", "m.npz", "--controls"
    )
    (tmp_path / "about.csv").write_text("video,sex\na,F\n")
    wrong = failure("--descriptors", ranking_table, "--evaluate", "--metadata", tmp_path / "about.csv")
    assert "--metadata goes with --controls" in wrong

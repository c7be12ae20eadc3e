"""Learning curves of emotion models and of rankers: what they are trained on, what is written, what is shown."""

from __future__ import annotations

import json
from itertools import pairwise

import click
import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from facs_cli.main import facs
from ranking_data import descriptor_frame, failure, rank
from skimage.data import lfw_subset

from facs_pipeline.authenticity import curve as authenticity_curve
from facs_pipeline.authenticity import ranking
from facs_pipeline.authenticity.curve import ranking_curve, subject_subsets
from facs_pipeline.authenticity.rank_svm import RankSVM
from facs_pipeline.authenticity.ranking_input import read_ranking_data
from facs_pipeline.foundation.evaluation.learning_curve import nested_rows
from facs_pipeline.report.gather import gather
from facs_pipeline.report.page import write_report


def test_subsets_are_nested_stratified_and_seeded():
    y = np.random.default_rng(0).choice(4, 400, p=[0.5, 0.3, 0.18, 0.02])
    small, middle, large = nested_rows(y)
    assert set(small) < set(middle) < set(large)
    for rows, share in ((small, 1 / 8), (middle, 1 / 4), (large, 1 / 2)):
        expected = np.maximum(np.round(share * np.bincount(y)), 3)
        assert np.abs(np.bincount(y[rows]) - expected).max() <= 1
        assert (np.diff(rows) > 0).all()
    assert np.array_equal(nested_rows(y)[0], small)
    assert not np.array_equal(nested_rows(y, seed=1)[0], small)


def test_nobody_who_is_held_out_is_trained_on():
    subjects = np.repeat([f"p{i}" for i in range(20)], 6)
    folds = np.repeat(np.arange(20) % 5, 6)
    subsets = subject_subsets(subjects, folds)
    assert [len(set(subjects[inside[0]])) for inside in subsets] == [2, 4, 8]
    for inside in subsets:
        assert inside.shape == (5, 120)
        for fold in range(5):
            assert not inside[fold][folds == fold].any()
            for name in set(subjects):
                assert len(set(inside[fold][subjects == name])) == 1, "a person is inside with all videos or none"
    for smaller, larger in pairwise(subsets):
        assert (smaller <= larger).all()
    # One person against another one: there is nobody to leave out.
    assert subject_subsets(np.array(["a", "a", "b", "b"]), np.array([0, 0, 1, 1])) == []


def test_a_ranker_is_trained_on_pairs_of_the_chosen_people_only(tmp_path, monkeypatch):
    descriptor_frame(8).to_csv(tmp_path / "d.csv", index=False)
    study = ranking.prepare_study(read_ranking_data(descriptors=tmp_path / "d.csv"))
    seen = []

    class Spy(RankSVM):
        def fit(self, X, pairs, **context):
            seen.append((set(study.subjects[pairs.ravel()]), len(pairs), set(study.subjects[context["labels"] != 0])))
            return super().fit(X, pairs, **context)

    full = {"accuracy": 1.0, "wilson_95": [0.9, 1.0]}
    curve = ranking_curve(Spy(n_estimators=3, random_state=0), study.paired_videos(), full)
    # Seven others, three pairs each: 1, 2 and 4 people, then all.
    assert [row["n"] for row in curve] == [3, 6, 12, 21]
    assert curve[-1]["accuracy"] == 1.0
    assert [n for _who, n, _labels in seen] == [3] * 8 + [6] * 8 + [12] * 8
    assert all(who == labelled and len(who) == n // 3 for who, n, labelled in seen)
    assert study.folds is not None
    assert len(seen) == authenticity_curve.n_curve_fits(study.subjects, study.folds, 8)


def test_rank_authenticity_writes_a_curve_that_the_report_draws(tmp_path):
    descriptor_frame(8).to_csv(tmp_path / "d.csv", index=False)
    result = rank("--descriptors", tmp_path / "d.csv", "--evaluate", "--learning-curve", "--out", tmp_path / "r")
    assert result.exception is None, result.output
    figures = json.loads((tmp_path / "r" / "authenticity.json").read_text())["models"]["rank-svm"]
    curve = figures["learning_curve"]
    assert [row["n"] for row in curve] == [3, 6, 12, 21]
    assert curve[-1]["accuracy"] == figures["pairs"]["accuracy"]
    assert all(0 <= row["low"] <= row["accuracy"] <= row["high"] <= 1 for row in curve)
    text = write_report(gather([tmp_path / "r"]), tmp_path / "r.html").pages[0].read_text(encoding="utf-8")
    assert "<b>Learning curve</b>" in text
    assert f"3 samples: {curve[0]['accuracy']:.1%}" in text
    assert "--learning-curve goes with --evaluate" in failure(
        "--descriptors", tmp_path / "d.csv", "--train", "--save", tmp_path / "m.npz", "--learning-curve"
    )


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Real faces under made-up emotions: only the plumbing is tested."""
    root = tmp_path_factory.mktemp("faces")
    for number, face in enumerate((255 * lfw_subset()[:60]).astype(np.uint8)):
        place = root / ("train" if number < 48 else "validation") / ("happy", "sad", "angry")[number % 3]
        place.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / f"{number:03}.png"), cv2.resize(face, (48, 48), interpolation=cv2.INTER_CUBIC))
    return root


def train(*args):
    return CliRunner().invoke(facs, ["train-emotion", *map(str, args)], standalone_mode=False)


def test_train_emotion_writes_a_curve_that_the_report_draws(faces, tmp_path):
    options = (faces, "--model", "svm-landmarks", "--learning-curve", "--out", tmp_path)
    first = train(*options)
    assert first.exception is None, first.output
    before = (tmp_path / "accuracy.json").read_bytes()
    model = json.loads(before)["models"][0]
    curve = model["learning_curve"]
    assert [row["n"] for row in curve] == [9, 12, 24, 48]
    assert curve[-1]["accuracy"] == model["accuracy"]
    assert [curve[-1][k] for k in ("low", "high")] == model["wilson_95"]
    assert all(round(12 * row["accuracy"], 6).is_integer() for row in curve), "all points are of the same 12 faces"
    assert f"learning curve: 9: {curve[0]['accuracy']:.1%}, 12: " in first.output
    text = write_report(gather([tmp_path]), tmp_path / "r.html").pages[0].read_text(encoding="utf-8")
    assert "<b>Learning curve</b>" in text
    assert f"24 samples: {curve[2]['accuracy']:.1%}" in text


def test_an_interrupted_curve_goes_on_where_it_stopped(faces, tmp_path, monkeypatch):
    from facs_pipeline.emotions.training import learning_curve as emotion_curve

    real = emotion_curve.train_emotion
    trained: list[int] = []

    def stops(name, faces, run, **options):
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(len(faces.y))
        return real(name, faces, run, **options)

    options = (faces, "--model", "svm-landmarks", "--learning-curve", "--out", tmp_path)
    monkeypatch.setattr(emotion_curve, "train_emotion", stops)
    assert train(*options).exception is not None
    assert trained == [9, 12]
    trained.clear()
    again = train(*options)
    assert again.exception is None
    assert "kept" in again.output
    assert trained == [24]


def test_a_curve_needs_faces_to_measure_on(faces, tmp_path):
    result = train(faces / "train", "--split", "", "--learning-curve", "--out", tmp_path)
    assert isinstance(result.exception, click.UsageError)
    assert "needs a split to measure on" in str(result.exception)

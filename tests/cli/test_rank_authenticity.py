"""`facs rank-authenticity` on descriptor tables: evaluating, training, predicting."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from ranking_data import AUS, descriptor_frame, rank

from facs_pipeline.authenticity import ranking
from facs_pipeline.authenticity.explanation import COLUMNS
from facs_pipeline.authenticity.ranking_input import read_ranking_data
from facs_pipeline.dynamics.descriptors import descriptor_names


def test_evaluation_writes_every_promised_figure_and_one_row_a_video(ranking_table, tmp_path):
    result = rank("--descriptors", ranking_table, "--pairs", "--evaluate", "--permutations", "9", "--out", tmp_path)
    assert result.return_value == 0
    assert "24 pairs of 8 subjects in 8 folds" in result.output
    report = json.loads((tmp_path / "authenticity.json").read_text())
    figures = report["models"]["rank-svm"]
    assert figures["pairs"]["n"] == 24
    assert figures["pairs"]["accuracy"] >= 0.9
    assert {"wilson_95", "subject_bootstrap_95", "chance", "auc", "permutation_p", "permutation_p_retrained"} <= set(
        figures["pairs"]
    )
    assert figures["pairs"]["permutation_p_retrained"] == pytest.approx(0.1)
    assert figures["videos"]["n"] == 48
    assert set(figures["per_emotion"]) == {"happy", "sad", "disgust"}
    assert figures["per_emotion"]["sad"]["pairs"]["n"] == 8
    assert report["seeds"]["rankers"] == 0
    assert figures["seconds"] > 0
    assert report["emotion_stage"]["accuracy"] > 0.8
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    assert len(predictions) == 48
    assert {"video", "partner", "score", "decision", "probability"} <= set(predictions)
    by_video = predictions.set_index("video")
    partners = by_video.loc[predictions["partner"]]
    np.testing.assert_array_equal(predictions["score"], -partners["score"])
    np.testing.assert_allclose(predictions["probability"] + partners["probability"].to_numpy(), 1, atol=2e-6)


def test_same_command_same_bytes(ranking_table, tmp_path):
    for name in ("one", "two"):
        rank(
            "--descriptors",
            ranking_table,
            "--evaluate",
            "--train",
            "--save",
            tmp_path / name / "m.npz",
            "--out",
            tmp_path / name,
        )
    for file in ("predictions.csv", "reasons.csv", "m.npz"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_an_evaluation_gives_the_reasons_of_models_that_did_not_see_the_pair(ranking_table, tmp_path):
    assert rank("--descriptors", ranking_table, "--evaluate", "--out", tmp_path).return_value == 0
    reasons = pd.read_csv(tmp_path / "reasons.csv")
    assert list(reasons.columns) == list(COLUMNS)
    assert set(reasons.model) == {"rank-svm"}
    assert len(reasons) == 24 * 5
    data = read_ranking_data(descriptors=ranking_table)
    study = ranking.prepare_study(data)
    assert study.folds is not None
    a, b = (list(data.table.videos).index(reasons[name][0]) for name in ("video_a", "video_b"))
    others = study.pairs.labelled[study.folds[study.pairs.labelled[:, 0]] != study.folds[a]]
    labels = np.where(study.folds != study.folds[a], study.labels, 0)
    ranker = ranking.make_ranker("rank-svm").fit(data.table.values, others, emotions=study.emotions, labels=labels)
    expected = ranker.margins(data.table.values, np.array([[a, b]]))[0]
    strongest = np.argsort(-np.abs(expected))[:5]
    assert list(reasons.column[:5]) == [data.table.columns[i] for i in strongest]
    assert reasons.contribution[:5].to_numpy() == pytest.approx(expected[strongest])


@pytest.mark.parametrize(
    "name", ["rank-svm-tuned", "rank-svm-normal", "lightgbm", "lightgbm-single", "svm", "pooled-logistic"]
)
def test_other_rankers_are_trained_saved_and_used_too(ranking_table, tmp_path, name):
    assert rank("--descriptors", ranking_table, "--train", "--save", tmp_path / "m.npz", "--model", name).exit_code == 0
    result = rank("--descriptors", ranking_table, "--predict", tmp_path / "m.npz", "--out", tmp_path)
    assert result.return_value == 0, result.output
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    assert (predictions.decision == predictions.label).mean() > 0.9


def test_saved_model_ranks_new_people_with_reasons_and_probabilities(ranking_model, tmp_path):
    descriptor_frame(3, seed=5).drop(columns="label").to_csv(tmp_path / "new.csv", index=False)
    result = rank("--descriptors", tmp_path / "new.csv", "--predict", ranking_model, "--out", tmp_path)
    assert result.return_value == 0, result.output
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    truth = predictions.video.str.contains("real").map({True: "real", False: "fake"})
    assert (predictions.decision == truth).mean() > 0.85
    assert predictions.probability.between(0, 1).all()
    reasons = pd.read_csv(tmp_path / "reasons.csv")
    assert len(reasons) == 9 * 5
    assert "speaks for" in result.output
    assert reasons.column.isin(descriptor_names(AUS)).all()


def test_emotion_is_found_first_where_it_is_not_given(ranking_model, tmp_path):
    frame = descriptor_frame(2, seed=6)
    frame.drop(columns=["label", "emotion"]).to_csv(tmp_path / "new.csv", index=False)
    result = rank("--descriptors", tmp_path / "new.csv", "--predict", ranking_model, "--out", tmp_path)
    assert result.return_value == 0, result.output
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    assert set(predictions.emotion_source) == {"predicted"}
    expected = frame.emotion.map({"happiness": "happy", "sadness": "sad", "disgust": "disgust"})
    assert (predictions.emotion.to_numpy() == expected.to_numpy()).mean() > 0.8


def test_two_videos_and_nothing_else_are_compared_under_one_emotion(ranking_model, tmp_path):
    frame = descriptor_frame(1, seed=11).iloc[[0, 3]].drop(columns=["subject", "emotion", "label"])
    frame.to_csv(tmp_path / "two.csv", index=False)
    result = rank("--descriptors", tmp_path / "two.csv", "--predict", ranking_model, "--out", tmp_path)
    assert "taken for one person" in result.output
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    assert predictions.emotion.nunique() == 1
    assert predictions.partner.tolist() == predictions.video.tolist()[::-1]
    assert predictions.score[0] == -predictions.score[1]
    (tmp_path / "pairs.csv").write_text(f"video_a,video_b\n{frame.video.iloc[1]},{frame.video.iloc[0]}\n")
    rank(
        "--descriptors",
        tmp_path / "two.csv",
        "--pairs",
        tmp_path / "pairs.csv",
        "--predict",
        ranking_model,
        "--out",
        tmp_path,
    )
    assert pd.read_csv(tmp_path / "predictions.csv").emotion.nunique() == 1


def test_more_than_two_candidates_are_split_at_the_median_and_one_alone_falls_back(ranking_model, tmp_path):
    frame = pd.concat([descriptor_frame(1, seed=7), descriptor_frame(1, seed=8).assign(subject="0")])
    frame = frame[frame.emotion == "happiness"]
    frame["video"] = [f"v{i}" for i in range(4)]
    alone = descriptor_frame(1, seed=9).iloc[[2]].assign(video="alone", subject="77")
    pd.concat([frame, alone]).drop(columns="label").to_csv(tmp_path / "new.csv", index=False)
    rank("--descriptors", tmp_path / "new.csv", "--predict", ranking_model, "--out", tmp_path)
    predictions = pd.read_csv(tmp_path / "predictions.csv").set_index("video")
    assert predictions.decision[["v0", "v1", "v2", "v3"]].value_counts().to_dict() == {"real": 2, "fake": 2}
    assert predictions.partner["v0"] == "v1;v2;v3"
    assert predictions.note["alone"] == "no partner: scored on its own"
    assert predictions.decision["alone"] in ("real", "fake")


def test_what_is_printed_compares_all_rankers_in_total_and_per_emotion(ranking_table, tmp_path):
    result = rank("--descriptors", ranking_table, "--evaluate", "--model", "all", "--folds", "2", "--out", tmp_path)
    names = ["rank-svm", "rank-svm-tuned", "rank-svm-normal", "lightgbm", "lightgbm-single", "svm", "pooled-logistic"]
    total, *emotions = [part.splitlines() for part in result.output.split("\n\n")[1:5]]
    assert [line.split()[0] for line in total[1:]] == names
    assert [part[0] for part in emotions] == ["disgust:", "happy:", "sad:"]
    figures = json.loads((tmp_path / "authenticity.json").read_text())
    for name, line in zip(names, total[1:], strict=True):
        pairs, videos = figures["models"][name]["pairs"], figures["models"][name]["videos"]
        assert f" {pairs['correct']:g}/24 " in line
        assert (f" {videos['correct']:g}/48 " in line) if videos["n"] else ("/48" not in line)
    low, high = figures["data"]["by_chance_95"]
    assert 0.2 < low < 0.5 < high < 0.8
    assert f"{low:.0%} to {high:.0%}" in result.output
    assert all("/8 " in line for part in emotions for line in part[1:])


def test_penalty_counts_in_evaluations_too(ranking_table, tmp_path):
    reports = {}
    for penalty in ([], ["--penalty", "1"], ["--penalty", "auto"]):
        for name in ("rank-svm", "rank-svm-tuned"):
            rank("--descriptors", ranking_table, "--evaluate", "--model", name, *penalty, "--out", tmp_path)
            report = json.loads((tmp_path / "authenticity.json").read_text())
            reports[name, *penalty[1:]] = report["models"][name]["parameters"]["C"]
    assert [reports["rank-svm", *rest] for rest in ([], ["1"], ["auto"])] == [1, 1, "auto"]
    assert [reports["rank-svm-tuned", *rest] for rest in ([], ["1"], ["auto"])] == ["auto", 1, "auto"]

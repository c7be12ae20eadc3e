"""What `facs rank-authenticity` says of input that is wrong, too little or damaged."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from counted_progress import CountedProgress
from ranking_data import descriptor_frame, failure, features_folder, rank

from facs_pipeline.authenticity import ranking
from facs_pipeline.authenticity.evaluation import EvaluationSettings, evaluate, n_fits
from facs_pipeline.authenticity.model import AuthenticityModel
from facs_pipeline.authenticity.pairs import pair_up
from facs_pipeline.authenticity.ranking_input import RankingData
from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.tables.descriptor_table import table_from_frame


def test_wrong_usage_says_what_to_do(ranking_table, ranking_model, tmp_path):
    assert "give one of: VIDEOS, --features FOLDER" in failure("--evaluate")
    assert "nothing to do" in failure("--descriptors", ranking_table)
    assert "--save MODEL" in failure("--descriptors", ranking_table, "--train")
    assert "--descriptors" in failure(
        "--descriptors", ranking_table, "--evaluate", "--model", "windows-svm", "--out", tmp_path
    )
    assert "comparison only" in failure(
        "--features", features_folder(tmp_path, 2), "--train", "--save", "x.npz", "--model", "windows-svm"
    )
    assert "no such file; expected a folder written by" in failure("--features", tmp_path, "--evaluate")


def test_bad_tables_name_row_and_column(ranking_table, ranking_model, tmp_path):
    frame = pd.read_csv(ranking_table, dtype=str)

    def with_change(column, value, row=3):
        changed = frame.copy()
        changed[column] = changed.get(column, "")
        changed.loc[row, column] = value
        path = tmp_path / "changed.csv"
        changed.to_csv(path, index=False)
        return path

    one_class = tmp_path / "one.csv"
    frame.assign(label="real").to_csv(one_class, index=False)
    assert "one class only" in failure("--descriptors", one_class, "--evaluate")
    assert "row 5, column 'emotion': unknown emotion 'hapy'" in failure(
        "--descriptors", with_change("emotion", "hapy"), "--evaluate"
    )
    assert "is empty while other pairs have one" in failure(
        "--descriptors", frame_with_emotionless_pair(frame, tmp_path), "--pairs", tmp_path / "pairs.csv", "--evaluate"
    )
    assert "row 5, column 'emotion': the model was not trained on 'surprise'" in failure(
        "--descriptors", with_change("emotion", "surprise"), "--predict", ranking_model, "--out", tmp_path
    )
    folds = frame.assign(fold=[str(int(s) % 2) for s in frame.subject])
    folds.loc[0, "fold"] = "1"
    folds.to_csv(tmp_path / "folds.csv", index=False)
    assert "row 3, column 'fold': subject '0' is in fold '0' here and in fold '1'" in failure(
        "--descriptors", tmp_path / "folds.csv", "--evaluate"
    )
    fewer = tmp_path / "fewer.csv"
    frame.drop(columns="AU12_speed_max").to_csv(fewer, index=False)
    assert "e.g. 'AU12_speed_max'" in failure("--descriptors", fewer, "--predict", ranking_model, "--out", tmp_path)
    frame.assign(subject="").to_csv(tmp_path / "unknown.csv", index=False)
    assert "no subject in any row" in failure("--descriptors", tmp_path / "unknown.csv", "--evaluate")


def frame_with_emotionless_pair(frame, tmp_path):
    changed = frame.copy()
    changed.loc[[0, 1], "emotion"] = ""
    changed.to_csv(tmp_path / "emotionless.csv", index=False)
    rows = [(changed.video[i], changed.video[i + 1], "a") for i in range(0, len(changed), 2)]
    pd.DataFrame(rows, columns=["video_a", "video_b", "real"]).to_csv(tmp_path / "pairs.csv", index=False)
    return tmp_path / "emotionless.csv"


def test_foreign_and_damaged_models_are_refused(ranking_table, ranking_model, tmp_path):
    pickle = tmp_path / "pickle.npz"
    pickle.write_bytes(b"\x80\x04K\x01.")
    assert "refused" in failure("--descriptors", ranking_table, "--predict", pickle, "--out", tmp_path)
    cut = tmp_path / "cut.npz"
    cut.write_bytes(ranking_model.read_bytes()[:-2000])
    with pytest.raises(ModelError, match="damaged"):
        AuthenticityModel.load(cut)


def test_video_with_too_few_faces_loses_its_score_but_nothing_else(ranking_table, ranking_model, tmp_path):
    frame = pd.read_csv(ranking_table)
    frame.loc[0, frame.columns[4:]] = np.nan
    frame.to_csv(tmp_path / "new.csv", index=False)
    for mode in (["--predict", ranking_model], ["--evaluate"]):
        result = rank("--descriptors", tmp_path / "new.csv", *mode, "--out", tmp_path)
        assert result.return_value == 1, result.output
        predictions = pd.read_csv(tmp_path / "predictions.csv").set_index("video")
        assert len(predictions) == 48
        lost = predictions.loc[frame.video[0]]
        assert pd.isna(lost.decision)
        assert "row 2, column 'AU04_value_mean'" in lost.note
        assert predictions.decision.notna().sum() == 47


def test_constant_action_unit_warns_and_works(ranking_table, tmp_path):
    frame = pd.read_csv(ranking_table)
    frame.loc[:, frame.columns.str.startswith("AU04")] = 0.0
    frame.to_csv(tmp_path / "new.csv", index=False)
    result = rank("--descriptors", tmp_path / "new.csv", "--evaluate", "--out", tmp_path)
    assert result.return_value == 0
    assert "AU04: the same in every video" in result.output


def test_below_twenty_pairs_it_says_that_nothing_can_be_concluded(tmp_path):
    descriptor_frame(2).to_csv(tmp_path / "d.csv", index=False)
    result = rank("--descriptors", tmp_path / "d.csv", "--evaluate", "--out", tmp_path)
    assert "6 labelled pairs: fewer than 20, nothing can be concluded" in result.output


def test_one_pair_can_be_trained_on_without_probabilities_but_not_evaluated(tmp_path):
    frame = descriptor_frame(1).iloc[:2]
    frame.to_csv(tmp_path / "d.csv", index=False)
    assert "two subjects or more" in failure("--descriptors", tmp_path / "d.csv", "--evaluate", "--out", tmp_path)
    result = rank("--descriptors", tmp_path / "d.csv", "--train", "--save", tmp_path / "m.npz")
    assert result.return_value == 0
    assert "accuracy unknown" in result.output
    assert AuthenticityModel.load(tmp_path / "m.npz").pair_calibration is None
    result = rank("--descriptors", tmp_path / "d.csv", "--predict", tmp_path / "m.npz", "--out", tmp_path)
    assert pd.read_csv(tmp_path / "predictions.csv").probability.isna().all()


def test_no_video_with_descriptors_says_why(tmp_path):
    (tmp_path / "descriptors.csv").write_text("video,face_id,subject,emotion,label\n")
    (tmp_path / "videos.csv").write_text("video,status,reason\ndark,no_face,no face found in 75 frames\n")
    assert "none of the 1 videos has descriptors (dark: no face found in 75 frames)" in failure(
        "--features", tmp_path, "--evaluate"
    )


def test_scoring_people_the_model_was_trained_on_is_flagged(ranking_table, ranking_model, tmp_path):
    result = rank("--descriptors", ranking_table, "--predict", ranking_model, "--out", tmp_path)
    assert "trained on subjects of the same name" in result.output


def test_small_files_are_looked_at_before_long_work(ranking_model, tmp_path):
    """None of these comes as far as the extraction, which would name the video that is not there."""
    video = tmp_path / "long.mp4"
    assert "no such model file" in failure(video, "--predict", tmp_path / "none.npz", "--out", tmp_path)
    assert "pairs.csv: no such file" in failure(video, "--predict", ranking_model, "--pairs", tmp_path / "pairs.csv")
    assert "videos alone have no labels: give --pairs FILE" in failure(video, "--evaluate", "--out", tmp_path)


def test_without_labels_it_says_where_they_go(ranking_table, tmp_path):
    pd.read_csv(ranking_table).drop(columns="label").to_csv(tmp_path / "d.csv", index=False)
    assert "no video has a label" in failure("--descriptors", tmp_path / "d.csv", "--evaluate")


def test_labels_of_one_subject_among_many_cannot_be_evaluated(ranking_table, tmp_path):
    frame = pd.read_csv(ranking_table)
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"video_a,video_b,real\n{frame.video[0]},{frame.video[1]},a\n")
    assert "all labelled pairs (1) are in one fold (subject 0)" in failure(
        "--descriptors", ranking_table, "--pairs", pairs, "--evaluate", "--out", tmp_path
    )
    one = tmp_path / "one.csv"
    frame.drop(columns="label").to_csv(one, index=False)
    result = rank("--descriptors", one, "--pairs", pairs, "--train", "--save", tmp_path / "m.npz")
    assert result.return_value == 0, result.output
    assert "accuracy unknown" in result.output


def test_results_have_a_place_before_work_is_done(ranking_table, ranking_model, tmp_path):
    taken = tmp_path / "taken.txt"
    taken.write_text("mine")
    mode = ("--predict", ranking_model)
    assert "results cannot be written there" in failure("--descriptors", ranking_table, *mode, "--out", taken)
    assert "results cannot be written there" in failure(tmp_path / "long.mp4", *mode, "--out", taken)
    train = ("--descriptors", ranking_table, "--train", "--save")
    assert "name another file with --save" in failure(*train, taken / "m.npz")
    assert "a folder; --save names the model file to write" in failure(*train, tmp_path)
    assert taken.read_text() == "mine"
    assert rank(*train, tmp_path / "new" / "m.npz").return_value == 0


def test_one_video_named_twice_is_no_pair(ranking_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for same in ("a.mp4", "./a.mp4", tmp_path / "a.mp4"):
        text = failure("a.mp4", same, "--predict", ranking_model, "--out", tmp_path / "out")
        assert f"{same}: named twice; a pair is two different videos" in text.replace("\\", "/")


def test_folder_and_table_taken_for_one_another(ranking_table, tmp_path):
    assert "a table: --descriptors" in failure("--features", ranking_table, "--evaluate", "--out", tmp_path)
    assert "a folder; expected a table" in failure("--descriptors", tmp_path, "--evaluate", "--out", tmp_path)
    assert "a folder; expected a table" in failure(
        "--descriptors", ranking_table, "--pairs", tmp_path, "--evaluate", "--out", tmp_path
    )


def test_nothing_to_compute_with_is_said_as_it_is(ranking_table, tmp_path):
    frame = pd.read_csv(ranking_table)
    path = tmp_path / "d.csv"
    frame.assign(**dict.fromkeys(frame.columns[4:], np.inf)).to_csv(path, index=False)
    text = failure("--descriptors", path, "--evaluate", "--out", tmp_path)
    assert "none of the 48 videos has all its descriptors (the first: " in text
    assert "row 2, column" in text
    frame.iloc[:2].to_csv(path, index=False)
    assert f"{path}: all 2 videos show subject '0'" in failure("--descriptors", path, "--evaluate", "--out", tmp_path)


def test_progress_counts_the_folds_of_people_without_a_pair_too(ranking_table):
    """Videos of unknown people are in folds of their own, which are trained for as well."""
    frame = pd.read_csv(ranking_table, dtype={"subject": str})
    frame.loc[frame.index % 7 == 0, "subject"] = ""
    table = table_from_frame(frame.fillna(""), source="table")
    data = RankingData(table, pair_up(table.subjects, table.emotions, table.labels))
    study = ranking.prepare_study(data)
    told = CountedProgress()
    settings = EvaluationSettings(permutations=2)
    evaluate(study, {"svm": ranking.make_ranker("svm")}, settings, progress=told)
    expected = n_fits(study, 1, settings)
    assert told.counts == [(expected, expected)]


def test_videos_without_a_partner_are_counted_where_they_are_many(ranking_table, ranking_model, tmp_path):
    frame = pd.read_csv(ranking_table)
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"video_a,video_b\n{frame.video[0]},{frame.video[1]}\n")
    result = rank(
        "--descriptors", ranking_table, "--pairs", pairs, "--predict", ranking_model, "--out", tmp_path / "out"
    )
    assert result.output.count("no partner: scored on its own") == 5
    assert "... and 41 more videos without a partner in predictions.csv" in result.output

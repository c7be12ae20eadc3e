"""`facs rank-authenticity` and `facs dataset` from the user's side: real files in, real files out."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from facs_cli.dataset import command as dataset_command
from facs_cli.rank_authenticity import command as rank_command

from facs_pipeline import ranking
from facs_pipeline.authenticity_model import AuthenticityModel
from facs_pipeline.descriptors import describe_series, descriptor_names
from facs_pipeline.errors import FacsError, ModelError
from facs_pipeline.explanation import COLUMNS
from facs_pipeline.synthesis import expression, write_recordings

AUS = (4, 12, 25)
EMOTIONS = ("happiness", "sadness", "disgust")


def descriptor_frame(n_subjects: int, seed: int = 0) -> pd.DataFrame:
    """Descriptors of synthetic expressions, slow (real) and abrupt (fake)."""
    rows = []
    for person in range(n_subjects):
        for e, emotion in enumerate(EMOTIONS):
            for k, label in enumerate(("real", "fake")):
                recording = expression(emotion, label, noise=0.1, seed=[seed, person, e, k])
                keep = [recording.aus.index(au) for au in AUS]
                values, names = describe_series(recording.intensities[:, keep], recording.times_s, AUS)
                about = {
                    "video": f"p{person}_{emotion}_{label}.mp4",
                    "subject": person,
                    "emotion": emotion,
                    "label": label,
                }
                rows.append(about | dict(zip(names, values, strict=True)))
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "descriptors.csv"
    descriptor_frame(8).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def model(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.npz"
    result = rank("--descriptors", table, "--train", "--save", path)
    assert result.exit_code == 0, result.output
    return path


def rank(*arguments):
    """Run the command as `facs` does; user errors come back as exceptions of the package."""
    return CliRunner().invoke(rank_command, [str(argument) for argument in arguments], standalone_mode=False)


def failure(*arguments) -> str:
    result = rank(*arguments)
    assert isinstance(result.exception, FacsError), result.output
    return str(result.exception)


def test_evaluation_writes_every_promised_figure_and_one_row_a_video(table, tmp_path):
    result = rank("--descriptors", table, "--pairs", "--evaluate", "--permutations", "9", "--out", tmp_path)
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
    for row in predictions.itertuples():
        partner = by_video.loc[row.partner]
        assert row.score == -partner.score
        assert row.probability + partner.probability == pytest.approx(1, abs=2e-6)


def test_same_command_same_bytes(table, tmp_path):
    for name in ("one", "two"):
        rank(
            "--descriptors",
            table,
            "--evaluate",
            "--train",
            "--save",
            tmp_path / name / "m.npz",
            "--out",
            tmp_path / name,
        )
    for file in ("predictions.csv", "reasons.csv", "m.npz"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_an_evaluation_gives_the_reasons_of_models_that_did_not_see_the_pair(table, tmp_path):
    assert rank("--descriptors", table, "--evaluate", "--out", tmp_path).return_value == 0
    reasons = pd.read_csv(tmp_path / "reasons.csv")
    assert list(reasons.columns) == list(COLUMNS) and set(reasons.model) == {"rank-svm"}
    assert len(reasons) == 24 * 5
    data = ranking.load(descriptors=table)
    study = ranking.prepare_study(data)
    a, b = (list(data.table.videos).index(reasons[name][0]) for name in ("video_a", "video_b"))
    others = study.pairs.labelled[study.folds[study.pairs.labelled[:, 0]] != study.folds[a]]
    labels = np.where(study.folds != study.folds[a], study.labels, 0)
    ranker = ranking.make_ranker("rank-svm").fit(data.table.values, others, emotions=study.emotions, labels=labels)
    expected = ranker.margins(data.table.values, np.array([[a, b]]))[0]
    strongest = np.argsort(-np.abs(expected))[:5]
    assert list(reasons.column[:5]) == [data.table.columns[i] for i in strongest]
    assert reasons.contribution[:5].to_numpy() == pytest.approx(expected[strongest])


@pytest.mark.parametrize("name", ["rank-svm-normal", "lightgbm", "lightgbm-single", "svm"])
def test_other_rankers_are_trained_saved_and_used_too(table, tmp_path, name):
    assert rank("--descriptors", table, "--train", "--save", tmp_path / "m.npz", "--model", name).exit_code == 0
    result = rank("--descriptors", table, "--predict", tmp_path / "m.npz", "--out", tmp_path)
    assert result.return_value == 0, result.output
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    assert (predictions.decision == predictions.label).mean() > 0.9


def test_saved_model_ranks_new_people_with_reasons_and_probabilities(model, tmp_path):
    descriptor_frame(3, seed=5).drop(columns="label").to_csv(tmp_path / "new.csv", index=False)
    result = rank("--descriptors", tmp_path / "new.csv", "--predict", model, "--out", tmp_path)
    assert result.return_value == 0, result.output
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    truth = predictions.video.str.contains("real").map({True: "real", False: "fake"})
    assert (predictions.decision == truth).mean() > 0.85
    assert predictions.probability.between(0, 1).all()
    reasons = pd.read_csv(tmp_path / "reasons.csv")
    assert len(reasons) == 9 * 5
    assert "speaks for" in result.output
    assert reasons.column.isin(descriptor_names(AUS)).all()


def test_emotion_is_found_first_where_it_is_not_given(model, tmp_path):
    frame = descriptor_frame(2, seed=6)
    frame.drop(columns=["label", "emotion"]).to_csv(tmp_path / "new.csv", index=False)
    result = rank("--descriptors", tmp_path / "new.csv", "--predict", model, "--out", tmp_path)
    assert result.return_value == 0, result.output
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    assert set(predictions.emotion_source) == {"predicted"}
    expected = frame.emotion.map({"happiness": "happy", "sadness": "sad", "disgust": "disgust"})
    assert (predictions.emotion.to_numpy() == expected.to_numpy()).mean() > 0.8


def test_two_videos_and_nothing_else_are_compared_under_one_emotion(model, tmp_path):
    frame = descriptor_frame(1, seed=11).iloc[[0, 3]].drop(columns=["subject", "emotion", "label"])
    frame.to_csv(tmp_path / "two.csv", index=False)
    result = rank("--descriptors", tmp_path / "two.csv", "--predict", model, "--out", tmp_path)
    assert "taken for one person" in result.output
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    assert predictions.emotion.nunique() == 1
    assert predictions.partner.tolist() == predictions.video.tolist()[::-1]
    assert predictions.score[0] == -predictions.score[1]
    (tmp_path / "pairs.csv").write_text(f"video_a,video_b\n{frame.video.iloc[1]},{frame.video.iloc[0]}\n")
    rank(
        "--descriptors", tmp_path / "two.csv", "--pairs", tmp_path / "pairs.csv", "--predict", model, "--out", tmp_path
    )
    assert pd.read_csv(tmp_path / "predictions.csv").emotion.nunique() == 1


def test_more_than_two_candidates_are_split_at_the_median_and_one_alone_falls_back(model, tmp_path):
    frame = pd.concat([descriptor_frame(1, seed=7), descriptor_frame(1, seed=8).assign(subject="0")])
    frame = frame[frame.emotion == "happiness"]
    frame["video"] = [f"v{i}" for i in range(4)]
    alone = descriptor_frame(1, seed=9).iloc[[2]].assign(video="alone", subject="77")
    pd.concat([frame, alone]).drop(columns="label").to_csv(tmp_path / "new.csv", index=False)
    rank("--descriptors", tmp_path / "new.csv", "--predict", model, "--out", tmp_path)
    predictions = pd.read_csv(tmp_path / "predictions.csv").set_index("video")
    assert predictions.decision[["v0", "v1", "v2", "v3"]].value_counts().to_dict() == {"real": 2, "fake": 2}
    assert predictions.partner["v0"] == "v1;v2;v3"
    assert predictions.note["alone"] == "no partner: scored on its own"
    assert predictions.decision["alone"] in ("real", "fake")


def test_video_with_too_few_faces_loses_its_score_but_nothing_else(table, model, tmp_path):
    frame = pd.read_csv(table)
    frame.loc[0, frame.columns[4:]] = np.nan
    frame.to_csv(tmp_path / "new.csv", index=False)
    for mode in (["--predict", model], ["--evaluate"]):
        result = rank("--descriptors", tmp_path / "new.csv", *mode, "--out", tmp_path)
        assert result.return_value == 1, result.output
        predictions = pd.read_csv(tmp_path / "predictions.csv").set_index("video")
        assert len(predictions) == 48
        lost = predictions.loc[frame.video[0]]
        assert pd.isna(lost.decision)
        assert "row 2, column 'AU04_value_mean'" in lost.note
        assert predictions.decision.notna().sum() == 47


def test_constant_action_unit_warns_and_works(table, tmp_path):
    frame = pd.read_csv(table)
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


def test_all_rankers_on_a_folder_of_features_in_one_table(tmp_path):
    folder = features_folder(tmp_path, n_subjects=6)
    result = rank("--features", folder, "--evaluate", "--model", "all", "--folds", "3", "--out", tmp_path / "out")
    assert result.return_value == 0, result.output
    report = json.loads((tmp_path / "out" / "authenticity.json").read_text())
    assert list(report["models"]) == [
        "rank-svm",
        "rank-svm-normal",
        "lightgbm",
        "lightgbm-single",
        "svm",
        "windows-svm",
        "residual-boosting",
    ]
    assert report["models"]["rank-svm"]["pairs"]["accuracy"] > 0.85
    assert report["models"]["windows-svm"]["pairs"]["accuracy"] > 0.7
    assert report["models"]["lightgbm"]["videos"] == {"n": 0}


def test_curves_are_drawn_and_failed_videos_keep_their_row(tmp_path):
    folder = features_folder(tmp_path, n_subjects=4)
    videos = pd.read_csv(folder / "videos.csv", dtype=str)
    videos.loc[len(videos)] = ["dark", "no_face", "no face found in 75 frames"]
    videos.to_csv(folder / "videos.csv", index=False)
    result = rank("--features", folder, "--train", "--save", tmp_path / "m.npz")
    assert result.return_value == 1, result.output
    assert "no face found in 75 frames" in result.output
    result = rank("--features", folder, "--predict", tmp_path / "m.npz", "--out", tmp_path / "out")
    assert result.return_value == 1
    assert len(list((tmp_path / "out" / "curves").glob("*.svg"))) == 5
    predictions = pd.read_csv(tmp_path / "out" / "predictions.csv").set_index("video")
    assert "no face found in 75 frames" in predictions.note["dark"]


def test_no_video_with_descriptors_says_why(tmp_path):
    (tmp_path / "descriptors.csv").write_text("video,face_id,subject,emotion,label\n")
    (tmp_path / "videos.csv").write_text("video,status,reason\ndark,no_face,no face found in 75 frames\n")
    assert "none of the 1 videos has descriptors (dark: no face found in 75 frames)" in failure(
        "--features", tmp_path, "--evaluate"
    )


def features_folder(tmp_path, n_subjects):
    """A folder as the extraction writes it, from synthetic curves."""
    folder = tmp_path / "features"
    (folder / "action_units").mkdir(parents=True)
    frame = descriptor_frame(n_subjects)
    frame["video"] = frame["video"].str.removesuffix(".mp4")
    frame.insert(1, "face_id", 0)
    frame.to_csv(folder / "descriptors.csv", index=False)
    pd.DataFrame({"video": frame.video, "status": "ok", "reason": ""}).to_csv(folder / "videos.csv", index=False)
    for person in range(n_subjects):
        for e, emotion in enumerate(EMOTIONS):
            for k, label in enumerate(("real", "fake")):
                recording = expression(emotion, label, noise=0.1, seed=[0, person, e, k])
                n = len(recording.times_s)
                about = {
                    "frame": np.arange(1, n + 1),
                    "face_id": 0,
                    "timestamp": recording.times_s,
                    "confidence": 1.0,
                    "success": 1,
                }
                units = {f"AU{au:02d}_r": recording.intensities[:, recording.aus.index(au)] for au in AUS}
                name = f"p{person}_{emotion}_{label}"
                pd.DataFrame({"video": name, **about, **units}).to_csv(
                    folder / "action_units" / f"{name}.csv", index=False
                )
    return folder


def test_wrong_usage_says_what_to_do(table, model, tmp_path):
    assert "give one of: VIDEOS, --features FOLDER" in failure("--evaluate")
    assert "nothing to do" in failure("--descriptors", table)
    assert "--save MODEL" in failure("--descriptors", table, "--train")
    assert "--descriptors" in failure("--descriptors", table, "--evaluate", "--model", "windows-svm", "--out", tmp_path)
    assert "comparison only" in failure(
        "--features", features_folder(tmp_path, 2), "--train", "--save", "x.npz", "--model", "windows-svm"
    )
    assert "no such file; expected a folder written by" in failure("--features", tmp_path, "--evaluate")


def test_bad_tables_name_row_and_column(table, model, tmp_path):
    frame = pd.read_csv(table, dtype=str)

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
        "--descriptors", with_change("emotion", "surprise"), "--predict", model, "--out", tmp_path
    )
    folds = frame.assign(fold=[str(int(s) % 2) for s in frame.subject])
    folds.loc[0, "fold"] = "1"
    folds.to_csv(tmp_path / "folds.csv", index=False)
    assert "row 3, column 'fold': subject '0' is in fold '0' here and in fold '1'" in failure(
        "--descriptors", tmp_path / "folds.csv", "--evaluate"
    )
    fewer = tmp_path / "fewer.csv"
    frame.drop(columns="AU12_speed_max").to_csv(fewer, index=False)
    assert "e.g. 'AU12_speed_max'" in failure("--descriptors", fewer, "--predict", model, "--out", tmp_path)
    frame.assign(subject="").to_csv(tmp_path / "unknown.csv", index=False)
    assert "no subject in any row" in failure("--descriptors", tmp_path / "unknown.csv", "--evaluate")


def frame_with_emotionless_pair(frame, tmp_path):
    changed = frame.copy()
    changed.loc[[0, 1], "emotion"] = ""
    changed.to_csv(tmp_path / "emotionless.csv", index=False)
    rows = [(changed.video[i], changed.video[i + 1], "a") for i in range(0, len(changed), 2)]
    pd.DataFrame(rows, columns=["video_a", "video_b", "real"]).to_csv(tmp_path / "pairs.csv", index=False)
    return tmp_path / "emotionless.csv"


def test_foreign_and_damaged_models_are_refused(table, model, tmp_path):
    pickle = tmp_path / "pickle.npz"
    pickle.write_bytes(b"\x80\x04K\x01.")
    assert "refused" in failure("--descriptors", table, "--predict", pickle, "--out", tmp_path)
    cut = tmp_path / "cut.npz"
    cut.write_bytes(model.read_bytes()[:-2000])
    with pytest.raises(ModelError, match="damaged"):
        AuthenticityModel.load(cut)


def test_scoring_people_the_model_was_trained_on_is_flagged(table, model, tmp_path):
    result = rank("--descriptors", table, "--predict", model, "--out", tmp_path)
    assert "trained on subjects of the same name" in result.output


def test_dataset_check_reports_and_writes_what_is_usable(tmp_path):
    folder = tmp_path / "FakeTrue_DB" / "8"
    folder.mkdir(parents=True)
    for name in ("N2H", "S2N2H", "H2NA"):
        (folder / f"{name}.MP4").write_text(name)
    result = CliRunner().invoke(
        dataset_command,
        ["check", "sase-fe", str(tmp_path), "--metadata", str(tmp_path / "m.csv")],
        standalone_mode=False,
    )
    assert result.return_value == 1, result.output
    assert "rename it to H2N2A.MP4" in result.output
    metadata = pd.read_csv(tmp_path / "m.csv")
    assert metadata[["subject", "emotion", "label"]].to_numpy().tolist() == [[8, "happy", "real"], [8, "happy", "fake"]]
    result = CliRunner().invoke(dataset_command, ["check", "metadata", str(tmp_path / "m.csv")], standalone_mode=False)
    assert result.return_value == 0
    assert "2 usable videos: 1 real, 1 fake" in result.output


def test_the_demos_last_step_ranks_people_it_has_not_seen(tmp_path):
    from facs_pipeline.authenticity_demo import rank_demo

    text = rank_demo(features_folder(tmp_path, 3), tmp_path / "ranking")
    assert "of 9 synthetic pairs ranked right" in text
    assert "Person 2, never seen by this model" in text
    assert "speaks for" in text
    assert "nothing about real people" in text
    assert AuthenticityModel.load(tmp_path / "ranking" / "model.npz").card["trained_on"]["subjects"] == ["0", "1"]
    assert len(list((tmp_path / "ranking").rglob("*.svg"))) == 1


def test_people_are_told_apart_by_their_faces_where_subjects_are_unknown(tmp_path):
    """Drawn and encoded videos with their true landmarks: the faces alone say who is who."""
    videos = tmp_path / "videos"
    metadata = write_recordings(
        videos, identities=3, emotions=("happiness", "sadness"), duration_s=1.0, fps=12, size=224
    )
    folder = tmp_path / "features"
    (folder / "action_units").mkdir(parents=True)
    names = [name.removesuffix(".mp4") for name in metadata.video]
    for name in names:
        truth = pd.read_csv(videos / "truth" / f"{name}.csv")
        truth = truth.rename(columns={column: f"{column}_r" for column in truth if column.startswith("AU")})
        truth.copy().assign(video=name, face_id=0, success=1).to_csv(
            folder / "action_units" / f"{name}.csv", index=False
        )
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"video": names, "emotion": metadata.emotion, "label": metadata.label})
    frame["AU12_value_mean"] = (frame.label == "real") + 0.1 * rng.normal(size=len(frame))
    frame.to_csv(folder / "descriptors.csv", index=False)
    places = {name: str(videos / f"{name}.mp4") for name in names}
    (folder / "run.json").write_text(json.dumps({"videos": places}))

    result = rank("--features", folder, "--subjects", 3, "--evaluate", "--out", tmp_path / "out")
    assert result.return_value == 0, result.output
    assert "faces look like 3 people" in result.output
    guess = pd.read_csv(tmp_path / "out" / "subjects.csv")
    assert guess.groupby(metadata.subject)["subject"].nunique().eq(1).all()
    assert guess.subject.nunique() == 3
    assert guess.confidence.between(0.5, 1).all()

    # The table is the user's to correct: here two people are made one, and the pairs follow.
    guess["subject"] = guess["subject"].replace("face3", "face2")
    guess.to_csv(tmp_path / "corrected.csv", index=False)
    result = rank("--features", folder, "--pairs", tmp_path / "corrected.csv", "--evaluate", "--out", tmp_path / "out")
    assert "10 pairs of 2 subjects" in result.output

    (videos / f"{names[0]}.mp4").unlink()
    assert "the video is not there any more" in failure("--features", folder, "--evaluate", "--out", tmp_path / "out")


def test_from_videos_to_decisions_with_the_whole_pipeline(tmp_path):
    """Drawn, encoded, decoded, followed, described, ranked: nothing is handed over but the videos and who is who."""
    from facs_pipeline.run_settings import AU_MODEL, LANDMARK_MODEL

    if not (AU_MODEL.is_file() and LANDMARK_MODEL.is_file()):
        pytest.skip("this checkout has no embedded models; train them first")
    videos = tmp_path / "videos"
    write_recordings(videos, identities=3, emotions=("happiness", "surprise"), duration_s=2.0, jobs=2)
    out = tmp_path / "out"
    result = rank(videos, "--pairs", videos / "metadata.csv", "--evaluate", "--jobs", 1, "--out", out)
    assert result.return_value == 0, result.output
    figures = json.loads((out / "authenticity.json").read_text())["models"]["rank-svm"]["pairs"]
    assert figures["n"] == 6
    assert figures["accuracy"] > 0.5
    assert (
        rank(
            "--features", out / "features", "--pairs", videos / "metadata.csv", "--train", "--save", out / "m.npz"
        ).return_value
        == 0
    )
    pair = [videos / f"s03_happiness_{label}.mp4" for label in ("real", "fake")]
    result = rank(*pair, "--predict", out / "m.npz", "--jobs", 1, "--out", tmp_path / "pair")
    assert result.return_value == 0, result.output
    predictions = pd.read_csv(tmp_path / "pair" / "predictions.csv")
    assert predictions.partner.tolist() == predictions.video.tolist()[::-1]
    assert sorted(predictions.decision) == ["fake", "real"]
    assert len(list((tmp_path / "pair" / "curves").glob("*.svg"))) == 1

"""`facs rank-authenticity` on folders of features and on videos."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from ranking_data import failure, features_folder, rank

from facs_pipeline.authenticity.model import AuthenticityModel
from facs_pipeline.synthesis.recordings import RecordingSettings, write_recordings


def test_all_rankers_on_a_folder_of_features_in_one_table(tmp_path):
    folder = features_folder(tmp_path, n_subjects=6)
    result = rank("--features", folder, "--evaluate", "--model", "all", "--folds", "3", "--out", tmp_path / "out")
    assert result.return_value == 0, result.output
    report = json.loads((tmp_path / "out" / "authenticity.json").read_text())
    assert list(report["models"]) == [
        "rank-svm",
        "rank-svm-tuned",
        "rank-svm-normal",
        "lightgbm",
        "lightgbm-single",
        "svm",
        "pooled-logistic",
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


def test_the_demos_last_step_ranks_people_it_has_not_seen(tmp_path):
    from facs_pipeline.authenticity.demo import rank_demo

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
        videos, RecordingSettings(duration_s=1.0, fps=12, size=224), identities=3, emotions=("happiness", "sadness")
    )
    folder = tmp_path / "features"
    (folder / "action_units").mkdir(parents=True)
    names = [name.removesuffix(".mp4") for name in metadata.video]
    for name in names:
        truth = pd.read_csv(videos / "truth" / f"{name}.csv")
        truth = truth.rename(columns={column: f"{column}_r" for column in map(str, truth) if column.startswith("AU")})
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
    from facs_pipeline.extraction.models import AU_MODEL, LANDMARK_MODEL

    if not (AU_MODEL.is_file() and LANDMARK_MODEL.is_file()):
        pytest.skip("this checkout has no embedded models; train them first")
    videos = tmp_path / "videos"
    settings = RecordingSettings(duration_s=2.0)
    write_recordings(videos, settings, identities=3, emotions=("happiness", "surprise"), jobs=2)
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

"""`facs extract-features --emotion`: emotion labels of every frame, cached as a stage of their own."""

from __future__ import annotations

import doctest

import cv2
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from extraction_runs import Remembering, tables_in, videos_csv
from facs_cli.predict_emotion import command as predict

from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.emotions import series as emotion_series
from facs_pipeline.emotions.heads import LinearHead
from facs_pipeline.emotions.model import EmotionModel
from facs_pipeline.extraction.predicted_emotions import emotion_inputs, table_points
from facs_pipeline.extraction.run import Options, extract_features
from facs_pipeline.foundation.errors import InputError, ModelError
from facs_pipeline.foundation.files.model_file import load_model, save_model
from facs_pipeline.tables.au_table import au_table_columns
from facs_pipeline.tables.schema import emotion_columns
from facs_pipeline.video.reader import read_frames


@pytest.fixture(scope="module")
def run(results_with_emotions):
    assert list(videos_csv(results_with_emotions)["status"]) == ["ok"] * 3
    return results_with_emotions


@pytest.fixture(scope="module")
def model():
    return EmotionModel.load_default()


def other_model(path, inputs=("landmarks",)):
    coef = np.random.default_rng(0).normal(size=({"landmarks": 98, "pixels": 2304, "action_units": 21}[inputs[0]], 2))
    EmotionModel("other", ["happy", "sad"], LinearHead(coef, np.zeros(2), 0.01), inputs=inputs).save(path)
    return path


def test_a_model_on_other_action_units_is_refused(tmp_path):
    path = other_model(tmp_path / "m.npz", ["action_units"])
    assert EmotionModel.load(path).inputs == ("action_units",)
    stored = load_model(path)
    card = {**stored.card, "action_unit_model": "0" * 64}
    save_model(path, "emotion", dict(stored.arrays), card)
    with pytest.raises(ModelError, match=r"m\.npz: trained on other landmarks, features or action units"):
        EmotionModel.load(path)


def table_of(out, name="gap"):
    return pd.read_csv(out / "action_units" / f"{name}.csv")


def test_columns_hold_what_the_model_says_of_each_frame(run, clips, model):
    table = table_of(run)
    assert list(table.columns)[-9:] == au_table_columns([1], emotion_columns(model.emotions))[-9:]
    gone = table["success"] == 0
    emotions = table[list(table.columns)[-9:]]
    assert 3 <= gone.sum() <= 7
    assert emotions[gone].isna().all(axis=None)
    assert emotions[~gone].notna().all(axis=None)
    probabilities = emotions.iloc[:, 2:][~gone].to_numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=5e-4)
    np.testing.assert_array_equal(emotions["emotion_confidence"][~gone], probabilities.max(axis=1))
    assert list(emotions["emotion"][~gone]) == [model.emotions[k] for k in probabilities.argmax(axis=1)]
    frames = [frame.image for frame in read_frames(clips / "gap.mp4")]
    rows = np.flatnonzero(~gone)
    analyser, points = FaceAnalyser(action_units=None), table_points(table)
    faces = [analyser.face_at(frames[row], points[row]) for row in rows]
    seen = emotion_inputs([frames[row] for row in rows], faces)
    np.testing.assert_allclose(model.predict_proba(seen), probabilities, atol=0.02)
    videos = videos_csv(run)
    most = emotions["emotion"].value_counts()
    assert videos.loc["gap", "main_emotion"] == most.index[0]
    assert float(videos["main_emotion_share"]["gap"]) == pytest.approx(most.iloc[0] / (~gone).sum(), abs=1e-4)


def test_bytes_do_not_depend_on_jobs_or_on_when_emotions_were_asked_for(run, clips, tmp_path):
    def log(**options):
        observer = Remembering()
        extract_features([clips], Options(out=tmp_path, jobs=2, **options), observer)
        return {line.split(" computed")[0] for line in observer.logs}

    log()
    before = tables_in(tmp_path)
    without = pd.read_csv(tmp_path / "action_units" / "gap.csv")
    pd.testing.assert_frame_equal(without, table_of(run)[list(without.columns)])
    assert "main_emotion" not in videos_csv(tmp_path).columns
    assert log(emotion=True) == {"anna: emotions", "ben: emotions", "gap: emotions"}
    assert tables_in(tmp_path) == tables_in(run)
    assert log(emotion=True) == set()
    other = other_model(tmp_path.parent / "other.npz")
    assert log(emotion_model=other) == {"anna: emotions", "ben: emotions", "gap: emotions"}
    assert list(table_of(tmp_path).columns)[-2:] == ["emotion_happy", "emotion_sad"]
    for damaged in tmp_path.glob("cache/*/emotions-*.joblib"):
        content = bytearray(damaged.read_bytes())
        content[20] ^= 1
        damaged.write_bytes(content)
    (tmp_path / "action_units" / "gap.csv").unlink()
    (tmp_path / "action_units" / "ben.csv").unlink()
    (tmp_path / "action_units" / "anna.csv").unlink()
    assert log(emotion=True) == {"anna: emotions", "ben: emotions", "gap: emotions"}
    assert tables_in(tmp_path) == tables_in(run)
    log()
    assert tables_in(tmp_path) == before


def test_parquet_holds_the_same(run, clips, tmp_path):
    cache = run / "cache"
    extract_features([clips], Options(out=tmp_path, cache=cache, jobs=1, emotion=True, format="parquet"))
    parquet = pd.read_parquet(tmp_path / "action_units" / "gap.parquet")
    pd.testing.assert_frame_equal(parquet, table_of(run), check_dtype=False)


def test_a_model_that_needs_more_is_refused(clips, tmp_path):
    path = other_model(tmp_path / "pixels.npz", ("pixels",))
    with pytest.raises(InputError, match=r"pixels\.npz: model 'other' takes pixels of each image.*predict-emotion"):
        extract_features([clips], Options(out=tmp_path / "out", emotion_model=path))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["default", "pixels"])
def test_predict_emotion_gives_each_frame_of_a_video_a_row(run, clips, tmp_path, kind):
    """Also by a model that `extract-features` cannot use."""
    arguments = [str(clips / "gap.mp4"), "--out", str(tmp_path / "p.csv"), "--explain", str(tmp_path / "why")]
    if kind == "pixels":
        arguments += ["--model", str(other_model(tmp_path / "pixels.npz", ("pixels",)))]
    result = CliRunner().invoke(predict, [*arguments, "--jobs", "1"], catch_exceptions=False, standalone_mode=False)
    assert result.return_value == 0, result.output
    table, extracted = pd.read_csv(tmp_path / "p.csv"), table_of(run)
    for mine, theirs in (("frame", "frame"), ("timestamp", "timestamp"), ("found", "success"), ("face_id", "face_id")):
        np.testing.assert_array_equal(table[mine], extracted[theirs])
    if kind == "default":
        np.testing.assert_array_equal(table.filter(like="p_"), extracted.filter(regex="emotion_[^c]"))
    assert table["emotion"].isna().tolist() == (table["found"] == 0).tolist()
    reasons = pd.read_csv(tmp_path / "why" / "reasons.csv")
    assert len(reasons) == 1
    assert cv2.imread(str(tmp_path / "why" / reasons["picture"][0])) is not None


def test_examples_in_the_docstrings():
    result = doctest.testmod(emotion_series)
    assert result.attempted >= 3
    assert result.failed == 0

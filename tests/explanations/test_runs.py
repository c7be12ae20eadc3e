"""Explanations and predictions of files from Python, as the commands make them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import pandas as pd
import pytest
from counted_progress import CountedProgress
from dying_decoders import let_decoders_die, mark
from skimage.data import astronaut

from facs_pipeline.emotions.model import EmotionModel
from facs_pipeline.explanations import emotion_run
from facs_pipeline.explanations.emotion_run import PredictionOptions, predict_emotions
from facs_pipeline.explanations.run import ExplanationOptions, explain_action_units
from facs_pipeline.extraction.predicted_emotions import PredictedImages
from facs_pipeline.foundation.errors import ArgumentError


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Folder of a photo and a file that is none."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "smile.png"), cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR))
    (folder / "text.png").write_text("hello")
    return folder


def test_explanations_of_stills(pictures: Path, tmp_path: Path) -> None:
    told = CountedProgress()
    result = explain_action_units([pictures], ExplanationOptions(out=tmp_path / "why", aus=(12, 12)), told)
    [one] = result.explained
    assert (one.source.name, one.frame, one.face_id, one.au) == ("smile.png", None, 0, 12)
    assert one.title.startswith("AU12 lip corner puller ")
    assert one.reasons[0].startswith("+")
    assert cv2.imread(str(one.picture)) is not None
    [skipped] = result.skipped
    assert skipped.source.endswith("text.png")
    written = pd.read_csv(tmp_path / "why" / "explanations.csv")
    assert written["contribution"].sum() == pytest.approx(result.table["contribution"].sum())
    assert told.counts == [(2, 2)]


def test_explanations_of_a_video_use_what_is_stored(clips: Path, results: Path, tmp_path: Path) -> None:
    options = ExplanationOptions(out=tmp_path / "why", aus=(12,), cache=results / "cache", jobs=1)
    before = {path: path.stat().st_mtime_ns for path in (results / "cache").rglob("*.joblib")}
    [one] = explain_action_units([clips / "anna.mp4"], options).explained
    table = pd.read_csv(results / "action_units" / "anna.csv")
    assert one.frame == table["frame"].to_numpy()[table["AU12_r"].to_numpy().argmax()]
    assert {path: path.stat().st_mtime_ns for path in (results / "cache").rglob("*.joblib")} == before


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        (ExplanationOptions(aus=(22,)), "aus"),
        (ExplanationOptions(frame=3), "frame"),
        (ExplanationOptions(against="rest"), "against"),
    ],
)
def test_arguments_that_do_not_go_with_the_inputs(pictures: Path, options: ExplanationOptions, argument: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        explain_action_units([pictures], options)
    assert caught.value.argument == argument


def test_emotions_of_stills_with_pictures(pictures: Path, tmp_path: Path) -> None:
    options = PredictionOptions(out=tmp_path / "labels.csv", explain=tmp_path / "why", jobs=1)
    result = predict_emotions([pictures], options)
    assert result.table is not None
    assert result.table["emotion"].tolist() == ["happy"]
    labels = [f"p_{emotion}" for emotion in EmotionModel.load_default().emotions]
    assert result.table[labels].sum(axis=1).iloc[0] == pytest.approx(1, abs=1e-3)
    assert [skipped.source for skipped in result.skipped] == [str(pictures / "text.png")]
    assert pd.read_csv(tmp_path / "labels.csv")["emotion"].tolist() == ["happy"]
    reasons = pd.read_csv(tmp_path / "why" / "reasons.csv")
    assert (tmp_path / "why" / reasons["picture"].iloc[0]).is_file()
    assert not (tmp_path / "labels.csv.unfinished").exists()


def test_nothing_usable_writes_no_table(pictures: Path, tmp_path: Path) -> None:
    result = predict_emotions([pictures / "text.png"], PredictionOptions(out=tmp_path / "labels.csv", jobs=1))
    assert result.table is None
    assert len(result.skipped) == 1
    assert not (tmp_path / "labels.csv").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="kills processes")
class TestFilesThatEndTheDecoder:
    """They cost themselves alone."""

    def test_stills_of_explain_au(self, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        shutil.copy(pictures / "smile.png", pictures / "fatal.png")
        mark(pictures / "fatal.png")
        let_decoders_die(tmp_path / "site", monkeypatch)
        result = explain_action_units([pictures], ExplanationOptions(out=tmp_path / "why", aus=(12,)))
        assert [one.source.name for one in result.explained] == ["smile.png"]
        reasons = {Path(skipped.source).name: skipped.reason for skipped in result.skipped}
        assert reasons["fatal.png"] == "decoding crashed (SIGSEGV); the input was given up"

    def test_videos_of_explain_au(
        self, clips: Path, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is stored of a video is read without decoding it, but its frames are to be shown."""
        shutil.copytree(results / "cache", tmp_path / "cache")
        shutil.copy(clips / "anna.mp4", tmp_path / "fatal.mp4")
        shutil.copy(clips / "anna.mp4", tmp_path / "sound.mp4")
        let_decoders_die(tmp_path / "site", monkeypatch)
        options = ExplanationOptions(out=tmp_path / "why", aus=(12,), cache=tmp_path / "cache", jobs=1)
        result = explain_action_units([tmp_path / "fatal.mp4", tmp_path / "sound.mp4"], options)
        assert [one.source.name for one in result.explained] == ["sound.mp4"]
        assert [skipped.reason for skipped in result.skipped] == ["decoding crashed (SIGSEGV); the input was given up"]

    def test_pictures_of_explained_emotions(
        self, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        let_decoders_die(tmp_path / "site", monkeypatch)
        shutil.copy(pictures / "smile.png", pictures / "other.png")
        options = PredictionOptions(out=tmp_path / "labels.csv", explain=tmp_path / "why", jobs=1)
        measured = emotion_run.image_table

        def change_then_tell(part: PredictedImages, emotions: Sequence[str]) -> pd.DataFrame:
            # The picture goes bad between being measured and being drawn on.
            mark(pictures / "other.png")
            return measured(part, emotions)

        monkeypatch.setattr(emotion_run, "image_table", change_then_tell)
        result = predict_emotions([pictures / "other.png", pictures / "smile.png"], options)
        assert result.table is not None
        assert len(result.table) == 2
        assert [(Path(one.source).name, one.reason) for one in result.skipped] == [
            ("other.png", "decoding crashed (SIGSEGV); the input was given up")
        ]
        assert len(pd.read_csv(tmp_path / "why" / "reasons.csv")) == 1

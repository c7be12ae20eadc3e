"""What version 0.1.0 wrote is still read: tables, stored results, models, figures for the report."""

from __future__ import annotations

import shutil
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from extraction_runs import Remembering
from facs_cli.cache import command as cache_command

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.emotions.model import EmotionModel
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.run import extract_features
from facs_pipeline.foundation.files.artifacts import Artifact
from facs_pipeline.foundation.files.model_file import load_model
from facs_pipeline.landmarks.model import LandmarkModel
from facs_pipeline.report.gather import gather
from facs_pipeline.report.page import write_report
from facs_pipeline.tables.descriptor_table import read_descriptor_table
from facs_pipeline.tables.reader import read_au_table
from facs_pipeline.tables.schema import find_columns

OLD = Path(__file__).resolve().parents[1] / "data" / "version-0.1.0"
FRAMES = 16
STAGES = {"faces", "landmarks", "features", "action_units", "descriptors", "emotions"}
MODELS = Path(str(files("facs_pipeline.models")))
HASHES = {
    "emotions": "633428f030ee13d035b6819948186213ac2d65f509e5b8559f1cd8958eca6d9c",
    "landmarks": "4b28a8de10ae1892e814f534ec99a1473f91b5ca4ac7df1789ec8685a97a9dfa",
}


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the old files that a test may change, with their key as the user's."""
    key = tmp_path / "key"
    key.write_bytes((OLD / "key").read_bytes())
    key.chmod(0o600)
    monkeypatch.setenv("FACS_KEY_FILE", str(key))
    return Path(shutil.copytree(OLD, tmp_path / "old"))


def rerun(old: Path, options: Options) -> tuple[set[str], Remembering]:
    """What this version computes of the old run's video, and its observer."""
    observer = Remembering()
    result = extract_features([old / "smile.mp4"], replace(options, out=old / "results", jobs=1), observer)
    assert [video.status for video in result.videos] == ["ok"]
    return {line.split(" computed")[0] for line in observer.logs if " computed" in line}, observer


class TestTables:
    def test_action_units(self):
        [csv] = read_au_table(OLD / "results" / "action_units" / "smile.csv")
        [parquet] = read_au_table(OLD / "smile.parquet")
        assert (csv.video, csv.face_id, csv.aus) == (parquet.video, parquet.face_id, parquet.aus)
        assert set(csv.aus) < set(ActionUnitModel.load_default().aus)
        np.testing.assert_allclose(csv.intensities, parquet.intensities, atol=1e-4)
        np.testing.assert_allclose(csv.times_s, np.arange(FRAMES) / FRAMES, atol=1e-6)
        smile = csv.intensities[:, csv.aus.index(12)]
        assert smile.max() - smile.min() > 2

    def test_descriptors(self):
        table = read_descriptor_table(OLD / "results" / "descriptors.csv")
        assert len(table) == 1
        assert not table.unusable

    @pytest.mark.parametrize(
        "name", ["results/action_units/smile.csv", "results/descriptors.csv", "results/videos.csv", "events.csv",
                 "stills.csv", "ranking/predictions.csv", "ranking/reasons.csv"]
    )  # fmt: skip
    def test_every_column_still_means_something(self, name):
        table = pd.read_csv(OLD / name)
        assert len(table)
        assert [column for column in table.columns if not find_columns(column)] == []


class TestStoredResults:
    def test_every_one_is_ours_and_whole(self, old):
        key = (OLD / "key").read_bytes()
        artifacts = [Artifact.open(path, key) for path in sorted((old / "results" / "cache").glob("*/*.joblib"))]
        assert {artifact.about["stage"] for artifact in artifacts} == STAGES
        for artifact in artifacts:
            artifact.check()
            assert all(chunk is not None for chunk in artifact)
        outcome = CliRunner().invoke(cache_command, ["check", str(old / "results")], standalone_mode=False)
        assert (outcome.return_value, outcome.output) == (0, "6 good, 0 bad\n")

    def test_videos_are_computed_again_and_the_reason_is_said(self, old):
        """Today's numbers are the same on every processor, those of 0.1.0 were not."""
        computed, observer = rerun(old, Options(emotion=True, keep="all"))
        added = {"confidence", "quality", "sides", "eyes", "gaze"}
        assert computed == {f"smile: {stage}" for stage in {*STAGES, *added}}
        assert any(
            line.startswith("smile: faces computed (stage version of faces changed: 4 -> ") for line in observer.logs
        )
        [series] = read_au_table(old / "results" / "action_units" / "smile.csv")
        assert len(series.intensities) == FRAMES
        computed, observer = rerun(old, Options(emotion=True))
        assert computed == set()
        assert observer.to_do == 0


class TestModels:
    @pytest.mark.parametrize("name", HASHES)
    def test_those_of_the_package_are_the_same(self, name):
        """They were not trained again: what was stored with them is not computed again, and tables can be compared."""
        assert load_model(MODELS / f"{name}.npz").card["content_sha256"] == HASHES[name]

    def test_those_of_the_package_load(self):
        assert LandmarkModel.load().sha256 == HASHES["landmarks"]
        assert EmotionModel.load_default().sha256 == HASHES["emotions"]

    def test_one_that_a_user_trained(self):
        model = ActionUnitModel.load(OLD / "jaw.npz")
        assert model.aus == (26,)
        [features] = Artifact.open(*_features())
        predicted = model.predict(features)
        assert predicted.shape == (FRAMES, 1)
        assert ((predicted >= 0) & (predicted <= 5)).all()


def _features() -> tuple[Path, bytes]:
    [path] = (OLD / "results" / "cache").glob("*/features-*.joblib")
    return path, (OLD / "key").read_bytes()


def test_the_report_shows_all_of_it(tmp_path):
    found = gather([OLD / "results", OLD / "emotions", OLD / "ranking"])
    text = write_report(found, tmp_path / "report.html").pages[0].read_text(encoding="utf-8")
    assert [video.name for video in found.videos] == ["smile"]
    for shown in ("smile", "Emotion of still faces", "rank-svm", "0_happiness_real"):
        assert shown in text

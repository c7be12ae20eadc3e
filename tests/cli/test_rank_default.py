"""`facs rank-authenticity` with the model that comes with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pandas as pd
from click.testing import CliRunner
from facs_cli.model import command as model_command
from ranking_data import failure, rank

from facs_pipeline.authenticity.model import AuthenticityModel
from facs_pipeline.dynamics.evidence import kind_of_evidence


def test_two_videos_are_ranked_without_any_training(clips: Path, tmp_path: Path) -> None:
    result = rank(clips / "anna.mp4", clips / "ben.mp4", "--out", tmp_path, "--jobs", "1")
    assert result.return_value == 0, result.output
    assert "A anna   B ben" in result.output
    table = pd.read_csv(tmp_path / "predictions.csv")
    assert list(table["video"]) == ["anna", "ben"]
    assert set(table["decision"]) <= {"real", "fake", "cannot tell"}
    assert (table["probability_low"] <= table["probability"]).all()
    assert (table["probability"] <= table["probability_high"]).all()
    assert len(pd.read_csv(tmp_path / "reasons.csv")) == 5
    assert len(list((tmp_path / "curves").glob("*.svg"))) == 1
    again = tmp_path / "again"
    surest = rank("--features", tmp_path / "features", "--predict", "default", "--coverage", "0.01", "--out", again)
    assert surest.return_value == 0, surest.output
    assert abs(pd.read_csv(again / "predictions.csv")["score"] - table["score"]).max() < 1e-6


def test_the_model_sees_the_face_only_is_small_and_says_when_not_to_use_it() -> None:
    path = files("facs_pipeline.models").joinpath("authenticity.npz")
    assert Path(str(path)).stat().st_size < 2_000_000
    model = AuthenticityModel.load_default()
    assert {kind_of_evidence(name) for name in model.columns} == {"face"}
    result = CliRunner().invoke(model_command, ["show", "authenticity"])
    assert result.exit_code == 0, result.output
    for words in ("research", "36 subjects", "no lie detector", "honesty", "2024/1689", "surprise", "share answered"):
        assert words in result.output


def test_other_descriptors_are_refused_with_what_to_do(ranking_table: Path) -> None:
    assert "--descriptor-set extended" in failure("--descriptors", ranking_table, "--predict", "default")

"""`facs quality` judges a run's videos anew without computing anything, also those of older versions."""

from __future__ import annotations

import csv
import shutil

import pandas as pd
import pytest
from click.testing import CliRunner
from extraction_runs import facs
from facs_cli.quality import command

from facs_pipeline.dynamics.quality import MEASURES
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.run import extract_features


def run(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments], standalone_mode=False)


def test_the_run_itself_and_the_command_agree(results, tmp_path):
    done = run(results, "--out", tmp_path / "quality.csv", "--all")
    assert done.return_value == 0, done.output
    own = pd.read_csv(results / "videos.csv", dtype=str, keep_default_na=False)
    table = pd.read_csv(tmp_path / "quality.csv", dtype=str, keep_default_na=False)
    assert table["verdict"].tolist() == own["verdict"].tolist()
    assert table["verdict_reasons"].tolist() == own["verdict_reasons"].tolist()
    assert (own["sharpness"].astype(float) > 0).all()
    assert own["brightness"].astype(float).between(20, 235).all()
    counts = own["verdict"].value_counts()
    assert f"{len(own)} videos: {counts.get('use', 0)} use, {counts.get('check', 0)} check" in done.output


def test_an_older_run_is_judged_by_its_tables(results, tmp_path):
    old = shutil.copytree(results, tmp_path / "old", ignore=shutil.ignore_patterns("cache"))
    table = pd.read_csv(old / "videos.csv", dtype=str, keep_default_na=False)
    table.drop(columns=["verdict", "verdict_reasons", *MEASURES]).to_csv(old / "videos.csv", index=False)
    done = run(old, "--out", tmp_path / "quality.csv")
    assert done.return_value == 0, done.output
    now = pd.read_csv(tmp_path / "quality.csv")
    assert now["sharpness"].isna().all()
    known = ["confidence_mean", "face_width_px", "turned_share", "usable_share", "longest_gap_s", "faces", "cuts"]
    for name in known:
        assert now[name].to_numpy() == pytest.approx(table[name].astype(float).to_numpy(), abs=0.06), name


def test_limits_are_printed_and_changed(results, tmp_path):
    printed = run("--limits")
    (tmp_path / "limits.toml").write_text(printed.output)
    usual = run(results)
    assert run(results, "--quality", tmp_path / "limits.toml").output == usual.output
    (tmp_path / "limits.toml").write_text("[leave_out]\nface_width_px_min = 5000\n")
    strict = run(results, "--quality", tmp_path / "limits.toml")
    assert "0 use, 0 check" in strict.output
    assert "px (expected at least 5e+03 px)" in strict.output


def test_a_run_has_its_own_limits(clips, results, tmp_path):
    (tmp_path / "limits.toml").write_text("[check]\nbrightness_max = 1\n")
    options = Options(out=tmp_path / "out", cache=results / "cache", quality=tmp_path / "limits.toml", jobs=1)
    extract_features([clips / "anna.mp4"], options)
    [row] = csv.DictReader((tmp_path / "out" / "videos.csv").open(encoding="utf-8"))
    assert row["verdict"] == "check"
    assert "brightness of the face" in row["verdict_reasons"]


def test_wrong_usage_is_one_line(tmp_path):
    for arguments, told in (
        ([tmp_path], f"{tmp_path}: no videos.csv there"),
        ([tmp_path, "--quality", tmp_path / "none.toml"], "none.toml"),
        ([], "name the folder of RESULTS, or give --limits"),
    ):
        ended = facs("quality", *arguments)
        assert ended.returncode == 2
        assert told in ended.stderr
        assert "Traceback" not in ended.stderr


def test_a_table_that_cannot_be_read_is_named_and_the_rest_goes_on(results, tmp_path):
    old = shutil.copytree(results, tmp_path / "old", ignore=shutil.ignore_patterns("cache"))
    table = pd.read_csv(old / "videos.csv", dtype=str, keep_default_na=False)
    table.drop(columns=["verdict", "verdict_reasons", *MEASURES]).to_csv(old / "videos.csv", index=False)
    name = table["video"][0]
    (old / "action_units" / f"{name}.csv").write_text("nonsense\n")
    done = run(old)
    assert done.return_value == 1
    assert f"{name}: its table is not there or cannot be read" in done.output

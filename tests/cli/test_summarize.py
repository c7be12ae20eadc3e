"""`facs summarize` writes tables for other programs, and a figure."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pyreadstat
import pytest
from click.testing import CliRunner
from extraction_runs import facs
from facs_cli.summarize import command
from study_results import write_study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("study") / "results", persons=5)


def run(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments], standalone_mode=False)


def test_tables_and_figure(study, tmp_path):
    done = run(study, "--out", tmp_path / "out", "--jobs", 1)
    assert done.return_value == 0, done.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "videos_long.csv", "videos_wide.csv", "persons_long.csv", "persons_wide.csv", "groups.csv", "differences.csv",
        "variables.csv", "figure.svg",
    }  # fmt: skip
    assert "10 videos, 5 persons, by condition, subject" in done.output
    # With five persons no p is below 2/32; the effect is told all the same.
    assert "AU12 lip corner puller, mean: joke less calm +0.3" in done.output
    figure = (tmp_path / "out" / "figure.svg").read_text()
    assert "AU12 lip corner puller" in figure
    labels = pd.read_csv(tmp_path / "out" / "variables.csv")
    wide = pd.read_csv(tmp_path / "out" / "persons_wide.csv")
    assert labels[labels["table"] == "persons_wide"]["variable"].tolist() == wide.columns.tolist()
    assert run(study, "--out", tmp_path / "again", "--jobs", 2).return_value == 0
    for path in (tmp_path / "out").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


@pytest.mark.parametrize("form", ["xlsx", "parquet"])
def test_formats(study, tmp_path, form):
    done = run(study, "--out", tmp_path, "--format", form, "--figure", "none", "--jobs", 1)
    assert done.return_value == 0, done.output
    path = tmp_path / f"persons_wide.{form}"
    table = pd.read_excel(path) if form == "xlsx" else pd.read_parquet(path)
    # Persons of the first condition, then those of the second.
    assert table["condition"].tolist() == ["calm"] * 5 + ["joke"] * 5
    assert table["subject"].tolist() == [f"S{person:02d}" for person in range(5)] * 2


def test_spss_has_the_labels(study, tmp_path):
    done = run(study, "--out", tmp_path, "--format", "sav", "--figure", "png", "--signals", "AU12", "--jobs", 1)
    assert done.return_value == 0, done.output
    table, about = pyreadstat.read_sav(str(tmp_path / "persons_wide.sav"))
    assert len(table) == 10
    assert about.column_names_to_labels["AU12_time_share"] == "AU12 lip corner puller: share of time present"
    assert about.column_names_to_labels["condition"] == "condition (metadata)"
    assert (tmp_path / "figure.png").read_bytes()[:4] == b"\x89PNG"


def test_bad_input_is_one_line(study, tmp_path):
    for arguments, told in (
        ([study, "--by", "mood,subject"], "no column 'mood' in the metadata"),
        ([study, "--signals", "AU99"], "no signal 'AU99'; there are AU01"),
        ([study, "--statistic", "luck"], "--statistic luck: expected one of mean, median"),
        ([tmp_path], "no videos.csv there"),
    ):
        ended = facs("summarize", *arguments, "--out", tmp_path / "out", "--jobs", 1)
        assert ended.returncode == 2, ended.stderr
        assert told in ended.stderr
        assert "Traceback" not in ended.stderr
        assert len(ended.stderr.strip().splitlines()) <= 4


@pytest.mark.parametrize(
    ("module", "options", "extra"), [("pyreadstat", ["--format", "sav"], "spss"), ("matplotlib", [], "plot")]
)
def test_what_is_not_installed_is_said_before_the_work(study, tmp_path, module, options, extra):
    code = f"import sys; sys.modules[{module!r}] = None; from facs_cli.main import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code, "summarize", str(study), "--out", str(tmp_path / "out"), *options],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 2, ended.stderr
    assert f"pip install 'facs-pipeline[{extra}]'" in ended.stderr
    assert not (tmp_path / "out").exists()

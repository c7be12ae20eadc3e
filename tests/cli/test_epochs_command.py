"""`facs epochs` writes tables for other programs, and a figure."""

from __future__ import annotations

import pandas as pd
import pytest
from click.testing import CliRunner
from facs_cli.epochs import command
from study_results import write_study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    write_study(folder / "results", persons=5)
    names = [path.stem for path in sorted((folder / "results" / "action_units").iterdir())]
    pd.DataFrame({"video": names, "onset": 0.8}).to_csv(folder / "trials.csv", index=False)
    return folder


def run(study, *arguments):
    named = [study / "results", "--onsets", study / "trials.csv", "--window", -0.5, 1.5, *arguments]
    return CliRunner().invoke(command, [str(argument) for argument in named], standalone_mode=False)


def test_tables_and_figure(study, tmp_path):
    done = run(study, "--by", "condition", "--out", tmp_path / "out", "--jobs", 1)
    assert done.return_value == 0, done.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "epochs.csv", "trials.csv", "curves.csv", "differences.csv", "variables.csv", "figure.svg",
    }  # fmt: skip
    assert "10 epochs, 10 videos, 5 persons" in done.output
    assert "AU12 lip corner puller, largest change after the onset: joke less calm +1.5" in done.output
    figure = (tmp_path / "out" / "figure.svg").read_text()
    assert "AU12 lip corner puller" in figure
    assert "joke (5 subjects)" in figure
    labels = pd.read_csv(tmp_path / "out" / "variables.csv")
    for name in ("epochs", "trials", "curves", "differences"):
        columns = pd.read_csv(tmp_path / "out" / f"{name}.csv").columns.tolist()
        assert labels[labels["table"] == name]["variable"].tolist() == columns
    assert "AU12 lip corner puller: change from the baseline" in labels["label"].tolist()
    assert run(study, "--by", "condition", "--out", tmp_path / "again", "--jobs", 2).return_value == 0
    for path in (tmp_path / "out").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_without_conditions(study, tmp_path):
    done = run(
        study, "--aus", "12", "--no-baseline", "--figure", "png", "--format", "xlsx", "--out", tmp_path, "--jobs", 1
    )
    assert done.return_value == 0, done.output
    assert pd.read_excel(tmp_path / "curves.xlsx")["signal"].unique().tolist() == ["AU12"]
    assert not (tmp_path / "differences.xlsx").exists()
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_more_conditions_than_colours_are_not_drawn(study, tmp_path):
    names = pd.read_csv(study / "trials.csv")["video"]
    onsets = tmp_path / "trials.csv"
    pd.DataFrame({"video": names, "onset": 0.8, "item": range(10)}).to_csv(onsets, index=False)
    named = [study / "results", "--onsets", onsets, "--by", "item", "--out", tmp_path / "out"]
    done = CliRunner().invoke(command, [str(argument) for argument in named], standalone_mode=False)
    assert done.return_value == 0, done.output
    assert "no figure, too many combinations of item" in done.output
    assert not (tmp_path / "out" / "figure.svg").exists()

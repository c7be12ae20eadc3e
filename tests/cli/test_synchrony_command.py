"""`facs synchrony` compares two faces, pairs or viewers, and writes tables and a figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from facs_cli.synchrony import command
from study_results import write_study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = write_study(tmp_path_factory.mktemp("study") / "results", persons=4)
    for path in (folder / "action_units").iterdir():
        one = pd.read_csv(path)
        longer = pd.concat([one] * 10, ignore_index=True)
        longer["frame"] = np.arange(1, len(longer) + 1)
        longer["timestamp"] = np.arange(len(longer)) / 25
        longer.to_csv(path, index=False)
    return folder


def run(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments], standalone_mode=False)


def test_a_pair(study, tmp_path):
    done = run(study, "p0_calm", "p1_joke", "--aus", "12", "--out", tmp_path / "out")
    assert done.exception is None, done.output
    assert "p0_calm and p1_joke, AU12: synchrony " in done.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "synchrony.csv", "windows.csv", "variables.csv", "figure.svg",
    }  # fmt: skip
    figure = (tmp_path / "out" / "figure.svg").read_text()
    assert "AU12 lip corner puller: synchrony" in figure
    labels = pd.read_csv(tmp_path / "out" / "variables.csv")
    assert not labels["label"].str.contains("metadata").any()
    again = run(study, "p0_calm", "p1_joke", "--aus", "12", "--out", tmp_path / "again")
    assert again.exception is None
    for path in (tmp_path / "out").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_pairs_of_a_table(study, tmp_path):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("a,b\n" + "".join(f"p{k}_calm,p{k}_joke\n" for k in range(4)))
    done = run(study, "--pairs", pairs, "--aus", "12,45", "--out", tmp_path / "out", "--format", "xlsx")
    assert done.exception is None, done.output
    assert "All 4 pairs, AU12: synchrony " in done.output
    assert len(pd.read_excel(tmp_path / "out" / "synchrony.xlsx")) == 8
    assert len(pd.read_excel(tmp_path / "out" / "study.xlsx")) == 2


def test_viewers(study, tmp_path):
    done = run(study, "--viewers", "--by", "condition", "--aus", "12", "--out", tmp_path / "out", "--surrogates", 99,
               "--figure", "png")  # fmt: skip
    assert done.exception is None, done.output
    assert "calm, AU12: correlation 1.00 [1.00, 1.00] of 4 viewers with the others" in done.output
    assert (tmp_path / "out" / "figure.png").stat().st_size > 5000


@pytest.mark.parametrize(
    "arguments",
    [(), ("p0_calm",), ("a", "b", "c"), ("p0_calm", "--viewers"), ("p0_calm", "p1_calm", "--by", "film"),
     ("p0_calm", "--faces", "0")],
)  # fmt: skip
def test_wrong_usage(study, tmp_path, arguments):
    done = CliRunner().invoke(command, [str(study), *arguments, "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert not (tmp_path / "out").exists()

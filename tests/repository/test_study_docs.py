"""The snippets of docs/study.md do what they say."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pyreadstat
import pytest
from click.testing import CliRunner
from facs_cli.summarize import command
from study_results import write_study

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "study.md").read_text(encoding="utf-8")


def snippet(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    write_study(folder / "results", persons=6)
    for form in ("csv", "sav"):
        arguments = [
            folder / "results",
            "--out",
            folder / "facs-summary",
            "--format",
            form,
            "--figure",
            "none",
            "--jobs",
            1,
        ]
        assert not CliRunner().invoke(command, [str(one) for one in arguments], standalone_mode=False).return_value
    return folder


def test_variables_that_the_snippets_name_are_there(folder):
    table = pd.read_csv(folder / "facs-summary" / "persons_long.csv")
    assert {"signal", "side", "subject", "condition", "mean"} <= set(table)
    spss, _ = pyreadstat.read_sav(str(folder / "facs-summary" / "persons_long.sav"))
    assert {"signal", "mean", "condition", "subject"} <= set(spss)
    assert re.findall(r"FILE='(\S+)'", snippet("spss")) == ["facs-summary/persons_long.sav"]


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="no R here; apt-get install r-base-core, then run again")
def test_r(folder):
    ended = subprocess.run(
        ["Rscript", "-e", snippet("r")], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    told = re.search(r"mean difference\s+(-?[\d.]+)", ended.stdout)
    assert told
    difference = float(told[1])
    found = pd.read_csv(folder / "facs-summary" / "differences.csv").query("signal == 'AU12' and statistic == 'mean'")
    assert difference == pytest.approx(found["difference"].iloc[0], rel=1e-3)

"""`facs plot` draws a figure of the size that is asked for."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from click.testing import CliRunner
from facs_cli.plot import command
from study_results import write_study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("study") / "results", persons=1)


def run(*arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_figure(study, tmp_path):
    out = tmp_path / "curves.svg"
    done = run(study, "p0_joke", "--aus", "6,12", "--width", 85, "--out", out)
    assert done.exit_code == 0, done.output
    svg = out.read_text()
    # Points of 1/72 inch; letters stay letters.
    [width] = re.findall(r'width="([\d.]+)pt"', svg)[:1]
    assert float(width) == pytest.approx(85 / 25.4 * 72, abs=0.1)
    assert "AU12 lip corner puller" in svg
    assert run(study, "p0_joke", "--aus", "6,12", "--width", 85, "--out", tmp_path / "again.svg").exit_code == 0
    assert (tmp_path / "again.svg").read_text() == svg


def test_bad_input(study, tmp_path):
    assert "numbers such as 1,2,4,12" in run(study, "p0_joke", "--aus", "smile").output
    assert "written as .svg" in str(run(study, "p0_joke", "--out", tmp_path / "a.gif").exception)


def test_without_matplotlib(study, tmp_path):
    code = "import sys; sys.modules['matplotlib'] = None; from facs_cli.main import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code, "plot", str(study), "p0_joke", "--out", str(tmp_path / "a.svg")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "pip install 'facs-pipeline[plot]'" in ended.stderr

"""What reaches the terminal: no name steers it, and unknown commands are told with those like them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

NAMES = ["clip\x1b]0;title\x07\x1b[2J.csv", "gpj.\u202e.csv", "c1\x9b31m.csv", "line\rover.csv"]


def facs(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONUTF8": "1"}
    return subprocess.run(
        [sys.executable, "-c", "from facs_cli.main import main; main()", *arguments],
        capture_output=True,
        env=environment,
        check=False,
    )


@pytest.mark.skipif(os.name == "nt", reason="such names are none there")
@pytest.mark.parametrize("name", NAMES)
def test_names_are_written_out(tmp_path, name):
    (tmp_path / name).write_text("a,b\n1,2\n")
    result = facs("describe", str(tmp_path), "--out", str(tmp_path / "out"))
    assert result.returncode == 2
    text = result.stderr.decode()
    assert "no column of intensities" in text
    assert not set(text) & set("\x1b\x07\x9b\r\u202e")
    assert any(code in text for code in ("\\u001b", "\\u202e", "\\u009b", "\\u000d"))


def test_a_wrong_option_with_an_escape_sequence():
    result = facs("describe", "--\x1b[31mx")
    assert result.returncode == 2
    assert b"\x1b" not in result.stderr


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("extract", "extract-features or extract-stills"),
        ("describes", "describe"),
        ("rank", "rank-authenticity"),
        ("cache lst", "list"),
    ],
)
def test_an_unknown_command_is_told_with_the_nearest(given, near):
    result = facs(*given.split())
    assert result.returncode == 2
    given = given.split()[-1]
    assert f"No such command '{given}'. Did you mean {near}?" in result.stderr.decode()


def test_help_on_columns_names_every_table():
    from facs_pipeline.tables.schema import TABLES

    shown = facs("columns", "--help").stdout.decode()
    assert len(TABLES) >= 8
    for name in TABLES:
        assert name in shown

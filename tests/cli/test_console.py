"""What commands tell on standard error while they work."""

from __future__ import annotations

import io

import pytest
from facs_cli import console
from facs_cli.console import ConsoleProgress


class Terminal(io.StringIO):
    """Standard error that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Standard error until the test ends; bars are drawn at once. Called in the test, after pytest set its own."""
    monkeypatch.setattr(console, "DELAY_S", 0.0)
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    return stream


def test_each_reason_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    progress = ConsoleProgress()
    for line in ("a: faces computed (first run)", "a: points computed (damaged)", "b: points computed (damaged)"):
        progress.log(line)
    progress.log("2 videos, 1 to do")
    progress.warn("a table is old")
    progress.fail("c.mp4: no such file")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "a: points computed (damaged)",
        "2 videos, 1 to do",
        "Note: a table is old",
        "Failed: c.mp4: no such file",
    ]


def test_verbose_prints_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    progress = ConsoleProgress(verbose=True)
    for _ in range(2):
        progress.log("a: faces computed (first run)")
    assert capsys.readouterr().err.splitlines() == ["a: faces computed (first run)"] * 2


def test_quiet_prints_notes_and_failures_only(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    progress = ConsoleProgress(quiet=True)
    progress.log("a: faces computed (damaged)")
    with progress.task("images", 3) as task:
        task.advance(3)
    progress.warn("old")
    progress.fail("bad")
    assert terminal.getvalue() == "Note: old\nFailed: bad\n"


def test_a_bar_is_drawn_on_a_terminal_and_removed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    progress = ConsoleProgress()
    with progress.task("decoding", unit="frames") as task:
        task.expect(40)
        task.say("1/2 videos")
        for _ in range(40):
            task.advance()
        progress.warn("beside it")
    text = terminal.getvalue()
    assert "decoding" in text
    assert "frames" in text
    assert "\rNote: beside it\n" in text
    assert text.endswith("\r")
    before = len(text)
    progress.warn("after it")
    assert terminal.getvalue()[before:] == "Note: after it\n"


def test_no_bar_is_drawn_into_a_file(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "DELAY_S", 0.0)
    with ConsoleProgress().task("decoding", 2) as task:
        task.advance(2)
    assert capsys.readouterr().err == ""

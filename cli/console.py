"""What commands tell while they work, on standard error: bars, reasons, notes and failures."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

import click

from facs_pipeline.foundation.progress import Progress, Task
from facs_pipeline.foundation.text import printable

if TYPE_CHECKING:
    from tqdm import tqdm

DELAY_S = 2.0
"""Bars are for what takes longer than this."""
SHOWN_SKIPPED = 20
"""Of many inputs that could not be used, so many are named."""


class PrintableStream(io.TextIOWrapper):
    """Standard output or error on which no name of a file steers the terminal, see `printable`.

    Parameters
    ----------
    stream : TextIOWrapper
        What it stands in for.
    """

    def __init__(self, stream: io.TextIOWrapper) -> None:
        super().__init__(
            stream.buffer,
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        self.unguarded = stream

    def write(self, text: str) -> int:
        """The text, printable."""
        return super().write(printable(text))


def guard_streams() -> None:
    """Put a `PrintableStream` before standard output and error, for the rest of the process."""
    if type(sys.stdout) is io.TextIOWrapper:
        sys.stdout = PrintableStream(sys.stdout)
    if type(sys.stderr) is io.TextIOWrapper:
        sys.stderr = PrintableStream(sys.stderr)


def _for_bars() -> TextIO:
    """Standard error; bars move the cursor, so they get it unguarded."""
    return sys.stderr.unguarded if isinstance(sys.stderr, PrintableStream) else sys.stderr


def print_skipped(skipped: Sequence[tuple[str, str]], word: str = "Failed") -> None:
    """Print what could not be used, as (source, reason), on standard error; only the first of many."""
    for source, reason in skipped[:SHOWN_SKIPPED]:
        click.echo(f"{word}: {source}: {reason}", err=True)
    if len(skipped) > SHOWN_SKIPPED:
        click.echo(f"... and {len(skipped) - SHOWN_SKIPPED} more", err=True)


class ConsoleProgress(Progress):
    """Tells of a command's work on standard error. Bars are drawn on a terminal only.

    Parameters
    ----------
    verbose : bool
        Print every line of the log. Otherwise each reason is printed once, not once per video and stage, and that a
        first run computes everything is not mentioned.
    quiet : bool
        Print notes and failures only.
    """

    def __init__(self, *, verbose: bool = False, quiet: bool = False) -> None:
        self._verbose, self._quiet = verbose, quiet
        self._bars: list[_Bar] = []
        self._reasons: set[str] = set()
        self._warned: set[str] = set()

    def task(self, label: str, total: int | None = None, unit: str = "") -> Task:
        """A bar, if there is a terminal to draw it on."""
        if self._quiet or not sys.stderr.isatty():
            return Task()
        bar = _Bar(label, total, unit, self._bars)
        self._bars.append(bar)
        return bar

    def log(self, text: str) -> None:
        """The line, unless it tells nothing new."""
        if self._quiet:
            return
        reason = text.partition(": ")[2] or text
        if not self._verbose:
            if reason in self._reasons or reason.endswith("(first run)"):
                return
            self._reasons.add(reason)
        self._print(text)

    def warn(self, text: str) -> None:
        """The line as a note, once."""
        if text not in self._warned:
            self._warned.add(text)
            self._print(f"Note: {text}")

    def fail(self, text: str) -> None:
        """The line as a failure."""
        self._print(f"Failed: {text}")

    def _print(self, text: str) -> None:
        for bar in self._bars:
            bar.clear()
        click.echo(text, err=True)


class CountedFailures(ConsoleProgress):
    """Counts what failed, for the exit code.

    Attributes
    ----------
    failed : int
        How often something did.
    """

    def __init__(self) -> None:
        super().__init__()
        self.failed = 0

    def fail(self, text: str) -> None:
        """The line as a failure."""
        self.failed += 1
        super().fail(text)


class _Bar(Task):
    """A task as a bar of tqdm, one of those in `drawn` until it is closed."""

    def __init__(self, label: str, total: int | None, unit: str, drawn: list[_Bar]) -> None:
        from tqdm import tqdm

        self._drawn = drawn
        self._bar: tqdm = tqdm(
            desc=printable(label),
            total=total,
            unit=f" {unit}" if unit != "B" else unit,
            unit_scale=unit == "B",
            file=_for_bars(),
            dynamic_ncols=True,
            leave=False,
            delay=DELAY_S,
        )

    def advance(self, done: int = 1) -> None:
        self._bar.update(done)

    def expect(self, total: int) -> None:
        self._bar.total = total

    def say(self, text: str) -> None:
        # Drawing it at once would not wait for the delay.
        self._bar.set_postfix_str(printable(text), refresh=False)

    def clear(self) -> None:
        """Leave the line to something else; the bar is drawn again when it advances."""
        self._bar.clear()

    def close(self) -> None:
        self._bar.close()
        if self in self._drawn:
            self._drawn.remove(self)

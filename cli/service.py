"""What services want of a long command: a log for machines, results as they finish, inputs listed by a pipe."""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

import click

from facs_pipeline.foundation.errors import InputError

from .console import ConsoleProgress

if TYPE_CHECKING:
    from facs_pipeline.extraction.video_result import VideoResult
    from facs_pipeline.foundation.progress import Task

SCHEMA_VERSION = 1
"""Of the objects that are printed as JSON; raised whenever a key changes its meaning or goes."""
LogFormat = Literal["text", "json"]


class ServiceProgress(ConsoleProgress):
    """A command's log as lines with time and level, as text or JSON objects, on standard error or in a file.

    Parameters
    ----------
    form : "text" or "json"
    file : Path, optional
        Lines are appended to it, and standard error is as usual; without it they go to standard error.
    verbose, quiet : bool
        See `ConsoleProgress`; the log holds every line.

    Raises
    ------
    InputError
        If the file cannot be written.
    """

    def __init__(
        self, form: LogFormat, file: Path | None = None, *, verbose: bool = False, quiet: bool = False
    ) -> None:
        super().__init__(verbose=verbose, quiet=quiet)
        self._form, self._file = form, file
        self._stream: TextIO | None = None
        if file is not None:
            try:
                # Line by line: whoever reads along sees each at once.
                self._stream = file.open("a", encoding="utf-8", buffering=1)
            except OSError as error:
                raise InputError(
                    f"{file}: the log cannot be written ({error.strerror}); name another --log-file"
                ) from None

    def task(self, label: str, total: int | None = None, unit: str = "") -> Task:
        """A bar, where the log does not take standard error."""
        from facs_pipeline.foundation.progress import Task

        return Task() if self._stream is None else super().task(label, total, unit)

    def log(self, text: str) -> None:
        """A line of the level info."""
        self._write("info", text)
        if self._stream is not None:
            super().log(text)

    def warn(self, text: str) -> None:
        """A line of the level note."""
        self._write("note", text)
        if self._stream is not None:
            super().warn(text)

    def fail(self, text: str) -> None:
        """A line of the level failure."""
        self._write("failure", text)
        if self._stream is not None:
            super().fail(text)

    def _write(self, level: str, text: str) -> None:
        time = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        if self._form == "json":
            line = json.dumps({"schema_version": SCHEMA_VERSION, "time": time, "level": level, "text": text})
        else:
            line = f"{time} {level}: {' '.join(text.split())}"
        if self._stream is not None:
            self._stream.write(f"{line}\n")
        else:
            click.echo(line, err=True)


def result_line(result: VideoResult, table: Path) -> str:
    """What became of a video, as one line of JSON."""
    facts = result.facts
    return json.dumps(
        {
            "schema_version": SCHEMA_VERSION,
            "video": result.name,
            "path": str(result.path),
            "status": result.status,
            "reason": result.reason,
            "frames": facts["frames"] if facts else None,
            "frames_with_face": facts["frames_with_face"] if facts else None,
            "table": None if result.status == "failed" else str(table),
        }
    )


def with_listed(inputs: Sequence[str]) -> list[str]:
    """The inputs, and in the place of ``-`` the lines of standard input.

    Raises
    ------
    InputError
        If nothing is listed there.
    """
    named: list[str] = []
    for one in inputs:
        if one != "-":
            named.append(one)
            continue
        lines = [line.strip() for line in sys.stdin.read().splitlines()]
        listed = [line for line in lines if line and not line.startswith("#")]
        if not listed:
            raise InputError("-: nothing is listed on standard input; expected a file, folder or glob in each line")
        named += listed
    return named

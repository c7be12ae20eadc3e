"""How far a long task is: the one protocol by which the package tells, and by which commands and notebooks are told."""

from __future__ import annotations

from types import TracebackType


class Task:
    """A task under way; this one tells nobody. Used as a context manager it is closed at the end."""

    def advance(self, done: int = 1) -> None:
        """So many more items are done."""

    def expect(self, total: int) -> None:
        """So many items are expected in all, as far as is known by now."""

    def say(self, text: str) -> None:
        """A few words beside the bar, such as ``"3/10 videos"``."""

    def close(self) -> None:
        """The task is over, done or not."""

    def __enter__(self) -> Task:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Progress:
    """What long functions tell while they run; this one keeps silent. Subclass it to show a bar or to keep a log.

    Examples
    --------
    >>> class Printed(Progress):
    ...     def log(self, text):
    ...         print(text)
    >>> Printed().log("faces computed (first run)")
    faces computed (first run)
    >>> with SILENT.task("images", 100) as task:
    ...     task.advance(10)
    """

    def task(self, label: str, total: int | None = None, unit: str = "") -> Task:
        """Begin a task of `total` items (None: not known yet), named `label` for people."""
        return Task()

    def log(self, text: str) -> None:
        """One line, such as why a stage is computed again."""

    def warn(self, text: str) -> None:
        """One line that the user should not miss."""

    def fail(self, text: str) -> None:
        """An input cannot be used, and why; the others go on."""


SILENT_TASK = Task()
"""Tells nobody; the default of functions that are one part of a task."""
SILENT = Progress()
"""Tells nobody; the default everywhere."""

"""Helper of the tests of progress: one that counts."""

from __future__ import annotations

from facs_pipeline.foundation.progress import Progress, Task


class CountedProgress(Progress):
    """Keeps each task: its label, what was expected, and what was done; and what was warned of."""

    def __init__(self) -> None:
        self.tasks: list[CountedTask] = []
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def task(self, label: str, total: int | None = None, unit: str = "") -> CountedTask:
        self.tasks.append(CountedTask(label, total))
        return self.tasks[-1]

    @property
    def counts(self) -> list[tuple[int, int | None]]:
        """Of each task what was done and what was expected."""
        return [(task.done, task.total) for task in self.tasks]


class CountedTask(Task):
    """Counts, and knows whether it was closed."""

    def __init__(self, label: str, total: int | None) -> None:
        self.label, self.total, self.closed = label, total, False
        self.advances: list[int] = []

    def advance(self, done: int = 1) -> None:
        self.advances.append(done)

    def expect(self, total: int) -> None:
        self.total = total

    @property
    def done(self) -> int:
        """All that was done so far."""
        return sum(self.advances)

    def close(self) -> None:
        self.closed = True

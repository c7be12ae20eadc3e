"""Calls of one function in several processes, whose results and errors come as if it had been called here."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from facs_pipeline.foundation.call_task import Lost, call_in_workers
from facs_pipeline.foundation.errors import FacsError

_Result = TypeVar("_Result")
LONGEST_S = 3600.0
"""A call that takes longer has hung."""


def in_processes(
    jobs: int,
    function: Callable[..., _Result],
    calls: Iterable[tuple[Any, ...]],
    *,
    timeout_s: float = LONGEST_S,
) -> Iterator[_Result]:
    """Results of a function for each of many arguments, in their order.

    A call whose process is killed or crashes is made once more.

    Parameters
    ----------
    jobs : int
        Processes; 1 calls it in this one.
    function : callable
        It can be pickled, as its arguments and results can. What all calls have in common is best part of it
        (`functools.partial`), since it goes to each process only once.
    calls : iterable of tuple
        Arguments of each call, taken when a process is free for them.
    timeout_s : float
        A call that takes longer has hung.

    Yields
    ------
    object
        What each call gave.

    Raises
    ------
    FacsError
        If a process ended twice with the same call.

    Examples
    --------
    >>> list(in_processes(1, divmod, [(7, 3), (8, 3)]))
    [(2, 1), (2, 2)]
    """
    if jobs == 1:
        yield from (function(*arguments) for arguments in calls)
        return
    called, doing = _Called(function), "a process of this run"
    for outcome in call_in_workers(called, calls, piece=1, jobs=jobs, timeout_s=timeout_s, doing=doing):
        if isinstance(outcome, Lost):
            what = outcome.reason.partition(";")[0]
            raise FacsError(
                f"{what}, twice with the same piece of work. What is finished is kept, and the same command goes on "
                "from there; was the process ended by somebody, or for want of memory (fewer --jobs need less)?"
            )
        yield outcome.value()


@dataclass(frozen=True)
class _Outcome(Generic[_Result]):
    """What a call gave, or the error that it raised."""

    results: tuple[_Result, ...]
    error: Exception | None = None

    def value(self) -> _Result:
        """The result; raises the error instead."""
        if self.error is not None:
            raise self.error
        return self.results[0]


@dataclass(frozen=True)
class _Called(Generic[_Result]):
    """A function as `call_in_workers` takes it."""

    function: Callable[..., _Result]

    def __call__(self, calls: Sequence[tuple[Any, ...]], _tick: Callable[[], None]) -> _Outcome[_Result]:
        [arguments] = calls
        try:
            return _Outcome((self.function(*arguments),))
        except Exception as error:
            # Its own traceback stays behind in this process.
            if not isinstance(error, FacsError):
                error.add_note(f"In a worker process:\n{traceback.format_exc()}")
            return _Outcome((), _picklable(error))


def _picklable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error

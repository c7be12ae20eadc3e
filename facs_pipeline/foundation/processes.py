"""Calls of one function in several processes, which end with the process that started them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, TypeVar

import joblib

_Result = TypeVar("_Result")
_EVERY_S = 2.0


def in_processes(jobs: int, function: Callable[..., _Result], calls: Iterable[tuple[Any, ...]]) -> Iterator[_Result]:
    """Results of a function for each of many arguments, in their order.

    Parameters
    ----------
    jobs : int
        Processes; 1 calls it in this one.
    function : callable
        Of a module, so that other processes find it.
    calls : iterable of tuple
        Arguments of each call.

    Yields
    ------
    object
        What each call gave.

    Examples
    --------
    >>> list(in_processes(1, divmod, [(7, 3), (8, 3)]))
    [(2, 1), (2, 2)]
    """
    run = joblib.Parallel(n_jobs=jobs, return_as="generator")
    starter = os.getpid()
    yield from run(joblib.delayed(_called)(starter, function, arguments) for arguments in calls)


def _called(starter: int, function: Callable[..., _Result], arguments: tuple[Any, ...]) -> _Result:
    if os.getpid() != starter:
        _end_with(starter)
    return function(*arguments)


@cache
def _end_with(starter: int) -> None:
    """End this process soon after the one that started it; joblib's own would work off what it has been given."""

    def watch() -> None:
        while os.getppid() == starter:
            time.sleep(_EVERY_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="end-with-parent").start()

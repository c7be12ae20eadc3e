"""Functions called in worker processes, piece by piece, with results in order: images and whatever else is no video."""

from __future__ import annotations

import base64
import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from facs_pipeline.foundation.pool import Pool
from facs_pipeline.foundation.worker import Link

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
TIMEOUT_S = 120.0
"""A worker that finishes no item for so long has hung."""


@dataclass(frozen=True)
class Lost(Generic[_Item]):
    """An item that a worker crashed or hung with, or for which it found no memory.

    Attributes
    ----------
    item : object
        As it was given.
    reason : str
        Which it was.
    """

    item: _Item
    reason: str


def call_in_workers(
    function: Callable[[Sequence[_Item], Callable[[], None]], _Result],
    items: Iterable[_Item],
    *,
    piece: int,
    jobs: int,
    timeout_s: float = TIMEOUT_S,
    doing: str = "decoding",
) -> Iterator[_Result | Lost[_Item]]:
    """What a function gives for pieces of a sequence, in its order, computed in worker processes.

    An item with which a worker crashes or hangs costs no other item: its piece is done again, item by item.

    Parameters
    ----------
    function : callable
        Takes a piece and something to call, without arguments, after each item of it. It can be pickled, as what it
        gives and the items can.
    items : iterable
        Taken when a worker is free for them.
    piece : int
        So many items are given at once.
    jobs : int
        Processes; what comes out does not depend on it.
    timeout_s : float
        A worker that calls nothing for so long has hung.
    doing : str
        What the function does, for the reasons.

    Yields
    ------
    object or Lost
        One for each piece; of a piece that was done item by item, one for each item.
    """
    under_way: dict[int, Sequence[_Item]] = {}

    def pieces() -> Iterator[dict[str, Any]]:
        rest = iter(items)
        for number in count():
            under_way[number] = list(islice(rest, piece))
            if not under_way[number]:
                return
            yield _job(under_way[number])

    # No result where the piece has failed as a whole.
    ready: dict[int, list[_Result]] = {}
    due = 0
    with _pool(function, jobs, timeout_s, doing) as pool:
        for event in pool.run(pieces()):
            if event.kind == "done":
                ready[event.job] = [_unpacked(event.content["result"])]
            elif event.kind == "failed":
                ready[event.job] = []
            while due in ready:
                yield from ready.pop(due) or _one_by_one(function, under_way[due], timeout_s, doing)
                del under_way[due]
                due += 1


def _one_by_one(
    function: Callable[[Sequence[_Item], Callable[[], None]], _Result],
    items: Sequence[_Item],
    timeout_s: float,
    doing: str,
) -> Iterator[_Result | Lost[_Item]]:
    with _pool(function, 1, timeout_s, doing) as pool:
        for event in pool.run([_job([item]) for item in items]):
            if event.kind == "done":
                yield _unpacked(event.content["result"])
            elif event.kind == "failed":
                item = items[event.job]
                yield Lost(item, event.content["reason"].removeprefix(f"{_name(item)}: "))


def _pool(function: Callable[..., Any], workers: int, timeout_s: float, doing: str) -> Pool:
    run = {"task": __name__, "function": _packed(function)}
    # Results that wait for an earlier one take memory; so not too many are computed ahead.
    return Pool(workers, run, timeout_s, window=2 * workers + 2, doing=doing)


def _job(items: Sequence[Any]) -> dict[str, Any]:
    return {"path": _name(items[0]), "items": _packed(items)}


def _name(item: object) -> str:
    # A whole array as a name would be no help.
    return str(item) if isinstance(item, str | int | os.PathLike) else "a piece of the work"


def _packed(value: object) -> str:
    return base64.b64encode(pickle.dumps(value)).decode("ascii")


def _unpacked(text: str) -> Any:
    # It comes through a pipe from a process that this one has started, or the other way round.
    return pickle.loads(base64.b64decode(text))


class CallTask:
    """Calls one function; what a worker does for `call_in_workers`."""

    def __init__(self, function: Callable[[Sequence[Any], Callable[[], None]], object]) -> None:
        self._function = function
        self.folders: tuple[Path, ...] = ()

    def __call__(self, job: dict[str, Any], link: Link) -> dict[str, Any]:
        """One piece."""
        return {"result": _packed(self._function(_unpacked(job["items"]), link.tick))}


def prepare(run: dict[str, Any]) -> CallTask:
    """Begin with the run's ``function``."""
    return CallTask(_unpacked(run["function"]))

"""Functions called in worker processes, piece by piece, with results in order: images and whatever else is no video."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from facs_pipeline.extraction.pool import Pool
from facs_pipeline.extraction.worker import Link

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
    items: Sequence[_Item],
    *,
    piece: int,
    jobs: int,
    timeout_s: float = TIMEOUT_S,
) -> Iterator[_Result | Lost[_Item]]:
    """What a function gives for pieces of a sequence, in its order, computed in worker processes.

    An item with which a worker crashes or hangs costs no other item: its piece is done again, item by item.

    Parameters
    ----------
    function : callable
        Takes a piece and something to call, without arguments, after each item of it. It can be pickled, as what it
        gives and the items can.
    items : sequence
    piece : int
        So many items are given at once.
    jobs : int
        Processes; what comes out does not depend on it.
    timeout_s : float
        A worker that calls nothing for so long has hung.

    Yields
    ------
    object or Lost
        One for each piece; of a piece that was done item by item, one for each item.
    """
    pieces = [items[start : start + piece] for start in range(0, len(items), piece)]
    if not pieces:
        return
    # No result where the piece has failed as a whole.
    ready: dict[int, list[_Result]] = {}
    due = 0
    with _pool(function, min(jobs, len(pieces)), timeout_s) as pool:
        for event in pool.run([_job(one) for one in pieces]):
            if event.kind == "done":
                ready[event.job] = [_unpacked(event.content["result"])]
            elif event.kind == "failed":
                ready[event.job] = []
            while due in ready:
                yield from ready.pop(due) or _one_by_one(function, pieces[due], timeout_s)
                due += 1


def _one_by_one(
    function: Callable[[Sequence[_Item], Callable[[], None]], _Result], items: Sequence[_Item], timeout_s: float
) -> Iterator[_Result | Lost[_Item]]:
    with _pool(function, 1, timeout_s) as pool:
        for event in pool.run([_job([item]) for item in items]):
            if event.kind == "done":
                yield _unpacked(event.content["result"])
            elif event.kind == "failed":
                item = items[event.job]
                yield Lost(item, event.content["reason"].removeprefix(f"{item}: "))


def _pool(function: Callable[..., Any], workers: int, timeout_s: float) -> Pool:
    # Results that wait for an earlier one take memory; so not too many are computed ahead.
    return Pool(workers, {"task": "calls", "function": _packed(function)}, timeout_s, window=2 * workers + 2)


def _job(items: Sequence[Any]) -> dict[str, Any]:
    return {"path": str(items[0]), "items": _packed(items)}


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

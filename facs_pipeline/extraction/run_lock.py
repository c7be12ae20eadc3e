"""Who may write into an output folder: one whole run, or parts of one run beside each other."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from facs_pipeline.extraction.run_state import RunState, read_states, remove_state
from facs_pipeline.foundation.errors import BusyError
from facs_pipeline.foundation.files.folder_lock import FolderLock

ADVICE = "name another folder with --out or --cache"
_LONGEST_WAIT_S = 60.0


@contextlib.contextmanager
def held(
    out: Path, cache: Path, key: bytes, state: RunState, log: Callable[[str], None], *, collecting: bool = False
) -> Iterator[FolderLock]:
    """Hold the output folder, or this part's place in it, while the block lasts.

    Parameters
    ----------
    out, cache : Path
        Folders of the run.
    key : bytes
        The user's secret key.
    state : RunState
        Of the run that begins. States of other runs are forgotten.
    log : callable
        Told where it takes a while to find out whether a holder lives.
    collecting : bool
        The run takes what parts have done; they may go on meanwhile, and their states stay.

    Raises
    ------
    BusyError
        If another run is writing there: any other for a whole run; for a part a whole run, parts with other settings,
        or the same part.
    """
    whole = FolderLock(out, ADVICE, log)
    if not state.part:
        with whole:
            if not collecting:
                _forget_others(out, cache, key, state)
            yield whole
        return
    with contextlib.ExitStack() as stack:
        with _soon(whole):
            mine = stack.enter_context(FolderLock.of_file(state.lock_file(out), ADVICE, log))
            _forget_others(out, cache, key, state)
        yield mine


@contextlib.contextmanager
def _soon(lock: FolderLock) -> Iterator[None]:
    """Hold a lock that other parts hold for moments, too, as soon as it is free."""
    until = time.monotonic() + _LONGEST_WAIT_S
    while True:
        try:
            lock.__enter__()
        except BusyError:
            if time.monotonic() > until:
                raise
            # So that parts do not come all at once.
            time.sleep(random.uniform(0.1, 0.5))
        else:
            break
    try:
        yield
    finally:
        lock.__exit__()


def _forget_others(out: Path, cache: Path, key: bytes, state: RunState) -> None:
    """Forget runs and parts that this one makes void; `BusyError` where one of them is at work."""
    of = state.part.partition("/")[2]
    for other in read_states(cache, key):
        same_run = other.settings == state.settings and other.arguments == state.arguments
        if state.part and other.part.partition("/")[2] == of and same_run:
            continue
        if other.part and (holder := FolderLock.of_file(other.lock_file(out), ADVICE).holder()):
            raise BusyError(f"{out}: {holder} does part {other.part} of another run there; wait for it, or {ADVICE}")
        remove_state(cache, other)

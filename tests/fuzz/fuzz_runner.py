"""Throws damaged inputs at the readers, each reader in a process of its own with limits of memory and time."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import random
import resource
import shutil
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from fuzz_readers import READERS, Seed

LARGEST_BYTES = 2 << 30
"""Memory that reading one input may take beyond what the process had before."""
_STARTED = -1
_FEWEST = 50
"""So many inputs are tried even when the time is over: on a busy machine it may pass before the first."""


@dataclass(frozen=True)
class Limits:
    """How much is tried.

    Attributes
    ----------
    seed : int
        The same seed gives the same inputs.
    inputs : int
        For each reader.
    until_s : float
        No further input after this time, by `time.monotonic`, but for the first 50.
    input_s : float
        Longest time for one input.
    """

    seed: int = 0
    inputs: int = 2000
    until_s: float = float("inf")
    input_s: float = 20.0


@dataclass
class Outcome:
    """What came out for one reader.

    Attributes
    ----------
    reader : str
    inputs : int
        How many were read or refused as they should be, or not.
    refused : int
        How many of them were refused.
    failures : list of tuple of int and str
        Number of the input, and what happened.
    """

    reader: str
    inputs: int = 0
    refused: int = 0
    failures: list[tuple[int, str]] = field(default_factory=list)


def damaged(seeds: list[Seed], reader: str, seed: int, number: int) -> tuple[str, bytes]:
    """Name and content of one input; also the file as it was, now and then, which must be read.

    Parameters
    ----------
    seeds : list of Seed
    reader : str
    seed, number : int
        Decide on the damage, with the reader's name.
    """
    chosen = hashlib.sha256(f"{reader} {seed} {number}".encode()).digest()
    draw = random.Random(chosen)
    one = seeds[number % len(seeds)]
    return one.name, draw.choice(one.mutations)(one.data, draw)


@contextlib.contextmanager
def workplace(reader: str) -> Iterator[tuple[Path, list[Seed]]]:
    """A folder with what the reader's inputs name, and the good inputs; removed in the end."""
    with tempfile.TemporaryDirectory(prefix="facs-fuzz-") as name:
        yield Path(name), READERS[reader].seeds(Path(name))


def read_one(reader: str, folder: Path, name: str, data: bytes) -> str:
    """Write and read one input: ``"read"``, ``"refused"``, or a traceback."""
    path = folder / name
    before = path.read_bytes() if path.is_file() else None
    path.write_bytes(data)
    try:
        READERS[reader].read(path)
        return "read"
    except READERS[reader].refuses:
        return "refused"
    except Exception:
        return traceback.format_exc()
    finally:
        path.unlink(missing_ok=True)
        if before is not None:
            path.write_bytes(before)
        shutil.rmtree(folder / "disfa", ignore_errors=True)


def _work(reader: str, limits: Limits, first: int, told: Connection) -> None:
    """The child: reads one input after the other, and tells of each before and after it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Readers are free to warn; the decoders' own words go nowhere.
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        _read_all(reader, limits, first, told)
    except Exception:
        told.send((_STARTED, traceback.format_exc()))
    told.send(None)


def _read_all(reader: str, limits: Limits, first: int, told: Connection) -> None:
    with workplace(reader) as (folder, seeds):
        for one in seeds:
            # What is imported on first use does not count.
            told.send((_STARTED, "started"))
            result = read_one(reader, folder, one.name, one.data)
            if result != "read":
                told.send((_STARTED, f"the good input {one.name} is not read: {result}"))
        resource.setrlimit(resource.RLIMIT_AS, (_address_space() + 2 * LARGEST_BYTES,) * 2)
        usual = _peak()
        for number in range(first, limits.inputs):
            if time.monotonic() > limits.until_s and number >= first + _FEWEST:
                break
            told.send((number, "started"))
            name, data = damaged(seeds, reader, limits.seed, number)
            result = read_one(reader, folder, name, data)
            grown = _peak() - usual
            if grown > LARGEST_BYTES:
                told.send((number, f"{name}: {grown / 1e9:.1f} GB of memory\n{result}"))
                break
            told.send((number, result))


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def run_reader(reader: str, limits: Limits) -> Outcome:
    """All inputs of one reader; a process that crashes or hangs is replaced, and goes on behind that input."""
    outcome = Outcome(reader)
    first: int | None = 0
    processes = multiprocessing.get_context("forkserver")
    while first is not None and first < limits.inputs:
        parent, child = processes.Pipe(duplex=False)
        process = processes.Process(target=_work, args=(reader, limits, first, child), daemon=True)
        process.start()
        child.close()
        first = _listen(parent, limits, outcome)
        process.kill()
        process.join()
    return outcome


def _listen(told: Connection, limits: Limits, outcome: Outcome) -> int | None:
    """Take what the child tells until it ends; the number of the input to go on with, None for none."""
    number = _STARTED
    while True:
        patience = limits.input_s if number != _STARTED else 60 + limits.input_s
        if not told.poll(patience):
            outcome.failures.append((number, f"no end after {limits.input_s:g} s"))
            break
        try:
            message = told.recv()
        except EOFError:
            outcome.failures.append((number, "the process crashed"))
            break
        if message is None:
            return None
        number, what = message
        if what == "started":
            continue
        outcome.inputs += 1
        outcome.refused += what == "refused"
        if what not in ("read", "refused"):
            outcome.failures.append((number, what))
            if number == _STARTED:
                return None
    outcome.inputs += 1
    return None if number == _STARTED else number + 1

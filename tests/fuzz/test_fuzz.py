"""The fuzz run reads good inputs, finds readers that fail, and repeats itself."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import fuzz_readers
import fuzz_runner
import pytest
from fuzz_readers import READERS, Reader
from fuzz_runner import Limits, damaged, read_one, run_reader, workplace

# Readers whose damaged inputs may take long, or belong to larger things.
INPUTS = 12


@pytest.mark.parametrize("reader", READERS)
def test_a_good_input_is_read_and_damaged_ones_are_read_or_refused(reader):
    with workplace(reader) as (folder, seeds):
        for one in seeds:
            assert read_one(reader, folder, one.name, one.data) == "read", one.name
        for number in range(INPUTS):
            name, data = damaged(seeds, reader, 0, number)
            assert (name, data) == damaged(seeds, reader, 0, number)
            assert read_one(reader, folder, name, data) in ("read", "refused"), number


def _fails(path: Path) -> None:
    data = path.read_bytes()
    if b"=" in data[:200]:
        raise KeyError("a traceback")


def test_a_traceback_is_found(monkeypatch):
    pairs = READERS["pairs"]
    monkeypatch.setitem(fuzz_readers.READERS, "pairs", Reader(pairs.seeds, _fails))
    with workplace("pairs") as (folder, _seeds):
        assert "KeyError: 'a traceback'" in read_one("pairs", folder, "pairs.csv", b"=1")


def test_a_hang_is_ended(monkeypatch):
    # The child process reads the module's own readers, so the limit is what makes it hang.
    outcome = run_reader("results", Limits(inputs=1, input_s=0.0))
    assert [text for _number, text in outcome.failures] == ["no end after 0 s"]


def test_the_command_ends_with_0_and_repeats_one_input(tmp_path):
    folder = Path(fuzz_runner.__file__).parent
    command = [sys.executable, str(folder), "--reader", "lists", "--jobs", "1"]
    start = time.monotonic()
    run = subprocess.run([*command, "--inputs", "30"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "lists               30 inputs" in run.stdout
    assert time.monotonic() - start < 60
    run = subprocess.run([*command, "--only", "3"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["fuzz-lists-0-3-list.txt"]

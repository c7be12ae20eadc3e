"""A folder belongs to one run at a time; a dead run's folder is free, whatever its machine or number."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time

import pytest

from facs_pipeline.foundation.errors import BusyError
from facs_pipeline.foundation.files import folder_lock, holds
from facs_pipeline.foundation.files.folder_lock import NAME, FolderLock

# Of Linux, from its capability.h and prctl.h
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
HOLDING = """
import sys, pathlib
from facs_pipeline.foundation.files import holds
holds.BEAT_S = 0.2
from facs_pipeline.foundation.files.folder_lock import FolderLock
with FolderLock(pathlib.Path(sys.argv[1]), "name another"):
    print("held", flush=True)
    input()
print("released", flush=True)
"""


def lock(folder, tell=lambda text: None):
    return FolderLock(folder, "name another folder with --out", tell)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder."""
    command = [sys.executable, "-c", HOLDING, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


@pytest.fixture
def on_another_machine(tmp_path, monkeypatch):
    """This process as if under another kernel, whose locks tell nothing of the others."""
    boot_id = tmp_path.parent / "boot_id"
    boot_id.write_text("another kernel")
    monkeypatch.setattr(holds, "_BOOT_ID", boot_id)
    monkeypatch.setattr(folder_lock, "lock", lambda handle: True)
    monkeypatch.setattr(folder_lock, "DEAD_AFTER_S", 2.0)
    monkeypatch.setattr(folder_lock, "BEAT_S", 0.2)


def test_a_held_folder_is_refused_and_the_holder_is_named(tmp_path, holder):
    with pytest.raises(BusyError) as refused, lock(tmp_path):
        pass
    assert f"{tmp_path}: another run (process {holder.pid} on " in str(refused.value)
    assert "is writing there; wait for it, or name another folder with --out" in str(refused.value)


def test_a_released_folder_is_free_and_nothing_is_left(tmp_path, holder):
    holder.stdin.write(b"\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == b"released\n"
    assert os.listdir(tmp_path) == []
    with lock(tmp_path) as mine:
        mine.check()
    assert os.listdir(tmp_path) == []


def test_a_killed_holder_is_noticed_at_once(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert (tmp_path / NAME).exists()
    start = time.monotonic()
    with lock(tmp_path) as mine:
        mine.check()
        assert json.loads((tmp_path / NAME).read_text())["process"] == os.getpid()
    assert time.monotonic() - start < 1
    assert os.listdir(tmp_path) == []


def test_two_of_one_process_exclude_each_other(tmp_path):
    with lock(tmp_path), pytest.raises(BusyError), lock(tmp_path):
        pass


def test_the_place_of_one_file_is_held_beside_others(tmp_path):
    advice = "name another file with --out"
    table = tmp_path / "new" / ("n" * 255)
    with FolderLock.of_file(table, advice), FolderLock.of_file(tmp_path / "new" / "other.csv", advice) as other:
        with pytest.raises(BusyError, match="n: another run"), FolderLock.of_file(table, advice):
            pass
        other.check()
    assert os.listdir(tmp_path / "new") == []


@pytest.mark.usefixtures("on_another_machine")
class TestAcrossMachines:
    def test_a_living_holder_is_known_by_its_heartbeat(self, tmp_path, holder):
        told: list[str] = []
        with pytest.raises(BusyError, match=f"process {holder.pid} on"), lock(tmp_path, told.append):
            pass
        assert len(told) == 1
        assert "waiting up to 2 s to see whether another run (process" in told[0]

    def test_a_dead_one_by_its_absence(self, tmp_path, holder):
        holder.kill()
        holder.wait()
        with lock(tmp_path) as mine:
            mine.check()
        assert os.listdir(tmp_path) == []

    def test_a_holder_that_stood_still_for_too_long_has_lost_it(self, tmp_path):
        with lock(tmp_path) as stood_still:
            # No heartbeat for hours, as of a laptop that slept.
            stood_still._hold._stop_beating()
            os.utime(tmp_path / NAME, (0, 0))
            with lock(tmp_path) as mine:
                with pytest.raises(BusyError, match="took it over while this one stood still"):
                    stood_still.check()
                mine.check()


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 4000, b"7", b'{"domain": ["x"]}'])
def test_a_damaged_lock_file_is_taken_over_once_it_is_old(tmp_path, content):
    (tmp_path / NAME).write_bytes(content)
    os.utime(tmp_path / NAME, (0, 0))
    with lock(tmp_path) as mine:
        mine.check()


def test_a_dead_holders_file_that_cannot_be_written_to(tmp_path, holder):
    """On a shared folder the one who died may have been another user."""

    def obey_permissions():
        if os.geteuid() == 0 and ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0):
            raise PermissionError

    (tmp_path / NAME).chmod(0o444)
    command = [sys.executable, "-c", HOLDING, str(tmp_path)]
    try:
        refused = subprocess.run(command, preexec_fn=obey_permissions, capture_output=True, input=b"\n", check=False)
    except subprocess.SubprocessError:
        pytest.skip("root's right to write everything cannot be dropped here")
    assert f"another run (process {holder.pid} on ".encode() in refused.stderr
    holder.kill()
    holder.wait()
    taken = subprocess.run(command, preexec_fn=obey_permissions, capture_output=True, input=b"\n", check=False)
    assert taken.stdout == b"held\nreleased\n"
    assert os.listdir(tmp_path) == []

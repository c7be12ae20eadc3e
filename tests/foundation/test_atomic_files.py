"""Files are whole or absent, and what killed runs left is removed."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pandas as pd
import pytest

from facs_pipeline.foundation.files import atomic, holds
from facs_pipeline.foundation.files.atomic import atomic_csv, atomic_write


class TestAtomicWrite:
    def test_writes_text_with_the_given_newlines(self, tmp_path):
        with atomic_write(tmp_path / "new" / "a.txt") as file:
            file.write("é\n")
        assert (tmp_path / "new" / "a.txt").read_bytes() == "é\n".encode()

    def test_an_error_keeps_the_earlier_file_and_leaves_nothing(self, tmp_path):
        path = tmp_path / "a.bin"
        path.write_bytes(b"earlier")

        def fail_while_writing():
            with atomic_write(path, "wb") as file:
                file.write(b"half")
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail_while_writing()
        assert path.read_bytes() == b"earlier"
        assert os.listdir(tmp_path) == ["a.bin"]

    def test_the_file_is_not_there_before_it_is_complete(self, tmp_path):
        with atomic_write(tmp_path / "a.txt") as file:
            file.write("x")
            file.flush()
            assert not (tmp_path / "a.txt").exists()

    def test_the_longest_name_a_file_system_allows(self, tmp_path):
        with atomic_write(tmp_path / ("n" * 255)) as file:
            file.write("x")
        assert (tmp_path / ("n" * 255)).read_text() == "x"

    def test_refuses_modes_that_are_no_fresh_write(self, tmp_path):
        with pytest.raises(ValueError, match="'a'"), atomic_write(tmp_path / "a", "a"):
            pass

    def test_csv_reads_back(self, tmp_path):
        table = pd.DataFrame({"video": ["a"], "value": [0.1]})
        atomic_csv(table, tmp_path / "t.csv")
        pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "t.csv"), table)
        assert b"\r" not in (tmp_path / "t.csv").read_bytes()


class TestLeftovers:
    def killed_run(self, folder):
        """A process that dies in the middle of an atomic write."""
        code = (
            "import os, sys\nfrom facs_pipeline.foundation.files.atomic import atomic_write\n"
            "with atomic_write(sys.argv[1]) as file:\n    file.write('half')\n    file.flush()\n    os._exit(9)"
        )
        subprocess.run([sys.executable, "-c", code, str(folder / "table.csv")], check=False)
        [left] = os.listdir(folder)
        return left

    def test_of_a_killed_run_are_removed(self, tmp_path):
        left = self.killed_run(tmp_path)
        assert [path.name for path in atomic.remove_leftovers(tmp_path)] == [left]
        assert os.listdir(tmp_path) == []

    @pytest.fixture
    def living(self, tmp_path):
        """A process in the middle of an atomic write in `tmp_path`, and its temporary file."""
        code = (
            "import sys\nfrom facs_pipeline.foundation.files import atomic, holds\nholds.BEAT_S = 0.1\n"
            "with atomic.atomic_write(sys.argv[1]) as file:\n    print('writing', flush=True)\n    input()"
        )
        command = [sys.executable, "-c", code, str(tmp_path / "table.csv")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"writing\n"
            [name] = os.listdir(tmp_path)
            yield process, tmp_path / name
            process.kill()

    def test_of_a_living_process_stay_however_old(self, tmp_path, living):
        process, theirs = living
        os.utime(theirs, (0, 0))
        assert atomic.remove_leftovers(tmp_path) == []
        process.kill()
        process.wait()
        assert atomic.remove_leftovers(tmp_path) == [theirs]

    def test_of_a_living_container_stay_while_they_have_a_heartbeat(self, tmp_path, living, monkeypatch):
        """Two containers on two machines may share host name and process number, but not the kernel."""
        process, theirs = living
        (tmp_path.parent / "boot_id").write_text("of another kernel")
        monkeypatch.setattr(holds, "_BOOT_ID", tmp_path.parent / "boot_id")
        # The lock of a kernel that is not theirs tells nothing.
        monkeypatch.setattr(holds, "lock", lambda handle: True)
        monkeypatch.setattr(atomic, "STALE_AFTER_S", 1.5)
        time.sleep(3)
        assert atomic.remove_leftovers(tmp_path) == []
        process.kill()
        process.wait()
        time.sleep(2)
        assert atomic.remove_leftovers(tmp_path) == [theirs]

    def test_of_this_process_stay_until_it_has_finished(self, tmp_path):
        with atomic.temporary_folder(tmp_path) as folder, atomic_write(folder / "a.txt") as file:
            file.write("x")
            assert atomic.remove_leftovers(tmp_path) == []
        assert os.listdir(tmp_path) == []

    def test_a_process_that_has_its_number_is_not_taken_for_it(self, tmp_path):
        """In a container the killed process and the one that tidies up after it are often both number 1."""
        left = self.killed_run(tmp_path)
        (tmp_path / f".facs-{left.split('-')[1]}-{os.getpid()}-0.tmp").touch()
        assert len(atomic.remove_leftovers(tmp_path)) == 2

    def test_of_another_machine_stay_until_they_are_old(self, tmp_path):
        theirs = tmp_path / ".facs-00000000-1-0.tmp"
        theirs.touch()
        assert atomic.remove_leftovers(tmp_path) == []
        os.utime(theirs, (0, 0))
        assert atomic.remove_leftovers(tmp_path) == [theirs]

    def test_other_files_are_never_touched(self, tmp_path):
        for name in (".tmp", "table.csv.tmp", ".facs.tmp", ".facs-x-1-0.tmp"):
            (tmp_path / name).touch()
            os.utime(tmp_path / name, (0, 0))
        assert atomic.remove_leftovers(tmp_path) == []

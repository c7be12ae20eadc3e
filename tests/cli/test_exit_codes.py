"""How a command ends tells a script what happened: some inputs failed, wrong usage, a fault of facs, a busy folder."""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest
from drawn_faces import drawn_frames
from extraction_runs import FACS, facs, tables_in, videos_csv
from face_files import table as face_table
from skimage.data import astronaut
from video_files import write_video

BROKEN = """
import sys, types, click
import facs_cli.main as main
broken = types.ModuleType("facs_cli.broken")
@click.command()
def command():
    raise {error}
broken.command = command
sys.modules["facs_cli.broken"] = broken
main.COMMANDS["broken"] = ("broken", "Raises an error that nobody expects.")
main.main()
"""
# Of Linux, from its capability.h and prctl.h
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


def broken(error, *arguments):
    """A command with a fault in it."""
    code = BROKEN.replace("{error}", error)
    command = [sys.executable, "-c", code, *arguments, "broken"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


class TestInternalErrors:
    @pytest.fixture(autouse=True)
    def own_folder(self, tmp_path, monkeypatch):
        """For the files of details."""
        monkeypatch.setenv("TMPDIR", str(tmp_path))

    def test_have_a_code_of_their_own_and_their_details_in_a_file(self):
        ended = broken("KeyError('points')")
        assert ended.returncode == 70
        assert "Traceback" not in ended.stderr
        assert ended.stderr.startswith("Internal error: KeyError: 'points'\nThis is a fault of facs 0.")
        assert "please report it" in ended.stderr
        named = re.search(r"Details are in (\S+facs-error-\w+\.txt);", ended.stderr)
        assert named
        path = Path(named[1])
        details = path.read_text()
        assert "KeyError: 'points'" in details
        assert "Traceback" in details
        assert re.search(r"^facs-pipeline \d", details, re.M)

    def test_are_printed_where_asked(self):
        ended = broken("KeyError('points')", "--debug")
        assert ended.returncode == 70
        assert "Traceback (most recent call last)" in ended.stderr

    @pytest.mark.parametrize(
        "error", ["RecursionError", "AssertionError('x')", "FileNotFoundError(2, 'No such file', 'a')"]
    )
    def test_of_any_kind(self, error):
        assert broken(error).returncode == 70

    @pytest.mark.parametrize(
        ("error", "text"),
        [
            ("OSError(28, 'No space', 'out/a.csv')", "Error: out/a.csv: the disk is full; free some space"),
            ("OSError(30, 'Read-only file system', 'out/a.csv')", "Error: out/a.csv: the disk is read-only"),
            ("OSError(24, 'Too many', 'a.mp4')", "Error: a.mp4: too many open files; allow more (ulimit -n)"),
            ("PermissionError(13, 'Permission denied', 'a')", "Error: a: Permission denied"),
            ("MemoryError", "Error: not enough memory"),
        ],
    )  # fmt: skip
    def test_what_the_user_can_mend_is_none(self, error, text):
        ended = broken(error)
        assert ended.returncode == 2
        assert ended.stderr.startswith(text)
        assert len(ended.stderr.splitlines()) == 1


@pytest.fixture(scope="module")
def long_video(tmp_path_factory):
    frames = drawn_frames(1, "happiness", 40)[:30]
    return write_video(tmp_path_factory.mktemp("long") / "long.mp4", [*frames, *frames[::-1]] * 6)


def begun(video, out):
    """A run that has begun, and is in the middle of a video."""
    running = subprocess.Popen(
        [*FACS, "extract-features", str(video), "--out", str(out), "--jobs", "1", "--verbose"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("long: faces computed"):
            return running
    raise AssertionError("ended before it began")


class TestTwoRunsIntoOneFolder:
    def test_the_second_is_refused_and_spoils_nothing(self, long_video, clips, tmp_path):
        out = tmp_path / "out"
        first = begun(long_video, out)
        # Its worker goes on; the run itself waits for the others here.
        first.send_signal(signal.SIGSTOP)
        second = facs("extract-features", clips, "--out", out)
        # What looks after the folder may run meanwhile.
        report = facs("report", out, "--out", tmp_path / "report.html")
        cleared = facs("cache", "clear", out)
        listed, checked = facs("cache", "list", out), facs("cache", "check", out)
        first.send_signal(signal.SIGCONT)
        first.communicate(timeout=300)
        assert second.returncode == 75
        assert f"{out}: another run (process {first.pid} on " in second.stderr
        assert "is writing there; wait for it, or name another folder with --out" in second.stderr
        assert first.returncode == 0
        assert list(videos_csv(out).index) == ["long"]
        assert [path.name for path in (out / "action_units").iterdir()] == ["long.csv"]
        for command in (report, cleared, listed, checked):
            assert command.returncode in (0, 2), command.stderr
            assert "Internal error" not in command.stderr

        after = facs("extract-features", clips, "--out", out)
        assert after.returncode == 0, after.stderr
        assert "long.csv in action_units/ are of earlier runs" in after.stderr

    def test_a_killed_run_holds_nothing(self, long_video, tmp_path):
        out = tmp_path / "out"
        first = begun(long_video, out)
        first.kill()
        first.communicate()
        again = facs("extract-features", long_video, "--out", out)
        assert again.returncode == 0, again.stderr
        assert sorted(path.name for path in out.iterdir()) == [
            "action_units", "cache", "descriptors.csv", "run.json", "videos.csv",
        ]  # fmt: skip

    def test_a_folder_that_is_cleared_meanwhile_ends_up_the_same(self, clips, results, tmp_path):
        out = shutil.copytree(results, tmp_path / "out")
        expected = tables_in(out)
        for path in (out / "action_units").iterdir():
            path.unlink()
        running = subprocess.Popen(
            [*FACS, "extract-features", str(clips), "--out", str(out), "--jobs", "1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        until = time.monotonic() + 30
        for _ in range(4):
            assert facs("cache", "clear", out).returncode == 0
            if running.poll() is not None or time.monotonic() > until:
                break
        _, errors = running.communicate(timeout=300)
        assert running.returncode == 0, errors
        assert tables_in(out) == expected


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    cv2.imwrite(str(path), cv2.resize(astronaut(), (256, 256))[..., ::-1])
    return path


def file_limit(size):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def without_coverage():
    """Coverage's own data are larger than the files that these limits allow."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


def commands(photo, results, ranking_table, out):
    """Every command that writes results, with the place it is told to write to."""
    return {
        "extract-stills": ["extract-stills", photo, "--out", out / "a.csv"],
        "predict-emotion": ["predict-emotion", photo, "--out", out / "a.csv"],
        "describe": ["describe", results, "--out", out / "a.csv"],
        "events": ["events", results, "--out", out / "a.csv"],
        "report": ["report", results, "--out", out / "a.html"],
        "rank-authenticity": ["rank-authenticity", "--descriptors", ranking_table, "--evaluate", "--out", out],
    }


def trainings(photo, data, out):
    """Training and checks of data, which take long before they write."""
    manifest, fer2013 = data / "coded.csv", data / "fer2013.csv"
    manifest.write_text(f"image,subject,AU12\n{photo},anna,2\n")
    fer2013.write_text(face_table())
    teacher = ["--teacher", data / "none.task", "--images", data]
    return {
        "train-au": ["train-au", "--manifest", manifest, "--out", out / "a.npz"],
        "train-landmarks": ["train-landmarks", *teacher, "--out", out / "a.npz"],
        "train-emotion": ["train-emotion", fer2013, "--out", out],
        "dataset": ["dataset", "check", "fer2013", fer2013, "--duplicates", out / "a.csv"],
    }


COMMANDS = list(commands("", "", "", Path()))
TRAININGS = ["train-au", "train-landmarks", "train-emotion", "dataset"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_is_one_message_before_any_work(command, photo, results, ranking_table, tmp_path):
    """A limit on the size of files stands in for a disk on which nothing fits any more."""
    (tmp_path / "out").mkdir()
    arguments = commands(photo, results, ranking_table, tmp_path / "out")[command]
    ended = facs(*arguments, preexec_fn=file_limit(1000), env=without_coverage())
    assert ended.returncode == 2, ended.stderr
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert f"Error: {tmp_path / 'out'}: results cannot be written there" in ended.stderr
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("command", ["predict-emotion", "rank-authenticity", "describe"])
def test_a_disk_that_fills_up_meanwhile_is_one_message(command, photo, results, ranking_table, tmp_path):
    (tmp_path / "out").mkdir()
    if command == "predict-emotion":
        photos = tmp_path / "photos"
        photos.mkdir()
        for number in range(60):
            shutil.copy(photo, photos / f"{number}.png")
        photo = photos
    arguments = commands(photo, results, ranking_table, tmp_path / "out")[command]
    ended = facs(*arguments, preexec_fn=file_limit(4200), env=without_coverage())
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert re.search(rf"Error: {tmp_path / 'out'}/\S+: .*(the disk is full|File too large)", ended.stderr), ended.stderr
    assert not list((tmp_path / "out").rglob("*.tmp"))


def obey_permissions():
    """Take from root the right to write everything."""
    if os.geteuid() == 0 and ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0):
        raise PermissionError


@pytest.mark.parametrize("command", TRAININGS)
def test_training_finds_a_place_that_is_full_or_read_only_before_any_work(command, photo, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    arguments = trainings(photo, tmp_path, out)[command]
    ended = facs(*arguments, preexec_fn=file_limit(1000), env=without_coverage())
    told = f"Error: {out}: results cannot be written there"
    assert (ended.returncode, ended.stderr[: len(told)]) == (2, told)
    out.chmod(0o555)
    try:
        ended = facs(*arguments, preexec_fn=obey_permissions)
    except subprocess.SubprocessError:
        pytest.skip("root's right to write everything cannot be dropped here")
    told += " (Permission denied)"
    assert (ended.returncode, ended.stderr[: len(told)]) == (2, told)
    assert len(ended.stderr.splitlines()) == 1
    assert list(out.iterdir()) == []
    assert not list(tmp_path.glob("*.cache"))


@pytest.mark.parametrize("command", ["extract-stills", "predict-emotion"])
def test_a_key_that_others_can_read_is_told_of(command, photo, tmp_path):
    key = tmp_path / "key"
    key.write_bytes(b"k" * 32)
    key.chmod(0o644)
    environment = {**os.environ, "FACS_KEY_FILE": str(key)}
    ended = facs(command, photo, "--out", tmp_path / "a.csv", env=environment)
    assert ended.returncode == 0
    assert f"Note: {key}: others can read the key" in ended.stderr
    assert ended.stderr.count("others can read the key") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_a_read_only_folder_is_one_message_before_any_work(command, photo, results, ranking_table, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o555)
    arguments = commands(photo, results, ranking_table, tmp_path / "out")[command]
    try:
        ended = facs(*arguments, preexec_fn=obey_permissions)
    except subprocess.SubprocessError:
        pytest.skip("root's right to write everything cannot be dropped here")
    assert ended.returncode == 2, ended.stderr
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert f"Error: {tmp_path / 'out'}: results cannot be written there (Permission denied)" in ended.stderr


def test_the_full_disk_is_named(clips, tmp_path):
    """The cache is on the disk that is full; the output folder is not."""
    cache = tmp_path / "cache"
    ended = facs(
        "extract-features", clips / "ben.mp4", "--out", tmp_path / "out", "--cache", cache, "--jobs", 1,
        "--keep", "all",
        preexec_fn=file_limit(60_000), env=without_coverage(),
    )  # fmt: skip
    assert ended.returncode == 1, ended.stderr
    assert f"{cache}: the disk is full" in ended.stdout


@pytest.mark.parametrize("handles", [12, 20])
def test_too_few_file_handles_are_one_message(clips, tmp_path, handles):
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (handles, handles))  # noqa: E731
    ended = facs("extract-features", clips, "--out", tmp_path / "out", "--jobs", 4, preexec_fn=limit)
    assert ended.returncode in (0, 1, 2), ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Internal error" not in ended.stderr
    if ended.returncode:
        assert "oo many open files" in ended.stderr + ended.stdout


def test_what_a_fault_in_one_video_costs(clips, tmp_path):
    """The others finish, the details are in a file, and the code says that some failed."""
    model = tmp_path / "out" / "action_units" / "anna.csv"
    model.mkdir(parents=True)
    (model / "in the way").touch()
    ended = facs("extract-features", clips, "--out", tmp_path / "out", "--jobs", 1)
    assert ended.returncode == 1
    assert list(videos_csv(tmp_path / "out")["status"]) == ["failed", "ok", "ok"]
    assert "Is a directory" in videos_csv(tmp_path / "out")["reason"]["anna"]
    assert json.loads((tmp_path / "out" / "run.json").read_text())["videos"]

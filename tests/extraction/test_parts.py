"""Parts of a run beside each other, and the tables that are collected from them: those of one run, byte for byte."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from extraction_runs import FACS
from facs_cli.main import facs

from facs_pipeline.extraction.collect import collect
from facs_pipeline.extraction.inputs import VideoInput
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.parts import Part
from facs_pipeline.extraction.run import extract_features
from facs_pipeline.extraction.status import runs_into
from facs_pipeline.foundation.errors import BusyError, InputError

TABLES = ("videos.csv", "descriptors.csv", "metadata.csv", "action_units/anna.csv", "action_units/gap.csv")


def run(*arguments: object):
    return CliRunner().invoke(facs, [str(argument) for argument in arguments], standalone_mode=False)


@pytest.fixture(scope="module")
def study(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three clips, one that is broken, and who is in them."""
    folder = tmp_path_factory.mktemp("study")
    for clip in clips.glob("*.mp4"):
        shutil.copy(clip, folder)
    (folder / "torn.mp4").write_bytes(b"no video")
    (folder / "who.csv").write_text("video,subject,condition\nanna,a,rest\nben,b,rest\ngap,a,task\ntorn,b,task\n")
    return folder


def start(study: Path, out: Path, part: str, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*FACS, "extract-features", str(study), "--out", str(out), "--part", part,
         "--metadata", str(study / "who.csv"), "--jobs", "1", *more],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def at_once(study: Path, key_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of two parts that ran beside each other; nothing is collected yet."""
    out = tmp_path_factory.mktemp("parts") / "out"
    parts = [start(study, out, f"{number}/2") for number in (1, 2)]
    codes = {part.wait(timeout=120) for part in parts}
    assert codes == {0, 1}, [part.stdout.read() for part in parts if part.stdout]
    return out


def test_parts_at_once_are_one_run_byte_for_byte(study, at_once, tmp_path):
    assert not (at_once / "videos.csv").exists()
    for _ in range(2):
        result = run("collect", at_once)
        assert result.return_value == 1
        assert "torn" in result.output
        assert "4 videos: 3 ok, 1 failed" in result.output
    options = Options(out=tmp_path / "whole", metadata=study / "who.csv", jobs=1)
    extract_features([study], options)
    for name in TABLES:
        assert (at_once / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    written = json.loads((at_once / "run.json").read_text())
    assert written["frames"] == json.loads((tmp_path / "whole" / "run.json").read_text())["frames"]


def test_what_is_missing_is_named_with_its_part(study, at_once, tmp_path):
    out = tmp_path / "out"
    options = Options(out=out, metadata=study / "who.csv", jobs=1)
    extract_features([study], options, part=Part(1, 3))
    done = {video.name for video in collect(out).videos if video.status == "ok"}
    missing = {video.name: video.reason for video in collect(out).failed}
    assert done | missing.keys() == {"anna", "ben", "gap", "torn"}
    assert done
    assert set(missing.values()) == {"not done: part 2/3 has not begun", "not done: part 3/3 has not begun"}
    assert [(one.part, one.state) for one in runs_into(out)] == [
        ("1/3", "finished"), ("2/3", "not begun"), ("3/3", "not begun"),
    ]  # fmt: skip
    assert "part 2/3: not begun" in run("status", out).output
    # The others are done, and it is whole.
    for number in (2, 3):
        extract_features([study], options, part=Part(number, 3))
    assert {video.name for video in collect(out).failed} == {"torn"}
    assert (out / "videos.csv").read_bytes() == _collected(at_once)


def _collected(out: Path) -> bytes:
    collect(out)
    return (out / "videos.csv").read_bytes()


def test_a_part_that_was_killed_is_told_of_and_goes_on(study, tmp_path):
    out = tmp_path / "out"
    part = start(study, out, "1/1")
    until = time.monotonic() + 60
    while not (out / "action_units").is_dir():
        assert part.poll() is None, part.stdout
        assert time.monotonic() < until
        time.sleep(0.05)
    [running] = runs_into(out)
    assert running.state == "running"
    assert str(part.pid) in running.where
    # Nobody else does the same part meanwhile, nor the whole.
    with pytest.raises(BusyError):
        extract_features([study], Options(out=out, metadata=study / "who.csv"), part=Part(1, 1))
    with pytest.raises(BusyError, match="part 1/1"):
        extract_features([study], Options(out=out))
    part.send_signal(signal.SIGKILL)
    part.wait(timeout=60)
    [stopped] = runs_into(out)
    assert stopped.state == "stopped"
    reasons = {video.reason for video in collect(out).failed}
    assert "not done: part 1/1 was stopped; run it again" in reasons
    extract_features([study], Options(out=out, metadata=study / "who.csv", jobs=1), part=Part(1, 1))
    assert {video.name for video in collect(out).failed} == {"torn"}


def test_people_with_one_resting_face_stay_together(study, tmp_path):
    options = Options(out=tmp_path / "out", metadata=study / "who.csv", baseline="subject", jobs=1)
    names = [{video.name for video in extract_features([study], options, part=Part(n, 2)).videos} for n in (1, 2)]
    assert sorted(map(sorted, names)) == [["anna", "gap"], ["ben", "torn"]]
    collect(options.out)
    extract_features([study], Options(**{**vars(options), "out": tmp_path / "whole"}))
    for name in TABLES:
        assert (options.out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_another_study_makes_old_parts_void(study, clips, tmp_path):
    out = tmp_path / "out"
    extract_features([study], Options(out=out, jobs=1), part=Part(1, 9))
    extract_features([clips / "anna.mp4"], Options(out=out, jobs=1), part=Part(1, 1))
    assert [video.name for video in collect(out).videos] == ["anna"]
    extract_features([clips / "anna.mp4"], Options(out=out, jobs=1))
    with pytest.raises(InputError, match="no part of a run has worked here"):
        collect(out)


def test_shares_are_whole_disjoint_and_alike_in_size(tmp_path):
    videos = []
    for number in range(40):
        (tmp_path / f"{number}").write_bytes(b"-" * (1 + number**2))
        videos.append(VideoInput(tmp_path / f"{number}", f"{number}"))
    shares = [Part(number, 7).share(videos) for number in range(1, 8)]
    assert sorted(video.name for share in shares for video in share) == sorted(video.name for video in videos)
    sizes = [sum(video.path.stat().st_size for video in share) for share in shares]
    assert max(sizes) < 1.1 * min(sizes)


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "-1/3", "", "²/3"])
def test_a_part_that_is_none_is_refused(text):
    with pytest.raises(InputError, match="expected which of how many"):
        Part.parse(text)


def test_a_slurm_array_gives_the_part(clips, tmp_path, monkeypatch):
    for name, value in {"TASK_ID": "8", "TASK_COUNT": "4", "TASK_MIN": "2", "TASK_STEP": "3"}.items():
        monkeypatch.setenv(f"SLURM_ARRAY_{name}", value)
    assert str(Part.of_slurm()) == "3/4"
    # A task that names a video of its own would have nothing to do, and not say so.
    result = run("extract-features", clips / "anna.mp4", "--out", tmp_path / "out")
    assert result.return_value == 2
    assert "--part none does all" in result.output
    assert run("extract-features", clips / "anna.mp4", "--out", tmp_path / "out", "--part", "none").return_value == 0
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "9")
    with pytest.raises(InputError, match="not evenly numbered"):
        Part.of_slurm()
    assert Part.of_slurm({}) is None


def test_wrong_usage_is_one_line(clips, tmp_path):
    with pytest.raises(InputError, match="no run of facs extract-features has worked here"):
        runs_into(tmp_path)
    result = run("extract-features", clips, "--out", tmp_path / "out", "--part", "1/2", "--no-cache")
    assert "exclude each other" in str(result.exception)


def test_the_status_of_a_whole_run(clips, tmp_path):
    extract_features([clips / "anna.mp4"], Options(out=tmp_path / "out", jobs=1))
    result = run("status", tmp_path / "out", "--json")
    assert result.return_value == 0
    told = json.loads(result.output)
    assert told["schema_version"] == 1
    [one] = told["runs"]
    assert (one["part"], one["state"], one["videos"], one["done"]) == ("", "finished", 1, 1)
    assert os.listdir(tmp_path / "out" / "cache" / "runs") == ["whole.json"]

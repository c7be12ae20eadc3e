"""Every kind of bad input: a message that says what is wrong, and the other videos finish."""

from __future__ import annotations

import ctypes
import os
import pickle
import resource
import shutil
import signal
import subprocess
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from drawn_faces import drawn_frames
from extraction_runs import FACS, Remembering, facs, files_in, videos_csv
from video_files import write_audio, write_video

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.extraction.run import Options, extract_features
from facs_pipeline.foundation.errors import InputError, ModelError
from facs_pipeline.foundation.files.model_file import load_model
from facs_pipeline.foundation.pool import Pool
from facs_pipeline.landmarks.model import LandmarkModel

# Of Linux, from its capability.h and prctl.h
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2


@pytest.fixture(scope="module")
def face():
    """Thirty frames of a drawn face."""
    return drawn_frames(1, "happiness", 40)[:30]


@pytest.fixture(scope="module")
def good(face, tmp_path_factory):
    """A video that nothing is wrong with."""
    return write_video(tmp_path_factory.mktemp("good") / "good.mp4", face)


@pytest.fixture(scope="module")
def outcome(face, good, tmp_path_factory):
    """`videos.csv` and the folder of one run over all bad videos and a good one."""
    folder = tmp_path_factory.mktemp("bad")
    bad = folder / "videos"
    whole = good.read_bytes()
    bad.mkdir()
    shutil.copy(good, bad / "good.mp4")
    (bad / "empty.mp4").touch()
    (bad / "text.mp4").write_text("This is not a video.\n" * 100)
    for percent in (10, 50, 90):
        (bad / f"cut{percent}.mp4").write_bytes(whole[: len(whole) * percent // 100])
        # In a transport stream the index is not at the end: much of a cut file can still be decoded.
    stream = write_video(folder / "stream.ts", face).read_bytes()
    (bad / "cutstream.ts").write_bytes(stream[: len(stream) // 2])
    slow = write_video(folder / "slow.mkv", face, fps=5).read_bytes()
    (bad / "cutmatroska.mkv").write_bytes(slow[: len(slow) // 2])
    noise = np.random.default_rng(0).bytes(len(whole) // 4)
    start = len(whole) // 3
    (bad / "overwritten.mp4").write_bytes(whole[:start] + noise + whole[start + len(noise) :])
    with av.open(str(bad / "noframes.avi"), "w") as container:
        empty = container.add_stream("mpeg4", rate=25)
        empty.width = empty.height = 64
        container.start_encoding()
    write_video(bad / "scenery.mp4", [scenery(shift) for shift in range(20)])
    write_video(bad / "lying.mp4", [np.rot90(picture) for picture in face[:20]])
    (bad / "photos").mkdir()
    for number, picture in enumerate((face[0], face[1][:-40])):
        cv2.imwrite(str(bad / "photos" / f"{number}.png"), picture)
    black = np.zeros_like(face[0])
    write_video(bad / "fewfaces.mp4", [*[black] * 10, *face[:3], *[black] * 10])
    write_video(bad / "oneframe.mp4", face[:1])
    write_audio(bad / "audio.mp4")
    shutil.copy(good, bad / "Ünï çødé 名前 (1), %s.mp4")
    shutil.copy(good, os.fsdecode(os.fsencode(bad) + b"/no\xfftext.mp4"))
    Path(os.fsdecode(os.fsencode(bad) + b"/no\xfevideo.mp4")).touch()
    for person in ("anna", "ben"):
        (bad / person).mkdir()
        shutil.copy(good, bad / person / "same.mp4")
    (folder / "nothing").mkdir()
    observer = Remembering()
    result = extract_features(
        [bad, folder / "missing.mp4", folder / "nothing"], Options(out=folder / "out", jobs=2), observer
    )
    return videos_csv(folder / "out"), folder / "out", result


def scenery(shift):
    """A picture [288, 384, 3] with edges and shades, and nobody in it."""
    picture = np.zeros((288, 384, 3), np.uint8)
    picture[:] = np.linspace(200, 90, 288, dtype=np.uint8)[:, None, None]
    for number, place in enumerate(range(-20, 384, 60)):
        left, top = place + shift, 150 - 9 * number
        cv2.rectangle(picture, (left, top), (left + 35, 288), (40, 70 + 20 * number, 90), -1)
    return picture


def check(outcome, video, status, *words):
    videos, out, _ = outcome
    row = videos.loc[video]
    assert row["status"] == status, row["reason"]
    for word in words:
        assert word in row["reason"]
    assert (out / "action_units" / f"{video}.csv").exists() == (status != "failed")


def test_the_good_one_among_them_is_done_as_if_alone(outcome, good, tmp_path):
    check(outcome, "good", "ok")
    extract_features([good], Options(out=tmp_path / "out", jobs=1))
    table = "action_units/good.csv"
    assert (tmp_path / "out" / table).read_bytes() == (outcome[1] / table).read_bytes()


def test_missing_file(outcome):
    check(outcome, "missing", "failed", "missing.mp4: no such file")


def test_empty_file(outcome):
    check(outcome, "empty", "failed", "empty.mp4", "empty (0 bytes)")


def test_text_renamed_to_mp4(outcome):
    check(outcome, "text", "failed", "text.mp4", "not a video that can be opened")


@pytest.mark.parametrize("percent", [10, 50, 90])
def test_cut_at(outcome, percent):
    check(outcome, f"cut{percent}", "failed", f"cut{percent}.mp4", "not a video that can be opened")


def test_cut_stream(outcome):
    """Whether the rest is decoded or refused, it is never passed off as the whole."""
    row = outcome[0].loc["cutstream"]
    if row["status"] == "failed":
        assert "decoding stopped after" in row["reason"]
    else:
        assert int(row["frames"]) < 30


def test_cut_where_the_decoder_notices_nothing(outcome):
    """Matroska has no index that a cut could take away; only the stated duration gives it away."""
    check(outcome, "cutmatroska", "ok", "the frames end at ", "s of 6.0 s: is the file cut or damaged?")


def test_random_bytes_in_the_middle(outcome):
    row = outcome[0].loc["overwritten"]
    if row["status"] == "failed":
        assert "overwritten.mp4: decoding stopped after" in row["reason"]
    else:
        assert int(row["frames"]) <= 30


def test_zero_frames(outcome):
    check(outcome, "noframes", "failed", "noframes.avi", "no decodable frame")


def test_no_face_at_all(outcome):
    check(outcome, "scenery", "no_face", "no face found in 20 frames")
    assert "turned" not in outcome[0].loc["scenery", "reason"]


def test_a_video_that_lies_on_its_side(outcome):
    check(outcome, "lying", "no_face", "no face found in 20 frames, but turned by 90 degrees clockwise it shows one")
    assert "transpose=clock" in outcome[0].loc["lying", "reason"]


def test_photos_that_are_not_one_video(outcome):
    check(outcome, "photos", "ok", "images differ in size", "facs extract-stills")


def test_face_in_a_few_frames_only(outcome):
    check(outcome, "fewfaces", "ok", "face 0 has no descriptors: ")
    assert int(outcome[0].loc["fewfaces", "frames_with_face"]) in range(1, 6)


def test_one_frame(outcome):
    check(outcome, "oneframe", "ok", "face 0 has no descriptors: a whole face measured in 1 of 1 frames")
    assert list(outcome[0].loc["oneframe", ["frames", "fps", "duration_s"]]) == ["1", "", ""]


def test_audio_only(outcome):
    check(outcome, "audio", "failed", "audio.mp4: no video stream, only audio")


def test_unicode_spaces_commas_and_percent_signs_in_names(outcome):
    check(outcome, "Ünï çødé 名前 (1), %s", "ok")


def test_names_that_are_no_text(outcome):
    check(outcome, "no_text", "ok")
    check(outcome, "no_video", "failed", "video.mp4", "empty (0 bytes)")


def test_same_name_in_two_folders(outcome):
    check(outcome, "same_anna", "ok")
    check(outcome, "same_ben", "ok")
    one, two = ((outcome[1] / "action_units" / f"same_{who}.csv").read_text() for who in ("anna", "ben"))
    assert one.replace("same_anna", "same_ben") == two


def test_folder_without_videos_among_others(outcome):
    check(outcome, "nothing", "failed", "the folder holds no videos (")


def test_folder_without_videos_alone(tmp_path):
    done = facs("extract-features", tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "the folder holds no videos" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_nothing_half_written_is_left(outcome):
    assert not [name for name in files_in(outcome[1]) if name.endswith(".tmp")]


class TestDecoderThatDies:
    """A real worker, stopped by a real signal while it decodes."""

    @pytest.fixture
    def videos(self, face, good, tmp_path):
        folder = tmp_path / "videos"
        folder.mkdir()
        write_video(folder / "bad.mp4", [*face, *face[::-1]] * 4)
        shutil.copy(good, folder / "good.mp4")
        return folder

    def run(self, videos, out, which_signal, monkeypatch, **options):
        pools = []

        def enter(pool):
            pools.append(pool)
            return pool

        monkeypatch.setattr(Pool, "__enter__", enter)

        class Attacker(Remembering):
            def log(self, text):
                if text.startswith("bad: faces"):
                    os.kill(pools[0].pids[-1], which_signal)

        return extract_features([videos], Options(out=out, jobs=1, **options), Attacker())

    def check(self, result, reason):
        bad, good = result.videos
        assert (bad.status, good.status) == ("failed", "ok")
        assert reason in bad.reason
        assert not [name for name in files_in(result.out) if name.endswith(".tmp")]

    def test_by_a_crash(self, videos, tmp_path, monkeypatch):
        result = self.run(videos, tmp_path / "out", signal.SIGSEGV, monkeypatch)
        self.check(result, "bad.mp4: decoding crashed (SIGSEGV)")

    def test_by_a_hang(self, videos, tmp_path, monkeypatch):
        result = self.run(videos, tmp_path / "out", signal.SIGSTOP, monkeypatch, timeout_s=8)
        self.check(result, "bad.mp4: decoding hung, no progress for 8 s")


def test_fail_fast_stops_at_the_first(good, tmp_path):
    (tmp_path / "text.mp4").write_text("no video " * 10**6)
    result = extract_features([tmp_path / "text.mp4", good], Options(out=tmp_path / "out", jobs=1, fail_fast=True))
    assert [video.status for video in result.videos] == ["failed", "failed"]
    assert "the run stopped at the first failure" in result.videos[0].reason


def test_a_video_that_went_bad_takes_its_old_table_along(good, tmp_path):
    shutil.copy(good, tmp_path / "clip.mp4")
    extract_features([tmp_path / "clip.mp4"], Options(out=tmp_path / "out", jobs=1))
    (tmp_path / "clip.mp4").write_text("no video")
    result = extract_features([tmp_path / "clip.mp4"], Options(out=tmp_path / "out", jobs=1))
    assert result.failed
    assert not (tmp_path / "out" / "action_units" / "clip.csv").exists()


def obey_permissions():
    """Take from root, in a process about to start, the right to read and write everything."""
    if os.geteuid() == 0:
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            if ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
                raise PermissionError


class TestPermissions:
    def facs(self, *arguments):
        try:
            return facs(*arguments, preexec_fn=obey_permissions)
        except subprocess.SubprocessError:
            pytest.skip("root's right to read and write everything cannot be dropped here")

    def test_unreadable_video(self, good, tmp_path):
        shutil.copy(good, tmp_path / "secret.mp4")
        (tmp_path / "secret.mp4").chmod(0)
        out = tmp_path / "out"
        done = self.facs("extract-features", good, tmp_path / "secret.mp4", "--out", out, "--jobs", 1)
        assert done.returncode == 1, done.stderr
        assert "secret.mp4: Permission denied" in done.stdout
        assert list(videos_csv(out)["status"]) == ["ok", "failed"]

    def test_read_only_output_folder(self, good, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out").chmod(0o555)
        done = self.facs("extract-features", good, "--out", tmp_path / "out")
        assert done.returncode == 2
        assert "out: results cannot be written there (Permission denied)" in done.stderr
        assert "Traceback" not in done.stderr


def test_output_folder_that_is_a_file(good, tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(InputError, match="results cannot be written there"):
        extract_features([good], Options(out=tmp_path / "out"))


def test_disk_full(good, tmp_path):
    """A limit on the size of files stands in for a full disk: the first large result cannot be written."""
    out = tmp_path / "out"
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))  # noqa: E731
    # Coverage's own data are larger than that, and would be cut as well.
    without_coverage = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    arguments = ["extract-features", good, "--out", out, "--jobs", 1, "--keep", "all"]
    done = facs(*arguments, preexec_fn=limit, env=without_coverage)
    assert done.returncode == 1, done.stderr
    assert f"{out}: the disk is full" in done.stdout
    assert "Traceback" not in done.stderr
    # How far the run has come is small enough; no result is there.
    assert {path.parent.name for path in (out / "cache").glob("*/*")} <= {"runs"}
    assert facs("extract-features", good, "--out", out, "--jobs", 1).returncode == 0


class TestModelFile:
    @pytest.fixture
    def model_bytes(self, tmp_path):
        return ActionUnitModel.load_default().save(tmp_path / "whole.npz").read_bytes()

    def refuse(self, good, tmp_path, content, message):
        (tmp_path / "model.npz").write_bytes(content)
        with pytest.raises(ModelError, match=message):
            extract_features([good], Options(out=tmp_path / "out", au_model=tmp_path / "model.npz"))
        assert not (tmp_path / "out").exists()

    def test_cut(self, good, tmp_path, model_bytes):
        self.refuse(good, tmp_path, model_bytes[: len(model_bytes) // 2], r"model\.npz: cut short or damaged")

    def test_pickle(self, good, tmp_path):
        self.refuse(good, tmp_path, pickle.dumps({"weights": [1.0]}), r"model\.npz: .*pickle.*refused")

    def test_of_a_newer_version(self, good, tmp_path, model_bytes, monkeypatch):
        monkeypatch.setattr("facs_pipeline.foundation.files.model_file.FORMAT_VERSION", 99)
        newer = ActionUnitModel.load_default().save(tmp_path / "newer.npz")
        assert load_model(newer).card["format_version"] == 99
        monkeypatch.undo()
        self.refuse(good, tmp_path, newer.read_bytes(), "format version 99, this facs reads up to 1; upgrade")

    def test_landmarks_in_its_place(self, good, tmp_path):
        with pytest.raises(ModelError, match="no such model file"):
            extract_features([good], Options(out=tmp_path / "out", landmarks=tmp_path / "gone.npz"))

    def test_trained_on_other_landmarks(self, good, tmp_path):
        other = LandmarkModel.load()
        other.mean_shape = other.mean_shape + np.float32(0.01)
        file = other.save(tmp_path / "other.npz")
        done = facs("extract-features", good, "--landmarks", file, "--out", tmp_path / "out")
        assert done.returncode == 0
        assert "trained on the points of another landmark model than other.npz" in done.stderr
        assert "another landmark model" not in facs("extract-features", good, "--out", tmp_path / "own").stderr

    def test_on_the_command_line(self, good, tmp_path):
        (tmp_path / "model.npz").write_bytes(pickle.dumps([1]))
        done = facs("extract-features", good, "--au-model", tmp_path / "model.npz", "--out", tmp_path / "out")
        assert done.returncode == 2
        assert done.stderr.startswith("Error: ")
        assert "refused" in done.stderr


def test_ctrl_c_ends_cleanly(face, good, tmp_path):
    out = tmp_path / "out"
    videos = [str(write_video(tmp_path / f"{number}.mp4", [*face, *face[::-1]] * 4)) for number in range(3)]
    command = [*FACS, "extract-features", str(good), *videos, "--out", str(out), "--verbose"]
    running = subprocess.Popen(
        [*command, "--jobs", "1"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        # Tests that run in the background of a shell inherit that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("0: faces"):
            os.killpg(running.pid, signal.SIGINT)
            break
    rest = running.stderr.read()
    assert running.wait(timeout=60) == 130
    assert "Interrupted" in rest
    assert "Traceback" not in rest
    assert not [name for name in files_in(out) if name.endswith(".tmp")]

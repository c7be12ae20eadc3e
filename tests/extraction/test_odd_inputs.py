"""Names and files that are no videos: one message each, the rest goes on; what is passed over is named."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest
from drawn_faces import drawn_frames
from extraction_runs import Remembering, facs, videos_csv
from video_files import write_video

from facs_pipeline.extraction.image_inputs import find_images_and_videos
from facs_pipeline.extraction.inputs import find_videos, safe_name
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.run import extract_features
from facs_pipeline.foundation.errors import InputError

ODD = {
    "rtsp://127.0.0.1/live": "URLs are not read",
    "https://example.org/a.mp4": "URLs are not read",
    "-": "standard input is not read",
    "/dev/zero": "a device, not a file",
    "x" * 300: "File name too long",
    "x" * 300 + "*": "the pattern fits no",
    "~nobody.mp4": "no such file or folder",
    "a\0b": "not the name of a file",
}


@pytest.fixture
def good(tmp_path):
    """A folder that holds good.mp4; it is the current one."""
    write_video(tmp_path / "good.mp4", drawn_frames(1, "happiness", 30)[:12])
    return tmp_path


@pytest.mark.parametrize(("argument", "told"), ODD.items())
def test_each_is_refused_by_a_message_of_its_own(good, argument, told):
    one, other = sorted(find_videos([argument, good / "good.mp4"]), key=lambda video: bool(video.problem))
    assert (one.name, one.problem) == ("good", "")
    assert told in other.problem
    if "not read" in told:
        assert other.problem.startswith(f"{argument}: {told}")
    files = find_images_and_videos([argument, good / "good.mp4"])
    assert [path.name for path in files.videos] == ["good.mp4"]
    assert told in files.skipped[0].reason
    for find in (find_videos, find_images_and_videos):
        with pytest.raises(InputError) as error:
            find([argument])
        assert told in str(error.value)


def test_standard_input_does_not_wait(good):
    reading, writing = os.pipe()
    try:
        done = facs("extract-features", "/dev/stdin", good / "good.mp4", "--out", good / "out", stdin=reading)
    finally:
        os.close(reading)
        os.close(writing)
    assert done.returncode == 1
    table = videos_csv(good / "out")
    assert table.loc["good", "status"] == "ok"
    assert "/dev/stdin: a pipe, not a file" in str(table.loc["stdin", "reason"])


def test_a_pipe_in_a_folder_is_named(good):
    os.mkfifo(good / "pipe.mp4")
    os.mkfifo(good / "pipe.jpg")
    problems = {video.name: video.problem for video in find_videos([good])}
    assert problems["good"] == ""
    assert "a pipe, not a file" in problems["pipe"]


def test_a_file_whose_name_begins_with_a_tilde(good, monkeypatch):
    monkeypatch.chdir(good)
    (good / "good.mp4").rename("~old.mp4")
    assert [video.name for video in find_videos(["~old.mp4"])] == ["~old"]
    assert [str(path) for path in find_images_and_videos(["~old.mp4"]).videos] == ["~old.mp4"]
    monkeypatch.setenv("HOME", str(good))
    (good / "there.mp4").touch()
    assert [video.path for video in find_videos(["~/there.mp4"])] == [good / "there.mp4"]


def test_lines_of_a_list_that_are_no_names(good):
    lines = ["good.mp4", "B" * 5000, "~nobody.mp4", "rtsp://camera/live", "a\0b.mp4", "[*" * 200]
    (good / "list.txt").write_text("\n".join(lines))
    videos = find_videos([good / "list.txt"])
    assert [video.name for video in videos if not video.problem] == ["good"]
    for number in range(2, 7):
        [problem] = [video.problem for video in videos if f"(line {number} of list.txt)" in video.problem]
        assert len(problem) < 600


@pytest.mark.parametrize("name", ["CON", "nul.tar", "Com1", "LPT9.x.y", "aux ", "conin$", "COM²"])
def test_names_of_windows_devices_are_no_names_of_tables(name):
    assert safe_name(name) == f"_{name.strip()}"


@pytest.mark.parametrize("name", ["CONsent", "com10", "console", "au", "lpt"])
def test_names_that_only_begin_so_are(name):
    assert safe_name(name) == name


def test_trailing_dots_do_not_make_two_videos_one(tmp_path):
    for name in ("a.mp4", "a..mp4", "a. .mp4", "CON.mp4", "_CON.mp4"):
        (tmp_path / name).touch()
    names = [video.name for video in find_videos([tmp_path])]
    assert len({name.casefold() for name in names}) == 5
    assert not any(name.endswith((".", " ")) or name.upper() == "CON" for name in names)


class TestPassedOver:
    @pytest.fixture
    def folder(self, tmp_path):
        for name in ("a.vob", "b.asf", "c.DIVX", "d.qt", "e.LRV", "f.MOD", "g.3g2", "h.h264", "i.hevc", "j.mjpeg"):
            (tmp_path / "videos" / name).parent.mkdir(exist_ok=True)
            (tmp_path / "videos" / name).touch()
        for name in ("a.heic", "b.HEIC", "c.dng", "d.jpg", "notes.pdf"):
            (tmp_path / "videos" / name).touch()
        return tmp_path / "videos"

    def test_recordings_of_every_suffix_that_is_read_are_found(self, folder):
        notes: list[str] = []
        videos = find_videos([folder], note=notes.append)
        assert [video.name for video in videos] == list("abcdefghij")
        [note] = notes
        assert "1 .dng, 2 .heic; convert them: photos to JPEG or PNG" in note
        assert "1 image beside videos passed over; photos are for facs extract-stills" in note

    def test_a_folder_of_nothing_else_says_why(self, tmp_path):
        (tmp_path / "a.heic").touch()
        for find in (find_videos, find_images_and_videos):
            with pytest.raises(InputError, match=r"files that are not read: 1 \.heic; convert them"):
                find([tmp_path])

    def test_named_by_itself(self, tmp_path, good):
        (tmp_path / "a.heic").touch()
        [problem] = [video.problem for video in find_videos([tmp_path / "a.heic", good / "good.mp4"]) if video.problem]
        assert "a.heic: .heic files are not read; convert them" in problem

    def test_stills_of_every_suffix_that_is_read_are_found(self, tmp_path):
        names = ["a.avif", "b.jp2", "c.jfif", "d.jpe", "e.JPG"]
        for name in names:
            (tmp_path / name).write_bytes(b"-")
        (tmp_path / "f.heic").touch()
        files = find_images_and_videos([tmp_path])
        assert [path.name for path in files.images] == names
        assert files.skipped == ((str(tmp_path), "files that are not read: 1 .heic; "
                                  "convert them: photos to JPEG or PNG, videos to MP4"),)  # fmt: skip

    def test_a_run_tells_of_them(self, good):
        (good / "photo.heic").touch()
        told = Remembering()
        extract_features([good], Options(out=good / "out", jobs=1), told)
        assert any("1 .heic" in note for note in told.warnings)


def test_a_motion_photo_among_photos_is_one_whatever_its_name(good):
    photo = cv2.imencode(".jpg", np.zeros((40, 40), np.uint8))[1].tobytes()
    (good / "MVIMG.MP.jpg").write_bytes(photo + (good / "good.mp4").read_bytes())
    (good / "motion.mp4").write_bytes(photo + (good / "good.mp4").read_bytes())
    files = find_images_and_videos([good])
    assert [path.name for path in files.images] == ["motion.mp4", "MVIMG.MP.jpg"]
    assert [path.name for path in files.videos] == ["good.mp4"]

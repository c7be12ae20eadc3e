"""Photos, folders of images, and what is no file at all, where a video is expected."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from image_files import blank_png, large_gif
from PIL import Image
from video_files import frames_of

from facs_pipeline.foundation.errors import VideoError
from facs_pipeline.video.numbering import numbering_gaps
from facs_pipeline.video.reader import probe, read_frames


def message(path: Path) -> str:
    """What reading a file says."""
    with pytest.raises(VideoError) as caught:
        list(read_frames(path))
    assert str(caught.value).startswith(str(path))
    return str(caught.value)


class TestFilesThatAreNoVideo:
    @pytest.mark.parametrize("name", ["PXL_1.MP.jpg", "MVIMG_1.mp4"])
    def test_a_motion_photo_is_the_photo(self, clips, tmp_path, name):
        [picture] = frames_of(clips / "anna.mp4", 1)
        photo = cv2.imencode(".jpg", picture)[1].tobytes()
        (tmp_path / name).write_bytes(photo + (clips / "anna.mp4").read_bytes())
        [frame] = read_frames(tmp_path / name)
        assert np.array_equal(frame.image, cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_GRAYSCALE))
        assert probe(tmp_path / name).frames == 1

    def test_a_stream_of_jpegs_is_a_video(self, clips, tmp_path):
        pictures = frames_of(clips / "anna.mp4", 3)
        (tmp_path / "a.mjpeg").write_bytes(b"".join(cv2.imencode(".jpg", one)[1].tobytes() for one in pictures))
        assert len(list(read_frames(tmp_path / "a.mjpeg"))) == 3

    def test_pipes_and_urls_are_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.mp4")
        assert "a device, pipe or folder, expected a file" in message(tmp_path / "pipe.mp4")
        with pytest.raises(VideoError, match="URLs are not read"):
            list(read_frames("rtsp://127.0.0.1/live"))

    def test_a_picture_that_is_too_large_is_refused(self, tmp_path):
        (tmp_path / "a.gif").write_bytes(large_gif(20000))
        assert "decoding stopped after 0 frames" in message(tmp_path / "a.gif")
        assert "FACS_MAX_MEGAPIXELS" in message(tmp_path / "a.gif")

    def test_the_limit_holds_for_every_container(self, clips, tmp_path, monkeypatch):
        monkeypatch.setenv("FACS_MAX_MEGAPIXELS", "0.01")
        assert "FACS_MAX_MEGAPIXELS" in message(clips / "anna.mp4")
        monkeypatch.setenv("FACS_MAX_MEGAPIXELS", "1")
        assert len(list(read_frames(clips / "anna.mp4"))) > 1

    def test_images_too_large_say_which(self, tmp_path):
        (tmp_path / "1.png").write_bytes(blank_png(20, 20))
        (tmp_path / "2.png").write_bytes(blank_png(12001, 10000))
        with pytest.raises(VideoError, match=r"2\.png: image 2 of 2 cannot be decoded: 12001 x 10000 pixels"):
            list(read_frames(tmp_path))


@pytest.mark.parametrize(
    ("names", "gap"),
    [
        (["1", "2", "3", "5"], "from 3.png to 5.png"),
        (
            ["a_0005_x", "a_0010_x", "a_0015_x", "a_0030_x", "a_0040_x"],
            "from a_0015_x.png to a_0030_x.png and at 1 more",
        ),
        (["1", "2", "3"], ""),
        (["0", "5", "10", "15"], ""),
        (["20240101", "20240317", "20250911", "20251230"], ""),
        (["a1", "b2", "c9", "d10"], ""),
        (["smile", "frown", "rest"], ""),
    ],
)
def test_gaps_in_the_numbers_of_images(names, gap):
    told = numbering_gaps([Path(f"{name}.png") for name in names])
    assert gap in told
    assert bool(gap) == bool(told)


def test_a_run_over_a_folder_with_gaps_says_where(tmp_path):
    for number in (1, 2, 3, 7, 8):
        cv2.imwrite(str(tmp_path / f"f{number:03d}.png"), np.full((30, 30), number, np.uint8))
    frames = read_frames(tmp_path)
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    [note] = frames.notes
    assert (
        note
        == "the numbers of its images jump from f003.png to f007.png; its frames are taken 0.04 s apart all the same"
    )


def test_an_animated_image_says_that_it_is_one(tmp_path):
    first, second = (Image.fromarray(np.full((30, 30), level, np.uint8)) for level in (10, 200))
    first.save(tmp_path / "a.png", save_all=True, append_images=[second])
    frames = read_frames(tmp_path / "a.png")
    [frame] = frames
    assert frame.image[0, 0] == 10
    assert "an animated PNG" in frames.notes[0]


def test_images_of_twelve_bits_share_their_depth(tmp_path):
    for number, level in enumerate((4000, 500, 4095)):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((30, 30), level, np.uint16))
    assert [int(frame.image[0, 0]) for frame in read_frames(tmp_path)] == [249, 31, 255]
    assert next(read_frames(tmp_path, colour=True)).image.tolist()[0][0] == [249, 249, 249]

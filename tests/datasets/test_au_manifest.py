"""The manifest CSV of coded faces: what it accepts, and what it says where it cannot."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from facs_pipeline.datasets import au_manifest
from facs_pipeline.datasets.au_manifest import read_au_manifest
from facs_pipeline.foundation.errors import InputError


@pytest.fixture
def write(tmp_path):
    """Write a manifest beside two files it can refer to."""
    (tmp_path / "pictures").mkdir()
    for name in ("pictures/ä b.png", "clip.mp4"):
        (tmp_path / name).write_bytes(b"-")

    def write(text):
        path = tmp_path / "coded.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_images_and_videos_side_by_side(write):
    coded = read_au_manifest(
        write(
            "\ufeffimage,video,frame,subject,AU12_r,AU1,au04,note\n"
            "pictures/ä b.png,,,anna,3.5,0,,sunny\n"
            ",clip.mp4,7,ben,1,,2,\n"
            "\n"
            ",clip.mp4,3,ben,0,5,1,\n"
        )
    )
    assert coded.aus == (1, 4, 12)
    assert coded.subjects == ("anna", "ben")
    assert coded.n_frames == 3
    image, video = coded.clips
    np.testing.assert_array_equal(image.intensities, np.array([[0, np.nan, 3.5]], np.float32))
    assert list(image.frames) == [1]
    assert image.source.read_bytes() == b"-"
    assert list(video.frames) == [3, 7]
    np.testing.assert_array_equal(video.intensities, np.array([[5, 1, 0], [np.nan, 2, 1]], np.float32))


def test_a_row_that_names_no_image_is_left_out_and_named(write):
    coded = read_au_manifest(
        write("image,subject,AU1\npictures/ä b.png,anna,1\nnowhere.png,ben,2\nclip.mp4,cleo,3\n,dan,4\n")
    )
    assert coded.subjects == ("anna", "cleo")
    assert coded.clips[1].intensities.tolist() == [[3]]
    first, second = coded.only([1]).skipped
    assert first.source.endswith("coded.csv, row 3")
    assert first.reason.startswith("nowhere.png: no such file")
    assert second == (first.source.replace("row 3", "row 5"), "neither an image nor a video")


def test_too_many_such_rows_are_an_error(write):
    text = "image,subject,AU1\npictures/ä b.png,anna,1\na.png,ben,2\nb.png,cleo,3\n"
    with pytest.raises(InputError, match=r"2 of 3 rows name nothing that is there, the first of them .*row 3: a\.png"):
        read_au_manifest(write(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,AU1\na.png,1\n", "expected image .*subject"),
        ("video,subject,AU1\nclip.mp4,anna,1\n", "expected image"),
        ("image,subject,smile\na.png,anna,1\n", "no AU column"),
        ("image,subject,AU1,AU01_r\na.png,anna,1,1\n", "AU1 has two columns"),
        ("image,subject,AU3\na.png,anna,1\n", "column AU3: AU3 is no FACS action unit"),
        ("image,subject,AU1\nnowhere.png,anna,1\n", r"1 of 1 rows name nothing .*row 2: nowhere.png: no such file"),
        ("image,subject,AU1\npictures/ä b.png,,1\n", "row 2: no subject"),
        ("image,subject,AU1\npictures/ä b.png,anna,6\n", "row 2, AU1: intensity '6'.*0 to 5"),
        ("image,subject,AU1\npictures/ä b.png,anna,much\n", "row 2, AU1: intensity 'much'"),
        ("image,subject,AU1\npictures/ä b.png,anna\n", "row 2 has 2 cells, the header has 3"),
        ("image,subject,AU1\n", "no rows"),
        ("", "empty"),
        ("video,frame,subject,AU1\nclip.mp4,0,anna,1\n", "row 2: frame '0'.*from 1"),
        ("video,frame,subject,AU1\nclip.mp4,²,anna,1\n", "row 2: frame '²'.*from 1"),
        ("video,frame,subject,AU1\nclip.mp4," + "9" * 5000 + ",anna,1\n", "row 2: frame '9{40}'.*from 1"),
        ("image,subject,AU" + "1" * 5000 + "\na.png,anna,1\n", "is no FACS action unit"),
        ("image,subject,AU1\n" + "a" * 300 + ".png,anna,1\n", "row 2: a{300}.png: no such file"),
        ("image,subject,AU1\n" + "a" * 140_000 + ",anna,1\n", "not a CSV table .field larger"),
        ("video,frame,subject,AU1\nclip.mp4,2,anna,1\nclip.mp4,2,ben,1\n", "row 3: clip.mp4, frame 2 .*second time"),
        ("image,video,frame,subject,AU1\n,,1,anna,1\n", "row 2: neither"),
    ],
)
def test_faults_are_named_with_their_row(write, text, message):
    with pytest.raises(InputError, match=message):
        read_au_manifest(write(text))


def test_a_missing_or_binary_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: no such file"):
        read_au_manifest(tmp_path / "none.csv")
    for content, reason in ((b"\xff\xfe\x00\xd8", "not utf-16"), (b"\x00\x81", "row 1 is not UTF-8")):
        (tmp_path / "b.csv").write_bytes(content)
        with pytest.raises(InputError, match=rf"b\.csv: {reason}"):
            read_au_manifest(tmp_path / "b.csv")


def test_a_spreadsheet_may_have_saved_it(write):
    text = "image;subject;AU1\r\npictures/ä b.png;anna;2,5\r\n"
    path = write("")
    path.write_bytes(text.encode("utf-16"))
    assert read_au_manifest(path).clips[0].intensities.tolist() == [[2.5]]


def test_docstring_examples():
    assert doctest.testmod(au_manifest).failed == 0

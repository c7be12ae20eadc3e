"""FER2013 as a table in all packings, and what is said of rows that cannot be used."""

from __future__ import annotations

import gzip
import re

import numpy as np
import pytest
from counted_progress import CountedProgress
from face_files import USAGES, cell, check, picture, put, reasons, table, tarred, zipped

from facs_pipeline.datasets.fer2013 import FER2013_EMOTIONS, read_fer2013
from facs_pipeline.datasets.open_faces import open_faces
from facs_pipeline.foundation.errors import InputError


def test_the_seven_emotions_are_in_the_order_of_their_labels():
    assert FER2013_EMOTIONS == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


@pytest.mark.parametrize("kind", ["auto", "fer2013"])
@pytest.mark.parametrize(
    "write",
    [
        lambda folder: (folder / "fer2013.csv").write_text(table()) and folder / "fer2013.csv",
        lambda folder: put(folder / "fer2013.csv.gz", gzip.compress(table().encode())) or folder / "fer2013.csv.gz",
        lambda folder: zipped(folder / "a.zip", {"README": b"-", "fer2013/fer2013.csv": table().encode()}),
        lambda folder: zipped(folder / "a.zip", {"fer2013.csv.gz": gzip.compress(table().encode())}),
        lambda folder: tarred(folder / "f.tar", {"fer2013/README": b"-", "fer2013/fer2013.csv": table().encode()}),
        lambda folder: tarred(folder / "f.tar.gz", {"fer2013/fer2013.csv": table().encode()}, "w:gz"),
        lambda folder: put(folder / "fer" / "sub" / "fer2013.csv", table().encode()) or folder / "fer",
    ],
)
def test_tables_in_all_packings(tmp_path, write, kind):
    check(open_faces(write(tmp_path), kind))


def test_icml_face_data_has_spaces_in_its_column_names(tmp_path):
    """And, here, Windows' line ends and a byte-order mark."""
    lines = [f"{k % 7},{USAGES[k % 3]},{cell(k)}" for k in range(7)]
    text = "\r\n".join(["\ufeffemotion, Usage, pixels", *lines, ""])
    (tmp_path / "icml_face_data.csv").write_bytes(text.encode())
    check(open_faces(tmp_path / "icml_face_data.csv"))


def test_train_csv_has_no_usage_and_quoted_pixels(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(f'emotion,pixels\n3,"{cell(1)}"\nSadness,"{cell(2)}"\n')
    faces = read_fer2013(path)
    assert faces.emotions.tolist() == ["happy", "sad"]
    assert faces.splits.tolist() == ["train", "train"]
    path.rename(tmp_path / "mine.csv")
    assert read_fer2013(tmp_path / "mine.csv").splits.tolist() == ["", ""]


def test_of_several_tables_the_one_with_the_official_splits_is_read(tmp_path):
    """As the challenge's data are handed out: test.csv has no emotions."""
    (tmp_path / "icml_face_data.csv").write_text(table())
    (tmp_path / "example_submission.csv").write_text("id,emotion\n1,2\n")
    (tmp_path / "test.csv").write_text(f"pixels\n{cell(1)}\n")
    (tmp_path / "train.csv").write_text(f"emotion,pixels\n3,{cell(1)}\n")
    check(open_faces(tmp_path))
    with pytest.raises(InputError, match=r"test\.csv: no column emotion among pixels.*has no labels"):
        open_faces(tmp_path / "test.csv")


def test_splits_of_other_names_are_kept(tmp_path):
    (tmp_path / "f.csv").write_text(f"emotion,pixels,Usage\n3,{cell(1)},Extra\n3,{cell(2)},validation\n")
    assert read_fer2013(tmp_path / "f.csv").splits.tolist() == ["Extra", "validation"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"3,{cell(1)[:-4].rsplit(' ', 1)[0]},Training", "2,30[23] pixels; expected 2,304 .48 x 48."),
        (f"3,{cell(1)} 7,Training", "2,305 pixels"),
        (f"3,{cell(1).replace(' ', ' x', 1)},Training", r"pixel 2 is 'x\d+'; expected whole numbers"),
        (f"3,nan {cell(1)},Training", "pixel 1 is 'nan'"),
        (f"3,256 {cell(1)},Training", "pixel 1 is 256; expected 0 to 255"),
        (f"3,{cell(1).rsplit(' ', 1)[0]} 300,Training", "pixel 2304 is 300; expected 0 to 255"),
        (f"3,{cell(1).rsplit(' ', 1)[0]} 4294967296,Training", "pixel 2304 is 4294967296; expected 0 to 255"),
        (f"3,{cell(1).rsplit(' ', 1)[0]} 99999999999999999999999,Training", "pixel 2304 is 99999999.*expected 0 to"),
        (f"3,-1 {cell(1)},Training", "pixel 1 is -1; expected 0 to 255"),
        (f"3,--1 {cell(1)},Training", "pixel 1 is '--1'; expected whole"),
        (f"3,1.5 {cell(1)},Training", "pixel 1 is '1.5'; expected whole"),
        ("3,,Training", "the pixels are empty"),
        (f",{cell(1)},Training", "the emotion is empty"),
        (f"NaN,{cell(1)},Training", "emotion 'NaN'; expected 0 to 6 or one of angry"),
        (f"7,{cell(1)},Training", "emotion '7'; expected 0 to 6"),
        (f"-1,{cell(1)},Training", "emotion '-1'; expected 0 to 6"),
        (f"contempt,{cell(1)},Training", "emotion 'contempt'; expected 0 to 6"),
        (f"3,{cell(1)},", "Usage is empty"),
        (f"3,{cell(1)},NaN", "Usage is empty"),
        (f"3,{cell(1)}", "2 cells, the header has 3"),
        (f"3,{cell(1)},Training,", "4 cells, the header has 3"),
        (f'3,"{cell(1)},Training', "2 cells, the header has 3"),
        ("3," + "1 " * 600_000 + ",Training", "longer than 1,048,576 bytes"),
        ('3,"' + "1 " * 100_000 + '",Training', "not a line of a CSV"),
        ("\x00\x01\x02", "1 cells, the header has 3"),
    ],
)
def test_a_bad_row_is_named_and_the_rest_goes_on(tmp_path, row, reason):
    (tmp_path / "f.csv").write_text(table(n=2) + row + f"\n\n5,{cell(9)},Training\n")
    faces = read_fer2013(tmp_path / "f.csv")
    assert faces.sources == ("row 2", "row 3", "row 6")
    assert faces.emotions[-1] == "surprise"
    np.testing.assert_array_equal(faces.grey(2), picture(9))
    (source, found), *others = faces.skipped
    assert source == "row 4"
    assert not others
    assert re.search(reason, found), found


def test_labels_and_pixels_that_look_odd_but_are_clear(tmp_path):
    odd = cell(1).replace(" ", "  ", 3).replace(" ", "\t", 9)
    (tmp_path / "f.csv").write_text(f"Emotion,Pixels,usage\n3.0, {odd} ,training\n Fearful ,{cell(2)},PUBLICTEST\n")
    faces = read_fer2013(tmp_path / "f.csv")
    assert faces.emotions.tolist() == ["happy", "fear"]
    assert faces.splits.tolist() == ["train", "validation"]
    np.testing.assert_array_equal(faces.grey(0), picture(1))


def test_a_split_of_which_no_row_is_usable_is_named(tmp_path):
    (tmp_path / "f.csv").write_text(f"emotion,pixels,Usage\n3,{cell(1)},Training\n3,1 2 3,PublicTest\n")
    faces = read_fer2013(tmp_path / "f.csv")
    assert reasons(faces)["row 3"].startswith("3 pixels")
    assert reasons(faces)["split validation"].startswith("an empty split")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"emotion,pixels,Usage\n", "no row that can be used. There is none below the header"),
        (b"emotion,Usage\n3,Training\n", "no column pixels among emotion, usage; expected emotion, pixels"),
        (b"label,image_data\n", "no column emotion and pixels among"),
        (b"emotion|pixels|Usage\n3|1 2|Training\n", "separated by commas"),
        (b"emotion,pixels,pixels\n", "the column pixels is there more than once"),
        (b"emotion,pixels\n3,1 2\n9,4\n", "no row that can be used. row 2: 2 pixels.*row 3: emotion '9'"),
        ("emotion;pixels\n3;1 2\n".encode("utf-16"), "no row that can be used. row 2: 2 pixels"),
        ("emotion,pixels\n".encode("utf-16")[:-1], "not utf-16.* text .*; save it as CSV in UTF-8"),
        ("emotion,pixels,Größe\n".encode("latin-1"), "not a CSV's header in UTF-8"),
    ],
)
def test_a_table_that_is_none(tmp_path, data, message):
    (tmp_path / "f.csv").write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        read_fer2013(tmp_path / "f.csv")
    assert "f.csv" in str(caught.value)


def test_bytes_of_another_encoding_spoil_one_row_only(tmp_path):
    wrong = f"fröhlich,{cell(3)},Training\n".encode("latin-1")
    (tmp_path / "f.csv").write_bytes(table(n=3).encode() + wrong)
    faces = read_fer2013(tmp_path / "f.csv")
    assert len(faces) == 3
    assert "emotion 'fr\ufffdhlich'" in reasons(faces)["row 5"]


@pytest.mark.parametrize("pack", ["gz", "zip"])
def test_a_compressed_table_that_is_cut_short_keeps_what_came_before(tmp_path, pack):
    n = 200
    if pack == "gz":
        data = gzip.compress(table(n=n).encode())
        (tmp_path / "f.csv.gz").write_bytes(data[: len(data) // 2])
        faces = read_fer2013(tmp_path / "f.csv.gz")
    else:
        data = zipped(tmp_path / "f.zip", {"fer2013.csv": table(n=n).encode()}).read_bytes()
        start = len(data) // 2
        (tmp_path / "f.zip").write_bytes(data[:start] + bytes(2000) + data[start + 2000 :])
        faces = read_fer2013(tmp_path / "f.zip")
    assert 0 < len(faces) < n
    np.testing.assert_array_equal(faces.grey(len(faces) - 1), picture(len(faces) - 1))
    assert any("damaged or cut short here" in reason and "what comes after" in reason for _, reason in faces.skipped)


def test_archives_that_cannot_be_opened(tmp_path):
    whole = zipped(tmp_path / "f.zip", {"fer2013.csv": table().encode()}).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.zip: not a readable archive .*cut short"):
        open_faces(tmp_path / "cut.zip")
    (tmp_path / "no.tar").write_bytes(b"no tar" * 200)
    with pytest.raises(InputError, match=r"no\.tar: not a readable archive"):
        open_faces(tmp_path / "no.tar")
    (tmp_path / "f.csv.gz").write_bytes(b"emotion,pixels\n")
    with pytest.raises(InputError, match="damaged"):
        open_faces(tmp_path / "f.csv.gz")


def test_progress_adds_up_to_the_file(tmp_path):
    (tmp_path / "f.csv").write_text(table(n=20))
    told = CountedProgress()
    read_fer2013(tmp_path / "f.csv", progress=told)
    size = (tmp_path / "f.csv").stat().st_size
    assert told.counts == [(size, size)]
    assert told.tasks[0].closed

"""Faces with emotions in all forms in which they are found, and what is said of rows and files that cannot be used."""

from __future__ import annotations

import doctest
import gzip
import io
import re
import tarfile
import zipfile

import cv2
import numpy as np
import pytest

from facs_pipeline.datasets import (
    emotion_folders,
    face_manifest,
    fer2013,
    image_files,
    kdef,
    split_names,
)
from facs_pipeline.datasets.emotion_folders import read_emotion_folders
from facs_pipeline.datasets.face_manifest import read_face_manifest
from facs_pipeline.datasets.fer2013 import FER2013_EMOTIONS, read_fer2013
from facs_pipeline.datasets.kdef import read_kdef
from facs_pipeline.datasets.open_faces import open_faces
from facs_pipeline.errors import InputError

USAGES = ("Training", "PublicTest", "PrivateTest")


def picture(seed: int, shape=(48, 48)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def cell(seed: int) -> str:
    return " ".join(map(str, picture(seed).ravel()))


def encoded(seed: int, suffix=".png", shape=(48, 48)) -> bytes:
    return cv2.imencode(suffix, picture(seed, shape))[1].tobytes()


def put(path, data: bytes):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def table(header="emotion,pixels,Usage", n=7) -> str:
    """Row k + 2 has picture k, emotion k mod 7 and the splits in turn."""
    rows = [f"{k % 7},{cell(k)},{USAGES[k % 3]}" for k in range(n)]
    return "\n".join([header, *rows]) + "\n"


def check(faces, n=7):
    """The faces are those of `table`."""
    assert faces.sources == tuple(f"row {k + 2}" for k in range(n))
    assert faces.emotions.tolist() == [FER2013_EMOTIONS[k % 7] for k in range(n)]
    assert faces.splits.tolist() == [("train", "validation", "test")[k % 3] for k in range(n)]
    assert faces.subjects.tolist() == [""] * n and faces.skipped == ()
    for k in range(n):
        np.testing.assert_array_equal(faces.grey(k), picture(k))


def zipped(path, members: dict[str, bytes]):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def tarred(path, members: dict[str, bytes], mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def reasons(faces) -> dict[str, str]:
    return dict(faces.skipped)


# ------------------------------------------------------------------------------------------------ FER2013, tables


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
    assert faces.emotions.tolist() == ["happy", "sad"] and faces.splits.tolist() == ["train", "train"]
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
    assert faces.sources == ("row 2", "row 3", "row 6") and faces.emotions[-1] == "surprise"
    np.testing.assert_array_equal(faces.grey(2), picture(9))
    (source, found), *others = faces.skipped
    assert source == "row 4" and not others
    assert re.search(reason, found), found


def test_labels_and_pixels_that_look_odd_but_are_clear(tmp_path):
    odd = cell(1).replace(" ", "  ", 3).replace(" ", "\t", 9)
    (tmp_path / "f.csv").write_text(f"Emotion,Pixels,usage\n3.0, {odd} ,training\n Fearful ,{cell(2)},PUBLICTEST\n")
    faces = read_fer2013(tmp_path / "f.csv")
    assert faces.emotions.tolist() == ["happy", "fear"] and faces.splits.tolist() == ["train", "validation"]
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
        (b"emotion;pixels;Usage\n3;1 2;Training\n", "separated by commas"),
        (b"emotion,pixels,pixels\n", "the column pixels is there more than once"),
        (b"emotion,pixels\n3,1 2\n9,4\n", "no row that can be used. row 2: 2 pixels.*row 3: emotion '9'"),
        ("emotion,pixels\n".encode("utf-16"), "UTF-16 text; save it as CSV in UTF-8"),
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
    assert len(faces) == 3 and "emotion 'fr\ufffdhlich'" in reasons(faces)["row 5"]


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
    done = []
    read_fer2013(tmp_path / "f.csv", progress=done.append)
    assert sum(done) == (tmp_path / "f.csv").stat().st_size


# -------------------------------------------------------------------------------------------- folders of images

SPLIT_FOLDERS = {
    "train/happy/a.png": encoded(1),
    "train/fear/b.png": encoded(2),
    "Val/Happiness/c.png": encoded(3),
    "test/sad/d.png": encoded(4),
    "train/happy/.hidden.png": b"-",
    "train/happy/note.txt": b"-",
}


def laid_out(root, members):
    for name, data in members.items():
        put(root / name, data)
    return root


@pytest.mark.parametrize("kind", ["auto", "folders", "fer2013"])
@pytest.mark.parametrize("pack", ["folder", "zip", "stored zip", "tar"])
@pytest.mark.parametrize("around", ["", "fer2013/", "archive/fer2013/"])
def test_image_folders_in_all_packings(tmp_path, kind, pack, around):
    members = {around + name: data for name, data in SPLIT_FOLDERS.items()}
    if pack == "folder":
        path = laid_out(tmp_path / "data", members)
    elif pack == "tar":
        path = tarred(tmp_path / "data.tar", members)
    else:
        path = zipped(tmp_path / "data.zip", members)
        if pack == "stored zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
                for name, data in members.items():
                    archive.writestr(name, data)
    faces = open_faces(path, kind)
    found = sorted(zip(faces.sources, faces.emotions, faces.splits, strict=True))
    assert found == [
        (around + "Val/Happiness/c.png", "happy", "validation"),
        (around + "test/sad/d.png", "sad", "test"),
        (around + "train/fear/b.png", "fear", "train"),
        (around + "train/happy/a.png", "happy", "train"),
    ]
    assert faces.skipped == () and faces.name == path.name
    np.testing.assert_array_equal(faces.grey(faces.sources.index(around + "test/sad/d.png")), picture(4))


@pytest.mark.parametrize(
    ("name", "split"),
    [("Training", "train"), ("publictest", "validation"), ("PrivateTest", "test"), ("fold 3", "fold 3")],
)
def test_any_names_of_splits(tmp_path, name, split):
    laid_out(tmp_path, {f"{name}/happy/a.png": encoded(1), "train/sad/b.png": encoded(2)})
    faces = read_emotion_folders(tmp_path)
    assert dict(zip(faces.emotions, faces.splits, strict=True)) == {"happy": split, "sad": "train"}


@pytest.mark.parametrize("around", ["", "CK+48/"])
def test_emotion_folders_without_splits_may_hold_contempt_and_folders(tmp_path, around):
    members = {around + "contempt/a.png": encoded(1), around + "anger/s1/b.png": encoded(2)}
    faces = open_faces(laid_out(tmp_path, members))
    assert faces.emotions.tolist() == ["angry", "contempt"] and faces.splits.tolist() == ["", ""]


def test_numbered_folders_mean_something_in_fer2013_only(tmp_path):
    laid_out(tmp_path, {"train/3/a.png": encoded(1), "train/7/b.png": encoded(2), "train/6/c.png": encoded(3)})
    faces = open_faces(tmp_path, "fer2013")
    assert faces.emotions.tolist() == ["happy", "neutral"]
    assert faces.skipped == (("train/7/b.png", "the folder '7' names no emotion"),)
    with pytest.raises(InputError, match="no image in a folder named for an emotion"):
        open_faces(tmp_path)


def test_what_is_not_sorted_by_emotion_is_named(tmp_path):
    laid_out(tmp_path, {**SPLIT_FOLDERS, "train/bored/x.png": encoded(1), "y.png": encoded(2)})
    (tmp_path / "validation" / "happy").mkdir(parents=True)
    found = reasons(open_faces(tmp_path))
    assert found == {
        "train/bored/x.png": "the folder 'bored' names no emotion",
        "y.png": "in no folder named for an emotion",
        "validation/": "an empty split: no image in it",
    }


def test_colour_large_and_deep_images_become_grey(tmp_path):
    grey = picture(5, (300, 400))
    colour = cv2.merge([grey, grey, grey, np.full_like(grey, 255)])
    put(tmp_path / "happy" / "a.png", cv2.imencode(".png", colour)[1].tobytes())
    put(tmp_path / "happy" / "b.png", cv2.imencode(".png", grey.astype(np.uint16) * 257)[1].tobytes())
    put(tmp_path / "happy" / "c.JPG", cv2.imencode(".jpg", cv2.GaussianBlur(grey, (0, 0), 9))[1].tobytes())
    faces = open_faces(tmp_path)
    for number in range(3):
        assert faces.grey(number).shape == (300, 400) and faces.grey(number).dtype == np.uint8
    np.testing.assert_allclose(faces.grey(0).astype(int), grey, atol=1)
    np.testing.assert_allclose(faces.grey(1).astype(int), grey, atol=1)


@pytest.mark.parametrize("pack", ["folder", "zip", "tar"])
def test_damaged_images_are_named_when_read(tmp_path, pack):
    whole = encoded(6, ".jpg", (90, 90))
    members = {
        "happy/a.jpg": whole,
        "happy/cut.jpg": whole[: len(whole) * 2 // 3],
        "happy/empty.jpg": b"",
        "happy/text.png": b"this is no picture",
        "happy/z.jpg": whole,
    }
    if pack == "folder":
        path = laid_out(tmp_path / "data", members)
    else:
        path = {"zip": zipped, "tar": tarred}[pack](tmp_path / f"data.{pack}", members)
    faces = open_faces(path)
    assert len(faces) == 5
    assert faces.grey(0).shape == faces.grey(4).shape == (90, 90)
    for number, message in ((1, "cut short"), (2, "file is empty"), (3, "not an image that can be decoded")):
        with pytest.raises(InputError, match=message) as caught:
            faces.grey(number)
        assert faces.sources[number] in str(caught.value) and path.name in str(caught.value)


def test_a_zip_is_never_extracted_and_paths_that_lead_outside_are_left_out(tmp_path):
    inside = tmp_path / "in"
    inside.mkdir()
    evil = {
        "../../happy/a.png": encoded(1),
        "/happy/b.png": encoded(2),
        "happy\\..\\..\\c.png": encoded(3),
        "C:/happy/d.png": encoded(4),
        "happy/e.png": encoded(5),
    }
    faces = open_faces(zipped(inside / "data.zip", evil))
    assert faces.sources == ("happy/e.png",)
    np.testing.assert_array_equal(faces.grey(0), picture(5))
    assert len(faces.skipped) == 4 and all("leads outside" in reason for _, reason in faces.skipped)
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "data.zip"]


def test_zip_members_that_lie_about_themselves(tmp_path):
    path = zipped(tmp_path / "data.zip", {"happy/a.png": encoded(1), "happy/b.png": encoded(2)})
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("happy/a.png").header_offset
    data = bytearray(path.read_bytes())
    data[place + 60 : place + 400] = bytes(340)
    path.write_bytes(data)
    faces = open_faces(path)
    with pytest.raises(InputError, match=r"happy/a\.png"):
        faces.grey(0)
    np.testing.assert_array_equal(faces.grey(1), picture(2))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("happy/a.png", encoded(1))
        archive.writestr("happy/b.png", encoded(2), zipfile.ZIP_DEFLATED)
    assert "compressed by method 14" in reasons(open_faces(path))["happy/a.png"]


def test_nothing_there(tmp_path):
    for name in ("", "none.csv", "none"):
        with pytest.raises(InputError):
            open_faces(tmp_path / name)
    with pytest.raises(InputError, match="no images"):
        open_faces(zipped(tmp_path / "a.zip", {"readme.txt": b"-"}))
    with pytest.raises(InputError, match="not an uncompressed tar file"):
        open_faces(tarred(tmp_path / "a.tar.gz", SPLIT_FOLDERS, "w:gz"))
    with pytest.raises(InputError, match="kind 'jaffe'; expected one of auto, fer2013"):
        open_faces(tmp_path, "jaffe")


# ------------------------------------------------------------------------------------------------------- KDEF

KDEF = {
    "KDEF/AF01/AF01ANS.JPG": encoded(1, ".jpg", (76, 56)),
    "KDEF/AF01/AF01AFFL.JPG": encoded(2, ".jpg", (76, 56)),
    "KDEF/BF01/bf01has.jpg": encoded(3, ".jpg", (76, 56)),
    "KDEF/AM35/AM35SUHR.JPG": encoded(4, ".jpg", (76, 56)),
    "KDEF/AM35/AM35DIS.JPG": encoded(5, ".jpg", (76, 56)),
    "KDEF/AM35/AM35NES.JPG": encoded(6, ".jpg", (76, 56)),
    "KDEF/AF31/AF31V.JPG": encoded(7, ".jpg", (76, 56)),
    "AKDEF/FSAS.JPG": encoded(8, ".jpg", (76, 56)),
    "copy/AM35NES.JPG": encoded(6, ".jpg", (76, 56)),
}


@pytest.mark.parametrize("kind", ["auto", "kdef"])
@pytest.mark.parametrize("pack", ["folder", "zip", "tar"])
def test_kdef_names_say_everything(tmp_path, pack, kind):
    if pack == "folder":
        path = laid_out(tmp_path / "KDEF", KDEF)
    else:
        path = {"zip": zipped, "tar": tarred}[pack](tmp_path / f"k.{pack}", KDEF)
    faces = open_faces(path, kind)
    by_name = {source.split("/")[-1].upper(): number for number, source in enumerate(faces.sources)}
    assert set(by_name) == {"AF01ANS.JPG", "BF01HAS.JPG", "AM35DIS.JPG", "AM35NES.JPG"}
    said = {
        name: (faces.subjects[i], faces.emotions[i], faces.splits[i], faces.attributes["session"][i])
        for name, i in by_name.items()
    }
    assert said == {
        "AF01ANS.JPG": ("F01", "angry", "train", "A"),
        "BF01HAS.JPG": ("F01", "happy", "train", "B"),
        "AM35DIS.JPG": ("M35", "disgust", "test", "A"),
        "AM35NES.JPG": ("M35", "neutral", "test", "A"),
    }
    assert faces.grey(0).shape == (76, 56)
    assert set(reasons(faces)) >= {"KDEF/AF31/AF31V.JPG", "AKDEF/FSAS.JPG"} and len(faces.skipped) == 3
    assert any("same picture" in reason for reason in reasons(faces).values())


def test_kdef_angles_and_protocols(tmp_path):
    laid_out(tmp_path, KDEF)
    faces = read_kdef(tmp_path, protocol="male-female", angles=("HR", "fl"))
    assert faces.attributes["angle"].tolist() == ["FL", "HR"] and faces.splits.tolist() == ["test", "train"]
    assert faces.emotions.tolist() == ["fear", "surprise"] and faces.attributes["sex"].tolist() == ["F", "M"]
    chosen = faces.take([1])
    assert chosen.attributes["angle"].tolist() == ["HR"] and chosen.grey(0).shape == (76, 56)
    assert set(read_kdef(tmp_path, protocol="transfer").splits) == {"test"}
    assert set(read_kdef(tmp_path, protocol="none").splits) == {""}
    women = set(faces.split("test").subjects)
    assert women and not women & set(faces.split("train").subjects)
    with pytest.raises(InputError, match="protocol 'x'; expected one of female-male"):
        read_kdef(tmp_path, protocol="x")
    with pytest.raises(InputError, match="angles X; expected some of FL, HL"):
        read_kdef(tmp_path, angles=("X",))
    with pytest.raises(InputError, match="no KDEF image of angle HL among 9 images"):
        read_kdef(tmp_path, angles=("HL",))


# --------------------------------------------------------------------------------------------------- manifest


@pytest.fixture
def manifest(tmp_path):
    """Write a manifest beside images it can refer to."""
    for k, name in enumerate(("faces/ä b.png", "c.png", "d.png")):
        put(tmp_path / name, encoded(k))

    def write(text, encoding="utf-8"):
        (tmp_path / "faces.csv").write_bytes(text.encode(encoding))
        return tmp_path / "faces.csv"

    return write


def test_manifest(manifest, tmp_path):
    path = manifest(
        "\ufeffImage,emotion,note,split,subject\r\n"
        'faces/ä b.png,Joy,"two\r\nlines",Training,anna\r\n'
        "\r\n"
        f"{tmp_path / 'c.png'},contempt,,val,ben\r\n"
        "d.png,sad,,,\r\n"
    )
    faces = open_faces(path)
    assert faces.sources == ("faces/ä b.png", str(tmp_path / "c.png"), "d.png")
    assert faces.emotions.tolist() == ["happy", "contempt", "sad"]
    assert faces.splits.tolist() == ["train", "validation", ""] and faces.subjects.tolist() == ["anna", "ben", ""]
    np.testing.assert_array_equal(faces.grey(1), picture(1))
    packed = tmp_path / "faces.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert open_faces(packed).sources == faces.sources


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("nowhere.png,sad,", "nowhere.png: no such file"),
        ("faces,sad,", "faces: no such file"),
        (",sad,", "no image"),
        ("c.png,,", "no emotion"),
        ("c.png,nan,", "emotion 'nan'; expected one of angry"),
        ("c.png,3,", "emotion '3'; expected one of angry"),
        ("c.png,sad", "2 cells, the header has 3"),
        ("./d.png,happy,", "./d.png is listed in row 2 already"),
        ("c\0.png,sad,", "no such file|line contains NUL"),
        (f'"{"x" * 140_000}",sad,', "not a row of a CSV"),
    ],
)
def test_a_bad_row_of_a_manifest_is_named_and_the_rest_goes_on(manifest, row, reason):
    faces = read_face_manifest(manifest(f"image,emotion,split\nd.png,sad,\n{row}\nfaces/ä b.png,angry,\n"))
    assert faces.emotions.tolist() == ["sad", "angry"]
    (source, found), *others = faces.skipped
    assert source == "row 3" and not others and re.search(reason, found), found


def test_a_manifest_in_another_encoding(manifest):
    faces = read_face_manifest(manifest("image,emotion\nc.png,sad\nfaces/ä b.png,angry\nd.png,happy\n", "latin-1"))
    assert faces.sources == ("c.png", "d.png")
    assert faces.skipped == (("row 3", "not UTF-8 text; save the CSV in UTF-8"),)
    with pytest.raises(InputError, match="UTF-16"):
        read_face_manifest(manifest("image,emotion\nc.png,sad\n", "utf-16"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,feeling\nc.png,sad\n", "no column emotion among image, feeling; expected image, emotion"),
        ("emotion\nsad\n", "no column image"),
        ("image,emotion\n", "none below the header"),
        ("image,emotion\nx.png,sad\n", "row 2: x.png: no such file"),
        ("", "no header"),
    ],
)
def test_a_manifest_that_is_none(manifest, text, message):
    with pytest.raises(InputError, match=message):
        read_face_manifest(manifest(text))


def test_a_table_of_neither_kind_is_told_what_is_expected(manifest):
    with pytest.raises(
        InputError, match=r"columns a, b; expected emotion and pixels \(FER2013\), or image and emotion"
    ):
        open_faces(manifest("a,b\n1,2\n"))


# -------------------------------------------------------------------------------------------------- everything


@pytest.mark.parametrize("module", [emotion_folders, face_manifest, fer2013, image_files, kdef, split_names])
def test_examples_in_the_docstrings(module):
    assert doctest.testmod(module).failed == 0

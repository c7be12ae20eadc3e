"""KDEF's file names and general manifests of faces; examples of all readers."""

from __future__ import annotations

import doctest
import gzip
import re

import numpy as np
import pytest
from face_files import encoded, laid_out, picture, put, reasons, tarred, zipped

from facs_pipeline.datasets import emotion_folders, face_manifest, fer2013, image_files, kdef, split_names
from facs_pipeline.datasets.face_manifest import read_face_manifest
from facs_pipeline.datasets.kdef import read_kdef
from facs_pipeline.datasets.open_faces import open_faces
from facs_pipeline.foundation.errors import InputError

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
    assert set(reasons(faces)) >= {"KDEF/AF31/AF31V.JPG", "AKDEF/FSAS.JPG"}
    assert len(faces.skipped) == 3
    assert any("same picture" in reason for reason in reasons(faces).values())


def test_kdef_angles_and_protocols(tmp_path):
    laid_out(tmp_path, KDEF)
    faces = read_kdef(tmp_path, protocol="male-female", angles=("HR", "fl"))
    assert faces.attributes["angle"].tolist() == ["FL", "HR"]
    assert faces.splits.tolist() == ["test", "train"]
    assert faces.emotions.tolist() == ["fear", "surprise"]
    assert faces.attributes["sex"].tolist() == ["F", "M"]
    chosen = faces.take([1])
    assert chosen.attributes["angle"].tolist() == ["HR"]
    assert chosen.grey(0).shape == (76, 56)
    assert set(read_kdef(tmp_path, protocol="transfer").splits) == {"test"}
    assert set(read_kdef(tmp_path, protocol="none").splits) == {""}
    women = set(faces.split("test").subjects)
    assert women
    assert not women & set(faces.split("train").subjects)
    with pytest.raises(InputError, match="protocol 'x'; expected one of female-male"):
        read_kdef(tmp_path, protocol="x")
    with pytest.raises(InputError, match="angles X; expected some of FL, HL"):
        read_kdef(tmp_path, angles=("X",))
    with pytest.raises(InputError, match="no KDEF image of angle HL among 9 images"):
        read_kdef(tmp_path, angles=("HL",))


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
    assert faces.splits.tolist() == ["train", "validation", ""]
    assert faces.subjects.tolist() == ["anna", "ben", ""]
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
    assert source == "row 3"
    assert not others
    assert re.search(reason, found)


def test_a_manifest_in_another_encoding(manifest):
    faces = read_face_manifest(manifest("image,emotion\nc.png,sad\nfaces/ä b.png,angry\nd.png,happy\n", "latin-1"))
    assert faces.sources == ("c.png", "d.png")
    assert faces.skipped == (("row 3", "not UTF-8 text; save the CSV in UTF-8"),)
    for text in ("image,emotion\nfaces/ä b.png,sad\n", "image;emotion\nfaces/ä b.png;sad\n"):
        assert read_face_manifest(manifest(text, "utf-16")).sources == ("faces/ä b.png",)


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


@pytest.mark.parametrize("module", [emotion_folders, face_manifest, fer2013, image_files, kdef, split_names])
def test_examples_in_the_docstrings(module):
    assert doctest.testmod(module).failed == 0

"""Images sorted into folders, in a folder, a zip or a tar, and what is said of files that cannot be used."""

from __future__ import annotations

import zipfile

import cv2
import numpy as np
import pytest
from face_files import encoded, laid_out, picture, put, reasons, tarred, zipped

from facs_pipeline.datasets.emotion_folders import read_emotion_folders
from facs_pipeline.datasets.open_faces import open_faces
from facs_pipeline.foundation.errors import InputError

SPLIT_FOLDERS = {
    "train/happy/a.png": encoded(1),
    "train/fear/b.png": encoded(2),
    "Val/Happiness/c.png": encoded(3),
    "test/sad/d.png": encoded(4),
    "train/happy/.hidden.png": b"-",
    "train/happy/note.txt": b"-",
}


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
    assert faces.skipped == ()
    assert faces.name == path.name
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
    assert faces.emotions.tolist() == ["angry", "contempt"]
    assert faces.splits.tolist() == ["", ""]


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
        assert faces.grey(number).shape == (300, 400)
        assert faces.grey(number).dtype == np.uint8
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
        assert faces.sources[number] in str(caught.value)
        assert path.name in str(caught.value)


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
    assert len(faces.skipped) == 4
    assert all("leads outside" in reason for _, reason in faces.skipped)
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

"""`facs dataset check fer2013` and `faces` from the user's side: real files in, what is said and written out."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from counted_progress import CountedProgress
from facs_cli.dataset import command

from facs_pipeline.datasets.face_check import PARTNER_COLUMNS, check_faces
from facs_pipeline.datasets.face_images import near_duplicate_mask
from facs_pipeline.datasets.fer2013 import FER2013_EMOTIONS
from facs_pipeline.datasets.open_faces import open_faces
from facs_pipeline.foundation.errors import InputError

USAGES = ("Training", "PublicTest", "PrivateTest")


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 48), dtype=np.uint8)


def row(emotion: int, image: np.ndarray, usage: str) -> str:
    return f"{emotion},{' '.join(map(str, image.ravel()))},{usage}\n"


def run(*args, code):
    result = CliRunner().invoke(command, ["check", *map(str, args)], standalone_mode=False)
    assert result.exception is None, result.exception
    assert result.return_value == code, result.output
    return result.output


@pytest.fixture
def clean(tmp_path):
    """Every emotion twice in every split, all images different."""
    rows = [row(k % 7, picture(k), USAGES[k // 14]) for k in range(42)]
    path = tmp_path / "fer2013.csv"
    path.write_text("emotion,pixels,Usage\n" + "".join(rows))
    return path


def test_nothing_wrong(clean):
    output = run("fer2013", clean, code=0)
    lines = [line.split() for line in output.splitlines()]
    assert output.startswith("fer2013.csv: 42 usable images, 0 left out; unknown subjects")
    assert ["train", "validation", "test"] in lines
    assert ["all", "14", "14", "14"] in lines
    assert all([emotion, "2", "2", "2"] in lines for emotion in FER2013_EMOTIONS)
    assert not any(word in output for word in ("near-duplicates", "identical", "contradiction", "unusable"))


def test_everything_that_is_wrong_is_named_and_written(clean, tmp_path):
    brighter = (picture(3) * 0.8 + 20).astype(np.uint8)
    with open(clean, "a") as file:
        file.write(row(3, brighter, "PublicTest"))  # row 44 is nearly row 5, happy too
        file.write(row(0, picture(30), "PrivateTest"))  # row 45 is row 32, which is fear
        file.write(row(1, picture(5), "PrivateTest"))  # row 46 is row 7, which is surprise
        file.write(row(9, picture(50), "Training"))
        file.write("3,1 2 3,Training\n")
    output = run(
        "fer2013", clean, "--duplicates", tmp_path / "d" / "copies.csv", "--skipped", tmp_path / "s.csv", code=1
    )
    assert "45 usable images, 2 left out" in output
    assert "row 47: emotion '9'; expected 0 to 6" in output
    assert "row 48: 3 pixels; expected 2,304" in output
    assert "2 copies of another image, pixel for pixel (2 groups, 1 of them across splits)" in output
    assert "2 groups of identical images with different emotions" in output
    assert "angry row 45; fear row 32" in output
    assert "disgust row 46; surprise row 7" in output
    near = "have an image in train with pixel correlation above 0.99; pairs with different emotions:"
    assert f"1 of 15 images of validation (6.7 %) {near} 0" in output
    assert f"1 of 16 images of test (6.2 %) {near} 1" in output
    copies = pd.read_csv(tmp_path / "d" / "copies.csv")
    assert tuple(copies) == PARTNER_COLUMNS
    assert copies.drop(columns="correlation").to_numpy().tolist() == [
        ["row 44", "validation", "row 5", "train", "happy", "happy"],
        ["row 46", "test", "row 7", "train", "disgust", "surprise"],
        ["row 45", "test", "row 32", "test", "angry", "fear"],
    ]
    assert 0.99 < copies["correlation"][0] < 1
    assert copies["correlation"].tolist()[1:] == [1, 1]
    skipped = pd.read_csv(tmp_path / "s.csv")
    assert skipped["source"].tolist() == ["row 47", "row 48"]
    assert skipped["reason"].str.len().min() > 10
    strict = run("fer2013", clean, "--threshold", 0.99999, code=1)
    assert "images of validation" not in strict
    assert "1 of 16 images of test" in strict


def test_a_long_list_is_shortened(clean):
    with open(clean, "a") as file:
        file.write("3,1 2 3,Training\n" * 30)
    output = run("fer2013", clean, code=1)
    assert output.count("3 pixels") == 20
    assert "and 10 more; --skipped FILE writes them all" in output


def test_classes_and_splits_that_are_too_small(tmp_path):
    for k, name in enumerate(("val/happy/a", "val/happy/b", "val/sad/c", "test/happy/d", "test/happy/e")):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture(k))
    (tmp_path / "train" / "sad").mkdir(parents=True)
    output = run("faces", tmp_path, code=1)
    assert "train/: an empty split: no image in it" in output
    assert "splits validation, test, but no split train" in output
    assert "split validation has one image only of sad" in output
    assert "split test has no image of sad" in output


def test_damaged_images_are_found_and_the_rest_is_counted(tmp_path):
    for k in range(4):
        (tmp_path / "happy").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "happy" / f"{k}.jpg"), picture(k))
    whole = (tmp_path / "happy" / "2.jpg").read_bytes()
    (tmp_path / "happy" / "2.jpg").write_bytes(whole[: len(whole) // 2])
    output = run("faces", tmp_path, "--kind", "folders", code=1)
    assert "3 usable images, 1 left out" in output
    assert "(no split)" in output
    assert "    happy/2.jpg: a JPEG file that is cut short" in output


def test_kdef_is_recognised_and_its_persons_counted(tmp_path):
    for k, name in enumerate(("AF01ANS", "BF01ANS", "AF02ANFL", "BF02ANS", "AM03ANS", "BM03ANHR")):
        cv2.imwrite(str(tmp_path / f"{name}.JPG"), picture(k))
    output = run("faces", tmp_path, code=0)
    assert "6 usable images, 0 left out; 3 subjects" in output
    assert ["angry", "4", "2"] in [line.split() for line in output.splitlines()]


def test_wrong_usage(tmp_path):
    for kind in ("fer2013", "faces"):
        result = CliRunner().invoke(command, ["check", kind, str(tmp_path / "none")], standalone_mode=False)
        assert isinstance(result.exception, InputError)
        assert "no such file or folder" in str(result.exception)
    (tmp_path / "f.csv").write_text("emotion\n3\n")
    result = CliRunner().invoke(command, ["check", "fer2013", str(tmp_path / "f.csv")], standalone_mode=False)
    assert isinstance(result.exception, InputError)
    assert "no column pixels" in str(result.exception)


def test_the_work_is_told_beforehand(clean):
    faces = open_faces(clean)
    told = CountedProgress()
    check_faces(faces, progress=told)
    assert told.counts == [(42, 42), (14, 14), (14, 14), (14, 14)]


@pytest.mark.shared
def test_fer2013_itself(shared_dir, tmp_path):
    """All of it, as a tar of image folders: 8 % of the validation images are nearly in the training data."""
    path = shared_dir / "data" / "fer2013" / "fer2013.tar"
    faces = open_faces(path)
    assert dict(zip(*np.unique(faces.splits, return_counts=True), strict=True)) == {"train": 28709, "validation": 3589}
    assert faces.skipped == ()
    assert set(faces.emotions) == set(FER2013_EMOTIONS)
    found = check_faces(faces)
    assert found.skipped == []
    assert found.counts.sum().tolist() == [28709, 3589]
    across = found.duplicates[found.duplicates["split"] != found.duplicates["partner_split"]]
    assert 0.07 < len(across) / 3589 < 0.09
    near = np.isin(faces.sources, across[["image", "partner"]])
    near[-500:] = True
    few = faces.take(np.flatnonzero(near))
    mask = near_duplicate_mask(few)
    assert mask.tolist() == np.isin(few.split("validation").sources, across["image"]).tolist()
    assert len(across) == mask.sum() < len(mask)

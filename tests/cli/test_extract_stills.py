"""`facs extract-stills` on images of all kinds, good and bad; each image stands for itself."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from facs_cli.extract_stills import command
from skimage.data import astronaut

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.action_units.names import column_name
from facs_pipeline.extraction.models import PUBLISHED_AU_MODEL
from facs_pipeline.extraction.stills import read_still
from facs_pipeline.features.vector import BLOCKS, face_features
from facs_pipeline.foundation.errors import InputError, ModelError
from facs_pipeline.landmarks.model import default_landmarks
from facs_pipeline.landmarks.pose import head_pose
from facs_pipeline.tables.reader import table_points
from facs_pipeline.tables.schema import find_columns

BGR = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR)
GREY = cv2.cvtColor(BGR, cv2.COLOR_BGR2GRAY)
MODEL = ActionUnitModel.load_default()
UNITS = [column_name(au) for au in MODEL.aus]


def run(*arguments):
    return CliRunner().invoke(command, [str(one) for one in arguments], catch_exceptions=False, standalone_mode=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Colour, 16 bits, large, small, two faces, none; two that cannot be read, and what is not an image."""
    folder = tmp_path_factory.mktemp("photos")
    cv2.imwrite(str(folder / "plain.png"), BGR)
    cv2.imwrite(str(folder / "deep.tif"), BGR.astype(np.uint16) * 257)
    cv2.imwrite(str(folder / "large.jpg"), cv2.resize(BGR, (2000, 2000), interpolation=cv2.INTER_CUBIC))
    cv2.imwrite(str(folder / "small.png"), cv2.resize(GREY[30:230, 130:330], (64, 64), interpolation=cv2.INTER_AREA))
    cv2.imwrite(str(folder / "two.png"), np.hstack([BGR, BGR[:, ::-1]]))
    cv2.imwrite(str(folder / "wall.png"), np.tile(np.arange(250, dtype=np.uint8)[None], (200, 1)))
    (folder / "cut.jpg").write_bytes((folder / "large.jpg").read_bytes()[:9000])
    (folder / "text.png").write_text("hello")
    (folder / "clip.mp4").touch()
    (folder / "notes.txt").write_text("not looked at")
    return folder


def test_every_kind_of_image(folder, tmp_path):
    result = run(folder, "--faces", "all", "--out", tmp_path / "s.csv")
    assert result.return_value == 1
    for text in ("cut.jpg: a JPEG file that is cut short", "text.png: not an image", "videos are passed over (1)",
                 "6 faces in 6 images, 1 without a face"):  # fmt: skip
        assert text in result.output
    table = pd.read_csv(tmp_path / "s.csv")
    assert all(find_columns(name)[0] for name in table.columns)
    about = ["input", "face_id", "confidence", "success", "confidence_upper", "confidence_lower", "occluded", "pose_Tx"]
    assert list(table.columns[:8]) == about
    table["input"] = table["input"].str.rpartition("/")[2]
    assert table["input"].tolist() == [
        "deep.tif",
        "large.jpg",
        "plain.png",
        "small.png",
        "two.png",
        "two.png",
        "wall.png",
    ]
    seen = table[table["success"] == 1]
    assert (seen["AU12_r"] > 2).all()
    assert (seen["confidence"] > 0.6).all()
    assert table[table["input"] == "two.png"]["face_id"].tolist() == [0, 1]
    wall = table.iloc[-1]
    assert wall["success"] == 0
    assert wall["confidence"] == 0
    assert wall[["face_id", "pose_Rx", "x_0", *UNITS]].isna().all()


def test_the_table_says_what_the_functions_give(folder, tmp_path):
    run(folder / "plain.png", "--out", tmp_path / "s.csv")
    [row] = pd.read_csv(tmp_path / "s.csv").to_dict("records")
    points = table_points(pd.DataFrame([row]))[0]
    grey = read_still(folder / "plain.png")
    found = default_landmarks().track(grey, points.astype(np.float32)).points
    assert np.abs(found - points).max() < 2
    expected = MODEL.predict(face_features(grey, points))
    # The table's points are rounded to a thousandth of a pixel.
    assert [row[name] for name in UNITS] == pytest.approx(expected.tolist(), abs=0.05)
    pose = head_pose(points[None])[0]
    assert [row[f"pose_R{axis}"] for axis in "xyz"] == pytest.approx(pose.tolist(), abs=1e-3)


def test_the_table_does_not_depend_on_the_processes_or_the_neighbours(folder, tmp_path):
    for name, arguments in (("a", [folder, "--jobs", 1]), ("b", [folder, "--jobs", 2])):
        run(*arguments, "--out", tmp_path / f"{name}.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    run(folder / "large.jpg", "--out", tmp_path / "one.csv")
    alone, among = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("one", "a"))
    among = among[among["input"].str.endswith("large.jpg")].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, among, check_dtype=False)


def test_the_table_does_not_depend_on_how_many_faces_are_kept_in_memory(folder, tmp_path, monkeypatch):
    run(folder, "--out", tmp_path / "a.csv")
    monkeypatch.setattr("facs_pipeline.extraction.stills_run._BATCH", 2)
    run(folder, "--out", tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_parquet_holds_the_same(folder, tmp_path):
    for ending in ("csv", "parquet"):
        run(folder, "--out", tmp_path / f"s.{ending}")
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "s.csv"), pd.read_parquet(tmp_path / "s.parquet"), check_dtype=False
    )


def test_nothing_usable_writes_nothing(tmp_path):
    (tmp_path / "text.png").write_text("hello")
    result = run(tmp_path, "--out", tmp_path / "s.csv")
    assert result.return_value == 2
    assert "nothing was written" in result.output
    assert not (tmp_path / "s.csv").exists()
    with pytest.raises(InputError, match="no such file"):
        run(tmp_path / "missing.jpg", "--out", tmp_path / "s.csv")


def test_the_published_form_is_a_model_of_its_own(folder, tmp_path):
    assert run(folder, "--au-model", "published", "--out", tmp_path / "s.csv").exception is None
    published, default = ActionUnitModel.load(PUBLISHED_AU_MODEL), ActionUnitModel.load_default()
    table = pd.read_csv(tmp_path / "s.csv")
    assert {f"AU{au:02d}_r" for au in published.aus} <= set(table.columns)
    assert table.loc[table["success"] == 1, "AU12_r"].between(0, 5).all()
    for block in ("hog", "products"):
        assert not published.weights[BLOCKS[block]].any()
        assert default.weights[BLOCKS[block]].any()
    assert PUBLISHED_AU_MODEL.stat().st_size < 2_000_000


def test_a_bad_model_is_said_before_the_work(folder, tmp_path):
    (tmp_path / "bad.npz").write_text("hello")
    for option in ("--au-model", "--landmarks"):
        with pytest.raises(ModelError, match=r"bad\.npz"):
            run(folder, option, tmp_path / "bad.npz", "--out", tmp_path / "s.csv")

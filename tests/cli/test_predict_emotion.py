"""`facs predict-emotion` on images of all kinds, good and bad."""

from __future__ import annotations

import tarfile

import cv2
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from facs_cli.predict_emotion import command
from skimage.data import astronaut

from facs_pipeline.datasets.open_faces import open_faces
from facs_pipeline.emotions.model import EmotionModel
from facs_pipeline.emotions.training.face_images import measure_face_images
from facs_pipeline.extraction.predicted_emotions import prediction_columns
from facs_pipeline.foundation.errors import InputError

BGR = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR)
GREY = cv2.cvtColor(BGR, cv2.COLOR_BGR2GRAY)


def predict(folder, *arguments):
    called = [str(folder), "--out", str(folder.parent / "p.csv"), "--jobs", "1", *map(str, arguments)]
    result = CliRunner().invoke(command, called, catch_exceptions=False, standalone_mode=False)
    return result, pd.read_csv(folder.parent / "p.csv")


def test_every_kind_of_image_gets_the_same_answer(tmp_path):
    """Colour, alpha, 16 bits, large, small, two faces; bad ones are named, the rest goes on."""
    folder = tmp_path / "in"
    folder.mkdir()
    cv2.imwrite(str(folder / "alpha.png"), np.dstack([BGR, np.full(GREY.shape, 255, np.uint8)]))
    cv2.imwrite(str(folder / "deep.tif"), BGR.astype(np.uint16) * 257)
    cv2.imwrite(str(folder / "large.jpg"), cv2.resize(BGR, (3000, 3000), interpolation=cv2.INTER_CUBIC))
    cv2.imwrite(str(folder / "plain.png"), BGR)
    cv2.imwrite(str(folder / "small.png"), cv2.resize(GREY[30:230, 130:330], (48, 48), interpolation=cv2.INTER_AREA))
    cv2.imwrite(str(folder / "two.png"), np.hstack([BGR, BGR[:, ::-1]]))
    cv2.imwrite(str(folder / "nobody.png"), np.tile(np.arange(250, dtype=np.uint8)[None], (200, 1)))
    cv2.imwrite(str(folder / "tiny.png"), BGR[:5, :7])
    (folder / "cut.jpg").write_bytes((folder / "large.jpg").read_bytes()[:9000])
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("hello")
    (folder / "notes.txt").write_text("not looked at")
    result, table = predict(folder, "--faces", "all", "--explain", tmp_path / "why")
    assert result.return_value == 1
    for text in ("cut.jpg: a JPEG file that is cut short", "empty.png: the file is empty", "text.png: not an image",
                 "tiny.png: 7 x 5 pixels; expected at least 16 x 16", "no face found in 1 of 7 images"):  # fmt: skip
        assert text in result.output
    model = EmotionModel.load_default()
    assert list(table.columns) == prediction_columns(model.emotions)
    by_name = table.set_index(table["input"].str.rpartition("/")[2])
    assert list(by_name.index) == [
        "alpha.png", "deep.tif", "large.jpg", "nobody.png", "plain.png", "small.png", "two.png", "two.png",
    ]  # fmt: skip
    assert by_name["found"].to_dict() == {name: int(name != "nobody.png") for name in by_name.index}
    smiling = by_name.drop("nobody.png")
    assert (smiling["emotion"] == "happy").all()
    assert smiling["confidence"].min() > 0.7
    nobody = by_name.loc["nobody.png"]
    assert nobody[["emotion", "confidence"]].isna().all()
    np.testing.assert_allclose(nobody.filter(like="p_").astype(float), model.prior, atol=1e-3)
    assert table["frame"].isna().all()
    assert by_name.loc["two.png", "face_id"].tolist() == [0, 1]
    np.testing.assert_allclose(table.filter(like="p_").sum(axis=1), 1, atol=5e-4)
    reasons = pd.read_csv(tmp_path / "why" / "reasons.csv")
    assert len(reasons) == table["found"].sum()
    assert reasons["picture"].is_unique
    for picture in reasons["picture"]:
        assert cv2.imread(str(tmp_path / "why" / picture)) is not None


def test_nothing_usable_is_said(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match=r"in: the folder holds no images"):
        CliRunner().invoke(command, [str(tmp_path / "in")], catch_exceptions=False, standalone_mode=False)
    (tmp_path / "in" / "a.png").write_text("x")
    arguments = [str(tmp_path / "in"), str(tmp_path / "no.png"), "--out", str(tmp_path / "p.csv")]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)
    assert result.return_value == 2
    assert "no.png: no such file" in result.output
    assert not (tmp_path / "p.csv").exists()


def test_help_says_what_probabilities_are():
    text = CliRunner().invoke(command, ["--help"]).output
    assert "how people labelled" in " ".join(text.split())
    assert "what somebody feels" in " ".join(text.split())


@pytest.mark.shared
def test_fer2013_as_when_it_is_evaluated(shared_dir, tmp_path):
    """The same answers as the evaluation's, right far more often than chance, whatever the number of processes."""
    folder = tmp_path / "validation"
    chosen: dict[str, int] = {}
    with tarfile.open(shared_dir / "data" / "fer2013" / "fer2013.tar") as archive:
        for member in archive:
            parts = member.name.split("/")
            if member.isfile() and "validation" in parts and chosen.get(parts[-2], 0) < 9:
                chosen[parts[-2]] = chosen.get(parts[-2], 0) + 1
                path = folder / parts[-2] / parts[-1]
                path.parent.mkdir(parents=True, exist_ok=True)
                picture = archive.extractfile(member)
                assert picture is not None
                path.write_bytes(picture.read())
    result, table = predict(folder)
    assert result.return_value == 0
    assert len(table) == 63
    first = (tmp_path / "p.csv").read_bytes()
    predict(folder, "--jobs", 2)
    assert (tmp_path / "p.csv").read_bytes() == first
    truth = table["input"].str.split("/").str[-2]
    # Chance is 1 in 7.
    assert (table["emotion"] == truth).mean() > 0.35
    faces = open_faces(folder)
    model = EmotionModel.load_default()
    said = pd.DataFrame(
        model.predict_proba(measure_face_images(faces)), index=[source.split("/")[-1] for source in faces.sources]
    )
    found = table[table["found"] == 1]
    mine = found.set_index(found["input"].str.split("/").str[-1]).filter(like="p_")
    np.testing.assert_allclose(mine, said.loc[mine.index], atol=1e-4)

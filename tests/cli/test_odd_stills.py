"""`facs extract-stills` on photos as phones and cameras make them: motion photos, on their side, 12 bits, animated."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from facs_cli.extract_stills import command
from facs_cli.predict_emotion import command as predict
from PIL import Image
from skimage.data import astronaut
from video_files import write_video

RGB = astronaut()
BGR = cv2.cvtColor(RGB, cv2.COLOR_RGB2BGR)


def run(what, *arguments):
    return CliRunner().invoke(what, [str(one) for one in arguments], catch_exceptions=False, standalone_mode=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    cv2.imwrite(str(folder / "plain.png"), BGR)
    jpeg = cv2.imencode(".jpg", BGR, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    video = write_video(folder / "clip.mp4", [BGR] * 10).read_bytes()
    (folder / "clip.mp4").unlink()
    (folder / "motion.MP.jpg").write_bytes(jpeg + video + b"\xff\xda")
    cv2.imwrite(str(folder / "bits12.png"), (cv2.cvtColor(BGR, cv2.COLOR_BGR2GRAY) * (4095 / 255)).astype(np.uint16))
    cv2.imwrite(str(folder / "side.png"), np.rot90(BGR))
    exif = Image.Exif()
    exif[0x112] = 6
    turned = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(np.rot90(RGB))).save(turned, "JPEG", exif=exif, quality=95)
    (folder / "exif.jpg").write_bytes(turned.getvalue())
    Image.fromarray(RGB).save(
        folder / "moving.webp", save_all=True, append_images=[Image.fromarray(RGB[:, ::-1])], lossless=True
    )
    return folder


def test_all_are_measured_as_they_are_shown(folder, tmp_path):
    result = run(command, folder, "--out", tmp_path / "s.csv")
    assert result.return_value == 0
    table = pd.read_csv(tmp_path / "s.csv")
    table.index = table["input"].str.rpartition("/")[2]
    assert table["success"].to_dict() == {
        "bits12.png": 1, "exif.jpg": 1, "motion.MP.jpg": 1, "moving.webp": 1, "plain.png": 1, "side.png": 0,
    }  # fmt: skip
    for name in ("bits12.png", "exif.jpg", "motion.MP.jpg", "moving.webp"):
        assert table.loc[name, "x_30"] == pytest.approx(table.loc["plain.png", "x_30"], abs=2), name
        assert table.loc[name, "AU12_r"] == pytest.approx(table.loc["plain.png", "AU12_r"], abs=0.3), name
    assert "Note: " + str(folder / "side.png") + ": no face found, but turned by 90 degrees clockwise" in result.output
    assert "moving.webp: an animated WebP, of which the first picture is measured" in result.output


def test_emotions_tell_the_same(folder, tmp_path):
    result = run(predict, folder / "side.png", folder / "moving.webp", "--out", tmp_path / "p.csv")
    assert result.return_value == 0
    assert "side.png: no face found, but turned by 90 degrees clockwise" in result.output
    assert "moving.webp: an animated WebP" in result.output


def test_a_photo_too_large_is_named_and_the_others_are_done(folder, tmp_path, monkeypatch):
    cv2.imwrite(str(tmp_path / "large.png"), np.zeros((800, 700), np.uint8))
    monkeypatch.setenv("FACS_MAX_MEGAPIXELS", "0.5")
    result = run(command, folder / "plain.png", tmp_path / "large.png", "--out", tmp_path / "s.csv", "--jobs", 1)
    assert result.return_value == 1
    assert "large.png: 700 x 800 pixels, more than 0.5 million; make it smaller, or set FACS_MAX_MEG" in result.output
    assert len(pd.read_csv(tmp_path / "s.csv")) == 1

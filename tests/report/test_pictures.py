"""Pictures of the report: as the video shows them."""

from __future__ import annotations

import base64
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from dying_decoders import let_decoders_die, mark
from video_files import turned, write_video

from facs_pipeline.report.pictures import picture_uris, strips


def first_picture(path: Path) -> np.ndarray:
    """The first picture of a video's strip, grey."""
    [strip] = strips([str(path)], [0.4])
    data = base64.b64decode(strip.pictures[0][1].split(",")[1])
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    return image.astype(int)


def test_a_mirrored_video_is_shown_mirrored(tmp_path):
    ramp = np.repeat(np.tile(np.linspace(20, 230, 96).astype(np.uint8), (96, 1))[..., None], 3, axis=2)
    source = write_video(tmp_path / "source.mp4", [ramp] * 10)
    stored = first_picture(source)
    shown = first_picture(turned(source, tmp_path / "mirrored.mp4", -1, 0, 0, 1))
    assert stored[:, 0].mean() < stored[:, -1].mean() - 100
    assert np.abs(shown - np.fliplr(stored)).mean() < 3


@pytest.mark.skipif(sys.platform != "linux", reason="kills processes")
def test_what_ends_the_decoder_costs_its_own_pictures(tmp_path, monkeypatch):
    write_video(tmp_path / "good.mp4", [np.full((96, 96, 3), 99, np.uint8)] * 4)
    shutil.copy(tmp_path / "good.mp4", tmp_path / "fatal.mp4")
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.full((64, 64), 99, np.uint8))
    mark(tmp_path / "a.png")
    let_decoders_die(tmp_path / "site", monkeypatch)
    fatal, good = strips([str(tmp_path / "fatal.mp4"), str(tmp_path / "good.mp4")], [0.2, 0.2], mode="all")
    assert (fatal.pictures, fatal.note) == ([], "no pictures: decoding crashed (SIGSEGV); the input was given up")
    assert good.pictures
    assert not good.note
    first, second = picture_uris([tmp_path / "a.png", tmp_path / "b.png"])
    assert (first, second[:10]) == ("", "data:image")

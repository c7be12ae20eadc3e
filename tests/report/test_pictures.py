"""Pictures of the report: as the video shows them."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np
from video_files import turned, write_video

from facs_pipeline.report.pictures import strips


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

"""Annotated videos: the right frame beside the right row, real time stamps, faces marked where they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from facs_pipeline.extraction.overlay import DrawnFace, OverlaySheet, read_drawn_faces, write_overlay
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.synthesis.face import SyntheticFace
from facs_pipeline.tables.au_table import TABLES, FaceRows
from facs_pipeline.video.reader import read_frames
from facs_pipeline.video.writer import VideoWriter

AUS = (1, 12, 25)
TIMES = np.array([0.0, 0.04, 0.1, 0.12, 0.3, 0.31])
GREEN = np.array([115, 158, 0])


@pytest.fixture(scope="module")
def smile(tmp_path_factory):
    """A video of six frames at uneven times, and its points [6, 68, 2]."""
    path = tmp_path_factory.mktemp("smile") / "smile.mp4"
    face, points = SyntheticFace(0, size=160), []
    with VideoWriter(path) as video:
        for k, time_s in enumerate(TIMES):
            picture, where = face.draw({12: k})
            video.write(picture, time_s)
            points.append(where)
    return path, np.array(points)


def write_table(path, points, *, faces_in=range(6), frames=6, second_face=False):
    """A table as the pipeline writes it; frames not in `faces_in` have no face."""
    number, ids, where = [], [], []
    for k in range(frames):
        found = [0, 1][: 1 + second_face] if k in faces_in else [-1]
        for face in found:
            number.append(k + 1)
            ids.append(face)
            if face >= 0:
                where.append(points[k] + 20 * face)
    m = len(where)
    rows = FaceRows(
        np.array(number),
        np.array(ids),
        TIMES[np.array(number) - 1],
        np.where(np.array(ids) < 0, 0, 0.9),
        np.ones((m, 2)),
        [""] * m,
        np.zeros((m, 6)),
        np.array(where).reshape(m, 68, 2),
        np.tile([0.0, 2.5, 5.0], (m, 1)),
    )
    with TABLES[path.suffix[1:]](path, "smile", AUS) as table:
        table.write(rows)
    return path


def green(image):
    """[h, w] bool: drawn in the first face's colour."""
    return np.abs(image.astype(int) - GREEN).max(axis=2) < 40


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_every_frame_is_there_at_its_time(smile, tmp_path, kind):
    video, points = smile
    counted: list[int] = []
    out = write_overlay(video, write_table(tmp_path / f"t.{kind}", points), tmp_path / "o.mp4", on_frame=counted.append)
    frames = list(read_frames(out, colour=True))
    assert np.allclose([f.time_s for f in frames], TIMES, atol=1e-4)
    assert counted == [1, 2, 3, 4, 5, 6]
    assert len({f.image.shape for f in frames}) == 1


def test_same_bytes_every_time(smile, tmp_path):
    video, points = smile
    table = write_table(tmp_path / "t.csv", points)
    outs = [write_overlay(video, table, tmp_path / f"{k}.mp4").read_bytes() for k in range(2)]
    assert outs[0] == outs[1]


def test_frames_without_a_face_are_clean_and_say_so(smile, tmp_path):
    video, points = smile
    table = write_table(tmp_path / "t.csv", points, faces_in=[0, 1, 5])
    frames = [f.image for f in read_frames(write_overlay(video, table, tmp_path / "o.mp4"), colour=True)]
    marked = [green(image).sum() > 200 for image in frames]
    assert marked == [True, True, False, False, False, True]
    red = [((f[..., 2] > 150) & (f[..., 0] < 110) & (f[..., 1] < 110))[:40, 380:].sum() for f in frames]
    assert min(red[2:5]) > 20 > max(red[:2])


@pytest.mark.parametrize("shape", [(60, 80), (240, 320), (1280, 720), (2160, 3840)])
def test_box_and_bars_are_where_they_should_be_at_any_resolution(shape):
    height, width = shape
    points = SyntheticFace(0, size=64).rest_points / 64 * min(shape) * 0.9
    sheet = OverlaySheet(shape, AUS)
    face = DrawnFace(0, 0.9, points, np.array([0.0, 2.5, 5.0]))
    image = sheet.draw(np.full((height, width, 3), 255, np.uint8), [face], 1, 0.0)
    assert 360 <= image.shape[0] <= 1080
    assert image.shape[0] % 2 == image.shape[1] % 2 == 0
    picture, panel = image[:, : sheet.width], image[:, sheet.width :]
    rows, columns = np.nonzero(green(picture))
    low, high = points.min(axis=0) * sheet.scale, points.max(axis=0) * sheet.scale
    assert columns.min() < low[0] < high[0] < columns.max()
    assert rows.max() > high[1]
    lengths = [w for w in green(panel).sum(axis=1) if w > 5]
    assert max(lengths) == pytest.approx(2 * min(lengths), rel=0.05)


def test_several_faces_have_their_own_colours_and_points_outside_do_no_harm(smile, tmp_path):
    video, points = smile
    table = write_table(tmp_path / "t.csv", points, second_face=True)
    frames = [f.image for f in read_frames(write_overlay(video, table, tmp_path / "o.mp4"), colour=True)]
    orange = np.abs(frames[0].astype(int) - (0, 159, 230)).max(axis=2) < 40
    assert green(frames[0]).sum() > 200
    assert orange.sum() > 200
    sheet = OverlaySheet((100, 100), AUS)
    far = DrawnFace(3, 0.1, points[0] * 1e7 - 5e8, np.full(3, np.nan))
    assert sheet.draw(np.zeros((100, 100, 3), np.uint8), [far], 1, 0.0).shape[0] == 360


def test_an_emotion_stands_at_its_face(smile, tmp_path):
    _video, points = smile
    path = write_table(tmp_path / "t.csv", points, faces_in=range(5))
    table = pd.read_csv(path)
    table = table.assign(emotion=pd.Series(["happy"] * 5), emotion_confidence=pd.Series([0.5] * 5))
    table.to_csv(tmp_path / "e.csv", index=False)
    _aus, plain = read_drawn_faces(path)
    _aus, named = read_drawn_faces(tmp_path / "e.csv")
    for (_, without), (_, faces) in zip(plain, named, strict=True):
        assert [face.emotion for face in faces] == ["happy 0.50"] * len(without)
        assert all(face.emotion == "" for face in without)
    sheet, black = OverlaySheet((480, 480), AUS), np.zeros((480, 480, 3), np.uint8)
    face = DrawnFace(0, 0.9, 2 * points[0] + 60, np.full(3, np.nan))
    difference = sheet.draw(black, [face], 1, 0.0) != sheet.draw(black, [face._replace(emotion="happy 0.50")], 1, 0.0)
    rows = np.flatnonzero(difference.any(axis=(1, 2)))
    top = face.points[:, 1].min()
    assert len(rows)
    assert top - 80 < rows.min()
    assert rows.max() < top


def test_a_table_of_another_video_or_kind_is_refused_and_leaves_nothing(smile, tmp_path):
    video, points = smile
    short = write_table(tmp_path / "short.csv", points, frames=4, faces_in=range(4))
    other = tmp_path / "other.csv"
    other.write_text("frame,happy\n1,2\n")
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    for table, says in (
        (short, "short.csv: expected rows of frame 5"),
        (other, "not an action-unit table"),
        (empty, "empty.csv: empty"),
        (tmp_path / "none.csv", "none.csv: no such file"),
    ):
        with pytest.raises(InputError, match=says):
            write_overlay(video, table, tmp_path / "o.mp4")
    assert not list(tmp_path.glob("*.mp4"))
    assert not list(tmp_path.glob(".*"))

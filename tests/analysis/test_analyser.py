"""One chain serves all: what a loop gives is what the tables hold, and pictures are taken or refused, never misread."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pandas as pd
import pytest
from skimage.data import astronaut

from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.analysis.calls import analyse_image, analyse_video
from facs_pipeline.analysis.pictures import as_grey
from facs_pipeline.extraction.models import AU_MODEL, EMOTION_MODEL, LANDMARK_MODEL
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.run import extract_features
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.video.reader import read_frames


@pytest.fixture(scope="module")
def result(clips, key_file, tmp_path_factory):
    """A run over the clips, with emotions."""
    return extract_features(clips, Options(out=tmp_path_factory.mktemp("run"), emotion=True))


@pytest.mark.parametrize("name", ["anna", "gap"])
def test_a_loop_gives_what_the_tables_hold(result, clips, name):
    table = result.tables[name]
    analyser = FaceAnalyser(emotions="default")
    faces, latest = [], -1.0
    for frame in read_frames(clips / f"{name}.mp4"):
        given = analyser.update(frame.image, frame.time_s)
        # Nothing is given before its time, and nothing later than `delay_s` and a frame after it.
        due = frame.time_s - analyser.delay_s
        assert all(latest - analyser.delay_s - 0.05 <= face.time_s <= due for face in given)
        faces += given
        latest = frame.time_s
    faces += analyser.finish()
    rows = table[table["success"] == 1]
    assert [face.frame + 1 for face in faces] == rows["frame"].tolist()
    assert [face.face_id for face in faces] == rows["face_id"].tolist()
    intensities = rows[[f"AU{au:02d}_r" for au in analyser.aus]].to_numpy()
    assert np.abs(np.array([face.intensities for face in faces]) - intensities).max() < 2e-4
    points = rows[[f"{axis}_{i}" for i in range(68) for axis in "xy"]].to_numpy().reshape(-1, 68, 2)
    assert np.abs(np.array([face.ibug_points for face in faces]) - points).max() < 1e-3
    assert (
        np.abs(np.array([face.pose for face in faces]) - rows[["pose_Rx", "pose_Ry", "pose_Rz"]].to_numpy()).max()
        < 2e-5
    )
    sides = rows[[f"AU{au:02d}{side}_r" for side in "LR" for au in faces[0].sided_aus]].to_numpy()
    measured = np.array([[*face.left, *face.right] for face in faces])
    assert np.abs(measured - sides).max() < 2e-4
    assert np.abs(measured[:, : len(faces[0].sided_aus)] - measured[:, len(faces[0].sided_aus) :]).max() > 0.1
    gaze = rows[["gaze_angle_x", "gaze_angle_y"]].to_numpy()
    np.testing.assert_allclose(np.array([face.gaze for face in faces]), gaze, atol=2e-4)
    for au in (*analyser.presence, 61, 62, 63, 64):
        there = np.array([face.present[au] for face in faces])
        np.testing.assert_array_equal(there, rows[f"AU{au:02d}_c"].to_numpy(float))
    probabilities = rows[[f"emotion_{emotion}" for emotion in analyser.emotions]].to_numpy()
    assert np.abs(np.array([face.emotions for face in faces]) - probabilities).max() < 2e-4


@pytest.mark.parametrize("name", ["anna", "gap"])
def test_one_call_gives_the_table_of_a_video(result, clips, name):
    expected = result.tables[name]
    table = analyse_video(clips / f"{name}.mp4", FaceAnalyser(emotions="default"))
    assert list(table.columns) == list(expected.columns)
    whole = ["face_id", *(name for name in map(str, table) if re.fullmatch(r"AU\d\d_c", name))]
    assert {"AU12_c", "AU43_c", "AU61_c"} < set(whole)
    assert set(whole) <= set(table.columns)
    table[whole] = table[whole].astype(float)
    pd.testing.assert_frame_equal(table, expected, check_dtype=False, atol=2.1e-4, rtol=0)
    without = analyse_video(clips / f"{name}.mp4")
    assert list(without.columns) == [column for column in expected if not column.startswith("emotion")]


def test_without_smoothing_each_face_is_given_at_once(clips):
    analyser = FaceAnalyser(smoothing=False)
    assert analyser.delay_s == 0
    given = [
        [face.frame for face in analyser.update(frame.image, frame.time_s)] for frame in read_frames(clips / "anna.mp4")
    ]
    assert given == [[number] for number in range(len(given))]
    assert analyser.finish() == []


def test_causal_smoothing_gives_each_face_at_once_and_less_noise(clips):
    raw, causal, centred = (FaceAnalyser(smoothing=smoothing) for smoothing in (False, "causal", True))
    assert causal.delay_s == 0
    frames = list(read_frames(clips / "anna.mp4"))
    series = {}
    for name, analyser in (("raw", raw), ("causal", causal), ("centred", centred)):
        faces = [face for frame in frames for face in analyser.update(frame.image, frame.time_s)]
        if name == "causal":
            assert [face.frame for face in faces] == list(range(len(frames)))
        faces += analyser.finish()
        series[name] = np.array([np.r_[face.intensities, face.left, face.right] for face in faces])
    rough = {name: np.abs(np.diff(values, axis=0)).mean() for name, values in series.items()}
    assert rough["centred"] < rough["causal"] < rough["raw"]


def test_a_resting_face_is_subtracted_as_in_the_tables():
    [face] = FaceAnalyser(smoothing=False, colour="rgb").analyse_image(astronaut())
    above, difference = face.above_rest, face.left - face.right
    assert above is face.intensities
    assert face.present[12] == 1
    face.resting = np.array(face.intensities)
    assert np.array(face.above_rest).max() == 0
    assert face.present[12] == 0
    assert np.abs(face.left - face.right).max() <= np.abs(difference).max() / 2 + 1e-6
    assert np.isfinite(face.gaze).all()


def test_reset_begins_another_video(clips):
    analyser = FaceAnalyser()
    first, second = (analyse_video(clips / "anna.mp4", analyser) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_a_result_is_a_table_for_each_video(result):
    assert sorted(result.tables) == ["anna", "ben", "gap"]
    assert set(result.descriptors["video"]) == {"anna", "ben", "gap"}
    assert [video.status for video in result.videos] == ["ok"] * 3
    with pytest.raises(KeyError):
        result.tables["nobody"]


# ------------------------------------------------------------------------------------------------------------ pictures


def test_every_way_to_hold_a_picture_is_the_same_picture():
    rgb = astronaut()
    grey = as_grey(rgb, "rgb")
    assert grey.dtype == np.uint8
    assert grey.shape == rgb.shape[:2]
    assert np.array_equal(as_grey(rgb[:, :, ::-1], "bgr"), grey)
    assert np.array_equal(as_grey(np.dstack([rgb, np.full(grey.shape, 255, np.uint8)]), "rgb"), grey)
    assert np.array_equal(as_grey(rgb / 255, "rgb"), grey)
    assert np.array_equal(as_grey((rgb / 255).astype(np.float32), "rgb"), grey)
    assert np.array_equal(as_grey(rgb.astype(np.uint16) * 257, "rgb"), grey)
    assert as_grey(grey) is grey
    assert np.array_equal(as_grey(grey[:, :, None]), grey)
    assert np.array_equal(as_grey(grey > 128), np.where(grey > 128, 255, 0))


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (astronaut(), "order of its channels"),
        (astronaut().astype(float), "levels 0 to 255.*from 0 to 1"),
        (astronaut().astype(np.int32), "int32; expected uint8"),
        (np.full((50, 50), np.nan), "from 0 to 1"),
        (np.zeros((2, 50, 50), np.uint8), r"shape \[2, 50, 50\]"),
        (np.zeros((50, 50, 2), np.uint8), r"shape \[50, 50, 2\]"),
        (np.zeros(50, np.uint8), r"shape \[50\]"),
        (np.zeros((8, 50), np.uint8), "50 x 8 pixels"),
        ([[0, 1]], "NumPy array, got list"),
    ],
)
def test_what_is_no_picture_is_refused_with_what_is_expected(picture, message):
    with pytest.raises(InputError, match=message):
        FaceAnalyser().update(picture, 0.0)


def test_an_image_is_a_file_or_an_array(tmp_path):
    path = tmp_path / "astronaut.png"
    cv2.imwrite(str(path), astronaut()[:, :, ::-1])
    of_file = analyse_image(path)
    of_array = analyse_image(astronaut(), FaceAnalyser(colour="rgb"))
    assert of_file["input"].tolist() == [str(path)]
    # Grey is rounded otherwise where the file is decoded.
    for column in (f"AU{au:02d}_r" for au in FaceAnalyser().aus):
        assert of_file[column][0] == pytest.approx(of_array[column][0], abs=0.1)
    nobody = analyse_image(np.zeros((200, 200), np.uint8))
    assert nobody["success"].tolist() == [0]
    assert nobody["AU12_r"].isna().all()
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(InputError, match=r"text\.png"):
        analyse_image(tmp_path / "text.png")
    with pytest.raises(InputError, match=r"gone\.png: no such file"):
        analyse_image(tmp_path / "gone.png")


def test_everybody_in_a_picture():
    one = as_grey(astronaut(), "rgb")
    table = analyse_image(np.hstack([one, one]), FaceAnalyser(faces="all"))
    assert table["face_id"].tolist() == [0, 1]
    assert abs(table["x_30"][0] - table["x_30"][1]) == pytest.approx(one.shape[1], abs=2)


def test_models_are_names_paths_or_objects():
    grey = as_grey(astronaut(), "rgb")
    expected = FaceAnalyser(emotions="default").analyse_image(grey)[0]
    by_path = FaceAnalyser(LANDMARK_MODEL, str(AU_MODEL), EMOTION_MODEL)
    by_object = FaceAnalyser(by_path.landmarks, by_path.action_units, by_path.emotion_model)
    for analyser in (by_path, by_object):
        [face] = analyser.analyse_image(grey)
        assert np.array_equal(face.points, expected.points)
        assert np.array_equal(np.array(face.intensities), np.array(expected.intensities))
        assert np.array_equal(np.array(face.emotions), np.array(expected.emotions))
    [face] = FaceAnalyser(action_units=None).analyse_image(grey)
    assert face.intensities is None
    assert face.emotions is None
    assert np.array_equal(face.features, expected.features)

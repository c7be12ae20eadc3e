"""The benchmarks run: each on very little, so that none of them rots. Their figures are not judged here."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from facs_pipeline.landmarks.pose import MEAN_HEAD

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))


@pytest.mark.shared
def test_action_units_on_a_short_video(videos_dir, shared_dir, tmp_path):
    pytest.importorskip("mediapipe")
    import action_units

    from facs_pipeline.action_units.model import ActionUnitModel
    from facs_pipeline.landmarks.model import default_landmarks

    task = shared_dir / "data" / "teacher" / "face_landmarker.task"
    video = videos_dir / "d0.mp4"
    result = action_units.compare([video], task, tmp_path, default_landmarks(), ActionUnitModel.load_default())
    assert result["share_of_teacher_faces_found"] > 0.9
    assert 0 < result["mean"]["r"] <= 1
    assert 0.5 < result["mean"]["mirrored_r"] < 1
    assert 0 < result["mean"]["r_with_both"] <= 1
    action_units.show(result)


@pytest.mark.shared
def test_a_distant_face_is_found_where_the_teacher_finds_none(videos_dir, shared_dir, tmp_path):
    pytest.importorskip("mediapipe")
    import small_faces

    task = shared_dir / "data" / "teacher" / "face_landmarker.task"
    shares = small_faces.at_size(videos_dir / "single_face.mp4", 48, 25, task, tmp_path)
    assert shares is not None
    assert shares["ours"] == 1
    assert shares["mediapipe"] == 0
    near = small_faces.at_size(videos_dir / "single_face.mp4", 400, 25, task, tmp_path)
    assert near is not None
    assert near["ours"] == near["mediapipe"] == 1


@pytest.mark.shared
def test_whom_the_search_finds_by_group(shared_dir):
    import faces

    result = faces.people(shared_dir / "data", 40)
    assert result["all"]["pictures"] == 40
    assert result["all"]["share"] == 1
    assert result["all"]["low"] < 1
    alarms = faces.false_alarms(shared_dir / "data", 4, 1000)
    assert all(alarms[kind]["share"] == 0 for kind in ("scikit-image", "parts of these", "textures", "cartoon"))


@pytest.mark.shared
@pytest.mark.parametrize("kind", ["crossing", "hiding", "cut"])
def test_people_who_meet_keep_their_ids(videos_dir, kind):
    """Two of the pairs of `benchmarks/faces.py`, people who move and laugh."""
    import meetings

    from facs_pipeline.landmarks.model import default_landmarks

    model = default_landmarks()
    one, other = (meetings.person(videos_dir / name, model) for name in ("d12.mp4", "s32.mp4"))
    assert meetings.switches(model, meetings.meeting(one, other, kind)) == 0
    assert meetings.switches(model, meetings.meeting(other, one, kind)) == 0


@pytest.mark.shared
def test_landmarks_and_consistency_on_a_short_video(videos_dir, shared_dir, tmp_path):
    pytest.importorskip("mediapipe")
    import harness
    import landmark_measures
    import landmarks

    from facs_pipeline.landmarks.model import default_landmarks
    from facs_pipeline.video.reader import read_frames

    task = shared_dir / "data" / "teacher" / "face_landmarker.task"
    video = videos_dir / "single_face.mp4"
    teacher = harness.teacher_on_video(video, task, tmp_path)
    in_mirror = harness.teacher_on_video(video, task, tmp_path, mirrored=True)
    apart = landmark_measures.errors(in_mirror["points"], teacher["points"])
    assert 0 < apart["raw"] < 5  # its points come back for the video as it is
    models = {"ours": default_landmarks()}
    result = landmarks.on_video(models, video, teacher, every=4)
    for kind in ("detector", "tracking", "tracking, smoothed"):
        assert 0 < result[kind]["ours"]["offset removed"] < 10
    image = next(read_frames(video)).image
    box = landmarks.detect(image, teacher["points"][0])
    assert box is not None
    faces = landmarks.Faces([image], [box], teacher["points"][:1], 1, 1)
    copies = landmarks.consistency(models, faces, 1)["ours"]
    assert all(0 < value < 10 for value in copies.values())
    assert landmark_measures.errors(teacher["points"], teacher["points"])["raw"] == 0


@pytest.mark.shared
def test_events_on_a_short_video(videos_dir, shared_dir, tmp_path):
    pytest.importorskip("mediapipe")
    import events

    task = shared_dir / "data" / "teacher" / "face_landmarker.task"
    total = events.compare([videos_dir / "d0.mp4"], task, tmp_path)["total"]
    assert 0 < total["both"] <= min(total["ours"], total["teacher"])
    assert total["f1"] <= 1


def test_overlapping_events_are_paired_once():
    from events import matched

    from facs_pipeline.dynamics.events import Event

    def event(onset_s, offset_s):
        return Event(0, 0, 0, onset_s, onset_s, offset_s, 1.0, 1.0, True, True)

    ours, theirs = [event(0, 1), event(1, 4), event(9, 10)], [event(0.9, 3), event(3.5, 3.6), event(5, 6)]
    assert matched(ours, theirs) == [(ours[1], theirs[0])]
    assert matched(ours, ours) == [(one, one) for one in (ours[1], ours[0], ours[2])]


def test_lags_of_known_series():
    import landmark_measures

    rise = np.clip((np.arange(60) % 30 - 10) / 4, 0, 1)
    late = np.interp(np.arange(60) - 0.5, np.arange(60), rise)
    lags = landmark_measures.half_rise_lags(rise, late, 0.5)
    assert lags["onsets"] == 2
    assert lags["lag"] == pytest.approx(0.5, abs=0.05)
    assert landmark_measures.correlation_lag(rise, late) == pytest.approx(0.5, abs=0.2)


def test_onsets_within_a_frame_are_counted():
    """Of two rises one is late by two frames; one that pauses near its half seems moved further than it is."""
    import landmark_measures

    rise = np.clip((np.arange(60) % 30 - 10) / 4, 0, 1)
    late = np.interp(np.arange(60) - np.where(np.arange(60) < 30, 0, 2), np.arange(60), rise)
    assert landmark_measures.half_rise_lags(rise, late, 0.5)["within a frame"] == 0.5

    pausing = np.interp(np.arange(30.0), [0, 8, 10, 16, 18], [0, 0, 0.49, 0.51, 1])
    # Late by half a frame, and still coming down from before when the rise begins.
    later = np.maximum(np.interp(np.arange(30) - 0.5, np.arange(30), pausing), 0.05)
    lags = landmark_measures.half_rise_lags(pausing, later, 0.5)
    assert lags["largest lag"] > 2
    assert lags["within a frame"] == 0


def test_synthetic_blink_is_late_by_less_than_a_frame():
    import onset

    result = onset.synthetic_blink()
    assert result["without the filter"]["onsets"] == 20
    assert result["with it"]["lag"] < 1


@pytest.mark.shared
def test_speed_beside_mediapipe_counts_the_same_frames(videos_dir, shared_dir):
    pytest.importorskip("mediapipe")
    import speed

    from facs_pipeline.extraction.run import Options

    task = shared_dir / "data" / "teacher" / "face_landmarker.task"
    result = speed.beside_mediapipe([videos_dir / "single_face.mp4"], task, Options(), repeats=1)
    assert result["total"]["frames"] == 72
    assert math.isclose(result["total"]["ratio cpu"], result["ratio of each repeat (processor time)"][0])
    speed.show_mediapipe(result)


def test_a_long_video_is_as_long_as_asked(clips, tmp_path):
    import speed

    from facs_pipeline.video.reader import probe, read_frames

    path = tmp_path / "long.mp4"
    speed.long_video(clips / "anna.mp4", path, minutes=0.5, fps=5)
    frames = [frame.time_s for frame in read_frames(path)]
    assert len(frames) == 150
    assert frames[-1] == pytest.approx(29.8)
    assert probe(path).duration_s == pytest.approx(30, abs=0.3)


def test_a_result_says_when_where_and_of_what(tmp_path):
    import json

    import harness

    harness.save(tmp_path / "r.json", {"videos": ["a.mp4"]}, {"r": np.float32(0.5), "none": float("nan")})
    content = json.loads((tmp_path / "r.json").read_text())
    assert {"date", "commit", "versions", "processor"} <= content["about"].keys()
    assert content["result"] == {"r": 0.5, "none": None}
    assert str(FOLDER.parent) not in json.dumps(content)


def test_the_mean_head_is_one_face():
    import landmark_measures

    assert landmark_measures.eye_distance(MEAN_HEAD[None, :, :2])[0] == pytest.approx(1.0, abs=0.01)

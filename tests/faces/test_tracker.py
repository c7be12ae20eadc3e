"""Faces in videos, real and drawn: found, told apart, and lost when they leave, at a cost that stays the same."""

from __future__ import annotations

from functools import cache
from itertools import islice

import cv2
import dlib
import numpy as np
import pytest

from facs_pipeline.faces.detector import frontal_detector, upright_turn
from facs_pipeline.faces.tracker import FaceTracker
from facs_pipeline.faces.trigger import may_show_faces
from facs_pipeline.landmarks.model import LandmarkModel
from facs_pipeline.synthesis.face import SyntheticFace
from facs_pipeline.synthesis.recordings import expression, render
from facs_pipeline.video.reader import read_frames


@pytest.fixture(scope="module")
def model() -> LandmarkModel:
    return LandmarkModel.load()


@pytest.fixture(scope="module")
def greys(videos_dir):
    """Function (name, number of frames) -> grey frames from the start of a video."""
    kept: dict[str, list[np.ndarray]] = {}

    def first(name: str, count: int) -> list[np.ndarray]:
        if len(kept.get(name, [])) < count:
            kept[name] = [frame.image for frame in islice(read_frames(videos_dir / name), count)]
        return kept[name][:count]

    return first


@pytest.fixture(scope="module")
def drawn():
    """Function (person, number of frames) -> grey frames [512, 512] of a drawn face that smiles again and again."""

    @cache
    def smile(person: int) -> list[np.ndarray]:
        recording = expression("happiness", "real", duration_s=1.2, seed=person)
        frames = [cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY) for bgr, _ in render(SyntheticFace(person, 512), recording)]
        return [*frames, *frames[::-1]]

    return lambda person, count: smile(person)[:count]


def track(model, frames, faces="one", fps=25, **options):
    """The faces that a tracker gives for each frame."""
    tracker = FaceTracker(model, faces=faces, **options)
    return [tracker.update(grey, number / fps) for number, grey in enumerate(frames)]


def ids(answers) -> list[tuple[int, ...]]:
    return [tuple(face.face_id for face in answer) for answer in answers]


def middle(face) -> np.ndarray:
    return face.points.mean(axis=0)


class Counting:
    """dlib's detector, which counts the pixels that it is shown."""

    def __init__(self, detector):
        self.detector, self.pixels = detector, []

    def run(self, image, *rest):
        self.pixels.append(image.size)
        return self.detector.run(image, *rest)


@pytest.mark.shared
@pytest.mark.parametrize("faces", ["one", "all"])
@pytest.mark.parametrize("name", ["d0.mp4", "d3.mp4", "d12.mp4", "d18.mp4", "s18.mp4", "s32.mp4", "single_face.mp4"])
def test_a_face_is_found_in_every_frame_and_is_one_person(greys, model, name, faces):
    answers = track(model, greys(name, 72), faces)
    assert ids(answers) == [(0,)] * 72
    confidence = np.array([answer[0].confidence for answer in answers])
    assert np.median(confidence) > 0.9
    assert np.mean(confidence > 0.5) >= 0.98
    assert not any(answer[0].cut for answer in answers)


def test_what_is_reported_of_a_face_fits_together(drawn, model):
    for answer in track(model, drawn(1, 20)):
        (face,) = answer
        assert face.points.shape == (68, 2)
        assert face.points.dtype == np.float32
        x, y, width, height = face.box
        assert (x, y) == pytest.approx(face.points.min(axis=0))
        assert (x + width, y + height) == pytest.approx(face.points.max(axis=0))
        assert 0 <= face.confidence <= 1


@pytest.mark.shared
def test_a_face_that_leaves_is_lost(videos_dir, model):
    """In this video the person moves out of the picture for good."""
    frames = [frame.image[::2, ::2] for frame in read_frames(videos_dir / "face_noface.mov")]
    there = np.array([bool(answer) for answer in track(model, frames)])
    assert there[:60].all()
    assert not there[90:].any()


@pytest.mark.shared
def test_a_cartoon_has_no_face(videos_dir, model):
    frames = [frame.image for frame in islice(read_frames(videos_dir / "no_face.mp4"), 0, None, 3)]
    assert not any(track(model, frames))
    assert not any(track(model, frames[:10], "all"))


def test_pictures_without_anything_have_no_face(model):
    noise = np.random.default_rng(0).integers(0, 256, (240, 320), dtype=np.uint8)
    frames = [np.zeros((240, 320), np.uint8), np.full((240, 320), 255, np.uint8), noise, np.zeros((5, 7), np.uint8)]
    assert not any(track(model, frames))
    assert not any(track(model, frames, "all"))


PAIRS = [("d0.mp4", "d3.mp4"), ("d3.mp4", "d12.mp4"), ("d0.mp4", "d12.mp4")]


@pytest.mark.shared
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_two_people_side_by_side_keep_their_ids(greys, model, one, other):
    frames = [np.hstack(pair) for pair in zip(greys(one, 60), greys(other, 60), strict=True)]
    answers = track(model, frames, "all")
    assert ids(answers) == [(0, 1)] * 60
    left = np.array([[middle(face)[0] < 512 for face in answer] for answer in answers])
    assert (left == left[0]).all()
    assert left[0].sum() == 1


def test_only_the_main_face_is_tracked_unless_all_are_asked_for(drawn, model):
    large, small = drawn(1, 20), [cv2.resize(g, (300, 300)) for g in drawn(3, 20)]
    frames = [
        np.hstack([a, cv2.copyMakeBorder(b, 0, 212, 0, 0, cv2.BORDER_CONSTANT)])
        for a, b in zip(large, small, strict=True)
    ]
    for answer in track(model, frames):
        (face,) = answer
        assert face.face_id == 0
        assert middle(face)[0] < 512
    assert ids(track(model, frames, "all"))[-1] == (0, 1)


@pytest.mark.shared
def test_somebody_who_goes_and_comes_back_keeps_the_id(greys, model):
    d0, d3 = greys("d0.mp4", 75), greys("d3.mp4", 75)
    # A face out of focus cannot be seen, and the picture has not been cut.
    frames = [
        np.hstack([a, cv2.GaussianBlur(b, (0, 0), 40) if 25 <= i < 45 else b])
        for i, (a, b) in enumerate(zip(d0, d3, strict=True))
    ]
    answers = track(model, frames, "all")
    assert ids(answers)[:25] == [(0, 1)] * 25
    on_the_right = next(face.face_id for face in answers[0] if middle(face)[0] > 512)
    assert ids(answers)[30:45] == [(1 - on_the_right,)] * 15
    # Everybody is looked for once a second.
    assert ids(answers)[71:] == [(0, 1)] * 4
    assert all(middle(answer[on_the_right])[0] > 512 for answer in answers[71:])


@pytest.mark.shared
def test_somebody_who_comes_in_later_gets_an_id_of_their_own(greys, model):
    empty = np.full((512, 512), 100, np.uint8)
    d0, d3 = greys("d0.mp4", 50), greys("d3.mp4", 50)
    frames = [np.hstack([empty if i < 10 else a, b]) for i, (a, b) in enumerate(zip(d0, d3, strict=True))]
    answers = track(model, frames, "all")
    assert ids(answers)[:10] == [(0,)] * 10
    assert ids(answers)[-5:] == [(0, 1)] * 5
    assert middle(answers[-1][1])[0] < 512 < middle(answers[-1][0])[0]


@pytest.mark.shared
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_cuts_are_noticed_and_people_known_again_after_them(greys, model, one, other):
    first, second = greys(one, 60), greys(other, 20)
    answers = track(model, first[:40] + second + first[40:], "all")
    assert ids(answers) == [(0,)] * 40 + [(1,)] * 20 + [(0,)] * 20
    assert [i for i, answer in enumerate(answers) if answer[0].cut] == [40, 60]


@pytest.mark.shared
def test_somebody_who_passes_in_front_of_another_does_not_take_over_the_id(greys, model):
    frames = []
    for i, (passing, staying) in enumerate(zip(greys("d0.mp4", 78), greys("d12.mp4", 78), strict=True)):
        frame = np.full((512, 1400), 90, np.uint8)
        frame[:, 450:962] = staying
        frame[40:500, (left := i * 888 // 77) : left + 340] = passing[40:500, 90:430]
        frames.append(frame)
    answers = track(model, frames, "all")
    assert ids(answers)[0] == ids(answers)[-1] == (0, 1)
    first, last = ([middle(face)[0] for face in answer] for answer in (answers[0], answers[-1]))
    assert first[0] < first[1] < last[0] - 200
    assert last[1] == pytest.approx(first[1], abs=100)
    for answer in answers:
        if len(answer) == 2:
            assert abs(middle(answer[0])[0] - middle(answer[1])[0]) > 60


@pytest.mark.shared
def test_after_a_cut_the_points_are_on_the_new_face_at_once(greys, model):
    d0, d3 = greys("d0.mp4", 10), greys("d3.mp4", 10)
    after = track(model, d0 + d3)[10][0].points
    alone = track(model, d3)[0][0].points
    assert np.abs(after - alone).max() < 1e-3


@pytest.mark.shared
def test_one_face_keeps_id_0_through_cuts(greys, model):
    answers = track(model, greys("d0.mp4", 10) + greys("d3.mp4", 10))
    assert ids(answers) == [(0,)] * 20
    assert answers[10][0].cut


def test_a_change_of_light_is_no_cut(drawn, model):
    frames = [np.clip(g * (1 + 0.25 * np.sin(i / 4)), 0, 255).astype(np.uint8) for i, g in enumerate(drawn(2, 30))]
    answers = track(model, frames)
    assert ids(answers) == [(0,)] * 30
    assert not any(answer[0].cut for answer in answers)


@pytest.mark.shared
@pytest.mark.parametrize(("name", "blur"), [("single_face.mp4", 6), ("d12.mp4", 10)])
def test_the_detector_sees_as_many_pixels_however_large_the_video(greys, model, name, blur):
    counts = []
    for enlarged in (1, 3):
        tracker = FaceTracker(model)
        tracker._detector = counter = Counting(tracker._detector)
        for number, grey in enumerate(greys(name, 60)):
            # Out of focus for a moment, so that the landmark model is not sure and the detector has to look again.
            grey = cv2.GaussianBlur(grey, (0, 0), blur) if 25 <= number < 28 else grey
            tracker.update(cv2.resize(grey, None, fx=enlarged, fy=enlarged), number / 25)
        counts.append(counter.pixels)
        # One search at the start; after it only small patches, and few of them.
        assert sum(pixels > 192 * 192 for pixels in counter.pixels) == 1
        assert len(counter.pixels) <= 10
    assert counts[0][1:2] == counts[1][1:2] == [192 * 192]
    assert counts[0][0] == pytest.approx(counts[1][0], rel=0.02)


def counting(model) -> tuple[FaceTracker, Counting]:
    tracker = FaceTracker(model)
    tracker._detector = Counting(tracker._detector)
    return tracker, tracker._detector


def test_a_face_that_is_surely_there_is_searched_once(drawn, model):
    tracker, counter = counting(model)
    assert all(tracker.update(grey, number / 25) for number, grey in enumerate(drawn(1, 60)))
    assert len(counter.pixels) == 1


def room_with(small: np.ndarray | None) -> np.ndarray:
    """A picture of 720 x 1280 with something but nobody in it, or with a small picture of a face."""
    room = np.tile(np.linspace(40, 200, 1280).astype(np.uint8), (720, 1))
    if small is not None:
        room[200 : 200 + len(small), 700 : 700 + small.shape[1]] = small
    return room


def test_a_small_face_is_found_again_at_once_where_it_was(drawn, model):
    small = [cv2.resize(grey, (200, 200), interpolation=cv2.INTER_AREA) for grey in drawn(3, 30)]
    frames = [room_with(None if 10 <= i < 14 else face) for i, face in enumerate(small)]
    there = [bool(answer) for answer in track(model, frames)]
    assert there == [not 10 <= i < 14 for i in range(30)]


def test_whoever_is_there_after_a_cut_is_seen_at_once_though_nobody_was_before(drawn, model):
    small = cv2.resize(drawn(3, 1)[0], (200, 200), interpolation=cv2.INTER_AREA)
    answers = track(model, [255 - room_with(None)] * 8 + [room_with(small)])
    assert [len(answer) for answer in answers] == [0] * 8 + [1]


def test_of_an_empty_scene_is_seen_now_and_then_whether_a_search_may_pay(model, monkeypatch):
    asked: list[float] = []

    def counted(grey, scale, coarser):
        asked.append(scale)
        return may_show_faces(grey, scale, coarser)

    monkeypatch.setattr("facs_pipeline.faces.tracker.may_show_faces", counted)
    tracker, counter = counting(model)
    assert not any(tracker.update(room_with(None), number / 25) for number in range(60))
    # Every 5th frame, finer every 20th; all at the start, where the coarsest is searched anyway.
    assert [asked.count(side / 1280) for side in (400, 800, 1600)] == [11, 3, 1]
    assert counter.pixels == [400 * 225]
    tracker, counter = counting(model)
    assert not any(tracker.update(np.full((720, 1280), 90, np.uint8), number / 25) for number in range(10))
    assert not counter.pixels


@pytest.mark.parametrize("side", [440, 620])
def test_whoever_enters_an_empty_scene_is_seen_within_five_frames_if_near(drawn, model, side):
    near = [cv2.resize(grey, (side, side)) for grey in drawn(1, 30)]
    frames = [room_with(None)] * 6
    for face in near[:6]:
        frames.append(room_with(None))
        frames[-1][50 : 50 + side, 300 : 300 + side] = face
    there = [bool(answer) for answer in track(model, frames)]
    assert there == [False] * 10 + [True] * 2


@pytest.mark.shared
@pytest.mark.parametrize("factor", [0.5, 2.5])
def test_points_do_not_depend_on_the_resolution(greys, model, factor):
    frames = greys("d18.mp4", 30)
    usual = track(model, frames)
    scaled = track(model, [cv2.resize(g, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) for g in frames])
    eyes = np.linalg.norm(usual[0][0].points[45] - usual[0][0].points[36])
    off = [np.abs((b[0].points + 0.5) / factor - 0.5 - a[0].points).mean() for a, b in zip(usual, scaled, strict=True)]
    assert np.mean(off) < 0.015 * eyes


def test_points_are_smoothed_unless_not_wanted(drawn, model):
    still = [drawn(2, 1)[0]] * 20
    rng = np.random.default_rng(0)
    noisy = [np.clip(g + rng.normal(0, 8, g.shape), 0, 255).astype(np.uint8) for g in still]
    jitter = [
        np.abs(np.diff([a[0].points for a in track(model, noisy, smoothing=smoothing)], axis=0)).mean()
        for smoothing in (True, False)
    ]
    assert jitter[0] < 0.6 * jitter[1]


def test_the_same_frames_give_the_same_answer(drawn, model):
    one, two = (track(model, drawn(1, 15), "all") for _ in range(2))
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a[0].points, b[0].points)
        assert a[0].confidence == b[0].confidence


def test_a_change_of_size_in_the_middle_is_survived(drawn, model):
    frames = drawn(1, 20)
    smaller = [cv2.resize(g, (320, 320)) for g in frames[10:]]
    answers = track(model, frames[:10] + smaller)
    assert all(len(answer) == 1 for answer in answers[:10] + answers[-5:])
    assert answers[-1][0].points.max() < 320


def test_the_detector_kept_as_a_file_is_dlibs_own(drawn):
    kept, own = frontal_detector(), dlib.get_frontal_face_detector()
    for person in (1, 2):
        [grey] = drawn(person, 1)
        expected = own.run(grey, 0, -0.5)
        assert len(expected[0]) > 0
        assert kept.run(grey, 0, -0.5) == expected


def test_a_dlib_that_cannot_read_the_file_makes_its_detector_anew(drawn, tmp_path, monkeypatch):
    file = tmp_path / "other.svm"
    file.write_bytes(b"of another version")
    monkeypatch.setattr("facs_pipeline.faces.detector._DETECTOR", file)
    [grey] = drawn(1, 1)
    assert len(frontal_detector.__wrapped__().run(grey, 0, 0.0)[0]) == 1


def hand_before_the_mouth(grey: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The frame with a patch of folds and noise, as bright as the nose, over the mouth."""
    eyes = float(np.linalg.norm(points[45] - points[36]))
    across, down = np.meshgrid(np.arange(grey.shape[1]), np.arange(grey.shape[0]))
    x, y = points[48:68].mean(axis=0)
    inside = ((across - x) / (0.75 * eyes)) ** 2 + ((down - y) / (0.5 * eyes)) ** 2 < 1
    folds = 12 * np.sin(across / (0.12 * eyes)) * np.cos(down / (0.4 * eyes))
    skin = float(grey[tuple(points[30].astype(int)[::-1])]) + folds + np.random.default_rng(0).normal(0, 3, grey.shape)
    cover = cv2.GaussianBlur(inside.astype(np.float64), (0, 0), 2)
    return np.clip(grey * (1 - cover) + skin * cover, 0, 255).astype(np.uint8)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["d0.mp4", "d3.mp4", "s18.mp4", "s32.mp4"])
def test_a_hand_before_the_mouth_lowers_the_confidence(model, greys, name):
    frames = greys(name, 30)
    seen = [faces[0] for faces in track(model, frames)]
    covered = [hand_before_the_mouth(grey, face.points) for grey, face in zip(frames, seen, strict=True)]
    less = [faces[0].confidence if faces else 0.0 for faces in track(model, [*frames[:10], *covered[10:]])]
    assert np.median([face.confidence for face in seen]) > 0.95
    assert min(less[:10]) > 0.9
    assert np.median(less[12:]) < 0.6


@pytest.mark.shared
def test_a_video_that_lies_on_its_side_is_told_from_one_without_a_face(model, greys):
    upright = greys("d18.mp4", 3)
    assert upright_turn([], model) == upright_turn(greys("no_face.mp4", 95)[::20], model) == 0
    for quarter, degrees in ((1, 90), (2, 180), (3, 270)):
        lying = [np.ascontiguousarray(np.rot90(grey, quarter)) for grey in upright]
        assert upright_turn(lying, model) == degrees

"""The 68-point model on real faces: right, the same however a face is shown, and unsure where there is none."""

from __future__ import annotations

import io
import json
import pickle
import zipfile

import cv2
import dlib
import numpy as np
import pytest

from facs_pipeline.action_units.training.pseudo_labels import read_labels
from facs_pipeline.datasets.pictures import open_pictures
from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.foundation.files.model_file import load_model, save_model
from facs_pipeline.foundation.images import geometry
from facs_pipeline.foundation.images.crops import registered_crop
from facs_pipeline.landmarks.dlib_predictor import DlibLandmarks
from facs_pipeline.landmarks.loading import load_landmarks
from facs_pipeline.landmarks.model import DEFAULT_MODEL, LandmarkModel, default_landmarks
from facs_pipeline.landmarks.points import INNER_49, MIRROR_68
from facs_pipeline.landmarks.pose import MEAN_HEAD, head_pose
from facs_pipeline.landmarks.training.recipe import error_on_stills, held_out


@pytest.fixture(scope="module")
def model() -> LandmarkModel:
    return LandmarkModel.load()


@pytest.fixture(scope="module")
def unseen(shared_dir):
    """Images of persons that the embedded model was not trained on, and the teacher's points [n, 68, 2]."""
    folder = shared_dir / "data" / "frames"
    pictures = open_pictures(folder / "frames.tar", folder / "frames.csv")
    points = read_labels(folder / "frames_teacher.npz", pictures).points
    out = held_out([f"frames.tar/{person}" for person in pictures.persons], 10)
    usable = np.flatnonzero(out & ~np.isnan(points).any(axis=(1, 2)))
    chosen = usable[:: len(usable) // 120]
    assert len({pictures.persons[i] for i in chosen}) >= 5
    return [pictures.grey(i) for i in chosen], points[chosen]


@pytest.fixture(scope="module")
def drawn(stills):
    """Thirty images of drawn persons and the points they were drawn with [30, 68, 2]."""
    pictures = open_pictures(stills / "frames.tar", stills / "frames.csv")
    points = read_labels(stills / "labels.npz", pictures).points
    return [pictures.grey(i) for i in range(0, 240, 8)], points[::8]


def settle(model, grey, points) -> tuple[np.ndarray, float]:
    """Points and confidence after looking twice."""
    return model.track(grey, model.track(grey, points).points)


def eye_distance(points) -> float:
    return float(np.linalg.norm(points[45] - points[36]))


def apart(one, other) -> float:
    """Mean distance of two sets of points in % of the eye distance."""
    return 100 * float(np.linalg.norm(one - other, axis=1).mean()) / eye_distance(one)


def mirrored(grey, points) -> tuple[np.ndarray, np.ndarray]:
    return np.ascontiguousarray(grey[:, ::-1]), (points[MIRROR_68] * [-1, 1] + [grey.shape[1] - 1, 0]).astype(
        np.float32
    )


def confidences(model, images, points) -> np.ndarray:
    return np.array([settle(model, image, p)[1] for image, p in zip(images, points, strict=True)])


def test_the_mirror_is_its_own_inverse_and_the_mean_head_agrees():
    assert np.array_equal(MIRROR_68[MIRROR_68], np.arange(68))
    assert np.allclose(MEAN_HEAD[MIRROR_68, 1], MEAN_HEAD[:, 1], atol=0.0051)


def test_inner_points_are_those_of_the_method():
    assert len(INNER_49) == 49
    assert not set(INNER_49) & {*range(17), 60, 64}
    # The mirror image of an inner point is an inner point.
    assert set(MIRROR_68[INNER_49]) == set(INNER_49)


def test_the_embedded_model_is_small_and_says_what_it_is(model):
    assert DEFAULT_MODEL.stat().st_size <= 12 * 2**20
    assert model.sha256 == load_model(DEFAULT_MODEL).card["content_sha256"]
    assert model.card["error_on_persons_held_out"]
    assert model.card["training_data"]
    assert model.card["rights"]


@pytest.mark.shared
def test_points_of_unseen_persons_are_near_the_teachers(model, unseen):
    """Starts as far off as a detector's box leaves them; in % of the distance of the outer eye corners."""
    errors = error_on_stills(model, *unseen)
    assert errors["raw"] < 3.2
    assert errors["offset_removed_inner_49"] < 2.8
    assert errors["offset_removed_p90"] < 4.5


@pytest.mark.shared
def test_confidence_is_high_on_faces_and_low_elsewhere(model, unseen):
    images, points = unseen
    on_faces = confidences(model, images, points)
    assert np.median(on_faces) > 0.95
    assert np.mean(on_faces > 0.5) >= 0.95
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, image.shape, dtype=np.uint8) for image in images]
    flat = [np.full_like(image, 128) for image in images]
    upside_down = [np.ascontiguousarray(image[::-1]) for image in images]
    for wrong in (noise, flat, upside_down):
        assert np.mean(confidences(model, wrong, points) < 0.3) >= 0.95


@pytest.mark.shared
def test_a_face_in_the_mirror_has_mirrored_points(model, unseen):
    difference = []
    for grey, start in zip(*unseen, strict=True):
        found, _ = settle(model, grey, start)
        other, _ = settle(model, *mirrored(grey, start))
        difference.append(apart(found, mirrored(grey, other)[1]))
    assert np.mean(difference) < 1.4
    assert np.percentile(difference, 90) < 2.2


@pytest.mark.shared
@pytest.mark.parametrize(
    ("size", "turn", "shift", "bound"),
    [(1, 0, (23.3, 11.7), 0.8), (1, 0.35, (60, -20), 0.8), (1, -0.2, (0, 60), 0.8), (3, 0, (0, 0), 0.9),
     (0.25, 0, (4, 4), 2.0)],
    ids=["shifted", "turned right", "turned left", "enlarged", "40 px"],
)  # fmt: skip
def test_copies_of_a_face_have_the_same_points(model, unseen, size, turn, shift, bound):
    """Starts differ too: the copy's is off by 6 % of the eye distance."""
    cosine, sine = size * np.cos(turn), size * np.sin(turn)
    matrix = np.array([[cosine, -sine, shift[0]], [sine, cosine, shift[1]]])
    difference = []
    for grey, start in zip(*unseen, strict=True):
        found, _ = settle(model, grey, start)
        copy = registered_crop(grey, matrix, int(256 * size + 70))
        moved = geometry.apply(matrix, start).astype(np.float32)
        other, _ = settle(model, copy, moved + np.array([0.05, 0.03], np.float32) * eye_distance(moved))
        difference.append(apart(found, geometry.apply(geometry.invert(matrix), other)))
    assert np.mean(difference) < bound


@pytest.mark.shared
def test_a_face_of_1500_px_is_located_like_a_small_one(model, unseen):
    grey, truth = unseen[0][0], unseen[1][0]
    factor = 1500 / np.ptp(truth[:, 1])
    large = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    (x, y), (right, bottom) = truth[17:].min(axis=0), truth.max(axis=0)
    box = np.array([x, y, right - x, bottom - y])
    small, sure = model.find(grey, box)
    found, still_sure = model.find(large, box * factor)
    assert apart(small, found / factor) < 1.1
    assert sure > 0.9
    assert still_sure > 0.9


@pytest.mark.shared
@pytest.mark.parametrize("off", [(0, 0, 1), (0.1, 0.05, 1), (-0.1, 0.0, 1.1), (0, -0.1, 0.9)])
def test_a_detectors_box_may_be_off(model, unseen, off):
    """By a tenth of its size, in place and in size."""
    error = []
    for grey, truth in zip(*unseen, strict=True):
        low, high = truth[17:].min(axis=0), truth.max(axis=0)
        side = 1.06 * float((high - low).max()) * off[2]
        corner = (low + high) / 2 - side / 2 + np.array(off[:2]) * side
        error.append(apart(truth, model.find(grey, (*corner, side, side)).points))
    assert np.median(error) < 3.2
    assert np.percentile(error, 90) < 6


@pytest.mark.shared
def test_a_found_face_rests(model, unseen, monkeypatch):
    """From boxes that are off in opposite ways it is found nearly at the same place, nearer than in one look."""
    apart_found, apart_quick = [], []
    for grey, truth in zip(*unseen, strict=True):
        low, high = truth[17:].min(axis=0), truth.max(axis=0)
        side = 1.06 * float((high - low).max())
        boxes = [(*((low + high) / 2 - side / 2 + shift * side), side, side) for shift in (-0.08, 0.08)]
        apart_found.append(apart(*(model.find(grey, box).points for box in boxes)))
        with monkeypatch.context() as quick:
            quick.setattr("facs_pipeline.landmarks.model._MIDDLE_STEPS", 1)
            apart_quick.append(apart(*(model.find(grey, box).points for box in boxes)))
    assert np.median(apart_found) < 0.5 * np.median(apart_quick)


def test_what_is_hardly_a_face_is_looked_at_again(model, monkeypatch):
    """Where nothing is, `find` gives what following gives from there."""
    wall = np.random.default_rng(0).integers(90, 120, (200, 200), np.uint8)
    box = (50.0, 50.0, 90.0, 90.0)
    found = model.find(wall, box)
    monkeypatch.setattr("facs_pipeline.landmarks.model._SURE", 0.0)
    once = model.find(wall, box)
    assert once.confidence < 0.5
    assert np.array_equal(found.points, model.track(wall, once.points).points)


@pytest.mark.shared
@pytest.mark.parametrize(("hidden", "bound"), [("left", 0.5), ("right", 0.5), ("top", 0.1), ("bottom", 0.75)])
def test_confidence_falls_when_half_the_face_is_hidden(model, unseen, hidden, bound):
    """A flat patch, as large as a hand, over half of the face; the upper half says most of whether this is a face."""
    images, points = unseen
    covered = []
    for image, p in zip(images, points, strict=True):
        (x0, y0), (x1, y1) = p.min(axis=0) - 5, p.max(axis=0) + 5
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        edges = {"left": (x0, y0, x, y1), "right": (x, y0, x1, y1), "top": (x0, y0, x1, y), "bottom": (x0, y, x1, y1)}
        left, top, right, bottom = (max(int(v), 0) for v in edges[hidden])
        copy = image.copy()
        copy[top:bottom, left:right] = 110
        covered.append(copy)
    clear, less = confidences(model, images, points), confidences(model, covered, points)
    assert np.mean(less < clear) > 0.95
    assert np.median(less) < bound


@pytest.mark.shared
@pytest.mark.parametrize(("side", "bound"), [("left", 0.5), ("right", 0.5), ("top", 0.5), ("bottom", 0.85)])
def test_a_face_half_outside_the_frame(model, unseen, side, bound):
    images, points = unseen
    confidence = []
    for image, p in zip(images, points, strict=True):
        x, y = p.mean(axis=0).astype(int)
        cut = {"left": image[:, x:], "right": image[:, :x], "top": image[y:], "bottom": image[:y]}[side]
        origin = {"left": (x, 0), "top": (0, y)}.get(side, (0, 0))
        found, sure = settle(model, np.ascontiguousarray(cut), p - np.array(origin, np.float32))
        assert np.isfinite(found).all()
        confidence.append(sure)
    assert np.median(confidence) < bound
    assert np.mean(np.array(confidence) < confidences(model, images, points)) > 0.9


@pytest.mark.shared
def test_drawn_glasses_move_the_points_little(model, unseen):
    moved, confidence = [], []
    for grey, start in zip(*unseen, strict=True):
        found, _ = settle(model, grey, start)
        glasses = grey.copy()
        for eye in (slice(36, 42), slice(42, 48)):
            middle = tuple(int(v) for v in start[eye].mean(axis=0))
            cv2.circle(glasses, middle, int(0.32 * eye_distance(start)), 20, 3)
        other, sure = settle(model, glasses, start)
        moved.append(apart(found, other))
        confidence.append(sure)
    assert np.mean(moved) < 5
    assert np.median(confidence) > 0.8


@pytest.mark.shared
def test_turned_and_tilted_heads(model, shared_dir):
    """Teacher's heads turned by more than 25 degrees or tilted by more than 15, whoever they are."""
    folder = shared_dir / "data" / "frames"
    pictures = open_pictures(folder / "frames.tar", folder / "frames.csv")
    points = read_labels(folder / "frames_teacher.npz", pictures).points
    pose = np.degrees(np.abs(head_pose(np.nan_to_num(points))))
    for angle, least, bound in ((1, 25, 6.0), (2, 15, 3.5)):
        chosen = np.flatnonzero((pose[:, angle] > least) & ~np.isnan(points).any(axis=(1, 2)))[::10][:30]
        assert len(chosen) >= 5
        images = [pictures.grey(i) for i in chosen]
        assert error_on_stills(model, images, points[chosen])["offset_removed_median"] < bound


def test_any_start_gives_finite_points(model):
    grey = np.random.default_rng(0).integers(0, 256, (90, 120), dtype=np.uint8)
    starts = [MEAN_HEAD[:, :2] * s + place for s in (1, 30, 3000) for place in ((60, 45), (-5000, 9000))]
    for start in starts:
        found, sure = model.track(grey, start.astype(np.float32))
        assert found.shape == (68, 2)
        assert np.isfinite(found).all()
        assert 0 <= sure <= 1
    for box in ((0, 0, 1, 1), (-300, -300, 50, 50), (0, 0, 5000, 5000)):
        assert np.isfinite(model.find(grey, box).points).all()


@pytest.mark.shared
def test_a_face_that_moved_far_is_found_at_once(model, unseen):
    """By a fifth of the eye distance, 10 % in size and 10 degrees: as near as from a second look."""
    cosine, sine = 1.1 * np.cos(0.17), 1.1 * np.sin(0.17)
    difference = []
    for grey, truth in zip(*unseen, strict=True):
        start = (truth - truth.mean(axis=0)) @ np.array([[cosine, sine], [-sine, cosine]]) + truth.mean(axis=0)
        found, _ = model.track(grey, (start + 0.2 * eye_distance(truth)).astype(np.float32))
        difference.append(apart(found, model.track(grey, found).points))
    assert np.median(difference) < 0.7


def test_the_past_does_not_change_the_answer(model, drawn):
    """One model serves many faces in turn."""
    (first, second), (p, q) = drawn[0][:2], drawn[1][:2]
    one = model.track(first, p)
    model.track(second, q)
    again = model.track(first, p)
    assert np.array_equal(one.points, again.points)
    assert one.confidence == again.confidence


def test_saving_and_loading_gives_equal_bytes_and_points(model, tmp_path):
    first = model.save(tmp_path / "one.npz")
    loaded = LandmarkModel.load(first)
    second = loaded.save(tmp_path / "two.npz")
    assert second.read_bytes() == first.read_bytes()
    assert LandmarkModel.load(second).sha256 == loaded.sha256
    # The embedded file also holds the shape modes, which now have a file of their own.
    embedded, saved = (load_model(path).arrays for path in (DEFAULT_MODEL, first))
    assert set(embedded) - set(saved) == {"shape_modes"}
    assert all(np.array_equal(embedded[name], saved[name]) for name in saved)
    grey = np.random.default_rng(0).integers(0, 256, (200, 200), dtype=np.uint8)
    start = (100 * MEAN_HEAD[:, :2] + 100).astype(np.float32)
    assert np.array_equal(loaded.track(grey, start).points, model.track(grey, start).points)


def changed_card(source, target, **changes) -> None:
    """Write a copy of a model whose card says something else."""
    with zipfile.ZipFile(source) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    card = json.loads(bytes(np.load(io.BytesIO(content["card.npy"]))).decode()) | changes
    buffer = io.BytesIO()
    np.save(buffer, np.frombuffer(json.dumps(card).encode(), np.uint8))
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in (content | {"card.npy": buffer.getvalue()}).items():
            archive.writestr(name, data)


def test_files_that_are_not_this_model_are_refused_with_the_reason(model, tmp_path):
    good = model.save(tmp_path / "good.npz")
    bad = tmp_path / "bad.npz"

    def reason() -> str:
        with pytest.raises(ModelError, match=r"bad\.npz") as caught:
            load_landmarks(bad)
        return str(caught.value)

    assert "no such model file" in reason()
    bad.write_bytes(good.read_bytes()[:-2000])
    assert "cut short" in reason()
    bad.write_bytes(pickle.dumps({"steps": 3}))
    assert "pickle" in reason()
    changed_card(good, bad, format_version=99)
    assert "upgrade" in reason()
    save_model(bad, "action-units", {"w": np.zeros(3)}, {})
    assert "kind 'action-units', expected 'landmarks'" in reason()
    features = model.card["features"]
    save_model(bad, "landmarks", {"mean_shape": np.zeros((68, 2))}, {"features": features})
    assert "without 'coarse_down'" in reason()
    save_model(bad, "landmarks", {"mean_shape": np.zeros((68, 2))}, {"features": features - 1})
    assert "other features" in reason()
    arrays = dict(load_model(good).arrays)
    save_model(bad, "landmarks", arrays | {"coarse_down": np.zeros((48, 11), np.float16)}, {"features": features})
    assert "other features" in reason()


def test_dlib_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(ModelError, match=r"absent\.dat: no such landmark file"):
        load_landmarks(tmp_path / "absent.dat")
    (tmp_path / "text.dat").write_text("not a shape predictor\n" * 10)
    with pytest.raises(ModelError, match=r"text\.dat: not a dlib shape predictor"):
        load_landmarks(tmp_path / "text.dat")
    (tmp_path / "empty.dat").touch()
    with pytest.raises(ModelError, match=r"empty\.dat: not a dlib shape predictor"):
        DlibLandmarks(tmp_path / "empty.dat")


BOX = default_landmarks().box_shape


def dlib_file(path, images, points, parts: int) -> None:
    """Train a very small shape predictor with dlib itself."""
    options = dlib.shape_predictor_training_options()
    options.cascade_depth, options.tree_depth, options.num_trees_per_cascade_level = 4, 3, 40
    options.oversampling_amount, options.feature_pool_size, options.num_threads = 5, 100, 1
    faces = []
    for p in np.round(points).astype(int):
        # The box in which a detector sees a face.
        x, y, right, bottom = geometry.apply(geometry.fit_similarity(BOX, p), np.eye(2)).ravel()[[2, 1, 0, 3]]
        box = dlib.rectangle(int(x), int(y), int(right), int(bottom))
        faces.append([dlib.full_object_detection(box, [dlib.point(int(u), int(v)) for u, v in p[:parts]])])
    dlib.train_shape_predictor(list(images), faces, options).save(str(path))


def test_results_with_a_file_of_dlibs_depend_on_the_embedded_model_too(drawn, tmp_path, monkeypatch):
    """It judges dlib's points: stored results are not taken for another version's."""
    path = tmp_path / "small.dat"
    dlib_file(path, drawn[0][:4], drawn[1][:4], 68)
    before = DlibLandmarks(path).sha256
    assert before == DlibLandmarks(path).sha256
    other = LandmarkModel.load()
    other.card["content_sha256"] = "another version's"
    monkeypatch.setattr("facs_pipeline.landmarks.dlib_predictor.default_landmarks", lambda: other)
    assert DlibLandmarks(path).sha256 != before


def test_a_landmark_file_of_dlibs_works_in_place_of_the_embedded_one(drawn, tmp_path):
    images, points = drawn
    dlib_file(tmp_path / "small.dat", images, points, 68)
    model, itself = load_landmarks(tmp_path / "small.dat"), dlib.shape_predictor(str(tmp_path / "small.dat"))
    confidence = []
    for grey, truth in zip(images, points, strict=True):
        found, _ = model.find(grey, (60.2, 70.0, 129.7, 130.0))
        parts = itself(grey, dlib.rectangle(60, 70, 190, 200)).parts()
        assert np.array_equal(found, [(part.x, part.y) for part in parts])
        followed, sure = settle(model, grey, truth)
        assert apart(truth, followed) < 50
        confidence.append(sure)
    assert np.median(confidence) > 0.3
    flat = np.full((256, 256), 128, np.uint8)
    assert model.track(flat, points[0]).confidence < 0.3
    assert len(model.sha256) == 64
    assert "small.dat" in model.card["title"]


def test_a_file_of_dlibs_with_another_number_of_points_is_refused(drawn, tmp_path):
    dlib_file(tmp_path / "five.dat", drawn[0][:4], drawn[1][:4], 5)
    with pytest.raises(ModelError, match=r"five\.dat: a shape predictor of 5 points; expected iBUG's 68"):
        load_landmarks(tmp_path / "five.dat")

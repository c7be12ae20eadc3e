"""A small landmark model, trained here: it learns, every run gives the same bytes, and the command says what it did."""

from __future__ import annotations

import json

import click
import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from extraction_runs import Remembering
from facs_cli.train_landmarks import command

from facs_pipeline.action_units.training.pseudo_labels import read_labels
from facs_pipeline.datasets.pictures import open_pictures
from facs_pipeline.features.shape_modes import ShapeModes, registered_landmarks
from facs_pipeline.foundation.errors import FacsError, InputError
from facs_pipeline.foundation.images import geometry
from facs_pipeline.foundation.progress import SILENT
from facs_pipeline.landmarks.model import LandmarkModel
from facs_pipeline.landmarks.patch_features import CROP
from facs_pipeline.landmarks.points import MIRROR_68
from facs_pipeline.landmarks.pose import MEAN_HEAD
from facs_pipeline.landmarks.training.recipe import (
    LabelledFaces,
    gather_faces,
    held_out,
    point_errors,
    train_shape_modes,
)
from facs_pipeline.landmarks.training.regression import low_rank, ridge
from facs_pipeline.landmarks.training.samples import EYE_DISTANCE, mean_shape, misregistration
from facs_pipeline.landmarks.training.settings import LandmarkTraining
from facs_pipeline.landmarks.training.supervised_descent import dlib_box_shape, train_landmarks

TINY = LandmarkTraining(repeats=2, ridge=0.3)


def train_landmarks_command(*arguments):
    """Run `facs train-landmarks` in this process."""
    return CliRunner().invoke(command, [*map(str, arguments)], standalone_mode=False)


@pytest.fixture(scope="module")
def faces(shared_dir):
    """About 130 images, their teacher's points [n, 68, 2] and persons; every fifth person is for measuring."""
    folder = shared_dir / "data" / "frames"
    pictures = open_pictures(folder / "frames.tar", folder / "frames.csv")
    labels = read_labels(folder / "frames_teacher.npz", pictures)
    chosen = np.arange(0, len(pictures), 32)
    persons = np.array(pictures.persons)[chosen]
    return [pictures.grey(int(i)) for i in chosen], labels.points[chosen], persons


@pytest.fixture(scope="module")
def sides(faces):
    """Row numbers to train on and, of other persons, to measure on."""
    persons = faces[2]
    measured = np.isin(persons, np.unique(persons)[::4])
    return np.flatnonzero(~measured), np.flatnonzero(measured)


@pytest.fixture(scope="module")
def small_model(faces, sides) -> LandmarkModel:
    images, points, persons = faces
    rows = sides[0]
    return train_landmarks([images[i] for i in rows], points[rows], persons[rows], TINY)


def starts(points, mean) -> np.ndarray:
    """Mean shapes that lie about as far off as a detector's box leaves them."""
    rng = np.random.default_rng(7)
    off = geometry.chain(misregistration(rng, len(points), (0.08, 0.06, 0.08)), geometry.fit_similarity(points, mean))
    return geometry.apply(geometry.invert(off), mean).astype(np.float32)


@pytest.mark.shared
def test_a_small_model_beats_its_start_on_unseen_persons(faces, sides, small_model):
    images, points, _ = faces
    rows = sides[1]
    assert len(rows) >= 20
    begin = starts(points[rows], small_model.mean_shape)
    found = []
    for i, start in zip(rows, begin, strict=True):
        found.append(small_model.track(images[i], small_model.track(images[i], start).points).points)
    before, after = (point_errors(np.array(p), points[rows])[0].mean() for p in (begin, found))
    assert before > 8
    assert after < 0.6 * before


@pytest.mark.shared
def test_it_tells_faces_from_noise(faces, sides, small_model):
    images, points, _ = faces
    noise = np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8)
    sure = [small_model.track(images[i], points[i]).confidence for i in sides[1]]
    unsure = [small_model.track(noise, points[i]).confidence for i in sides[1]]
    assert np.median(sure) > 0.5 > np.median(unsure)


def train_on_drawn(stills, progress=SILENT) -> LandmarkModel:
    """A model of sixty images of drawn persons."""
    pictures = open_pictures(stills / "frames.tar", stills / "frames.csv")
    points, rows = read_labels(stills / "labels.npz", pictures).points, range(0, len(pictures), 4)
    persons = np.array(pictures.persons)[rows]
    return train_landmarks([pictures.grey(i) for i in rows], points[rows], persons, TINY, progress=progress)


def test_the_same_seed_gives_the_same_bytes_and_the_log_tells_of_each_step(stills, tmp_path):
    told = Remembering()
    one, other = train_on_drawn(stills, told), train_on_drawn(stills)
    first, second = (model.save(tmp_path / f"{id(model)}.npz").read_bytes() for model in (one, other))
    assert first == second
    steps = ["coarse", "middle, once", "middle, repeated", "last"]
    assert [line.split(":")[0] for line in told.logs] == [*steps, "lids", "face or not"]
    coarse, *later = (float(line.split(": ")[1].split(" %")[0]) for line in told.logs[:4])
    assert max(later) < coarse


def test_the_command_trains_measures_and_says_so(stills, tmp_path):
    """A small folder with labels beside it; the teacher is not asked."""
    pictures = open_pictures(stills / "frames.tar", stills / "frames.csv")
    folder, table = tmp_path / "faces", ["image,person"]
    folder.mkdir()
    for i in (i for i in range(len(pictures)) if i % 4):
        name = pictures.names[i].split("/")[-1]
        cv2.imwrite(str(folder / name), pictures.grey(i))
        table.append(f"{name},{pictures.persons[i]}")
    (tmp_path / "who.csv").write_text("\n".join(table) + "\n")
    images = f"{folder},persons={tmp_path / 'who.csv'},labels={stills / 'labels.npz'}"
    teacher = tmp_path / "face_landmarker.task"
    out = tmp_path / "mine.npz"
    run = train_landmarks_command(
        "--teacher", teacher, "--images", images, "--out", out, "--repeats", 1, "--hold-out", 30, "--warped", 0.2
    )
    assert run.exception is None, run.exception
    card = LandmarkModel.load(out).card
    assert card["content_sha256"] in run.output
    assert card == json.loads(out.with_suffix(".json").read_text())
    facts, measured = card["training_data"]["faces"], card["error_on_persons_held_out"]["faces"]
    assert facts["images"] == len(table) - 1
    assert facts["persons"] == len({row.split(",")[1] for row in table[1:]})
    assert 0 < measured["images"] < facts["images"]
    assert 1 < measured["raw"] < 10
    assert card["hold_out_percent"] == 30
    assert card["settings"]["repeats"] == 1
    assert card["settings"]["warped"] == 0.2
    modes = ShapeModes.load(tmp_path / "mine-shape-modes.npz")
    assert modes.card["landmark_model"] == card["content_sha256"]
    assert "mine-shape-modes.npz" in run.output
    written = ["faces", "mine-shape-modes.npz", "mine.json", "mine.npz", "who.csv"]
    assert sorted(p.name for p in tmp_path.iterdir()) == written


@pytest.mark.shared
def test_shape_modes_are_learnt_from_the_faces_trained_on(faces, small_model, tmp_path):
    images, points, persons = faces
    source = LabelledFaces("frames", images, points, persons, 1.0, {"images": len(images)})
    modes = train_shape_modes(small_model, [source], hold_out_percent=10)
    assert modes is not None
    assert 98 <= modes.card["faces"] == int((~held_out([f"frames/{p}" for p in persons], 10)).sum())
    again = ShapeModes.load(modes.save(tmp_path / "modes.npz"))
    np.testing.assert_array_equal(again.axes, modes.axes)
    # Faces differ in shape much as those do that the package's modes come from.
    registered = registered_landmarks(small_model.track(images[0], points[0].astype(np.float32)).points)
    assert np.abs(modes.scores(registered)).max() < 6
    assert train_shape_modes(small_model, [source], hold_out_percent=50) is None


def test_the_command_refuses_what_it_cannot_use(tmp_path):
    def refusal(*arguments) -> str:
        run = train_landmarks_command("--teacher", tmp_path / "absent.task", *arguments)
        assert isinstance(run.exception, click.ClickException | FacsError), run.exception
        return str(run.exception)

    out = tmp_path / "m.npz"
    assert "model files end in .npz" in refusal("--images", tmp_path, "--out", tmp_path / "m.dat")
    assert "no such folder or tar" in refusal("--images", tmp_path / "absent", "--out", out)
    assert "no images" in refusal("--images", tmp_path, "--out", out)
    assert "colour=red" in refusal("--images", f"{tmp_path},colour=red", "--out", out)
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((9, 9), np.uint8))
    (tmp_path / "bad.npz").write_text("no archive")
    assert "bad.npz" in refusal("--images", f"{tmp_path},labels={tmp_path / 'bad.npz'}", "--out", out)
    assert not out.exists()


def test_images_without_any_answer_of_the_teacher_are_refused(tmp_path):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((64, 64), np.uint8))
    pictures = open_pictures(tmp_path)
    np.savez(
        tmp_path / "labels.npz",
        image=[f"{i}.png" for i in range(3)],
        blendshapes=np.zeros((3, 1)),
        names=["jawOpen"],
        points=np.full((3, 68, 2), np.nan),
    )
    with pytest.raises(InputError, match="no image has the teacher's points"):
        gather_faces(pictures, read_labels(tmp_path / "labels.npz", pictures), 1.0)


def test_persons_keep_their_side_whoever_else_is_there():
    names = [f"person {i}" for i in range(400)]
    out = held_out(names, 10)
    assert 0.05 < out.mean() < 0.16
    assert held_out(names[::3], 10).tolist() == out[::3].tolist()
    assert (held_out(names, 30) >= out).all()
    assert not held_out(names, 0).any()
    twice = held_out(names * 2, 10)
    assert (twice[:400] == twice[400:]).all()


def test_the_mean_shape_is_symmetric_and_in_place():
    rng = np.random.default_rng(0)
    shapes = 100 * MEAN_HEAD[:, :2] + rng.normal(0, 3, (200, 68, 2))
    turn = np.array([[0.8, -0.6, 50], [0.6, 0.8, -7]])
    mean = mean_shape(np.concatenate([shapes, 3 * geometry.apply(turn, shapes)]))
    assert np.allclose(mean[MIRROR_68, 0], CROP - mean[:, 0], atol=1e-3)
    assert np.allclose(mean[MIRROR_68, 1], mean[:, 1], atol=1e-3)
    assert mean[45, 0] - mean[36, 0] == pytest.approx(EYE_DISTANCE, rel=1e-5)
    back = geometry.apply(geometry.fit_similarity(mean, MEAN_HEAD[:, :2]), mean)
    assert np.abs(back - MEAN_HEAD[:, :2]).max() < 0.01


def test_misregistration_has_the_spread_asked_for():
    maps = misregistration(np.random.default_rng(0), 20000, (0.1, 0.05, 0.2))
    turn = np.arctan2(maps[:, 1, 0], maps[:, 0, 0])
    size = np.log(np.hypot(maps[:, 1, 0], maps[:, 0, 0]))
    shift = geometry.apply(maps, np.full((1, 2), CROP / 2))[:, 0] - CROP / 2
    # A tenth is twice as far off: the variance is 0.9 + 0.1 * 4 times that asked for.
    wide = np.sqrt(1.3)
    assert turn.std() == pytest.approx(0.2 * wide, rel=0.03)
    assert size.std() == pytest.approx(0.05 * wide, rel=0.03)
    assert shift.std() == pytest.approx(0.1 * EYE_DISTANCE * wide, rel=0.03)
    assert np.abs(shift.mean(axis=0)).max() < 0.1


def test_ridge_is_least_squares_without_and_the_mean_with_much_penalty():
    rng = np.random.default_rng(0)
    x, truth = rng.normal(3, 1, (500, 4)), rng.normal(size=(4, 2))
    y = x @ truth + [5, -2] + rng.normal(0, 0.1, (500, 2))
    design = np.column_stack([x, np.ones(500)])
    gram, cross = design.T @ design, design.T @ y
    assert np.allclose(ridge(gram, cross, 1e-9), np.linalg.lstsq(design, y, rcond=None)[0], atol=1e-4)
    heavy = ridge(gram, cross, 1e9)
    assert np.abs(heavy[:-1]).max() < 1e-6
    assert np.allclose(heavy[-1], y.mean(axis=0), atol=1e-4)


def test_a_map_of_low_rank_predicts_as_the_whole_one_where_that_matters():
    rng = np.random.default_rng(0)
    x = rng.normal(2, 1, (400, 12)) * np.geomspace(1, 0.01, 12)
    design = np.column_stack([x, np.ones(400)])
    gram = design.T @ design
    ways = rng.normal(size=(13, 3)) @ rng.normal(size=(3, 136))
    exact = low_rank(ways, gram, rank=3)
    assert exact.down.shape == (3, 12)
    assert exact.up.shape == (136, 3)
    for row, values in zip(design[:20], x[:20].astype(np.float32), strict=True):
        assert np.allclose(exact(values), (row @ ways).reshape(68, 2), atol=1e-3)
    # Of a map of full rank the best two axes of what it predicts stay, its mean with them.
    whole = rng.normal(size=(13, 136))
    wanted = design @ whole
    found = np.array([low_rank(whole, gram, rank=2)(values).ravel() for values in x.astype(np.float32)])
    left = ((wanted - found) ** 2).sum()
    spread = np.linalg.svd(wanted - wanted.mean(axis=0), compute_uv=False)
    assert left == pytest.approx((spread[2:] ** 2).sum(), rel=1e-3)


def test_a_detectors_box_holds_the_inner_face():
    mean = mean_shape(100 * MEAN_HEAD[None, :, :2])
    box = dlib_box_shape(mean)
    assert box[17:].min() > 0
    assert box[17:].max() < 1
    assert box[:, 0].mean() == pytest.approx(0.5, abs=0.01)

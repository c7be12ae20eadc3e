"""Features of a face: checked against slow, direct definitions, and for what must not matter to them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.data import astronaut
from skimage.feature import local_binary_pattern

import facs_pipeline
from facs_pipeline.features import hog, lbp, registration, shape_modes, vector
from facs_pipeline.features.hog import N_HOG
from facs_pipeline.features.lbp import GRID, N_LBP, N_UNIFORM
from facs_pipeline.features.registration import TEXTURE
from facs_pipeline.features.shape_modes import ShapeModes, default_shape_modes
from facs_pipeline.features.vector import BLOCKS, N_FEATURES
from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.foundation.files.model_file import load_model, save_model
from facs_pipeline.foundation.images import geometry
from facs_pipeline.landmarks.model import DEFAULT_MODEL, LandmarkModel
from facs_pipeline.landmarks.points import INNER_49, MIRROR_68
from facs_pipeline.landmarks.pose import MEAN_HEAD
from facs_pipeline.synthesis.face import SyntheticFace

CELL = TEXTURE // GRID


@pytest.fixture(scope="module")
def texture() -> np.ndarray:
    """Smooth structure with noise: every kind of pattern occurs."""
    rng = np.random.default_rng(0)
    smooth = cv2.resize(rng.uniform(0, 255, (12, 12)).astype(np.float32), (TEXTURE, TEXTURE))
    return np.clip(smooth + rng.normal(0, 6, (TEXTURE, TEXTURE)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def real_face() -> tuple[np.ndarray, np.ndarray]:
    """A photograph of a face [512, 512] and its landmarks [68, 2]."""
    grey = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2GRAY)
    return grey, LandmarkModel.load().find(grey, (170, 80, 110, 110)).points


def slow_code(texture: np.ndarray, row: int, column: int) -> int:
    """LBP of one pixel, neighbour by neighbour clockwise from the top left; outside, the border is repeated."""
    last = len(texture) - 1
    code = 0
    around = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]
    for bit, (down, right) in enumerate(around):
        neighbour = texture[min(max(row + down, 0), last), min(max(column + right, 0), last)]
        code += (int(neighbour) >= int(texture[row, column])) << bit
    return code


def changes(code: int) -> int:
    """How often the bits change round the circle."""
    text = f"{code:08b}"
    return sum(text[i] != text[i - 1] for i in range(8))


def test_codes_are_the_definitions(texture):
    codes = lbp.lbp_codes(texture)
    assert codes.shape == texture.shape
    assert codes.dtype == np.uint8
    rng = np.random.default_rng(1)
    places = [(0, 0), (0, 119), (119, 0), (119, 119), *rng.integers(0, TEXTURE, (500, 2))]
    for row, column in places:
        assert codes[row, column] == slow_code(texture, row, column)


def test_histograms_are_the_definitions(texture):
    uniform = [code for code in range(256) if changes(code) <= 2]
    assert len(uniform) == N_UNIFORM - 1
    codes = lbp.lbp_codes(texture)
    shares = (lbp.lbp_histograms(texture).reshape(GRID, GRID, N_UNIFORM) / 255.0) ** 2
    for row, column in ((0, 0), (3, 7), (9, 9)):
        cell = codes[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL].ravel()
        expected = [np.mean(cell == code) for code in uniform]
        expected.append(1 - sum(expected))
        assert shares[row, column] == pytest.approx(expected, abs=0.005)


def test_straight_neighbours_agree_with_another_implementation(texture):
    """scikit-image interpolates diagonal neighbours, so only those that lie on pixels can be compared."""
    codes = lbp.lbp_codes(texture)[1:-1, 1:-1]
    theirs = local_binary_pattern(texture, 4, 1, "default").astype(int)[1:-1, 1:-1]
    for direction, bit in ((0, 3), (1, 1), (2, 7), (3, 5)):
        assert np.array_equal((theirs >> direction) & 1, (codes >> bit) & 1)


def test_every_cells_histogram_covers_its_area(texture):
    for image in (texture, np.zeros_like(texture), 255 - texture):
        shares = (lbp.lbp_histograms(image).reshape(-1, N_UNIFORM) / 255.0) ** 2
        assert shares.sum(axis=1) == pytest.approx(1, abs=0.03)


def test_a_flat_texture_has_one_pattern_and_no_gradient():
    flat = np.full((TEXTURE, TEXTURE), 90, np.uint8)
    histograms = lbp.lbp_histograms(flat).reshape(-1, N_UNIFORM)
    assert (histograms[:, 57] == 255).all()
    assert histograms.sum() == 255 * GRID * GRID
    assert not hog.hog(flat).any()


@pytest.mark.parametrize("gain", [0.5, 1.0])
@pytest.mark.parametrize("offset", [0, 40])
def test_lbp_knows_no_brightness_and_no_contrast(texture, gain, offset):
    even = texture // 4 * 2  # halves without rounding
    changed = (even * gain + offset).astype(np.uint8)
    assert np.array_equal(lbp.lbp_histograms(changed), lbp.lbp_histograms(even))


@pytest.mark.parametrize("direction", range(8))
def test_a_ramp_goes_to_its_direction(direction):
    """Direction k is brightness rising towards k * 45 degrees, from right clockwise (y is down)."""
    angle = direction * np.pi / 4
    y, x = np.mgrid[:TEXTURE, :TEXTURE] - TEXTURE / 2
    ramp = np.round(128 + x * np.cos(angle) + y * np.sin(angle)).clip(0, 255).astype(np.uint8)
    inside = hog.hog(ramp).reshape(18, 18, 8)[4:-4, 4:-4].mean(axis=(0, 1))
    assert inside.argmax() == direction
    neighbours = inside[[(direction - 1) % 8, (direction + 1) % 8]]
    assert neighbours[0] == pytest.approx(neighbours[1], rel=0.15)
    assert inside[[(direction + k) % 8 for k in (3, 4, 5)]].max() < 0.2 * inside.max()


def test_hog_is_local():
    texture = np.full((TEXTURE, TEXTURE), 100, np.uint8)
    texture[10:20, 90:100] = 200
    seen = hog.hog(texture).reshape(18, 18, 8).sum(axis=2)
    rows, columns = np.nonzero(seen)
    assert rows.max() <= 3
    assert columns.min() >= 12


def test_blocks_cover_the_vector_once():
    covered = np.zeros(N_FEATURES, int)
    for block in BLOCKS.values():
        covered[block] += 1
    assert (covered == 1).all()
    sizes = {name: block.stop - block.start for name, block in BLOCKS.items()}
    assert sizes == {"lbp": N_LBP, "hog": N_HOG, "landmarks": 98, "products": 465}


def test_the_mean_face_is_128():
    points = 300 * MEAN_HEAD[:, :2] + [500, 400]
    assert (shape_modes.registered_landmarks(points) == 128).all()


def test_registered_landmarks_count_quarters_of_a_pixel():
    """A lip corner moved by 10 texture pixels moves by 40, less the little that registration takes away."""
    points = 100 * MEAN_HEAD[:, :2]
    pixel = 100 / registration.EYE_DISTANCE
    points[48] += [10 * pixel, -10 * pixel]
    place = 2 * list(INNER_49).index(48)
    values = shape_modes.registered_landmarks(points).astype(int) - 128
    assert values[place] == pytest.approx(40, abs=3)
    assert values[place + 1] == pytest.approx(-40, abs=3)
    assert np.abs(np.delete(values, [place, place + 1])).max() <= 4


def test_registered_landmarks_know_no_place_size_or_roll():
    rng = np.random.default_rng(0)
    points = 100 * MEAN_HEAD[:, :2] + rng.normal(0, 2, (68, 2))
    turn = 3.0 * np.array([[np.cos(0.5), -np.sin(0.5), 0], [np.sin(0.5), np.cos(0.5), 0]]) + [[0, 0, 70], [0, 0, -9]]
    moved = shape_modes.registered_landmarks(geometry.apply(turn, points)).astype(int)
    assert np.abs(moved - shape_modes.registered_landmarks(points)).max() <= 1


def test_extreme_shapes_saturate_instead_of_wrapping():
    points = 100 * MEAN_HEAD[:, :2]
    points[57] += [0, 200]
    values = shape_modes.registered_landmarks(points).reshape(49, 2)
    assert values[list(INNER_49).index(57), 1] == 255


def some_faces(n: int) -> np.ndarray:
    """Registered landmarks [n, 98] of the mean face with noise."""
    rng = np.random.default_rng(5)
    return np.array(
        [shape_modes.registered_landmarks(100 * MEAN_HEAD[:, :2] + rng.normal(0, 4, (68, 2))) for _ in range(n)]
    )


def test_shape_modes_are_scores_of_unit_variance():
    faces = some_faces(300)
    modes = ShapeModes.fit(faces)
    scores = np.array([modes.scores(face) for face in faces])
    np.testing.assert_allclose(scores.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(scores.T @ scores / 300, np.eye(shape_modes.N_MODES), atol=1e-3)


def test_products_are_those_of_the_modes_in_the_package():
    modes, face = default_shape_modes(), some_faces(1)[0]
    scores = np.clip(modes.scores(face), -4, 4)
    expected = [128 + 8 * scores[i] * scores[j] for i in range(30) for j in range(i, 30)]
    assert np.abs(shape_modes.shape_products(face) - np.clip(expected, 0, 255)).max() <= 0.501


def test_the_modes_in_the_package_are_those_its_models_were_trained_with():
    """They lay in the landmark model before; its file still carries them."""
    modes, stored = default_shape_modes(), load_model(DEFAULT_MODEL)
    np.testing.assert_array_equal(np.vstack([modes.mean, modes.axes]), stored.arrays["shape_modes"])
    assert modes.mean.dtype == modes.axes.dtype == np.float32
    assert modes.card["landmark_model"] == stored.card["content_sha256"]


def test_saved_shape_modes_are_the_same_and_others_are_refused(tmp_path):
    modes = ShapeModes.fit(some_faces(120), {"title": "some faces"})
    again = ShapeModes.load(modes.save(tmp_path / "modes.npz"))
    np.testing.assert_array_equal(again.axes, modes.axes)
    assert again.card["title"] == "some faces"
    assert len(again.sha256) == 64
    assert modes.sha256 == "unsaved"
    with pytest.raises(ModelError, match="expected 'shape-modes'"):
        ShapeModes.load(DEFAULT_MODEL)
    save_model(tmp_path / "part.npz", shape_modes.KIND, {"mean": modes.mean}, {})
    with pytest.raises(ModelError, match=r"part\.npz: shape modes without 'axes'"):
        ShapeModes.load(tmp_path / "part.npz")
    with pytest.raises(ModelError, match=r"expected a mean \[98\] and axes \[30, 98\], got \[98\] and \[29, 98\]"):
        ShapeModes(modes.mean, modes.axes[1:])


def test_stored_features_depend_on_the_shape_modes_file(monkeypatch):
    before = vector.made_by()
    assert before["shape_modes_sha256"] == load_model(shape_modes.DEFAULT_MODEL).card["content_sha256"]
    other = ShapeModes.fit(some_faces(120), {"content_sha256": "another version's"})
    monkeypatch.setattr(vector, "default_shape_modes", lambda: other)
    assert vector.made_by() != before


def test_settings_are_those_in_the_models_of_the_package():
    of_emotions = load_model(DEFAULT_MODEL.with_name("emotions.npz")).card["settings"]
    assert vector.SETTINGS.as_json() == of_emotions
    of_action_units = load_model(DEFAULT_MODEL.with_name("action_units.npz")).card["settings"]
    assert of_action_units.items() > of_emotions.items()


def test_the_former_name_still_works_and_warns():
    grey, points = np.zeros((300, 300), np.uint8), 80 * MEAN_HEAD[:, :2] + 150
    with pytest.warns(FutureWarning, match="face_features"):
        former = facs_pipeline.features(grey, points)  # type: ignore[operator]  # A package has this name, too.
    np.testing.assert_array_equal(former, facs_pipeline.face_features(grey, points))


def test_features_of_a_real_face(real_face):
    grey, points = real_face
    values = vector.face_features(grey, points)
    assert values.shape == (N_FEATURES,)
    assert values.dtype == np.uint8
    texture = registration.registered_texture(grey, points)
    assert np.array_equal(values[BLOCKS["lbp"]], lbp.lbp_histograms(texture))
    assert np.array_equal(values[BLOCKS["hog"]], hog.hog(texture))
    assert np.array_equal(values[BLOCKS["landmarks"]], shape_modes.registered_landmarks(points))
    assert np.array_equal(values, vector.face_features(grey, points))
    # The face fills the texture: eyes where they are said to be, at equal height.
    eyes = geometry.apply(registration.registration(points), points[[36, 45]])
    assert eyes[1, 0] - eyes[0, 0] == pytest.approx(registration.EYE_DISTANCE, rel=0.15)
    assert abs(eyes[1, 1] - eyes[0, 1]) < 4


@pytest.mark.parametrize(
    ("size", "turn", "shift"), [(1.0, 0.0, (37, 5)), (1.6, 0.0, (0, 0)), (3.0, 0.0, (0, 0)), (1.0, 0.3, (60, -40))]
)
def test_features_do_not_know_where_and_how_large_the_face_is(real_face, size, turn, shift):
    grey, points = real_face
    cosine, sine = size * np.cos(turn), size * np.sin(turn)
    matrix = np.array([[cosine, -sine, shift[0] + 40], [sine, cosine, shift[1] + 40]])
    side = int(512 * size + 200)
    moved = cv2.warpAffine(grey, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    one = vector.face_features(grey, points).astype(float)
    other = vector.face_features(moved, geometry.apply(matrix, points)).astype(float)
    assert np.abs(one - other)[BLOCKS["landmarks"]].max() <= 1
    # What resampling changes is small beside what another expression or person would.
    assert np.corrcoef(one[BLOCKS["hog"]], other[BLOCKS["hog"]])[0, 1] > 0.98
    assert np.corrcoef(one[BLOCKS["lbp"]], other[BLOCKS["lbp"]])[0, 1] > 0.8


def test_a_mirrored_face_has_the_mirrored_texture(real_face):
    grey, points = real_face
    mirrored = points[MIRROR_68] * [-1, 1] + [grey.shape[1] - 1, 0]
    one = registration.registered_texture(grey, points).astype(float)
    other = registration.registered_texture(np.ascontiguousarray(grey[:, ::-1]), mirrored).astype(float)
    # The texture's middle is at 60, between pixels 59.5 and 60.5 of a mirror.
    assert np.abs(one[:, 1:] - other[:, :0:-1]).mean() < 1.5
    assert np.abs(one[:, 1:] - other[:, 1:]).mean() > 5


def test_another_expression_of_the_same_person_differs_more_than_resampling():
    model, face = LandmarkModel.load(), SyntheticFace(0, 512)
    grey, smiling = (cv2.cvtColor(face.draw(shown)[0], cv2.COLOR_BGR2GRAY) for shown in ({}, {12: 4, 25: 3}))
    points = model.track(grey, face.rest_points.astype(np.float32)).points
    other = vector.face_features(smiling, model.track(smiling, model.track(smiling, points).points).points)
    same = vector.face_features(cv2.GaussianBlur(grey, (3, 3), 0.5), points)
    one = vector.face_features(grey, points).astype(float)
    assert np.abs(one - other).mean() > 1.5 * np.abs(one - same).mean()

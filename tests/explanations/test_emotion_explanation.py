"""Explanations of emotions: contributions that sum exactly, the right places, covered parts, words and pictures."""

from __future__ import annotations

import doctest

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.emotions import face_images as emotion_faces
from facs_pipeline.emotions.face_images import FaceImages
from facs_pipeline.emotions.heads import FullKernel, LinearHead
from facs_pipeline.emotions.mirror_kernel import MirrorKernelRidge
from facs_pipeline.emotions.model import EmotionModel, KernelStage, input_features
from facs_pipeline.explanations import face_regions
from facs_pipeline.explanations.average_face import AverageFace, average_face
from facs_pipeline.explanations.contributions import difference_weights
from facs_pipeline.explanations.emotions import EmotionExplanation, draw_explanation, explain_face
from facs_pipeline.explanations.face_regions import AU_REGIONS, REGIONS, region_map
from facs_pipeline.explanations.kernel_contributions import kernel_contributions
from facs_pipeline.extraction.predicted_emotions import emotion_inputs
from facs_pipeline.features import registration, vector
from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.landmarks.pose import MEAN_HEAD

ALL = ("lbp", "hog", "landmarks", "products")


@pytest.fixture(scope="module")
def grey():
    return cv2.cvtColor(astronaut(), cv2.COLOR_RGB2GRAY)


@pytest.fixture(scope="module")
def seen(grey):
    """The face of a smiling woman."""
    return emotion_inputs([grey], FaceAnalyser(action_units=None).analyse_image(grey, default_place=True))


def linear(seen: FaceImages, inputs, weights=None, k: int = 3) -> EmotionModel:
    d = input_features(seen, inputs).shape[1]
    coef = np.random.default_rng(0).normal(size=(d, k)) / d if weights is None else weights
    return EmotionModel("test", ["happy", "sad", "fear"][:k], LinearHead(coef, np.arange(k) / 10, 0.5), inputs=inputs)


def shares_of(found: EmotionExplanation) -> np.ndarray:
    """The numbers' contributions, which must be there."""
    assert found.contributions is not None
    return found.contributions


@pytest.mark.parametrize(
    "inputs", [ALL, ("hog",), ("landmarks",), ("hog", "landmarks", "pixels"), ("windows",), ("action_units",)]
)
def test_contributions_sum_exactly_to_the_difference_in_log_odds(seen, grey, inputs):
    model = linear(seen, inputs)
    found = explain_face(model, seen, 0, image=grey)
    assert found.method == "contributions"
    moved = found.log_odds - found.reference_log_odds
    assert shares_of(found).sum() == pytest.approx(moved, abs=1e-9)
    assert found.heat.sum() + found.regions.get("shape", 0) == pytest.approx(moved, abs=1e-9)
    assert sum(found.regions.values()) == pytest.approx(moved, abs=1e-9)
    assert found.log_odds == pytest.approx(np.log(found.probability / found.runner_up_probability), abs=1e-4)
    assert isinstance(model.head, LinearHead)
    weights = model.head.coef.astype(float) * 0.5
    first, second = model.emotions.index(found.emotion), model.emotions.index(found.runner_up)
    expected = (input_features(seen, inputs)[0] - AverageFace.load_default().numbers(inputs)) * (
        weights[:, first] - weights[:, second]
    )
    np.testing.assert_allclose(shares_of(found), expected, atol=1e-12)


def test_contributions_through_a_projection(seen):
    random = np.random.default_rng(1)
    axes, mean = random.normal(size=(98, 5)).astype(np.float32), random.normal(size=98).astype(np.float32)
    head = LinearHead(random.normal(size=(5, 2)) / 1000, np.zeros(2), 1.0)
    model = EmotionModel("test", ["happy", "sad"], head, inputs=("landmarks",), projection=(mean, axes))
    found = explain_face(model, seen, 0)
    assert shares_of(found).sum() == pytest.approx(found.log_odds - found.reference_log_odds, abs=1e-9)
    assert found.log_odds == pytest.approx(np.log(found.probability / found.runner_up_probability), abs=1e-3)


def test_nothing_moves_a_face_away_from_itself(seen):
    found = explain_face(linear(seen, ALL), seen, 0, reference=input_features(seen, ALL)[0])
    assert not found.heat.any()
    assert not shares_of(found).any()
    assert not any(found.regions.values())


def test_heat_lies_where_the_numbers_were_measured(seen, grey):
    def heat_of(inputs, numbers):
        weights = np.zeros((input_features(seen, inputs).shape[1], 2))
        weights[numbers, 0] = 1
        found = explain_face(linear(seen, inputs, weights, 2), seen, 0, image=grey, reference=np.zeros(len(weights)))
        return found, np.abs(found.heat)

    _, heat = heat_of(("lbp",), range(59 * 34, 59 * 35))
    assert heat.sum() > 0
    assert heat[36:48, 48:60].sum() == pytest.approx(heat.sum())
    _, heat = heat_of(("hog",), range(8 * (18 * 10 + 4), 8 * (18 * 10 + 5)))
    assert heat.sum() > 0
    assert heat[60:73, 24:37].sum() == pytest.approx(heat.sum())
    found, heat = heat_of(("landmarks",), [2 * 13, 2 * 13 + 1])
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    tip = found.points[30]
    assert abs(column - tip[0]) < 2
    assert abs(row - tip[1]) < 2
    assert found.landmarks.argmax() == 13
    # The middle of the mouth in the picture, as pixel of the picture scaled to 48 x 48.
    x, y = seen.points[0][[62, 66]].mean(axis=0)
    pixel = int((y + 0.5) / grey.shape[0] * 48) * 48 + int((x + 0.5) / grey.shape[1] * 48)
    found, heat = heat_of(("pixels",), [pixel])
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    # One such pixel is eleven of the picture's.
    assert np.hypot(*(np.array([column, row]) - found.points[[62, 66]].mean(axis=0))) < 12


def test_a_smile_is_explained_by_the_mouth(seen, grey):
    model = EmotionModel.load_default()
    found = explain_face(model, seen, 0, image=grey)
    assert found.emotion == "happy"
    assert found.probability > 0.7
    assert len(found.reasons) == 3
    assert all(found.reasons)
    assert "AU12 lip corner puller" in found.reasons[2]
    assert "an association" in found.reasons[2]
    assert found.face.shape == (120, 120)
    assert found.face.dtype == np.uint8


def test_covering_what_a_model_looks_at_changes_it_and_nothing_else_does(seen, grey):
    """A model that knows only how bright the mouth's pixels of the picture are."""
    x0, y0 = seen.points[0][48:68].min(axis=0) * 48 / 512
    x1, y1 = seen.points[0][48:68].max(axis=0) * 48 / 512
    weights = np.zeros((48, 48, 2))
    weights[int(y0) : int(y1) + 1, int(x0) : int(x1) + 1, 0] = seen.pixels[0][
        int(y0) : int(y1) + 1, int(x0) : int(x1) + 1
    ] - float(seen.pixels[0].mean())
    model = linear(seen, ("pixels",), weights.reshape(-1, 2) / 20000, 2)
    found = explain_face(model, seen, 0, image=grey, method="occlusion")
    assert found.method == "occlusion"
    assert found.contributions is None
    assert next(iter(found.regions)) == "mouth"
    assert abs(found.regions["mouth"]) > 0.01
    assert abs(found.regions["forehead"]) < 1e-9
    row, column = np.unravel_index(np.abs(found.heat).argmax(), found.heat.shape)
    low, high = found.points[48:68].min(axis=0) - 15, found.points[48:68].max(axis=0) + 15
    assert low[0] < column < high[0]
    assert low[1] < row < high[1]


def test_occlusion_starts_from_what_the_model_says(seen, grey):
    """Features of the uncovered picture are those that the face was seen with."""
    model = EmotionModel.load_default()
    found = explain_face(model, seen, 0, image=grey, method="occlusion")
    said = model.predict_proba(seen)[0].max()
    assert found.probability == pytest.approx(said)
    assert f"from {said:.0%} to" in found.reasons[0] or "at least as probable" in found.reasons[0]
    assert -1 <= found.heat.min() <= found.heat.max() <= 1


def test_without_the_image_the_crop_is_shown(seen, grey):
    exact, coarse = (explain_face(linear(seen, ALL), seen, 0, image=image) for image in (grey, None))
    np.testing.assert_array_equal(exact.contributions, coarse.contributions)
    inner = slice(12, 108)
    difference = np.abs(exact.face[inner, inner].astype(float) - coarse.face[inner, inner])
    assert difference.mean() < 8


def test_a_face_that_was_not_found_is_said(seen):
    lost = seen._replace(detected=np.array([False]))
    assert "no face was found" in explain_face(linear(seen, ALL), lost, 0).reasons[3]


def test_the_compact_models_contributions_sum_exactly_to_its_log_odds(seen, grey):
    model = EmotionModel.load_default()
    found = explain_face(model, seen, 0, image=grey)
    assert found.method == "contributions"
    moved = found.log_odds - found.reference_log_odds
    assert shares_of(found).sum() == pytest.approx(moved, abs=1e-9)
    assert sum(found.regions.values()) == pytest.approx(moved, abs=1e-9)
    # The model itself computes in single precision.
    assert found.log_odds == pytest.approx(np.log(found.probability / found.runner_up_probability), abs=1e-3)
    assert len(shares_of(found)) == input_features(seen, model.inputs).shape[1]
    # The kernel speaks too, in the HOG's numbers and nowhere else.
    first, second = model.emotions.index(found.emotion), model.emotions.index(found.runner_up)
    difference = input_features(seen, model.inputs)[0] - AverageFace.load_default().numbers(model.inputs)
    kernels = found.contributions - difference * difference_weights(model, first, second)[0]
    hog = vector.BLOCKS["hog"]
    assert np.abs(kernels[hog].sum()) > 0.1
    assert not np.delete(kernels, hog).any()


def test_a_kernels_contributions_go_from_the_reference_to_the_face(seen):
    model, hog = EmotionModel.load_default(), vector.BLOCKS["hog"]
    face, average = seen.features[0, hog].astype(float), AverageFace.load_default().features[hog].astype(float)
    there, of_face, of_average = kernel_contributions(model, face, average, 3, 6)
    back, of_average_again, of_face_again = kernel_contributions(model, average, face, 3, 6)
    np.testing.assert_allclose(there, -back, atol=1e-9)
    assert (of_face, of_average) == pytest.approx((of_face_again, of_average_again))
    assert there.sum() == pytest.approx(of_face - of_average, abs=1e-9)
    assert abs(there.sum()) > 0.1
    assert not kernel_contributions(model, face, face, 3, 6)[0].any()


def test_contributions_need_a_decision_that_can_be_shared_out(seen):
    model = EmotionModel.load_default()
    assert model.kernel_stage is not None
    ridge = MirrorKernelRidge().fit(np.eye(4), np.array([0, 0, 1, 1]))
    other = EmotionModel(
        "other",
        model.emotions,
        model.head,
        inputs=model.inputs,
        kernel_stage=KernelStage(model.kernel_stage.families, FullKernel(ridge)),
    )
    with pytest.raises(ValueError, match="'other': its decision cannot be shared out"):
        explain_face(other, seen, 0, method="contributions")
    with pytest.raises(ValueError, match="'heat'; expected auto"):
        explain_face(linear(seen, ALL), seen, 0, method="heat")  # type: ignore[arg-type]  # what is tested


def test_the_picture_shows_face_and_heat(seen, grey):
    found = explain_face(linear(seen, ALL), seen, 0, image=grey)
    picture = draw_explanation(found, side=200)
    assert picture.dtype == np.uint8
    assert picture.shape[1] == 430
    assert picture.shape[0] > 260
    shown = picture[10:210, 10:210]
    assert (shown[..., 0] == shown[..., 1]).all()
    blue, _, red = np.moveaxis(picture[10:210, 220:420].astype(int), 2, 0)
    assert (red - blue > 60).any()
    assert (blue - red > 60).any()
    np.testing.assert_array_equal(picture, draw_explanation(found, side=200))


def test_regions_of_the_mean_face():
    points = MEAN_HEAD[:, :2] * 58 + [60, 60]
    parts = region_map(points)
    assert set(np.unique(parts)) == set(range(len(REGIONS)))
    for point, name in ((19, "brows"), (37, "eyes"), (30, "nose"), (51, "mouth"), (57, "mouth")):
        column, row = points[point].round().astype(int)
        assert REGIONS[parts[row, column]] == name
    assert set(AU_REGIONS.values()) <= set(REGIONS)
    assert region_map(points + 500).shape == (120, 120)
    result = doctest.testmod(face_regions)
    assert result.attempted
    assert not result.failed


def test_the_average_face(seen, tmp_path):
    twice = FaceImages._make([*(np.repeat(part, 2, axis=0) for part in seen[:7]), ()])
    own = average_face(twice, "the same face twice")
    np.testing.assert_allclose(own.numbers(ALL), seen.features[0])
    np.testing.assert_allclose(own.action_units_sd, 0, atol=1e-3)
    assert own.card["images"] == 2
    stored = AverageFace.load(own.save(tmp_path / "own.npz"))
    np.testing.assert_allclose(stored.numbers(("pixels", "windows")), own.numbers(("pixels", "windows")), rtol=1e-6)
    package = AverageFace.load_default()
    assert package.card["images"] == 7178
    assert package.features.shape == (vector.N_FEATURES,)
    own._replace(card={**own.card, "made_by": {}}).save(tmp_path / "old.npz")
    with pytest.raises(ModelError, match=r"made again|make it again"):
        AverageFace.load(tmp_path / "old.npz")


def test_the_crop_is_where_the_explanation_says(seen, grey):
    """`CROP_SCALE` and `CROP_OFFSET` are what `registered_crop_48` does."""
    texture = registration.registered_texture(grey, seen.points[0])
    matrix = np.array([[1, 0, 0], [0, 1, 0]]) * emotion_faces.CROP_SCALE
    matrix[:, 2] = emotion_faces.CROP_OFFSET
    again = cv2.warpAffine(cv2.blur(texture, (2, 2)), matrix, (48, 48), borderMode=cv2.BORDER_REPLICATE)
    assert np.abs(again.astype(float) - seen.crops[0]).mean() < 8

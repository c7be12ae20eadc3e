"""Explanations of action units: contributions that sum exactly, the right places and frames, pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.explanations.action_units import (
    Face,
    apex_row,
    average,
    draw_explanation,
    explain_action_unit,
    reasons,
    resting_row,
)
from facs_pipeline.features import shape_modes
from facs_pipeline.features.vector import BLOCKS
from facs_pipeline.landmarks.model import default_landmarks
from facs_pipeline.landmarks.points import INNER_49

GREY = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2GRAY)
MODEL = ActionUnitModel.load_default()


@pytest.fixture(scope="module")
def smile() -> Face:
    return Face.at(GREY, default_landmarks().find(GREY, (170.0, 80.0, 110.0, 110.0)).points)


@pytest.mark.parametrize("au", MODEL.aus)
def test_contributions_sum_exactly_to_the_difference(smile, au):
    found = explain_action_unit(MODEL, au, smile, average())
    moved = found.score - found.reference_score
    assert abs(moved) > 0
    for shared in (found.contributions, found.heat, np.array([*found.parts.values()])):
        assert shared.sum() == pytest.approx(moved, abs=1e-9)
    shape = found.contributions[BLOCKS["landmarks"]].sum() + found.contributions[BLOCKS["products"]].sum()
    assert found.landmarks.sum() == pytest.approx(shape, abs=1e-9)
    assert found.by_kind()["landmarks"] == pytest.approx(shape, abs=1e-9)
    assert sum(found.by_region().values()) == pytest.approx(moved, abs=1e-9)
    assert found.intensity == pytest.approx(MODEL.predict(smile.features)[MODEL.aus.index(au)], abs=1e-4)


def test_a_smile_comes_from_the_mouth_and_its_corners(smile):
    found = explain_action_unit(MODEL, 12, smile, average())
    assert found.intensity > 3
    assert next(iter(found.by_region())) == "mouth"
    corners = [list(INNER_49).index(point) for point in (48, 54)]
    assert sorted(np.argsort(found.landmarks)[-2:]) == corners
    said = reasons(found, average())
    assert f"compared with the average face ({found.reference_intensity:.1f})" in said[0]
    assert "before both are limited to 0..5" in said[0]
    assert said[1].startswith("raised by mouth +")


def test_nothing_moves_a_face_away_from_itself(smile):
    found = explain_action_unit(MODEL, 12, smile, smile)
    assert not found.heat.any()
    assert not found.contributions.any()
    assert not any(found.parts.values())
    assert reasons(found, smile)[1:3] == ["raised by nothing", "lowered by nothing"]


def test_products_of_shape_modes_count_for_the_landmark_that_moved(smile):
    """The two faces differ in the position of one mouth corner, and in nothing but what follows from it."""
    other = smile.features.copy()
    where = BLOCKS["landmarks"]
    corner = 2 * list(INNER_49).index(54)
    other[where][corner : corner + 2] += 12
    other[BLOCKS["products"]] = shape_modes.shape_products(other[where])
    found = explain_action_unit(MODEL, 12, smile, smile._replace(features=other))
    assert found.contributions[BLOCKS["products"]].any()
    assert found.landmarks[corner // 2]
    assert not np.delete(found.landmarks, corner // 2).any()
    assert found.landmarks.sum() == pytest.approx(found.score - found.reference_score, abs=1e-9)


def test_an_action_unit_that_is_not_measured(smile):
    with pytest.raises(ValueError, match="AU22: the model measures 1, 2"):
        explain_action_unit(MODEL, 22, smile, average())


def test_frames_are_chosen_among_sure_ones():
    intensities, confidence = np.array([1.0, 5.0, 3.0, np.nan]), np.array([0.9, 0.2, 0.8, 1.0])
    assert apex_row(intensities, confidence) == 2
    assert apex_row(intensities, np.zeros(4)) == 1
    faces = np.array([[0.1, 0.1], [4.0, 0.0], [0.2, 0.1], [0.0, 3.0]])
    assert resting_row(faces, np.array([0.1, 1, 1, 1])) == 2


def test_the_picture_is_orange_where_the_intensity_is_raised(smile):
    found = explain_action_unit(MODEL, 12, smile, average())
    drawn = draw_explanation(found, smile, average())
    assert drawn.dtype == np.uint8
    assert drawn.shape[1] == 2 * 310 + 10
    heat = drawn[10:310, 320:620].astype(int)
    redder = heat[..., 2] - heat[..., 0]
    mouth = (2.5 * smile.points[48:68]).astype(int)
    (left, top), (right, bottom) = mouth.min(axis=0), mouth.max(axis=0)
    assert redder[top:bottom, left:right].mean() > 20 > redder[:50].mean()
    # Beside another frame there are three faces.
    assert draw_explanation(found, smile, smile).shape[1] == 3 * 310 + 10

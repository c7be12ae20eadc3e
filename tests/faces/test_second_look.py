"""Faces that the detector passes over at its own threshold, and what only resembles one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.data import astronaut, brick, coffee, grass

from facs_pipeline.analysis.stills import face_places
from facs_pipeline.faces.detector import find_faces, frontal_detector, upright_turn
from facs_pipeline.faces.second_look import look_again
from facs_pipeline.faces.tracker import FaceTracker
from facs_pipeline.landmarks.model import default_landmarks

GREY = astronaut().mean(axis=2).astype(np.uint8)
HEAD = GREY[10:270, 90:350]


def tilted(degrees: float) -> np.ndarray:
    turn = cv2.getRotationMatrix2D((130, 125), degrees, 1.0)
    return cv2.warpAffine(HEAD, turn, (260, 260), borderMode=cv2.BORDER_REPLICATE)


def as_it_was(points: np.ndarray, degrees: float) -> np.ndarray:
    back = cv2.getRotationMatrix2D((130, 125), -degrees, 1.0)
    return points @ back[:, :2].T + back[:, 2]


@pytest.mark.parametrize("degrees", [-45, 45])
def test_a_tilted_head_is_found_with_the_points_of_the_upright_one(degrees):
    picture = tilted(degrees)
    assert not find_faces(frontal_detector(), picture, 400 / 260)
    upright, found = (face_places(grey, default_landmarks())[0] for grey in (HEAD, picture))
    assert upright.found
    assert found.found
    eyes = np.linalg.norm(upright.points[45] - upright.points[36])
    assert np.linalg.norm(as_it_was(found.points, degrees) - upright.points, axis=1).mean() < 0.06 * eyes


def test_a_tilted_head_in_a_video_is_found_within_a_second():
    tracker = FaceTracker(default_landmarks())
    found = [bool(tracker.update(tilted(50), number / 25)) for number in range(32)]
    assert not any(found[:25])
    assert all(found[25:])


def test_a_head_on_its_side_is_not_taken_for_an_upright_one_but_said():
    for quarter, degrees in ((1, 90), (2, 180), (3, 270)):
        lying = np.ascontiguousarray(np.rot90(HEAD, quarter))
        assert not face_places(lying, default_landmarks())[0].found
        assert upright_turn([lying], default_landmarks()) == degrees


def test_what_shows_nobody_shows_nobody_at_a_second_look():
    blurred = cv2.GaussianBlur(HEAD, (0, 0), 14)
    for grey in (coffee().mean(axis=2).astype(np.uint8), brick(), grass(), blurred):
        assert look_again(frontal_detector(), grey, default_landmarks(), sides=(400, 800), thorough=True) == []

"""The halves of a face, and the same halves in a mirror."""

from __future__ import annotations

import cv2
import numpy as np
from skimage.data import astronaut

from facs_pipeline.features.halves import face_halves, gradient_values, middle_values
from facs_pipeline.features.vector import face_features
from facs_pipeline.landmarks.model import LandmarkModel
from facs_pipeline.landmarks.points import mirrored


def test_a_mirrored_photograph_has_its_halves_exchanged():
    grey = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2GRAY)
    points = LandmarkModel.load().find(grey, (170, 80, 110, 110)).points
    face, in_mirror = face_features(grey, points), face_features(*mirrored(grey, points))
    (left, right), (left_there, right_there) = (face_halves(one[None]) for one in (face, in_mirror))
    for here, there in ((left, right_there), (right, left_there)):
        difference = np.abs(here - there)
        # Brightness between pixels is rounded to whole numbers, and not always the same way in a mirror.
        assert difference.max() <= 1
        assert (difference > 0).mean() < 0.01
    assert np.abs(left - right).mean() > 5


def test_every_value_is_of_one_place_and_the_middle_is_known():
    left, _ = face_halves(np.arange(9055)[None])
    assert len(np.unique(left)) == left.size == len(middle_values())
    # Half of 18 rows of 15 inner columns of windows, and half of 49 points.
    assert gradient_values().stop == 18 * 8 * 7 + np.count_nonzero(middle_values()[gradient_values()])
    assert np.count_nonzero(middle_values()[gradient_values().stop :]) == 9

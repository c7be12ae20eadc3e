"""Oriented gradients: the same to the bit whichever way round a face is, and with whichever OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facs_pipeline.patches import directions, oriented_gradients


@pytest.mark.parametrize("n", [6, 8])
def test_what_points_right_points_left_in_the_mirror(n):
    """To the last bit, odd gradients included, whose halves are ties."""
    picture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (60, 80), dtype=np.uint8), (5, 5), 0)
    along = directions(n)
    here = np.concatenate(oriented_gradients(picture, along), axis=2)[..., :n]
    there = np.concatenate(oriented_gradients(np.ascontiguousarray(picture[:, ::-1]), along), axis=2)[..., :n]
    mirrored = [(n // 2 - k) % n for k in range(n)]
    assert np.array_equal(here, there[:, ::-1, mirrored])
    assert here.max() > 20


def test_directions_along_the_axes_are_exact():
    assert directions(8)[:, ::2].T.tolist() == [[0.5, 0], [0, 0.5], [-0.5, 0], [0, -0.5]]

"""Warped training faces: mouth, brows and lids move, the rest stays, the same way every time."""

from __future__ import annotations

import pickle

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from facs_pipeline.datasets.pictures import open_pictures
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.landmarks.model import default_landmarks
from facs_pipeline.landmarks.training.warped import warp, warped


@pytest.fixture(scope="module")
def face():
    grey = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2GRAY)[:256, 80:336].copy()
    return grey, default_landmarks().find(grey, (90.0, 80.0, 110.0, 110.0)).points


@pytest.fixture
def pictures(face, tmp_path):
    for name in "abc":
        cv2.imwrite(str(tmp_path / f"{name}.png"), face[0])
    return open_pictures(tmp_path)


def test_landmarks_see_a_moved_mouth_and_a_nose_at_rest(face):
    """Over thirty warps: what moves are mouth and brows, and the model finds them there."""
    grey, points = face
    eyes = np.linalg.norm(points[45] - points[36])
    model = default_landmarks()
    found = np.array([model.track(warp(grey, points, np.random.default_rng(k))[0], points).points for k in range(30)])
    moved = (found - points).std(axis=0).mean(axis=1) / eyes
    mouth, brows, nose = (moved[part].mean() for part in (slice(48, 68), slice(17, 27), slice(27, 31)))
    assert mouth > 0.02
    assert brows > 0.015
    assert mouth > 2 * nose
    # Eyelids open and close: the height of the eyes differs more than their width.
    height = np.linalg.norm(found[:, [37, 38, 43, 44]] - found[:, [41, 40, 47, 46]], axis=-1).mean(axis=1)
    assert height.std() / height.mean() > 0.08


def test_what_is_drawn_at_a_point_is_found_where_the_point_is_said_to_be(face):
    grey, points = face
    for number, seed in ((8, 0), (48, 1), (57, 2), (24, 3)):
        dark = np.zeros_like(grey)
        cv2.circle(dark, points[number].round().astype(int).tolist(), 4, 255, -1)
        moved, at = warp(dark, points, np.random.default_rng(seed))
        down, across = np.nonzero(moved > 127)
        assert np.linalg.norm(at[number] - [across.mean(), down.mean()]) < 1.5


def test_far_from_the_face_nothing_moves(face):
    grey, points = face
    moved, at = warp(grey, points, np.random.default_rng(1))
    assert np.abs(at - points)[0].max() < 1 < np.abs(at - points)[48:].max()
    assert moved.shape == grey.shape
    assert moved.dtype == np.uint8
    assert np.array_equal(moved[:20], grey[:20])
    assert not np.array_equal(moved, grey)


def test_a_smaller_face_is_warped_alike(face):
    """Warping and shrinking may be exchanged, but for what interpolation blurs."""
    grey, points = face

    def shrunk(image):
        return cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA).astype(int)

    apart, moved = [], []
    for seed in range(6):
        large = shrunk(warp(grey, points, np.random.default_rng(seed))[0])
        small, _ = warp(shrunk(grey).astype(np.uint8), (points + 0.5) / 2 - 0.5, np.random.default_rng(seed))
        apart.append(np.abs(small - large).mean())
        moved.append(np.abs(shrunk(grey) - large).mean())
    assert np.mean(apart) < 0.3 * np.mean(moved)


def test_every_reading_gives_the_same_warp_and_each_image_its_own(pictures, face):
    points = np.repeat(face[1][None], 3, axis=0)
    points[2] = np.nan
    copies = warped(pictures, points)
    assert len(copies) == 3
    assert copies.persons == pictures.persons
    first, second, without_face = (copies.grey(number) for number in range(3))
    np.testing.assert_array_equal(first, pickle.loads(pickle.dumps(copies)).grey(0))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(without_face, pictures.grey(2))
    with pytest.raises(InputError, match="no image has the teacher's points"):
        warped(pictures, np.full_like(points, np.nan))


def test_labels_of_warped_pictures_are_kept_apart(pictures, face):
    points = np.repeat(face[1][None], 3, axis=0)
    digests = {pictures.digest(), warped(pictures, points).digest(), warped(pictures, points + 1).digest()}
    assert len(digests) == 3
    assert warped(pictures, points).digest() in digests

"""Similarities and affine maps: what is put in is found again."""

from __future__ import annotations

import numpy as np
import pytest

from facs_pipeline.foundation.images import geometry
from facs_pipeline.landmarks.pose import MEAN_HEAD

FACE = 100 * MEAN_HEAD[:, :2]


def similarity(turn: float, size: float, shift: tuple[float, float]) -> np.ndarray:
    cosine, sine = size * np.cos(turn), size * np.sin(turn)
    return np.array([[cosine, -sine, shift[0]], [sine, cosine, shift[1]]])


@pytest.mark.parametrize("turn", [0.0, 0.3, -1.9, np.pi])
@pytest.mark.parametrize("size", [0.02, 1.0, 40.0])
def test_a_similarity_is_found_again(turn, size):
    truth = similarity(turn, size, (300.0, -20.0))
    found = geometry.fit_similarity(FACE, geometry.apply(truth, FACE))
    assert np.allclose(found, truth, atol=1e-9 * size + 1e-9)


def test_stacks_of_faces_give_the_same_as_one_by_one():
    rng = np.random.default_rng(0)
    faces = FACE + rng.normal(0, 5, (7, 68, 2))
    stacked = geometry.fit_similarity(faces, FACE)
    assert stacked.shape == (7, 2, 3)
    for one, face in zip(stacked, faces, strict=True):
        assert np.allclose(one, geometry.fit_similarity(face, FACE))
    assert np.allclose(geometry.apply(stacked, faces)[3], geometry.apply(stacked[3], faces[3]))
    assert np.allclose(geometry.fit_similarity(FACE, faces)[3], geometry.fit_similarity(FACE, faces[3]))


def test_no_other_similarity_fits_noisy_points_better():
    rng = np.random.default_rng(1)
    target = geometry.apply(similarity(0.4, 1.3, (5, 9)), FACE) + rng.normal(0, 4, FACE.shape)
    best = geometry.fit_similarity(FACE, target)
    left = np.square(geometry.apply(best, FACE) - target).sum()
    for _ in range(50):
        nudge = similarity(rng.normal(0, 0.01), np.exp(rng.normal(0, 0.01)), tuple(rng.normal(0, 0.5, 2)))
        assert np.square(geometry.apply(geometry.chain(nudge, best), FACE) - target).sum() > left


def test_a_mirrored_face_is_not_fitted_by_a_reflection():
    found = geometry.fit_similarity(FACE, FACE * [-1, 1])
    assert found[0, 0] == found[1, 1]
    assert found[0, 1] == -found[1, 0]


def test_points_in_one_place_do_not_divide_by_zero():
    assert np.isfinite(geometry.fit_similarity(np.ones((68, 2)), FACE)).all()


def test_an_affine_map_is_found_again():
    truth = np.array([[1.2, 0.3, 4.0], [-0.1, 0.7, -9.0]])
    assert np.allclose(geometry.fit_affine(FACE, geometry.apply(truth, FACE)), truth)


def test_inverse_and_chain_undo_each_other():
    rng = np.random.default_rng(2)
    maps = rng.normal(size=(5, 2, 3))
    same = np.broadcast_to(np.eye(2, 3), maps.shape)
    assert np.allclose(geometry.chain(geometry.invert(maps), maps), same)
    assert np.allclose(geometry.chain(maps, geometry.invert(maps)), same)
    assert np.allclose(geometry.apply(geometry.invert(maps), geometry.apply(maps, FACE)), FACE)


def test_chain_applies_the_second_argument_first():
    turn, shift = similarity(np.pi / 2, 1, (0, 0)), similarity(0, 1, (10, 0))
    assert np.allclose(geometry.apply(geometry.chain(turn, shift), np.array([[0.0, 0.0]])), [[0, 10]])
    assert np.allclose(geometry.apply(geometry.chain(shift, turn), np.array([[0.0, 0.0]])), [[10, 0]])


def test_a_registration_is_the_similarity_onto_its_shape():
    rng = np.random.default_rng(1)
    onto = geometry.Registration(FACE)
    for turn, size in ((0.4, 3.0), (-2.0, 0.1)):
        face = geometry.apply(similarity(turn, size, (30, -90)), FACE + rng.normal(0, 4, FACE.shape))
        found = geometry.matrix(*onto(face))
        assert np.allclose(found, geometry.fit_similarity(face, FACE), rtol=1e-9, atol=1e-9)


def test_how_far_a_registration_moved_is_measured_on_the_shape():
    onto, face = geometry.Registration(FACE), 2 * FACE + 7
    before, after = onto(face), onto(geometry.apply(similarity(0.1, 1.05, (3, 8)), face))
    back = geometry.invert(geometry.matrix(*before))
    moved = geometry.apply(geometry.matrix(*after), geometry.apply(back, FACE)) - FACE
    assert onto.moved(before, after) == pytest.approx(np.sqrt((moved**2).sum(axis=1).mean()))
    assert onto.moved(before, before) == pytest.approx(0, abs=1e-9)

"""Points at the places where people put them: a map that can be taken back, and what its command measures."""

from __future__ import annotations

import doctest
import json

import numpy as np
import pytest
from click.testing import CliRunner
from facs_cli.fit_places import command

from facs_pipeline.foundation.errors import InputError, ModelError
from facs_pipeline.landmarks import places
from facs_pipeline.landmarks.model import default_landmarks
from facs_pipeline.landmarks.places import Places, default_places, places_of
from facs_pipeline.landmarks.points import MIRROR_68
from facs_pipeline.landmarks.training.places import first_half, fit_places_file, located, region_errors


def turned(points, angle: float, factor: float) -> np.ndarray:
    cosine, sine = factor * np.cos(angle), factor * np.sin(angle)
    return points @ np.array([[cosine, sine], [-sine, cosine]]) + [30, -8]


def test_the_map_turns_and_grows_with_the_face_and_can_be_taken_back():
    shape = default_landmarks().mean_shape.astype(float)
    faces = shape + np.random.default_rng(0).normal(0, 1.5, (5, 68, 2))
    moved = default_places().ibug(faces)
    assert 0.5 < np.linalg.norm(moved - faces, axis=2).mean() < 3
    for angle, factor in ((0.7, 3.0), (-2.0, 0.4)):
        there = default_places().ibug(turned(faces, angle, factor))
        assert np.abs(there - turned(moved, angle, factor)).max() < 1e-6
        assert np.abs(default_places().model(there) - turned(faces, angle, factor)).max() < 1e-3
    assert np.isnan(default_places().model(np.full((1, 68, 2), np.nan))).all()


def test_the_map_is_the_same_in_a_mirror():
    offsets = default_places().offsets
    assert np.abs(offsets[MIRROR_68] * [-1, 1] - offsets).max() < 1e-9


def test_it_belongs_to_its_landmark_model():
    assert places_of(default_landmarks().sha256) is default_places()
    assert places_of("another") is None
    with pytest.raises(ModelError, match="expected"):
        Places(np.zeros((49, 2)), np.zeros((68, 2)))


def test_the_command_moves_points_to_where_they_belong(stills, tmp_path):
    with np.load(stills / "labels.npz") as labels:
        there = [(stills / "stills" / name).is_file() for name in labels["image"]]
        names, points = labels["image"][there], labels["points"][there]
    points[:, :, 1] -= 4
    np.savez(tmp_path / "points.npz", names=names, points=points)
    out = tmp_path / "places.npz"
    arguments = ["--images", stills / "stills", "--points", tmp_path / "points.npz", "--out", out]
    result = CliRunner().invoke(command, [*map(str, arguments)], standalone_mode=False)
    assert result.exception is None, result.output
    errors = json.loads(result.output.rpartition("Written")[0])["measured on"]
    assert errors["after"]["inner"] < 0.8 * errors["before"]["inner"]
    assert Places.load(out).offsets[:, 1].mean() < 0
    np.savez(tmp_path / "points.npz", names=["nobody.png"], points=points[:1])
    with pytest.raises(InputError, match="1 of these are missing"):
        fit_places_file(stills / "stills", tmp_path / "points.npz", out, default_landmarks())


@pytest.mark.shared
def test_points_are_nearer_to_peoples_on_faces_that_they_were_not_fitted_on(shared_dir):
    folder = shared_dir / "data" / "landmarks68"
    found, truth, names = located(folder / "landmarks68.tar", folder / "landmarks68.npz", default_landmarks())
    new = ~first_half(names)
    before, after = (region_errors(points[new], truth[new]) for points in (found, default_places().ibug(found)))
    assert after["inner"] < 3.9 < 4.4 < before["inner"]
    assert all(after[region] < before[region] for region in before)


def test_examples():
    assert doctest.testmod(places).failed == 0

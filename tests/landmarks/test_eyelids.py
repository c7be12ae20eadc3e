"""The last correction of the eyes: what it computes, both eyes alike, and wide eyes of persons never trained on."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.data import astronaut

from facs_pipeline.action_units.training.pseudo_labels import read_labels
from facs_pipeline.datasets.pictures import open_pictures
from facs_pipeline.landmarks.eyelids import N_VALUES, Eyelids, eye_aspect_ratio, eyelid_values, eyes_of
from facs_pipeline.landmarks.model import FINE_CROP, LandmarkModel, default_landmarks
from facs_pipeline.landmarks.patch_features import PatchFeatures
from facs_pipeline.landmarks.points import MIRROR_68
from facs_pipeline.landmarks.training.recipe import held_out, point_errors

EYES = slice(36, 48)


@pytest.fixture(scope="module")
def portrait():
    """A face in a crop as the last step reads it: the picture, and the points in the crop's pixels."""
    grey = astronaut().mean(axis=2).astype(np.uint8)[64:160, 176:272]
    points = default_landmarks().find(grey, (0.0, 16.0, 96.0, 96.0)).points
    return np.ascontiguousarray(grey), points


def patches_of(grey) -> PatchFeatures:
    patches = PatchFeatures(FINE_CROP)
    patches.set_crop(grey, np.eye(2, 3))
    return patches


def test_both_eyes_are_moved_by_one_map_at_once(portrait):
    """Against the map applied to each eye by itself."""
    grey, points = portrait
    patches, weights = patches_of(grey), np.random.default_rng(0).normal(0, 0.1, (N_VALUES + 1, 12)).astype(np.float32)
    moved = Eyelids(weights).move(patches, points)
    expected = eyelid_values(patches, points) @ weights[:-1] + weights[-1]
    assert eyes_of(moved) - eyes_of(points) == pytest.approx(expected.reshape(2, 6, 2), abs=1e-3)
    others = np.ones(68, bool)
    others[EYES] = False
    assert np.array_equal(moved[others], points[others])
    assert np.abs(moved - points).max() > 0.1


def test_a_mirror_shows_the_other_eye(portrait):
    """The right eye of the mirrored face is described as the left one of the face."""
    grey, points = portrait
    width = grey.shape[1]
    mirrored = (points[MIRROR_68] * [-1, 1] + [width - 1, 0]).astype(np.float32)
    here = eyelid_values(patches_of(grey), points)
    there = eyelid_values(patches_of(np.ascontiguousarray(grey[:, ::-1])), mirrored)
    assert there[:, -12:] == pytest.approx(here[::-1, -12:], abs=1e-4)
    # Cells end at whole pixels, which a mirror shifts by up to one.
    for one, other in zip(there, here[::-1], strict=True):
        assert np.corrcoef(one[:-12], other[:-12])[0, 1] > 0.8
        assert np.corrcoef(one[:-12], here[0][:-12])[0, 1] + np.corrcoef(one[:-12], here[1][:-12])[0, 1] < 1.8


@pytest.mark.shared
def test_it_brings_the_eyes_of_unseen_persons_nearer_to_the_teachers(shared_dir):
    """How far open eyes are is better by at least a tenth, over persons whom the embedded model was not trained on."""
    folder = shared_dir / "data" / "frames"
    pictures = open_pictures(folder / "frames.tar", folder / "frames.csv")
    points = read_labels(folder / "frames_teacher.npz", pictures).points
    usable = held_out([f"frames.tar/{person}" for person in pictures.persons], 10) & ~np.isnan(points).any(axis=(1, 2))
    chosen = np.flatnonzero(usable)[:: int(usable.sum()) // 100]
    truth = points[chosen].astype(np.float32)
    model, without = LandmarkModel.load(), LandmarkModel.load()
    without._lids = Eyelids(np.zeros((N_VALUES + 1, 12)))

    def far_off(model: LandmarkModel) -> tuple[float, float]:
        """Error in % of the eye distance, and in openness; neither counts what is the same in all faces."""
        tracked = []
        for number, start in zip(chosen, truth, strict=True):
            grey = pictures.grey(number)
            tracked.append(model.track(grey, model.track(grey, start).points).points)
        found = np.array(tracked)
        openness = eye_aspect_ratio(found) - eye_aspect_ratio(truth)
        return float(point_errors(found, truth)[1][:, EYES].mean()), float(np.abs(openness - openness.mean()).mean())

    (error, openness), (error_without, openness_without) = far_off(model), far_off(without)
    assert error < error_without
    assert openness < 0.9 * openness_without

"""Dense codes: mirroring is exact, windows lie where they should, what is stored is what was learnt."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from skimage.data import lfw_subset

from facs_pipeline.emotions.dense_encoding import DenseEncoder, mirrored_order, normalised_patches, pooling, root_sift
from facs_pipeline.emotions.encoded_faces import EncodedFaces


@pytest.fixture(scope="module")
def faces():
    """100 real faces [100, 48, 48] uint8, which scikit-image carries at 25 x 25."""
    import cv2

    small = (255 * lfw_subset()[:100]).astype(np.uint8)
    return np.stack([cv2.resize(face, (48, 48), interpolation=cv2.INTER_CUBIC) for face in small])


@pytest.mark.parametrize(("kind", "describe", "window"), [("sift", root_sift, 16), ("pixels", normalised_patches, 8)])
def test_a_mirrored_window_has_the_permuted_descriptor(faces, kind, describe, window):
    face = faces[0]
    side = (48 - window) // 2 + 1
    seen = describe(np.ascontiguousarray(face[:, ::-1]), window).reshape(side, side, -1)
    expected = describe(face, window).reshape(side, side, -1)[:, ::-1][..., mirrored_order(kind, window)]
    np.testing.assert_allclose(seen, expected, atol=1e-4)


def test_root_sift_tells_directions_apart():
    ramp = np.tile(np.arange(0, 240, 5, dtype=np.uint8), (48, 1))
    right, down = (root_sift(image, 16)[100].reshape(16, 8).mean(axis=0) for image in (ramp, ramp.T.copy()))
    assert right.argmax() == 0
    assert down.argmax() == 2


def test_pooling_shares_every_place_between_cells():
    weights = pooling(17, 4)
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-6)
    np.testing.assert_allclose(weights, weights[::-1, ::-1], atol=1e-6)


ENCODERS = {
    "sift": DenseEncoder("sift", 12, atoms=40),
    "pixels": DenseEncoder("pixels", 12, atoms=40),
}


@pytest.mark.parametrize("kind", ENCODERS)
def test_the_mirror_image_keeps_the_symmetric_part_and_turns_the_other(faces, kind):
    encoder = ENCODERS[kind].fit(faces, n_windows=5000)
    there, back = encoder.encode(faces[3]), encoder.encode(np.ascontiguousarray(faces[3][:, ::-1]))
    np.testing.assert_allclose(there[0], back[0], atol=5e-3)
    np.testing.assert_allclose(there[1], -back[1], atol=5e-3)
    assert np.abs(there[1].astype(float)).max() > 0.05


def test_workers_do_not_change_features_and_storage_keeps_them(faces):
    def fit(jobs):
        family = EncodedFaces(DenseEncoder("pixels", 8, atoms=40), components=20)
        return family, family.fit(faces, jobs=jobs)

    (one, first), (_two, second) = fit(1), fit(2)
    for a, b in zip(first, second, strict=True):
        assert a.tobytes() == b.tobytes()
    few: Any = SimpleNamespace(crops=faces[:7])
    again = EncodedFaces.restore(one.settings(), one.arrays()).transform(few)
    np.testing.assert_allclose(again[0], first[0][:7], atol=1e-5)
    length = sum((part**2).sum(axis=1).mean() for part in first)
    assert length == pytest.approx(1, abs=0.01)


def test_a_face_of_one_grey_is_no_division_by_zero(faces):
    for encoder in ENCODERS.values():
        encoder.fit(faces, n_windows=5000)
        assert np.isfinite(encoder.encode(np.full((48, 48), 90, np.uint8)).astype(float)).all()


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ValueError, match="multiple of 4"):
        DenseEncoder("sift", 10)

"""Near-duplicates of images: against NumPy's own correlation, with copies, images of one grey and bounded memory."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from counted_progress import CountedProgress

from facs_pipeline.datasets import face_images, near_duplicates
from facs_pipeline.datasets.face_images import near_duplicate_mask, read_images, training_partners
from facs_pipeline.datasets.labelled_faces import LabelledFaces
from facs_pipeline.datasets.near_duplicates import best_partners, same_images
from facs_pipeline.foundation.errors import InputError


@pytest.fixture
def images():
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (40, 9, 7), dtype=np.uint8), rng.integers(0, 256, (23, 9, 7), dtype=np.uint8)


@pytest.mark.parametrize("memory_bytes", [1, 4 * 63 * 5, 64 << 20])
def test_partners_are_those_of_all_correlations_whatever_the_blocks(images, memory_bytes):
    others, mine = images
    found = best_partners(mine, others, memory_bytes=memory_bytes)
    all_pairs = np.corrcoef(mine.reshape(23, -1), others.reshape(40, -1))[:23, 23:]
    np.testing.assert_array_equal(found.partner, all_pairs.argmax(axis=1))
    np.testing.assert_allclose(found.correlation, all_pairs.max(axis=1), rtol=0, atol=1e-12)
    assert not found.near().any()


def test_a_copy_in_other_light_is_a_near_duplicate_and_its_mirror_image_is_not(images):
    others, _ = images
    darker = (others[[7, 20]] * 0.5 + 30).astype(np.uint8)
    found = best_partners(np.concatenate([darker, others[[7]][:, :, ::-1]]), others)
    assert found.partner[:2].tolist() == [7, 20]
    assert found.near().tolist() == [True, True, False]
    assert found.near(0.99999).tolist() == [False, False, False]


@pytest.mark.parametrize("memory_bytes", [1, 4 * 63 * 5, 64 << 20])
def test_of_equal_partners_the_first_is_named(images, memory_bytes):
    others, _ = images
    others[[31, 12, 33]] = others[12]
    found = best_partners(others[[33, 33, 31]], others, memory_bytes=memory_bytes)
    assert found.partner.tolist() == [12, 12, 12]
    np.testing.assert_allclose(found.correlation, 1)


def test_images_of_one_grey_are_nobodys_duplicate(images):
    others, _ = images
    others[4] = 77
    mine = np.full((2, 9, 7), 77, np.uint8)
    mine[1] = 201
    found = best_partners(mine, others)
    assert found.correlation.tolist() == [0, 0]
    assert not found.near().any()


def test_nothing_to_compare_with(images):
    others, mine = images
    assert best_partners(mine, others[:0]).partner.tolist() == [-1] * 23
    assert not best_partners(mine, others[:0]).near().any()
    assert len(best_partners(mine[:0], others).partner) == 0
    with pytest.raises(ValueError, match="one size"):
        best_partners(mine, others[:, :5])


def test_progress_counts_the_images(images):
    others, mine = images
    told = CountedProgress()
    best_partners(mine, others, memory_bytes=4 * 63 * 5, progress=told)
    assert told.tasks[0].advances == [5, 5, 5, 5, 3]
    assert told.counts == [(23, 23)]


def test_identical_images_are_grouped(images):
    others, _ = images
    others[[3, 9, 30]] = others[3]
    others[1] = others[0]
    assert [group.tolist() for group in same_images(others)] == [[0, 1], [3, 9, 30]]


def collection(pixels, splits, broken=()):
    """Labelled faces of any images; those in `broken` cannot be decoded."""

    def read(number):
        if number in broken:
            raise InputError(f"image {number} cannot be decoded")
        return pixels[number]

    n = len(pixels)
    none = np.full(n, "")
    return LabelledFaces("some", tuple(map(str, range(n))), none, np.array(splits), none, (), read)


def test_mask_of_an_evaluation_split(images):
    others, _ = images
    pixels = [np.kron(image, np.ones((12, 12), np.uint8)) for image in others[:6]]
    pixels[4] = pixels[1]
    pixels[5] = pixels[0][::2, ::2]  # the same picture, smaller
    splits = ["train", "validation", "validation", "train", "train", "validation"]
    assert near_duplicate_mask(collection(pixels, splits)).tolist() == [True, False, True]
    assert near_duplicate_mask(collection(pixels, splits), "train", "validation").tolist() == [True, False, True]
    assert near_duplicate_mask(collection(pixels, splits), "test").tolist() == []
    assert near_duplicate_mask(collection(pixels, splits), training="other").tolist() == [False] * 3


def test_images_that_cannot_be_decoded_are_counted_but_match_nothing(images):
    pixels = list(images[0][:6])
    pixels[5] = pixels[3]
    faces = collection(pixels, ["train"] * 4 + ["test"] * 2, broken=(1, 4))
    told = CountedProgress()
    found = training_partners(faces.split("test"), faces.split("train"), progress=told)
    assert found.partner.tolist() == [-1, 3]
    assert np.isnan(found.correlation[0])
    assert found.near().tolist() == [False, True]
    # Both are read; the one test image that can be decoded is compared.
    assert told.counts == [(2, 2), (4, 4), (1, 1)]
    read, rows, skipped = read_images(faces, side=20)
    assert read.shape == (4, 20, 20)
    assert rows.tolist() == [0, 2, 3, 5]
    assert [entry.source for entry in skipped] == ["1", "4"]
    assert "cannot be decoded" in skipped[0].reason


@pytest.mark.parametrize("module", [near_duplicates, face_images])
def test_examples_in_the_docstrings(module):
    assert doctest.testmod(module).failed == 0

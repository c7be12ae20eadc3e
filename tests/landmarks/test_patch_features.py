"""Oriented gradients: the same to the bit whichever way round a face is, and summed over the cells they say."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facs_pipeline.foundation.images.gradients import directions, mirrored_directions, oriented_gradients
from facs_pipeline.landmarks.patch_features import CropSettings, PatchFeatures


def blurred_noise(height: int, width: int) -> np.ndarray:
    picture = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
    return cv2.GaussianBlur(picture, (5, 5), 0)


@pytest.mark.parametrize("n", [6, 8])
def test_what_points_right_points_left_in_the_mirror(n):
    """To the last bit, odd gradients included, whose halves are ties."""
    picture, along = blurred_noise(60, 80), directions(n)
    here = oriented_gradients(picture, along).reshape(n, 60, 80)
    there = oriented_gradients(np.ascontiguousarray(picture[:, ::-1]), along).reshape(n, 60, 80)
    assert np.array_equal(here, there[mirrored_directions(n)][:, :, ::-1])
    assert here.max() > 20


def test_gradients_are_rounded_and_rectified_differences_of_neighbours():
    """Against plain sums of Sobel's weights, on hard edges that exceed 8 bits; half-way values round to even."""
    picture = np.where(blurred_noise(60, 80) > 127, 255, blurred_noise(60, 80) // 3).astype(np.uint8)
    wide = np.pad(picture.astype(int), 1, mode="edge")
    smooth = [wide[:-2] + 2 * wide[1:-1] + wide[2:], wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]]
    dx, dy = smooth[0][:, 2:] - smooth[0][:, :-2], smooth[1][2:] - smooth[1][:-2]
    for (x, y), found in zip(
        directions(6).T, oriented_gradients(picture, directions(6)).reshape(6, 60, 80), strict=True
    ):
        expected = np.clip(np.rint(np.float32(dx) * x + np.float32(dy) * y), 0, 255)
        assert np.array_equal(found[1:-1, 1:-1], expected[1:-1, 1:-1])
        assert found.max() == 255


def test_directions_along_the_axes_are_exact():
    assert directions(8)[:, ::2].T.tolist() == [[0.5, 0], [0, 0.5], [-0.5, 0], [0, -0.5]]


@pytest.mark.parametrize("cell", [4, 9])
def test_features_are_sums_of_gradients_over_cells(cell):
    """Against plain sums over 3 x 3 cells round each point, of all directions; some points lie at the edge."""
    picture, settings = blurred_noise(96, 96), CropSettings(1, 96, 6)
    patches = PatchFeatures(settings)
    patches.set_crop(picture, np.eye(2, 3))
    points = np.random.default_rng(1).uniform(0, 95, (68, 2)).astype(np.float32)
    found = patches.at(points, cell).reshape(3, 3, 6, 51).transpose(3, 0, 1, 2)
    gradients = oriented_gradients(picture, directions(6)).reshape(6, 96, 96).astype(int)
    looked_at = [*range(0, 17, 2), *range(17, 27), 27, 29, 30, 31, 33, 35, *range(36, 60), 62, 66]
    for values, (x, y) in zip(found, points[looked_at], strict=True):
        # Cells that would reach over the edge lie at it.
        first = [int(np.clip(v + 1 - 1.5 * cell, 0, 96 - 3 * cell)) for v in (x, y)]
        columns, rows = (v + cell * np.arange(4) for v in first)
        cells = [
            [gradients[:, rows[i] : rows[i + 1], columns[j] : columns[j + 1]].sum(axis=(1, 2)) for j in range(3)]
            for i in range(3)
        ]
        sums = np.array(cells)
        assert values == pytest.approx(np.sqrt(sums / (sums.sum() + 400)), abs=1e-6)


def test_several_sizes_of_cells_are_read_at_once():
    patches = PatchFeatures(CropSettings(1, 96, 6))
    patches.set_crop(blurred_noise(96, 96), np.eye(2, 3))
    points, some = np.random.default_rng(1).uniform(0, 95, (68, 2)).astype(np.float32), np.array([3, 40, 67])
    both = patches.at(points, (4, 9), some).reshape(3, 3, 6, 2, 3)
    for k, cell in enumerate((4, 9)):
        assert np.array_equal(both[..., k, :].ravel(), patches.at(points, cell, some))

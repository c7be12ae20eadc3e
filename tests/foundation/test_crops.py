"""Crops and gradients: right, and the same to the last bit whatever the version of OpenCV and the processor."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest

from facs_pipeline.foundation.images.crops import registered_crop
from facs_pipeline.foundation.images.gradients import directions, oriented_gradients


def waves(height: int = 120, width: int = 160) -> np.ndarray:
    """A picture of whole numbers only, smooth enough to be interpolated."""
    y, x = np.mgrid[:height, :width]
    return ((x * x // 7 + 3 * x * y // 5 + y * y // 3) // 16 % 256).astype(np.uint8)


def turned(scale: float, degrees: float, centre: tuple[float, float], size: int) -> np.ndarray:
    """A similarity that brings `centre` to the middle of a crop."""
    angle = np.radians(degrees)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([linear, size / 2 - linear @ centre])


def interpolated(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """The crop in double precision, the image's border repeated."""
    inverse = np.linalg.inv(matrix[:, :2])
    rows, columns = np.mgrid[:size, :size]
    x, y = np.moveaxis((np.stack([columns, rows], axis=-1) - matrix[:, 2]) @ inverse.T, -1, 0)
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)

    def at(row, column):
        return image[np.clip(row, 0, image.shape[0] - 1), np.clip(column, 0, image.shape[1] - 1)].astype(float)

    upper = at(y0, x0) * (1 - (x - x0)) + at(y0, x0 + 1) * (x - x0)
    lower = at(y0 + 1, x0) * (1 - (x - x0)) + at(y0 + 1, x0 + 1) * (x - x0)
    return upper * (1 - (y - y0)) + lower * (y - y0)


@pytest.mark.parametrize("size", [40, 147])
@pytest.mark.parametrize(
    ("scale", "degrees", "centre"),
    [
        (1.0, 0.0, (80.0, 60.0)),
        (0.7, 20.0, (70.5, 55.25)),
        (2.3, -140.0, (90.0, 50.0)),
        (0.9, 95.0, (3.0, 4.0)),
        (1.3, 10.0, (158.0, 119.0)),
        (0.8, 180.0, (-300.0, 500.0)),
        (0.6, 45.0, (1e6, -1e6)),
    ],
    ids=["as it is", "inside", "enlarged", "at the corner", "at the other", "outside", "far outside"],
)
def test_a_crop_is_the_image_interpolated(scale, degrees, centre, size):
    image = cv2.GaussianBlur(waves(), (9, 9), 0)
    matrix = turned(scale, degrees, centre, size)
    crop = registered_crop(image, matrix, size)
    assert crop.shape == (size, size)
    # Places are rounded to 1/32 of a pixel, once for the column and once for the row, and pixels to whole levels.
    steepest = max(np.abs(np.diff(image.astype(int), axis=axis)).max() for axis in (0, 1))
    assert np.abs(crop - interpolated(image, matrix, size)).max() <= 0.6 + 2 * steepest / 32


def test_a_wide_crop():
    """Wider than places of 16 bits reach."""
    image = cv2.resize(waves(), (2000, 1500), interpolation=cv2.INTER_NEAREST)
    image = cv2.blur(image, (25, 25))
    matrix = turned(0.55, 30.0, (900.0, 800.0), 700)
    assert np.abs(registered_crop(image, matrix, 700) - interpolated(image, matrix, 700)).max() <= 3


def test_an_image_longer_than_places_reach():
    image = np.tile(waves(40, 160), (1, 300))
    assert image.shape[1] > 1 << 15
    near, far = (registered_crop(image, turned(1.0, 0.0, (x, 20.0), 40), 40) for x in (80.0, 80.0 + 160 * 280))
    assert np.array_equal(near, far)


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        (turned(0.83, 7.5, (80.0, 60.0), 96), "bb2acea1e64cec1a"),
        (turned(1.91, -31.0, (20.0, 100.0), 96), "a8e7ab73023529ba"),
        (turned(0.13, 4.0, (75.0, 62.0), 24), "7ea9827edeeaafbc"),
    ],
)
def test_every_version_and_processor_gives_this_crop(matrix, expected):
    crop = registered_crop(waves(), matrix, 96 if matrix[0, 0] > 0.5 else 24)
    assert hashlib.sha256(crop.tobytes()).hexdigest()[:16] == expected


@pytest.mark.parametrize("n", [6, 8])
def test_gradients_are_rounded_from_their_exact_values(n):
    """The directions are such that no sum of products needs more than the 24 bits of single precision."""
    noise = np.random.default_rng(n).integers(0, 256, (200, 300)).astype(np.uint8)
    dx, dy = (gradient.astype(np.int64) for gradient in cv2.spatialGradient(noise))
    unit = 1 << 14
    x, y = along = np.rint(directions(n).astype(np.float64) * unit).astype(np.int64)
    assert np.array_equal(along / unit, directions(n))
    assert np.abs(np.hypot(x, y) / unit - 0.5).max() < 1e-4
    twice = np.concatenate([2 * (dx * x[k] + dy * y[k]) for k in range(n)])
    # Halves are rounded to even numbers.
    whole, rest = np.divmod(twice, 2 * unit)
    exact = whole + (rest > unit) + ((rest == unit) & (whole % 2 == 1))
    assert np.array_equal(oriented_gradients(noise, directions(n)), np.clip(exact, 0, 255))

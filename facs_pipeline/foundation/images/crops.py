"""Parts of an image brought to another size, place and tilt, with the same pixels on every processor."""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np

# Pixels that places of 16 bits reach, and half of them.
_REACH, _FAR = (1 << 15) - 2, float(1 << 14)


def registered_crop(grey: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """A square crop of an image, without aliasing where it shrinks; places are rounded to 1/32 of its pixels.

    Parameters
    ----------
    grey : ndarray of uint8
        Image `[h, w]`.
    matrix : ndarray
        Affine map `[2, 3]` from its pixels to those of the crop.
    size : int
        Side of the crop in pixels.

    Returns
    -------
    ndarray of uint8
        `[size, size]`.
    """
    small, factor, left, top = shrunk(grey, matrix, size)
    if factor > 1:
        (a, b, e), (c, d, f) = matrix.tolist()
        matrix = np.array(
            [[a * factor, b * factor, a * left + b * top + e], [c * factor, d * factor, c * left + d * top + f]]
        )
    return _interpolated(small, matrix, size)


def shrunk(
    grey: np.ndarray, matrix: np.ndarray, size: float, margin: float = 1.0
) -> tuple[np.ndarray, int, float, float]:
    """The part of an image that a crop shows, averaged over blocks of pixels to nearly the crop's resolution.

    Parameters
    ----------
    grey : ndarray of uint8
        Image `[h, w]`.
    matrix : ndarray
        Similarity `[2, 3]` from its pixels to those of the crop.
    size : float
        Side of the crop in pixels.
    margin : float
        Factor by which the part is wider than the crop.

    Returns
    -------
    means : ndarray of uint8
        `grey` itself where the crop has at least half its resolution.
    factor : int
        Side of the blocks, a power of two.
    left, top : float
        Place of the first mean in `grey`: pixel p of the means lies at ``factor * p + place``.
    """
    # Plain numbers: this runs several times a frame, and arrays of four corners would take longer than the pixels.
    (a, b, e), (c, d, f) = matrix.tolist()
    determinant, half = a * d - b * c, size / 2
    scale = math.sqrt(abs(determinant))
    if scale >= 0.5:
        return grey, 1, 0.0, 0.0
    # Powers of two, for which averaging blocks is several times faster.
    factor = 1 << int(math.log2(1.12 * int(0.5 + 1 / max(scale, 1e-3))))
    x = (d * (half - e) - b * (half - f)) / determinant
    y = (a * (half - f) - c * (half - e)) / determinant
    reach_x = margin * half * (abs(d) + abs(b)) / abs(determinant)
    reach_y = margin * half * (abs(c) + abs(a)) / abs(determinant)
    left, top = max(math.floor(x - reach_x) - factor, 0), max(math.floor(y - reach_y) - factor, 0)
    right = min(math.ceil(x + reach_x) + factor, grey.shape[1])
    bottom = min(math.ceil(y + reach_y) + factor, grey.shape[0])
    width, height = (right - left) // factor, (bottom - top) // factor
    if min(width, height) < 2:
        return grey, 1, 0.0, 0.0
    part = grey[top : top + height * factor, left : left + width * factor]
    middle = (factor - 1) / 2
    return _block_means(part, factor), factor, left + middle, top + middle


def _interpolated(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """A square crop of an image by bilinear interpolation.

    `cv2.warpAffine` rounds differently from version to version and from processor to processor. `cv2.remap` does not
    where it is given whole numbers, as `cv2.convertMaps` makes them: places in 1/32 pixels.
    """
    (a, b, e), (c, d, f) = matrix.tolist()
    determinant = a * d - b * c
    x_right, x_down, y_right, y_down = d / determinant, -b / determinant, -c / determinant, a / determinant
    x, y = -(x_right * e + x_down * f), -(y_right * e + y_down * f)
    # Places count from the first pixel that is read; far outside it does not matter how far.
    left = _pixel(x + (size - 1) * (min(x_right, 0.0) + min(x_down, 0.0)), image.shape[1])
    top = _pixel(y + (size - 1) * (min(y_right, 0.0) + min(y_down, 0.0)), image.shape[0])
    x, y = min(max(x - left, -_FAR), _FAR), min(max(y - top, -_FAR), _FAR)
    along = _counted(size)
    x_places = np.add.outer(along * x_down + x, along * x_right)
    y_places = np.add.outer(along * y_down + y, along * y_right)
    places, parts = cv2.convertMaps(x_places, y_places, cv2.CV_16SC2)
    part = image[top : top + _REACH, left : left + _REACH]
    return cv2.remap(part, places, parts, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _pixel(place: float, length: int) -> int:
    """The pixel at or before a place, of those that an axis of an image has."""
    return int(min(max(place, 0.0), length - 1.0))


@cache
def _counted(size: int) -> np.ndarray:
    """0 to `size` - 1, float32."""
    return np.arange(size, dtype=np.float32)


def _block_means(image: np.ndarray, factor: int) -> np.ndarray:
    """Means of blocks of `factor` x `factor` pixels, as `cv2.resize` gives them with INTER_AREA.

    That is fast for blocks of 2 x 2 only; larger ones are halved again and again, with enough bits to lose none.
    """
    height, width = image.shape[0] // factor, image.shape[1] // factor
    if not 4 <= factor <= 16:
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    means = np.multiply(image, 256, dtype=np.uint16)
    while len(means) > height:
        means = cv2.resize(means, (means.shape[1] // 2, means.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return cv2.convertScaleAbs(means, alpha=1 / 256)

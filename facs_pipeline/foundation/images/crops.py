"""Parts of an image brought to another size, place and tilt."""

from __future__ import annotations

import math

import cv2
import numpy as np


def registered_crop(grey: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """A square crop of an image, without aliasing where it shrinks.

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
    return cv2.warpAffine(small, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


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

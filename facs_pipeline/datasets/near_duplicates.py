"""Near-duplicates: images that are almost pixel for pixel the same, found by their pixels' correlation.

An image of the evaluation that has such a partner in the training data is no test of anything but memory; accuracy is
therefore reported with and without them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facs_pipeline.foundation.progress import SILENT, Progress

THRESHOLD = 0.99

# Correlations closer than this count as equal, and the first image wins: which of two equal sums of products comes out
# larger in its last bits depends on the matrix library.
_TIE = 1e-5


@dataclass(frozen=True)
class Partners:
    """For each of n images the most similar one of another set.

    Attributes
    ----------
    partner : ndarray of int
        Its number [n] in the other set; of equally similar ones the first; -1 where there is none.
    correlation : ndarray of float64
        Pearson correlation [n] of the two images' pixels, -1..1; 0 for an image of one grey, NaN without a partner.
    """

    partner: np.ndarray
    correlation: np.ndarray

    def near(self, threshold: float = THRESHOLD) -> np.ndarray:
        """Which images have a near-duplicate [n], bool: the correlation is above `threshold`."""
        return self.correlation > threshold


def best_partners(
    images: np.ndarray,
    others: np.ndarray,
    *,
    memory_bytes: int = 64 << 20,
    progress: Progress = SILENT,
) -> Partners:
    """For each image the one of `others` whose pixels correlate most with it.

    All pairs are compared, as products of blocks of standardised images; the winners' correlations are then computed
    again in double precision.

    Parameters
    ----------
    images : ndarray
        [n, h, w], any real type.
    others : ndarray
        [m, h, w], likewise.
    memory_bytes : int
        Roughly what a block of standardised images may take.
    progress : Progress
        Told of the images compared.

    Raises
    ------
    ValueError
        If the images are not of one size.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> others = rng.integers(0, 256, (5, 8, 8), dtype=np.uint8)
    >>> best = best_partners(others[[3]] // 2 + 40, others)
    >>> best.partner, best.near()
    (array([3]), array([ True]))
    """
    if images.ndim != 3 or others.ndim != 3 or images.shape[1:] != others.shape[1:]:
        raise ValueError(f"images {images.shape} and {others.shape}; expected [n, h, w] and [m, h, w], all of one size")
    best = np.full(len(images), -np.inf, dtype=np.float32)
    partner = np.full(len(images), -1, dtype=np.intp)
    block = int(np.clip(memory_bytes // (4 * max(images[0].size, 1)), 1, 4096)) if len(images) else 1
    with progress.task("near-duplicates", len(images), "images") as task:
        for start in range(0, len(images), block):
            rows = slice(start, start + block)
            mine = _standardised(images[rows])
            for first in range(0, len(others), block):
                correlation = mine @ _standardised(others[first : first + block]).T
                highest = correlation.max(axis=1)
                better = highest > best[rows] + _TIE
                where = (correlation[better] >= highest[better, None] - _TIE).argmax(axis=1)
                partner[rows][better] = first + where
                best[rows][better] = highest[better]
            task.advance(len(mine))
    has_partner = partner >= 0
    exact = np.full(len(images), np.nan)
    for row in np.flatnonzero(has_partner):
        pair = _standardised(np.stack([images[row], others[partner[row]]]), np.float64)
        exact[row] = np.clip(pair[0] @ pair[1], -1.0, 1.0)
    return Partners(partner, exact)


def _standardised(images: np.ndarray, dtype: type = np.float32) -> np.ndarray:
    """Flat images [n, h * w] of mean 0 and length 1: inner products are correlations, 0 for an image of one grey."""
    flat: np.ndarray = images.reshape(len(images), -1).astype(dtype)
    flat -= flat.mean(axis=1, keepdims=True, dtype=np.float64).astype(dtype)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    # The mean of equal values is rounded, so that their differences need not be exactly 0.
    flat[length[:, 0] < 1e-3] = 0
    return flat / np.maximum(length, 1e-3)


def same_images(images: np.ndarray) -> list[np.ndarray]:
    """Groups of images that are the same pixel for pixel.

    Parameters
    ----------
    images : ndarray
        [n, h, w].

    Returns
    -------
    list of ndarray of int
        Numbers of the images of each group of two or more, ascending.

    Examples
    --------
    >>> same_images(np.array([[[1]], [[2]], [[1]]]))
    [array([0, 2])]
    """
    groups: dict[bytes, list[int]] = {}
    for number, image in enumerate(images):
        groups.setdefault(image.tobytes(), []).append(number)
    return [np.array(group) for group in groups.values() if len(group) > 1]

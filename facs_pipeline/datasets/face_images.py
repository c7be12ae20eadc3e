"""The images of labelled faces as one array, and which of them have near-duplicates in the training data."""

from __future__ import annotations

import cv2
import numpy as np

from facs_pipeline.datasets.labelled_faces import LabelledFaces, Skipped
from facs_pipeline.datasets.near_duplicates import THRESHOLD, Partners, best_partners
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.progress import SILENT, Progress

SIDE = 48


def read_images(
    faces: LabelledFaces, *, side: int = SIDE, progress: Progress = SILENT
) -> tuple[np.ndarray, np.ndarray, tuple[Skipped, ...]]:
    """All images at one size.

    Parameters
    ----------
    faces : LabelledFaces
        The data.
    side : int
        Height and width in pixels; images of another size are scaled to it, averaging areas.
    progress : Progress
        Told of the images done.

    Returns
    -------
    ndarray of uint8
        Images [k, side, side].
    ndarray of int
        Their numbers [k] in `faces`; all but those that cannot be decoded.
    tuple of Skipped
        Those, with the reason.
    """
    images = np.empty((len(faces), side, side), np.uint8)
    rows: list[int] = []
    skipped: list[Skipped] = []
    with progress.task(f"{faces.name}: reading", len(faces), "images") as task:
        for number, source in enumerate(faces.sources):
            try:
                image = faces.grey(number)
            except InputError as error:
                skipped.append(Skipped(source, str(error).rpartition(f"{source}: ")[2]))
            else:
                if image.shape != (side, side):
                    image = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
                images[len(rows)] = image
                rows.append(number)
            task.advance()
    return images[: len(rows)], np.array(rows, dtype=np.intp), tuple(skipped)


def training_partners(
    evaluated: LabelledFaces,
    training: LabelledFaces,
    *,
    side: int = SIDE,
    progress: Progress = SILENT,
) -> Partners:
    """For each evaluated face the most similar training face, see `facs_pipeline.datasets.near_duplicates`.

    Parameters
    ----------
    evaluated, training : LabelledFaces
        n and m faces.
    side : int
        Images are compared at this size, in pixels.
    progress : Progress
        Told of the images read and compared.

    Returns
    -------
    Partners
        Of the n; -1 and NaN for an image that cannot be decoded.
    """
    images, rows, _ = read_images(evaluated, side=side, progress=progress)
    others, their_rows, _ = read_images(training, side=side, progress=progress)
    best = best_partners(images, others, progress=progress)
    partner = np.full(len(evaluated), -1, dtype=np.intp)
    correlation = np.full(len(evaluated), np.nan)
    correlation[rows] = best.correlation
    if len(others):
        partner[rows] = their_rows[best.partner]
    return Partners(partner, correlation)


def near_duplicate_mask(
    faces: LabelledFaces,
    split: str = "validation",
    training: str = "train",
    *,
    threshold: float = THRESHOLD,
    progress: Progress = SILENT,
) -> np.ndarray:
    """Which images of an evaluation split have a near-duplicate in the training split.

    Parameters
    ----------
    faces : LabelledFaces
        Data with both splits.
    split, training : str
        Their names.
    threshold : float
        Correlation above which two images count as near-duplicates.
    progress : Progress
        Told of the images read and compared.

    Returns
    -------
    ndarray [n] bool
        In the order of ``faces.split(split)``. False for images that cannot be decoded.

    Examples
    --------
    >>> from facs_pipeline.datasets.labelled_faces import LabelledFaces
    >>> pixels = np.random.default_rng(0).integers(0, 256, (3, 48, 48), dtype=np.uint8)
    >>> pixels[2] = pixels[0]
    >>> none, splits = np.full(3, ""), np.array(["train", "validation", "validation"])
    >>> faces = LabelledFaces("three", ("a", "b", "c"), none, splits, none, (), pixels.__getitem__)
    >>> near_duplicate_mask(faces)
    array([False,  True])
    """
    return training_partners(faces.split(split), faces.split(training), progress=progress).near(threshold)

"""Training samples of the landmark model: faces changed and placed wrongly on purpose."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from facs_pipeline.foundation.images import geometry
from facs_pipeline.landmarks.patch_features import CROP
from facs_pipeline.landmarks.points import MIRROR_68
from facs_pipeline.landmarks.training.settings import LandmarkTraining
from facs_pipeline.landmarks.training.warped import warp

EYE_DISTANCE = 0.36 * CROP
"""Distance of the mean shape's outer eye corners, in crop pixels."""


def mean_shape(points: np.ndarray) -> np.ndarray:
    """Symmetric Procrustes mean `[68, 2]` of shapes `[n, 68, 2]`, in crop coordinates."""
    shapes = points - points.mean(axis=1, keepdims=True)
    shapes = shapes / np.sqrt((shapes**2).sum(axis=(1, 2)))[:, None, None]
    mean = shapes.mean(axis=0)
    for _ in range(3):
        mean = geometry.apply(geometry.fit_similarity(shapes, mean), shapes).mean(axis=0)
    mean = (mean + mean[MIRROR_68] * [-1, 1]) / 2
    mean -= mean.mean(axis=0)
    return (mean * EYE_DISTANCE / (mean[45, 0] - mean[36, 0]) + CROP / 2).astype(np.float32)


def misregistration(rng: np.random.Generator, n: int, spread: tuple[float, float, float]) -> np.ndarray:
    """Random similarities about the crop's centre; a tenth of them are twice as far off.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws them.
    n : int
        How many.
    spread : tuple of float
        Standard deviations of position (eye distances), size (log units) and rotation (radians).

    Returns
    -------
    ndarray of float64
        `[n, 2, 3]`.
    """
    wide = np.where(rng.random(n) < 0.1, 2.0, 1.0)
    turn = rng.standard_normal(n) * spread[2] * wide
    size = np.exp(rng.standard_normal(n) * spread[1] * wide)
    cosine, sine = size * np.cos(turn), size * np.sin(turn)
    linear = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)
    centre = np.full(2, CROP / 2)
    shift = rng.standard_normal((n, 2)) * (spread[0] * EYE_DISTANCE * wide)[:, None]
    return np.concatenate([linear, (shift + centre - linear @ centre)[..., None]], axis=-1)


class Samples:
    """Images, some mirrored, warped or shrunk, with their true points.

    Parameters
    ----------
    images : sequence of ndarray of uint8
        Grey images `[h, w]` with one face each; n of them.
    points : ndarray
        Their true points `[n, 68, 2]`, pixels.
    subjects : sequence of str
        Whom each image shows `[n]`.
    weights : ndarray
        Weight of each image `[n]`.
    settings : LandmarkTraining
        How many samples are made of each image, and how.

    Attributes
    ----------
    images : list of ndarray of uint8
        Of the m samples.
    truth : ndarray of float64
        Their true points `[m, 68, 2]`, pixels.
    half : ndarray of int
        0 or 1 `[m]`; a subject is in one half only.
    weight : ndarray of float32
        `[m]`.
    """

    def __init__(
        self,
        images: Sequence[np.ndarray],
        points: np.ndarray,
        subjects: Sequence[str] | np.ndarray,
        weights: np.ndarray,
        settings: LandmarkTraining,
    ) -> None:
        rng = np.random.default_rng(settings.seed)
        source = np.repeat(np.arange(len(images)), settings.repeats)
        halves = {subject: i % 2 for i, subject in enumerate(rng.permutation(np.unique(subjects)))}
        self.half = np.array([halves[subject] for subject in subjects])[source]
        self.weight = np.asarray(weights, np.float32)[source]
        self.truth = points[source].astype(np.float64)
        self.images: list[np.ndarray] = []
        mirrored = rng.random(len(source)) < 0.5
        shrunk = np.where(rng.random(len(source)) < settings.low_resolution, rng.uniform(0.25, 0.5, len(source)), 1.0)
        warped = rng.random(len(source)) < settings.warped
        for k, i in enumerate(source.tolist()):
            image = images[i]
            if mirrored[k]:
                image = np.ascontiguousarray(image[:, ::-1])
                self.truth[k] = self.truth[k][MIRROR_68]
                self.truth[k, :, 0] = image.shape[1] - 1 - self.truth[k, :, 0]
            if warped[k]:
                image, self.truth[k] = warp(image, self.truth[k], rng)
            if shrunk[k] < 1 and min(image.shape) >= 128:
                image = cv2.resize(image, None, fx=shrunk[k], fy=shrunk[k], interpolation=cv2.INTER_AREA)
                factor = image.shape[1] / images[i].shape[1]
                self.truth[k] = (self.truth[k] + 0.5) * factor - 0.5
            self.images.append(image)

    def __len__(self) -> int:
        return len(self.images)

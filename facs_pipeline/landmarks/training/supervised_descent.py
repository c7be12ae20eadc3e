"""Training of the 68-point landmark model: cross-fitted supervised descent by ridge regression.

Samples are faces placed wrongly on purpose: each image, or its mirror image, is registered with random error in
position, size and rotation, and the next step learns to take the error back. Each step is fitted twice, on either
half of the subjects, and each half is moved on by the map of the other. So later steps learn from errors of the size
that new faces will show. The map of the model is fitted on all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from facs_pipeline.foundation.images import geometry
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.landmarks.eyelids import N_VALUES, eye_aspect_ratio, eyelid_values, eyes_of
from facs_pipeline.landmarks.model import (
    COARSE_CELL,
    COARSE_CROP,
    FINE_CROP,
    LAST_CELL,
    MIDDLE_CELL,
    LandmarkModel,
    Step,
)
from facs_pipeline.landmarks.patch_features import PatchFeatures
from facs_pipeline.landmarks.training.face_confidence import fit_face_weights
from facs_pipeline.landmarks.training.regression import low_rank, ridge
from facs_pipeline.landmarks.training.samples import EYE_DISTANCE, Samples, mean_shape, misregistration
from facs_pipeline.landmarks.training.settings import LandmarkTraining

_BATCH = 2000


def train_landmarks(
    images: Sequence[np.ndarray],
    points: np.ndarray,
    subjects: Sequence[str] | np.ndarray,
    settings: LandmarkTraining | None = None,
    *,
    weights: np.ndarray | None = None,
    box_shape: np.ndarray | None = None,
    progress: Progress = SILENT,
) -> LandmarkModel:
    """Fit a `LandmarkModel`.

    Parameters
    ----------
    images : sequence of ndarray of uint8
        Grey images `[h, w]` with one face each; n of them.
    points : ndarray
        True points `[n, 68, 2]` in pixels of each image.
    subjects : sequence of str
        Whom each image shows `[n]`; halves for cross-fitting never share a subject.
    settings : LandmarkTraining, optional
        How samples are made and steps are fitted.
    weights : ndarray, optional
        Weight of each image `[n]`.
    box_shape : ndarray, optional
        Mean points `[68, 2]` in a detector's box scaled to 0..1; by default dlib's frontal detector's.
    progress : Progress
        Its log gets one line per step.

    Returns
    -------
    LandmarkModel
        Without a card.
    """
    settings = settings or LandmarkTraining()
    rng = np.random.default_rng(settings.seed + 1)
    mean = mean_shape(points)
    samples = Samples(images, points, subjects, np.ones(len(images)) if weights is None else weights, settings)
    true_registration = geometry.fit_similarity(samples.truth, mean)

    def log_error(step: str, points: np.ndarray) -> None:
        progress.log(f"{step}: {_error(points, samples.truth):.2f} % of the eye distance left (unseen persons)")

    shapes = np.repeat(mean[None].astype(np.float64), len(samples), 0)
    coarse_patches, fine_patches = PatchFeatures(COARSE_CROP), PatchFeatures(FINE_CROP)
    registration = geometry.chain(misregistration(rng, len(samples), settings.coarse), true_registration)
    features = _features(samples, registration, shapes, coarse_patches, COARSE_CELL)
    coarse = _fit(samples, features, registration, shapes, settings)
    points = _moved(samples, coarse, features, registration, shapes)
    log_error("coarse", points)

    # Two thirds of the samples are as off as in tracking, one third as the coarse step leaves them.
    tracked = rng.random(len(samples)) < 2 / 3
    off = geometry.chain(misregistration(rng, len(samples), settings.fine), true_registration)
    registration = np.where(tracked[:, None, None], off, geometry.fit_similarity(points, mean))
    features = _features(samples, registration, shapes, fine_patches, MIDDLE_CELL)
    once = _fit(samples, features, registration, shapes, settings)
    points = _moved(samples, once, features, registration, shapes)
    log_error("middle, once", points)

    # The middle step is repeated, so it learns from where samples start and from where it has brought them.
    again = geometry.fit_similarity(points, mean)
    features_again = _features(samples, again, shapes, fine_patches, MIDDLE_CELL)
    second = rng.random(len(samples)) < 0.5
    registration = np.where(second[:, None, None], again, registration)
    features[second] = features_again[second]
    middle = _fit(samples, features, registration, shapes, settings)
    points = _moved(samples, middle, features_again, again, shapes)
    log_error("middle, repeated", points)

    # The last step reads the middle one's crop, which was registered before that moved the points.
    before = misregistration(rng, len(samples), settings.at_rest)
    registration = geometry.chain(before, geometry.fit_similarity(points, mean))
    shapes = geometry.apply(registration, points)
    features = _features(samples, registration, shapes, fine_patches, LAST_CELL)
    last = _fit(samples, features, registration, shapes, settings)
    points = _moved(samples, last, features, registration, shapes)
    log_error("last", points)

    lids = _fit_lids(samples, registration, points, fine_patches, settings)
    progress.log("lids: fitted")
    steps = [coarse.step, middle.step, last.step]
    box_shape = dlib_box_shape(mean) if box_shape is None else box_shape
    model = LandmarkModel(mean, steps, lids, np.zeros(FINE_CROP.n_features + 1), box_shape)
    face = fit_face_weights(model, samples.images, samples.truth, rng)
    progress.log("face or not: fitted")
    return LandmarkModel(mean, steps, lids, face, box_shape)


def dlib_box_shape(mean: np.ndarray) -> np.ndarray:
    """Mean points `[68, 2]` in the box of dlib's frontal detector, which frames brows to chin, scaled to 0..1."""
    return ((mean - mean[17:].mean(axis=0)) / (EYE_DISTANCE * 1.75) + [0.5, 0.52]).astype(np.float32)


def _error(found: np.ndarray, truth: np.ndarray) -> float:
    eyes = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=-1)
    return float((np.linalg.norm(found - truth, axis=-1).mean(axis=1) / eyes).mean() * 100)


class _Fit(NamedTuple):
    """A step fitted on all samples, and a full map [d + 1, 136] for each half, fitted on the other one."""

    step: Step
    of_half: tuple[np.ndarray, np.ndarray]


def _features(
    samples: Samples, registration: np.ndarray, shapes: np.ndarray, patches: PatchFeatures, cell: int
) -> np.ndarray:
    """Features [n, d + 1] float16 round `shapes` under a registration, the last one 1."""
    features = np.ones((len(samples), patches.settings.n_features + 1), np.float16)
    for k in range(len(samples)):
        patches.set_crop(samples.images[k], registration[k])
        features[k, :-1] = patches.at(shapes[k].astype(np.float32), cell)
    return features


def _fit(
    samples: Samples, features: np.ndarray, registration: np.ndarray, shapes: np.ndarray, settings: LandmarkTraining
) -> _Fit:
    """Ridge regression features -> movement of `shapes` to the truth.

    Samples that start hopelessly far off (over 30 % of the eye distance) weigh little: least squares would bend.
    """
    n, d = len(samples), features.shape[1] - 1
    targets = (geometry.apply(registration, samples.truth) - shapes).reshape(n, -1).astype(np.float32)
    start_error = np.linalg.norm(targets.reshape(n, 68, 2), axis=-1).mean(axis=1) / EYE_DISTANCE
    weight = samples.weight / (1 + (start_error / 0.3) ** 4).astype(np.float32)
    gram = np.zeros((2, d + 1, d + 1), np.float32)
    cross = np.zeros((2, d + 1, targets.shape[1]), np.float32)
    for start in range(0, n, _BATCH):
        rows = slice(start, start + _BATCH)
        for half in (0, 1):
            pick = samples.half[rows] == half
            x = features[rows][pick].astype(np.float32)
            weighted = x * weight[rows][pick, None]
            gram[half] += x.T @ weighted
            cross[half] += weighted.T @ targets[rows][pick]
    of_half = ridge(gram[1], cross[1], settings.ridge), ridge(gram[0], cross[0], settings.ridge)
    whole = gram[0] + gram[1]
    return _Fit(low_rank(ridge(whole, cross[0] + cross[1], settings.ridge), whole), of_half)


def _fit_lids(
    samples: Samples, registration: np.ndarray, points: np.ndarray, patches: PatchFeatures, settings: LandmarkTraining
) -> np.ndarray:
    """The weights [661, 12] of `facs_pipeline.landmarks.eyelids`, from the points [n, 68, 2] (px) of the steps before.

    Faces count more the wider their eyes are open, up to 25 times, because few are.
    """
    n, d = len(samples), N_VALUES
    located, truth = geometry.apply(registration, points), geometry.apply(registration, samples.truth)
    targets = eyes_of(truth - located).reshape(n, 2, 12).astype(np.float32)
    error = np.linalg.norm(truth - located, axis=-1).mean(axis=1) / EYE_DISTANCE
    openness = eye_aspect_ratio(samples.truth)
    wide = np.clip((openness - np.median(openness)) / openness.std(), 0, 4)
    weight = samples.weight * (1 + wide) ** 2 / (1 + (error / 0.1) ** 4)
    gram, cross = np.zeros((d + 1, d + 1)), np.zeros((d + 1, 12))
    for start in range(0, n, _BATCH):
        rows = range(start, min(start + _BATCH, n))
        values = np.ones((len(rows), 2, d + 1), np.float32)
        for k in rows:
            patches.set_crop(samples.images[k], registration[k])
            values[k - start, :, :-1] = eyelid_values(patches, located[k].astype(np.float32))
        weighted = values * weight[rows.start : rows.stop, None, None]
        gram += np.tensordot(values, weighted, axes=((0, 1), (0, 1)))
        cross += np.tensordot(weighted, targets[rows.start : rows.stop], axes=((0, 1), (0, 1)))
    return ridge(gram, cross, settings.lid_ridge)


def _moved(
    samples: Samples, fit: _Fit, features: np.ndarray, registration: np.ndarray, shapes: np.ndarray
) -> np.ndarray:
    """All points [n, 68, 2] (px) after a step, by the map that was fitted on the other half of the subjects."""
    moved = shapes.astype(np.float64).copy()
    for start in range(0, len(samples), _BATCH):
        rows = slice(start, start + _BATCH)
        x = features[rows].astype(np.float32)
        for half in (0, 1):
            pick = samples.half[rows] == half
            moved[rows][pick] += (x[pick] @ fit.of_half[half]).reshape(-1, 68, 2)
    return geometry.apply(geometry.invert(registration), moved)

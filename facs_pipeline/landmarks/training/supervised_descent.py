"""Training of the 68-point landmark model: cross-fitted supervised descent by ridge regression.

Samples are faces placed wrongly on purpose: each image, or its mirror image, is registered with random error in
position, size and rotation, and the next step learns to take the error back. Each step is fitted twice, on either
half of the persons, and the half that a map has not seen is moved on by it; so later steps learn from errors of the
size that new faces will show. The map that is kept is fitted on all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import scipy.linalg
from sklearn.linear_model import LogisticRegression

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
from facs_pipeline.landmarks.patch_features import CROP, PatchFeatures
from facs_pipeline.landmarks.points import MIRROR_68
from facs_pipeline.landmarks.training.warped import warp

EYE_DISTANCE = 0.36 * CROP  # outer eye corners of the mean shape, in crop pixels
RANK = 48
"""Of a step's linear map. Faces move in few ways, and a smaller map is faster."""
_BATCH = 2000


@dataclass(frozen=True)
class LandmarkTraining:
    """Settings of a training run.

    Attributes
    ----------
    repeats : int
        Samples made from each image.
    ridge : float
        Penalty, as a multiple of the features' mean variance.
    lid_ridge : float
        The same for the lids.
    coarse, fine, at_rest : (position, size, rotation)
        Standard deviations of the registration error: eye distances, log units, radians.
    low_resolution : float
        Share of samples shown at a quarter to a half of their resolution.
    warped : float
        Share of samples whose mouth, brows and lids are moved; see `facs_pipeline.landmarks.training.warped`.
    seed : int
        Everything random comes from it.
    """

    repeats: int = 3
    ridge: float = 0.7
    lid_ridge: float = 0.05
    coarse: tuple[float, float, float] = (0.13, 0.10, 0.14)
    fine: tuple[float, float, float] = (0.07, 0.055, 0.07)
    at_rest: tuple[float, float, float] = (0.02, 0.016, 0.02)
    low_resolution: float = 0.4
    warped: float = 0.3
    seed: int = 0


def mean_shape(points: np.ndarray) -> np.ndarray:
    """Symmetric Procrustes mean of shapes [n, 68, 2], in crop coordinates [68, 2]."""
    shapes = points - points.mean(axis=1, keepdims=True)
    shapes = shapes / np.sqrt((shapes**2).sum(axis=(1, 2)))[:, None, None]
    mean = shapes.mean(axis=0)
    for _ in range(3):
        mean = geometry.apply(geometry.fit_similarity(shapes, mean), shapes).mean(axis=0)
    mean = (mean + mean[MIRROR_68] * [-1, 1]) / 2
    mean -= mean.mean(axis=0)
    return (mean * EYE_DISTANCE / (mean[45, 0] - mean[36, 0]) + CROP / 2).astype(np.float32)


def misregistration(rng: np.random.Generator, n: int, spread: tuple[float, float, float]) -> np.ndarray:
    """Random similarities [n, 2, 3] about the crop's centre; a tenth of them are twice as far off."""
    wide = np.where(rng.random(n) < 0.1, 2.0, 1.0)
    turn = rng.standard_normal(n) * spread[2] * wide
    size = np.exp(rng.standard_normal(n) * spread[1] * wide)
    cosine, sine = size * np.cos(turn), size * np.sin(turn)
    linear = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)
    centre = np.full(2, CROP / 2)
    shift = rng.standard_normal((n, 2)) * (spread[0] * EYE_DISTANCE * wide)[:, None]
    return np.concatenate([linear, (shift + centre - linear @ centre)[..., None]], axis=-1)


class _Samples:
    """Images, some mirrored, warped or shrunk, with their true points."""

    def __init__(self, images, points, persons, weights, settings: LandmarkTraining):
        rng = np.random.default_rng(settings.seed)
        source = np.repeat(np.arange(len(images)), settings.repeats)
        halves = {p: i % 2 for i, p in enumerate(rng.permutation(np.unique(persons)))}
        self.half = np.array([halves[p] for p in persons])[source]
        self.weight = np.asarray(weights, np.float32)[source]
        self.truth = points[source].astype(np.float64)
        self.images = []
        mirrored = rng.random(len(source)) < 0.5
        shrunk = np.where(rng.random(len(source)) < settings.low_resolution, rng.uniform(0.25, 0.5, len(source)), 1.0)
        warped = rng.random(len(source)) < settings.warped
        for k, i in enumerate(source):
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


def train_landmarks(
    images: Sequence[np.ndarray],
    points: np.ndarray,
    persons: Sequence[str],
    settings: LandmarkTraining | None = None,
    *,
    weights: np.ndarray | None = None,
    box_shape: np.ndarray | None = None,
    progress: Progress = SILENT,
) -> LandmarkModel:
    """Fit a `LandmarkModel`.

    Parameters
    ----------
    images : n grey images [h, w] uint8, each with one face.
    points : ndarray [n, 68, 2]
        True points in pixels of each image.
    persons : n names; halves for cross-fitting never share a person.
    weights : ndarray [n], optional
        Weight of each image.
    box_shape : ndarray [68, 2], optional
        Mean points in a detector's box scaled to 0..1; by default dlib's frontal detector's.
    progress : Progress
        Its log gets one line per step.
    """
    settings = settings or LandmarkTraining()
    rng = np.random.default_rng(settings.seed + 1)
    mean = mean_shape(points)
    samples = _Samples(images, points, persons, np.ones(len(images)) if weights is None else weights, settings)
    true_registration = geometry.fit_similarity(samples.truth, mean)

    def left(what: str, points: np.ndarray) -> None:
        progress.log(f"{what}: {_error(points, samples.truth):.2f} % of the eye distance left (unseen persons)")

    shapes = np.repeat(mean[None].astype(np.float64), len(samples), 0)
    far, near = PatchFeatures(COARSE_CROP), PatchFeatures(FINE_CROP)
    registration = geometry.chain(misregistration(rng, len(samples), settings.coarse), true_registration)
    features = _look(samples, registration, shapes, far, COARSE_CELL)
    coarse = _fit(samples, features, registration, shapes, settings)
    points = _moved(samples, coarse, features, registration, shapes)
    left("coarse", points)

    # Two thirds of the samples are as off as in tracking, one third as the coarse step leaves them.
    tracked = rng.random(len(samples)) < 2 / 3
    off = geometry.chain(misregistration(rng, len(samples), settings.fine), true_registration)
    registration = np.where(tracked[:, None, None], off, geometry.fit_similarity(points, mean))
    features = _look(samples, registration, shapes, near, MIDDLE_CELL)
    once = _fit(samples, features, registration, shapes, settings)
    points = _moved(samples, once, features, registration, shapes)
    left("middle, once", points)

    # The middle step is repeated, so it learns from where samples start and from where it has brought them.
    again = geometry.fit_similarity(points, mean)
    features_again = _look(samples, again, shapes, near, MIDDLE_CELL)
    second = rng.random(len(samples)) < 0.5
    registration = np.where(second[:, None, None], again, registration)
    features[second] = features_again[second]
    middle = _fit(samples, features, registration, shapes, settings)
    points = _moved(samples, middle, features_again, again, shapes)
    left("middle, repeated", points)

    # The last step looks at what the middle one has looked at: registered before that moved.
    before = misregistration(rng, len(samples), settings.at_rest)
    registration = geometry.chain(before, geometry.fit_similarity(points, mean))
    shapes = geometry.apply(registration, points)
    features = _look(samples, registration, shapes, near, LAST_CELL)
    last = _fit(samples, features, registration, shapes, settings)
    points = _moved(samples, last, features, registration, shapes)
    left("last", points)

    lids = _fit_lids(samples, registration, points, near, settings)
    progress.log("lids: fitted")
    steps = [coarse.step, middle.step, last.step]
    box_shape = dlib_box_shape(mean) if box_shape is None else box_shape
    model = LandmarkModel(mean, steps, lids, np.zeros(FINE_CROP.n_features + 1), box_shape)
    face = fit_face_weights(model, samples.images, samples.truth, rng)
    progress.log("face or not: fitted")
    return LandmarkModel(mean, steps, lids, face, box_shape)


def dlib_box_shape(mean: np.ndarray) -> np.ndarray:
    """Mean points in a detector box; dlib's frontal detector frames brows to chin."""
    return ((mean - mean[17:].mean(axis=0)) / (EYE_DISTANCE * 1.75) + [0.5, 0.52]).astype(np.float32)


def _error(found: np.ndarray, truth: np.ndarray) -> float:
    eyes = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=-1)
    return float((np.linalg.norm(found - truth, axis=-1).mean(axis=1) / eyes).mean() * 100)


class _Fit(NamedTuple):
    """A step fitted on all samples, and full maps [d + 1, 136] that move each half: fitted on the other one."""

    step: Step
    of_half: tuple[np.ndarray, np.ndarray]


def _look(samples: _Samples, registration, shapes, features_of: PatchFeatures, cell: int) -> np.ndarray:
    """Features [n, d + 1] float16 round `shapes` under a registration, the last one 1."""
    features = np.ones((len(samples), features_of.settings.n_features + 1), np.float16)
    for k in range(len(samples)):
        features_of.set_crop(samples.images[k], registration[k])
        features[k, :-1] = features_of.at(shapes[k].astype(np.float32), cell)
    return features


def _fit(samples: _Samples, features: np.ndarray, registration, shapes, settings: LandmarkTraining) -> _Fit:
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


def _fit_lids(samples: _Samples, registration, points, near: PatchFeatures, settings: LandmarkTraining) -> np.ndarray:
    """The weights [661, 12] of `facs_pipeline.landmarks.eyelids`, from where unseen persons' `points` [n, 68, 2] (px) are found.

    Faces count more the wider their eyes are open, up to 25 times, because few are.
    """
    n, d = len(samples), N_VALUES
    found, truth = geometry.apply(registration, points), geometry.apply(registration, samples.truth)
    targets = eyes_of(truth - found).reshape(n, 2, 12).astype(np.float32)
    error = np.linalg.norm(truth - found, axis=-1).mean(axis=1) / EYE_DISTANCE
    openness = eye_aspect_ratio(samples.truth)
    wide = np.clip((openness - np.median(openness)) / openness.std(), 0, 4)
    weight = samples.weight * (1 + wide) ** 2 / (1 + (error / 0.1) ** 4)
    gram, cross = np.zeros((d + 1, d + 1)), np.zeros((d + 1, 12))
    for start in range(0, n, _BATCH):
        rows = range(start, min(start + _BATCH, n))
        values = np.ones((len(rows), 2, d + 1), np.float32)
        for k in rows:
            near.set_crop(samples.images[k], registration[k])
            values[k - start, :, :-1] = eyelid_values(near, found[k].astype(np.float32))
        weighted = values * weight[rows.start : rows.stop, None, None]
        gram += np.tensordot(values, weighted, axes=((0, 1), (0, 1)))
        cross += np.tensordot(weighted, targets[rows.start : rows.stop], axes=((0, 1), (0, 1)))
    return ridge(gram, cross, settings.lid_ridge)


def _moved(samples: _Samples, fit: _Fit, features: np.ndarray, registration, shapes) -> np.ndarray:
    """All points [n, 68, 2] (px) after a step, by the map that has not seen their half of the persons."""
    moved = shapes.astype(np.float64).copy()
    for start in range(0, len(samples), _BATCH):
        rows = slice(start, start + _BATCH)
        x = features[rows].astype(np.float32)
        for half in (0, 1):
            pick = samples.half[rows] == half
            moved[rows][pick] += (x[pick] @ fit.of_half[half]).reshape(-1, 68, 2)
    return geometry.apply(geometry.invert(registration), moved)


def ridge(gram: np.ndarray, cross: np.ndarray, penalty: float) -> np.ndarray:
    """Ridge regression from uncentred moments whose last feature is 1: [d + 1, k] with the intercept last.

    `penalty` multiplies the mean variance of the features; the intercept is not penalised.
    """
    n = float(gram[-1, -1])
    mean_x, mean_y = gram[-1, :-1].astype(np.float64) / n, cross[-1].astype(np.float64) / n
    centred = gram[:-1, :-1].astype(np.float64) - n * np.outer(mean_x, mean_x)
    d = len(centred)
    centred[np.arange(d), np.arange(d)] += penalty * np.trace(centred) / d
    weights = scipy.linalg.solve(
        centred, cross[:-1] - n * np.outer(mean_x, mean_y), assume_a="pos", overwrite_a=True, check_finite=False
    )
    return np.vstack([weights, mean_y - mean_x @ weights]).astype(np.float32)


def low_rank(weights: np.ndarray, gram: np.ndarray, rank: int = RANK) -> Step:
    """The map of a rank that predicts what `weights` [d + 1, k] predict with the least mean square difference.

    `gram` [d + 1, d + 1] holds the features' uncentred moments, whose last feature is 1. Reduced-rank regression
    (Izenman 1975): the predictions' own principal axes stay.
    """
    n = float(gram[-1, -1])
    mean = gram[-1, :-1].astype(np.float64) / n
    linear = weights[:-1].astype(np.float64)
    predicted = linear.T @ gram[:-1, :-1].astype(np.float64) @ linear / n - np.outer(mean @ linear, mean @ linear)
    _variance, axes = np.linalg.eigh(predicted)
    axes = axes[:, -rank:]
    down = axes.T @ linear.T
    bias = weights[-1] + mean @ linear - axes @ (down @ mean)
    return Step(*(np.ascontiguousarray(part, np.float32) for part in (down, axes, bias)))


def fit_face_weights(model: LandmarkModel, images, truth, rng: np.random.Generator, n: int = 36000) -> np.ndarray:
    """Logistic regression [d + 1]: do the points that `follow` finds lie on an unhidden face?

    A third of the samples are tracked faces (yes), a third start far off the face, a third have much of the face
    covered (no, where the points came out wrong or are hidden).
    """
    picks = rng.choice(len(images), min(n, len(images)), replace=False)
    kinds = np.arange(len(picks)) % 3
    near = misregistration(rng, len(picks), (0.06, 0.05, 0.06))
    far = misregistration(rng, len(picks), (1.2, 0.45, 0.9))
    registration = geometry.fit_similarity(truth[picks], model.mean_shape)
    features, label = np.empty((len(picks), FINE_CROP.n_features), np.float32), np.empty(len(picks), bool)
    for k, i in enumerate(picks):
        image = images[i]
        if kinds[k] == 2:
            image = _cover(image, truth[i], rng)
        start = geometry.apply(
            geometry.invert(geometry.chain((far if kinds[k] == 1 else near)[k], registration[k])), model.mean_shape
        )
        features[k], found = model.locate(image, start)
        error = np.linalg.norm(found - truth[i], axis=-1).mean() / np.linalg.norm(truth[i, 36] - truth[i, 45])
        label[k] = kinds[k] != 2 and error < 0.1
    # A ridge discriminant on half of them, turned into log-odds on the other half.
    design = np.column_stack([features, np.ones(len(features), np.float32)])
    first = np.arange(len(picks)) % 2 == 0
    weights = ridge(design[first].T @ design[first], design[first].T @ (2.0 * label[first, None] - 1), 1.0)[:, 0]
    odds = LogisticRegression(C=1e3).fit((design[~first] @ weights)[:, None], label[~first])
    weights = weights * odds.coef_[0, 0]
    weights[-1] += odds.intercept_[0]
    return weights.astype(np.float32)


def _cover(image: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Hide 40 to 70 % of the face behind a random patch, or, every third time, a part of it behind an oval hand."""
    height, width = image.shape
    across, down = np.arange(width), np.arange(height)[:, None]
    low, high = points.min(axis=0), points.max(axis=0)
    if rng.random() < 1 / 3:
        eyes = np.linalg.norm(points[45] - points[36])
        part = (slice(48, 68), slice(36, 48), slice(27, 48), slice(27, 68))[rng.integers(4)]
        (x, y), (reach_x, reach_y) = points[part].mean(axis=0), rng.uniform(0.4, 0.9, 2) * eyes
        hidden = ((across - x) / reach_x) ** 2 + ((down - y) / reach_y) ** 2 < 1
    else:
        side, share = rng.integers(4), rng.uniform(0.4, 0.7)
        (x0, y0), (x1, y1) = low - 0.1 * (high - low), high + 0.1 * (high - low)
        x0, x1 = ((x0, x0 + share * (x1 - x0)), (x1 - share * (x1 - x0), x1), (x0, x1), (x0, x1))[side]
        y0, y1 = ((y0, y1), (y0, y1), (y0, y0 + share * (y1 - y0)), (y1 - share * (y1 - y0), y1))[side]
        hidden = (across >= x0) & (across < x1) & (down >= y0) & (down < y1)
    texture = rng.integers(0, 256, (rng.integers(2, 9), rng.integers(2, 9)), dtype=np.uint8)
    smooth = cv2.INTER_LINEAR if rng.random() < 0.7 else cv2.INTER_NEAREST
    patch = cv2.resize(texture, (width, height), interpolation=smooth).astype(np.float32)
    if rng.random() < 0.3:
        # As bright as the nose, with faint folds.
        x, y = np.clip(points[30], 0, (width - 1, height - 1)).astype(int)
        patch = float(image[y, x]) + 0.15 * (patch - 128)
    cover = cv2.GaussianBlur(hidden.astype(np.float32), (0, 0), 1.0)
    return np.clip(image + cover * (patch - image), 0, 255).astype(np.uint8)

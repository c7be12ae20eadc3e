"""Training of the confidence: whether there is an unhidden face at the points."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression

from facs_pipeline.foundation.images import geometry
from facs_pipeline.landmarks.model import FINE_CROP, LandmarkModel
from facs_pipeline.landmarks.training.regression import ridge
from facs_pipeline.landmarks.training.samples import misregistration


def fit_face_weights(
    model: LandmarkModel, images: Sequence[np.ndarray], truth: np.ndarray, rng: np.random.Generator, n: int = 36000
) -> np.ndarray:
    """Logistic regression of whether the points that `model` finds lie on an unhidden face.

    A third of the samples are tracked faces, a third start far off the face, a third have much of the face covered.
    A sample counts as a face where nothing is covered and the points came out right.

    Parameters
    ----------
    model : LandmarkModel
        With all its steps.
    images : sequence of ndarray of uint8
        Grey images `[h, w]`; m of them.
    truth : ndarray
        Their true points `[m, 68, 2]`, pixels.
    rng : numpy.random.Generator
        Draws the samples.
    n : int
        At most so many samples.

    Returns
    -------
    ndarray of float32
        Map `[2755]` from the last step's features (and 1) to log-odds.
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

"""Which videos show the same person, where subjects are unknown: a vector for each registered face, then clustering.

Classical on purpose (texture, brightness and shape, no network): good for one recording session with even light and
few people, where pairs of videos usually come from. The result is a table for people to correct.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform
from skimage.feature import local_binary_pattern
from sklearn.metrics import silhouette_score

from facs_pipeline.foundation.images.geometry import apply, fit_similarity

SIZE, CELLS, BINS, THUMBNAIL = 84, 7, 59, 16
# Outer eye corners and the tip of the nose hardly move with the expression.
_ANCHORS = np.array([36, 45, 30])
_RIGID = np.r_[0:17, 27:48]  # chin line, nose and eyes; brows and mouth depend on the expression
_ANCHOR_POSITIONS = np.array([[16.0, 26.0], [68.0, 26.0], [42.0, 52.0]])


class Clusters(NamedTuple):
    """Videos grouped by person.

    Attributes
    ----------
    subject : ndarray of int
        Person `[n]`, from 0 in order of first appearance.
    confidence : ndarray of float
        `[n]`, 0..1; 0.5: as close to another person's videos as to the own; 0 for a person with one video.
    nearest : ndarray of int
        The most similar other video `[n]`.
    """

    subject: np.ndarray
    confidence: np.ndarray
    nearest: np.ndarray


def identity_vector(greys: list[np.ndarray], points: list[np.ndarray]) -> np.ndarray:
    """Texture, brightness and shape of the registered face, averaged over frames.

    Square roots of uniform-LBP histograms of the smoothed face in 7 x 7 cells (their distance is Hellinger's), a
    16 x 16 picture of it in standard units, and the landmarks of chin, nose and eyes, each of similar weight.

    Parameters
    ----------
    greys : list of ndarray of uint8
        Grey images `[h, w]`: some frames of one video, best with the face at rest.
    points : list of ndarray of float
        Their landmarks `[68, 2]` in pixels.

    Returns
    -------
    ndarray of float
        `[3223]`.
    """
    histogram = np.zeros((CELLS * CELLS, BINS))
    thumbnails, shapes = [], []
    cell = SIZE // CELLS
    cells = np.add.outer(np.arange(SIZE) // cell * CELLS, np.arange(SIZE) // cell)
    for grey, landmarks in zip(greys, points, strict=True):
        landmarks = np.asarray(landmarks, float)
        matrix = fit_similarity(landmarks[_ANCHORS], _ANCHOR_POSITIONS)
        face = cv2.warpAffine(grey, matrix, (SIZE, SIZE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        thumbnails.append(cv2.resize(face, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).astype(float).ravel())
        shapes.append(apply(matrix, landmarks)[_RIGID].ravel() / SIZE)
        # Without smoothing the patterns would be those of the camera's noise.
        codes = local_binary_pattern(cv2.GaussianBlur(face, (0, 0), 2), 8, 1, "nri_uniform").astype(int)
        histogram += np.bincount((cells * BINS + codes).ravel(), minlength=histogram.size).reshape(histogram.shape)
    thumbnail = np.mean(thumbnails, axis=0)
    thumbnail = (thumbnail - thumbnail.mean()) / max(thumbnail.std(), 1e-9) / THUMBNAIL
    return np.concatenate([np.sqrt(histogram / histogram.sum()).ravel(), thumbnail, np.median(shapes, axis=0)])


def cluster_subjects(vectors: np.ndarray, n_subjects: int | None = None) -> Clusters:
    """Group videos by person: average linkage, cut where the silhouette is best.

    Parameters
    ----------
    vectors : ndarray of float
        `[n, d]`, from `identity_vector`.
    n_subjects : int or None
        Number of people, where known.

    Returns
    -------
    Clusters
        Of the n videos.

    Notes
    -----
    Without `n_subjects` at least two people are assumed, and fewer people than videos. Two videos alone are taken for
    one person: people who compare two videos mean that.
    """
    n = len(vectors)
    if n <= 2:
        return Clusters(np.zeros(n, int), np.full(n, 0.5), np.arange(n)[::-1].copy())
    distances = squareform(pdist(vectors))
    tree = linkage(vectors, "average")
    if n_subjects is None:
        cuts = [fcluster(tree, k, "maxclust") for k in range(2, n)]
        cuts = [cut for cut in cuts if 1 < len(np.unique(cut)) < n] or [np.ones(n, int)]
        quality = [silhouette_score(distances, c, metric="precomputed") if len(np.unique(c)) > 1 else 0 for c in cuts]
        labels = cuts[int(np.argmax(quality))]
    else:
        labels = fcluster(tree, n_subjects, "maxclust")
    order = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    subject = np.array([order[label] for label in labels])
    np.fill_diagonal(distances, np.inf)
    return Clusters(subject, _confidence(distances, subject), distances.argmin(axis=1))


def _confidence(distances: np.ndarray, subject: np.ndarray) -> np.ndarray:
    """Share of the nearest other person's distance in both distances: 0.5 = undecided, 1 = own videos are identical."""
    confidence = np.zeros(len(subject))
    for i in range(len(subject)):
        own = distances[i, (subject == subject[i]) & np.isfinite(distances[i])]
        others = [distances[i, subject == s].mean() for s in np.unique(subject) if s != subject[i]]
        if len(own):
            confidence[i] = min(others) / (min(others) + own.mean()) if others else 0.5
    return confidence

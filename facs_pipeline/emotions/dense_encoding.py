"""Registered face -> dense descriptors -> dictionary codes, pooled in a grid; mirror images are exact permutations.

Small windows all over a 48 x 48 face are described (root-SIFT or whitened pixels), compared with a dictionary learnt by
k-means, and every window's similarities to the atoms are pooled in a 4 x 4 grid. The second half of the dictionary is
the first half seen in a mirror, so the vector f_m of the mirrored face is a permutation of the vector f of the face.
Features are given as the symmetric part (f + f_m) / 2 and the antisymmetric part (f - f_m) / 2, scaled to keep lengths.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from sklearn.cluster import MiniBatchKMeans

from facs_pipeline.foundation.images.gradients import mirrored_directions

_ORIENTATIONS = 8
_ANGLE = np.arange(_ORIENTATIONS) * (2 * np.pi / _ORIENTATIONS)
_DIRECTIONS = np.stack([np.cos(_ANGLE), np.sin(_ANGLE)]).astype(np.float32)
_MIRRORED_ORIENTATIONS = mirrored_directions(_ORIENTATIONS)
_CELLS = 4
# Keep flat windows from being blown up to full contrast: a Sobel sum per pixel, and a variance in grey levels squared.
_FLAT_GRADIENT = 4.0
FLAT_VARIANCE = 100.0
_ZCA_SHRINKAGE = 0.1
KINDS = ("sift", "pixels")


def root_sift(face: np.ndarray, window: int, stride: int = 2) -> np.ndarray:
    """Descriptors [m, 128] of windows every `stride` pixels: 4 x 4 cells, 8 signed orientations, square roots.

    Gradient energy is rectified, not binned, and each window is divided by its sum before the square root.

    Parameters
    ----------
    face : ndarray [h, w] uint8.
    window : side in pixels, a multiple of 4.

    References
    ----------
    Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 60, 2004; Arandjelovic and Zisserman,
    "Three things everyone should know to improve object retrieval", CVPR 2012.
    """
    cell = window // _CELLS
    dx, dy = cv2.spatialGradient(face)
    energy = dx[..., None] * _DIRECTIONS[0] + dy[..., None] * _DIRECTIONS[1]
    np.maximum(energy, 0, out=energy)
    sums = cv2.boxFilter(energy, cv2.CV_32F, (cell, cell), anchor=(0, 0), normalize=False)
    corner = [np.arange((side - window) // stride + 1) * stride for side in face.shape]
    rows, columns = (start[:, None] + cell * np.arange(_CELLS) for start in corner)
    values = sums[rows[:, None, :, None], columns[None, :, None, :]].reshape(len(rows) * len(columns), -1)
    # The running sums of the box filter can end a rounding error below zero.
    np.maximum(values, 0, out=values)
    return np.sqrt(values / (values.sum(axis=1, keepdims=True) + window * window * _FLAT_GRADIENT))


def normalised_patches(face: np.ndarray, window: int, stride: int = 2) -> np.ndarray:
    """Pixels [m, window^2] of windows every `stride` pixels, each of mean 0 and about unit variance."""
    views = np.lib.stride_tricks.sliding_window_view(face, (window, window))[::stride, ::stride]
    pixels = views.reshape(views.shape[0] * views.shape[1], -1).astype(np.float32)
    pixels -= pixels.mean(axis=1, keepdims=True)
    return pixels / np.sqrt(pixels.var(axis=1, keepdims=True) + FLAT_VARIANCE)


def mirrored_order(kind: str, window: int) -> np.ndarray:
    """Permutation of a descriptor's values that gives the mirrored window's descriptor."""
    if kind == "sift":
        values = np.arange(_CELLS * _CELLS * _ORIENTATIONS).reshape(_CELLS, _CELLS, _ORIENTATIONS)
        return values[:, ::-1][:, :, _MIRRORED_ORIENTATIONS].ravel()
    return np.arange(window * window).reshape(window, window)[:, ::-1].ravel()


def pooling(n: int, cells: int) -> np.ndarray:
    """Weights [cells, n] that spread n places over cells, each linearly between the two cells around it."""
    place = np.clip((np.arange(n) + 0.5) / n * cells - 0.5, 0, cells - 1)
    return np.maximum(0, 1 - np.abs(place - np.arange(cells)[:, None])).astype(np.float32)


def zca(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean [d] of X [n, d] and the matrix [d, d] that whitens it, float32, with weak directions held back."""
    mean = X.mean(axis=0)
    spread, axes = np.linalg.eigh(np.cov((X - mean).T))
    return mean, ((axes / np.sqrt(spread + _ZCA_SHRINKAGE * spread.mean())) @ axes.T).astype(np.float32)


class DenseEncoder:
    """Dictionary codes of dense descriptors, pooled in a grid.

    Parameters
    ----------
    kind : ``"sift"`` or ``"pixels"`` (whitened).
    window : side of a window in pixels.
    stride : distance of neighbouring windows; the windows have to end with the face, or mirroring is not exact.
    atoms : size of the dictionary, even.
    cells : the pooling grid has cells x cells.

    Attributes
    ----------
    atoms_ : ndarray [atoms, d]; whitening_ : ndarray [d, d] and mean_ [d], of ``"pixels"`` only.

    References
    ----------
    The soft "triangle" code ``max(0, mean distance - distance)``: Coates, Lee, Ng, "An analysis of single-layer
    networks in unsupervised feature learning", AISTATS 2011.

    Example
    -------
    >>> faces = np.random.default_rng(0).integers(0, 256, (20, 48, 48), np.uint8)
    >>> encoder = DenseEncoder("sift", 16, atoms=8).fit(faces, n_windows=500)
    >>> encoder.encode(faces[0]).shape
    (2, 64)
    """

    SETTINGS = ("kind", "window", "stride", "atoms", "cells")

    def __init__(self, kind: str, window: int, *, stride: int = 2, atoms: int = 1600, cells: int = 4):
        if kind not in KINDS or window % _CELLS or atoms % 2:
            raise ValueError(f"{kind!r}, window {window}, {atoms} atoms; expected {KINDS}, a multiple of 4, even")
        self.kind, self.window, self.stride, self.atoms, self.cells = kind, window, stride, atoms, cells

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.window}"

    def _describe(self, face: np.ndarray) -> np.ndarray:
        if self.kind == "sift":
            return root_sift(face, self.window, self.stride)
        return normalised_patches(face, self.window, self.stride)

    def fit(self, faces: np.ndarray, *, n_windows: int = 150_000, n_faces: int = 4000, seed: int = 0) -> DenseEncoder:
        """Learn the dictionary from random windows of faces [n, h, w] uint8 and their mirror images."""
        random = np.random.default_rng(seed)
        chosen = random.choice(len(faces), min(len(faces), n_faces), replace=False)
        windows = []
        for number in chosen:
            found = self._describe(faces[number])
            windows.append(found[random.choice(len(found), min(len(found), n_windows // len(chosen) + 1), False)])
        order = mirrored_order(self.kind, self.window)
        X = np.concatenate(windows)
        X = np.concatenate([X, X[:, order]])
        arrays = {}
        if self.kind == "pixels":
            mean, whitening = zca(X)
            arrays = {"mean": mean, "whitening": whitening}
            X = (X - mean) @ whitening
        half = MiniBatchKMeans(
            self.atoms // 2, batch_size=4096, n_init=1, max_iter=5, max_no_improvement=None, random_state=seed
        ).fit(X)
        atoms = half.cluster_centers_.astype(np.float32)
        return self.restore({**arrays, "atoms": np.concatenate([atoms, atoms[:, order]])})

    def restore(self, arrays: dict[str, np.ndarray]) -> DenseEncoder:
        """Take over what `arrays` of a fitted encoder gave."""
        self.atoms_ = np.asarray(arrays["atoms"], np.float32)
        if self.kind == "pixels":
            self.mean_ = np.asarray(arrays["mean"], np.float32)
            self.whitening_ = np.asarray(arrays["whitening"], np.float32)
        self._squares = (self.atoms_**2).sum(axis=1)
        return self

    def arrays(self) -> dict[str, np.ndarray]:
        """What was learnt, to be stored."""
        more = {"mean": self.mean_, "whitening": self.whitening_} if self.kind == "pixels" else {}
        return {"atoms": self.atoms_, **more}

    def settings(self) -> dict[str, Any]:
        """What it was made with."""
        return {name: getattr(self, name) for name in self.SETTINGS}

    def encode_faces(self, faces: np.ndarray) -> np.ndarray:
        """`encode` of faces [n, h, w]: [n, 2, d] float16."""
        return np.stack([self.encode(face) for face in faces])

    def encode(self, face: np.ndarray) -> np.ndarray:
        """One face [h, w] uint8 -> symmetric and antisymmetric part [2, cells^2 * atoms / 2] float16.

        Each cell's codes are square-rooted and divided by their length. The mirrored face has the same symmetric part
        and the negative of the antisymmetric one, up to rounding.
        """
        X = self._describe(face)
        if self.kind == "pixels":
            X = (X - self.mean_) @ self.whitening_
        distance = X @ self.atoms_.T
        distance *= -2
        distance += self._squares
        distance += (X**2).sum(axis=1, keepdims=True)
        np.maximum(distance, 0, out=distance)
        np.sqrt(distance, out=distance)
        code = np.subtract(distance.mean(axis=1, keepdims=True), distance, out=distance)
        np.maximum(code, 0, out=code)
        side = (face.shape[0] - self.window) // self.stride + 1
        weights = pooling(side, self.cells)
        pooled = weights @ code.reshape(side, -1)
        pooled = np.matmul(weights, pooled.reshape(self.cells, side, -1))
        np.sqrt(pooled, out=pooled)
        pooled /= np.linalg.norm(pooled, axis=2, keepdims=True) + 1e-6
        half = self.atoms // 2
        first, mirror = pooled[..., :half], pooled[:, ::-1, half:]
        parts = np.stack([(first + mirror).ravel(), (first - mirror).ravel()])
        return (parts * np.float32(0.5**0.5)).astype(np.float16)

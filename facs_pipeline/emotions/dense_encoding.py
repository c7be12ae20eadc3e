"""Registered face -> dense descriptors -> dictionary codes, pooled in a grid; mirror images are exact permutations.

Small windows all over a 48 x 48 face are described by root-SIFT or whitened pixels. They are compared with a dictionary
learnt by k-means, and every window's similarities to the atoms are pooled in a 4 x 4 grid. The second half of the
dictionary mirrors the first half, so the vector f_m of the mirrored face is a permutation of the vector f of the face.
Features are given as the symmetric part (f + f_m) / 2 and the antisymmetric part (f - f_m) / 2, scaled to keep lengths.
"""

from __future__ import annotations

from collections.abc import Mapping
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
# These keep flat windows from full contrast: a Sobel sum per pixel, and a variance in squared grey levels.
_FLAT_GRADIENT = 4.0
FLAT_VARIANCE = 100.0
_ZCA_SHRINKAGE = 0.1
KINDS = ("sift", "pixels")


def root_sift(face: np.ndarray, window: int, stride: int = 2) -> np.ndarray:
    """SIFT descriptors of windows every `stride` pixels: 4 x 4 cells, 8 signed orientations, square roots.

    Gradient energy is rectified, not binned, and each window is divided by its sum before the square root.

    Parameters
    ----------
    face : ndarray of uint8
        Image `[h, w]`.
    window : int
        Side of a window in pixels, a multiple of 4.
    stride : int
        Distance of neighbouring windows in pixels.

    Returns
    -------
    ndarray of float32
        `[m, 128]`, one row a window, row by row of the image.

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
    """Pixels of windows every `stride` pixels, each of mean 0 and about unit variance.

    Parameters
    ----------
    face : ndarray of uint8
        Image `[h, w]`.
    window : int
        Side of a window in pixels.
    stride : int
        Distance of neighbouring windows in pixels.

    Returns
    -------
    ndarray of float32
        `[m, window^2]`, one row a window, row by row of the image.
    """
    views = np.lib.stride_tricks.sliding_window_view(face, (window, window))[::stride, ::stride]
    pixels = views.reshape(views.shape[0] * views.shape[1], -1).astype(np.float32)
    pixels -= pixels.mean(axis=1, keepdims=True)
    return pixels / np.sqrt(pixels.var(axis=1, keepdims=True) + FLAT_VARIANCE)


def mirrored_order(kind: str, window: int) -> np.ndarray:
    """Permutation of a descriptor's values that gives the descriptor of the mirrored window.

    Parameters
    ----------
    kind : {"sift", "pixels"}
        Kind of descriptor.
    window : int
        Side of a window in pixels.

    Returns
    -------
    ndarray of int
        `[d]`.
    """
    if kind == "sift":
        values = np.arange(_CELLS * _CELLS * _ORIENTATIONS).reshape(_CELLS, _CELLS, _ORIENTATIONS)
        return values[:, ::-1][:, :, _MIRRORED_ORIENTATIONS].ravel()
    return np.arange(window * window).reshape(window, window)[:, ::-1].ravel()


def pooling(n: int, cells: int) -> np.ndarray:
    """Weights `[cells, n]` that spread n positions over cells, each linearly between the two cells around it."""
    position = np.clip((np.arange(n) + 0.5) / n * cells - 0.5, 0, cells - 1)
    return np.maximum(0, 1 - np.abs(position - np.arange(cells)[:, None])).astype(np.float32)


def zca(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Zero-phase whitening ``axes (variance + shrinkage)^(-1/2) axes'``; the shrinkage damps weak directions.

    Parameters
    ----------
    X : ndarray of float32
        Rows `[n, d]`.

    Returns
    -------
    mean : ndarray of float32
        `[d]`.
    whitening : ndarray of float32
        Matrix `[d, d]` that whitens rows after their mean is subtracted.
    """
    mean = X.mean(axis=0)
    variance, axes = np.linalg.eigh(np.cov((X - mean).T))
    return mean, ((axes / np.sqrt(variance + _ZCA_SHRINKAGE * variance.mean())) @ axes.T).astype(np.float32)


class DenseEncoder:
    """Dictionary codes of dense descriptors, pooled in a grid.

    Parameters
    ----------
    kind : {"sift", "pixels"}
        Descriptor of a window: root-SIFT or whitened pixels.
    window : int
        Side of a window in pixels, a multiple of 4.
    stride : int
        Distance of neighbouring windows in pixels. The last window has to end with the face, or mirroring is not exact.
    atoms : int
        Size of the dictionary, even.
    cells : int
        The pooling grid has cells x cells.

    Attributes
    ----------
    atoms_ : ndarray of float32
        The dictionary `[atoms, d]`.
    mean_ : ndarray of float32
        Mean descriptor `[d]`; ``"pixels"`` only.
    whitening_ : ndarray of float32
        Whitening matrix `[d, d]`; ``"pixels"`` only.

    Raises
    ------
    ValueError
        If the kind is unknown, the window no multiple of 4, or the number of atoms odd.

    References
    ----------
    The soft "triangle" code ``max(0, mean distance - distance)``: Coates, Lee, Ng, "An analysis of single-layer
    networks in unsupervised feature learning", AISTATS 2011.

    Examples
    --------
    >>> faces = np.random.default_rng(0).integers(0, 256, (20, 48, 48), np.uint8)
    >>> encoder = DenseEncoder("sift", 16, atoms=8).fit(faces, n_windows=500)
    >>> encoder.encode(faces[0]).shape
    (2, 64)
    """

    def __init__(self, kind: str, window: int, *, stride: int = 2, atoms: int = 1600, cells: int = 4):
        if kind not in KINDS or window % _CELLS or atoms % 2:
            raise ValueError(f"{kind!r}, window {window}, {atoms} atoms; expected {KINDS}, a multiple of 4, even")
        self.kind, self.window, self.stride, self.atoms, self.cells = kind, window, stride, atoms, cells

    @property
    def name(self) -> str:
        """Kind and window, e.g. ``"sift-12"``."""
        return f"{self.kind}-{self.window}"

    def _describe(self, face: np.ndarray) -> np.ndarray:
        if self.kind == "sift":
            return root_sift(face, self.window, self.stride)
        return normalised_patches(face, self.window, self.stride)

    def fit(self, faces: np.ndarray, *, n_windows: int = 150_000, n_faces: int = 4000, seed: int = 0) -> DenseEncoder:
        """Learn the dictionary from random windows of faces and their mirror images.

        Parameters
        ----------
        faces : ndarray of uint8
            Images `[n, h, w]`.
        n_windows : int
            About so many windows are drawn in all.
        n_faces : int
            Faces that they are drawn from, at most.
        seed : int
            Of the draws and of k-means.

        Returns
        -------
        DenseEncoder
            Itself.
        """
        random = np.random.default_rng(seed)
        chosen = random.choice(len(faces), min(len(faces), n_faces), replace=False)
        windows = []
        for number in chosen:
            drawn = self._describe(faces[number])
            windows.append(drawn[random.choice(len(drawn), min(len(drawn), n_windows // len(chosen) + 1), False)])
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
        """Restore the learnt state from what `arrays` gave; returns itself."""
        self.atoms_ = np.asarray(arrays["atoms"], np.float32)
        if self.kind == "pixels":
            self.mean_ = np.asarray(arrays["mean"], np.float32)
            self.whitening_ = np.asarray(arrays["whitening"], np.float32)
        self._squares = (self.atoms_**2).sum(axis=1)
        return self

    def arrays(self) -> dict[str, np.ndarray]:
        """The learnt state, for a model file."""
        more = {"mean": self.mean_, "whitening": self.whitening_} if self.kind == "pixels" else {}
        return {"atoms": self.atoms_, **more}

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments, for a model's card."""
        return {name: getattr(self, name) for name in ("kind", "window", "stride", "atoms", "cells")}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> DenseEncoder:
        """An unfitted encoder from what `settings` gave; other entries are ignored."""
        return cls(
            settings["kind"],
            settings["window"],
            stride=settings["stride"],
            atoms=settings["atoms"],
            cells=settings["cells"],
        )

    def encode_faces(self, faces: np.ndarray) -> np.ndarray:
        """`encode` of every face `[n, h, w]`: `[n, 2, d]` of float16."""
        return np.stack([self.encode(face) for face in faces])

    def encode(self, face: np.ndarray) -> np.ndarray:
        """The pooled codes of one face.

        Each cell's codes are square-rooted and divided by their length. The mirrored face has the same symmetric part
        and the negative of the antisymmetric one, up to rounding.

        Parameters
        ----------
        face : ndarray of uint8
            Image `[h, w]`.

        Returns
        -------
        ndarray of float16
            Symmetric and antisymmetric part `[2, cells^2 * atoms / 2]`.
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

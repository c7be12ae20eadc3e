"""Registered face -> responses of a few learnt filters, pooled in a grid: dense codes at a small price.

The cheap relative of `facs_pipeline.dense_encoding`: instead of distances to many atoms, a small dictionary's filters
answer in two directions each, and only answers beyond a threshold count. The second half of the filters is the first
half seen in a mirror, so mirror images are permutations here too.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from sklearn.cluster import MiniBatchKMeans

from facs_pipeline.dense_encoding import FLAT_VARIANCE, mirrored_order, normalised_patches, pooling, zca

# As many faces at a time as the processor's cache holds.
_TOGETHER = 4


class FilterEncoder:
    """Two-sided soft-threshold codes of whitened filters, pooled in a grid.

    Parameters
    ----------
    side : the face is shrunk to side x side pixels first.
    window : side of a filter in pixels.
    stride : distance of neighbouring windows; the windows have to end with the face, or mirroring is not exact.
    filters : their number, even.
    threshold : what a response has to exceed, in standard deviations of the responses.
    cells : the pooling grid has cells x cells.

    Attributes
    ----------
    filters_ : ndarray [window^2, filters], offsets_ : ndarray [filters]
        Response of a window of pixels x: ``x @ filters_ / deviation(x) - offsets_``, of about unit deviation.

    References
    ----------
    Coates and Ng, "The importance of encoding versus training with sparse coding and vector quantization", ICML 2011.

    Example
    -------
    >>> faces = np.random.default_rng(0).integers(0, 256, (20, 48, 48), np.uint8)
    >>> encoder = FilterEncoder(filters=8, cells=2).fit(faces, n_windows=500)
    >>> encoder.encode(faces[0]).shape
    (2, 32)
    """

    kind = "filters"
    SETTINGS = ("side", "window", "stride", "filters", "threshold", "cells")

    def __init__(
        self,
        *,
        side: int = 48,
        window: int = 8,
        stride: int = 2,
        filters: int = 80,
        threshold: float = 1.2,
        cells: int = 6,
    ):
        if filters % 2 or (side - window) % stride:
            raise ValueError(
                f"{filters} filters, windows of {window} every {stride} pixels of {side}; "
                "expected an even number, and windows that end with the face"
            )
        self.side, self.window, self.stride = side, window, stride
        self.filters, self.threshold, self.cells = filters, threshold, cells
        self._along = (side - window) // stride + 1
        self._pooling = pooling(self._along, cells)
        pixels = np.arange(side * side, dtype=np.intp).reshape(side, side)
        windows = np.lib.stride_tricks.sliding_window_view(pixels, (window, window))[::stride, ::stride]
        self._windows = windows.reshape(self._along**2, -1).copy()

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.window}"

    def _shrunk(self, face: np.ndarray) -> np.ndarray:
        return cv2.resize(face, (self.side, self.side), interpolation=cv2.INTER_AREA)

    def fit(self, faces: np.ndarray, *, n_windows: int = 150_000, n_faces: int = 4000, seed: int = 0) -> FilterEncoder:
        """Learn the filters from random windows of faces [n, h, w] uint8 and their mirror images."""
        random = np.random.default_rng(seed)
        chosen = random.choice(len(faces), min(len(faces), n_faces), replace=False)
        found = []
        for number in chosen:
            windows = normalised_patches(self._shrunk(faces[number]), self.window, self.stride)
            found.append(windows[random.choice(len(windows), min(len(windows), n_windows // len(chosen) + 1), False)])
        order = mirrored_order("pixels", self.window)
        X = np.concatenate(found)
        X = np.concatenate([X, X[:, order]])
        mean, whitening = zca(X)
        white = (X - mean) @ whitening
        white /= np.linalg.norm(white, axis=1, keepdims=True) + 1e-6
        atoms = MiniBatchKMeans(
            self.filters // 2, batch_size=4096, n_init=1, max_iter=5, max_no_improvement=None, random_state=seed
        ).fit(white)
        half = whitening @ (atoms.cluster_centers_ / np.linalg.norm(atoms.cluster_centers_, axis=1, keepdims=True)).T
        filters = np.concatenate([half, half[order]], axis=1)
        deviation = (X @ filters).std()
        # Windows have mean 0, so a filter's own mean makes no difference to them; without it raw pixels will do.
        filters = (filters - filters.mean(axis=0)) / deviation
        return self.restore({"filters": filters, "offsets": mean @ filters})

    def restore(self, arrays: dict[str, np.ndarray]) -> FilterEncoder:
        """Take over what `arrays` of a fitted encoder gave."""
        self.filters_ = np.asarray(arrays["filters"], np.float32)
        self.offsets_ = np.asarray(arrays["offsets"], np.float32)
        self._mean = np.full(self.window**2, 1 / self.window**2, np.float32)
        self._beyond = np.float32(self.threshold)
        return self

    def arrays(self) -> dict[str, np.ndarray]:
        """What was learnt, to be stored."""
        return {"filters": self.filters_, "offsets": self.offsets_}

    def settings(self) -> dict[str, Any]:
        """What it was made with."""
        return {"kind": self.kind} | {name: getattr(self, name) for name in self.SETTINGS}

    def encode(self, face: np.ndarray) -> np.ndarray:
        """One face [h, w] uint8 -> symmetric and antisymmetric part [2, cells^2 * filters] float32.

        Each cell's codes are square-rooted and divided by their length. The mirrored face has the same symmetric part
        and the negative of the antisymmetric one, up to rounding.
        """
        return self.encode_faces(face[None])[0]

    def encode_faces(self, faces: np.ndarray) -> np.ndarray:
        """The same of faces [n, h, w]: [n, 2, cells^2 * filters] float32."""
        parts = [self._encode(faces[start : start + _TOGETHER]) for start in range(0, len(faces), _TOGETHER)]
        return np.concatenate(parts)

    def _encode(self, faces: np.ndarray) -> np.ndarray:
        small = np.stack([self._shrunk(face) for face in faces]).astype(np.float32)
        windows = np.take(small.reshape(len(faces), -1), self._windows, axis=1)
        windows = windows.reshape(-1, self.window**2)
        mean = windows @ self._mean
        variance = np.einsum("ij,ij->i", windows, windows) / self.window**2 - mean * mean
        windows *= (1 / np.sqrt(np.maximum(variance, 0) + FLAT_VARIANCE))[:, None]
        response = windows @ self.filters_
        codes = np.empty((len(response), 2, self.filters), np.float32)
        np.subtract(response, self.offsets_ + self._beyond, out=codes[:, 0])
        np.subtract(self.offsets_ - self._beyond, response, out=codes[:, 1])
        np.maximum(codes, 0, out=codes)
        pooled = self._pooling @ codes.reshape(len(faces), self._along, -1)
        pooled = self._pooling @ pooled.reshape(len(faces), self.cells, self._along, -1)
        np.sqrt(pooled, out=pooled)
        pooled /= np.sqrt(np.einsum("nijk,nijk->nij", pooled, pooled))[..., None] + 1e-6
        pooled = pooled.reshape(len(faces), self.cells, self.cells, 2, self.filters)
        half = self.filters // 2
        first, mirror = pooled[..., :half], pooled[:, :, ::-1, :, half:]
        parts = np.empty((len(faces), 2, *first.shape[1:]), np.float32)
        np.add(first, mirror, out=parts[:, 0])
        np.subtract(first, mirror, out=parts[:, 1])
        parts *= np.float32(0.5**0.5)
        return parts.reshape(len(faces), 2, -1)

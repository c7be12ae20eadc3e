"""A family of face features for kernels: dense codes, their two parts reduced by PCA."""

from __future__ import annotations

from functools import cache
from typing import Any

import joblib
import numpy as np
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import ThreadpoolController

from facs_pipeline.emotions.dense_encoding import DenseEncoder
from facs_pipeline.emotions.faces import SeenFaces
from facs_pipeline.foundation.progress import SILENT, Progress

_CHUNK = 200

# Symmetric part [n, k] and antisymmetric part [n, l] of n faces' features, float32.
Parts = tuple[np.ndarray, np.ndarray]


def encode_faces(encoder: DenseEncoder, faces: np.ndarray, *, jobs: int = 1, progress: Progress = SILENT) -> np.ndarray:
    """Codes [n, 2, d] of faces [n, h, w] uint8; the result does not depend on the number of processes."""
    chunks = [faces[start : start + _CHUNK] for start in range(0, len(faces), _CHUNK)]
    run = joblib.Parallel(n_jobs=jobs, return_as="generator")
    codes = None
    with progress.task(f"{encoder.name}: codes", len(faces), "faces") as task:
        for number, part in enumerate(run(joblib.delayed(_encode_chunk)(encoder, chunk) for chunk in chunks)):
            if codes is None:
                codes = np.empty((len(faces), *part.shape[1:]), part.dtype)
            codes[number * _CHUNK : number * _CHUNK + len(part)] = part
            task.advance(len(part))
    return codes


@cache
def _thread_pools() -> ThreadpoolController:
    # Looking for the libraries takes as long as encoding dozens of faces.
    return ThreadpoolController()


def _encode_chunk(encoder: DenseEncoder, faces: np.ndarray) -> np.ndarray:
    with _thread_pools().limit(limits=1):
        return encoder.encode_faces(faces)


class EncodedFaces:
    """Codes of one encoder, reduced to `components` symmetric and as many antisymmetric values.

    Each value is divided by a power of its standard deviation (0: plain PCA, 1: whitening), and all by one number that
    makes the mean square length of the training faces 1, so that families can be put side by side.

    Parameters
    ----------
    encoder : DenseEncoder, fitted or not.
    components : of each part.
    power : of the standard deviation.
    """

    def __init__(self, encoder: DenseEncoder, *, components: int = 700, power: float = 0.5):
        self.encoder, self.components, self.power = encoder, components, power

    @property
    def name(self) -> str:
        return self.encoder.name

    def fit(
        self,
        faces: np.ndarray,
        *,
        seed: int = 0,
        jobs: int = 1,
        progress: Progress = SILENT,
    ) -> Parts:
        """Learn from faces [n, h, w] uint8; returns their features, symmetric and antisymmetric [n, k]."""
        self.encoder.fit(faces, seed=seed)
        codes = encode_faces(self.encoder, faces, jobs=jobs, progress=progress)
        found, projections, offsets = [], [], []
        for part in range(2):
            X = codes[:, part].astype(np.float32)
            # Over faces and their mirror images the antisymmetric part has mean 0.
            mean = (
                X.mean(axis=0, dtype=np.float64).astype(np.float32) if part == 0 else np.zeros(X.shape[1], np.float32)
            )
            X -= mean
            k = min(self.components, *X.shape)
            _u, spread, axes = randomized_svd(
                X, k, n_oversamples=100, n_iter=3, power_iteration_normalizer="QR", random_state=seed
            )
            # Directions without spread, if there are any, must not become divisions by 0.
            deviation = np.maximum(spread / np.sqrt(len(X)), 1e-6)
            projection = (axes / deviation[:, None] ** self.power).T.astype(np.float32)
            found.append(X @ projection)
            projections.append(projection)
            offsets.append(mean)
        length = np.sqrt(sum((part.astype(np.float64) ** 2).sum() for part in found) / len(faces))
        # Stored in half precision; what is computed later must not differ from what is computed now.
        self.projections_ = tuple((projection / length).astype(np.float16) for projection in projections)
        self.means_ = np.stack(offsets)
        return self._project(codes)

    def transform(self, seen: SeenFaces, *, jobs: int = 1, progress: Progress = SILENT) -> Parts:
        """Features of n faces by their crops: symmetric part [n, k] and antisymmetric part [n, l], float32."""
        return self._project(encode_faces(self.encoder, seen.crops, jobs=jobs, progress=progress))

    def _project(self, codes: np.ndarray) -> Parts:
        found = []
        for part, projection in enumerate(self.projections_):
            wide = projection.astype(np.float32)
            values = np.empty((len(codes), projection.shape[1]), np.float32)
            for start in range(0, len(codes), _CHUNK):
                rows = slice(start, start + _CHUNK)
                values[rows] = (codes[rows, part].astype(np.float32, copy=False) - self.means_[part]) @ wide
            found.append(values)
        return found[0], found[1]

    def arrays(self) -> dict[str, np.ndarray]:
        """What was learnt, to be stored."""
        return {
            **self.encoder.arrays(),
            "symmetric": self.projections_[0],
            "antisymmetric": self.projections_[1],
            "means": self.means_,
        }

    def settings(self) -> dict[str, Any]:
        """What it was made with."""
        return {**self.encoder.settings(), "components": self.components, "power": self.power}

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, np.ndarray]) -> EncodedFaces:
        """From what `settings` and `arrays` gave."""
        encoder = DenseEncoder(**{name: settings[name] for name in DenseEncoder.SETTINGS}).restore(arrays)
        family = cls(encoder, components=settings["components"], power=settings["power"])
        family.projections_ = (arrays["symmetric"], arrays["antisymmetric"])
        family.means_ = arrays["means"]
        return family

"""Dense codes of faces for kernels, their symmetric and antisymmetric parts reduced by PCA."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import numpy as np
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import ThreadpoolController

from facs_pipeline.emotions.dense_encoding import DenseEncoder
from facs_pipeline.emotions.face_images import FaceImages
from facs_pipeline.foundation.processes import in_processes
from facs_pipeline.foundation.progress import SILENT, Progress

_CHUNK = 200

Parts = tuple[np.ndarray, np.ndarray]
"""Symmetric part `[n, k]` and antisymmetric part `[n, l]` of n faces' features, float32."""


def encode_faces(encoder: DenseEncoder, faces: np.ndarray, *, jobs: int = 1, progress: Progress = SILENT) -> np.ndarray:
    """Codes of many faces; the result does not depend on the number of processes.

    Parameters
    ----------
    encoder : DenseEncoder
        Fitted.
    faces : ndarray of uint8
        Images `[n, h, w]`, one or more.
    jobs : int
        Processes.
    progress : Progress
        Told of the faces encoded.

    Returns
    -------
    ndarray of float16
        `[n, 2, d]`.
    """
    chunks = [faces[start : start + _CHUNK] for start in range(0, len(faces), _CHUNK)]
    codes = np.empty((0, 2, 0), np.float16)
    with progress.task(f"{encoder.name}: codes", len(faces), "faces") as task:
        for number, part in enumerate(
            in_processes(jobs, partial(_encode_chunk, encoder), ((chunk,) for chunk in chunks))
        ):
            if not number:
                codes = np.empty((len(faces), *part.shape[1:]), part.dtype)
            codes[number * _CHUNK : number * _CHUNK + len(part)] = part
            task.advance(len(part))
    return codes


@cache
def _thread_pools() -> ThreadpoolController:
    # Searching for the loaded libraries takes as long as encoding dozens of faces.
    return ThreadpoolController()


def _encode_chunk(encoder: DenseEncoder, faces: np.ndarray) -> np.ndarray:
    with _thread_pools().limit(limits=1):
        return encoder.encode_faces(faces)


class EncodedFaces:
    """Codes of one encoder, reduced to `components` symmetric and as many antisymmetric values.

    Each value is divided by a power of its standard deviation (0: plain PCA, 1: whitening). A common factor makes the
    mean square length of the training faces 1, so that the features of several encoders can be concatenated.

    Parameters
    ----------
    encoder : DenseEncoder
        Fitted or not.
    components : int
        Values of each part, at most.
    power : float
        Of the standard deviation, 0..1.

    Attributes
    ----------
    projections_ : tuple of ndarray of float16
        PCA of the symmetric part `[d, k]` and of the antisymmetric part `[d, l]`.
    means_ : ndarray of float32
        Mean codes `[2, d]`.
    """

    def __init__(self, encoder: DenseEncoder, *, components: int = 700, power: float = 0.5):
        self.encoder, self.components, self.power = encoder, components, power

    @property
    def name(self) -> str:
        """Name of the encoder."""
        return self.encoder.name

    def fit(
        self,
        faces: np.ndarray,
        *,
        seed: int = 0,
        jobs: int = 1,
        progress: Progress = SILENT,
    ) -> Parts:
        """Learn encoder and PCA from faces.

        Parameters
        ----------
        faces : ndarray of uint8
            Images `[n, h, w]`.
        seed : int
            Of the dictionary and of the PCA.
        jobs : int
            Processes.
        progress : Progress
            Told of the faces encoded.

        Returns
        -------
        Parts
            Features of the faces.
        """
        self.encoder.fit(faces, seed=seed)
        codes = encode_faces(self.encoder, faces, jobs=jobs, progress=progress)
        values, projections, means = [], [], []
        for part in range(2):
            X = codes[:, part].astype(np.float32)
            # Over faces and their mirror images the antisymmetric part has mean 0.
            mean = (
                X.mean(axis=0, dtype=np.float64).astype(np.float32) if part == 0 else np.zeros(X.shape[1], np.float32)
            )
            X -= mean
            k = min(self.components, *X.shape)
            _u, singular, axes = randomized_svd(
                X, k, n_oversamples=100, n_iter=3, power_iteration_normalizer="QR", random_state=seed
            )
            # Directions without variance, if there are any, must not become divisions by 0.
            deviation = np.maximum(singular / np.sqrt(len(X)), 1e-6)
            projection = (axes / deviation[:, None] ** self.power).T.astype(np.float32)
            values.append(X @ projection)
            projections.append(projection)
            means.append(mean)
        length = np.sqrt(sum((part.astype(np.float64) ** 2).sum() for part in values) / len(faces))
        # Half precision, as stored: a restored model must give the same features.
        self.projections_ = tuple((projection / length).astype(np.float16) for projection in projections)
        self.means_ = np.stack(means)
        return self._project(codes)

    def transform(self, images: FaceImages, *, jobs: int = 1, progress: Progress = SILENT) -> Parts:
        """Features of faces by their crops."""
        return self._project(encode_faces(self.encoder, images.crops, jobs=jobs, progress=progress))

    def _project(self, codes: np.ndarray) -> Parts:
        parts = []
        for part, projection in enumerate(self.projections_):
            wide = projection.astype(np.float32)
            values = np.empty((len(codes), projection.shape[1]), np.float32)
            for start in range(0, len(codes), _CHUNK):
                rows = slice(start, start + _CHUNK)
                values[rows] = (codes[rows, part].astype(np.float32, copy=False) - self.means_[part]) @ wide
            parts.append(values)
        return parts[0], parts[1]

    def arrays(self) -> dict[str, np.ndarray]:
        """The learnt state, for a model file."""
        return {
            **self.encoder.arrays(),
            "symmetric": self.projections_[0],
            "antisymmetric": self.projections_[1],
            "means": self.means_,
        }

    def settings(self) -> dict[str, Any]:
        """Settings of encoder and PCA, for a model's card."""
        return {**self.encoder.settings(), "components": self.components, "power": self.power}

    @classmethod
    def restore(cls, settings: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> EncodedFaces:
        """The fitted object from what `settings` and `arrays` gave."""
        encoder = DenseEncoder.from_settings(settings).restore(arrays)
        family = cls(encoder, components=settings["components"], power=settings["power"])
        family.projections_ = (arrays["symmetric"], arrays["antisymmetric"])
        family.means_ = arrays["means"]
        return family

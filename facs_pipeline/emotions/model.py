"""A trained emotion model: its inputs, its stages and its card, saved without pickles."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.emotions.encoded_faces import EncodedFaces, Parts
from facs_pipeline.emotions.face_images import FaceImages, window_hog
from facs_pipeline.emotions.heads import HEADS, KERNELS, Head, Kernel, LinearHead
from facs_pipeline.emotions.hog_directions import HogDirections
from facs_pipeline.features import vector
from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.foundation.files.model_file import load_model, save_model, usable
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.landmarks.model import default_landmarks

KIND = "emotion"
COMPACT_MODEL = Path(__file__).parents[1] / "models" / "emotions.npz"


def input_features(images: FaceImages, inputs: Sequence[str], *, mirrored: bool = False) -> np.ndarray:
    """The features that a model's head takes, one kind after the other.

    Parameters
    ----------
    images : FaceImages
        The m faces.
    inputs : sequence of str
        Blocks of `facs_pipeline.features.vector.BLOCKS`, ``"pixels"`` (the whole image as 48 x 48), ``"windows"`` (HOG
        of sliding windows) and ``"action_units"`` (intensities by the embedded model).
    mirrored : bool
        Whether to give those of the mirror images.

    Returns
    -------
    ndarray
        `[m, d]`.

    Raises
    ------
    ValueError
        If an input has another name.
    """
    features = images.mirrored if mirrored else images.features
    pixels = images.pixels[:, :, ::-1] if mirrored else images.pixels
    parts = []
    for name in inputs:
        if name in vector.BLOCKS:
            parts.append(features[:, vector.BLOCKS[name]])
        elif name == "pixels":
            parts.append(pixels.reshape(len(pixels), -1))
        elif name == "windows":
            parts.append(np.array([window_hog(face) for face in pixels]))
        elif name == "action_units":
            parts.append(ActionUnitModel.load_default().predict(features))
        else:
            raise ValueError(f"no features of a face called {name!r}")
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


@dataclass(frozen=True)
class KernelStage:
    """Kernel scores that are added to the scores of a linear head.

    Probabilities are ``softmax(temperature * (kernel scores + head_weight * head scores))``.

    Attributes
    ----------
    families : tuple of EncodedFaces, or of HogDirections
        Features that the kernel takes.
    kernel : FullKernel or SmallKernel
        A full kernel goes with `EncodedFaces`, a small one with `HogDirections`.
    head_weight : float
        Weight of the head's scores beside those of the kernel.
    temperature : float
        Factor before the softmax, above 0.
    """

    families: tuple[EncodedFaces | HogDirections, ...]
    kernel: Kernel
    head_weight: float = 0.0
    temperature: float = 1.0

    def predict_proba(
        self,
        images: FaceImages,
        head_scores: np.ndarray,
        *,
        jobs: int = 1,
        progress: Progress = SILENT,
    ) -> np.ndarray:
        """Probabilities `[m, c]` of faces with the scores `[m, c]` of the head."""
        parts = [family.transform(images, jobs=jobs, progress=progress) for family in self.families]
        scores = self.kernel.scores(concatenated_parts(parts)) + self.head_weight * head_scores
        return softmax(self.temperature * scores.astype(np.float64), axis=1)


class EmotionModel:
    """Faces -> probabilities of emotions.

    Parameters
    ----------
    name : str
        Key of `facs_pipeline.emotions.training.recipes.RECIPES`.
    emotions : sequence of str
        The c names, in the order of the probabilities.
    head : LinearHead or LightGBMHead
        Last stage for the `input_features`.
    inputs : sequence of str
        Inputs of the head.
    projection : tuple of ndarray, or None
        Mean `[d]` and axes `[d, k]` of a PCA between inputs and head.
    kernel_stage : KernelStage or None
        Kernel beside the head, which is then a `LinearHead`.
    card : dict
        What it was trained on, how well it does, versions.

    Raises
    ------
    TypeError
        If there is a kernel beside a head without scores.

    Examples
    --------
    >>> model = EmotionModel.load_default()  # doctest: +SKIP
    >>> model.emotions[model.predict_proba(measure_face_images(faces)).argmax(axis=1)[0]]  # doctest: +SKIP
    'happy'
    """

    def __init__(
        self,
        name: str,
        emotions: Sequence[str],
        head: Head,
        *,
        inputs: Sequence[str] = (),
        projection: tuple[np.ndarray, np.ndarray] | None = None,
        kernel_stage: KernelStage | None = None,
        card: dict[str, Any] | None = None,
    ):
        if kernel_stage is not None and not isinstance(head, LinearHead):
            raise TypeError(f"a kernel beside a {type(head).__name__}; expected a LinearHead, which has scores")
        self.name, self.emotions, self.head = name, tuple(emotions), head
        self.inputs, self.projection, self.kernel_stage = tuple(inputs), projection, kernel_stage
        self.card = dict(card or {})

    @property
    def sha256(self) -> str:
        """Hash of the model's numbers, once it was saved or loaded."""
        return self.card.get("content_sha256", "unsaved")

    @property
    def prior(self) -> np.ndarray:
        """Shares of the emotions among the faces of its training `[c]`: what is known of an image without a face."""
        counts = self.card.get("faces_per_emotion", {})
        shares = np.array([float(counts.get(emotion, 0)) for emotion in self.emotions])
        return shares / shares.sum() if shares.any() else np.full(len(shares), 1 / len(shares))

    def head_features(self, images: FaceImages) -> np.ndarray:
        """What the head takes of m faces `[m, d]`: the inputs, projected where there is a PCA."""
        features = input_features(images, self.inputs)
        return features if self.projection is None else (features - self.projection[0]) @ self.projection[1]

    def predict_proba(self, images: FaceImages, *, jobs: int = 1, progress: Progress = SILENT) -> np.ndarray:
        """Probabilities of the emotions of m faces.

        Parameters
        ----------
        images : FaceImages
            The m faces.
        jobs : int
            Processes; the result does not depend on it.
        progress : Progress
            Told of the faces that every family of a kernel has transformed.

        Returns
        -------
        ndarray of float64
            `[m, c]`.
        """
        features = self.head_features(images)
        if self.kernel_stage is None:
            return np.asarray(self.head.predict_proba(features), np.float64)
        assert isinstance(self.head, LinearHead)  # checked when the model was made
        scores = self.head.scores(features)
        return self.kernel_stage.predict_proba(images, scores, jobs=jobs, progress=progress)

    def save(self, path: str | os.PathLike) -> Path:
        """Write the model and its card to an ``.npz`` that runs no code when loaded."""
        stage = self.kernel_stage
        families = () if stage is None else stage.families
        arrays = {f"head_{name}": array for name, array in self.head.arrays().items()}
        if stage is not None:
            arrays |= {f"kernel_{name}": array for name, array in stage.kernel.arrays().items()}
        for number, family in enumerate(families):
            arrays |= {f"family{number}_{name}": array for name, array in family.arrays().items()}
        if self.projection is not None:
            arrays["pca_mean"], arrays["pca_axes"] = (part.astype(np.float32) for part in self.projection)
        card = {
            **self.card,
            "name": self.name,
            "emotions": list(self.emotions),
            "head": self.head.kind,
            "inputs": list(self.inputs),
            "kernel": None if stage is None else stage.kernel.kind,
            "head_weight": 0.0 if stage is None else stage.head_weight,
            "temperature": 1.0 if stage is None else stage.temperature,
            "families": [family.settings() for family in families],
            **_made_with(self.inputs),
        }
        return save_model(path, KIND, arrays, card)

    @classmethod
    def load(cls, path: str | os.PathLike) -> EmotionModel:
        """Read a model file; its features must be those that this version computes.

        Raises
        ------
        ModelError
            If the file is damaged, of another kind, or trained on other features or landmarks.
        """
        stored = load_model(path, KIND)
        card, arrays = stored.card, stored.arrays
        made_with = _made_with(card.get("inputs", []))
        if {name: card.get(name) for name in made_with} != made_with:
            raise ModelError(
                f"{path}: trained on other landmarks, features or action units than this version computes; "
                "train it again with `facs train-emotion`, or use the version that trained it"
            )
        with usable(path, "an emotion model"):
            model = cls(
                card["name"],
                card["emotions"],
                HEADS[card["head"]].restore(_under(arrays, "head_")),
                inputs=card["inputs"],
                projection=(arrays["pca_mean"], arrays["pca_axes"]) if "pca_mean" in arrays else None,
                kernel_stage=_restored_kernel(card, arrays) if card["kernel"] else None,
                card=card,
            )
            chances = model.predict_proba(FaceImages.blank())
            if chances.shape != (1, len(model.emotions)):
                raise ModelError(f"{len(model.emotions)} emotions, but {chances.shape[-1]} probabilities of a face")
        return model

    @classmethod
    def load_default(cls) -> EmotionModel:
        """The compact model that comes with the package."""
        return cls.load(COMPACT_MODEL)


def _made_with(inputs: Sequence[str]) -> dict[str, Any]:
    """What a model of these inputs is trained on, and hence goes with."""
    made_with: dict[str, Any] = {"settings": vector.SETTINGS.as_json(), "landmark_model": default_landmarks().sha256}
    if "action_units" in inputs:
        made_with["action_unit_model"] = ActionUnitModel.load_default().sha256
    return made_with


def _restored_kernel(card: dict[str, Any], arrays: dict[str, np.ndarray]) -> KernelStage:
    families: list[EncodedFaces | HogDirections] = []
    for number, settings in enumerate(card["families"]):
        kind = HogDirections if settings["kind"] == HogDirections.kind else EncodedFaces
        families.append(kind.restore(settings, _under(arrays, f"family{number}_")))
    kernel = KERNELS[card["kernel"]].restore(_under(arrays, "kernel_"))
    return KernelStage(tuple(families), kernel, card["head_weight"], card["temperature"])


def _under(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def concatenated_parts(families: Sequence[Parts]) -> np.ndarray:
    """Features of several families: all symmetric parts, then all antisymmetric ones.

    Squared distances of the result are the mean of the families' squared distances.

    Parameters
    ----------
    families : sequence of Parts
        Features of the same n faces.

    Returns
    -------
    ndarray of float32
        `[n, d]`.
    """
    parts = [family[part] for part in range(2) for family in families]
    return np.concatenate(parts, axis=1) / np.float32(np.sqrt(len(families)))

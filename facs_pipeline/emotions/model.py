"""A trained emotion model: which numbers of a face it takes, its last stage, its card; saved without pickles."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.emotions.encoded_faces import EncodedFaces, Parts
from facs_pipeline.emotions.faces import SeenFaces, window_hog
from facs_pipeline.emotions.heads import HEADS, KERNELS
from facs_pipeline.emotions.hog_directions import HogDirections
from facs_pipeline.features import vector
from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.foundation.files.model_file import load_model, save_model
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.landmarks.model import default_landmarks

KIND = "emotion"
COMPACT_MODEL = Path(__file__).parents[1] / "models" / "emotions.npz"


def face_numbers(seen: SeenFaces, inputs: Sequence[str], *, mirrored: bool = False) -> np.ndarray:
    """The numbers [m, d] of m faces that models without encoded faces take, side by side.

    Parameters
    ----------
    seen : faces.
    inputs : any of the blocks of `facs_pipeline.features.vector.BLOCKS`, ``"pixels"`` (48 x 48, the image as it is),
        ``"windows"`` (HOG of sliding windows) and ``"action_units"`` (intensities by the embedded model).
    mirrored : of the faces as a mirror shows them.
    """
    features = seen.mirrored if mirrored else seen.features
    pixels = seen.pixels[:, :, ::-1] if mirrored else seen.pixels
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
            raise ValueError(f"no numbers of a face called {name!r}")
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


class EmotionModel:
    """Faces -> probabilities of emotions.

    Parameters
    ----------
    name : key of `facs_pipeline.emotions.training.models.ROWS`.
    emotions : c names, in the order of the probabilities.
    head : the last stage for plain numbers of a face, see `facs_pipeline.emotions.heads`.
    inputs : what the head takes, for `face_numbers`.
    projection : None, or (mean [d], axes [d, k]) of a PCA between the numbers and the head.
    families, kernel : None of them, or what a kernel takes and the kernel: `EncodedFaces` and a `FullKernel`, or
        `HogDirections` and a `SmallKernel`. Then probabilities are
        ``softmax(temperature * (kernel scores + head_weight * head scores))``.
    card : what it was trained on, how well it does, versions.

    Example
    -------
    >>> model = EmotionModel.load_default()  # doctest: +SKIP
    >>> model.emotions[model.predict_proba(see_faces(faces)).argmax(axis=1)[0]]  # doctest: +SKIP
    'happy'
    """

    def __init__(
        self,
        name: str,
        emotions: Sequence[str],
        head: Any,
        *,
        inputs: Sequence[str] = (),
        projection: tuple[np.ndarray, np.ndarray] | None = None,
        families: Sequence[EncodedFaces | HogDirections] = (),
        kernel: Any = None,
        head_weight: float = 0.0,
        temperature: float = 1.0,
        card: dict[str, Any] | None = None,
    ):
        self.name, self.emotions, self.head = name, tuple(emotions), head
        self.inputs, self.families, self.projection = tuple(inputs), tuple(families), projection
        self.kernel, self.head_weight, self.temperature = kernel, float(head_weight), float(temperature)
        self.card = dict(card or {})

    @property
    def sha256(self) -> str:
        """Hash of the model's numbers, once it was saved or loaded."""
        return self.card.get("content_sha256", "unsaved")

    def plain_numbers(self, seen: SeenFaces) -> np.ndarray:
        """What the head takes [m, d], of m faces."""
        numbers = face_numbers(seen, self.inputs)
        return numbers if self.projection is None else (numbers - self.projection[0]) @ self.projection[1]

    def predict_proba(self, seen: SeenFaces, *, jobs: int = 1, progress: Progress = SILENT) -> np.ndarray:
        """Probabilities [m, c] of m faces."""
        numbers = self.plain_numbers(seen)
        if self.kernel is None:
            return np.asarray(self.head.predict_proba(numbers), np.float64)
        encoded = [family.transform(seen, jobs=jobs, progress=progress) for family in self.families]
        scores = self.kernel.scores(side_by_side(encoded)) + self.head_weight * self.head.scores(numbers)
        return softmax(self.temperature * scores.astype(np.float64), axis=1)

    def save(self, path: str | os.PathLike) -> Path:
        """Write the model and its card to an ``.npz`` that runs no code when loaded."""
        arrays = {f"head_{name}": array for name, array in self.head.arrays().items()}
        if self.kernel is not None:
            arrays |= {f"kernel_{name}": array for name, array in self.kernel.arrays().items()}
        for number, family in enumerate(self.families):
            arrays |= {f"family{number}_{name}": array for name, array in family.arrays().items()}
        if self.projection is not None:
            arrays["pca_mean"], arrays["pca_axes"] = (part.astype(np.float32) for part in self.projection)
        card = {
            **self.card,
            "name": self.name,
            "emotions": list(self.emotions),
            "head": self.head.kind,
            "inputs": list(self.inputs),
            "kernel": None if self.kernel is None else self.kernel.kind,
            "head_weight": self.head_weight,
            "temperature": self.temperature,
            "families": [family.settings() for family in self.families],
            "settings": vector.SETTINGS.as_json(),
            "landmark_model": default_landmarks().sha256,
        }
        return save_model(path, KIND, arrays, card)

    @classmethod
    def load(cls, path: str | os.PathLike) -> EmotionModel:
        """Read a model file and check that this version sees faces as the one that trained it.

        Raises
        ------
        ModelError
            If the file is damaged, of another kind, or trained on other features or landmarks.
        """
        stored = load_model(path, KIND)
        card, arrays = stored.card, stored.arrays
        if (
            card.get("settings") != vector.SETTINGS.as_json()
            or card.get("landmark_model") != default_landmarks().sha256
        ):
            raise ModelError(
                f"{path}: trained on other landmarks or features than this version computes; "
                "train it again with `facs train-emotion`, or use the version that trained it"
            )
        try:
            head = HEADS[card["head"]].restore(_under(arrays, "head_"))
            families = [
                (HogDirections if settings["kind"] == HogDirections.kind else EncodedFaces).restore(
                    settings, _under(arrays, f"family{number}_")
                )
                for number, settings in enumerate(card["families"])
            ]
            projection = (arrays["pca_mean"], arrays["pca_axes"]) if "pca_mean" in arrays else None
            kernel = KERNELS[card["kernel"]].restore(_under(arrays, "kernel_")) if card["kernel"] else None
            return cls(
                card["name"],
                card["emotions"],
                head,
                inputs=card["inputs"],
                projection=projection,
                families=families,
                kernel=kernel,
                head_weight=card["head_weight"],
                temperature=card["temperature"],
                card=card,
            )
        except KeyError as error:
            raise ModelError(f"{path}: an emotion model without {error}; train it again") from None

    @classmethod
    def load_default(cls) -> EmotionModel:
        """The compact model that comes with the package."""
        return cls.load(COMPACT_MODEL)


def _under(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def side_by_side(families: Sequence[Parts]) -> np.ndarray:
    """Features [m, d] of several families: all symmetric parts, then all antisymmetric ones.

    Squared distances of the result are the mean of the families' squared distances.
    """
    parts = [family[part] for part in range(2) for family in families]
    return np.concatenate(parts, axis=1) / np.float32(np.sqrt(len(families)))

"""From labelled faces to an emotion model: fits a named recipe and records what it cost."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import log_softmax
from sklearn.decomposition import PCA
from sklearn.model_selection import GroupShuffleSplit, StratifiedShuffleSplit

from facs_pipeline.action_units.training.recipe import BLOCK_WEIGHTS, feature_weights, versions
from facs_pipeline.emotions.dense_encoding import DenseEncoder
from facs_pipeline.emotions.encoded_faces import EncodedFaces, Parts
from facs_pipeline.emotions.face_images import FaceImages
from facs_pipeline.emotions.heads import FullKernel, Head, LinearHead
from facs_pipeline.emotions.hog_directions import HogDirections, mirrored_parts, principal_axes
from facs_pipeline.emotions.mirror_kernel import MirrorKernelRidge, fit_temperature
from facs_pipeline.emotions.model import EmotionModel, KernelStage, concatenated_parts, input_features
from facs_pipeline.emotions.small_kernel import SmallKernel, steepest_directions
from facs_pipeline.emotions.training.heads import fit_lightgbm, fit_logistic, fit_ridge, fit_svm
from facs_pipeline.emotions.training.recipes import RECIPES, ModelRecipe
from facs_pipeline.features.vector import BLOCKS
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.result_store import ResultStore
from facs_pipeline.foundation.machine import peak_memory_bytes, reset_peak_memory
from facs_pipeline.foundation.progress import SILENT, Progress

_Fitted = tuple[dict[str, np.ndarray], Parts]
"""A family's arrays, and the features of the faces it was fitted on."""
_FAMILY_VERSION = 1

LABELS = "emotions as people labelled the images: what a face looks like to others, not what someone feels"
VOTES = "shares of ten people who named each emotion (FER+): what a face looks like to others, not what someone feels"

_HELD_OUT = 0.1
_COMPONENTS = 700
_GAMMA, _PENALTY = 0.9, 0.15
# Weight of a ridge score beside a kernel score; chosen, as all settings here, on FER2013's validation split. Beside a
# small kernel held-out faces choose one of several: the fewer faces there are, the more the ridge adds.
_HEAD_WEIGHTS: tuple[float, ...] = (0.15,)
_SMALL_HEAD_WEIGHTS: tuple[float, ...] = (0.3, 0.5, 0.8, 1.2)
# The small kernel: the PCA before it; its directions, the gradients that give them, and its centres.
_SMALL_COMPONENTS, _SMALL_POWER = 500, 0.3
_SMALL_DIRECTIONS, _SMALL_SAMPLES, _SMALL_CENTRES = (64, 32), 10_000, 5000


@dataclass(frozen=True)
class TrainingFaces:
    """Faces to train on, and their classes.

    Attributes
    ----------
    images : FaceImages
        The m faces.
    y : ndarray of int
        Positions `[m]` of their emotions in `emotions`.
    emotions : tuple of str
        Names of the classes.
    subjects : ndarray of str
        Whose face each is `[m]`, ``""`` where unknown.
    shares : ndarray of float, optional
        Of people who named each of the emotions `[m, c]`; what is learnt instead of `y` by recipes with ridge
        regression.
    clear : ndarray of bool, optional
        Whether most people named `y` `[m]`; settings are chosen on such faces.
    """

    images: FaceImages
    y: np.ndarray
    emotions: tuple[str, ...]
    subjects: np.ndarray
    shares: np.ndarray | None = None
    clear: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> TrainingFaces:
        """Only these of the m faces, in this order."""
        votes = (None if values is None else values[rows] for values in (self.shares, self.clear))
        return TrainingFaces(self.images.take(rows), self.y[rows], self.emotions, self.subjects[rows], *votes)

    def held_out(self, seed: int) -> np.ndarray:
        """A tenth of the clear faces `[m]`, see `held_out_rows`."""
        clear = np.ones(len(self.y), bool) if self.clear is None else self.clear
        held_out = np.zeros(len(self.y), bool)
        held_out[clear] = held_out_rows(self.y[clear], self.subjects[clear], seed=seed)
        return held_out


@dataclass(frozen=True)
class TrainingRun:
    """How a training runs.

    Attributes
    ----------
    seed : int
        Of everything drawn at random.
    jobs : int
        Processes; only encoding and LightGBM use more than one, and models do not depend on it.
    cache : path or None
        Folder for finished encoded faces; None stores nothing.
    """

    seed: int = 0
    jobs: int = 1
    cache: str | os.PathLike | None = None


def classes_of(emotions: np.ndarray, known: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Emotions as numbers, and their names.

    Parameters
    ----------
    emotions : ndarray of str
        `[n]`.
    known : tuple of str
        Names that come first, in this order; others follow alphabetically.

    Returns
    -------
    y : ndarray of int
        Positions `[n]` in `names`.
    names : tuple of str
        Those that occur.

    Raises
    ------
    InputError
        If there are fewer than two emotions, or one has a single face.
    """
    names, counts = np.unique(emotions, return_counts=True)
    if "" in names:
        raise InputError(f"{counts[0]} training faces have no emotion; give every face one, or leave it out")
    if len(names) < 2:
        raise InputError(f"all training faces are {', '.join(names) or 'missing'}; expected two emotions or more")
    if counts.min() < 2:
        lonely = names[counts.argmin()]
        raise InputError(f"emotion {lonely!r} has a single training face; expected two or more, or leave it out")
    order = [name for name in known if name in names] + [name for name in names if name not in known]
    return np.array([order.index(name) for name in emotions]), tuple(map(str, order))


def held_out_rows(y: np.ndarray, subjects: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """A tenth of the rows, for choosing settings and calibrating probabilities.

    Parameters
    ----------
    y : ndarray of int
        Classes `[n]`.
    subjects : ndarray of str
        Where all of more than ten are known, no subject is on both sides.
    seed : int
        Of the draw.

    Returns
    -------
    ndarray of bool
        `[n]`.
    """
    if (subjects != "").all() and len(np.unique(subjects)) > 10:
        splits = GroupShuffleSplit(1, test_size=_HELD_OUT, random_state=seed).split(y, y, subjects)
    else:
        test = max(int(np.ceil(_HELD_OUT * len(y))), len(np.unique(y)))
        splits = StratifiedShuffleSplit(1, test_size=test, random_state=seed).split(y, y)
    held_out = np.zeros(len(y), bool)
    held_out[next(iter(splits))[1]] = True
    return held_out


def train_emotion(
    name: str, faces: TrainingFaces, run: TrainingRun = TrainingRun(), *, progress: Progress = SILENT
) -> EmotionModel:
    """Train one of the `RECIPES`.

    Parameters
    ----------
    name : str
        Key of `RECIPES`.
    faces : TrainingFaces
        The m faces.
    run : TrainingRun
        How it runs.
    progress : Progress
        Told of every stage.

    Returns
    -------
    EmotionModel
        Its card has the settings that were chosen, ``train_s``, and ``train_peak_memory_bytes`` where the system
        measures it.
    """
    recipe, start = RECIPES[name], time.perf_counter()
    reset_peak_memory()
    y = faces.y
    held_out = faces.held_out(run.seed)
    with progress.task(f"{name}: {recipe.head}", 1) as task:
        X, projection = input_features(faces.images, recipe.inputs), None
        if recipe.components:
            n_components = min(recipe.components, *X[~held_out].shape)
            pca = PCA(n_components, svd_solver="full", random_state=run.seed).fit(X[~held_out])
            projection = (pca.mean_.astype(np.float32), pca.components_.T.astype(np.float32))
            X = (X - projection[0]) @ projection[1]
        head, chosen, head_scores = _fit_head(recipe, X, faces, held_out, run)
        task.advance()
    stage = None
    if head_scores is not None and (recipe.encoders or recipe.small_kernel):
        stage = _fit_kernel_stage(recipe, faces, held_out, head_scores, run, progress)
        components = _SMALL_COMPONENTS if recipe.small_kernel else _COMPONENTS
        chosen |= {"gamma": _GAMMA, "penalty": _PENALTY, "components": components, "head_weight": stage.head_weight}
    card: dict[str, Any] = {
        "title": f"Emotions of faces. {recipe.title}",
        "recipe": {"row": name, "seed": run.seed, **chosen},
        "images": len(y),
        "without_face": int((~faces.images.detected).sum()),
        "faces_per_emotion": {emotion: int((y == number).sum()) for number, emotion in enumerate(faces.emotions)},
        "train_s": round(time.perf_counter() - start, 1),
        "versions": versions(),
    }
    peak = peak_memory_bytes()
    if peak:
        card["train_peak_memory_bytes"] = peak
    return EmotionModel(
        name, faces.emotions, head, inputs=recipe.inputs, projection=projection, kernel_stage=stage, card=card
    )


def _fit_head(
    recipe: ModelRecipe, X: np.ndarray, faces: TrainingFaces, held_out: np.ndarray, run: TrainingRun
) -> tuple[Head, dict[str, Any], np.ndarray | None]:
    """Head, chosen settings, and of ridge regression the held-out rows' scores by a model not trained on them."""
    y = faces.y
    head: Head
    if recipe.head == "svm":
        head, chosen = fit_svm(X, y, held_out)
    elif recipe.head == "logistic":
        head, chosen = fit_logistic(X, y)
    elif recipe.head == "lightgbm":
        head, chosen = fit_lightgbm(X, y, held_out, jobs=run.jobs, seed=run.seed)
    else:
        return _fit_mirrored_ridge(recipe, X, faces, held_out)
    return head, chosen, None


def _fit_mirrored_ridge(
    recipe: ModelRecipe, X: np.ndarray, faces: TrainingFaces, held_out: np.ndarray
) -> tuple[LinearHead, dict[str, Any], np.ndarray]:
    """Ridge regression on faces and their mirror images; scores are those of the faces alone."""
    both = np.concatenate([X, input_features(faces.images, recipe.inputs, mirrored=True)])
    weights = feature_weights({block: BLOCK_WEIGHTS[block] for block in recipe.inputs}, X)
    shares = None if faces.shares is None else np.tile(faces.shares, (2, 1))
    head, chosen, scores = fit_ridge(both, np.tile(faces.y, 2), np.tile(held_out, 2), weights, shares)
    return head, chosen, scores[: held_out.sum()]


def _fit_kernel_stage(
    recipe: ModelRecipe,
    faces: TrainingFaces,
    held_out: np.ndarray,
    head_scores: np.ndarray,
    run: TrainingRun,
    progress: Progress,
) -> KernelStage:
    """The kernel of a recipe, weighed by the held-out rows, of which `head_scores` [h, c] are the head's scores."""
    families: tuple[EncodedFaces | HogDirections, ...]
    kernel: FullKernel | SmallKernel
    if recipe.small_kernel:
        weights = _SMALL_HEAD_WEIGHTS
        families, kernel, scores = _fit_small_kernel(faces, held_out, run, progress)
    else:
        weights = _HEAD_WEIGHTS
        families, kernel, scores = _fit_full_kernel(recipe, faces, held_out, run, progress)
    weight, temperature = _weigh(scores, head_scores, faces.y[held_out], weights)
    return KernelStage(families, kernel, weight, temperature)


def _weigh(kernel: np.ndarray, head: np.ndarray, y: np.ndarray, weights: tuple[float, ...]) -> tuple[float, float]:
    """Weight of the head's scores [n, c] and temperature that maximise the likelihood of classes y [n]."""

    def loss(weight: float, temperature: float) -> float:
        return -float(log_softmax(temperature * (kernel + weight * head), axis=1)[np.arange(len(y)), y].mean())

    candidates = [(weight, fit_temperature(kernel + weight * head, y)) for weight in weights]
    return min(candidates, key=lambda candidate: loss(*candidate))


def _fit_full_kernel(
    recipe: ModelRecipe, faces: TrainingFaces, held_out: np.ndarray, run: TrainingRun, progress: Progress
) -> tuple[tuple[EncodedFaces, ...], FullKernel, np.ndarray]:
    """Families, kernel, and the held-out rows' scores by a kernel that was not trained on them."""
    families, X = _encode(recipe, faces.images, run, progress)
    # Held-out rows last: the factorisation gives every row's scores by a model trained on the rows before it.
    rest = np.random.default_rng(run.seed).permutation(np.flatnonzero(~held_out))
    order = np.concatenate([rest, np.flatnonzero(held_out)])
    ridge = MirrorKernelRidge(_GAMMA, _PENALTY, n_symmetric=X.shape[1] // 2, random_state=None)
    ridge.fit(X[order], faces.y[order], progress, shares=None if faces.shares is None else faces.shares[order])
    return tuple(families), FullKernel(ridge), ridge.ahead_[-int(held_out.sum()) :]


def _fit_small_kernel(
    faces: TrainingFaces, held_out: np.ndarray, run: TrainingRun, progress: Progress
) -> tuple[tuple[HogDirections], SmallKernel, np.ndarray]:
    """Directions, kernel, and the held-out rows' scores by a kernel that was not trained on them."""
    y, random = faces.y, np.random.default_rng(run.seed)
    # Held-out rows take no part in the directions either, or probabilities come out too confident.
    fitted = random.permutation(np.flatnonzero(~held_out))
    hog = faces.images.features[:, BLOCKS["hog"]]
    parts = symmetric, _ = mirrored_parts(hog[fitted])
    symmetric -= symmetric.mean(axis=0)
    axes = [principal_axes(part, _SMALL_COMPONENTS, _SMALL_POWER) for part in parts]
    X = np.concatenate([part @ along for part, along in zip(parts, axes, strict=True)], axis=1)
    X /= np.sqrt((X.astype(np.float64) ** 2).sum(axis=1).mean()).astype(np.float32)
    ridge = MirrorKernelRidge(_GAMMA, _PENALTY, n_symmetric=axes[0].shape[1], random_state=None)
    ridge.fit(X, y[fitted], progress, shares=None if faces.shares is None else faces.shares[fitted])
    steepest = steepest_directions(ridge, *_SMALL_DIRECTIONS, samples=_SMALL_SAMPLES)
    family = HogDirections.fit(hog[fitted], *(along @ then for along, then in zip(axes, steepest, strict=True)))
    X = family.values(hog)
    targets = (np.eye(int(y.max()) + 1)[y] if faces.shares is None else faces.shares) - 1 / (y.max() + 1)
    sizes = {"n_centres": _SMALL_CENTRES, "n_symmetric": family.n_symmetric}
    scores = SmallKernel.fit(X, targets, fitted, **sizes).scores(X[held_out])
    return (family,), SmallKernel.fit(X, targets, random.permutation(len(y)), **sizes), scores


def _encode(
    recipe: ModelRecipe, images: FaceImages, run: TrainingRun, progress: Progress
) -> tuple[list[EncodedFaces], np.ndarray]:
    """Fitted families of encoded faces, and their features one after the other."""
    families, features = [], []
    digest = hashlib.sha256(np.ascontiguousarray(images.crops).data).hexdigest()
    store = ResultStore(run.cache, progress)
    for kind, window in recipe.encoders:
        family = EncodedFaces(DenseEncoder(kind, window), components=_COMPONENTS, power=0.5)
        inputs = {"family": _FAMILY_VERSION, "crops": digest, "settings": family.settings(), "seed": run.seed}

        def fit(family: EncodedFaces = family) -> _Fitted:
            X = family.fit(images.crops, seed=run.seed, jobs=run.jobs, progress=progress)
            return family.arrays(), X

        arrays, X = store.get(inputs, fit)
        families.append(EncodedFaces.restore(family.settings(), arrays))
        features.append(X)
    return families, concatenated_parts(features)

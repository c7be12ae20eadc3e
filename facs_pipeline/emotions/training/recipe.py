"""From labelled faces to an emotion model: see the faces, fit a named row, say what it cost."""

from __future__ import annotations

import hashlib
import os
import time
from typing import Any

import numpy as np
from scipy.special import log_softmax
from sklearn.decomposition import PCA
from sklearn.model_selection import GroupShuffleSplit, StratifiedShuffleSplit

from facs_pipeline.action_units.training.recipe import BLOCK_WEIGHTS, feature_weights, versions
from facs_pipeline.emotions.dense_encoding import DenseEncoder
from facs_pipeline.emotions.encoded_faces import EncodedFaces, Parts
from facs_pipeline.emotions.faces import SeenFaces
from facs_pipeline.emotions.heads import FullKernel
from facs_pipeline.emotions.hog_directions import HogDirections, mirrored_parts, principal_axes
from facs_pipeline.emotions.mirror_kernel import MirrorKernelRidge, fit_temperature
from facs_pipeline.emotions.model import EmotionModel, face_numbers, side_by_side
from facs_pipeline.emotions.small_kernel import SmallKernel, steepest_directions
from facs_pipeline.emotions.training.heads import fit_lightgbm, fit_logistic, fit_ridge, fit_svm
from facs_pipeline.emotions.training.models import ROWS, Row
from facs_pipeline.features.vector import BLOCKS
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.result_store import ResultStore
from facs_pipeline.foundation.machine import peak_memory_bytes, reset_peak_memory
from facs_pipeline.foundation.progress import SILENT, Progress

_Fitted = tuple[dict[str, np.ndarray], Parts]
"""A family's arrays, and the features that it gives the faces it was fitted on."""
_FAMILY_VERSION = 1

LABELS = "emotions as people labelled the images: what a face looks like to others, not what someone feels"

_HELD_OUT = 0.1
_COMPONENTS = 700
_GAMMA, _PENALTY = 0.9, 0.15
# What a ridge score counts beside a kernel score; chosen, as all settings here, on FER2013's validation split. Beside a
# small kernel it is one of several, by held-out faces: the fewer faces there are, the more the ridge knows beside it.
_HEAD_WEIGHTS, _SMALL_HEAD_WEIGHTS = (0.15,), (0.3, 0.5, 0.8, 1.2)
# Of the small kernel: what its directions are sought among, how many are kept, and of how many gradients they come.
_SMALL_COMPONENTS, _SMALL_POWER = 500, 0.3
_SMALL_DIRECTIONS, _SMALL_SAMPLES, _SMALL_CENTRES = (64, 32), 10_000, 5000


def classes_of(emotions: np.ndarray, known: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Emotions [n] of str as numbers [n], and their names: in the order of `known`, then alphabetically.

    Raises
    ------
    InputError
        If fewer than two emotions are there, or one has a single face.
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
    """[n] bool: a tenth of the rows, for settings and probabilities; persons, where known, are on one side only."""
    if (subjects != "").all() and len(np.unique(subjects)) > 10:
        splits = GroupShuffleSplit(1, test_size=_HELD_OUT, random_state=seed).split(y, y, subjects)
    else:
        test = max(int(np.ceil(_HELD_OUT * len(y))), len(np.unique(y)))
        splits = StratifiedShuffleSplit(1, test_size=test, random_state=seed).split(y, y)
    held_out = np.zeros(len(y), bool)
    held_out[next(iter(splits))[1]] = True
    return held_out


def train_emotion(
    name: str,
    seen: SeenFaces,
    y: np.ndarray,
    emotions: tuple[str, ...],
    *,
    subjects: np.ndarray | None = None,
    cache: str | os.PathLike | None = None,
    jobs: int = 1,
    seed: int = 0,
    progress: Progress = SILENT,
) -> EmotionModel:
    """Train the row `name` of `ROWS` on m faces.

    Parameters
    ----------
    seen : the faces.
    y : ndarray [m] of int
        Positions in `emotions`.
    subjects : [m] of str, ``""`` where not known.
    cache : folder for finished families of encoded faces, None to keep nothing.

    Returns
    -------
    EmotionModel
        Its card has the settings that were chosen, ``train_s``, and ``train_peak_memory_bytes`` where the system tells.
    """
    row, start = ROWS[name], time.perf_counter()
    reset_peak_memory()
    subjects = np.full(len(y), "") if subjects is None else subjects
    held_out = held_out_rows(y, subjects, seed=seed)
    with progress.task(f"{name}: {row.head}", 1) as task:
        X, projection = face_numbers(seen, row.inputs), None
        if row.components:
            pca = PCA(min(row.components, *X[~held_out].shape), svd_solver="full", random_state=seed).fit(X[~held_out])
            projection = (pca.mean_.astype(np.float32), pca.components_.T.astype(np.float32))
            X = (X - projection[0]) @ projection[1]
        head, chosen, beside = _fit(row, X, seen, y, held_out, jobs, seed)
        task.advance()
    more: dict[str, Any] = {}
    if row.families or row.small:
        if row.small:
            weights, components = _SMALL_HEAD_WEIGHTS, _SMALL_COMPONENTS
            families, kernel, apart = _fit_small_kernel(seen, y, held_out, seed, progress)
        else:
            weights, components = _HEAD_WEIGHTS, _COMPONENTS
            families, kernel, apart = _fit_kernel(row, seen, y, held_out, cache, jobs, seed, progress)
        weight, temperature = _weigh(apart, beside, y[held_out], weights)
        more = {"families": families, "kernel": kernel, "head_weight": weight, "temperature": temperature}
        chosen |= {"gamma": _GAMMA, "penalty": _PENALTY, "components": components, "head_weight": weight}
    card: dict[str, Any] = {
        "title": f"Emotions of faces. {row.title}",
        "recipe": {"row": name, "seed": seed, **chosen},
        "images": len(y),
        "without_face": int((~seen.found).sum()),
        "faces_per_emotion": {emotion: int((y == number).sum()) for number, emotion in enumerate(emotions)},
        "train_s": round(time.perf_counter() - start, 1),
        "versions": versions(),
    }
    peak = peak_memory_bytes()
    if peak:
        card["train_peak_memory_bytes"] = peak
    return EmotionModel(name, emotions, head, inputs=row.inputs, projection=projection, card=card, **more)


def _weigh(kernel: np.ndarray, head: np.ndarray, y: np.ndarray, weights: tuple[float, ...]) -> tuple[float, float]:
    """What the head's scores [n, c] count beside the kernel's, and the temperature: those most likely for classes y."""

    def loss(weight: float, temperature: float) -> float:
        return -float(log_softmax(temperature * (kernel + weight * head), axis=1)[np.arange(len(y)), y].mean())

    tried = [(weight, fit_temperature(kernel + weight * head, y)) for weight in weights]
    return min(tried, key=lambda one: loss(*one))


def _fit(row: Row, X: np.ndarray, seen: SeenFaces, y: np.ndarray, held_out: np.ndarray, jobs: int, seed: int):
    """Head, settings chosen, and for ridge regression the held-out rows' scores by a model not trained on them."""
    if row.head == "svm":
        return *fit_svm(X, y, held_out), None
    if row.head == "logistic":
        return *fit_logistic(X, y), None
    if row.head == "lightgbm":
        return *fit_lightgbm(X, y, held_out, jobs=jobs, seed=seed), None
    both = np.concatenate([X, face_numbers(seen, row.inputs, mirrored=True)])
    weights = feature_weights({block: BLOCK_WEIGHTS[block] for block in row.inputs}, X)
    head, chosen, scores = fit_ridge(both, np.tile(y, 2), np.tile(held_out, 2), weights)
    return head, chosen, scores[: held_out.sum()]


def _fit_kernel(
    row: Row,
    seen: SeenFaces,
    y: np.ndarray,
    held_out: np.ndarray,
    cache: str | os.PathLike | None,
    jobs: int,
    seed: int,
    progress: Progress,
) -> tuple[list[EncodedFaces], FullKernel, np.ndarray]:
    """Families, kernel, and the held-out rows' scores by a kernel that was not trained on them."""
    families, X = _encode(row, seen, cache, jobs, seed, progress)
    # Held-out rows last: the factorisation gives the scores of every row by a model trained on the rows before it.
    rest = np.random.default_rng(seed).permutation(np.flatnonzero(~held_out))
    order = np.concatenate([rest, np.flatnonzero(held_out)])
    ridge = MirrorKernelRidge(_GAMMA, _PENALTY, n_symmetric=X.shape[1] // 2, random_state=None)
    ridge.fit(X[order], y[order], progress=progress)
    return families, FullKernel(ridge), ridge.ahead_[-int(held_out.sum()) :]


def _fit_small_kernel(
    seen: SeenFaces, y: np.ndarray, held_out: np.ndarray, seed: int, progress: Progress
) -> tuple[list[HogDirections], SmallKernel, np.ndarray]:
    """Directions, kernel, and the held-out rows' scores by a kernel that was not trained on them."""
    random = np.random.default_rng(seed)
    # The directions must not have seen held-out rows either, or probabilities come out too sure.
    fitted = random.permutation(np.flatnonzero(~held_out))
    hog = seen.features[:, BLOCKS["hog"]]
    parts = symmetric, _ = mirrored_parts(hog[fitted])
    symmetric -= symmetric.mean(axis=0)
    axes = [principal_axes(part, _SMALL_COMPONENTS, _SMALL_POWER) for part in parts]
    X = np.concatenate([part @ along for part, along in zip(parts, axes, strict=True)], axis=1)
    X /= np.sqrt((X.astype(np.float64) ** 2).sum(axis=1).mean()).astype(np.float32)
    ridge = MirrorKernelRidge(_GAMMA, _PENALTY, n_symmetric=axes[0].shape[1], random_state=None)
    ridge.fit(X, y[fitted], progress=progress)
    steepest = steepest_directions(ridge, *_SMALL_DIRECTIONS, samples=_SMALL_SAMPLES)
    family = HogDirections.fit(hog[fitted], *(along @ then for along, then in zip(axes, steepest, strict=True)))
    X = family.values(hog)
    targets = np.eye(int(y.max()) + 1)[y] - 1 / (y.max() + 1)
    settings = {"n_centres": _SMALL_CENTRES, "n_symmetric": family.n_symmetric}
    apart = SmallKernel.fit(X, targets, fitted, **settings).scores(X[held_out])
    return [family], SmallKernel.fit(X, targets, random.permutation(len(y)), **settings), apart


def _encode(
    row: Row, seen: SeenFaces, cache: str | os.PathLike | None, jobs: int, seed: int, progress: Progress
) -> tuple[list[EncodedFaces], np.ndarray]:
    """Families of encoded faces, fitted, and their features side by side."""
    families, found = [], []
    digest = hashlib.sha256(np.ascontiguousarray(seen.crops)).hexdigest()
    store = ResultStore(cache)
    for settings in row.families:
        encoder = DenseEncoder(**{name: settings[name] for name in DenseEncoder.SETTINGS})
        family = EncodedFaces(encoder, components=_COMPONENTS, power=0.5)
        inputs = {"family": _FAMILY_VERSION, "crops": digest, "settings": family.settings(), "seed": seed}

        def fit(family: EncodedFaces = family) -> _Fitted:
            X = family.fit(seen.crops, seed=seed, jobs=jobs, progress=progress)
            return family.arrays(), X

        arrays, X = store.get(inputs, fit)
        families.append(EncodedFaces.restore(family.settings(), arrays))
        found.append(X)
    return families, side_by_side(found)

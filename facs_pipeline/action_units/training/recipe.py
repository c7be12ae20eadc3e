"""From labelled faces to a finished action-unit model with its card: gather, cross-validate, measure, fit, describe."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.action_units.training.cross_validation import (
    RIDGE_ALPHAS,
    SVR_CS,
    CrossValidation,
    RidgeFolds,
    SVRFolds,
    TrainingSet,
    cross_validate,
    make_folds,
    usable,
)
from facs_pipeline.action_units.training.features import clip_features, picture_features
from facs_pipeline.action_units.training.kernel_correction import Comparison
from facs_pipeline.action_units.training.measures import records, scatter
from facs_pipeline.action_units.training.products import fit_modes, folded, with_products
from facs_pipeline.action_units.training.pseudo_labels import TEACHER_AUS, intensities
from facs_pipeline.datasets.coded import CodedSet
from facs_pipeline.datasets.pictures import Pictures
from facs_pipeline.features import vector
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.evaluation.agreement import agreement, within_subject_pearson
from facs_pipeline.foundation.machine import versions_of
from facs_pipeline.foundation.regression.linear import batches
from facs_pipeline.landmarks.training.teacher import TeacherLabels

# Chosen by r within persons on ten of the persons of data/frames, trained on the others; the short videos were in view.
BLOCK_WEIGHTS: dict[str, float] = {"lbp": 1.0, "hog": 4.0, "landmarks": 17.0, "products": 10.0, "modes": 2.0}

PSEUDO_LABELS = "pseudo-labels from MediaPipe's blendshape scores; no FACS coder has seen these faces"
FACS_CODERS = "coded by FACS coders"

# (what is going on, how many steps) -> a function to call with the number of steps just done
Progress = Callable[[str, int], Callable[[int], object]]


def silent(_label: str, _total: int) -> Callable[[int], object]:
    """A `Progress` that shows nothing."""
    return lambda _done: None


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run; all of them are kept in the model's card.

    Attributes
    ----------
    regressor : ``"svr"`` (ensembles on balanced subsamples, as published) or ``"ridge"`` (all rows).
    folds : persons are split into so many.
    block_weights : what a standardised value of each block of features counts; ``"modes"`` are products of `modes`.
    modes : how many axes of all faces and of differences within persons have products that count beside the features,
        see `facs_pipeline.action_units.pairwise_products`; empty: none.
    similar : with how many training faces each face is compared, by the coordinates of `modes`, to correct what linear
        models miss, see `facs_pipeline.action_units.kernel_correction`; 0: none.
    max_samples : rows in each subsample of an SVR ensemble.
    n_bootstrap : draws of persons for the intervals.
    seed : of subsamples and bootstrap.
    """

    regressor: str = "svr"
    folds: int = 5
    block_weights: Mapping[str, float] = field(default_factory=lambda: dict(BLOCK_WEIGHTS))
    modes: tuple[int, ...] = ()
    similar: int = 0
    max_samples: int = 2000
    n_bootstrap: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class Gathered:
    """Rows of one source: features, intensities, whose face, what they count, and facts for the card.

    `original` is False for mirrored and warped copies, which are trained on but not measured on.
    """

    name: str
    X: np.ndarray
    Y: np.ndarray
    subjects: np.ndarray
    weights: np.ndarray
    original: np.ndarray
    facts: dict[str, Any]


@dataclass(frozen=True)
class Trained:
    """A finished model, with per action unit the agreement on persons never trained on (see `agreement`)."""

    model: ActionUnitModel
    table: pd.DataFrame


def gather_pictures(
    pictures: Pictures,
    labels: TeacherLabels,
    aus: Sequence[int],
    cache: str | os.PathLike,
    *,
    weight: float = 1.0,
    warped: tuple[Pictures, TeacherLabels] | None = None,
    mirror: bool = False,
    landmarks: str | os.PathLike | None = None,
    jobs: int = 1,
    progress: Progress = silent,
) -> Gathered:
    """Features and pseudo-labels of still images; `weight` is what each row counts for ridge.

    `warped` are the same images warped, with labels of their own: trained on, not measured on. `landmarks` is a
    landmark model file; the embedded one unless given.
    """
    parts = []
    for shown, said in ((pictures, labels), *([warped] if warped else [])):
        Y = intensities(said.blendshapes, said.names, aus)
        persons = np.array(shown.persons)
        near = said.points if said.found.any() and not np.isnan(said.points[said.found]).any() else None
        for flipped in (False, True) if mirror else (False,):
            what = " (warped)" * (shown is not pictures) + " (mirrored)" * flipped
            found = picture_features(
                shown,
                cache,
                near=near,
                mirror=flipped,
                landmarks=landmarks,
                jobs=jobs,
                progress=progress(f"{pictures.path.name}: features{what}", len(shown)),
            )
            parts.append((found.X, Y[found.rows], persons[found.rows], np.full(len(found.rows), not what)))
    facts = {
        "labels": PSEUDO_LABELS,
        "images": len(pictures),
        "persons": len(set(pictures.persons)),
        "persons_known": pictures.persons_known,
        "without_teacher_face": int((~labels.found).sum()),
        "warped_copies": int(warped is not None),
    }
    return _gathered(pictures.path.name, parts, weight, facts, len(pictures))


def gather_coded(
    coded: CodedSet,
    cache: str | os.PathLike,
    *,
    every: int = 1,
    mirror: bool = False,
    landmarks: str | os.PathLike | None = None,
    jobs: int = 1,
    progress: Progress = silent,
) -> Gathered:
    """Features and coded intensities of a FACS-coded dataset, of every `every`-th coded frame of a clip.

    `landmarks` is a landmark model file; the embedded one unless given.
    """
    clips = [clip.thinned(every) for clip in coded.clips]
    Y = np.concatenate([clip.intensities for clip in clips])
    subjects = np.concatenate([np.full(len(clip.frames), clip.subject) for clip in clips])
    parts = []
    for flipped in (False, True) if mirror else (False,):
        label = f"{coded.name}: features{' (mirrored)' if flipped else ''}"
        step = progress(label, len(Y))
        found = clip_features(clips, cache, mirror=flipped, landmarks=landmarks, jobs=jobs, progress=step)
        parts.append((found.X, Y[found.rows], subjects[found.rows], np.full(len(found.rows), not flipped)))
    facts = {"labels": FACS_CODERS, "images": len(Y), "persons": len(coded.subjects), "persons_known": True}
    return _gathered(coded.name, parts, 1.0, facts, len(Y))


def _gathered(name: str, parts: list, weight: float, facts: dict, n_faces: int) -> Gathered:
    X, Y, subjects, original = (np.concatenate(part) for part in zip(*parts, strict=True))
    labelled = ~np.isnan(Y).all(axis=1)
    facts = {**facts, "without_face": n_faces - int(original.sum()), "rows": int(labelled.sum()), "weight": weight}
    return Gathered(
        name,
        X[labelled],
        Y[labelled],
        subjects[labelled].astype(str),
        np.full(int(labelled.sum()), float(weight)),
        original[labelled],
        facts,
    )


def feature_weights(block_weights: Mapping[str, float], X: np.ndarray) -> np.ndarray:
    """[d] weights by block; values that hardly vary over `X` [n, d] are not blown up to the full weight.

    Columns after the features are products of modes.

    Raises
    ------
    InputError
        If a block does not exist.
    """
    blocks = vector.BLOCKS | {"modes": slice(vector.N_FEATURES, None)}
    unknown = sorted(set(block_weights) - set(blocks))
    if unknown:
        raise InputError(f"no features called {', '.join(unknown)}; expected {', '.join(blocks)}")
    weights = np.ones(X.shape[1])
    for name, weight in block_weights.items():
        weights[blocks[name]] = weight
    spread = X[:: max(1, len(X) // 5000)].astype(np.float32).std(axis=0)
    return weights * spread / (spread + 1)


def train(
    sources: Sequence[Gathered],
    aus: Sequence[int],
    recipe: Recipe,
    *,
    title: str,
    jobs: int = 1,
    progress: Progress = silent,
) -> Trained:
    """Cross-validate over persons, leave out action units without usable signal, fit the final model.

    Parameters
    ----------
    sources : rows of each source, all for the same `aus` [k].
    title : one line for the card.

    Raises
    ------
    InputError
        If nothing is left to train on, persons are too few, or no action unit is usable.
    """
    data = TrainingSet(
        sources[0].X if len(sources) == 1 else np.concatenate([s.X for s in sources]),
        np.concatenate([s.Y for s in sources]),
        np.concatenate([s.subjects for s in sources]),
        tuple(aus),
        np.concatenate([s.weights for s in sources]),
    )
    if not len(data.X):
        raise InputError(f"{', '.join(s.name for s in sources)}: no labelled face was found; nothing to train on")
    folds = make_folds(data.subjects, recipe.folds)
    weights = feature_weights(recipe.block_weights, data.X)
    modes = comparison = None
    if recipe.similar and not recipe.modes:
        raise InputError("faces are compared by the coordinates of modes; expected modes, too")
    if recipe.modes:
        if len(recipe.modes) != 2:
            raise InputError(f"modes {recipe.modes}; expected how many of all faces, and how many within persons")
        modes = fit_modes(data.X, data.subjects, recipe.modes, weights, data.weights)
        if recipe.similar:
            coordinates = np.concatenate([modes.coordinates(data.X[rows]) for rows in batches(len(data.X))])
            comparison = Comparison(coordinates, data.Y, data.weights, recipe.similar, recipe.seed)
        data = with_products(data, modes)
        weights = feature_weights(recipe.block_weights, data.X)
    n_folds = int(folds.max()) + 1
    step = progress(f"cross-validation ({recipe.regressor})", n_folds * n_folds + 1)
    if recipe.regressor == "ridge":
        regressor = RidgeFolds(data, folds, weights, RIDGE_ALPHAS)
    elif recipe.regressor == "svr":
        regressor = SVRFolds(data, folds, weights, SVR_CS, max_samples=recipe.max_samples, seed=recipe.seed, jobs=jobs)
    else:
        raise InputError(f"regressor {recipe.regressor!r}; expected svr or ridge")
    checked = cross_validate(regressor, data, folds, comparison=comparison, progress=step)
    original = np.concatenate([s.original for s in sources])
    table = agreement(
        data.Y[original],
        checked.predictions[original],
        data.subjects[original],
        aus,
        n_bootstrap=recipe.n_bootstrap,
        random_state=recipe.seed,
    )
    left_out = usable(table, data.Y)
    kept = np.array([k for k, au in enumerate(aus) if au not in left_out], dtype=np.intp)
    if not len(kept):
        raise InputError(f"no action unit is usable: {'; '.join(f'AU{au}: {why}' for au, why in left_out.items())}")
    coef, intercept = regressor.fit(range(n_folds), checked.final)
    similar = comparison.fit(np.ones(len(data.X), bool), checked.linear, kept) if comparison else None
    step(1)
    card = {
        "title": title,
        "labels": "; ".join(sorted({s.facts["labels"] for s in sources})),
        "action_units": [int(aus[k]) for k in kept],
        "left_out": {str(au): why for au, why in left_out.items()},
        "recipe": {**asdict(recipe), "folds": n_folds},
        "penalties": {str(aus[k]): float(checked.penalties[checked.final[k]]) for k in kept},
        "images": int(original.sum()),
        "persons": len(np.unique(data.subjects)),
        "sources": [{"name": s.name, **s.facts} for s in sources],
        "metrics_on_unseen_persons": records(table.iloc[kept]),
        "metrics_by_source": _by_source(sources, data, checked, original, kept),
        "scatter": scatter(
            data.Y[np.ix_(original, kept)],
            checked.predictions[np.ix_(original, kept)],
            [aus[k] for k in kept],
            "labels against predictions on persons never trained on",
        ),
        "versions": versions(),
    }
    model = folded([aus[k] for k in kept], coef[:, kept], intercept[kept], card, modes, similar)
    return Trained(model, table)


def _by_source(sources, data: TrainingSet, checked: CrossValidation, original: np.ndarray, kept: np.ndarray) -> dict:
    """Level and shape for each source: means over all its rows, and r within each person whose face moves."""
    aus = [data.aus[k] for k in kept]
    result, start = {}, 0
    for source in sources:
        rows = np.flatnonzero(original[start : start + len(source.X)]) + start
        start += len(source.X)
        y, p, subjects = data.Y[np.ix_(rows, kept)], checked.predictions[np.ix_(rows, kept)], data.subjects[rows]
        table = agreement(y, p, subjects, aus, n_bootstrap=0)
        columns = ["n", "subjects", "r", "ccc", "icc", "mae", "bias", "f1"]
        table = table[columns].copy()
        table["within_person_r"], table["within_persons"] = within_subject_pearson(y, p, subjects)
        result[source.name] = records(table)
    return result


def versions() -> dict[str, str | None]:
    """Versions of what made the model."""
    packages = versions_of("facs-pipeline", "numpy", "scipy", "scikit-learn", "opencv")
    return {"python": platform.python_version(), **packages}


def teacher_only(aus: Sequence[int]) -> tuple[int, ...]:
    """The action units, each once, ascending, checked to have a blendshape."""
    unknown = [au for au in aus if au not in TEACHER_AUS]
    if unknown:
        raise InputError(
            f"AU{unknown[0]}: the teacher has no score for it; choose from {', '.join(map(str, TEACHER_AUS))}"
        )
    return tuple(sorted(set(aus)))

"""From labelled faces to a finished action-unit model with its card: cross-validate, measure, fit, describe."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.action_units.training.cross_validation import (
    REGRESSORS,
    RIDGE_ALPHAS,
    SVR_CS,
    CrossValidation,
    Regressor,
    RidgeFolds,
    SVRFolds,
    TrainingSet,
    cross_validate,
    make_folds,
    reasons_to_leave_out,
)
from facs_pipeline.action_units.training.kernel_correction import CorrectionTraining
from facs_pipeline.action_units.training.measures import records, scatter
from facs_pipeline.action_units.training.products import fit_products, folded, with_products
from facs_pipeline.action_units.training.sources import Gathered
from facs_pipeline.features import vector
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.evaluation.agreement import agreement, within_subject_pearson
from facs_pipeline.foundation.machine import versions_of
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.foundation.regression.linear import batches

# Chosen by r within persons on ten of the persons of data/frames, trained on the others; the short videos were known.
BLOCK_WEIGHTS: dict[str, float] = {"lbp": 1.0, "hog": 4.0, "landmarks": 17.0, "products": 10.0, "modes": 2.0}


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run; all of them stand in the model's card.

    Attributes
    ----------
    regressor : str
        ``"svr"`` (ensembles on balanced subsamples, as published) or ``"ridge"`` (all rows).
    folds : int
        Persons are split into so many.
    block_weights : Mapping of str to float
        What a standardised value of each block of features counts; ``"modes"`` are the pairwise products.
    product_axes : tuple of int
        How many axes of all faces, and of differences within persons, have products that count beside the features,
        see `facs_pipeline.action_units.pairwise_products`; empty: none.
    n_centres : int
        With how many training faces each face is compared, by its coordinates on these axes, to correct what linear
        models miss, see `facs_pipeline.action_units.kernel_correction`; 0: none.
    max_samples : int
        Rows in each subsample of an SVR ensemble.
    n_bootstrap : int
        Draws of persons for the intervals.
    seed : int
        Of subsamples and bootstrap.
    """

    regressor: str = "svr"
    folds: int = 5
    block_weights: Mapping[str, float] = field(default_factory=lambda: dict(BLOCK_WEIGHTS))
    product_axes: tuple[int, ...] = ()
    n_centres: int = 0
    max_samples: int = 2000
    n_bootstrap: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.regressor not in REGRESSORS:
            raise InputError(f"regressor {self.regressor!r}; expected svr or ridge")
        if self.n_centres and not self.product_axes:
            raise InputError("faces are compared by the coordinates of modes; expected modes, too")
        if len(self.product_axes) not in {0, 2}:
            raise InputError(f"modes {self.product_axes}; expected how many of all faces, and how many within persons")

    def as_card(self) -> dict[str, Any]:
        """The settings by the names of the command's options, as they stand in model cards."""
        card = asdict(self)
        return {"modes": card.pop("product_axes"), "similar": card.pop("n_centres"), **card}


@dataclass(frozen=True)
class Trained:
    """A finished model.

    Attributes
    ----------
    model : ActionUnitModel
    table : DataFrame
        Per action unit the agreement on persons never trained on, see `agreement`.
    """

    model: ActionUnitModel
    table: pd.DataFrame


def feature_weights(block_weights: Mapping[str, float], X: np.ndarray) -> np.ndarray:
    """Weights of the columns by block; values that hardly vary are not blown up to the full weight.

    Parameters
    ----------
    block_weights : Mapping of str to float
        What a standardised value of each block counts.
    X : ndarray
        Features [n, d]; columns after those of `facs_pipeline.features` are pairwise products, the block ``"modes"``.

    Returns
    -------
    ndarray of float64
        ``[d]``.

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
    progress: Progress = SILENT,
) -> Trained:
    """Cross-validate over persons, leave out action units without usable signal, fit the final model.

    Parameters
    ----------
    sources : sequence of Gathered
        Rows of each source, all for the same action units.
    aus : sequence of int
        FACS numbers [k].
    recipe : Recipe
    title : str
        One line for the card.
    jobs : int
        Processes.
    progress : Progress
        Told of the models made.

    Raises
    ------
    InputError
        If nothing is left to train on, persons are too few, or no action unit is usable.
    """
    data = _training_set(sources, aus)
    folds = make_folds(data.subjects, recipe.folds)
    weights = feature_weights(recipe.block_weights, data.X)
    products = correction = None
    if recipe.product_axes:
        of_all, within_persons = recipe.product_axes
        products = fit_products(data.X, data.subjects, (of_all, within_persons), weights, data.weights)
        if recipe.n_centres:
            coordinates = np.concatenate([products.coordinates(data.X[rows]) for rows in batches(len(data.X))])
            correction = CorrectionTraining(coordinates, data.Y, data.weights, recipe.n_centres, recipe.seed)
        data = with_products(data, products)
        weights = feature_weights(recipe.block_weights, data.X)
    n_folds = int(folds.max()) + 1
    regressor = _regressor(recipe, data, folds, weights, jobs)
    checked = cross_validate(regressor, data, folds, correction=correction, progress=progress)
    original = np.concatenate([s.original for s in sources])
    table = agreement(
        data.Y[original],
        checked.predictions[original],
        data.subjects[original].tolist(),
        aus,
        n_bootstrap=recipe.n_bootstrap,
        random_state=recipe.seed,
    )
    left_out = reasons_to_leave_out(table, data.Y)
    usable = np.array([k for k, au in enumerate(aus) if au not in left_out], dtype=np.intp)
    if not len(usable):
        raise InputError(f"no action unit is usable: {'; '.join(f'AU{au}: {why}' for au, why in left_out.items())}")
    coef, intercept = regressor.fit(range(n_folds), checked.final)
    learnt = correction.fit(np.ones(len(data.X), bool), checked.linear, usable) if correction else None
    card = {
        "title": title,
        "left_out": {str(au): why for au, why in left_out.items()},
        "recipe": {**recipe.as_card(), "folds": n_folds},
        "metrics_on_unseen_persons": records(table.iloc[usable]),
        **_card(sources, data, checked, original, usable),
    }
    model = folded([aus[k] for k in usable], coef[:, usable], intercept[usable], card, products, learnt)
    return Trained(model, table)


def _training_set(sources: Sequence[Gathered], aus: Sequence[int]) -> TrainingSet:
    data = TrainingSet(
        sources[0].X if len(sources) == 1 else np.concatenate([s.X for s in sources]),
        np.concatenate([s.Y for s in sources]),
        np.concatenate([s.subjects for s in sources]),
        tuple(aus),
        np.concatenate([s.weights for s in sources]),
    )
    if not len(data.X):
        raise InputError(f"{', '.join(s.name for s in sources)}: no labelled face was found; nothing to train on")
    return data


def _regressor(recipe: Recipe, data: TrainingSet, folds: np.ndarray, weights: np.ndarray, jobs: int) -> Regressor:
    if recipe.regressor == "ridge":
        return RidgeFolds(data, folds, weights, RIDGE_ALPHAS)
    return SVRFolds(data, folds, weights, SVR_CS, max_samples=recipe.max_samples, seed=recipe.seed, jobs=jobs)


def _card(
    sources: Sequence[Gathered], data: TrainingSet, checked: CrossValidation, original: np.ndarray, usable: np.ndarray
) -> dict[str, Any]:
    """What was trained on, the penalties, and the measures by source, of the `usable` columns."""
    aus = [data.aus[k] for k in usable]
    return {
        "labels": "; ".join(sorted({s.facts["labels"] for s in sources})),
        "action_units": aus,
        "penalties": {str(data.aus[k]): float(checked.penalties[checked.final[k]]) for k in usable},
        "images": int(original.sum()),
        "persons": len(np.unique(data.subjects)),
        "sources": [{"name": s.name, **s.facts} for s in sources],
        "metrics_by_source": _by_source(sources, data, checked, original, usable),
        "scatter": scatter(
            data.Y[np.ix_(original, usable)],
            checked.predictions[np.ix_(original, usable)],
            aus,
            "labels against predictions on persons never trained on",
        ),
        "versions": versions(),
    }


def _by_source(
    sources: Sequence[Gathered], data: TrainingSet, checked: CrossValidation, original: np.ndarray, usable: np.ndarray
) -> dict[str, dict[str, dict[str, float | int | None]]]:
    """Level and shape for each source: means over all its rows, and r within each person whose face moves."""
    aus = [data.aus[k] for k in usable]
    result, start = {}, 0
    for source in sources:
        rows = np.flatnonzero(original[start : start + len(source.X)]) + start
        start += len(source.X)
        y, p, subjects = (
            data.Y[np.ix_(rows, usable)],
            checked.predictions[np.ix_(rows, usable)],
            data.subjects[rows].tolist(),
        )
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

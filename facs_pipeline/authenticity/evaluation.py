"""Evaluation of rankers across people: out-of-fold figures, predictions and reasons."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from facs_pipeline.authenticity import controls, scoring
from facs_pipeline.authenticity.confidence import coverage_points
from facs_pipeline.authenticity.curve import n_curve_fits, ranking_curve
from facs_pipeline.authenticity.explanation import COLUMNS, reason_rows
from facs_pipeline.authenticity.model import no_probability, prediction_table, versions
from facs_pipeline.authenticity.ranker import AuthenticityRanker
from facs_pipeline.authenticity.raters import beside_raters
from facs_pipeline.authenticity.series import Series
from facs_pipeline.authenticity.study import Study
from facs_pipeline.authenticity.two_stage import both_right, emotion_figures, stages_by_fold
from facs_pipeline.foundation.evaluation.accuracy import accuracy_figures
from facs_pipeline.foundation.files.model_file import stored_bytes
from facs_pipeline.foundation.progress import SILENT, Progress, Task

N_RESAMPLES, N_SWAPS = 2000, 10_000


@dataclass(frozen=True)
class EvaluationSettings:
    """How an evaluation runs.

    Attributes
    ----------
    seed : int
        Of the bootstrap, the permutations and the learning curve.
    permutations : int
        Number of times that every ranker itself is trained again on swapped labels for its permutation p-value. 0:
        only the quick one, of a linear ranker trained again, see `scoring.relabelled_accuracies`.
    learning_curve : bool
        Whether every ranker is also trained on parts of the training people, see `curve.ranking_curve`.
    """

    seed: int = 0
    permutations: int = 0
    learning_curve: bool = False


def evaluate(
    study: Study,
    rankers: dict[str, AuthenticityRanker],
    settings: EvaluationSettings = EvaluationSettings(),
    *,
    series: list[Series] | None = None,
    control_data: controls.ControlData | None = None,
    progress: Progress = SILENT,
) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]:
    """Figures of every ranker on people it was not trained on, and its out-of-fold prediction for every video.

    Parameters
    ----------
    study : Study
        With folds.
    rankers : dict of str to AuthenticityRanker
        Unfitted, by name.
    settings : EvaluationSettings
        How it runs.
    series : list of Series
        One for each video of the table, for rankers on series.
    control_data : ControlData, or None
        For controls of the rankers on descriptors; without it there are none.
    progress : Progress
        Told of each of the `n_fits` trainings.

    Returns
    -------
    report : dict
        JSON-able; see `docs/authenticity.md` for every figure.
    predictions : DataFrame
        One row per model and video, with its fold.
    reasons : DataFrame
        `explanation.COLUMNS`, for every pair by the model of its fold; none of rankers without margins.

    Raises
    ------
    ValueError
        Without folds, or without the series that a ranker takes.
    """
    seed = settings.seed
    tables: list[pd.DataFrame] = []
    reasons: list[list[object]] = []
    by_chance = _by_chance(study, seed)
    models = {}
    stages = stages_by_fold(study)
    control_rows: list[controls.ControlResult] = []
    fits = n_fits(study, len(rankers), settings) + _n_control_fits(study, rankers, control_data)
    with progress.task("training", fits, "models") as task:
        for name, ranker in rankers.items():
            started = time.perf_counter()
            spent: dict[str, float] = {}
            sizes: list[int] = []
            by_fold: list[AuthenticityRanker] = []
            if ranker.consumes == "series" and series is None:
                raise ValueError(f"{name} takes series; none are given")
            data = study.paired_videos(series if ranker.consumes == "series" else None)
            scored, candidate_scores, video_scores = scoring.out_of_fold_scores(
                ranker, data, each_fold=_collector(study, name, reasons, sizes, by_fold, task), seconds=spent
            )
            seconds = time.perf_counter() - started
            figures = accuracy_of_scores(study, scored, video_scores, seed)
            of_pairs = figures["pairs"]
            of_pairs["permutation_p"] = scoring.share_at_least(by_chance, of_pairs["accuracy"])
            if settings.learning_curve:
                figures["learning_curve"] = ranking_curve(ranker, data, of_pairs, seed=seed, task=task)
            if settings.permutations:
                of_pairs["permutation_p_retrained"] = scoring.retrained_p_value(
                    ranker, data, n_permutations=settings.permutations, seed=seed, task=task
                )
            figures["coverage"] = _coverage(study, scored, video_scores)
            if raters := _beside_raters(study, video_scores, control_data, seed):
                figures["raters"] = raters
            if ranker.consumes == "descriptors":
                folds = [fold for fold, _train, _test in scoring.training_folds(data.folds, data.pairs.labelled)]
                fitted = controls.FittedFolds(name, ranker, dict(zip(folds, by_fold, strict=True)), scored)
                if stages:
                    figures["two_stage"] = both_right(study, stages, fitted.by_fold, seed)
                control_rows += _controls(study, fitted, control_data, seed, task)
            models[name] = {
                **figures,
                "parameters": _plain(ranker.get_params()),
                "seconds": round(seconds, 3),
                **{part: round(value, 3) for part, value in spent.items()},
                **({"size_bytes": sizes[0]} if sizes else {}),
            }
            tables.append(_predictions(study, name, scored, candidate_scores, video_scores))
    report = {
        "data": {**_description(study), "by_chance_95": np.quantile(by_chance, [0.025, 0.975]).tolist()},
        "models": models,
        **({} if control_data is None else {"controls": [_without_nan(asdict(row)) for row in control_rows]}),
        "emotion_stage": emotion_figures(study, stages, seed),
        "seeds": {"rankers": seed, "bootstrap": seed, "permutation": seed},
        "resamples": {
            "bootstrap": N_RESAMPLES,
            "permutation": N_SWAPS,
            "permutation_retrained": settings.permutations,
        },
        "warnings": study.warnings,
        "versions": versions(),
    }
    return report, pd.concat(tables, ignore_index=True), pd.DataFrame(reasons, columns=COLUMNS)


def n_fits(study: Study, n_rankers: int, settings: EvaluationSettings = EvaluationSettings()) -> int:
    """Number of trainings of `evaluate` with so many rankers."""
    folds = study.assigned_folds()
    n_folds = len(list(scoring.training_folds(folds, study.pairs.labelled)))
    parts = n_curve_fits(study.subjects, folds, n_folds) if settings.learning_curve else 0
    return n_rankers * ((1 + settings.permutations) * n_folds + parts)


def _coverage(study: Study, scored: np.ndarray, video_scores: np.ndarray) -> dict[str, list[dict[str, float]]]:
    """How often the surest answers are right, of pairs and of clips alone."""
    first, folds = study.pairs.labelled[:, 0], study.assigned_folds()
    known = (study.labels != 0) & np.isfinite(video_scores)
    of_videos, labels = video_scores[known], study.labels[known]
    points = {"pairs": coverage_points(scored, scored, folds[first], study.subjects[first])}
    if known.any():
        points["videos"] = coverage_points(of_videos, of_videos * labels, folds[known], study.subjects[known])
    return {kind: [asdict(point) for point in of_kind] for kind, of_kind in points.items()}


def _n_control_fits(study: Study, rankers: dict[str, AuthenticityRanker], data: controls.ControlData | None) -> int:
    if data is None:
        return 0
    of_descriptors = sum(ranker.consumes == "descriptors" for ranker in rankers.values())
    return of_descriptors * controls.n_fits(study, sex=data.metadata.sex is not None)


def _controls(
    study: Study, fitted: controls.FittedFolds, data: controls.ControlData | None, seed: int, task: Task
) -> list[controls.ControlResult]:
    if data is None:
        return []
    return [
        *controls.of_facts(study, fitted, data.facts, seed),
        *controls.of_other_data(study, fitted, cut=data.cut, sex=data.metadata.sex, seed=seed, task=task),
    ]


def _beside_raters(
    study: Study, video_scores: np.ndarray, data: controls.ControlData | None, seed: int
) -> dict[str, Any] | None:
    right = None if data is None else data.metadata.raters_right
    return None if right is None else beside_raters(video_scores, study.labels, right, study.subjects, seed=seed)


def _without_nan(row: dict[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(cell, float) and np.isnan(cell) else cell for name, cell in row.items()}


def _description(study: Study) -> dict[str, Any]:
    first = study.pairs.labelled[:, 0]
    return {
        "source": study.table.source,
        "videos": len(study.table),
        "descriptors": len(study.table.columns),
        "pairs": len(first),
        "subjects": len(np.unique(study.subjects[first])),
        "folds": len(np.unique(study.assigned_folds()[first])),
    }


def _by_chance(study: Study, seed: int) -> np.ndarray:
    """Pair accuracies [N_SWAPS] on relabelled pairs of this study."""
    labelled = study.pairs.labelled
    differences = study.table.values[labelled[:, 0]] - study.table.values[labelled[:, 1]]
    folds = study.assigned_folds()[labelled[:, 0]]
    groups = scoring.swap_groups(labelled)
    return scoring.relabelled_accuracies(differences, folds, groups, n_permutations=N_SWAPS, seed=seed)


def _collector(
    study: Study,
    name: str,
    rows: list[list[object]],
    sizes: list[int],
    by_fold: list[AuthenticityRanker],
    task: Task,
) -> Callable[[AuthenticityRanker, np.ndarray], None]:
    """Adds the reasons of each fold's held-out pairs, its model, and of the first model its size in bytes."""
    table = study.table

    def collect(ranker: AuthenticityRanker, positions: np.ndarray) -> None:
        task.advance()
        by_fold.append(ranker)
        if not sizes and hasattr(ranker, "to_arrays"):
            sizes.append(stored_bytes(ranker.to_arrays()))
        if ranker.consumes == "descriptors" and hasattr(ranker, "margins") and len(positions):
            candidates = study.pairs.candidates[positions]
            margins = ranker.margins(table.values, candidates, emotions=study.emotions)
            rows.extend(reason_rows(name, margins, candidates, table))

    return collect


def accuracy_of_scores(study: Study, scored: np.ndarray, video_scores: np.ndarray, seed: int) -> dict[str, Any]:
    """Figures of out-of-fold scores: of pairs, of single videos, and of both for each emotion.

    Parameters
    ----------
    study : Study
        With folds.
    scored : ndarray of float
        Scores `[p]` of the labelled pairs, positive = right.
    video_scores : ndarray of float
        Scores `[n]` of single videos, positive = real; NaN where there is none.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        ``pairs``, ``videos``, ``per_emotion``; JSON-able.
    """
    first = study.pairs.labelled[:, 0]
    subjects = study.subjects[first]
    of_pairs = _pair_figures(scored, subjects, seed)
    probability = scoring.cross_calibrated(
        scored, study.assigned_folds()[first], lambda mask: scoring.Calibration.of_pairs(scored[mask])
    )
    of_pairs["brier"] = float(np.nanmean((1 - probability) ** 2)) if np.isfinite(probability).any() else None

    known = np.flatnonzero((study.labels != 0) & np.isfinite(video_scores))
    labels, scores, of_known = study.labels[known], video_scores[known], study.subjects[known]
    chance = float(max((labels == 1).mean(), (labels == -1).mean())) if len(labels) else 0.5
    per_emotion = {}
    if study.emotions is not None:
        for emotion in sorted(set(study.emotions[first])):
            pairs, videos = study.emotions[first] == emotion, study.emotions[known] == emotion
            per_emotion[emotion] = {
                "pairs": _pair_figures(scored[pairs], subjects[pairs], seed),
                "videos": _video_figures(scores[videos], labels[videos], of_known[videos], 0.5, seed),
            }
    return {
        "pairs": of_pairs,
        "videos": _video_figures(scores, labels, of_known, chance, seed),
        "per_emotion": per_emotion,
    }


def _pair_figures(scored: np.ndarray, subjects: np.ndarray, seed: int) -> dict[str, Any]:
    figures = accuracy_figures(scoring.right(scored), subjects, chance=0.5, seed=seed)
    return figures | {"auc": scoring.auc_of_pairs(scored)}


def _video_figures(
    scores: np.ndarray, labels: np.ndarray, subjects: np.ndarray, chance: float, seed: int
) -> dict[str, Any]:
    figures = accuracy_figures(scoring.right(scores * labels), subjects, chance=chance, seed=seed)
    return figures | {"auc": scoring.auc_of_videos(scores, labels)} if len(scores) else figures


def _predictions(
    study: Study, name: str, scored: np.ndarray, candidate_scores: np.ndarray, video_scores: np.ndarray
) -> pd.DataFrame:
    """Out-of-fold rows; the probabilities of a fold are from the other folds' scores."""
    pairs, folds = study.pairs, study.assigned_folds()
    pair_folds = folds[pairs.labelled[:, 0]]
    compared = np.isin(np.arange(len(folds)), pairs.candidates)
    parts = []
    for fold in np.unique(folds):
        rows = np.flatnonzero((folds == fold) & (np.isfinite(video_scores) | compared | ~study.usable))
        position = np.full(len(folds), -1)
        position[rows] = np.arange(len(rows))
        here = (folds[pairs.candidates[:, 0]] == fold) & np.isfinite(candidate_scores)
        others = (study.labels != 0) & (folds != fold)
        part = prediction_table(
            study.table.take(rows),
            position[pairs.candidates[here]],
            candidate_scores[here],
            video_scores[rows],
            model=name,
            pair_probability=scoring.Calibration.of_pairs(scored[pair_folds != fold]) or no_probability,
            video_probability=scoring.Calibration.of_videos(video_scores[others], study.labels[others])
            or no_probability,
        )
        part["fold"] = fold
        part["_row"] = rows
        parts.append(part)
    return pd.concat(parts).sort_values("_row").drop(columns="_row")


def _plain(parameters: dict[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in parameters.items()}

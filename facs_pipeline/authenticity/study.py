"""Evaluation and training of rankers on one table: folds, out-of-fold figures, calibration, the final model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from sklearn.base import clone

from facs_pipeline.authenticity import scoring
from facs_pipeline.authenticity.curve import n_curve_fits, ranking_curve
from facs_pipeline.authenticity.explanation import COLUMNS, reason_rows
from facs_pipeline.authenticity.model import AuthenticityModel, EmotionStage, prediction_table, versions
from facs_pipeline.authenticity.pairs import Pairs, groups_of
from facs_pipeline.authenticity.rank_svm import AuthenticityRanker
from facs_pipeline.authenticity.series import Series
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.evaluation.accuracy import accuracy_figures, check_folds, subject_folds
from facs_pipeline.foundation.files.model_file import stored_bytes
from facs_pipeline.foundation.progress import SILENT, Progress, Task
from facs_pipeline.tables.descriptor_table import DescriptorTable

N_RESAMPLES, N_SWAPS = 2000, 10_000


@dataclass
class Study:
    """A table made ready: who belongs to which fold, what can be used, and what the user should know."""

    table: DescriptorTable
    pairs: Pairs
    usable: np.ndarray
    labels: np.ndarray
    emotions: np.ndarray | None
    subjects: np.ndarray
    folds: np.ndarray | None
    warnings: list[str] = field(default_factory=list)


def prepare(table: DescriptorTable, pairs: Pairs, *, n_folds: int = 10, need_folds: bool = True) -> Study:
    """Check that a table and its pairs can be learnt from, and assign folds.

    Raises
    ------
    InputError
        Without a labelled pair (one class only, no partners), with emotions for some pairs only, with fewer than two
        subjects where folds are needed, or with a subject in two of the user's folds.
    """
    labels = np.select([table.labels == "real", table.labels == "fake"], [1, -1], 0)
    unusable = table.unusable
    usable = np.ones(len(table), bool)
    usable[list(unusable)] = False
    warnings = [f"{table.videos[i]}: left out, no descriptors ({reason})" for i, reason in unusable.items()]
    if not len(pairs.labelled):
        raise InputError(_why_no_pairs(table, pairs, labels, usable))
    dead = table.constant_aus
    if dead:
        warnings.append(f"{', '.join(dead[:8])}: the same in every video, so nothing can be learnt from it")
    if table.ignored:
        warnings.append(f"{table.source}: text columns left out: {', '.join(table.ignored)}")
    n_pairs = len(pairs.labelled)
    if n_pairs < scoring.FEW_PAIRS:
        warnings.append(
            f"{n_pairs} labelled pair{'s' if n_pairs > 1 else ''}: fewer than {scoring.FEW_PAIRS}, "
            "nothing can be concluded"
        )
    emotions = table.emotions
    of_pairs = emotions[pairs.labelled]
    if (of_pairs == "").all():
        emotions = None
    elif (of_pairs == "").any():
        i = int(
            pairs.labelled[(of_pairs == "").any(axis=1)][0][int(of_pairs[(of_pairs == "").any(axis=1)][0][1] == "")]
        )
        raise InputError(
            f"{table.source}: row {table.rows[i]}, column 'emotion' is empty while other pairs have one; "
            "give every pair an emotion, or none"
        )
    if emotions is not None:
        # Learning from a single video needs its emotion; one whose emotion is missing or unpaired is not learnt from.
        labels = np.where(np.isin(emotions, np.unique(of_pairs)), labels, 0)
        usable_here = usable & ((emotions == "") | np.isin(emotions, np.unique(of_pairs)))
        usable = usable_here & (emotions != "")
    subjects = complete_subjects(table.subjects, pairs.candidates)
    if (table.subjects[pairs.labelled.ravel()] == "").any():
        warnings.append(
            "subjects are unknown for some pairs: videos linked by pairs count as one person; "
            "if one person appears in several such groups, the figures are too good"
        )
    folds = None
    if need_folds:
        if (table.folds != "").any():
            folds = check_folds(subjects, table.folds, lambda i: f"{table.source}: row {table.rows[i]}")
        else:
            try:
                folds = subject_folds(subjects, n_folds)
            except InputError as error:
                raise InputError(f"{table.source}: {error}") from None
        whose = ", ".join(sorted(set(subjects[pairs.labelled[:, 0]])))
        if len(np.unique(folds[pairs.labelled[:, 0]])) < 2:
            raise InputError(
                f"{table.source}: all labelled pairs ({n_pairs}) are in one fold (subject {whose}); "
                "who trains and who is tested must differ, so label pairs of two subjects or more in different folds"
            )
    return Study(table, pairs, usable, labels, emotions, subjects, folds, warnings)


def _why_no_pairs(table: DescriptorTable, pairs: Pairs, labels: np.ndarray, usable: np.ndarray) -> str:
    real, fake = int((labels == 1).sum()), int((labels == -1).sum())
    counts = f"{len(table)} videos, {real} labelled real, {fake} fake, {int((~usable).sum())} without descriptors"
    if not real and not fake:
        return (
            f"{table.source}: no video has a label; training and scoring need real and fake, in a column 'label' of "
            "the metadata given to facs extract-features, or in a table given with --pairs (video, subject, emotion, "
            "label; or video_a, video_b, real)"
        )
    if not usable.any():
        first = next(iter(table.unusable.values()))
        return f"{table.source}: none of the {len(table)} videos has all its descriptors (the first: {first})"
    if not real or not fake:
        return f"{table.source}: column 'label' has one class only ({counts}); training and scoring need real and fake"
    return (
        f"{table.source}: no pair of a real and a fake video of one subject and emotion ({counts}); "
        "check the columns 'subject' and 'emotion', or name the pairs with --pairs FILE"
    )


def complete_subjects(subjects: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """[n] subjects, the unknown ones taken from a partner, or else one made-up name per group of linked videos."""
    subjects = subjects.copy()
    groups = groups_of(len(subjects), candidates)
    for group in np.unique(groups[subjects == ""]):
        members = np.flatnonzero(groups == group)
        named = [subjects[i] for i in members if subjects[i]]
        subjects[members[subjects[members] == ""]] = named[0] if named else f"unknown {group}"
    return subjects


def evaluate(
    study: Study,
    rankers: dict[str, AuthenticityRanker],
    *,
    seed: int = 0,
    permutations: int = 0,
    learning_curve: bool = False,
    series: list[Series] | None = None,
    progress: Progress = SILENT,
) -> tuple[dict, pd.DataFrame, pd.DataFrame]:
    """Figures of every ranker on people it has not seen, and its out-of-fold prediction for every video.

    Parameters
    ----------
    study : from `prepare`.
    rankers : name -> unfitted ranker. Rankers on series need `series`, one per video of the table.
    seed : of the bootstrap and the permutations.
    permutations : how many times to train every ranker itself again on swapped labels for its permutation p-value
        (0: only the quick one, against a linear ranker trained again, see `scoring.relabelled_accuracies`).
    learning_curve : also train every ranker on parts of the training people, see `learning_curve.ranking_curve`.
    progress : Progress
        Told of each of the `n_fits`.

    Returns
    -------
    report : JSON-able; see `docs/authenticity.md` for every figure.
    predictions : one row per model and video, with its fold.
    reasons : `explanation.COLUMNS`, of every pair by the model that did not see its people; rankers that have no
        margins have none.
    """
    table, pairs = study.table, study.pairs
    models, tables, reasons = {}, [], []
    by_chance = _by_chance(study, seed)
    n = n_fits(study, len(rankers), permutations, learning_curve)
    with progress.task("training", n, "models") as task:
        for name, ranker in rankers.items():
            started, took, sizes = time.perf_counter(), {}, []
            X = table.values if ranker.consumes == "descriptors" else series
            context = {
                "emotions": study.emotions,
                "labels": study.labels,
                "subjects": study.subjects,
                "usable": study.usable,
            }
            scored, candidate_scores, video_scores = scoring.out_of_fold_scores(
                ranker,
                X,
                pairs.labelled,
                pairs.candidates,
                study.folds,
                **context,
                each_fold=_collector(study, name, reasons, sizes, task),
                seconds=took,
            )
            seconds = time.perf_counter() - started
            figures = _figures(study, scored, video_scores, seed)
            figures["pairs"]["permutation_p"] = scoring.share_at_least(by_chance, figures["pairs"]["accuracy"])
            if learning_curve:
                figures["learning_curve"] = ranking_curve(
                    ranker, X, pairs, study.folds, full=figures["pairs"], seed=seed, task=task, **context
                )
            if permutations:
                context.pop("labels")
                figures["pairs"]["permutation_p_retrained"] = scoring.retrained_p_value(
                    ranker, X, pairs.labelled, study.folds, n_permutations=permutations, seed=seed, task=task, **context
                )
            models[name] = {
                **figures,
                "parameters": _plain(ranker.get_params()),
                "seconds": round(seconds, 3),
                **{part: round(value, 3) for part, value in took.items()},
                **({"size_bytes": sizes[0]} if sizes else {}),
            }
            tables.append(_predictions(study, name, scored, candidate_scores, video_scores))
    report = {
        "data": {
            "source": table.source,
            "videos": len(table),
            "descriptors": len(table.columns),
            "pairs": len(pairs.labelled),
            "subjects": len(np.unique(study.subjects[pairs.labelled[:, 0]])),
            "folds": len(np.unique(study.folds[pairs.labelled[:, 0]])),
            "by_chance_95": np.quantile(by_chance, [0.025, 0.975]).tolist(),
        },
        "models": models,
        "emotion_stage": _emotion_stage_figures(study, seed),
        "seeds": {"rankers": seed, "bootstrap": seed, "permutation": seed},
        "resamples": {"bootstrap": N_RESAMPLES, "permutation": N_SWAPS, "permutation_retrained": permutations},
        "warnings": study.warnings,
        "versions": versions(),
    }
    return report, pd.concat(tables, ignore_index=True), pd.DataFrame(reasons, columns=COLUMNS)


def n_fits(study: Study, n_rankers: int, permutations: int = 0, learning_curve: bool = False) -> int:
    """How many times `evaluate` trains a ranker."""
    n_folds = sum(1 for _ in scoring.training_folds(study.folds, study.pairs.labelled))
    parts = n_curve_fits(study.subjects, study.folds, n_folds) if learning_curve else 0
    return n_rankers * ((1 + permutations) * n_folds + parts)


def _by_chance(study: Study, seed: int) -> np.ndarray:
    """[N_SWAPS] pair accuracies on relabelled pairs of this study."""
    labelled = study.pairs.labelled
    differences = study.table.values[labelled[:, 0]] - study.table.values[labelled[:, 1]]
    return scoring.relabelled_accuracies(
        differences, study.folds[labelled[:, 0]], scoring.swap_groups(labelled), n_permutations=N_SWAPS, seed=seed
    )


def _collector(
    study: Study, name: str, rows: list[list], sizes: list[int], task: Task
) -> Callable[[AuthenticityRanker, np.ndarray], None]:
    """What adds the reasons of each fold's held-out pairs to `rows` and the first model's bytes to `sizes`, and says
    that a fold is done.
    """
    table = study.table

    def collect(ranker: AuthenticityRanker, positions: np.ndarray) -> None:
        task.advance()
        if not sizes and hasattr(ranker, "to_arrays"):
            sizes.append(stored_bytes(ranker.to_arrays()))
        if ranker.consumes == "descriptors" and hasattr(ranker, "margins") and len(positions):
            candidates = study.pairs.candidates[positions]
            margins = ranker.margins(table.values, candidates, emotions=study.emotions)
            rows.extend(reason_rows(name, margins, candidates, table.videos, table.values, table.columns))

    return collect


def _figures(study: Study, scored: np.ndarray, video_scores: np.ndarray, seed: int) -> dict:
    first = study.pairs.labelled[:, 0]
    subjects = study.subjects[first]
    fold_of_pair = study.folds[first]
    pair_figures = accuracy_figures(scoring.right(scored), subjects, chance=0.5, seed=seed)
    pair_figures["auc"] = scoring.auc_of_pairs(scored)
    probability = scoring.cross_calibrated(
        scored, fold_of_pair, lambda mask: scoring.Calibration.of_pairs(scored[mask])
    )
    pair_figures["brier"] = float(np.nanmean((1 - probability) ** 2)) if np.isfinite(probability).any() else None

    known = np.flatnonzero((study.labels != 0) & np.isfinite(video_scores))
    labels = study.labels[known]
    outcomes = scoring.right(video_scores[known] * labels)
    chance = float(max((labels == 1).mean(), (labels == -1).mean())) if len(labels) else 0.5
    video_figures = accuracy_figures(outcomes, study.subjects[known], chance=chance, seed=seed)
    if len(known):
        video_figures["auc"] = scoring.auc_of_videos(video_scores[known], labels)
    per_emotion = {}
    if study.emotions is not None:
        for emotion in sorted(set(study.emotions[first])):
            of_pairs, of_videos = study.emotions[first] == emotion, study.emotions[known] == emotion
            per_emotion[emotion] = {
                "pairs": accuracy_figures(scoring.right(scored[of_pairs]), subjects[of_pairs], chance=0.5, seed=seed)
                | {"auc": scoring.auc_of_pairs(scored[of_pairs])},
                "videos": accuracy_figures(
                    outcomes[of_videos], study.subjects[known][of_videos], chance=0.5, seed=seed
                ),
            }
            if of_videos.any():
                per_emotion[emotion]["videos"]["auc"] = scoring.auc_of_videos(
                    video_scores[known][of_videos], labels[of_videos]
                )
    return {"pairs": pair_figures, "videos": video_figures, "per_emotion": per_emotion}


def _predictions(study, name, scored, candidate_scores, video_scores) -> pd.DataFrame:
    """Out-of-fold rows; the probabilities of a fold are from the other folds' scores."""
    pairs, folds = study.pairs, study.folds
    pair_folds = folds[pairs.labelled[:, 0]]
    parts = []
    for fold in np.unique(folds):
        mask = (folds == fold) & np.isfinite(video_scores) | (folds == fold) & np.isin(
            np.arange(len(folds)), pairs.candidates
        )
        rows = np.flatnonzero(mask | ((folds == fold) & ~study.usable))
        position = np.full(len(folds), -1)
        position[rows] = np.arange(len(rows))
        here = (folds[pairs.candidates[:, 0]] == fold) & np.isfinite(candidate_scores)
        learnt = (study.labels != 0) & (folds != fold)
        curve = scoring.Calibration.of_pairs(scored[pair_folds != fold])
        single = scoring.Calibration.of_videos(video_scores[learnt], study.labels[learnt])
        part = prediction_table(
            study.table.take(rows),
            position[pairs.candidates[here]],
            candidate_scores[here],
            video_scores[rows],
            model=name,
            pair_probability=curve or _nothing,
            video_probability=single or _nothing,
        )
        part["fold"] = fold
        part["_row"] = rows
        parts.append(part)
    return pd.concat(parts).sort_values("_row").drop(columns="_row")


def _nothing(scores):
    return np.full(len(scores), np.nan)


def _emotion_stage_figures(study: Study, seed: int) -> dict | None:
    """Out-of-fold accuracy of the first stage, emotion from descriptors; None without emotions."""
    emotions, values = study.table.emotions, study.table.values
    rows = np.flatnonzero((emotions != "") & np.isfinite(values).all(axis=1))
    if len(np.unique(emotions[rows].astype(str))) < 2:
        return None
    hits, whose = [], []
    for fold in np.unique(study.folds[rows]):
        train, test = rows[study.folds[rows] != fold], rows[study.folds[rows] == fold]
        stage = EmotionStage.fit(values[train], emotions[train]) if len(train) else None
        if stage is not None:
            hits += list(stage.predict(values[test]) == emotions[test])
            whose += list(study.subjects[test])
    share = max(np.mean(emotions[rows] == name) for name in set(emotions[rows]))
    return accuracy_figures(np.array(hits, float), whose, chance=float(share), seed=seed)


def train(study: Study, name: str, ranker: AuthenticityRanker) -> AuthenticityModel:
    """The final model on all pairs, its probabilities calibrated on scores out of fold.

    With fewer than two subjects there are no folds: the model then has no probabilities and says so in its card.
    """
    table, pairs = study.table, study.pairs
    context = {"emotions": study.emotions, "labels": study.labels * study.usable, "subjects": study.subjects}
    fitted = clone(ranker).fit(table.values, pairs.labelled, **context)
    pair_curve = video_curve = None
    out_of_fold = None
    if study.folds is not None:
        scored, _candidates, videos = scoring.out_of_fold_scores(
            ranker, table.values, pairs.labelled, pairs.labelled[:0], study.folds, usable=study.usable, **context
        )
        pair_curve = scoring.Calibration.of_pairs(scored)
        known = study.labels != 0
        video_curve = scoring.Calibration.of_videos(videos[known], study.labels[known])
        out_of_fold = _figures(study, scored, videos, 0)
    rows = np.flatnonzero(np.isfinite(table.values).all(axis=1))
    difference = table.values[pairs.labelled[:, 0]] - table.values[pairs.labelled[:, 1]]
    card = {
        "title": f"{name} on {len(pairs.labelled)} pairs",
        "trained_on": {
            "source": table.source,
            "pairs": len(pairs.labelled),
            "subjects": sorted({str(study.subjects[i]) for i in pairs.labelled[:, 0]}),
            "emotions": list(fitted.emotions_),
        },
        "data": f"{len(pairs.labelled)} pairs of {len(np.unique(study.subjects[pairs.labelled[:, 0]]))} subjects",
        "accuracy": _accuracy_in_words(out_of_fold),
        "out_of_fold": out_of_fold,
        "probabilities": "logistic curve on out-of-fold scores" if pair_curve else "none: fewer than two subjects",
        "warnings": study.warnings,
        "versions": versions(),
    }
    return AuthenticityModel(
        name=name,
        ranker=fitted,
        columns=table.columns,
        scale=np.sqrt(np.mean(difference**2, axis=0)),
        emotion_stage=EmotionStage.fit(table.values[rows], table.emotions[rows]),
        pair_calibration=pair_curve,
        video_calibration=video_curve,
        card=card,
    )


def _accuracy_in_words(out_of_fold: dict | None) -> str:
    if out_of_fold is None:
        return "unknown: one subject only"
    pairs = out_of_fold["pairs"]
    low, high = pairs["wilson_95"]
    return f"{pairs['accuracy']:.1%} of pairs on unseen subjects (95 % {low:.1%} to {high:.1%}), chance 50 %"


def _plain(parameters: dict) -> dict:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in parameters.items()}

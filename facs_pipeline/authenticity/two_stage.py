"""Both stages on people they have not seen: the emotion from the descriptors, then felt or posed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from facs_pipeline.authenticity import scoring
from facs_pipeline.authenticity.emotion_stage import EmotionStage
from facs_pipeline.authenticity.ranker import AuthenticityRanker
from facs_pipeline.authenticity.study import Study
from facs_pipeline.foundation.evaluation.accuracy import accuracy_figures


def stages_by_fold(study: Study) -> dict[int, EmotionStage]:
    """Emotion stages trained on the other folds' people; of folds without two emotions outside there is none."""
    emotions, values, folds = study.table.emotions, study.table.values, study.assigned_folds()
    known = (emotions != "") & np.isfinite(values).all(axis=1)
    stages = {}
    for fold in np.unique(folds[known]):
        rows = np.flatnonzero(known & (folds != fold))
        stage = EmotionStage.fit(values[rows], emotions[rows]) if len(rows) else None
        if stage is not None:
            stages[int(fold)] = stage
    return stages


def emotion_figures(study: Study, stages: Mapping[int, EmotionStage], seed: int) -> dict[str, Any] | None:
    """Out-of-fold accuracy of the first stage on single videos; None without emotions."""
    emotions, values, folds = study.table.emotions, study.table.values, study.assigned_folds()
    rows = np.flatnonzero((emotions != "") & np.isfinite(values).all(axis=1) & np.isin(folds, list(stages)))
    if not len(rows):
        return None
    hits = np.zeros(len(rows))
    for fold, stage in stages.items():
        here = folds[rows] == fold
        hits[here] = stage.predict(values[rows[here]]) == emotions[rows[here]]
    return accuracy_figures(hits, study.subjects[rows], chance=_most_frequent(emotions[rows]), seed=seed)


def both_right(
    study: Study,
    stages: Mapping[int, EmotionStage],
    by_fold: Mapping[int, AuthenticityRanker[np.ndarray]],
    seed: int,
) -> dict[str, Any]:
    """How often the emotion and felt or posed are both right, the ranker being told the emotion found.

    Parameters
    ----------
    study : Study
        With folds and emotions.
    stages : mapping of int to EmotionStage
        From `stages_by_fold`.
    by_fold : mapping of int to AuthenticityRanker
        Fold -> ranker trained without it.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        ``pairs``, where the emotion is that of the mean of both videos, and ``videos``; as `accuracy_figures`.
    """
    values, emotions, folds = study.table.values, study.table.emotions, study.assigned_folds()
    labelled = study.pairs.labelled
    alone = np.flatnonzero((study.labels != 0) & study.usable)
    of_pairs, of_videos = np.full(len(labelled), np.nan), np.full(len(alone), np.nan)
    for fold in set(stages) & set(by_fold):
        stage, ranker = stages[fold], by_fold[fold]
        here = np.flatnonzero(folds[labelled[:, 0]] == fold)
        if len(here):
            found = stage.predict(values[labelled[here]].mean(axis=1))
            # Each pair has its own rows, because a video may be in pairs of different emotions found.
            pairs = np.arange(2 * len(here)).reshape(-1, 2)
            scores = ranker.decision_function(values[labelled[here].ravel()], pairs, emotions=np.repeat(found, 2))
            of_pairs[here] = scoring.right(scores) * (found == emotions[labelled[here, 0]])
        own = np.flatnonzero(folds[alone] == fold)
        if len(own):
            found = stage.predict(values[alone[own]])
            scores = ranker.score_videos(values[alone[own]], emotions=found)
            of_videos[own] = scoring.right(scores * study.labels[alone[own]]) * (found == emotions[alone[own]])
    figures = {}
    for kind, outcomes, rows in (("pairs", of_pairs, labelled[:, 0]), ("videos", of_videos, alone)):
        known = np.isfinite(outcomes)
        chance = _most_frequent(emotions[rows[known]]) / 2 if known.any() else 0.5
        figures[kind] = accuracy_figures(outcomes[known], study.subjects[rows[known]], chance=chance, seed=seed)
    return figures


def _most_frequent(names: np.ndarray) -> float:
    return float(np.unique(names.astype(str), return_counts=True)[1].max() / len(names))

"""The final model of a ranker: trained on all pairs, its probabilities calibrated on out-of-fold scores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone

from facs_pipeline.authenticity import scoring
from facs_pipeline.authenticity.confidence import Confidence
from facs_pipeline.authenticity.emotion_stage import EmotionStage
from facs_pipeline.authenticity.evaluation import accuracy_of_scores
from facs_pipeline.authenticity.model import AuthenticityModel, versions
from facs_pipeline.authenticity.model_card import LAW, NOT_FOR
from facs_pipeline.authenticity.pairs import Pairs
from facs_pipeline.authenticity.ranker import AuthenticityRanker
from facs_pipeline.authenticity.study import Study


def fit_model(
    study: Study, name: str, ranker: AuthenticityRanker[np.ndarray], *, data_in_words: str = ""
) -> AuthenticityModel:
    """Train a ranker on all pairs and complete it to a model.

    Parameters
    ----------
    study : Study
        Without folds, as with fewer than two subjects, the model has no probabilities, and its card says so.
    name : str
        Key of `facs_pipeline.authenticity.model.RANKERS`.
    ranker : AuthenticityRanker
        Unfitted.
    data_in_words : str
        For the card: what the data are, and what their terms allow.
    """
    table, labelled = study.table, study.pairs.labelled
    fitted = clone(ranker).fit(
        table.values,
        labelled,
        emotions=study.emotions,
        labels=study.labels * study.usable,
        subjects=study.subjects,
    )
    pair_curve = video_curve = out_of_fold = pair_confidence = video_confidence = None
    if study.folds is not None:
        data = replace(study.paired_videos(), pairs=Pairs(labelled, labelled[:0]), labels=study.labels * study.usable)
        scored, _candidates, videos = scoring.out_of_fold_scores(ranker, data)
        known = study.labels != 0
        pair_curve = scoring.Calibration.of_pairs(scored)
        video_curve = scoring.Calibration.of_videos(videos[known], study.labels[known])
        out_of_fold = accuracy_of_scores(study, scored, videos, 0)
        first, folds = labelled[:, 0], study.folds
        pair_confidence = Confidence.of_pairs(scored, folds[first], study.subjects[first])
        alone = known & np.isfinite(videos)
        if alone.any():
            video_confidence = Confidence.of_videos(
                videos[alone], study.labels[alone], folds[alone], study.subjects[alone]
            )
    rows = np.flatnonzero(np.isfinite(table.values).all(axis=1))
    difference = table.values[labelled[:, 0]] - table.values[labelled[:, 1]]
    subjects = sorted({str(study.subjects[i]) for i in labelled[:, 0]})
    card = {
        "title": f"{name} on {len(labelled)} pairs",
        "trained_on": {
            "source": table.source,
            "pairs": len(labelled),
            "subjects": subjects,
            "emotions": list(fitted.emotions_),
        },
        "data": f"{len(labelled)} pairs of {len(subjects)} subjects{data_in_words and ': '}{data_in_words}",
        "accuracy": _accuracy_in_words(out_of_fold),
        "out_of_fold": out_of_fold,
        "probabilities": "logistic curve on out-of-fold scores" if pair_curve else "none: fewer than two subjects",
        "relative_to_person": table.relative_to_person,
        "not_for": list(NOT_FOR),
        "law": list(LAW),
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
        pair_confidence=pair_confidence,
        video_confidence=video_confidence,
        card=card,
    )


def _accuracy_in_words(out_of_fold: dict[str, Any] | None) -> str:
    if out_of_fold is None:
        return "unknown: one subject only"
    pairs = out_of_fold["pairs"]
    low, high = pairs["wilson_95"]
    return f"{pairs['accuracy']:.1%} of pairs on unseen subjects (95 % {low:.1%} to {high:.1%}), chance 50 %"

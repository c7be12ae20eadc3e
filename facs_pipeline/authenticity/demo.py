"""The demo's last step: rank its synthetic pairs, those of synthetic people the ranker was not trained on."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from facs_pipeline.authenticity import ranking
from facs_pipeline.authenticity.evaluation import EvaluationSettings
from facs_pipeline.authenticity.pairs import Pairs, pair_up
from facs_pipeline.authenticity.ranking_input import RankingData, read_ranking_data
from facs_pipeline.tables.descriptor_table import DescriptorTable


def rank_demo(features: str | os.PathLike, out: str | os.PathLike, *, seed: int = 0) -> str:
    """Evaluate the Rank-SVM across people, then show one held-out person's pairs with decision and reasons.

    Parameters
    ----------
    features : path
        Folder written by the extraction with metadata (subject, emotion, label real or fake) of at least two people,
        both labels for each emotion.
    out : path
        Folder for `authenticity.json`, `predictions.csv`, `reasons.csv`, `curves/` and `model.npz`.
    seed : int
        Of the ensemble.

    Returns
    -------
    str
        Text to print: accuracy with its interval, one pair's decision, probability and reasons, a caveat.
    """
    out = Path(out)
    data = read_ranking_data(features=Path(features))
    study = ranking.prepare_study(data)
    report = ranking.evaluate(data, study, ["rank-svm"], out, EvaluationSettings(seed))
    table = data.table
    person = sorted(set(table.subjects[data.pairs.labelled[:, 0]]))[-1]
    others = np.flatnonzero(table.subjects != person)
    training = RankingData(table.take(others), _pairs(table.take(others)), data.features)
    model = ranking.train(ranking.prepare_study(training, need_folds=False), "rank-svm", seed=seed)
    model.save(out / "model.npz")
    # Without labels, as for a user of unlabelled videos.
    held_out = table.take(np.flatnonzero(table.subjects == person))
    held_out = replace(held_out, labels=np.full(len(held_out), "", dtype=object))
    pairs = _pairs(held_out)
    first = replace(pairs, candidates=pairs.candidates[:1])
    result = ranking.predict(RankingData(held_out, first, data.features), model, out / f"subject_{person}")
    figures = report["models"]["rank-svm"]["pairs"]
    low, high = figures["wilson_95"]
    lines = [
        f"Which is real? {figures['correct']:g} of {figures['n']} synthetic pairs ranked right, each by a model that "
        f"never saw that person: {figures['accuracy']:.0%} (95 % {low:.0%} to {high:.0%}), chance 50 %.",
        f"Person {person}, never seen by this model:",
        *(
            f"  {line}"
            for line in result.text.splitlines()
            if not line.startswith("Without") and "no partner" not in line
        ),
        *(f"  {warning}" for warning in report["warnings"]),
        "Synthetic faces with a synthetic difference: this shows that the pipeline works, nothing about real people.",
    ]
    return "\n".join(lines)


def _pairs(table: DescriptorTable) -> Pairs:
    return pair_up(table.subjects, table.emotions, table.labels, np.isfinite(table.values).all(axis=1))

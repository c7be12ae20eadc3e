"""The demo's last step: rank its synthetic pairs, on synthetic people the ranker has not seen."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from facs_pipeline.authenticity import ranking
from facs_pipeline.authenticity.pairs import pair_up


def rank_demo(features: str | os.PathLike, out: str | os.PathLike, *, seed: int = 0) -> str:
    """Evaluate the Rank-SVM across people, then show one held-out person's pairs with decision and reasons.

    Parameters
    ----------
    features : folder written by the extraction with metadata (subject, emotion, label real or fake) of at least two
        people, both labels for each emotion.
    out : where `authenticity.json`, `predictions.csv`, `reasons.csv`, `curves/` and `model.npz` go.
    seed : of the ensemble.

    Returns
    -------
    str
        Text to print: accuracy with its interval, one pair's decision, probability and reasons, a caveat.
    """
    out = Path(out)
    data = ranking.load(features=Path(features))
    study = ranking.prepare_study(data)
    report = ranking.evaluate(data, study, ["rank-svm"], out, seed=seed)
    table = data.table
    first = data.pairs.labelled[:, 0]
    person = sorted(set(table.subjects[first]))[-1]
    others = np.flatnonzero(table.subjects != person)
    seen = ranking.RankingData(table.take(others), _pairs(table.take(others)), data.features)
    model = ranking.train(ranking.prepare_study(seen, need_folds=False), "rank-svm", seed=seed)
    model.save(out / "model.npz")
    # Labels are withheld, so that what is shown is what a user of unlabelled videos would see.
    mine = table.take(np.flatnonzero(table.subjects == person))
    mine = replace(mine, labels=np.full(len(mine), "", dtype=object))
    pairs = _pairs(mine)
    shown = replace(pairs, candidates=pairs.candidates[:1])
    result = ranking.predict(ranking.RankingData(mine, shown, data.features), model, out / f"subject_{person}")
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


def _pairs(table):
    return pair_up(table.subjects, table.emotions, table.labels, np.isfinite(table.values).all(axis=1))

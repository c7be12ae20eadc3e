"""Why the published Rank-SVM falls behind a linear SVM: penalty, votes, halves and pairs, one after the other.

    python benchmarks/authenticity_ablation.py FEATURES

FEATURES was written by ``facs extract-features --metadata``, with labels. Folds by person; nothing is chosen, each
setting is shown.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from facs_pipeline.authenticity.ranking import prepare_study
from facs_pipeline.authenticity.ranking_input import read_ranking_data
from facs_pipeline.authenticity.scoring import right, training_folds
from facs_pipeline.authenticity.squared_hinge import squared_hinge, standardised, standardised_in_both_orders
from facs_pipeline.authenticity.study import Study

PENALTIES = (1.0, 0.1, 1e-2, 1e-3, 1e-4)
MEMBERS = 15
Scores = dict[str, tuple[np.ndarray, np.ndarray]]
"""Setting -> scores of a fold's pairs and of its single videos."""


def fold_scores(study: Study, train: np.ndarray, test: np.ndarray, videos: np.ndarray) -> Scores:
    """Scores of held-out pairs and videos by each setting, from training pairs and the other people's videos."""
    X, pairs = study.table.values, study.pairs.labelled
    rng = np.random.default_rng(0)
    learnt = study.usable & (study.labels != 0) & ~videos
    differences, _, scale = standardised_in_both_orders(X[pairs[train, 0]] - X[pairs[train, 1]])
    new = (X[pairs[test, 0]] - X[pairs[test, 1]]) / scale
    z, mean, spread = standardised(X[learnt])
    alone = (X[videos] - mean) / spread
    y = study.labels[learnt].astype(float)
    position = np.cumsum(videos) - 1

    def by_pairs(rows: np.ndarray, C: float) -> np.ndarray:
        part = differences[rows]
        # Both orders of each pair are among the samples: one order counted twice, without intercept, is the same.
        weights, _ = squared_hinge(part, np.ones(len(part)), 2 * C, intercept=False)
        return new @ weights

    def by_videos(rows: np.ndarray, C: float) -> np.ndarray:
        weights, intercept = squared_hinge(z[rows], y[rows], C)
        return alone @ weights + intercept

    scores: Scores = {}
    for C in PENALTIES:
        single = by_videos(np.arange(len(z)), C)
        scores[f"one SVM on pairs, one on videos, C = {C:g}"] = by_pairs(np.arange(len(differences)), C), single
        between = single[position[pairs[test, 0]]] - single[position[pairs[test, 1]]]
        scores[f"one SVM on videos, differences for pairs, C = {C:g}"] = between, single
    for C in (1.0, 1e-3):
        # A random half of both orders holds three quarters of the pairs.
        of_pairs = [by_pairs(rng.permutation(len(differences))[: len(differences) * 3 // 4], C) for _ in range(MEMBERS)]
        of_videos = [by_videos(rng.permutation(len(z))[: len(z) // 2], C) for _ in range(MEMBERS)]
        scores[f"{MEMBERS} members on halves, margins, C = {C:g}"] = (
            np.sum(of_pairs, axis=0),
            np.sum(of_videos, axis=0),
        )
        scores[f"{MEMBERS} members on halves, votes, C = {C:g}"] = (
            np.sum(np.sign(of_pairs), axis=0),
            np.sum(np.sign(of_videos), axis=0),
        )
    return scores


def main(features: Path) -> None:
    """Print pairs and single videos right for each setting."""
    study = prepare_study(read_ranking_data(features=features))
    pairs, folds = study.pairs.labelled, study.assigned_folds()
    of_pairs: dict[str, list[np.ndarray]] = {}
    of_videos: dict[str, list[np.ndarray]] = {}
    for fold, train, test in training_folds(folds, pairs):
        videos = (folds == fold) & study.usable
        for name, (paired, alone) in fold_scores(study, train, test, videos).items():
            of_pairs.setdefault(name, []).append(right(paired))
            of_videos.setdefault(name, []).append(right(alone * study.labels[videos]))
    for name, of_folds in of_pairs.items():
        shares = (100 * np.concatenate(parts).mean() for parts in (of_folds, of_videos[name]))
        print(f"{name:<55} pairs {next(shares):.1f} %, clips {next(shares):.1f} %")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

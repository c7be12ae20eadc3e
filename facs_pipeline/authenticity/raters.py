"""A ranker beside human raters: who tells felt from posed more often, and whether both fail on the same clips."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import spearmanr

from facs_pipeline.authenticity import scoring
from facs_pipeline.foundation.evaluation.accuracy import accuracy_figures


def beside_raters(
    video_scores: np.ndarray, labels: np.ndarray, raters_right: np.ndarray, subjects: np.ndarray, *, seed: int = 0
) -> dict[str, Any] | None:
    """Figures of clips alone, of the ranker and of people.

    Parameters
    ----------
    video_scores : ndarray of float
        Out-of-fold scores `[n]` of single videos, positive = real; NaN where there is none.
    labels : ndarray of int
        `[n]`: 1 real, -1 fake, 0 unknown.
    raters_right : ndarray of float
        Share `[n]` of raters that were right, 0..1; NaN where unknown.
    subjects : ndarray of str
        `[n]`.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict or None
        ``ranker`` and ``majority`` (of the raters; a draw counts one half), as `accuracy_figures`; ``one_rater``, the
        mean share of raters right; ``both_right``, ``only_ranker_right``, ``only_raters_right``, ``both_wrong``, clips
        of those that neither draws on; ``correlation``, Spearman's, of the ranker's score for the truth and the share
        of raters right. None without a clip that both judged.

    Examples
    --------
    >>> scores, labels = np.array([2.0, 1.0, 1.0, -1.0]), np.array([1, 1, -1, -1])
    >>> figures = beside_raters(scores, labels, np.array([0.9, 0.4, 0.2, 0.8]), np.array(["a", "b", "a", "b"]))
    >>> figures["only_ranker_right"], figures["both_wrong"]
    (1, 1)
    """
    known = (labels != 0) & np.isfinite(video_scores) & np.isfinite(raters_right)
    if not known.any():
        return None
    for_truth, people = (video_scores * labels)[known], raters_right[known]
    ours, theirs = scoring.right(for_truth), scoring.right(people - 0.5)
    decided = (ours != 0.5) & (theirs != 0.5)
    we, they = ours[decided] == 1, theirs[decided] == 1
    correlation = spearmanr(for_truth, people).statistic if known.sum() > 2 else np.nan
    of_known = subjects[known]
    return {
        "ranker": accuracy_figures(ours, of_known, chance=0.5, seed=seed),
        "majority": accuracy_figures(theirs, of_known, chance=0.5, seed=seed),
        "one_rater": float(people.mean()),
        "both_right": int((we & they).sum()),
        "only_ranker_right": int((we & ~they).sum()),
        "only_raters_right": int((~we & they).sum()),
        "both_wrong": int((~we & ~they).sum()),
        "correlation": float(correlation) if np.isfinite(correlation) else None,
    }


def raters_text(name: str, figures: dict[str, Any]) -> str:
    """The figures in two lines."""
    ranker, majority = figures["ranker"], figures["majority"]
    correlation = figures["correlation"]
    agreement = "" if correlation is None else f"; rank correlation of both {correlation:+.2f}"
    return (
        f"{name} beside people, {ranker['n']} clips alone: {ranker['accuracy']:.1%} right, one rater "
        f"{figures['one_rater']:.1%}, their majority {majority['accuracy']:.1%}{agreement}\n"
        f"  both right {figures['both_right']}, only {name} {figures['only_ranker_right']}, only the raters "
        f"{figures['only_raters_right']}, both wrong {figures['both_wrong']}"
    )

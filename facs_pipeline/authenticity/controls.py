"""Controls of a ranker: whether the answer is in the face's movement, or in what goes with it in these very data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from facs_pipeline.authenticity import scoring
from facs_pipeline.authenticity.pairs import Pairs
from facs_pipeline.authenticity.ranker import AuthenticityRanker
from facs_pipeline.authenticity.recording_facts import Metadata, RecordingFact
from facs_pipeline.authenticity.study import Study
from facs_pipeline.foundation.evaluation.accuracy import bootstrap_interval
from facs_pipeline.foundation.progress import SILENT_TASK, Task
from facs_pipeline.tables.schema import CONTROLS

SWAPS = 1000
STRATA = 5
RELABELLINGS = 3
MOST_CROSS_PAIRS = 4000
HELD_WITHIN = 0.02
"""How much accuracy may fall when the clips are cut at random."""


@dataclass(frozen=True)
class ControlResult:
    """One row of `controls.csv`; see ``facs columns controls``."""

    model: str
    control: str
    kind: str
    n: int
    accuracy: float
    low: float
    high: float
    compared_with: float
    p: float = np.nan
    matched_accuracy: float = np.nan
    matched_low: float = np.nan
    matched_high: float = np.nan
    gain: float = np.nan
    verdict: str = ""


@dataclass(frozen=True)
class ControlData:
    """What controls of a study need beside the study.

    Attributes
    ----------
    facts : sequence of RecordingFact
        Each is tried alone.
    metadata : Metadata
        Sex and raters, where known.
    cut : ndarray of float, or None
        Descriptors `[n, d]` of the clips cut at random at both ends; NaN where too little is left.
    """

    facts: Sequence[RecordingFact] = ()
    metadata: Metadata = field(default_factory=Metadata)
    cut: np.ndarray | None = None


@dataclass(frozen=True)
class FittedFolds:
    """An evaluated ranker: its fitted models, and what they said of the pairs held out.

    Attributes
    ----------
    name : str
        The ranker's.
    unfitted : AuthenticityRanker
        To be trained anew.
    by_fold : dict of int to AuthenticityRanker
        Fold -> model trained without it.
    scored : ndarray of float
        Out-of-fold scores `[p]` of the labelled pairs, positive = right.
    """

    name: str
    unfitted: AuthenticityRanker[np.ndarray]
    by_fold: Mapping[int, AuthenticityRanker[np.ndarray]]
    scored: np.ndarray

    @property
    def accuracy(self) -> float:
        """Share of pairs right."""
        return float(scoring.right(self.scored).mean())


def of_facts(study: Study, fitted: FittedFolds, facts: Sequence[RecordingFact], seed: int = 0) -> list[ControlResult]:
    """Pairs told by each fact alone, by all of them together, and what the ranker gains from them.

    A fact is given to ridge regression on the differences within pairs, of its values and their squares, in the folds
    of the study; p is that of the same regression on swapped labels (`scoring.relabelled_accuracies`). Where it is
    above chance, the ranker is scored on pairs matched for the fact, see `matched`.

    Parameters
    ----------
    study : Study
        With folds.
    fitted : FittedFolds
        The evaluated ranker.
    facts : sequence of RecordingFact
        Of the study's videos.
    seed : int
        Of the bootstrap and the swaps.
    """
    if not facts:
        return []
    labelled, folds = study.pairs.labelled, study.assigned_folds()
    subjects = study.subjects[labelled[:, 0]]
    everything = RecordingFact("all of these together", np.hstack([fact.values for fact in facts]))
    rows = []
    for fact in [*facts, *([everything] if len(facts) > 1 else [])]:
        differences = _with_squares(fact.values, labelled)
        influence = scoring.linear_influence(differences, folds[labelled[:, 0]])
        scores = influence.sum(axis=1)
        outcomes = scoring.right(scores)
        by_chance = scoring.relabelled_by_influence(
            influence, scoring.swap_groups(labelled), n_permutations=SWAPS, seed=seed
        )
        p = scoring.share_at_least(by_chance, float(outcomes.mean()))
        low, high = bootstrap_interval(outcomes, subjects, seed=seed)
        result = ControlResult(fitted.name, fact.name, "alone", len(labelled), outcomes.mean(), low, high, 0.5, p)
        rows.append(_with_matched(result, fitted, scores, subjects, seed))
    return rows


def _with_squares(values: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """Differences [p, 2 k] of standardised values, unknown ones being average, and of their squares."""
    used = values[np.unique(labelled)]
    mean, scale = np.nanmean(used, axis=0), np.nanstd(used, axis=0)
    z = np.nan_to_num((values - mean) / np.where(scale > 0, scale, 1.0))
    z = np.clip(np.hstack([z, z**2]), -25, 25)
    return z[labelled[:, 0]] - z[labelled[:, 1]]


def _with_matched(
    result: ControlResult, fitted: FittedFolds, scores: np.ndarray, subjects: np.ndarray, seed: int
) -> ControlResult:
    if result.p >= 0.05 or result.accuracy <= 0.5:
        return replace(result, verdict="at chance: nothing to be gained from it")
    of_all, of_matched, low, high = matched(scoring.right(fitted.scored), scores, subjects, seed=seed)
    gain = of_all - of_matched
    told = f"above chance: it alone tells {result.accuracy:.1%} of pairs"
    verdict = f"{told}; on pairs matched for it {fitted.name} has {of_matched:.1%}, so it gains {100 * gain:.1f} points"
    return replace(result, matched_accuracy=of_matched, matched_low=low, matched_high=high, gain=gain, verdict=verdict)


def matched(
    outcomes: np.ndarray, control: np.ndarray, subjects: np.ndarray, *, n_resamples: int = 500, seed: int = 0
) -> tuple[float, float, float, float]:
    """A ranker's accuracy on pairs matched for a control, and on the same pairs unmatched.

    Pairs are put into strata by how sure the control is of them. Within each, those that the control gets right and
    those that it gets wrong count the same in total: then the control itself is at 50 %, however sure it is.

    Parameters
    ----------
    outcomes : ndarray of float
        `[p]`: 1 where the ranker is right.
    control : ndarray of float
        The control's scores `[p]`, positive = right.
    subjects : ndarray of str
        `[p]`, who are drawn again for the interval.
    n_resamples, seed : int
        Of the bootstrap.

    Returns
    -------
    unmatched, accuracy, low, high : float
        0..1; NaN where no stratum has pairs of both kinds.

    Examples
    --------
    >>> control = np.tile([1.0, 1.0, 1.0, -1.0], 25)
    >>> figures = matched((control > 0).astype(float), control, np.arange(100))
    >>> figures[0], figures[1]  # a ranker that repeats the control
    (0.75, 0.5)
    """
    edges = np.quantile(np.abs(control), np.linspace(0, 1, STRATA + 1)[1:-1])
    cell = 2 * np.searchsorted(edges, np.abs(control)) + (control > 0)
    _names, person = np.unique(subjects.astype(str), return_inverse=True)
    shape = (person.max() + 1, 2 * STRATA)
    count, right = np.zeros(shape), np.zeros(shape)
    np.add.at(count, (person, cell), 1.0)
    np.add.at(right, (person, cell), outcomes)

    def figures(weights: np.ndarray) -> tuple[float, float]:
        n, hits = (weights @ total for total in (count, right))
        n, hits = n.reshape(STRATA, 2), hits.reshape(STRATA, 2)
        both = (n > 0).all(axis=1)
        if not both.any():
            return np.nan, np.nan
        size = n[both].sum(axis=1)
        return float(hits[both].sum() / size.sum()), float(
            np.average((hits[both] / n[both]).mean(axis=1), weights=size)
        )

    unmatched, accuracy = figures(np.ones(len(count)))
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(count), np.full(len(count), 1 / len(count)), size=n_resamples)
    again = np.array([figures(weights)[1] for weights in draws.astype(float)])
    low, high = np.nanquantile(again, [0.025, 0.975]) if np.isfinite(again).any() else (np.nan, np.nan)
    return unmatched, accuracy, float(low), float(high)


def of_other_data(
    study: Study,
    fitted: FittedFolds,
    *,
    cut: np.ndarray | None = None,
    sex: np.ndarray | None = None,
    seed: int = 0,
    task: Task = SILENT_TASK,
) -> list[ControlResult]:
    """The ranker on clips cut at random, other pairs, other labels, and people and emotions it does not know.

    Parameters
    ----------
    study : Study
        With folds.
    fitted : FittedFolds
        The evaluated ranker.
    cut : ndarray of float, or None
        Descriptors `[n, d]` of the clips cut at random at both ends.
    sex : ndarray of str, or None
        `[n]`, ``""`` where unknown.
    seed : int
        Of the bootstrap and everything random.
    task : Task
        Told of each of `n_fits` trainings.
    """
    rows = [] if cut is None else [_of_cut_clips(study, fitted, cut, seed)]
    rows.append(_of_two_people(study, fitted, seed))
    if study.emotions is not None:
        rows.append(_of_wrong_emotions(study, fitted, seed))
    rows.append(_of_swapped_labels(study, fitted, seed, task))
    rows += _without_an_emotion(study, fitted, seed, task)
    if sex is not None:
        rows += _from_one_sex_to_the_other(study, fitted, sex, seed, task)
    return rows


def n_fits(study: Study, *, sex: bool) -> int:
    """Number of trainings of `of_other_data`."""
    n_folds = len(list(scoring.training_folds(study.assigned_folds(), study.pairs.labelled)))
    emotions = 0 if study.emotions is None else len(set(study.emotions[study.pairs.labelled[:, 0]]))
    return n_folds * (RELABELLINGS + (emotions if emotions > 1 else 0)) + (2 if sex else 0)


def _result(
    fitted: FittedFolds, control: str, kind: str, scores: np.ndarray, subjects: np.ndarray, seed: int
) -> ControlResult:
    known = np.isfinite(scores)
    outcomes = scoring.right(scores[known])
    if not len(outcomes):
        return ControlResult(fitted.name, control, kind, 0, np.nan, np.nan, np.nan, fitted.accuracy, verdict="no pairs")
    low, high = bootstrap_interval(outcomes, subjects[known], seed=seed)
    return ControlResult(fitted.name, control, kind, len(outcomes), outcomes.mean(), low, high, fitted.accuracy)


def _scores_of(
    study: Study, fitted: FittedFolds, pairs: np.ndarray, X: np.ndarray, emotions: np.ndarray | None
) -> np.ndarray:
    """Scores [q] of pairs within folds, by the model of their fold; NaN where X is not finite."""
    scores = np.full(len(pairs), np.nan)
    folds = study.assigned_folds()[pairs[:, 0]]
    usable = np.isfinite(X[pairs]).all(axis=(1, 2))
    for fold, model in fitted.by_fold.items():
        here = (folds == fold) & usable
        if here.any():
            scores[here] = model.decision_function(X, pairs[here], emotions=emotions)
    return scores


def _of_cut_clips(study: Study, fitted: FittedFolds, cut: np.ndarray, seed: int) -> ControlResult:
    labelled = study.pairs.labelled
    scores = _scores_of(study, fitted, labelled, cut, study.emotions)
    subjects = study.subjects[labelled[:, 0]]
    result = _result(fitted, "each clip cut at random at both ends", "whole clips trained on", scores, subjects, seed)
    known = np.isfinite(scores)
    before = float(scoring.right(fitted.scored[known]).mean()) if known.any() else np.nan
    change = result.accuracy - before
    holds = "holds" if change >= -HELD_WITHIN else "does not hold: it leans on where the clips were cut"
    return replace(result, compared_with=before, verdict=f"{holds} ({100 * change:+.1f} points)")


def _of_two_people(study: Study, fitted: FittedFolds, seed: int) -> ControlResult:
    """A felt clip of one person against a posed one of another, both held out together."""
    folds, labels = study.assigned_folds(), study.labels * study.usable
    emotions = np.full(len(folds), "") if study.emotions is None else study.emotions
    pairs = []
    for fold in np.unique(folds):
        for emotion in np.unique(emotions[folds == fold].astype(str)):
            here = (folds == fold) & (emotions == emotion)
            real, fake = np.flatnonzero(here & (labels == 1)), np.flatnonzero(here & (labels == -1))
            grid = np.stack(np.meshgrid(real, fake), axis=-1).reshape(-1, 2)
            pairs.append(grid[study.subjects[grid[:, 0]] != study.subjects[grid[:, 1]]])
    crossed = np.concatenate(pairs)
    if len(crossed) > MOST_CROSS_PAIRS:
        crossed = crossed[np.random.default_rng(seed).choice(len(crossed), MOST_CROSS_PAIRS, replace=False)]
    scores = _scores_of(study, fitted, crossed, study.table.values, study.emotions)
    result = _result(
        fitted, "pairs of two persons", "one emotion, felt by one, posed by the other", scores,
        study.subjects[crossed[:, 0]] if len(crossed) else study.subjects[:0], seed,
    )  # fmt: skip
    return replace(result, verdict="without the person's own other clip" if result.n else "no two persons in one fold")


def _of_wrong_emotions(study: Study, fitted: FittedFolds, seed: int) -> ControlResult:
    """The ranker told another emotion than the pair's."""
    labelled = study.pairs.labelled
    emotions = np.array(study.emotions, dtype=object)
    names = sorted(set(emotions[labelled[:, 0]]))
    following = dict(zip(names, names[1:] + names[:1], strict=True))
    wrong = np.array([following.get(name, name) for name in emotions], dtype=object)
    scores = _scores_of(study, fitted, labelled, study.table.values, wrong)
    result = _result(
        fitted, "another emotion named", "the next in the alphabet", scores, study.subjects[labelled[:, 0]], seed
    )
    change = result.accuracy - fitted.accuracy
    return replace(result, verdict=f"{100 * change:+.1f} points: what naming the right emotion is worth")


def _of_swapped_labels(study: Study, fitted: FittedFolds, seed: int, task: Task) -> ControlResult:
    labelled = study.pairs.labelled
    groups = scoring.swap_groups(labelled)
    rng = np.random.default_rng(seed)
    data = study.paired_videos()
    scores = []
    for _ in range(RELABELLINGS):
        swap = rng.integers(2, size=groups.max() + 1).astype(bool)[groups]
        pairs = np.where(swap[:, None], labelled[:, ::-1], labelled)
        swapped = replace(data, pairs=Pairs(pairs, pairs[:0]), labels=None)
        scores.append(
            scoring.out_of_fold_scores(fitted.unfitted, swapped, each_fold=lambda _model, _rows: task.advance())[0]
        )
    subjects = np.tile(study.subjects[labelled[:, 0]], RELABELLINGS)
    kind = f"{RELABELLINGS} random labellings, trained again"
    result = _result(fitted, "labels swapped within pairs", kind, np.concatenate(scores), subjects, seed)
    each = [float(scoring.right(of_labelling).mean()) for of_labelling in scores]
    spread = ", ".join(f"{share:.1%}" for share in each)
    return replace(result, compared_with=0.5, verdict=f"{spread}: must be about 50 %, see by_chance_95")


def _without_an_emotion(study: Study, fitted: FittedFolds, seed: int, task: Task) -> list[ControlResult]:
    labelled, folds = study.pairs.labelled, study.assigned_folds()
    if study.emotions is None:
        return []
    of_pairs = study.emotions[labelled[:, 0]]
    rows = []
    names = sorted(set(of_pairs)) if len(set(of_pairs)) > 1 else []
    data = study.paired_videos()
    for emotion in names:
        scores = np.full(len(labelled), np.nan)
        for fold, train, test in scoring.training_folds(folds, labelled):
            task.advance()
            others, tested = train[of_pairs[train] != emotion], test[of_pairs[test] == emotion]
            if len(others) and len(tested):
                inside = (folds != fold) & (study.emotions != emotion)
                model = _trained(fitted.unfitted, study, others, data.training_labels(inside))
                scores[tested] = model.decision_function(study.table.values, labelled[tested], emotions=study.emotions)
        result = _result(
            fitted, f"{emotion} left out", "other people and the other emotions trained on", scores,
            study.subjects[labelled[:, 0]], seed,
        )  # fmt: skip
        own = float(scoring.right(fitted.scored[of_pairs == emotion]).mean())
        rows.append(replace(result, compared_with=own, verdict=f"{100 * (result.accuracy - own):+.1f} points"))
    return rows


def _from_one_sex_to_the_other(
    study: Study, fitted: FittedFolds, sex: np.ndarray, seed: int, task: Task
) -> list[ControlResult]:
    labelled = study.pairs.labelled
    of_pairs = sex[labelled[:, 0]].astype(str)
    names = [name for name in np.unique(of_pairs) if name]
    data = study.paired_videos()
    rows = []
    for one in names[:2] if len(names) == 2 else []:
        task.advance()
        train, test = np.flatnonzero(of_pairs == one), np.flatnonzero((of_pairs != one) & (of_pairs != ""))
        model = _trained(fitted.unfitted, study, train, data.training_labels(sex.astype(str) == one))
        scores = np.full(len(labelled), np.nan)
        scores[test] = model.decision_function(study.table.values, labelled[test], emotions=study.emotions)
        other = names[1 - names.index(one)]
        result = _result(
            fitted, f"trained on {one}, tried on {other}", "one sex to the other", scores,
            study.subjects[labelled[:, 0]], seed,
        )  # fmt: skip
        own = float(scoring.right(fitted.scored[test]).mean())
        rows.append(replace(result, compared_with=own, verdict=f"{100 * (result.accuracy - own):+.1f} points"))
    return rows


def _trained(
    ranker: AuthenticityRanker[np.ndarray], study: Study, positions: np.ndarray, labels: np.ndarray | None
) -> AuthenticityRanker[np.ndarray]:
    return clone(ranker).fit(
        study.table.values,
        study.pairs.labelled[positions],
        emotions=study.emotions,
        labels=labels,
        subjects=study.subjects,
    )


def controls_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """`controls.csv` of the results, as an evaluation's report has them."""
    return pd.DataFrame(rows, columns=list(CONTROLS.names)).round(CONTROLS.decimals)


def controls_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """The results for people, one line each."""
    lines = ["controls: pairs right (95 % over people)"]
    for row in rows:
        share = f"{row['accuracy']:>6.1%} ({row['low']:.0%} to {row['high']:.0%})" if row["n"] else f"{'-':>6}"
        p = "" if row["p"] is None else f", p = {row['p']:.2g}"
        against = "" if row["kind"] == "alone" else f", beside {row['compared_with']:.1%}"
        lines.append(f"  {row['model']}, {row['control']}: {share}{p}{against}; {row['verdict']}")
    return "\n".join(lines)

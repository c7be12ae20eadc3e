"""Ranking from files to files: what `facs rank-authenticity` does, as functions for scripts and the demo."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from facs_pipeline.authenticity import files, scoring
from facs_pipeline.authenticity import study as studies
from facs_pipeline.authenticity.model import PRESETS, RANKERS, SAVED, AuthenticityModel
from facs_pipeline.authenticity.pairs import Pairs, groups_of, pair_up, pairs_from_table
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.evaluation.accuracy import accuracy_figures
from facs_pipeline.foundation.files.atomic import atomic_csv
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.tables.descriptor_table import DescriptorTable, read_descriptor_table, read_text_table

SHOWN_PAIRS = 5


@dataclass
class RankingData:
    """Videos, their pairs, and where they came from.

    features : folder of the extraction, None for a descriptor table alone.
    explicit : whether the user named the pairs one by one.
    notes : what the user should know, e.g. that subjects were guessed.
    """

    table: DescriptorTable
    pairs: Pairs
    features: Path | None = None
    notes: list[str] = field(default_factory=list)
    explicit: bool = False


def load(
    *,
    features: Path | None = None,
    descriptors: Path | None = None,
    pairs: str | os.PathLike = "auto",
    out: Path | None = None,
    more_emotions=(),
    n_subjects: int | None = None,
) -> RankingData:
    """Read descriptors and pairs.

    Parameters
    ----------
    features : folder written by ``facs extract-features``; or
    descriptors : any descriptor table.
    pairs : "auto" (same subject and emotion), or a table; see `pairs.pairs_from_table`.
    out : where `subjects.csv` goes if subjects are guessed from faces.
    more_emotions : names beside the usual eight.
    n_subjects : how many people there are, for guessing.

    Raises
    ------
    InputError
        Naming file, row and column of whatever cannot be used.
    """
    if features is not None:
        table = files.read_features(features, more_emotions=more_emotions)
    else:
        table = read_descriptor_table(descriptors, more_emotions=more_emotions)
    data = RankingData(table, Pairs(np.zeros((0, 2), np.intp), np.zeros((0, 2), np.intp)), features)
    if str(pairs) != "auto":
        frame = read_text_table(pairs)
        data.table, data.pairs = pairs_from_table(frame, table, str(pairs), more_emotions=more_emotions)
        data.explicit = {"video_a", "video_b"} <= set(frame.columns)
        if data.explicit or (data.table.subjects != "").any():
            return data
    if not (data.table.subjects != "").any():
        _guess_subjects(data, out, n_subjects)
    usable = np.isfinite(data.table.values).all(axis=1)
    data.pairs = pair_up(data.table.subjects, data.table.emotions, data.table.labels, usable)
    return data


def _guess_subjects(data: RankingData, out: Path | None, n_subjects: int | None) -> None:
    table = data.table
    if len(table) <= 2 and n_subjects != 2:
        data.table = replace(table, subjects=np.array(["unknown"] * len(table), dtype=object))
        if len(table) == 2:
            data.notes.append("no subjects given: the two videos are taken for one person")
        return
    if data.features is None:
        raise InputError(
            f"{table.source}: no subject in any row, and no videos to compare faces in; "
            "fill the column 'subject', or name the pairs with --pairs FILE"
        )
    clusters = files.find_subjects(data.features, table, n_subjects)
    guess = files.subjects_table(table, clusters)
    data.table = replace(table, subjects=guess["subject"].to_numpy(dtype=object))
    n_people = len(np.unique(clusters.subject[clusters.subject >= 0]))
    sure = float(np.median(clusters.confidence[clusters.subject >= 0])) if n_people else 0.0
    where = ""
    if out is not None:
        path = Path(out) / "subjects.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_csv(guess, path)
        where = f"; see and correct {path}, then run again with --pairs {path}"
    data.notes.append(
        f"no subjects given: faces look like {n_people} {'people' if n_people > 1 else 'person'} "
        f"(median confidence {sure:.2f}, 0.5 is a guess){where}"
    )


def all_rankers(data: RankingData) -> list[str]:
    """Names of every ranker the data can feed; those on series need a folder of features."""
    return [name for name, ranker in RANKERS.items() if ranker.consumes == "descriptors" or data.features is not None]


def make_ranker(name: str, seed: int = 0, penalty: float | str | None = None):
    """An unfitted ranker by name, seeded; `penalty` is a Rank-SVM's C, a number or "auto" (default: its own)."""
    ranker = RANKERS[name](**PRESETS.get(name, {}))
    if penalty is not None and name.startswith("rank-svm"):
        ranker.set_params(C=penalty)
    return ranker.set_params(random_state=seed) if "random_state" in ranker.get_params() else ranker


def prepare_study(data: RankingData, n_folds: int = 10, *, need_folds: bool = True) -> studies.Study:
    """Check that the data can be learnt from; folds by subject where there are two or more, else none."""
    try:
        return studies.prepare(data.table, data.pairs, n_folds=n_folds)
    except InputError:
        if need_folds:
            raise
    study = studies.prepare(data.table, data.pairs, need_folds=False)
    study.warnings.append("one subject only: the model gets no probabilities, and nobody knows how good it is")
    return study


def evaluate(
    data: RankingData,
    study: studies.Study,
    names: list[str],
    out: Path,
    *,
    seed: int = 0,
    permutations: int = 0,
    penalty: float | str | None = None,
    learning_curve: bool = False,
    progress: Progress = SILENT,
) -> dict:
    """Out-of-fold figures of the named rankers; writes `authenticity.json`, `predictions.csv` and `reasons.csv`.

    `progress` is told of each of the `study.n_fits` trainings.
    """
    needs_series = [name for name in names if RANKERS[name].consumes == "series"]
    series = None
    if needs_series:
        if data.features is None:
            raise InputError(
                f"--model {needs_series[0]} looks at whole series; give --features FOLDER or VIDEOS, not --descriptors"
            )
        series = files.read_series(data.features, data.table)
    report, predictions, reasons = studies.evaluate(
        study,
        {name: make_ranker(name, seed, penalty) for name in names},
        seed=seed,
        permutations=permutations,
        learning_curve=learning_curve,
        series=series,
        progress=progress,
    )
    Path(out).mkdir(parents=True, exist_ok=True)
    files.write_report(out, report)
    files.write_predictions(out, predictions)
    atomic_csv(reasons, Path(out) / "reasons.csv")
    return report


def train(study: studies.Study, name: str, *, seed: int = 0, penalty: float | str | None = None) -> AuthenticityModel:
    """The final model of one ranker, with calibrated probabilities where there are two or more subjects."""
    if name not in SAVED:
        raise InputError(f"--model {name} is for comparison only; models that can be saved: {', '.join(SAVED)}")
    return studies.train(study, name, make_ranker(name, seed, penalty))


@dataclass
class Prediction:
    """What a model said of new videos.

    predictions : one row per video; reasons : one row per pair and reason; text : to print;
    without_score : videos that have none, with the reason.
    """

    predictions: pd.DataFrame
    reasons: pd.DataFrame
    text: str
    without_score: list[str]


def predict(data: RankingData, model: str | os.PathLike | AuthenticityModel, out: Path) -> Prediction:
    """Rank with a trained model; writes `predictions.csv`, `reasons.csv`, curves, and scores where labels are known."""
    if not isinstance(model, AuthenticityModel):
        model = AuthenticityModel.load(model)
    table, source, pairs = _with_emotions(data, model)
    predictions = model.rank(table, pairs.candidates, source)
    reasons, units = files.explain_pairs(model, table, pairs.candidates)
    Path(out).mkdir(parents=True, exist_ok=True)
    files.write_predictions(out, predictions)
    atomic_csv(reasons, Path(out) / "reasons.csv")
    lines = _prediction_lines(table, pairs, predictions, reasons, units, data.features, out)
    if len(pairs.labelled):
        report = _score_known(model, table, pairs)
        files.write_report(out, report)
        lines += ["", _pair_line(report["models"][model.name]["pairs"]), *report["warnings"]]
    without = [f"{row.video}: {row.note}" for row in predictions.itertuples() if row.decision == ""]
    if without:
        lines += ["", "Without a score:", *(f"  {text}" for text in without)]
    return Prediction(predictions, reasons, "\n".join(lines), without)


def _with_emotions(data: RankingData, model: AuthenticityModel) -> tuple[DescriptorTable, np.ndarray, Pairs]:
    """Table with complete emotions, where each is from, and the pairs that follow from them.

    Videos known to be compared (a named pair, or two videos of a person and nothing else) get one emotion together.
    """
    aligned = model.aligned(data.table)
    table, source = model.with_emotions(aligned)
    if not (source == "predicted").any():
        return table, source, data.pairs
    usable = np.isfinite(table.values).all(axis=1)
    if data.explicit:
        together = groups_of(len(table), data.pairs.candidates)
    else:
        together = np.arange(len(table))
        for subject in set(table.subjects) - {""}:
            own = np.flatnonzero((table.subjects == subject) & usable)
            if len(own) == 2:
                together[own] = own[0]
    table = model.with_emotions_together(aligned, table, together)
    if data.explicit:
        return table, source, data.pairs
    return table, source, pair_up(table.subjects, table.emotions, table.labels, usable)


def _score_known(model: AuthenticityModel, table: DescriptorTable, pairs: Pairs) -> dict:
    emotions = table.emotions if model.ranker.emotions_ else None
    scores = model.ranker.decision_function(table.values, pairs.labelled, emotions=emotions)
    subjects = studies.complete_subjects(table.subjects, pairs.candidates)
    whose = subjects[pairs.labelled[:, 0]]
    figures = accuracy_figures(scoring.right(scores), whose, chance=0.5)
    figures["auc"] = scoring.auc_of_pairs(scores)
    figures["permutation_p"] = scoring.swap_p_value(scores, scoring.swap_groups(pairs.labelled))
    seen = sorted(set(map(str, whose)) & set(model.card.get("trained_on", {}).get("subjects", [])))
    warnings = []
    if len(scores) < scoring.FEW_PAIRS:
        warnings.append(
            f"Warning: {len(scores)} labelled pairs: fewer than {scoring.FEW_PAIRS}, nothing can be concluded"
        )
    if seen:
        warnings.append(
            f"Warning: the model was trained on subjects of the same name ({', '.join(seen[:5])}): "
            "if they are the same people, this accuracy says nothing about new ones"
        )
    return {"data": {"source": table.source}, "models": {model.name: {"pairs": figures}}, "warnings": warnings}


def _prediction_lines(table, pairs, predictions, reasons, units, features, out) -> list[str]:
    lines = []
    for a, b in pairs.candidates[:SHOWN_PAIRS]:
        rows = predictions.iloc[[a, b]]
        lines.append(f"A {rows.video.iloc[0]}   B {rows.video.iloc[1]}   ({table.emotions[a] or 'no emotion'})")
        captions = []
        for letter, row in zip("AB", rows.itertuples(), strict=True):
            sure = f", probability of real {row.probability:.2f}" if np.isfinite(row.probability) else ""
            lines.append(f"  {letter} {row.decision:<9} score {row.score:+.2f}{sure}")
            captions.append(f"{row.decision} ({row.score:+.2f})")
        if (a, b) in units:
            parts = ", ".join(f"{unit} {part:+.2f}" for unit, part in list(units[a, b].items())[:4])
            kind = "action unit" if any(unit.startswith("AU") for unit in units[a, b]) else "feature"
            lines.append(f"    by {kind} (+ speaks for A being real): {parts}")
        own = reasons[(reasons.video_a == table.videos[a]) & (reasons.video_b == table.videos[b])]
        for reason in own.itertuples():
            lines.append(f"    {reason.reason}  -> speaks for {'A' if reason.contribution > 0 else 'B'} being real")
        if features is not None:
            plot = files.draw_pair(
                features, out, table.videos[a], table.videos[b], list(own.column), captions=tuple(captions)
            )
            lines.append(f"    curves: {plot}")
    if len(pairs.candidates) > SHOWN_PAIRS:
        lines.append(f"... and {len(pairs.candidates) - SHOWN_PAIRS} more pairs in predictions.csv and reasons.csv")
    alone = predictions[(predictions.partner == "") & (predictions.decision != "")]
    for row in alone.head(SHOWN_PAIRS).itertuples():
        sure = f", probability of real {row.probability:.2f}" if np.isfinite(row.probability) else ""
        lines.append(
            f"{row.video}: {row.decision}, score {row.score:+.2f}{sure} ({row.note}; {row.emotion or 'no emotion'})"
        )
    if len(alone) > SHOWN_PAIRS:
        lines.append(f"... and {len(alone) - SHOWN_PAIRS} more videos without a partner in predictions.csv")
    return lines


def _pair_line(figures: dict) -> str:
    low, high = figures["wilson_95"]
    return (
        f"{figures['correct']:g} of {figures['n']} pairs right: {figures['accuracy']:.1%} "
        f"(95 % {low:.1%} to {high:.1%}), chance 50 %, p = {figures['permutation_p']:.2g}"
    )


def report_text(report: dict) -> str:
    """The comparison as text: one line per ranker in total, then per emotion."""
    data = report["data"]
    low, high = data["by_chance_95"]
    models = report["models"]
    lines = [
        f"{data['pairs']} pairs of {data['subjects']} subjects in {data['folds']} folds, "
        f"{data['descriptors']} descriptors; nobody is in training and test both",
        f"by chance 50 % of pairs are right; in 95 % of studies like this one {low:.0%} to {high:.0%}",
        "",
        f"{'':<18} {'pairs right':>14} {'Wilson':>8} {'people':>8} {'AUC':>5} {'p':>7}  "
        f"{'videos alone':>14} {'Wilson':>8} {'AUC':>5} {'chance':>6} {'time':>7}",
    ]
    for name, figures in models.items():
        pairs = figures["pairs"]
        p = pairs.get("permutation_p_retrained", pairs["permutation_p"])
        lines.append(f"{_figures_line(name, figures, f'{p:.2g}')} {figures['seconds']:>6.1f}s")
    for emotion in sorted({emotion for figures in models.values() for emotion in figures["per_emotion"]}):
        lines += ["", f"{emotion}:"]
        lines += [_figures_line(name, figures["per_emotion"][emotion]) for name, figures in models.items()]
    lines.append("")
    stage = report["emotion_stage"]
    if stage:
        lines.append(f"emotion from descriptors alone: {stage['accuracy']:.1%} right, chance {stage['chance']:.1%}")
    times = report["resamples"]["permutation_retrained"]
    how = (
        f"against the ranker itself, trained again on {times} random labellings"
        if times
        else "against a linear ranker trained again on 10,000 random labellings; of the ranker itself: --permutations N"
    )
    lines.append(f"p: {how}")
    lines.append(
        f"Wilson: pairs as if independent; by subjects: people drawn again; seeds: {report['seeds']['rankers']}"
    )
    return "\n".join(lines)


def _figures_line(name: str, figures: dict, p: str = "") -> str:
    pairs, videos = figures["pairs"], figures["videos"]
    alone = f"{'-':>14} {'-':>8} {'-':>5} {'-':>6}"
    if videos["n"]:
        alone = f"{_right(videos)} {_range(videos['wilson_95'])} {_short(videos['auc'])} {videos['chance']:>6.0%}"
    return (
        f"{name:<18} {_right(pairs)} {_range(pairs['wilson_95'])} {_range(pairs['subject_bootstrap_95'])} "
        f"{_short(pairs['auc'])} {p:>7}  {alone}"
    )


def _right(figures: dict) -> str:
    return f"{figures['correct']:g}/{figures['n']} {figures['accuracy']:>6.1%}".rjust(14)


def _range(interval) -> str:
    return f"{100 * interval[0]:.0f}-{interval[1]:.0%}".rjust(8)


def _short(value: float | None) -> str:
    return f"{value:>5.2f}" if value is not None else f"{'-':>5}"


def trained_text(model: AuthenticityModel) -> str:
    """One line about a model just trained."""
    return f"{model.card['title']}: accuracy {model.card['accuracy']}"

"""Ranking from files to files: the work of `facs rank-authenticity`, for scripts and the demo too."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from facs_pipeline.authenticity import evaluation, files, scoring
from facs_pipeline.authenticity.confidence import Abstention
from facs_pipeline.authenticity.controls import ControlData, controls_table
from facs_pipeline.authenticity.evaluation import EvaluationSettings
from facs_pipeline.authenticity.fitting import fit_model
from facs_pipeline.authenticity.model import PRESETS, RANKERS, SAVED, AuthenticityModel
from facs_pipeline.authenticity.pairs import Pairs, groups_of, pair_up
from facs_pipeline.authenticity.ranker import AuthenticityRanker
from facs_pipeline.authenticity.ranking_input import RankingData
from facs_pipeline.authenticity.ranking_text import draw_pairs, pair_line, prediction_lines
from facs_pipeline.authenticity.recording_facts import Metadata, read_metadata, read_recording_facts
from facs_pipeline.authenticity.study import Study, complete_subjects, prepare
from facs_pipeline.dynamics.evidence import Evidence, columns_of, kind_of_evidence
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.evaluation.accuracy import accuracy_figures
from facs_pipeline.foundation.files.atomic import atomic_csv
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.tables.descriptor_table import DescriptorTable


def all_rankers(data: RankingData) -> list[str]:
    """Names of all rankers for these data; those on series need a folder of features."""
    return [name for name, ranker in RANKERS.items() if ranker.consumes == "descriptors" or data.features is not None]


def make_ranker(name: str, seed: int = 0, penalty: float | str | None = None) -> AuthenticityRanker:
    """An unfitted ranker.

    Parameters
    ----------
    name : str
        Key of `facs_pipeline.authenticity.model.RANKERS`.
    seed : int
        Its random state.
    penalty : float, "auto" or None
        C of a Rank-SVM; by default its own.
    """
    ranker = RANKERS[name](**PRESETS.get(name, {}))
    if penalty is not None and name.startswith("rank-svm"):
        ranker.set_params(C=penalty)
    return ranker.set_params(random_state=seed) if "random_state" in ranker.get_params() else ranker


def read_control_data(data: RankingData, metadata: Path | None = None, *, cut: np.ndarray | None = None) -> ControlData:
    """What the controls of an evaluation need, read from the features' folder and a table about the clips.

    Parameters
    ----------
    data : RankingData
        The videos.
    metadata : path or None
        See `recording_facts.read_metadata`; by default the folder's `videos.csv`, which may have such columns.
    cut : ndarray of float, or None
        Descriptors `[n, d]` of the clips cut at random.
    """
    if metadata is None and data.features is not None and (data.features / "videos.csv").is_file():
        metadata = data.features / "videos.csv"
    known = Metadata() if metadata is None else read_metadata(metadata, data.table)
    return ControlData(read_recording_facts(data.features, data.table), known, cut)


def prepare_study(
    data: RankingData, n_folds: int = 10, *, need_folds: bool = True, evidence: Evidence | None = None
) -> Study:
    """Check that the data can be learnt from.

    Parameters
    ----------
    data : RankingData
        Videos and pairs.
    n_folds : int
        Number of folds by subject.
    need_folds : bool
        Whether data that allow no folds, as those of one subject, are refused; else they get none.
    evidence : {"face", "face-and-head", "all"}, optional
        Which columns are learnt from, see `facs_pipeline.dynamics.evidence`. By default those of the face, in a table
        that also has the head's or the recording's; else all.

    Raises
    ------
    InputError
        See `facs_pipeline.authenticity.study.prepare`.
    """
    table = with_evidence(data.table, evidence)
    try:
        return prepare(table, data.pairs, n_folds=n_folds)
    except InputError:
        if need_folds:
            raise
    study = prepare(table, data.pairs, need_folds=False)
    study.warnings.append("one subject only: the model gets no probabilities, and nobody knows how good it is")
    return study


def with_evidence(table: DescriptorTable, evidence: Evidence | None = None) -> DescriptorTable:
    """The table with the columns of a kind of evidence only; see `prepare_study`.

    Raises
    ------
    InputError
        If it has none of them.
    """
    if evidence is None:
        beside = {"head_in_step", "head", "recording"} & set(map(kind_of_evidence, table.columns))
        evidence = "face" if beside else "all"
    chosen = columns_of(table.columns, evidence)
    if not chosen:
        raise InputError(f"{table.source}: no column is evidence of the {evidence}; --evidence all takes the others")
    return replace(table, values=table.values[:, chosen], columns=tuple(table.columns[i] for i in chosen))


def evaluate(
    data: RankingData,
    study: Study,
    names: list[str],
    out: Path,
    settings: EvaluationSettings,
    *,
    penalty: float | str | None = None,
    control_data: ControlData | None = None,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Out-of-fold figures of rankers; writes `authenticity.json`, `predictions.csv` and `reasons.csv`.

    Parameters
    ----------
    data : RankingData
        Videos and pairs.
    study : Study
        From `prepare_study`, with folds.
    names : list of str
        Rankers.
    out : path
        Folder.
    settings : EvaluationSettings
        How it runs.
    penalty : float, "auto" or None
        C of Rank-SVMs, see `make_ranker`.
    control_data : ControlData, or None
        For controls, which are written to `controls.csv`.
    progress : Progress
        Told of each of the `evaluation.n_fits` trainings.

    Returns
    -------
    dict
        The report that `authenticity.json` holds.

    Raises
    ------
    InputError
        If a ranker needs series and there is no folder of features.
    """
    needs_series = [name for name in names if RANKERS[name].consumes == "series"]
    series = None
    if needs_series:
        if data.features is None:
            raise InputError(
                f"--model {needs_series[0]} looks at whole series; give --features FOLDER or VIDEOS, not --descriptors"
            )
        series = files.read_series(data.features, data.table, landmarks="residual-boosting" in names)
    rankers = {name: make_ranker(name, settings.seed, penalty) for name in names}
    report, predictions, reasons = evaluation.evaluate(
        study, rankers, settings, series=series, control_data=control_data, progress=progress
    )
    Path(out).mkdir(parents=True, exist_ok=True)
    files.write_report(out, report)
    files.write_predictions(out, predictions)
    atomic_csv(reasons, Path(out) / "reasons.csv")
    if control_data is not None:
        atomic_csv(controls_table(report["controls"]), Path(out) / "controls.csv")
    return report


def train(
    study: Study, name: str, *, seed: int = 0, penalty: float | str | None = None, data_in_words: str = ""
) -> AuthenticityModel:
    """The final model of one ranker, with calibrated probabilities where there are folds.

    Parameters
    ----------
    study : Study
        From `prepare_study`.
    name : str
        One of `facs_pipeline.authenticity.model.SAVED`.
    seed : int
        Random state of the ranker.
    penalty : float, "auto" or None
        C of a Rank-SVM, see `make_ranker`.
    data_in_words : str
        For the card: what the data are, and what their terms allow.

    Raises
    ------
    InputError
        If models of this ranker cannot be saved.
    """
    if name not in SAVED:
        raise InputError(f"--model {name} is for comparison only; models that can be saved: {', '.join(SAVED)}")
    return fit_model(study, name, make_ranker(name, seed, penalty), data_in_words=data_in_words)


@dataclass
class Prediction:
    """Results of a model on new videos.

    Attributes
    ----------
    predictions : DataFrame
        One row per video.
    reasons : DataFrame
        One row per pair and reason.
    text : str
        To print.
    without_score : list of str
        Videos without a score, with the reason.
    """

    predictions: pd.DataFrame
    reasons: pd.DataFrame
    text: str
    without_score: list[str]


def predict(
    data: RankingData, model: str | os.PathLike | AuthenticityModel, out: Path, abstention: Abstention | None = None
) -> Prediction:
    """Rank with a trained model; writes `predictions.csv`, `reasons.csv`, curves, and figures where labels are known.

    Parameters
    ----------
    data : RankingData
        New videos and their pairs.
    model : AuthenticityModel or path
        The model, or its file.
    out : path
        Folder.
    abstention : Abstention or None
        When the answer is "cannot tell"; None for never.
    """
    if not isinstance(model, AuthenticityModel):
        model = AuthenticityModel.load(model)
    table, source, pairs = _with_emotions(data, model)
    predictions = model.rank(table, pairs.candidates, source, abstention)
    reasons, units = files.explain_pairs(model, table, pairs.candidates)
    Path(out).mkdir(parents=True, exist_ok=True)
    files.write_predictions(out, predictions)
    atomic_csv(reasons, Path(out) / "reasons.csv")
    plots = [] if data.features is None else draw_pairs(data.features, out, table, pairs, predictions, reasons)
    lines = prediction_lines(table, pairs, predictions, reasons, units, plots)
    if len(pairs.labelled):
        report = _score_known(model, table, pairs)
        files.write_report(out, report)
        lines += ["", pair_line(report["models"][model.name]["pairs"]), *report["warnings"]]
    without = [f"{row.video}: {row.note}" for row in predictions.itertuples() if row.decision == ""]
    if without:
        lines += ["", "Without a score:", *(f"  {text}" for text in without)]
    return Prediction(predictions, reasons, "\n".join(lines), without)


def _with_emotions(data: RankingData, model: AuthenticityModel) -> tuple[DescriptorTable, np.ndarray, Pairs]:
    """Table with complete emotions, the origin of each, and the pairs that follow from them.

    Videos that are surely to be compared (a named pair, or the only two videos of a person) get one emotion together.
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


def _score_known(model: AuthenticityModel, table: DescriptorTable, pairs: Pairs) -> dict[str, Any]:
    emotions = table.emotions if model.ranker.emotions_ else None
    scores = model.ranker.decision_function(table.values, pairs.labelled, emotions=emotions)
    subjects = complete_subjects(table.subjects, pairs.candidates)
    of_pairs = subjects[pairs.labelled[:, 0]]
    figures = accuracy_figures(scoring.right(scores), of_pairs, chance=0.5)
    figures["auc"] = scoring.auc_of_pairs(scores)
    figures["permutation_p"] = scoring.swap_p_value(scores, scoring.swap_groups(pairs.labelled))
    trained_on = sorted(set(map(str, of_pairs)) & set(model.card.get("trained_on", {}).get("subjects", [])))
    warnings = []
    if len(scores) < scoring.FEW_PAIRS:
        warnings.append(
            f"Warning: {len(scores)} labelled pairs: fewer than {scoring.FEW_PAIRS}, nothing can be concluded"
        )
    if trained_on:
        warnings.append(
            f"Warning: the model was trained on subjects of the same name ({', '.join(trained_on[:5])}): "
            "if they are the same people, this accuracy says nothing about new ones"
        )
    return {"data": {"source": table.source}, "models": {model.name: {"pairs": figures}}, "warnings": warnings}

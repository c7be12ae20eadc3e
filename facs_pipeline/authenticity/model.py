"""A trained ranker with its columns, emotion stage, calibration and card, saved without pickles."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import as_file
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from facs_pipeline.authenticity.baselines import LightGBMPairs, LightGBMSingle, SVMSingle
from facs_pipeline.authenticity.confidence import CANNOT_TELL, Abstention, Confidence
from facs_pipeline.authenticity.emotion_stage import EmotionStage
from facs_pipeline.authenticity.pairs import groups_of
from facs_pipeline.authenticity.pooled_logistic import PooledLogistic
from facs_pipeline.authenticity.rank_svm import RankSVM
from facs_pipeline.authenticity.ranker import AuthenticityRanker
from facs_pipeline.authenticity.scoring import Calibration
from facs_pipeline.authenticity.series import ResidualBoosting, WindowsSVM
from facs_pipeline.foundation.errors import InputError, ModelError
from facs_pipeline.foundation.files.model_file import load_model, save_model, usable
from facs_pipeline.foundation.machine import versions_of
from facs_pipeline.tables.descriptor_table import DescriptorTable
from facs_pipeline.tables.schema import PREDICTIONS

KIND = "authenticity"

RANKERS: dict[str, type[AuthenticityRanker]] = {
    "rank-svm": RankSVM,
    "rank-svm-tuned": RankSVM,
    "rank-svm-normal": RankSVM,
    "lightgbm": LightGBMPairs,
    "lightgbm-single": LightGBMSingle,
    "svm": SVMSingle,
    "pooled-logistic": PooledLogistic,
    "windows-svm": WindowsSVM,
    "residual-boosting": ResidualBoosting,
}
PRESETS: dict[str, dict[str, str]] = {
    "rank-svm-tuned": {"scaling": "auto", "C": "auto"},
    "rank-svm-normal": {"scaling": "normal"},
}
SAVED = ("rank-svm", "rank-svm-tuned", "rank-svm-normal", "lightgbm", "lightgbm-single", "svm", "pooled-logistic")


@dataclass(frozen=True)
class AuthenticityModel:
    """A fitted ranker with everything that other people's videos need.

    Attributes
    ----------
    name : str
        Key of `RANKERS`.
    ranker : AuthenticityRanker
        Fitted, on descriptors.
    columns : tuple of str
        Names `[d]` of the descriptors in the ranker's order.
    scale : ndarray of float
        Root mean square `[d]` of each descriptor's difference within training pairs.
    emotion_stage : EmotionStage or None
        For videos without an emotion.
    pair_calibration, video_calibration : Calibration or None
        From out-of-fold scores; None where there were too few.
    pair_confidence, video_confidence : Confidence or None
        How sure scores are; None where nobody was held out.
    card : dict
        What it was trained on, how well it did out of fold, versions.
    """

    name: str
    ranker: AuthenticityRanker[np.ndarray]
    columns: tuple[str, ...]
    scale: np.ndarray
    emotion_stage: EmotionStage | None = None
    pair_calibration: Calibration | None = None
    video_calibration: Calibration | None = None
    pair_confidence: Confidence | None = None
    video_confidence: Confidence | None = None
    card: dict[str, Any] = field(default_factory=dict)

    @property
    def relative_to_person(self) -> bool:
        """Whether it takes descriptors relative to the mean of the person's clips."""
        return bool(self.card.get("relative_to_person", False))

    @property
    def is_extended(self) -> bool:
        """Whether some of its columns are of the extended descriptor, and not of the published one."""
        return any(name.startswith(("lip_", "lids_")) for name in self.columns)

    def aligned(self, table: DescriptorTable) -> DescriptorTable:
        """The table with the model's columns in the model's order; `InputError` where one is missing."""
        if table.relative_to_person != self.relative_to_person:
            raise InputError(
                f"{table.source}: the model was trained {'without' if self.relative_to_person else 'with'} people's "
                f"habits; {'give' if self.relative_to_person else 'leave out'} --relative-to-person"
            )
        missing = [name for name in self.columns if name not in table.columns]
        if missing:
            raise InputError(
                f"{table.source}: lacks {len(missing)} of the {len(self.columns)} model columns, e.g. {missing[0]!r}; "
                "describe the videos with the same settings and action units as those the model was trained on"
                + (", and with --descriptor-set extended" if self.is_extended else "")
            )
        position = {name: i for i, name in enumerate(table.columns)}
        order = [position[name] for name in self.columns]
        return replace(table, values=table.values[:, order], columns=self.columns)

    def with_emotions(self, table: DescriptorTable) -> tuple[DescriptorTable, np.ndarray]:
        """Give every usable video an emotion.

        Parameters
        ----------
        table : DescriptorTable
            From `aligned`.

        Returns
        -------
        table : DescriptorTable
            With emotions, where the model was trained with any.
        source : ndarray of str
            Origin `[n]` of each emotion: ``"given"``, ``"predicted"`` or ``""``.

        Raises
        ------
        InputError
            If a given emotion is not one of the training set.
        """
        known = self.ranker.emotions_
        source = np.where(table.emotions == "", "", "given").astype(object)
        if not known:
            return table, source
        for i in np.flatnonzero(table.emotions != ""):
            if table.emotions[i] not in known:
                raise InputError(
                    f"{table.source}: row {table.rows[i]}, column 'emotion': the model was not trained on "
                    f"{table.emotions[i]!r}, only on {', '.join(known)}"
                )
        blank = np.flatnonzero((table.emotions == "") & np.isfinite(table.values).all(axis=1))
        if len(blank):
            emotions = table.emotions.copy()
            # With one emotion in training there is nothing to choose between.
            emotions[blank] = (
                known[0] if self.emotion_stage is None else self.emotion_stage.predict(table.values[blank])
            )
            source[blank] = "predicted"
            table = replace(table, emotions=emotions)
        return table, source

    def with_emotions_together(
        self, given: DescriptorTable, completed: DescriptorTable, groups: np.ndarray
    ) -> DescriptorTable:
        """Give each group of videos that are to be compared one emotion.

        A group takes the emotion that is given for one of its videos, else that of its mean descriptor.

        Parameters
        ----------
        given, completed : DescriptorTable
            The table before and after `with_emotions`.
        groups : ndarray of int
            `[n]`.
        """
        emotions = completed.emotions.copy()
        usable = np.isfinite(completed.values).all(axis=1)
        for group in np.unique(groups):
            members = np.flatnonzero((groups == group) & usable)
            named = [given.emotions[i] for i in members if given.emotions[i]]
            if len(members) > 1 and named:
                emotions[members[given.emotions[members] == ""]] = named[0]
            elif len(members) > 1 and self.emotion_stage is not None:
                emotions[members] = self.emotion_stage.predict(completed.values[members].mean(axis=0, keepdims=True))[0]
        return replace(completed, emotions=emotions)

    def rank(
        self,
        table: DescriptorTable,
        candidates: np.ndarray,
        emotion_source: np.ndarray | None = None,
        abstention: Abstention | None = None,
    ) -> pd.DataFrame:
        """One row per video: partner, score, decision and probability; see `prediction_table`.

        Parameters
        ----------
        table : DescriptorTable
            From `aligned` and `with_emotions`.
        candidates : ndarray of int
            Pairs `[q, 2]` to compare; a video in none is scored on its own.
        emotion_source : ndarray of str, or None
            Origin `[n]` of the emotions, from `with_emotions`.
        abstention : Abstention or None
            When the decision is "cannot tell"; None for never.
        """
        usable = np.isfinite(table.values).all(axis=1)
        emotions = table.emotions if self.ranker.emotions_ else None
        pair_scores = self.ranker.decision_function(table.values, candidates, emotions=emotions)
        video_scores = np.full(len(table), np.nan)
        rows = np.flatnonzero(usable)
        if len(rows):
            video_scores[rows] = self.ranker.score_videos(
                table.values[rows], emotions=None if emotions is None else emotions[rows]
            )
        predictions = prediction_table(
            table,
            candidates,
            pair_scores,
            video_scores,
            model=self.name,
            pair_probability=self.pair_calibration or no_probability,
            video_probability=self.video_calibration or no_probability,
            emotion_source=emotion_source,
        )
        paired = (predictions["partner"] != "").to_numpy(bool)
        for confidence, mask in ((self.pair_confidence, paired), (self.video_confidence, ~paired)):
            if confidence is not None:
                predictions = _with_confidence(predictions, mask, confidence, abstention)
        return predictions

    def save(self, path: str | os.PathLike) -> Path:
        """Write the model file, which runs no code when loaded; the ranker must be one of `SAVED`."""
        arrays = {f"ranker_{name}": array for name, array in self.ranker.to_arrays().items()}
        arrays |= {"columns": np.array(self.columns, dtype=str), "scale": self.scale}
        if self.emotion_stage is not None:
            arrays |= {
                "stage_emotions": np.array(self.emotion_stage.emotions, dtype=str),
                "stage_weights": self.emotion_stage.weights,
                "stage_intercepts": self.emotion_stage.intercepts,
            }
        curves = {
            "pairs": self.pair_calibration and self.pair_calibration.to_dict(),
            "videos": self.video_calibration and self.video_calibration.to_dict(),
        }
        settings = {"ranker": self.name, "parameters": self.ranker.get_params(), "calibration": curves}
        known = {"pairs": self.pair_confidence, "videos": self.video_confidence}
        settings["confidence"] = {name: sure.to_dict() for name, sure in known.items() if sure is not None}
        return save_model(path, KIND, arrays, {**self.card, **settings})

    @classmethod
    def load_default(cls) -> AuthenticityModel:
        """The model that comes with the package."""
        with as_file(resources("facs_pipeline.models").joinpath("authenticity.npz")) as path:
            return cls.load(path)

    @classmethod
    def load(cls, path: str | os.PathLike) -> AuthenticityModel:
        """Read a model file.

        Raises
        ------
        ModelError
            If it is damaged, of another kind, or its ranker unknown.
        """
        file = load_model(path, KIND)
        arrays, card = file.arrays, file.card
        with usable(path, "an authenticity model"):
            name = card["ranker"]
            if name not in SAVED:
                raise ModelError(f"{path}: ranker {name!r} is unknown to this facs; known: {', '.join(SAVED)}")
            own = {key.removeprefix("ranker_"): array for key, array in arrays.items() if key.startswith("ranker_")}
            curves = {key: value and Calibration(**value) for key, value in card["calibration"].items()}
            stage = None
            if "stage_weights" in arrays:
                names = tuple(str(emotion) for emotion in arrays["stage_emotions"])
                stage = EmotionStage(names, arrays["stage_weights"], arrays["stage_intercepts"])
            model = cls(
                name=name,
                ranker=RANKERS[name].from_arrays(own, card["parameters"]),
                columns=tuple(str(column) for column in arrays["columns"]),
                scale=arrays["scale"],
                emotion_stage=stage,
                pair_calibration=curves["pairs"],
                video_calibration=curves["videos"],
                **_confidence_of_card(card),
                card=card,
            )
            model._try()
        return model

    def _try(self) -> None:
        """Rank three videos without movement, so that parts that do not fit each other show at once."""
        d, known = len(self.columns), self.ranker.emotions_
        names = np.array(["a", "b", "c"], dtype=object)
        texts = np.full(3, "", dtype=object)
        emotions = np.full(3, known[0] if known else "", dtype=object)
        table = DescriptorTable(
            "trial", names, texts, emotions, texts, texts, np.zeros((3, d)), self.columns, np.arange(3)
        )
        if self.scale.shape != (d,):
            raise ModelError(f"{d} columns, but scales {self.scale.shape}")
        if self.emotion_stage is not None:
            self.emotion_stage.predict(table.values)
        self.rank(table, np.array([[0, 1]]))


def _with_confidence(
    predictions: pd.DataFrame, rows: np.ndarray, confidence: Confidence, abstention: Abstention | None
) -> pd.DataFrame:
    """The table with intervals and abstentions in the rows of a mask."""
    scores = predictions["score"].to_numpy(float)
    low, high = confidence.interval(scores)
    decisions = predictions["decision"].to_numpy(object)
    if abstention is not None:
        unsure = np.abs(scores) < confidence.threshold(abstention)
        decisions = np.where(rows & unsure & np.isin(decisions, ["real", "fake"]), CANNOT_TELL, decisions)
    return predictions.assign(
        decision=decisions,
        probability_low=np.where(rows, low, predictions["probability_low"]),
        probability_high=np.where(rows, high, predictions["probability_high"]),
    )


def _confidence_of_card(card: Mapping[str, Any]) -> dict[str, Confidence | None]:
    # Files older than confidence have none.
    stored = card.get("confidence", {})
    return {
        "pair_confidence": Confidence.from_dict(stored["pairs"]) if "pairs" in stored else None,
        "video_confidence": Confidence.from_dict(stored["videos"]) if "videos" in stored else None,
    }


def no_probability(scores: np.ndarray) -> np.ndarray:
    """NaN for every score `[p]`: stands in for a `Calibration` where there is none."""
    return np.full(len(scores), np.nan)


def prediction_table(
    table: DescriptorTable,
    candidates: np.ndarray,
    pair_scores: np.ndarray,
    video_scores: np.ndarray,
    *,
    model: str,
    pair_probability: Callable[[np.ndarray], np.ndarray],
    video_probability: Callable[[np.ndarray], np.ndarray],
    emotion_source: np.ndarray | None = None,
) -> pd.DataFrame:
    """Predictions of n videos, one row each.

    A video's score is the mean over its pairs. Of two videos the higher is real; of more, those above the group's
    median, and the one at the median by the sign of its score. An exact tie stays "undecided".

    Parameters
    ----------
    table : DescriptorTable
        The videos.
    candidates : ndarray of int
        Pairs `[q, 2]` that were compared.
    pair_scores : ndarray of float
        `[q]`, positive = first video real.
    video_scores : ndarray of float
        `[n]`, positive = real; for videos in no pair.
    model : str
        Name of the ranker.
    pair_probability, video_probability : function
        Scores `[p]` -> probabilities `[p]`, of pairs and of single videos.
    emotion_source : ndarray of str, or None
        Origin `[n]` of the emotions; by default all are given.

    Returns
    -------
    DataFrame
        The columns of `predictions.csv`; the ends of the probabilities' intervals are NaN.
    """
    n = len(table)
    unusable = table.unusable
    partners: list[list[int]] = [[] for _ in range(n)]
    for a, b in candidates:
        partners[a].append(int(b))
        partners[b].append(int(a))
    count = np.array([len(others) for others in partners])
    total = np.bincount(candidates[:, 0], pair_scores, n) - np.bincount(candidates[:, 1], pair_scores, n)
    scores = np.where(count > 0, total / np.maximum(count, 1), video_scores)
    decisions = np.full(n, "undecided", dtype=object)
    groups = groups_of(n, candidates)
    for group in np.unique(groups):
        members = np.flatnonzero((groups == group) & np.isfinite(scores))
        middle = np.median(scores[members]) if len(members) > 1 else 0.0
        above = np.where(scores[members] == middle, scores[members], scores[members] - middle)
        decisions[members] = np.select([above > 0, above < 0], ["real", "fake"], "undecided")
    probability = np.where(count > 0, pair_probability(scores), video_probability(scores))
    notes = np.full(n, "", dtype=object)
    notes[count == 0] = "no partner: scored on its own"
    for i, reason in unusable.items():
        decisions[i], notes[i] = "", f"no descriptors ({reason})"
    alone = (count == 0) & ~np.isfinite(scores) & (notes == "no partner: scored on its own")
    notes[alone] = "no partner, and this model knows pairs only"
    return pd.DataFrame(
        {
            "model": model,
            "video": table.videos,
            "partner": [";".join(str(table.videos[j]) for j in others) for others in partners],
            "subject": table.subjects,
            "emotion": table.emotions,
            "emotion_source": np.where(table.emotions == "", "", "given") if emotion_source is None else emotion_source,
            "label": table.labels,
            "score": scores,
            "decision": decisions,
            "probability": np.where(np.isfinite(scores), probability, np.nan),
            "probability_low": np.full(n, np.nan),
            "probability_high": np.full(n, np.nan),
            "note": notes,
        },
        columns=list(PREDICTIONS.names),
    )


def versions() -> dict[str, str | None]:
    """Versions of the packages that a trained model depends on."""
    return versions_of("facs-pipeline", "numpy", "scipy", "scikit-learn", "lightgbm")

"""How sure decisions are: intervals of probabilities, and when to say "cannot tell"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from facs_pipeline.authenticity.scoring import right
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.evaluation.accuracy import bootstrap_interval

CANNOT_TELL = "cannot tell"
COVERAGES = tuple(round(0.1 * tenth, 1) for tenth in range(1, 11))
ERROR_RATE = 0.2
"""Of the answers of a model of the package, unless another one is asked for."""
DRAWS = 200
_NEWTON_STEPS = 12


@dataclass(frozen=True)
class Abstention:
    """When a model keeps its answer to itself; at most one of both is given.

    Attributes
    ----------
    error_rate : float or None
        At most this share of the answers may be wrong, 0..0.5, as far as held-out people tell.
    coverage : float or None
        About this share of videos gets an answer, the surest ones, 0..1.
    """

    error_rate: float | None = None
    coverage: float | None = None


@dataclass(frozen=True)
class CoveragePoint:
    """The surest decisions about held-out people.

    Attributes
    ----------
    coverage : float
        Share of the decisions.
    threshold : float
        Their scores are at least this far from 0.
    accuracy, low, high : float
        Share right, and its 95 % interval over people. Each fold's decisions are chosen by the other folds' scores.
    """

    coverage: float
    threshold: float
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Confidence:
    """What out-of-fold scores say about how sure later scores are.

    Attributes
    ----------
    slopes, intercepts : ndarray of float
        `[b]`, log-odds over the score: calibration curves of people drawn again.
    coverage : tuple of CoveragePoint
        From the surest decisions to all.
    """

    slopes: np.ndarray
    intercepts: np.ndarray
    coverage: tuple[CoveragePoint, ...]

    @classmethod
    def of_pairs(cls, scores: np.ndarray, folds: np.ndarray, subjects: np.ndarray) -> Confidence:
        """From out-of-fold scores `[p]` of labelled pairs, positive = right, their folds and people."""
        curves = _curves(scores, np.ones(len(scores)), subjects, with_intercept=False)
        return cls(*curves, coverage_points(scores, scores, folds, subjects))

    @classmethod
    def of_videos(cls, scores: np.ndarray, labels: np.ndarray, folds: np.ndarray, subjects: np.ndarray) -> Confidence:
        """From out-of-fold scores `[n]` of single videos, labels 1 and -1, folds and people."""
        curves = _curves(scores, labels.astype(float), subjects, with_intercept=True)
        return cls(*curves, coverage_points(scores, scores * labels, folds, subjects))

    def interval(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ends of the 95 % intervals `[p]` of the probabilities of scores `[p]`."""
        log_odds = np.outer(scores, self.slopes) + self.intercepts
        low, high = np.quantile(1 / (1 + np.exp(-log_odds)), [0.025, 0.975], axis=1)
        return low, high

    def threshold(self, abstention: Abstention) -> float:
        """How far from 0 a score must be to be answered; infinite where no coverage reaches the error rate."""
        if abstention.coverage is not None:
            shares = [point.coverage for point in self.coverage]
            return float(np.interp(abstention.coverage, shares, [point.threshold for point in self.coverage]))
        if abstention.error_rate is None:
            return 0.0
        good = [point for point in self.coverage if point.accuracy >= 1 - abstention.error_rate]
        return good[-1].threshold if good else np.inf

    def to_dict(self) -> dict[str, Any]:
        """For a model's card."""
        return {
            "slopes": self.slopes.round(6).tolist(),
            "intercepts": self.intercepts.round(6).tolist(),
            "coverage": [asdict(point) for point in self.coverage],
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Confidence:
        """What `to_dict` gave."""
        points = tuple(CoveragePoint(**point) for point in stored["coverage"])
        return cls(np.array(stored["slopes"], float), np.array(stored["intercepts"], float), points)


def _curves(
    scores: np.ndarray, y: np.ndarray, subjects: np.ndarray, *, with_intercept: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Slopes and intercepts [DRAWS] of `scoring.Calibration`'s curve for people drawn with replacement.

    All curves take their Newton steps together.
    """
    names, person = np.unique(subjects.astype(str), return_inverse=True)
    drawn = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS)
    weights = drawn[:, person].astype(float)
    scale = float(np.sqrt(np.mean(scores**2))) or 1.0
    x = scores / scale
    slopes, intercepts = np.zeros(DRAWS), np.zeros(DRAWS)
    for _step in range(_NEWTON_STEPS):
        wrong = expit(-y * (np.outer(slopes, x) + intercepts[:, None]))
        pull, curvature = weights * wrong * y, weights * wrong * (1 - wrong)
        by_slope, by_both = 1.0 + curvature @ x**2, curvature @ x
        of_slope, of_intercept = pull @ x - slopes, pull.sum(axis=1)
        if not with_intercept:
            slopes = slopes + of_slope / by_slope
            continue
        # The little that is added keeps a draw of one class from going to infinity.
        by_intercept = curvature.sum(axis=1) + 1e-3
        determinant = by_slope * by_intercept - by_both**2
        slopes = slopes + (by_intercept * of_slope - by_both * of_intercept) / determinant
        intercepts = intercepts + (by_slope * of_intercept - by_both * of_slope) / determinant
    # As there: a curve that would fall with the score is replaced by its base rate.
    share = np.clip((weights @ (y > 0)) / weights.sum(axis=1), 0.01, 0.99)
    level = np.log(share / (1 - share)) if with_intercept else np.zeros(DRAWS)
    return np.where(slopes > 0, slopes / scale, 0.0), np.where(slopes > 0, intercepts, level)


def coverage_points(
    scores: np.ndarray, for_truth: np.ndarray, folds: np.ndarray, subjects: np.ndarray
) -> tuple[CoveragePoint, ...]:
    """Accuracy at each of `COVERAGES`.

    Parameters
    ----------
    scores : ndarray of float
        Out-of-fold scores `[n]`.
    for_truth : ndarray of float
        `[n]`, the same, positive where they are right.
    folds : ndarray of int
        `[n]`.
    subjects : ndarray of str
        `[n]`.
    """
    return tuple(_coverage_point(share, scores, for_truth, folds, subjects) for share in COVERAGES)


def _coverage_point(
    share: float, scores: np.ndarray, for_truth: np.ndarray, folds: np.ndarray, subjects: np.ndarray
) -> CoveragePoint:
    sure = np.abs(scores)
    answered = np.zeros(len(scores), bool)
    for fold in np.unique(folds):
        answered[folds == fold] = sure[folds == fold] >= np.quantile(sure[folds != fold], 1 - share)
    outcomes = right(for_truth[answered])
    if not len(outcomes):
        return CoveragePoint(share, float(np.quantile(sure, 1 - share)), 0.5, 0.0, 1.0)
    low, high = bootstrap_interval(outcomes, subjects[answered])
    return CoveragePoint(share, float(np.quantile(sure, 1 - share)), float(outcomes.mean()), low, high)


def checked_abstention(error_rate: float | None, coverage: float | None) -> Abstention | None:
    """What a user asked for; None for nothing, `InputError` where it makes no sense."""
    if error_rate is not None and coverage is not None:
        raise InputError("--error-rate and --coverage both say when to abstain; give one of them")
    if error_rate is not None and not 0 < error_rate < 0.5:
        raise InputError(f"--error-rate {error_rate:g}: expected more than 0 and less than 0.5, which is guessing")
    if coverage is not None and not 0 < coverage <= 1:
        raise InputError(f"--coverage {coverage:g}: expected more than 0 and at most 1, e.g. 0.5 for the surer half")
    return None if error_rate is None and coverage is None else Abstention(error_rate, coverage)

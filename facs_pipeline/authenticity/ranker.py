"""What every authenticity ranker offers, the Rank-SVM and the baselines alike.

Rankers take the data of all n videos and *pairs* of row indices `[p, 2]`. They read no row that neither the pairs nor
the labels name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import numpy as np
from sklearn.base import BaseEstimator

Videos = TypeVar("Videos")


class AuthenticityRanker(ABC, BaseEstimator, Generic[Videos]):
    """Base of the rankers; subclasses write `fit`, `decision_function` and `score_videos`.

    scikit-learn's `get_params`, `set_params` and `clone` work as usual. `check_estimator` cannot apply: it calls
    `fit(X, y)` with one target per row, while here the unit is a pair of rows.

    Attributes
    ----------
    consumes : {"descriptors", "series"}
        What `X` is: descriptors `[n, d]`, or a list of n `facs_pipeline.authenticity.series.Series`.
    """

    consumes = "descriptors"

    @abstractmethod
    def fit(
        self,
        X: Videos,
        pairs: np.ndarray,
        *,
        emotions: np.ndarray | None = None,
        labels: np.ndarray | None = None,
        subjects: np.ndarray | None = None,
    ) -> AuthenticityRanker[Videos]:
        """Learn from labelled pairs.

        Parameters
        ----------
        X : ndarray of float, or list of Series
            Descriptors `[n, d]` or n series; only rows named by `pairs` and `labels` are read.
        pairs : ndarray of int
            Row indices `[p, 2]`, the real video first, the fake one second.
        emotions : ndarray of str, or None
            `[n]`; the same for both videos of a pair.
        labels : ndarray of int, or None
            `[n]`: 1 real, -1 fake, 0 not to be used. The part for single videos learns from them. By default they
            follow from the pairs.
        subjects : ndarray of str, or None
            `[n]`; one subject's videos stay together where settings are chosen in inner folds.

        Returns
        -------
        AuthenticityRanker
            Itself.

        Raises
        ------
        ValueError
            If pairs, labels and emotions contradict one another, or a named row has NaN.
        """

    @abstractmethod
    def decision_function(self, X: Videos, pairs: np.ndarray, *, emotions: np.ndarray | None = None) -> np.ndarray:
        """Scores `[p]`, positive where the first video is more likely real; a swapped pair has the opposite sign."""

    @abstractmethod
    def score_videos(self, X: Videos, *, emotions: np.ndarray | None = None) -> np.ndarray:
        """Scores `[n]` of videos on their own, positive = real: for videos without a partner."""

    def predict(self, X: Videos, pairs: np.ndarray, *, emotions: np.ndarray | None = None) -> np.ndarray:
        """`[p]` of int: 1 where the first video is more likely real, -1 for the second, 0 for an exact tie."""
        return np.sign(self.decision_function(X, pairs, emotions=emotions)).astype(int)

    def score(self, X: Videos, pairs: np.ndarray, *, emotions: np.ndarray | None = None) -> float:
        """Fraction of pairs (real first) that are ranked right; a tie counts one half."""
        return float(np.mean((self.predict(X, pairs, emotions=emotions) + 1) / 2))

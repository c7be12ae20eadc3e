"""Which of two videos shows the felt expression: the Rank-SVM ensemble, and a plain ensemble for single videos."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import ndtri
from sklearn.svm import SVC
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from facs_pipeline.authenticity.checks import (
    check_ranking,
    check_training,
    check_width,
    emotion_columns,
    known_emotions,
)
from facs_pipeline.authenticity.inner_folds import groups_for_folds, widest_margin
from facs_pipeline.authenticity.ranker import AuthenticityRanker
from facs_pipeline.authenticity.squared_hinge import (
    squared_hinge,
    squared_hinge_parts,
    standardised,
    standardised_in_both_orders,
)

N_QUANTILES = 200
AUTO_C = (1.0, 1e-2, 1e-3, 1e-4, 1e-5)
PAIR_REPEATS = 3

_Standardise = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
# Samples [n, d], labels [n], penalty -> weights [d], intercept.
_Solve = Callable[[np.ndarray, np.ndarray, float], tuple[np.ndarray, float]]


class RankSVM(AuthenticityRanker[np.ndarray]):
    """The published ranker: a voting ensemble of linear SVMs on differences of descriptors.

    Training: each pair (real r, fake f) gives two samples, ``[x_r - x_f, onehot]`` with label +1 and
    ``[x_f - x_r, onehot]`` with -1, where `onehot` is the pair's emotion. Samples are standardised; each of
    `n_estimators` SVMs learns from its own random half of them.

    Ranking: the vote of member m for a against b is ``sign(w_m . [a - b, onehot] + b_m)``. Votes for (a, b) and
    against (b, a) are averaged over members and both orders, so ``score(a, b) = -score(b, a)``, in -1..1. The
    standardisation is folded into the weights: one matrix product ``(a - b) @ W`` with W [d, n_estimators] yields
    every member's sign in both orders.

    A video without a partner is scored by a second ensemble of the same kind, trained on single descriptors.

    Parameters
    ----------
    n_estimators : int
        Members of each ensemble.
    C : float or "auto"
        Penalty of every SVM, 1 as published. ``"auto"``: one of `AUTO_C`, chosen by `inner_folds.widest_margin` in
        inner folds of the training pairs, `PAIR_REPEATS` times dealt by subject, and once more for single videos.
    sample_fraction : float
        Share of the samples that each member learns from, drawn without replacement; above 0, at most 1.
    loss : {"squared_hinge", "hinge"}
        LIBLINEAR's default, solved exactly in a few Newton steps; or libsvm's, about ten times slower. The publication
        names C but not the loss; `docs/authenticity.md` compares the two.
    scaling : {"standard", "normal", "auto"}
        ``"standard"`` as published. ``"normal"``: every descriptor is first mapped to the normal quantile of its rank
        among the training videos, so that extreme values of skewed descriptors do not dominate. ``"auto"``: the one
        of both that does better in the inner folds.
    random_state : int or RandomState
        Of the random halves.

    Attributes
    ----------
    emotions_ : tuple of str
        Emotions of the training pairs; empty without.
    pair_weights_, pair_intercepts_ : ndarray of float
        Members on raw differences, `[d + e, m]` and `[m]`, with e emotions.
    single_weights_, single_intercepts_ : ndarray of float
        The same for single videos.
    C_, single_C_ : float
        Penalties used.
    scaling_ : str
        Scaling used.
    quantiles_ : ndarray of float, or None
        `[q, d]` of the training videos with scaling ``"normal"``.
    pair_scale_ : ndarray of float
        Standard deviation `[d + e]` of the training samples; 1 where constant.

    Notes
    -----
    Saxen, Werner, Al-Hamadi: "Real vs. Fake Emotion Challenge: Learning to Rank Authenticity From Facial Activity
    Descriptors", ICCV Workshops 2017. See `AuthenticityRanker` for why `check_estimator` does not apply.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(40, 5))
    >>> X[::2, 0] += 3                                      # even rows are real
    >>> pairs = np.arange(40).reshape(20, 2)                # [real, fake]
    >>> model = RankSVM().fit(X, pairs[:15])
    >>> bool(model.score(X, pairs[15:]) > 0.5)
    True
    """

    def __init__(
        self,
        n_estimators: int = 75,
        C: float | str = 1.0,
        sample_fraction: float = 0.5,
        loss: str = "squared_hinge",
        scaling: str = "standard",
        random_state: int | np.random.RandomState = 0,
    ):
        self.n_estimators = n_estimators
        self.C = C
        self.sample_fraction = sample_fraction
        self.loss = loss
        self.scaling = scaling
        self.random_state = random_state

    def fit(
        self,
        X: np.ndarray,
        pairs: np.ndarray,
        *,
        emotions: np.ndarray | None = None,
        labels: np.ndarray | None = None,
        subjects: np.ndarray | None = None,
    ) -> RankSVM:
        """See `AuthenticityRanker.fit`."""
        if self.loss not in ("squared_hinge", "hinge"):
            raise ValueError(f"loss is {self.loss!r}; expected 'squared_hinge' or 'hinge'")
        if self.scaling not in ("standard", "normal", "auto"):
            raise ValueError(f"scaling is {self.scaling!r}; expected 'standard', 'normal' or 'auto'")
        if not 0 < self.sample_fraction <= 1:
            raise ValueError(f"sample_fraction is {self.sample_fraction!r}; expected more than 0 and at most 1")
        X, pairs, labels = check_training(X, pairs, labels)
        self.n_features_in_ = X.shape[1]
        self.emotions_ = known_emotions(emotions, pairs)
        rng = check_random_state(self.random_state)
        groups = groups_for_folds(pairs, subjects, len(X))

        onehot = emotion_columns(emotions, self.emotions_, pairs[:, 0])
        order = np.repeat([1.0, -1.0], len(pairs))
        quantiles = {name: self._quantiles(X, pairs, labels) if name == "normal" else None for name in self._scalings()}
        samples = {}
        for name in quantiles:
            scaled = normal_scores(X, quantiles[name])
            differences = scaled[pairs[:, 0]] - scaled[pairs[:, 1]]
            samples[name] = np.vstack([np.hstack([differences, onehot]), np.hstack([-differences, onehot])])
        self.scaling_, self.C_ = self._choose_for_pairs(samples, groups[pairs[:, 0]])
        self.quantiles_ = quantiles[self.scaling_]
        ensemble = self._ensemble(samples[self.scaling_], order, self.C_, rng)
        self.pair_weights_, self.pair_intercepts_, self.pair_scale_ = ensemble

        rows = np.flatnonzero(labels)
        scaled = normal_scores(X[rows], self.quantiles_)
        single = np.hstack([scaled, emotion_columns(emotions, self.emotions_, rows)])
        of_rows = labels[rows].astype(float)
        _scaling, self.single_C_ = self._choose({self.scaling_: single}, of_rows, groups[rows])
        self.single_weights_, self.single_intercepts_, _ = self._ensemble(single, of_rows, self.single_C_, rng)
        return self

    def decision_function(self, X: np.ndarray, pairs: np.ndarray, *, emotions: np.ndarray | None = None) -> np.ndarray:
        """Mean votes `[p]`, -1..1; see `AuthenticityRanker.decision_function`."""
        X, pairs = self._check_ranking(X, pairs)
        X = normal_scores(X, self.quantiles_)
        d = self.n_features_in_
        by_difference = (X[pairs[:, 0]] - X[pairs[:, 1]]) @ self.pair_weights_[:d]
        by_emotion = emotion_columns(emotions, self.emotions_, pairs[:, 0]) @ self.pair_weights_[d:]
        offset = by_emotion + self.pair_intercepts_
        votes = np.sign(by_difference + offset) - np.sign(-by_difference + offset)
        return votes.mean(axis=1) / 2

    def margins(self, X: np.ndarray, pairs: np.ndarray, *, emotions: np.ndarray | None = None) -> np.ndarray:
        """Contributions `[p, d]` of every descriptor to each pair's decision, positive = first video real.

        Mean over members and both orders of weight times standardised difference; the one-hot emotion and the
        intercepts cancel between the orders. Rows sum to the mean margin, of which a vote is the sign only.
        """
        X, pairs = self._check_ranking(X, pairs)
        X = normal_scores(X, self.quantiles_)
        return (X[pairs[:, 0]] - X[pairs[:, 1]]) * self.pair_weights_[: self.n_features_in_].mean(axis=1)

    def score_videos(self, X: np.ndarray, *, emotions: np.ndarray | None = None) -> np.ndarray:
        """Mean votes `[n]`, -1..1; see `AuthenticityRanker.score_videos`."""
        check_is_fitted(self, "single_weights_")
        X = check_array(X, dtype=np.float64)
        check_width(X, self.n_features_in_, self)
        X = normal_scores(X, self.quantiles_)
        onehot = emotion_columns(emotions, self.emotions_, np.arange(len(X)))
        return np.sign(np.hstack([X, onehot]) @ self.single_weights_ + self.single_intercepts_).mean(axis=1)

    def _check_ranking(self, X: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        check_is_fitted(self, "pair_weights_")
        return check_ranking(X, pairs, self)

    def _scalings(self) -> tuple[str, ...]:
        return ("standard", "normal") if self.scaling == "auto" else (self.scaling,)

    @staticmethod
    def _quantiles(X: np.ndarray, pairs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        rows = np.union1d(np.flatnonzero(labels), pairs.ravel())
        return np.quantile(X[rows], np.linspace(0, 1, min(N_QUANTILES, len(rows))), axis=0)

    def _choose_for_pairs(self, samples: dict[str, np.ndarray], groups: np.ndarray) -> tuple[str, float]:
        """`_choose` on pair samples: both orders of every pair, groups [p] of the pairs."""
        p = len(groups)
        if self.loss == "hinge":
            return self._choose(samples, np.repeat([1.0, -1.0], p), np.tile(groups, 2), repeats=PAIR_REPEATS)

        # With both orders among the samples the emotion and the constant have weight 0. Half the samples, all of one
        # class and counted twice, then have the same optimum, at an eighth of the work.
        def solve(z: np.ndarray, y: np.ndarray, C: float) -> tuple[np.ndarray, float]:
            return squared_hinge(z, y, 2 * C, intercept=False)

        first = {name: of_scaling[:p, : self.n_features_in_] for name, of_scaling in samples.items()}
        return self._choose(first, np.ones(p), groups, PAIR_REPEATS, solve, standardised_in_both_orders)

    def _choose(
        self,
        samples: dict[str, np.ndarray],
        y: np.ndarray,
        groups: np.ndarray,
        repeats: int = 1,
        solve: _Solve | None = None,
        standardise: _Standardise = standardised,
    ) -> tuple[str, float]:
        """Scaling and penalty that separate held-out groups best; the first of each where there is one group only."""
        solve = solve or self._solve
        settings = [(name, C) for name in samples for C in (AUTO_C if self.C == "auto" else (float(self.C),))]
        if len(settings) == 1:
            return settings[0]

        def held_out(train: np.ndarray, test: np.ndarray) -> np.ndarray:
            scores = []
            for name, of_scaling in samples.items():
                z, mean, scale = standardise(of_scaling[train])
                other = (of_scaling[test] - mean) / scale
                for C in (C for scaling, C in settings if scaling == name):
                    weights, intercept = solve(z, y[train], C)
                    scores.append(other @ weights + intercept)
            return np.column_stack(scores)

        with threadpool_limits(limits=1, user_api="blas"):
            return settings[widest_margin(held_out, y, groups, 0, repeats)]

    def _ensemble(
        self, samples: np.ndarray, y: np.ndarray, C: float, rng: np.random.RandomState
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights [d, m] and intercepts [m] on raw samples, and the scale [d] they were divided by in training."""
        z, mean, scale = standardised(samples)
        halves = [_random_part(y, self.sample_fraction, rng) for _member in range(self.n_estimators)]
        # One thread solves matrices this small several times faster than threads that wait for each other.
        with threadpool_limits(limits=1, user_api="blas"):
            if self.loss == "hinge":
                solved = [self._solve(z[half], y[half], C) for half in halves]
                weights, intercepts = np.column_stack([w for w, _b in solved]), np.array([b for _w, b in solved])
            else:
                # The members start from the SVM on all samples, whose loss counts as much as that of a part.
                start = np.append(*squared_hinge(z, y, C * self.sample_fraction))
                weights, intercepts = squared_hinge_parts(z, y, C, halves, start=start)
        weights = weights / scale[:, None]
        return weights, intercepts - mean @ weights, scale

    def _solve(self, z: np.ndarray, y: np.ndarray, C: float) -> tuple[np.ndarray, float]:
        if self.loss == "hinge":
            svm = SVC(C=C, kernel="precomputed").fit(z @ z.T, y)
            return z[svm.support_].T @ svm.dual_coef_[0], float(svm.intercept_[0])
        return squared_hinge(z, y, C)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The learnt state, for a model file."""
        check_is_fitted(self, "pair_weights_")
        names = ("pair_weights", "pair_intercepts", "pair_scale", "single_weights", "single_intercepts")
        arrays = {name: getattr(self, f"{name}_") for name in names} | {
            "penalties": np.array([self.C_, self.single_C_]),
            "emotions": np.array(self.emotions_, dtype=str),
        }
        return arrays if self.quantiles_ is None else arrays | {"quantiles": self.quantiles_}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], params: dict[str, Any]) -> RankSVM:
        """The fitted ranker from what `to_arrays` and `get_params` gave."""
        model = cls(**params)
        for name in ("pair_weights", "pair_intercepts", "pair_scale", "single_weights", "single_intercepts"):
            setattr(model, f"{name}_", arrays[name])
        # Files older than C="auto" have the one penalty among their parameters.
        model.C_, model.single_C_ = map(float, arrays.get("penalties", [params["C"]] * 2))
        model.quantiles_ = arrays.get("quantiles")
        model.scaling_ = "standard" if model.quantiles_ is None else "normal"
        model.emotions_ = tuple(str(name) for name in arrays["emotions"])
        model.n_features_in_ = len(model.pair_weights_) - len(model.emotions_)
        return model


def normal_scores(X: np.ndarray, quantiles: np.ndarray | None) -> np.ndarray:
    """Descriptors as normal quantiles of their rank among the training videos.

    Parameters
    ----------
    X : ndarray of float
        Descriptors `[n, d]`; NaN stays NaN.
    quantiles : ndarray of float, or None
        Quantiles `[q, d]` of the training videos at q equidistant levels; without any, X itself is returned.

    Returns
    -------
    ndarray of float
        `[n, d]`, about -3.1..3.1.
    """
    if quantiles is None:
        return X
    levels = np.linspace(0, 1, len(quantiles))
    scaled = np.empty_like(X)
    for column, of_column in enumerate(quantiles.T):
        # Ties lie on a step of the quantiles; the mean from both ends is its middle.
        upper = np.interp(X[:, column], of_column, levels)
        lower = 1 - np.interp(-X[:, column], -of_column[::-1], levels)
        scaled[:, column] = (upper + lower) / 2
    return ndtri(np.clip(scaled, 0.001, 0.999))


def _random_part(y: np.ndarray, fraction: float, rng: np.random.RandomState) -> np.ndarray:
    """Sorted indices of a random part of the samples that has both classes."""
    size = max(2, round(len(y) * fraction))
    for _attempt in range(1000):
        part = np.sort(rng.permutation(len(y))[:size])
        if len(np.unique(y[part])) == 2:
            return part
    return np.arange(len(y))

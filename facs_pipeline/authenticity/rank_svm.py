"""Which of two videos shows the felt expression: the Rank-SVM ensemble, and a plain one for a video alone.

Every ranker of the package, the baselines included, has the same methods (`AuthenticityRanker`), takes descriptors
[n, d] of all videos and *pairs* of row indices [p, 2], and looks at no row that its pairs or labels do not name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from scipy.special import ndtri
from sklearn.base import BaseEstimator
from sklearn.svm import SVC, LinearSVC
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

N_QUANTILES = 200
AUTO_C = (1.0, 1e-2, 1e-3, 1e-4, 1e-5)
PAIR_REPEATS = 3


class AuthenticityRanker(ABC, BaseEstimator):
    """What every authenticity ranker offers; subclasses write `fit`, `decision_function`, `score_videos`.

    scikit-learn's `get_params`, `set_params` and `clone` work as usual. `check_estimator` cannot apply: it calls
    `fit(X, y)` with one target per row, while here the unit is a pair of rows, named by its two indices.
    """

    #: What `X` is: "descriptors" [n, d], or "series", a list of `Series` (see `authenticity.series`).
    consumes = "descriptors"

    @abstractmethod
    def fit(self, X, pairs, *, emotions=None, labels=None, subjects=None):
        """Learn from labelled pairs.

        Parameters
        ----------
        X : [n, d] descriptors of all videos (or n series); only rows named by `pairs` and `labels` are read.
        pairs : [p, 2] int row indices, the real video first, the fake one second.
        emotions : [n] text or None; the same for both videos of a pair.
        labels : [n] int, 1 real, -1 fake, 0 not to be used: what the part for single videos learns from.
            Default: the videos of the pairs.
        subjects : [n] text or None; keeps one subject's videos together where settings are chosen in inner folds.
        """

    @abstractmethod
    def decision_function(self, X, pairs, *, emotions=None):
        """[p] scores, positive where the first video of the pair is held to be real; swapped pairs change sign."""

    @abstractmethod
    def score_videos(self, X, *, emotions=None):
        """[n] scores of videos on their own, positive = real: the fallback for a video without a partner."""

    def predict(self, X, pairs, *, emotions=None):
        """[p] int: 1 where the first video is held to be real, -1 for the second, 0 for an exact tie."""
        return np.sign(self.decision_function(X, pairs, emotions=emotions)).astype(int)

    def score(self, X, pairs, *, emotions=None):
        """Fraction of pairs (real first) that are ranked right; a tie counts one half."""
        return float(np.mean((self.predict(X, pairs, emotions=emotions) + 1) / 2))


class RankSVM(AuthenticityRanker):
    """The published ranker: an ensemble of linear SVMs on differences of descriptors, which vote.

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
    n_estimators : members of each ensemble.
    C : penalty of every SVM, 1 as published; or "auto": one of `AUTO_C`, chosen in inner folds of the training pairs,
        subjects kept together and dealt into folds `PAIR_REPEATS` times, by `inner_folds.widest_margin` (and once
        more for single videos).
    sample_fraction : share of the samples each member sees (without replacement).
    loss : "squared_hinge" (LIBLINEAR's default; solved exactly in a few Newton steps) or "hinge" (libsvm, about ten
        times slower). The publication names C but not the loss; `docs/authenticity.md` compares the two.
    scaling : "standard" as published; "normal": every descriptor is first mapped to the normal quantile of its rank
        among the training videos, which keeps single extreme values of skewed descriptors from drowning the rest;
        or "auto": the one of both that does better in the inner folds.
    random_state : int seed or RandomState; chooses the random halves.

    Attributes
    ----------
    emotions_ : tuple of str, the emotions of the training pairs, () without.
    pair_weights_, pair_intercepts_ : [d + e, m], [m]: members on raw differences, e emotions.
    single_weights_, single_intercepts_ : the same for single videos.
    C_, single_C_, scaling_ : the penalties and the scaling used.
    quantiles_ : [q, d] of the training videos with scaling "normal", else None.
    pair_scale_ : [d + e] standard deviation of the training samples (1 where constant).

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
        self, n_estimators=75, C=1.0, sample_fraction=0.5, loss="squared_hinge", scaling="standard", random_state=0
    ):
        self.n_estimators = n_estimators
        self.C = C
        self.sample_fraction = sample_fraction
        self.loss = loss
        self.scaling = scaling
        self.random_state = random_state

    def fit(self, X, pairs, *, emotions=None, labels=None, subjects=None):
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

    def decision_function(self, X, pairs, *, emotions=None):
        X, pairs = self._check_ranking(X, pairs)
        X = normal_scores(X, self.quantiles_)
        d = self.n_features_in_
        by_difference = (X[pairs[:, 0]] - X[pairs[:, 1]]) @ self.pair_weights_[:d]
        by_emotion = emotion_columns(emotions, self.emotions_, pairs[:, 0]) @ self.pair_weights_[d:]
        offset = by_emotion + self.pair_intercepts_
        votes = np.sign(by_difference + offset) - np.sign(-by_difference + offset)
        return votes.mean(axis=1) / 2

    def margins(self, X, pairs, *, emotions=None):
        """[p, d] contribution of every descriptor to each pair's decision, positive = first video real.

        Mean over members and both orders of weight times standardised difference; the one-hot emotion and the
        intercepts cancel between the orders. Rows sum to the mean margin, of which the votes keep only signs.
        """
        X, pairs = self._check_ranking(X, pairs)
        X = normal_scores(X, self.quantiles_)
        return (X[pairs[:, 0]] - X[pairs[:, 1]]) * self.pair_weights_[: self.n_features_in_].mean(axis=1)

    def score_videos(self, X, *, emotions=None):
        check_is_fitted(self, "single_weights_")
        X = check_array(X, dtype=np.float64)
        check_width(X, self.n_features_in_, self)
        X = normal_scores(X, self.quantiles_)
        onehot = emotion_columns(emotions, self.emotions_, np.arange(len(X)))
        return np.sign(np.hstack([X, onehot]) @ self.single_weights_ + self.single_intercepts_).mean(axis=1)

    def _check_ranking(self, X, pairs):
        check_is_fitted(self, "pair_weights_")
        return check_ranking(X, pairs, self)

    def _scalings(self) -> tuple[str, ...]:
        return ("standard", "normal") if self.scaling == "auto" else (self.scaling,)

    @staticmethod
    def _quantiles(X, pairs, labels) -> np.ndarray:
        rows = np.union1d(np.flatnonzero(labels), pairs.ravel())
        return np.quantile(X[rows], np.linspace(0, 1, min(N_QUANTILES, len(rows))), axis=0)

    def _choose_for_pairs(self, samples: dict[str, np.ndarray], groups) -> tuple[str, float]:
        """`_choose` on pair samples: both orders of every pair, groups [p] of the pairs."""
        p = len(groups)
        if self.loss == "hinge":
            return self._choose(samples, np.repeat([1.0, -1.0], p), np.tile(groups, 2), repeats=PAIR_REPEATS)

        # With both orders in, the optimum weighs neither the emotion nor a constant. What is left is a problem of
        # half the samples, all of one class, each of which counts twice: the same weights for an eighth of the work.
        def solve(gram, z, y, C):
            return squared_hinge_dual(gram, z, y, 2 * C, intercept=False)

        first = {name: of_scaling[:p, : self.n_features_in_] for name, of_scaling in samples.items()}
        return self._choose(first, np.ones(p), groups, PAIR_REPEATS, solve, _of_both_orders)

    def _choose(self, samples, y, groups, repeats=1, solve=None, standardised=None) -> tuple[str, float]:
        """Scaling and penalty that tell held-out groups apart best; the first of each where there is one group only."""
        solve, standardised = solve or self._solve, standardised or _standardised
        settings = [(name, C) for name in samples for C in (AUTO_C if self.C == "auto" else (float(self.C),))]
        if len(settings) == 1:
            return settings[0]

        def held_out(train, test):
            scores = []
            for name, of_scaling in samples.items():
                z, mean, scale = standardised(of_scaling[train])
                gram, other = z @ z.T, (of_scaling[test] - mean) / scale
                for C in (C for scaling, C in settings if scaling == name):
                    dual, intercept = solve(gram, z, y[train], C)
                    scores.append(other @ (z.T @ dual) + intercept)
            return np.column_stack(scores)

        with threadpool_limits(limits=1, user_api="blas"):
            return settings[widest_margin(held_out, y, groups, 0, repeats)]

    def _ensemble(self, samples, y, C, rng):
        """Weights [d, m] and intercepts [m] on raw samples, and the scale [d] they were divided by in training."""
        z, mean, scale = _standardised(samples)
        # All members share one Gram matrix: with fewer samples than descriptors that is most of the work.
        gram = z @ z.T
        duals = np.zeros((len(y), self.n_estimators))
        intercepts = np.zeros(self.n_estimators)
        # Matrices this small are solved several times faster by one thread than by several that wait for each other.
        with threadpool_limits(limits=1, user_api="blas"):
            for member in range(self.n_estimators):
                half = _random_part(y, self.sample_fraction, rng)
                duals[half, member], intercepts[member] = self._solve(gram[np.ix_(half, half)], z[half], y[half], C)
        weights = (z.T @ duals) / scale[:, None]
        return weights, intercepts - mean @ weights, scale

    def _solve(self, gram, z, y, C):
        if self.loss == "hinge":
            svm = SVC(C=C, kernel="precomputed").fit(gram, y)
            dual = np.zeros(len(y))
            dual[svm.support_] = svm.dual_coef_[0]
            return dual, svm.intercept_[0]
        return squared_hinge_dual(gram, z, y, C)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The fitted state as plain arrays, for a model file."""
        check_is_fitted(self, "pair_weights_")
        names = ("pair_weights", "pair_intercepts", "pair_scale", "single_weights", "single_intercepts")
        arrays = {name: getattr(self, f"{name}_") for name in names} | {
            "penalties": np.array([self.C_, self.single_C_]),
            "emotions": np.array(self.emotions_, dtype=str),
        }
        return arrays if self.quantiles_ is None else arrays | {"quantiles": self.quantiles_}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], params: dict) -> RankSVM:
        """The estimator from `to_arrays` and `get_params`."""
        model = cls(**params)
        for name in ("pair_weights", "pair_intercepts", "pair_scale", "single_weights", "single_intercepts"):
            setattr(model, f"{name}_", arrays[name])
        # Files written before the penalty could be chosen have the one in their parameters.
        model.C_, model.single_C_ = map(float, arrays.get("penalties", [params["C"]] * 2))
        model.quantiles_ = arrays.get("quantiles")
        model.scaling_ = "standard" if model.quantiles_ is None else "normal"
        model.emotions_ = tuple(str(name) for name in arrays["emotions"])
        model.n_features_in_ = len(model.pair_weights_) - len(model.emotions_)
        return model


def normal_scores(X: np.ndarray, quantiles: np.ndarray | None) -> np.ndarray:
    """Columns of X [n, d] as normal quantiles of their rank among `quantiles` [q, d]; X itself without; NaN stays."""
    if quantiles is None:
        return X
    levels = np.linspace(0, 1, len(quantiles))
    scaled = np.empty_like(X)
    for column, of_column in enumerate(quantiles.T):
        # Ties lie on a step of the quantiles; from both ends its middle is hit.
        upper = np.interp(X[:, column], of_column, levels)
        lower = 1 - np.interp(-X[:, column], -of_column[::-1], levels)
        scaled[:, column] = (upper + lower) / 2
    return ndtri(np.clip(scaled, 0.001, 0.999))


def squared_hinge_dual(gram, z, y, C, intercept: bool = True) -> tuple[np.ndarray, float]:
    """Dual coefficients [n] and intercept of the L2-regularised squared-hinge SVM that `LinearSVC` defines.

    Minimises ``|w|^2/2 + b^2/2 + C sum max(0, 1 - y (w.z + b))^2`` by Newton steps on the set of samples inside the
    margin (Chapelle, "Training a Support Vector Machine in the Primal", Neural Computation 2007): with n far below
    d, a handful of n x n solves take 1 to 2 ms where liblinear needs 50 or more. ``w = z.T @ dual``.
    Without `intercept`, b is 0.
    """
    # The intercept is one more constant feature, as liblinear has it.
    kernel = gram + 1.0 if intercept else gram
    inside = np.ones(len(y), bool)
    for _step in range(50):
        active = np.flatnonzero(inside)
        system = kernel[np.ix_(active, active)]
        system[np.diag_indices_from(system)] += 0.5 / C
        dual = np.zeros(len(y))
        dual[active] = np.linalg.solve(system, y[active])
        now_inside = y * (kernel @ dual) < 1
        if np.array_equal(now_inside, inside):
            return dual, float(dual.sum()) if intercept else 0.0
        inside = now_inside
    # The set can cycle on degenerate data; liblinear is slow there, but it converges.
    if len(np.unique(y)) == 1:  # it wants two classes: every sample once more with both signs turned
        svm = LinearSVC(C=C / 2, dual=True, tol=1e-8, max_iter=100_000, fit_intercept=False, random_state=0)
        svm.fit(np.vstack([z, -z]), np.concatenate([y, -y]))
    else:
        svm = LinearSVC(C=C, dual=True, tol=1e-8, max_iter=100_000, fit_intercept=intercept, random_state=0).fit(z, y)
    slack = np.maximum(0.0, 1 - y * svm.decision_function(z))
    return 2 * C * y * slack, float(svm.intercept_[0]) if intercept else 0.0


def _standardised(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Samples [n, d] with mean 0 and standard deviation 1 per column, and both; constant columns become 0."""
    mean, scale = samples.mean(axis=0), samples.std(axis=0)
    scale[scale <= 1e-12 * np.maximum(np.abs(mean), 1e-300)] = 1.0
    return (samples - mean) / scale, mean, scale


def _of_both_orders(differences: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """`_standardised` of differences [p, d] as if their negatives were among them: the mean is 0."""
    scale = np.sqrt((differences**2).mean(axis=0))
    scale[scale == 0] = 1.0
    return differences / scale, 0.0, scale


def _random_part(y: np.ndarray, fraction: float, rng: np.random.RandomState) -> np.ndarray:
    """Sorted indices of a random part of the samples that has both classes."""
    size = max(2, round(len(y) * fraction))
    for _attempt in range(1000):
        part = np.sort(rng.permutation(len(y))[:size])
        if len(np.unique(y[part])) == 2:
            return part
    return np.arange(len(y))

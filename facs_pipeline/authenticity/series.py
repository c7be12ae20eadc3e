"""Rankers of whole series instead of descriptors: classical counterparts of two systems of the challenge.

They take a list of `Series`, one per video, and have the methods of every `AuthenticityRanker`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from facs_pipeline.authenticity.baselines import LightGBMSingle, SVMSingle
from facs_pipeline.authenticity.checks import labels_of
from facs_pipeline.authenticity.ranker import AuthenticityRanker

WINDOW_S = 0.15
RATE_HZ = 25.0
LAGS = 3


class Series(NamedTuple):
    """One video over time: frames with a face only.

    Attributes
    ----------
    times : ndarray of float
        `[n]`, seconds.
    intensities : ndarray of float
        Action units `[n, k]`, 0..5.
    points : ndarray of float, or None
        Landmarks `[n, 68, 2]` in pixels.
    """

    times: np.ndarray
    intensities: np.ndarray
    points: np.ndarray | None = None


def window_statistics(series: Series) -> np.ndarray:
    """Mean, standard deviation, minimum, maximum and slope per 150 ms window, pooled over the video.

    Each of the five is pooled by mean, standard deviation, minimum and maximum over all windows.

    Parameters
    ----------
    series : Series
        One video with k action units, of which only the intensities are used.

    Returns
    -------
    ndarray of float
        `[k * 20]`.
    """
    values = series.intensities
    window = np.floor((series.times - series.times[0]) / WINDOW_S + 1e-9).astype(int)
    starts = np.flatnonzero(np.diff(window, prepend=-1))
    lengths = np.diff(starts, append=len(window))
    mean = np.add.reduceat(values, starts) / lengths[:, None]
    deviation = np.sqrt(np.add.reduceat((values - np.repeat(mean, lengths, axis=0)) ** 2, starts) / lengths[:, None])
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    slope = (values[starts + lengths - 1] - values[starts]) / WINDOW_S
    per_window = np.hstack([mean, deviation, low, high, slope])
    pooled = (per_window.mean(axis=0), per_window.std(axis=0), per_window.min(axis=0), per_window.max(axis=0))
    return np.concatenate(pooled)


class WindowsSVM(AuthenticityRanker[Sequence[Series]]):
    """Statistics in 150 ms windows, pooled over the video, into a linear SVM on single videos.

    The classical counterpart of Ozkan & Akar, "Relaxed Spatio-Temporal Deep Feature Aggregation for Real-Fake
    Expression Prediction" (ICCV Workshops 2017): short windows and pooling, hand-made statistics in place of the
    network. A pair's score is the difference of its videos' scores.
    """

    consumes = "series"

    def fit(
        self,
        X: Sequence[Series],
        pairs: np.ndarray,
        *,
        emotions: np.ndarray | None = None,
        labels: np.ndarray | None = None,
        subjects: np.ndarray | None = None,
    ) -> WindowsSVM:
        """See `AuthenticityRanker.fit`."""
        pairs = np.asarray(pairs)
        labels = labels_of(pairs, labels, len(X))
        features = _of_rows(window_statistics, X, np.union1d(np.flatnonzero(labels), pairs))
        self.svm_ = SVMSingle().fit(features, pairs, emotions=emotions, labels=labels, subjects=subjects)
        return self

    def decision_function(
        self, X: Sequence[Series], pairs: np.ndarray, *, emotions: np.ndarray | None = None
    ) -> np.ndarray:
        """Differences `[p]` of the videos' scores; see `AuthenticityRanker.decision_function`."""
        check_is_fitted(self, "svm_")
        if not len(pairs):
            return np.zeros(0)
        features = _of_rows(window_statistics, X, np.unique(pairs))
        return self.svm_.decision_function(features, pairs, emotions=emotions)

    def score_videos(self, X: Sequence[Series], *, emotions: np.ndarray | None = None) -> np.ndarray:
        """Distances `[n]` from the separating plane; see `AuthenticityRanker.score_videos`."""
        check_is_fitted(self, "svm_")
        return self.svm_.score_videos(np.vstack([window_statistics(series) for series in X]), emotions=emotions)


def _of_rows(describe: Callable[[Series], np.ndarray], X: Sequence[Series], rows: np.ndarray) -> np.ndarray:
    """Features [n, d] of n series; NaN where the series is not among the rows, which must not be empty."""
    described = [describe(X[i]) for i in rows.tolist()]
    features = np.full((len(X), len(described[0])), np.nan)
    features[rows] = described
    return features


class ResidualBoosting(AuthenticityRanker[Sequence[Series]]):
    """Gradient boosting on the residuals of linear predictors of the next frame, one per emotion.

    The classical counterpart of Huynh & Kim, "Discrimination Between Genuine Versus Fake Emotion Using Long-Short
    Term Memory with Parametric Bias and Facial Landmarks" (ICCV Workshops 2017): landmarks (or, without them,
    intensities) at 25 frames/s, registered and reduced by PCA; ridge regression per emotion from three frames to
    the next in place of the recurrent network; statistics of the residual into LightGBM on single videos.

    Parameters
    ----------
    n_components : int
        PCA components of the registered landmarks.
    random_state : int
        Seed.

    Attributes
    ----------
    mean_shape_ : ndarray of float, or None
        Mean landmarks `[68, 2]` of the training videos; None where one has none.
    pca_ : PCA
        Of the registered frames.
    predictors_ : dict of str to Ridge
        Predictor of the next frame for each emotion, and ``""`` for all.
    booster_ : LightGBMSingle
        On statistics of the residuals.
    """

    consumes = "series"

    def __init__(self, n_components: int = 12, random_state: int = 0):
        self.n_components = n_components
        self.random_state = random_state

    def fit(
        self,
        X: Sequence[Series],
        pairs: np.ndarray,
        *,
        emotions: np.ndarray | None = None,
        labels: np.ndarray | None = None,
        subjects: np.ndarray | None = None,
    ) -> ResidualBoosting:
        """See `AuthenticityRanker.fit`."""
        # Many small matrices: threads would wait for each other longer than they work.
        with threadpool_limits(limits=1, user_api="blas"):
            return self._fit(X, np.asarray(pairs), emotions, labels, subjects)

    def _fit(
        self,
        X: Sequence[Series],
        pairs: np.ndarray,
        emotions: np.ndarray | None,
        labels: np.ndarray | None,
        subjects: np.ndarray | None,
    ) -> ResidualBoosting:
        labels = labels_of(pairs, labels, len(X))
        rows = np.flatnonzero(labels).tolist()
        self.mean_shape_ = _mean_shape([X[i] for i in rows])
        tracks = {i: self._registered(X[i]) for i in rows}
        frames = np.vstack(list(tracks.values()))
        self.pca_ = PCA(min(self.n_components, *frames.shape), svd_solver="covariance_eigh").fit(frames)
        tracks = {i: self._reduced(track) for i, track in tracks.items()}
        names = np.full(len(X), "", dtype=object) if emotions is None else np.asarray(emotions, dtype=object)
        groups = np.arange(len(X)) if subjects is None else np.unique(np.asarray(subjects, str), return_inverse=True)[1]
        # Videos that a predictor was trained on have smaller residuals than new ones. So the residuals of training
        # videos come from predictors that were trained on other subjects.
        features = np.zeros((len(X), 5 * self.pca_.n_components_ + 5))
        for part in range(3):
            own = [i for i in tracks if groups[i] % 3 == part]
            others = {i: track for i, track in tracks.items() if groups[i] % 3 != part}
            predictors = _predictors(others or tracks, names)
            for i in own:
                features[i] = _residual_statistics(tracks[i], predictors.get(names[i], predictors[""]))
        self.predictors_ = _predictors(tracks, names)
        self.booster_ = LightGBMSingle(random_state=self.random_state).fit(
            features, pairs, emotions=emotions, labels=labels, subjects=subjects
        )
        return self

    def decision_function(
        self, X: Sequence[Series], pairs: np.ndarray, *, emotions: np.ndarray | None = None
    ) -> np.ndarray:
        """Differences `[p]` of the videos' log-odds; see `AuthenticityRanker.decision_function`."""
        if not len(pairs):
            return np.zeros(0)
        features = self._features(X, emotions, np.unique(pairs))
        return self.booster_.decision_function(features, pairs, emotions=emotions)

    def score_videos(self, X: Sequence[Series], *, emotions: np.ndarray | None = None) -> np.ndarray:
        """Log-odds `[n]`; see `AuthenticityRanker.score_videos`."""
        return self.booster_.score_videos(self._features(X, emotions, np.arange(len(X))), emotions=emotions)

    def _features(self, X: Sequence[Series], emotions: np.ndarray | None, rows: np.ndarray) -> np.ndarray:
        """Statistics [n, 5 c + 5] of the residuals of the rows; 0 for the other series."""
        check_is_fitted(self, "booster_")
        features = np.zeros((len(X), 5 * self.pca_.n_components_ + 5))
        for i in rows.tolist():
            predictor = self.predictors_.get("" if emotions is None else emotions[i], self.predictors_[""])
            features[i] = _residual_statistics(self._reduced(self._registered(X[i])), predictor)
        return features

    def _reduced(self, track: np.ndarray) -> np.ndarray:
        # PCA.transform checks its input for longer than it computes.
        return (track - self.pca_.mean_) @ self.pca_.components_.T

    def _registered(self, series: Series) -> np.ndarray:
        """The series [m, c] at 25 frames/s: landmarks registered to the mean shape, or intensities without any."""
        if self.mean_shape_ is None:
            values = series.intensities
        elif series.points is None:
            raise ValueError("a series has no landmarks, but this ResidualBoosting was trained on landmarks")
        else:
            values = register_affine(series.points, self.mean_shape_).reshape(len(series.points), -1)
        n_frames = max(LAGS + 2, int((series.times[-1] - series.times[0]) * RATE_HZ) + 1)
        times = series.times[0] + np.arange(n_frames) / RATE_HZ
        place = np.interp(times, series.times, np.arange(len(values)))
        before = np.minimum(place.astype(int), len(values) - 1)
        after = np.minimum(before + 1, len(values) - 1)
        share = (place - before)[:, None]
        return (1 - share) * values[before] + share * values[after]


def register_affine(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Points after the affine map per frame that brings them closest to a reference (least squares).

    Parameters
    ----------
    points : ndarray of float
        `[n, m, 2]`.
    reference : ndarray of float
        `[m, 2]`.

    Returns
    -------
    ndarray of float
        `[n, m, 2]`, centred.
    """
    centred = points - points.mean(axis=1, keepdims=True)
    target = reference - reference.mean(axis=0)
    gram = np.einsum("nmi,nmj->nij", centred, centred)
    maps = np.linalg.solve(gram + 1e-9 * np.eye(2), np.einsum("nmi,mj->nij", centred, target))
    return centred @ maps


def _mean_shape(videos: Sequence[Series]) -> np.ndarray | None:
    """Mean [68, 2] of the videos' mean faces, each centred and of unit size; None where one has no landmarks."""
    points = [series.points for series in videos if series.points is not None]
    if len(points) < len(videos):
        return None
    shapes = [of_video.mean(axis=0) for of_video in points]
    shapes = [(shape - shape.mean(axis=0)) / (shape - shape.mean(axis=0)).std() for shape in shapes]
    return np.mean(shapes, axis=0)


def _lagged(track: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [m - 3, 3 c] of three frames and targets [m - 3, c], the frame that follows them."""
    past = np.hstack([track[lag : len(track) - LAGS + lag] for lag in range(LAGS)])
    return past, track[LAGS:]


def _predictors(tracks: dict[int, np.ndarray], names: np.ndarray) -> dict[str, Ridge]:
    """One next-frame predictor per emotion, and "" for all together."""
    predictors = {}
    for name in {"", *(str(names[i]) for i in tracks)}:
        lagged = [_lagged(track) for i, track in tracks.items() if name in ("", names[i])]
        predictors[name] = Ridge(alpha=1.0).fit(np.vstack([p for p, _ in lagged]), np.vstack([t for _, t in lagged]))
    return predictors


def _residual_statistics(track: np.ndarray, predictor: Ridge) -> np.ndarray:
    """Mean, deviation, 90th percentile, maximum and its time [5 c + 5], of each |residual| and of their norm."""
    past, target = _lagged(track)
    residual = np.abs(target - (past @ predictor.coef_.T + predictor.intercept_))
    residual = np.column_stack([residual, np.linalg.norm(residual, axis=1)])
    return np.concatenate(
        [
            residual.mean(axis=0),
            residual.std(axis=0),
            np.percentile(residual, 90, axis=0),
            residual.max(axis=0),
            residual.argmax(axis=0) / len(residual),
        ]
    )

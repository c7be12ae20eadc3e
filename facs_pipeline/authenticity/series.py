"""Rankers that look at whole series instead of descriptors: classical counterparts of two systems of the challenge.

They consume a list of `Series`, one per video, and have `AuthenticityRanker`'s methods like every other ranker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.utils.validation import check_is_fitted

from facs_pipeline.authenticity.baselines import LightGBMSingle, SVMSingle
from facs_pipeline.authenticity.checks import labels_of
from facs_pipeline.authenticity.rank_svm import AuthenticityRanker

WINDOW_S = 0.15
RATE_HZ = 25.0
LAGS = 3


class Series(NamedTuple):
    """One video over time: frames with a face only.

    times : [n] seconds; intensities : [n, k] action units 0..5; points : [n, 68, 2] landmarks in px, or None.
    """

    times: np.ndarray
    intensities: np.ndarray
    points: np.ndarray | None = None


def window_statistics(series: Series) -> np.ndarray:
    """[k * 20] mean, standard deviation, minimum, maximum and slope per 150 ms window, pooled over the video.

    Each of the five is pooled by mean, standard deviation, minimum and maximum over all windows. Intensities only.
    """
    window = np.floor((series.times - series.times[0]) / WINDOW_S + 1e-9).astype(int)
    grouped = pd.DataFrame(series.intensities).groupby(window)
    mean, low, high = grouped.mean(), grouped.min(), grouped.max()
    deviation = grouped.std(ddof=0)
    slope = (grouped.last() - grouped.first()) / WINDOW_S
    per_window = np.hstack([part.to_numpy() for part in (mean, deviation, low, high, slope)])
    pooled = (per_window.mean(axis=0), per_window.std(axis=0), per_window.min(axis=0), per_window.max(axis=0))
    return np.concatenate(pooled)


class WindowsSVM(AuthenticityRanker):
    """Statistics in 150 ms windows, pooled over the video, into a linear SVM on single videos.

    The classical counterpart of Ozkan & Akar, "Relaxed Spatio-Temporal Deep Feature Aggregation for Real-Fake
    Expression Prediction" (ICCV Workshops 2017): short windows and pooling, hand-made statistics in place of the
    network. A pair's score is the difference of its videos' scores.
    """

    consumes = "series"

    def fit(self, X, pairs, *, emotions=None, labels=None, subjects=None):
        self.svm_ = SVMSingle().fit(self._features(X), pairs, emotions=emotions, labels=labels, subjects=subjects)
        return self

    def decision_function(self, X, pairs, *, emotions=None):
        check_is_fitted(self, "svm_")
        return self.svm_.decision_function(self._features(X), pairs, emotions=emotions)

    def score_videos(self, X, *, emotions=None):
        check_is_fitted(self, "svm_")
        return self.svm_.score_videos(self._features(X), emotions=emotions)

    @staticmethod
    def _features(X: Sequence[Series]) -> np.ndarray:
        return np.vstack([window_statistics(series) for series in X])


class ResidualBoosting(AuthenticityRanker):
    """How far each frame is from what a per-emotion linear predictor expected, into gradient boosting.

    The classical counterpart of Huynh & Kim, "Discrimination Between Genuine Versus Fake Emotion Using Long-Short
    Term Memory with Parametric Bias and Facial Landmarks" (ICCV Workshops 2017): landmarks (or, without them,
    intensities) at 25 frames/s, registered and reduced by PCA; ridge regression per emotion from three frames to
    the next in place of the recurrent network; statistics of the residual into LightGBM on single videos.

    Parameters
    ----------
    n_components : PCA components of the registered landmarks.
    random_state : int seed.
    """

    consumes = "series"

    def __init__(self, n_components=12, random_state=0):
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, X, pairs, *, emotions=None, labels=None, subjects=None):
        pairs = np.asarray(pairs)
        labels = labels_of(pairs, labels, len(X))
        rows = np.flatnonzero(labels)
        self.mean_shape_ = _mean_shape([X[i] for i in rows])
        tracks = {int(i): self._registered(X[i]) for i in rows}
        frames = np.vstack(list(tracks.values()))
        self.pca_ = PCA(min(self.n_components, *frames.shape), random_state=self.random_state).fit(frames)
        tracks = {i: self.pca_.transform(track) for i, track in tracks.items()}
        names = np.full(len(X), "", dtype=object) if emotions is None else np.asarray(emotions, dtype=object)
        groups = np.arange(len(X)) if subjects is None else np.unique(np.asarray(subjects, str), return_inverse=True)[1]
        # A video the predictor has learnt from has smaller residuals than a new one, so training videos get
        # theirs from predictors that have not seen their subject.
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

    def decision_function(self, X, pairs, *, emotions=None):
        return self.booster_.decision_function(self._features(X, emotions), pairs, emotions=emotions)

    def score_videos(self, X, *, emotions=None):
        return self.booster_.score_videos(self._features(X, emotions), emotions=emotions)

    def _features(self, X, emotions):
        check_is_fitted(self, "booster_")
        names = [""] * len(X) if emotions is None else emotions
        return np.vstack(
            [
                _residual_statistics(
                    self.pca_.transform(self._registered(series)), self.predictors_.get(name, self.predictors_[""])
                )
                for series, name in zip(X, names, strict=True)
            ]
        )

    def _registered(self, series: Series) -> np.ndarray:
        """[m, c] the series at 25 frames/s: landmarks registered to the mean shape, or intensities without any."""
        values = series.intensities if self.mean_shape_ is None else register_affine(series.points, self.mean_shape_)
        values = values.reshape(len(values), -1)
        n_frames = max(LAGS + 2, int((series.times[-1] - series.times[0]) * RATE_HZ) + 1)
        times = series.times[0] + np.arange(n_frames) / RATE_HZ
        return np.column_stack([np.interp(times, series.times, column) for column in values.T])


def register_affine(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """[n, m, 2] points after the affine map per frame that brings them closest to `reference` [m, 2]."""
    centred = points - points.mean(axis=1, keepdims=True)
    target = reference - reference.mean(axis=0)
    gram = np.einsum("nmi,nmj->nij", centred, centred)
    maps = np.linalg.solve(gram + 1e-9 * np.eye(2), np.einsum("nmi,mj->nij", centred, target))
    return centred @ maps


def _mean_shape(videos: Sequence[Series]) -> np.ndarray | None:
    """[68, 2] mean of the videos' mean faces, each centred and of unit size; None where one has no landmarks."""
    if any(series.points is None for series in videos):
        return None
    shapes = [series.points.mean(axis=0) for series in videos]
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
    """[5 c + 5] mean, deviation, 90th percentile, maximum and its time, of each |residual| and of their norm."""
    past, target = _lagged(track)
    residual = np.abs(target - predictor.predict(past))
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

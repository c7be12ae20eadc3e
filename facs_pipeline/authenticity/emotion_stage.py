"""First stage for a video without an emotion: descriptors -> one of the emotions of the training set."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


class EmotionStage:
    """First stage for a video without an emotion: descriptors -> one of the emotions of the training set.

    A ridge classifier on standardised descriptors, folded into one matrix product.

    Parameters
    ----------
    emotions : tuple of str
        The e names.
    weights, intercepts : ndarray of float
        On raw descriptors, `[d, e]` and `[e]`.
    """

    def __init__(self, emotions: tuple[str, ...], weights: np.ndarray, intercepts: np.ndarray):
        self.emotions, self.weights, self.intercepts = emotions, weights, intercepts

    @classmethod
    def fit(cls, X: np.ndarray, emotions: np.ndarray) -> EmotionStage | None:
        """From descriptors `[n, d]` and emotions `[n]`, ``""`` where unknown; None with fewer than two emotions."""
        known = np.asarray(emotions, dtype=object) != ""
        names = np.asarray(emotions, dtype=object)[known].astype(str)
        if len(np.unique(names)) < 2:
            return None
        steps = make_pipeline(StandardScaler(), RidgeClassifier(alpha=float(X.shape[1]))).fit(X[known], names)
        scaler, ridge = steps[0], steps[1]
        coefficients, intercepts = ridge.coef_, ridge.intercept_
        if len(ridge.classes_) == 2:  # scikit-learn has one row for two classes
            coefficients, intercepts = np.vstack([-coefficients, coefficients]), np.repeat(intercepts, 2) * [-1, 1]
        weights = (coefficients / scaler.scale_).T
        return cls(tuple(map(str, ridge.classes_)), weights, intercepts - scaler.mean_ @ weights)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Emotions `[n]` of descriptors `[n, d]`."""
        return np.array(self.emotions, dtype=object)[np.argmax(X @ self.weights + self.intercepts, axis=1)]

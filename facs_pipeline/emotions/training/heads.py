"""Fitting the heads of emotion models: support vector machines, logistic and ridge regression, boosted trees."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from facs_pipeline.emotions.heads import LightGBMHead, LinearHead
from facs_pipeline.emotions.mirror_kernel import fit_temperature
from facs_pipeline.foundation.regression.linear import mean_and_scale
from facs_pipeline.foundation.regression.ridge import BatchedRidge

_PENALTIES = (1e-4, 1e-3, 1e-2)
_ALPHAS = (0.3, 1.0, 3.0)
_TREES = 1500
_PATIENCE = 50


def fit_svm(X: np.ndarray, y: np.ndarray, held_out: np.ndarray) -> tuple[LinearHead, dict[str, Any]]:
    """One linear SVM for each class against the others; penalty and softmax chosen on held-out rows.

    Parameters
    ----------
    X : ndarray
        Features `[n, d]`.
    y : ndarray of int
        Classes `[n]`.
    held_out : ndarray of bool
        Rows `[n]` to choose on; the final SVM is trained on all.

    Returns
    -------
    head : LinearHead
        Trained on all rows.
    chosen : dict
        The chosen settings, for the card.
    """
    mean, scale = mean_and_scale(X)
    scale = np.where(scale > 0, scale, 1.0)
    scaled = ((X - mean) / scale).astype(np.float32)

    def fit(rows: np.ndarray, penalty: float) -> LinearSVC:
        return LinearSVC(C=penalty, dual=False, tol=1e-3, max_iter=200).fit(scaled[rows], y[rows])

    svms = [fit(~held_out, penalty) for penalty in _PENALTIES]
    accuracies = [float(svm.score(scaled[held_out], y[held_out])) for svm in svms]
    best = int(np.argmax(accuracies))
    coef, intercept = _of_each_class(svms[best])
    temperature = fit_temperature(scaled[held_out] @ coef + intercept, y[held_out])
    coef, intercept = _of_each_class(fit(np.ones(len(y), bool), _PENALTIES[best]))
    coef = coef / scale[:, None]
    return LinearHead(coef, intercept - mean @ coef, temperature), {"C": _PENALTIES[best]}


def _of_each_class(model: LinearSVC | LogisticRegression) -> tuple[np.ndarray, np.ndarray]:
    """Weights [d, c] and intercepts [c]; of two classes scikit-learn has the weights for the second only."""
    if len(model.classes_) > 2:
        return model.coef_.T, model.intercept_
    coef, intercept = model.coef_[0], model.intercept_[0]
    return np.stack([np.zeros_like(coef), coef], axis=-1), np.stack([np.zeros_like(intercept), intercept])


def fit_logistic(X: np.ndarray, y: np.ndarray) -> tuple[LinearHead, dict[str, Any]]:
    """Multinomial logistic regression of classes y `[n]` on features X `[n, d]`; there is nothing to choose."""
    mean, scale = mean_and_scale(X)
    scale = np.where(scale > 0, scale, 1.0)
    model = LogisticRegression(max_iter=2000).fit((X - mean) / scale, y)
    coef, intercept = _of_each_class(model)
    coef = coef / scale[:, None]
    return LinearHead(coef, intercept - mean @ coef, 1.0), {}


def fit_ridge(
    X: np.ndarray, y: np.ndarray, held_out: np.ndarray, feature_weights: np.ndarray, shares: np.ndarray | None = None
) -> tuple[LinearHead, dict[str, Any], np.ndarray]:
    """Ridge regression on the classes' indicators; penalty and temperature chosen on held-out rows.

    Parameters
    ----------
    X : ndarray
        Features `[n, d]`.
    y : ndarray of int
        Classes `[n]`.
    held_out : ndarray of bool
        Rows `[n]` to choose on; the final regression is trained on all.
    feature_weights : ndarray of float
        `[d]`, see `facs_pipeline.foundation.regression.ridge.BatchedRidge`.
    shares : ndarray of float, optional
        Of each class in each row `[n, c]`, to learn instead of the indicators.

    Returns
    -------
    head : LinearHead
        Trained on all rows.
    chosen : dict
        The chosen settings, for the card.
    scores : ndarray of float
        Of the held-out rows `[h, c]`, by the model that was not trained on them.
    """
    targets = np.eye(int(y.max()) + 1)[y] if shares is None else shares
    rows, predicted = ~held_out, []
    for alpha in _ALPHAS:
        ridge = BatchedRidge(alpha, feature_weights=feature_weights).fit(X[rows], targets[rows])
        predicted.append(ridge.predict(X[held_out]))
    accuracies = [float((scores.argmax(axis=1) == y[held_out]).mean()) for scores in predicted]
    best = int(np.argmax(accuracies))
    ridge = BatchedRidge(_ALPHAS[best], feature_weights=feature_weights).fit(X, targets)
    head = LinearHead(ridge.coef_, np.asarray(ridge.intercept_), fit_temperature(predicted[best], y[held_out]))
    return head, {"alpha": _ALPHAS[best]}, predicted[best]


def fit_lightgbm(
    X: np.ndarray, y: np.ndarray, held_out: np.ndarray, *, jobs: int = 1, seed: int = 0
) -> tuple[LightGBMHead, dict[str, Any]]:
    """Boosted trees for all classes; their number is chosen on held-out rows, which are not trained on.

    Parameters
    ----------
    X : ndarray
        Features `[n, d]`.
    y : ndarray of int
        Classes `[n]`.
    held_out : ndarray of bool
        Rows `[n]` to choose on.
    jobs : int
        Threads; the trees do not depend on it.
    seed : int
        Of the samples of rows and features.

    Returns
    -------
    head : LightGBMHead
        The trees.
    chosen : dict
        The number of rounds, for the card.
    """
    parameters = {
        "objective": "multiclass",
        "num_class": int(y.max()) + 1,
        "learning_rate": 0.1,
        "num_leaves": 15,
        "min_data_in_leaf": 20,
        "feature_fraction": min(1.0, max(0.05, 200 / X.shape[1])),
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
        "max_bin": 63,
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": jobs,
        "verbosity": -1,
    }
    training = lightgbm.Dataset(X[~held_out], label=y[~held_out], params=parameters)
    booster = lightgbm.train(
        parameters,
        training,
        num_boost_round=_TREES,
        valid_sets=[lightgbm.Dataset(X[held_out], label=y[held_out], reference=training, params=parameters)],
        callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
    )
    return LightGBMHead(booster), {"rounds": int(booster.best_iteration)}

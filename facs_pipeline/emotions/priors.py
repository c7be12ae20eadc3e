"""Probabilities of emotions where emotions are as frequent as in other data than a model was trained on.

With training shares q and shares p of the new faces, a probability becomes proportional to ``probability p / q``. Where
p is not known, it is estimated from the faces themselves: p becomes the mean of the probabilities that it gives, until
it no longer changes (expectation and maximisation). Ten faces of each emotion are counted beside them (a Dirichlet
prior), or a few faces would be given to few emotions.

Saerens, Latinne, Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities: a simple
procedure", Neural Computation 14, 2002, doi:10.1162/089976602753284446.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Priors = Literal["given", "estimated", "flat"]
PRIORS: tuple[Priors, ...] = ("given", "estimated", "flat")
"""Shares of emotions: those of the training, those estimated from the faces, or all alike."""
_FACES_BESIDE = 10.0
_STEPS = 1000
_STILL = 1e-7


def with_priors(probabilities: np.ndarray, trained: np.ndarray, priors: Priors) -> np.ndarray:
    """Probabilities for other shares of emotions than those of the training.

    Parameters
    ----------
    probabilities : ndarray of float
        Of n faces `[n, c]`, by a model trained on such shares.
    trained : ndarray of float
        Shares of the training `[c]`.
    priors : {"given", "estimated", "flat"}
        Of the faces; "given" leaves the probabilities as they are.

    Returns
    -------
    ndarray of float
        `[n, c]`.

    Examples
    --------
    >>> with_priors(np.array([[0.6, 0.4]]), np.array([0.75, 0.25]), "flat").round(2).tolist()
    [[0.33, 0.67]]
    """
    if priors == "given" or not len(probabilities):
        return probabilities
    trained = np.maximum(trained, 1e-9)
    if priors == "flat":
        return _adjusted(probabilities, np.full(len(trained), 1 / len(trained)) / trained)
    shares = trained / trained.sum()
    for _ in range(_STEPS):
        before, counts = shares, _adjusted(probabilities, shares / trained).sum(axis=0) + _FACES_BESIDE
        shares = counts / counts.sum()
        if np.abs(shares - before).max() < _STILL:
            break
    return _adjusted(probabilities, shares / trained)


def _adjusted(probabilities: np.ndarray, factors: np.ndarray) -> np.ndarray:
    adjusted = probabilities * factors
    return adjusted / np.maximum(adjusted.sum(axis=1, keepdims=True), 1e-12)

"""The video-level descriptor as a scikit-learn transformer, for use in pipelines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from facs_pipeline.dynamics.descriptors import (
    CUTOFF_HZ,
    N_PER_AU,
    PUBLISHED_AUS,
    RATE_HZ,
    describe_series,
    descriptor_names,
)
from facs_pipeline.foundation.errors import InputError


class FacialActivityDescriptor(TransformerMixin, BaseEstimator):
    """Descriptors of many videos, as a scikit-learn transformer.

    Parameters
    ----------
    aus : sequence of int
        Action-unit numbers of the series' columns.
    cutoff_hz : float
        Cut-off frequency in Hz of the smoothing.

    Attributes
    ----------
    n_features_out_ : int
        Values per video, 62 times the number of action units.

    Notes
    -----
    `transform` takes a list of ``(intensities [n, k], times_s [n])``, one per video, each of its own length. That is
    no rectangular array, so `check_estimator`'s tests that call `fit` or `transform` with one do not apply; its tests
    of parameters (cloning, `get_params`, `set_params`, no work in `__init__`) do. There is nothing to fit: `fit` only
    checks the parameters.

    Examples
    --------
    >>> videos = [(np.zeros((200, 1)), np.arange(200) / 100), (np.ones((75, 1)), np.arange(75) / 25)]
    >>> FacialActivityDescriptor(aus=[12]).fit_transform(videos).shape
    (2, 62)
    """

    def __init__(self, aus: Sequence[int] = PUBLISHED_AUS, *, cutoff_hz: float = CUTOFF_HZ):
        self.aus = aus
        self.cutoff_hz = cutoff_hz

    def fit(self, X: Sequence[tuple[np.ndarray, np.ndarray]], y: object = None) -> FacialActivityDescriptor:
        """Check the parameters; the data are not used."""
        if not 0 < self.cutoff_hz < RATE_HZ / 2:
            raise InputError(f"cutoff_hz is {self.cutoff_hz!r}, must lie between 0 and {RATE_HZ / 2:g} Hz")
        self.n_features_out_ = N_PER_AU * len(self.aus)
        return self

    def transform(self, X: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """Descriptors [len(X), 62 * k]; a row of NaN where there is too little to describe."""
        rows = [describe_series(series, times, self.aus, cutoff_hz=self.cutoff_hz)[0] for series, times in X]
        return np.array(rows).reshape(len(rows), N_PER_AU * len(self.aus))

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Names of the values, see `descriptor_names`."""
        return np.array(descriptor_names(self.aus), dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True

"""The video-level descriptor as a scikit-learn transformer, for use in pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from facs_pipeline.dynamics.descriptors import (
    CUTOFF_HZ,
    N_PER_AU,
    PUBLISHED_AUS,
    RATE_HZ,
    default_aus,
    describe_series,
    descriptor_names,
)
from facs_pipeline.foundation.errors import InputError


@runtime_checkable
class ActionUnitSeries(Protocol):
    """One face in one video, as `facs_pipeline.read_au_table` gives it; any object with these three will do.

    Attributes
    ----------
    aus : sequence of int
        Action-unit numbers [k] of the columns.
    times_s : ndarray
        Times [n] of the frames in seconds.
    intensities : ndarray
        ``[n, k]``; rows of NaN without this face.
    """

    @property
    def aus(self) -> Sequence[int]: ...  # noqa: D102  described above, as are the others
    @property
    def times_s(self) -> np.ndarray: ...  # noqa: D102
    @property
    def intensities(self) -> np.ndarray: ...  # noqa: D102


FaceInVideo = ActionUnitSeries | tuple[np.ndarray, np.ndarray]
"""A series that names its action units, or intensities [n, k] and times [n] in seconds."""


class FacialActivityDescriptor(TransformerMixin, BaseEstimator):
    """Descriptors of many faces in videos, as a scikit-learn transformer.

    Parameters
    ----------
    aus : sequence of int, optional
        Action units that are described. Of series that name theirs these are chosen; the columns of plain arrays must
        be these. By default, for series those seven of `default_aus` that all of them have; for arrays the seven of the
        embedded action-unit model: 1, 2, 4, 6, 9, 12 and 25.
    cutoff_hz : float
        Cut-off frequency in Hz of the smoothing.

    Attributes
    ----------
    aus_ : tuple of int
        Action units that `fit` has chosen.
    n_features_out_ : int
        Values per video, 62 times the number of action units.

    Notes
    -----
    `fit` and `transform` take what `read_au_table` returns, the lists of several tables joined, or a list of
    ``(intensities [n, k], times_s [n])``: one item per face and video, each of its own length. That is no rectangular
    array, so `check_estimator`'s tests that call `fit` or `transform` with one do not apply; its tests of parameters
    (cloning, `get_params`, `set_params`, no work in `__init__`) do. `fit` checks the parameters and, where `aus` is not
    given, chooses the action units; nothing else is learnt, and with `aus` it may be left out.

    Examples
    --------
    >>> videos = [(np.zeros((200, 1)), np.arange(200) / 100), (np.ones((75, 1)), np.arange(75) / 25)]
    >>> FacialActivityDescriptor(aus=[12]).fit_transform(videos).shape
    (2, 62)

    >>> from facs_pipeline import read_au_table
    >>> faces = read_au_table("openface/anna.csv") + read_au_table("openface/ben.csv")  # doctest: +SKIP
    >>> FacialActivityDescriptor().fit_transform(faces).shape  # doctest: +SKIP
    (2, 434)
    """

    def __init__(self, aus: Sequence[int] | None = None, *, cutoff_hz: float = CUTOFF_HZ) -> None:
        self.aus = aus
        self.cutoff_hz = cutoff_hz

    def fit(self, X: Sequence[FaceInVideo], y: object = None) -> FacialActivityDescriptor:
        """Check the parameters and choose the action units.

        Raises
        ------
        InputError
            If the cut-off is out of range, or the series have no action unit in common.
        """
        if not 0 < self.cutoff_hz < RATE_HZ / 2:
            raise InputError(f"cutoff_hz is {self.cutoff_hz!r}, must lie between 0 and {RATE_HZ / 2:g} Hz")
        self.aus_ = _default_aus(X) if self.aus is None else tuple(self.aus)
        self.n_features_out_ = N_PER_AU * len(self.aus_)
        return self

    def transform(self, X: Sequence[FaceInVideo]) -> np.ndarray:
        """Descriptors of faces.

        Returns
        -------
        ndarray of float64
            ``[len(X), 62 * k]``; a row of NaN where there is too little to describe.

        Raises
        ------
        InputError
            If a series lacks an action unit, or an array has another number of columns.
        """
        aus = self._described()
        rows = [describe_series(*_columns(face, aus), aus, cutoff_hz=self.cutoff_hz)[0] for face in X]
        return np.array(rows).reshape(len(rows), N_PER_AU * len(aus))

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Names of the values, see `descriptor_names`."""
        return np.array(descriptor_names(self._described()), dtype=object)

    def _described(self) -> tuple[int, ...]:
        check_is_fitted(self)
        return self.aus_ if self.aus is None else tuple(self.aus)

    def __sklearn_is_fitted__(self) -> bool:
        return self.aus is not None or hasattr(self, "aus_")


def _default_aus(faces: Sequence[FaceInVideo]) -> tuple[int, ...]:
    named = [frozenset(face.aus) for face in faces if isinstance(face, ActionUnitSeries)]
    if not named:
        return PUBLISHED_AUS
    shared = sorted(frozenset.intersection(*named))
    if not shared:
        raise InputError(f"{len(named)} series of action units have none in common; describe them apart")
    return default_aus(shared)


def _columns(face: FaceInVideo, aus: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Intensities [n, k] of the action units and times [n]."""
    if not isinstance(face, ActionUnitSeries):
        intensities, times_s = face
        return intensities, times_s
    there = list(face.aus)
    missing = [au for au in aus if au not in there]
    if missing:
        raise InputError(
            f"a series without AU {', '.join(map(str, missing))}, only {', '.join(map(str, there))}; "
            "choose others with aus=..."
        )
    return face.intensities[:, [there.index(au) for au in aus]], face.times_s

"""Former public names: each works for two minor versions and warns; the policy is in CONTRIBUTING.md.

A name that goes is one line in `RENAMED`. The line goes, too, once the version that it names is reached. Parameters and
methods of public names that go are marked where they are, by `renamed_parameters` and `former_method`.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

REMOVED_IN = "0.4.0"
"""The version without the parameters and methods that 0.2 has renamed."""


class Renamed(NamedTuple):
    """What has become of a public name.

    Attributes
    ----------
    new : str
        The name in `facs_pipeline` that replaces it.
    removed_in : str
        The version that no longer knows the old one.
    """

    new: str
    removed_in: str


RENAMED = {
    "FaceFollower": Renamed("FaceTracker", "0.4.0"),
    "FollowedFace": Renamed("TrackedFace", "0.4.0"),
    "PointFilter": Renamed("OneEuroFilter", "0.4.0"),
    "features": Renamed("face_features", "0.4.0"),
    "FaceModes": Renamed("PairwiseProducts", "0.4.0"),
    "SimilarFaces": Renamed("KernelCorrection", "0.4.0"),
    "IntensityFilter": Renamed("BilateralFilter", "0.4.0"),
}
"""Old name in `facs_pipeline` -> what has become of it."""


def warn_renamed(old: str) -> None:
    """Warn the caller of one's own caller that a public name is a former one.

    Parameters
    ----------
    old : str
        The former name, a key of `RENAMED`.

    Warns
    -----
    FutureWarning
        Always; it says the new name and when the old one goes.

    Examples
    --------
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warn_renamed("SimilarFaces")
    >>> print(caught[0].message)
    facs_pipeline.SimilarFaces is now facs_pipeline.KernelCorrection; version 0.4.0 removes the old name
    """
    new, removed_in = RENAMED[old]
    warnings.warn(
        f"facs_pipeline.{old} is now facs_pipeline.{new}; version {removed_in} removes the old name",
        FutureWarning,
        stacklevel=3,
    )


def renamed_parameters(**renamed: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function take parameters by their former names, with a warning.

    Parameters
    ----------
    **renamed : str
        Former name of a parameter -> its name.

    Returns
    -------
    callable
        A decorator.

    Examples
    --------
    >>> @renamed_parameters(steady="smoothing")
    ... def track(smoothing: bool = True) -> bool:
    ...     return smoothing
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     track(steady=False)
    False
    >>> print(caught[0].message)
    track: the parameter steady is now smoothing; version 0.4.0 removes the old name
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def taking_former_names(*args: P.args, **kwargs: P.kwargs) -> R:
            for old in renamed.keys() & kwargs.keys():
                new = renamed[old]
                text = f"{function.__qualname__}: the parameter {old} is now {new}"
                warnings.warn(f"{text}; version {REMOVED_IN} removes the old name", FutureWarning, stacklevel=2)
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return taking_former_names

    return decorate


def former_method(old: str, method: Callable[P, R]) -> Callable[P, R]:
    """A method under its former name, which warns; to be bound to that name in the class.

    Parameters
    ----------
    old : str
        The former name.
    method : callable
        The method under its name of today.
    """

    @functools.wraps(method)
    def under_the_former_name(*args: P.args, **kwargs: P.kwargs) -> R:
        warnings.warn(
            f"{old} is now {method.__qualname__}; version {REMOVED_IN} removes the old name",
            FutureWarning,
            stacklevel=2,
        )
        return method(*args, **kwargs)

    return under_the_former_name

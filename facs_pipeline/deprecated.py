"""Former public names: each works for two minor versions and warns; the policy is in CONTRIBUTING.md.

A name that goes is one line in `RENAMED`. The line goes, too, once the version that it names is reached.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple


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

"""Landmark models from files, whoever made them."""

from __future__ import annotations

import os
from pathlib import Path

from facs_pipeline.landmarks.dlib_predictor import DlibLandmarks
from facs_pipeline.landmarks.model import LandmarkModel


def load_landmarks(path: str | os.PathLike[str]) -> LandmarkModel | DlibLandmarks:
    """A landmark model from this package's ``.npz`` or from dlib's ``.dat``.

    Parameters
    ----------
    path : path
        Its suffix says which.

    Returns
    -------
    LandmarkModel or DlibLandmarks
        Both find and track faces, see `facs_pipeline.faces.landmark_finder.LandmarkFinder`.

    Raises
    ------
    ModelError
        If the file is no such model.

    Examples
    --------
    >>> load_landmarks("shape_predictor_68_face_landmarks.dat")  # doctest: +SKIP
    """
    return DlibLandmarks(path) if Path(path).suffix == ".dat" else LandmarkModel.load(path)

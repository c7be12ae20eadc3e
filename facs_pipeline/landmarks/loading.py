"""Landmark models from files, whoever made them."""

from __future__ import annotations

from pathlib import Path

from facs_pipeline.landmarks.dlib_predictor import DlibLandmarks
from facs_pipeline.landmarks.model import LandmarkModel


def load_landmarks(path: str | Path) -> LandmarkModel | DlibLandmarks:
    """A landmark model from our ``.npz`` or from dlib's ``.dat``.

    Raises
    ------
    ModelError
        If the file is no such model.

    Example
    -------
    >>> load_landmarks("shape_predictor_68_face_landmarks.dat")  # doctest: +SKIP
    """
    return DlibLandmarks(path) if Path(path).suffix == ".dat" else LandmarkModel.load(path)

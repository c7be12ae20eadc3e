"""dlib's 68-point files, with the methods of the package's own landmark model."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import dlib
import numpy as np

from facs_pipeline.deprecated import former_method
from facs_pipeline.faces.landmark_finder import Box, Located
from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.foundation.files.regular import read_whole, why_no_file
from facs_pipeline.foundation.images import geometry
from facs_pipeline.landmarks.dlib_file import check_shape_predictor
from facs_pipeline.landmarks.model import KIND, default_landmarks


class DlibLandmarks:
    """dlib's own ``shape_predictor`` file (68 points), with the methods of `LandmarkModel`.

    Such a file gives no confidence, so the embedded model judges the points.

    Parameters
    ----------
    path : path
        The file, ``.dat``.

    Raises
    ------
    ModelError
        If it is no such file, or of another number of points.

    Examples
    --------
    >>> model = DlibLandmarks("shape_predictor_68_face_landmarks.dat")  # doctest: +SKIP
    >>> points, confidence = model.find(grey, (x, y, width, height))  # doctest: +SKIP
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        path = Path(path)
        if problem := why_no_file(path):
            raise ModelError(f"{path}: no such landmark file ({problem})")
        try:
            content = read_whole(path)
            n_points = check_shape_predictor(content)
            self._predictor = dlib.shape_predictor(str(path))
        except (RuntimeError, ValueError, MemoryError) as error:
            raise ModelError(f"{path}: not a dlib shape predictor, or damaged ({error})") from None
        if n_points != 68:
            raise ModelError(f"{path}: a shape predictor of {n_points} points; expected iBUG's 68")
        self._judge = default_landmarks()
        self.mean_shape = self._judge.mean_shape
        # Confidence comes from the embedded model.
        self.sha256 = hashlib.sha256(content + self._judge.sha256.encode()).hexdigest()
        self.card = {"kind": KIND, "title": f"dlib shape predictor {path.name}", "content_sha256": self.sha256}

    def find(self, grey: np.ndarray, box: Box) -> Located:
        """Points of the face in a detector's box of `grey`, in one pass: a second makes them no better."""
        x, y, width, height = (round(v) for v in box)
        parts = self._predictor(grey, dlib.rectangle(x, y, x + width, y + height)).parts()
        points = np.array([(p.x, p.y) for p in parts], np.float32)
        return Located(points, self._judge.judge(grey, points))

    def track(self, grey: np.ndarray, points: np.ndarray) -> Located:
        """Points near the earlier ones `[68, 2]`, from the box that a detector would have given."""
        box_from_points = geometry.fit_similarity(self._judge.box_shape, points)
        corner = geometry.apply(box_from_points, np.array([[0.5, 0.5]]))[0]
        side = float(np.hypot(box_from_points[0, 0], box_from_points[1, 0]))
        return self.find(grey, (*(corner - side / 2), side, side))

    follow = former_method("follow", track)

    def judge(self, grey: np.ndarray, points: np.ndarray) -> float:
        """Confidence 0..1 that points `[68, 2]` lie on an unhidden face of `grey`, by the embedded model."""
        return self._judge.judge(grey, points)

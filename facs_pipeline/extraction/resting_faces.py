"""What is subtracted from a video's intensities: nothing, one resting face, or that of each person in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from facs_pipeline.action_units.baseline import resting_intensity, subtract_resting
from facs_pipeline.dynamics.face_series import series_of_faces


@dataclass(frozen=True)
class RestingFaces:
    """Resting intensities, of whoever is in the video or by face.

    Attributes
    ----------
    of_all : ndarray or None
        Resting intensities [k] that hold for every face.
    by_face : dict of int to ndarray, or None
        Face id -> resting intensities [k].
    """

    of_all: np.ndarray | None = None
    by_face: Mapping[int, np.ndarray] | None = field(default=None)

    @classmethod
    def of(
        cls,
        baseline: str | tuple[float, ...] | None,
        chunks: Iterable[tuple[Mapping[str, np.ndarray], np.ndarray]],
        frames: int,
    ) -> RestingFaces:
        """Resting faces for a setting of the baseline.

        Parameters
        ----------
        baseline : None, "video", or tuple of float
            See `facs_pipeline.extraction.stage.VideoSettings`.
        chunks : iterable of (dict, ndarray)
            Rows and intensities of the whole video; read for ``"video"`` only.
        frames : int
            Number of frames of the whole video.
        """
        if baseline is None:
            return cls()
        if baseline != "video":
            return cls(of_all=np.asarray(baseline, np.float64))
        series = series_of_faces(chunks, frames)
        return cls(by_face={face: resting_intensity(values) for face, (_, values) in series.items()})

    def subtract(self, intensities: np.ndarray, face_ids: np.ndarray) -> np.ndarray:
        """Intensities [m, k] above the resting faces, 0..5.

        `face_ids` [n] are those of all rows of the chunk, -1 where there is no face; m of them are not.
        """
        if self.of_all is not None:
            return subtract_resting(intensities, self.of_all)
        if self.by_face is None:
            return intensities
        rows = [
            subtract_resting(row[None], self.by_face[face])[0]
            for row, face in zip(intensities, face_ids[face_ids >= 0].tolist(), strict=True)
        ]
        return np.array(rows).reshape(intensities.shape)

"""When each face of a video has its eyes closed for longer than a blink: AU43 of the tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from facs_pipeline.dynamics.blinks import find_closed_eyes
from facs_pipeline.dynamics.face_series import BLINK_AU, series_of_faces


@dataclass(frozen=True)
class ClosedEyes:
    """Times with closed eyes.

    Attributes
    ----------
    spans : Mapping of int to list of tuple of float
        Face id -> first second and the one at which the eyes are open again.
    """

    spans: Mapping[int, list[tuple[float, float]]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, chunks: Iterable[tuple[Mapping[str, np.ndarray], np.ndarray]], aus: tuple[int, ...], frames: int
    ) -> ClosedEyes:
        """From rows and intensities [m, k] of the whole video; none where AU45 is not measured.

        Parameters
        ----------
        chunks : iterable of (dict, ndarray)
            See `facs_pipeline.dynamics.face_series.series_of_faces`.
        aus : tuple of int
            FACS numbers of the intensities' columns.
        frames : int
            Number of frames of the whole video.
        """
        if BLINK_AU not in aus:
            return cls()
        column = [aus.index(BLINK_AU)]
        series = series_of_faces(((rows, intensities[:, column]) for rows, intensities in chunks), frames)
        return cls({face: find_closed_eyes(au45[:, 0], times_s) for face, (times_s, au45) in series.items()})

    def rows(self, face_ids: np.ndarray, times_s: np.ndarray) -> np.ndarray:
        """Whether the eyes are closed in each of the rows that have a face [m]; of all rows [n] id (or -1) and time.

        Examples
        --------
        >>> ClosedEyes({0: [(1.0, 3.0)]}).rows(np.array([0, -1, 0, 0]), np.array([0.5, 1.0, 1.5, 3.0]))
        array([False,  True, False])
        """
        with_face = face_ids >= 0
        closed = np.zeros(with_face.sum(), bool)
        for face, spans in self.spans.items():
            mine = face_ids[with_face] == face
            for first, last in spans:
                closed |= mine & (times_s[with_face] >= first) & (times_s[with_face] < last)
        return closed

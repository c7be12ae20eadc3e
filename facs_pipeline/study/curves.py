"""Curves of one face: its action units over time, empty where the face is not there or not sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facs_pipeline.dynamics.quality import LOW_CONFIDENCE
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.tables.reader import AUSeries, read_au_table

LONGEST_STEP = 2.5
"""Frames further apart than so many usual steps have a gap between them, over which nothing is interpolated."""
ON_FRAME_S = 0.51e-3
"""Closer to a frame than this a moment is that frame's."""


@dataclass(frozen=True)
class Curves:
    """Action units of one face over time.

    Attributes
    ----------
    video, face_id : str
        As the table names them.
    times_s : ndarray of float
        Time stamps `[n]` in seconds, of all frames of the video.
    frames : ndarray of int
        Their numbers `[n]`.
    values : ndarray of float
        Intensities `[n, k]`; NaN without the face, and where it is less sure than was asked for.
    aus : tuple of int
        Numbers `[k]`.
    seen : ndarray of bool
        Where the face was found, however sure `[n]`.
    confidence : ndarray of float
        How sure `[n]`, 0..1; 0 without the face, 1 where the table does not say.
    """

    video: str
    face_id: str
    times_s: np.ndarray
    frames: np.ndarray
    values: np.ndarray
    aus: tuple[int, ...]
    seen: np.ndarray
    confidence: np.ndarray

    @property
    def used(self) -> np.ndarray:
        """Where any intensity is there `[n]`."""
        return np.isfinite(self.values).any(axis=1)

    @property
    def step_s(self) -> float:
        """Usual time from one frame to the next; 0 for a single frame."""
        return float(np.median(np.diff(self.times_s))) if len(self.times_s) > 1 else 0.0

    def at(self, moments_s: np.ndarray) -> np.ndarray:
        """Values at other moments, between two frames that follow each other in proportion.

        Parameters
        ----------
        moments_s : ndarray of float
            Moments `[m]` in seconds.

        Returns
        -------
        ndarray of float
            `[m, k]`; NaN before the first and after the last frame, beside a frame without the value, and between
            frames that are more than `LONGEST_STEP` usual steps apart. Time stamps are often rounded to milliseconds:
            a moment so close to a frame has that frame's value.
        """
        times, moments = self.times_s, np.asarray(moments_s, float)
        found = np.full((len(moments), self.values.shape[1]), np.nan)
        if not len(times):
            return found
        after = np.clip(np.searchsorted(times, moments), 1, max(len(times) - 1, 1))
        before = after - 1
        after = np.minimum(after, len(times) - 1)
        length = times[after] - times[before]
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(length > 0, (moments - times[before]) / length, 0.0)
        inside = (share >= 0) & (share <= 1) & (length <= LONGEST_STEP * self.step_s)
        share = np.clip(share, 0, 1)[inside, None]
        found[inside] = (1 - share) * self.values[before[inside]] + share * self.values[after[inside]]
        nearest = np.where(np.abs(moments - times[before]) <= np.abs(moments - times[after]), before, after)
        on_frame = np.abs(moments - times[nearest]) <= ON_FRAME_S
        found[on_frame] = self.values[nearest[on_frame]]
        return found


def read_curves(
    path: Path, aus: Sequence[int] = (), *, min_confidence: float = LOW_CONFIDENCE, face: str | None = None
) -> Curves:
    """Curves of one face of an action-unit table.

    Parameters
    ----------
    path : Path
        Table of this package, OpenFace, LibreFace or py-feat.
    aus : sequence of int
        Action units; none for all.
    min_confidence : float
        0..1; where the face is less sure its values are empty.
    face : str, optional
        Which one; by default the one that is seen longest.

    Raises
    ------
    InputError
        If the table cannot be read, or lacks the face or an action unit.
    """
    faces = read_au_table(path)
    one = _chosen(faces, face, path)
    missing = [au for au in aus if au not in one.aus]
    if missing:
        raise InputError(f"{path}: no AU {', '.join(map(str, missing))}, only {', '.join(map(str, one.aus))}")
    chosen = tuple(aus) or one.aus
    # py-feat counts from 0 to 1.
    values = one.intensities[:, [one.aus.index(au) for au in chosen]] * (5 if one.origin == "py-feat" else 1)
    confidence = np.nan_to_num(one.confidence) if one.confidence is not None else one.success.astype(float)
    values[confidence < min_confidence] = np.nan
    return Curves(one.video, one.face_id, one.times_s, one.frames, values, chosen, one.success, confidence)


def _chosen(faces: Sequence[AUSeries], face: str | None, path: Path) -> AUSeries:
    if face is None:
        return max(faces, key=lambda one: int(one.success.sum()))
    named = [one for one in faces if one.face_id == face]
    if not named:
        raise InputError(f"{path}: no face {face!r}, only {', '.join(one.face_id for one in faces) or 'none'}")
    return named[0]

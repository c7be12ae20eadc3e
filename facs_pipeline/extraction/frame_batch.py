"""A stretch of frames with their faces: what the stages that look at frames are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import numpy as np

from facs_pipeline.analysis.face import AnalysedFace
from facs_pipeline.features.eye_values import N_VALUES, eye_values
from facs_pipeline.features.vector import N_FEATURES
from facs_pipeline.landmarks.pose import head_pose_and_place
from facs_pipeline.video.reader import Frame


class VideoFacts(TypedDict):
    """What is known of a video once it is decoded.

    Attributes
    ----------
    frames, frames_with_face : int
    first_s, last_s : float
        Times of the first and the last frame, in seconds.
    stated_s : float
        Duration that the file states of its pictures, in seconds; 0 where it states none.
    cuts : int
    start_s : float
        Time stamp at which a player begins, in seconds.
    gaps : int
        How often two frames are more than `facs_pipeline.dynamics.resampling.LONGEST_GAP_S` apart.
    gaps_s : float
        Seconds of all of these together.
    other_person : int
        After how many cuts the one face that is tracked seems to be another person's.
    notes : list of str
        What the reader has to say, see `facs_pipeline.video.reader.FrameReader`.
    sizes : int
        How many different sizes its frames have.
    upright_turn : int
        By how many degrees clockwise a video without a face must be turned to show one; 0 if by none.
    """

    frames: int
    frames_with_face: int
    first_s: float
    last_s: float
    stated_s: float
    cuts: int
    start_s: float
    gaps: int
    gaps_s: float
    other_person: int
    notes: list[str]
    sizes: NotRequired[int]
    upright_turn: NotRequired[int]


class FrameBatch:
    """Consecutive frames and their faces, without the pictures.

    Attributes
    ----------
    facts : VideoFacts or None
        What is known of the video; of the last batch only.
    """

    def __init__(self) -> None:
        self.facts: VideoFacts | None = None
        self._rows: list[tuple[int, int, float, float, tuple[float, ...], bool]] = []
        self._faces: list[AnalysedFace] = []
        self._frames = 0

    def __len__(self) -> int:
        return self._frames

    def add(self, frame: Frame, faces: Sequence[AnalysedFace]) -> None:
        """Append a frame with its faces."""
        self._frames += 1
        if not faces:
            self._rows.append((frame.index, -1, frame.time_s, 0.0, (np.nan,) * 4, False))
        for face in faces:
            row = frame.index, face.face_id, frame.time_s, float(face.score), tuple(face.box), face.cut
            self._rows.append(row)
            self._faces.append(face)

    def rows(self) -> dict[str, np.ndarray]:
        """Columns [n], a row a face: ``frame``, ``face_id``, ``time_s``, ``score``, ``box`` [n, 4], ``cut``."""
        frame, face_id, time_s, score, box, cut = zip(*self._rows, strict=True)
        return {
            "frame": np.array(frame, np.int64),
            "face_id": np.array(face_id, np.int64),
            "time_s": np.array(time_s, np.float64),
            "score": np.array(score, np.float32),
            "box": np.array(box, np.float32),
            "cut": np.array(cut, bool),
        }

    def place_and_pose(self) -> np.ndarray:
        """Place in millimetres and angles in radians [m, 6] of the heads, see `facs_pipeline.landmarks.pose`."""
        numbers, points = np.empty((len(self._faces), 6), np.float32), self.points()
        # Pictures of a video are of one size, but for a change in mid-file.
        for shape in {face.shape for face in self._faces}:
            rows = [row for row, face in enumerate(self._faces) if face.shape == shape]
            numbers[rows] = head_pose_and_place(points[rows], shape)
        return numbers

    def points(self) -> np.ndarray:
        """Landmarks [m, 68, 2] float32 of the faces, in pixels."""
        return np.array([face.points for face in self._faces], np.float32).reshape(-1, 68, 2)

    def eyes(self) -> np.ndarray:
        """Values of both eyes [m, 2, 292] float32 of the faces."""
        values = [eye_values(face.texture, face.points, face.registration) for face in self._faces]
        return np.array(values, np.float32).reshape(-1, 2, N_VALUES)

    def ibug_points(self) -> np.ndarray:
        """The same at iBUG's places, as the tables have them [m, 68, 2] float32."""
        places = self._faces[0].places if self._faces else None
        return self.points() if places is None else places.ibug(self.points()).astype(np.float32)

    def textures(self) -> list[np.ndarray]:
        """Registered faces [120, 120] uint8, one for each face."""
        return [face.texture for face in self._faces]

    def features(self) -> np.ndarray:
        """Feature vectors [m, 9055] uint8 of the faces."""
        return np.array([face.features for face in self._faces], np.uint8).reshape(-1, N_FEATURES)

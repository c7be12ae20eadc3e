"""One face in one picture: where it is, and all that is measured of it, computed when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np

from facs_pipeline.action_units.baseline import subtract_resting
from facs_pipeline.action_units.gaze import EYES_CLOSED, GazeModel, eyes_turned, gaze_angles
from facs_pipeline.action_units.sides import SideModel, both_sides
from facs_pipeline.dynamics.face_series import BLINK_AU
from facs_pipeline.faces.detector import Box
from facs_pipeline.features.confidence import Confidence, default_confidence
from facs_pipeline.features.eye_values import eye_values
from facs_pipeline.features.vector import features_of_texture
from facs_pipeline.foundation.threads import one_thread
from facs_pipeline.landmarks.places import Places
from facs_pipeline.landmarks.pose import head_pose_and_place
from facs_pipeline.tables.au_table import present
from facs_pipeline.tables.schema import ACTION_UNITS


@dataclass(eq=False)
class AnalysedFace:
    """One face in one picture, and what was measured of it.

    Attributes
    ----------
    face_id : int
        The person's number within the video, from 0; within a still, the number of the face.
    frame : int
        Number of the frame, from 0, counted by the analyser.
    time_s : float
        Time of the frame in seconds, as it was given.
    box : tuple of float
        Left, top, width and height of the frame round the points, brows to chin, in pixels.
    points : ndarray of float32
        The landmark model's 68 points [68, 2] in pixels, by which the face is registered.
    score : float
        0..1, that the points lie on a face; the tracker goes by it.
    cut : bool
        The picture changed altogether since the frame before.
    texture : ndarray of uint8
        The registered face [120, 120].
    intensities : ndarray of float32, or None
        Of the action units [k], 0..5, in the order of `FaceAnalyser.aus`; None without an action-unit model. NaN where
        the half of the face in which an action unit is cannot be trusted, see `facs_pipeline.features.confidence`.
    emotions : ndarray of float32, or None
        Probabilities [c] of the labels in the order of `FaceAnalyser.emotions`; None without an emotion model.
    detected : bool
        False only for the default place of a still in which no face was found, where that was asked for.
    registration : ndarray of float64, or None
        Similarity [2, 3] from the picture's pixels to those of `texture`; None where it was not stored.
    shape : tuple of int
        Height and width of the picture in pixels.
    places : Places, or None
        How far the points lie from iBUG's places; None where that is not known.
    """

    face_id: int
    frame: int
    time_s: float
    box: Box
    points: np.ndarray = field(repr=False)
    score: float
    cut: bool
    texture: np.ndarray = field(repr=False)
    intensities: np.ndarray | None = None
    emotions: np.ndarray | None = None
    detected: bool = True
    registration: np.ndarray | None = field(default=None, repr=False)
    shape: tuple[int, ...] = (0, 0)
    places: Places | None = field(default=None, repr=False)
    aus: tuple[int, ...] = field(default=(), repr=False)
    levels: Mapping[int, float] = field(default_factory=dict, repr=False)
    differences: np.ndarray | None = field(default=None, repr=False)
    resting: np.ndarray | None = field(default=None, repr=False)

    @cached_property
    def features(self) -> np.ndarray:
        """LBP, HOG and shape [9055] uint8, see `facs_pipeline.features`; computed on first use."""
        return features_of_texture(self.texture, self.points, self.registration)

    @cached_property
    def ibug_points(self) -> np.ndarray:
        """The landmarks [68, 2] at iBUG's places, as tables have them; see `facs_pipeline.landmarks.places`."""
        return self.points if self.places is None else self.places.ibug(self.points[None])[0].astype(np.float32)

    @cached_property
    def trust(self) -> Confidence:
        """How far this one face can be trusted, see `facs_pipeline.features.confidence`; computed on first use."""
        return default_confidence().judge(self.features[None], self.points[None], np.array([self.score]))

    @property
    def confidence(self) -> float:
        """Probability that the mean error of the points is below 5 % of the distance of the outer eye corners."""
        return float(self.trust.whole[0])

    @property
    def confidence_upper(self) -> float:
        """The same of brows and eyes, and that they can be seen."""
        return float(self.trust.upper[0])

    @property
    def confidence_lower(self) -> float:
        """The same of the mouth, and that it can be seen."""
        return float(self.trust.lower[0])

    @property
    def occluded(self) -> str:
        """What hides the face: sunglasses, mask, or which half of it; ``"no"`` for nothing."""
        return str(self.trust.occluded[0])

    @cached_property
    def pose(self) -> np.ndarray:
        """Pitch, yaw and roll [3] in radians, see `facs_pipeline.head_pose`; computed on first use."""
        return self.place_and_pose[3:]

    @cached_property
    def place_and_pose(self) -> np.ndarray:
        """Where the head is, x, y and z in millimetres, and its `pose` [6]; see `facs_pipeline.landmarks.pose`."""
        return head_pose_and_place(self.points[None], self.shape)[0]

    @property
    def above_rest(self) -> np.ndarray | None:
        """Intensities [k] above the resting face, as the tables' ``AU<nn>_r``; just `intensities` without one."""
        if self.intensities is None or self.resting is None:
            return self.intensities
        return subtract_resting(self.intensities, self.resting)

    @property
    def sided_aus(self) -> tuple[int, ...]:
        """FACS numbers of `left` and `right`: those of `aus` that have two sides."""
        return two_sided(self.aus)

    @cached_property
    def side_differences(self) -> np.ndarray:
        """By how much each of `sided_aus` is stronger on the person's own left [u]; computed on first use."""
        return side_differences(self.features, self.aus) if self.differences is None else self.differences

    @property
    def left(self) -> np.ndarray:
        """Intensities of `sided_aus` on the person's own left [u], 0..5: the tables' ``AU<nn>L_r``."""
        return self._sides[0]

    @property
    def right(self) -> np.ndarray:
        """The same on the right: ``AU<nn>R_r``."""
        return self._sides[1]

    @property
    def _sides(self) -> tuple[np.ndarray, np.ndarray]:
        if self.above_rest is None:
            return np.empty(0), np.empty(0)
        return both_sides(self.above_rest[[self.aus.index(au) for au in self.sided_aus]], self.side_differences)

    @property
    def present(self) -> dict[int, float]:
        """Action unit -> 1 if it is there, 0 if not, NaN where unknown: the tables' ``AU<nn>_c``, without AU43."""
        if self.above_rest is None:
            return {}
        written = ACTION_UNITS["AU01_r"].rounded(self.above_rest)
        found = {au: float(present(written[self.aus.index(au)], level)) for au, level in self.levels.items()}
        return found | self.turned

    @cached_property
    def eye_angles(self) -> np.ndarray:
        """How the eyes are turned in the head [2] in radians, closed or not, see `facs_pipeline.action_units.gaze`."""
        values = eye_values(self.texture, self.points, self.registration)
        return GazeModel.load_default().angles(values[None])[0]

    @property
    def eyes_seen(self) -> bool:
        """Whether the eyes are open and trusted; where AU45 is not measured, they are taken for open."""
        if self.intensities is None or BLINK_AU not in self.aus:
            return True
        # An eye whose half of the face is not trusted has NaN here.
        return bool(self.intensities[self.aus.index(BLINK_AU)] < EYES_CLOSED)

    @property
    def gaze(self) -> np.ndarray:
        """``gaze_angle_x`` and ``gaze_angle_y`` [2] in radians; NaN for closed or hidden eyes."""
        if not self.eyes_seen:
            return np.full(2, np.nan)
        return gaze_angles(self.eye_angles[None], self.pose[None])[0]

    @property
    def turned(self) -> dict[int, float]:
        """AU61 to 64: 1 if the eyes are turned to the person's left, right, up or down, else 0; NaN as `gaze`."""
        known = self.eyes_seen
        return {au: float(is_so[0]) if known else np.nan for au, is_so in eyes_turned(self.eye_angles[None]).items()}


@cache
def two_sided(aus: tuple[int, ...]) -> tuple[int, ...]:
    """Those of the action units that have two sides, see `facs_pipeline.action_units.sides`."""
    sided = SideModel.load_default().aus
    return tuple(au for au in aus if au in sided)


def side_differences(features: np.ndarray, aus: tuple[int, ...]) -> np.ndarray:
    """Left less right [u] of `two_sided` of the action units, from a face's features [9055]."""
    if not aus:
        return np.empty(0, np.float32)
    model = SideModel.load_default()
    columns = [model.aus.index(au) for au in two_sided(aus)]
    with one_thread():
        return model.differences(features[None])[0, columns]

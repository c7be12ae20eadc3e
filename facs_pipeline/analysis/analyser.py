"""The one chain: picture -> faces -> landmarks -> features -> action units (and emotions), frame by frame.

Everything that measures faces goes through `FaceAnalyser`: runs over videos, stills, training, explanations, a camera.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from facs_pipeline.action_units.baseline import subtract_resting
from facs_pipeline.action_units.bilateral_filter import BilateralFilter
from facs_pipeline.action_units.gaze import EYES_CLOSED, GazeModel, eyes_turned, gaze_angles
from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.action_units.sides import SideModel, both_sides
from facs_pipeline.analysis.pictures import Colour, as_grey
from facs_pipeline.analysis.stills import face_near, face_places, is_face
from facs_pipeline.dynamics.face_series import BLINK_AU
from facs_pipeline.faces.detector import Box
from facs_pipeline.faces.tracker import FaceTracker, TrackedFace
from facs_pipeline.features.confidence import Confidence, default_confidence
from facs_pipeline.features.eye_values import eye_values
from facs_pipeline.features.registration import registered_texture, registration
from facs_pipeline.features.vector import features_of_texture
from facs_pipeline.foundation.threads import one_thread
from facs_pipeline.landmarks.dlib_predictor import DlibLandmarks
from facs_pipeline.landmarks.loading import load_landmarks
from facs_pipeline.landmarks.model import LandmarkModel, default_landmarks
from facs_pipeline.landmarks.places import Places, places_of
from facs_pipeline.landmarks.pose import head_pose_and_place
from facs_pipeline.tables.au_table import present
from facs_pipeline.tables.schema import ACTION_UNITS

if TYPE_CHECKING:
    from facs_pipeline.emotions.model import EmotionModel

Default = Literal["default"]
"""The model that comes with the package."""
Landmarks = LandmarkModel | DlibLandmarks
Smoothing = bool | Literal["causal"]
"""See `FaceAnalyser`."""


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


class FaceAnalyser:
    """Measures the faces of one video, camera or image; feed it the frames in order.

    Parameters
    ----------
    landmarks : LandmarkModel, DlibLandmarks, path, or "default"
        Model of the 68 points.
    action_units : ActionUnitModel, path, "default", or None
        Model of the intensities; None measures none.
    emotions : EmotionModel, path, "default", or None
        Model of emotion labels that takes a face's features; None measures none.
    faces : "one" or "all"
        The main face only (the largest, middlemost), always with id 0, or everybody.
    smoothing : bool or "causal"
        Smooth points, intensities and sides over time, as in the tables. Points come without delay. Intensities are
        averaged with those of the frames just before and after, so a face is given `delay_s` later. ``"causal"``
        averages with those before only, and gives each face at once, as False does, which smooths nothing.
    colour : "rgb", "bgr" or None
        Order of the channels of colour pictures; must be said where pictures are in colour.

    Attributes
    ----------
    landmarks, action_units, emotion_model
        The models.
    places : Places or None
        How far the landmark model's points lie from iBUG's places, where that is known.
    cut : bool
        Whether the last frame was the first after a cut, with or without a face.

    Notes
    -----
    What a loop gives is what the tables of `facs extract-features` hold, but for rounding (0.0001 intensity units), and
    without AU43: whether closed eyes are a blink shows only when they open.

    Examples
    --------
    >>> from skimage.data import astronaut
    >>> analyser = FaceAnalyser(smoothing=False, colour="rgb")
    >>> [face] = analyser.update(astronaut(), 0.0)
    >>> face.points.shape, len(face.intensities) == len(analyser.aus), round(float(face.confidence), 1)
    ((68, 2), True, 1.0)
    """

    def __init__(
        self,
        landmarks: Landmarks | str | os.PathLike[str] = "default",
        action_units: ActionUnitModel | str | os.PathLike[str] | None = "default",
        emotions: EmotionModel | str | os.PathLike[str] | None = None,
        *,
        faces: Literal["one", "all"] = "one",
        smoothing: Smoothing = True,
        colour: Colour | None = None,
    ) -> None:
        self.landmarks: Landmarks = _landmarks(landmarks)
        self.places = places_of(self.landmarks.sha256)
        self.action_units = _action_units(action_units)
        self.emotion_model = _emotions(emotions)
        self._faces: Literal["one", "all"] = faces
        self._smoothing: Smoothing = smoothing
        self._colour = colour
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next frame begins another video."""
        self._tracker = FaceTracker(self.landmarks, faces=self._faces, smoothing=bool(self._smoothing))
        self._filter = BilateralFilter(causal=self._smoothing == "causal")
        self._waiting: deque[AnalysedFace] = deque()
        self._frame = 0
        self.cut = False

    @property
    def aus(self) -> tuple[int, ...]:
        """FACS numbers of `AnalysedFace.intensities`."""
        return self.action_units.aus if self.action_units else ()

    @property
    def presence(self) -> dict[int, float]:
        """Action unit -> the intensity from which on coders say that it is there, where the model knows."""
        return self.action_units.presence if self.action_units else {}

    @property
    def emotions(self) -> tuple[str, ...]:
        """Names of `AnalysedFace.emotions`."""
        return tuple(self.emotion_model.emotions) if self.emotion_model else ()

    @property
    def other_person(self) -> int:
        """After how many cuts the main face seems to be another person's; 0 where everybody is measured."""
        return self._tracker.other_person

    @property
    def delay_s(self) -> float:
        """How much later than its frame a face is given, in seconds."""
        return self._filter.reach_s if self._smooths and not self._filter.causal else 0.0

    @property
    def due(self) -> int:
        """Number of faces that await later frames."""
        return len(self._waiting)

    @property
    def _smooths(self) -> bool:
        return bool(self._smoothing) and self.action_units is not None

    def update(self, picture: np.ndarray, time_s: float) -> list[AnalysedFace]:
        """The faces that are finished once the next frame is there.

        Parameters
        ----------
        picture : ndarray
            Grey or colour, see `facs_pipeline.analysis.pictures.as_grey`.
        time_s : float
            Its time in seconds; must increase.

        Returns
        -------
        list of AnalysedFace
            With smoothing those of frames up to `delay_s` ago that were not given yet, by `frame`; else this frame's.

        Raises
        ------
        InputError
            If the picture is not one.
        """
        faces = self.track(as_grey(picture, self._colour), time_s)
        for face in faces:
            self._measure(face)
        if not self._smooths:
            return self._trusted(faces)
        self._waiting.extend(faces)
        # The filter treats each column by itself, so both go through one.
        rows = [np.concatenate([face.intensities, face.side_differences]) for face in faces]
        values = np.array(rows, np.float32).reshape(-1, len(self.aus) + len(two_sided(self.aus)))
        ids = [face.face_id for face in faces]
        return self._finished(self._filter.push_frame(ids, values, time_s, cut=self.cut))

    def finish(self) -> list[AnalysedFace]:
        """The faces that are still due after the last frame."""
        return self._finished(self._filter.finish()) if self._smooths else []

    def track(self, grey: np.ndarray, time_s: float) -> list[AnalysedFace]:
        """The faces of the next frame, a grey picture [h, w] uint8, without intensities and emotions.

        For callers that predict many faces at once from their `features`.
        """
        tracked = self._tracker.update(grey, time_s)
        self.cut = self._tracker.cut
        faces = [self._face(grey, one, time_s) for one in tracked]
        self._frame += 1
        return faces

    def analyse_image(
        self, picture: np.ndarray, *, near: np.ndarray | None = None, default_place: bool = False
    ) -> list[AnalysedFace]:
        """The faces of a picture that stands for itself.

        Parameters
        ----------
        picture : ndarray
            Grey or colour, see `facs_pipeline.analysis.pictures.as_grey`. One of less than 128 pixels is taken for the
            tight crop of one face.
        near : ndarray, optional
            Landmarks [68, 2] in pixels that say where the one face is: its place, size and tilt, which saves the
            search.
        default_place : bool
            Where no face is found, give the place where the face of a tight crop would be, with `detected` False.

        Returns
        -------
        list of AnalysedFace
            Empty where no face is found.
        """
        grey = as_grey(picture, self._colour)
        if near is not None:
            points, score = face_near(grey, self.landmarks, near)
            faces = [self._still_face(grey, points, score)] if is_face(score) else []
        else:
            places = face_places(grey, self.landmarks, self._faces)
            faces = [
                self._still_face(grey, points, self.landmarks.judge(grey, points), number, detected)
                for number, (points, detected) in enumerate(places)
                if detected or default_place
            ]
        for face in faces:
            self._measure(face)
        return self._trusted(faces)

    def face_at(self, picture: np.ndarray, points: np.ndarray) -> AnalysedFace:
        """The face whose points [68, 2] in pixels are known, with all of its intensities.

        They are the landmark model's; `facs_pipeline.tables.reader.table_points` gives those of a table.
        """
        grey = as_grey(picture, self._colour)
        points = np.asarray(points, np.float32)
        face = self._still_face(grey, points, self.landmarks.judge(grey, points))
        self._measure(face)
        return face

    def _measure(self, face: AnalysedFace) -> None:
        if self.action_units is None and self.emotion_model is None:
            return
        with one_thread():
            if self.action_units is not None:
                face.intensities = self.action_units.predict(face.features)
            if self.emotion_model is not None:
                from facs_pipeline.emotions.series import emotion_probabilities

                face.emotions = emotion_probabilities(self.emotion_model, face.features[None])[0]

    def _face(self, grey: np.ndarray, tracked: TrackedFace, time_s: float) -> AnalysedFace:
        matrix = registration(tracked.points)
        return AnalysedFace(
            tracked.face_id,
            self._frame,
            time_s,
            tracked.box,
            tracked.points,
            tracked.confidence,
            tracked.cut,
            registered_texture(grey, tracked.points, matrix),
            registration=matrix,
            shape=grey.shape,
            places=self.places,
            aus=self.aus,
            levels=self.presence,
        )

    def _still_face(
        self, grey: np.ndarray, points: np.ndarray, score: float, face_id: int = 0, detected: bool = True
    ) -> AnalysedFace:
        (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        box = left, top, right - left, bottom - top
        texture = registered_texture(grey, points)
        return AnalysedFace(
            face_id, 0, 0.0, box, points, score, False, texture, detected=detected, shape=grey.shape,
            places=self.places, aus=self.aus, levels=self.presence,
        )  # fmt: skip

    def _finished(self, smoothed: np.ndarray | None) -> list[AnalysedFace]:
        """The faces that have waited longest, as many as there are smoothed intensities [m, k]."""
        if smoothed is None:
            return []
        faces = [self._waiting.popleft() for _ in smoothed]
        for face, values in zip(faces, smoothed, strict=True):
            face.intensities, differences = np.split(values, [len(self.aus)])
            del face.side_differences  # of the one picture
            face.differences = differences
        return self._trusted(faces)

    def _trusted(self, faces: list[AnalysedFace]) -> list[AnalysedFace]:
        """The faces, without intensities of which nothing is known."""
        for face in faces:
            if face.intensities is not None:
                face.intensities = face.trust.trusted(face.intensities[None], self.aus)[0]
        return faces


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


def _landmarks(given: Landmarks | str | os.PathLike[str]) -> Landmarks:
    if isinstance(given, str) and given == "default":
        return default_landmarks()
    return load_landmarks(given) if isinstance(given, str | os.PathLike) else given


def _action_units(given: ActionUnitModel | str | os.PathLike[str] | None) -> ActionUnitModel | None:
    if isinstance(given, str) and given == "default":
        return ActionUnitModel.load_default()
    return ActionUnitModel.load(given) if isinstance(given, str | os.PathLike) else given


def _emotions(given: EmotionModel | str | os.PathLike[str] | None) -> EmotionModel | None:
    if not isinstance(given, str | os.PathLike):
        return given
    from facs_pipeline.emotions.model import COMPACT_MODEL, EmotionModel

    return EmotionModel.load(COMPACT_MODEL if given == "default" else given)

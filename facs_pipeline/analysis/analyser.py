"""The one chain: picture -> faces -> landmarks -> features -> action units (and emotions), frame by frame.

Everything that measures faces goes through `FaceAnalyser`: runs over videos, stills, training, explanations, a camera.
"""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Literal

import numpy as np

from facs_pipeline.action_units.bilateral_filter import BilateralFilter
from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.analysis.face import AnalysedFace, two_sided
from facs_pipeline.analysis.pictures import Colour, as_grey
from facs_pipeline.analysis.stills import face_near, face_places, is_face
from facs_pipeline.faces.tracker import FaceTracker, TrackedFace
from facs_pipeline.features.registration import registered_texture, registration
from facs_pipeline.foundation.threads import one_thread
from facs_pipeline.landmarks.dlib_predictor import DlibLandmarks
from facs_pipeline.landmarks.loading import load_landmarks
from facs_pipeline.landmarks.model import LandmarkModel, default_landmarks
from facs_pipeline.landmarks.places import places_of

if TYPE_CHECKING:
    from facs_pipeline.emotions.model import EmotionModel

Default = Literal["default"]
"""The model that comes with the package."""
Landmarks = LandmarkModel | DlibLandmarks
Smoothing = bool | Literal["causal"]
"""See `FaceAnalyser`."""


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

"""Stage 2, frames -> tracked faces: found by a full search, then tracked by their own landmarks.

A full search (dlib's HOG + SVM detector, King 2009) runs at the start, after a loss, after a cut and now and then.
Between searches the landmark model starts from the last frame's points and tells how sure it is of a face there. Where
it is unsure, and once a second, the detector searches a small patch of constant size round the face. So the cost of a
frame does not grow with the picture.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, NamedTuple

import cv2
import numpy as np

from facs_pipeline.deprecated import renamed_parameters
from facs_pipeline.faces.detector import face_size, find_faces, find_near, frontal_detector, search_scales
from facs_pipeline.faces.landmark_finder import Box, LandmarkFinder, Located
from facs_pipeline.faces.recognition import Portraits, portrait
from facs_pipeline.faces.second_look import look_again
from facs_pipeline.faces.settings import SETTINGS
from facs_pipeline.faces.trigger import may_show_faces
from facs_pipeline.foundation.one_euro_filter import OneEuroFilter


class TrackedFace(NamedTuple):
    """One face in one frame.

    Attributes
    ----------
    face_id : int
        The person's number within the video, from 0, the same after losses and cuts.
    box : tuple of float
        Left, top, width and height of the frame round the points, brows to chin, in pixels.
    points : ndarray of float32
        iBUG's landmarks `[68, 2]` in pixels, smoothed over time.
    confidence : float
        0..1, that the points lie on an unhidden face.
    cut : bool
        Whether the frame is the first after a cut.

    Examples
    --------
    >>> from skimage.data import astronaut
    >>> from facs_pipeline import default_landmarks
    >>> grey = astronaut().mean(axis=2).astype(np.uint8)
    >>> [face] = FaceTracker(default_landmarks()).update(grey, 0.0)
    >>> face.face_id, face.points.shape, face.cut
    (0, (68, 2), False)
    """

    face_id: int
    box: Box
    points: np.ndarray
    confidence: float
    cut: bool


class _Track:
    """A person's face: where it was last, and its portraits."""

    def __init__(self, face_id: int, points: np.ndarray, time_s: float, smoothing: bool):
        self.face_id, self.points = face_id, points
        # Where it was surely itself: whoever passes in front drags the points along before the track is lost.
        self.portrayed = points
        self.last_s = self.checked_s = time_s
        self.portraits = Portraits()
        self.filter = OneEuroFilter() if smoothing else None

    def move(self, points: np.ndarray, time_s: float) -> None:
        self.points, self.last_s = points, time_s


class _Observation(NamedTuple):
    """A track with its points `[68, 2]` in this frame and their confidence."""

    track: _Track
    points: np.ndarray
    confidence: float


class FaceTracker:
    """Finds and tracks the faces of one video, which is fed to it frame by frame.

    Parameters
    ----------
    landmark_model : LandmarkFinder
        Such as `facs_pipeline.landmarks.model.LandmarkModel`.
    faces : {"one", "all"}
        Track the main face only (the largest, middlemost), always with id 0, or everybody.
    smoothing : bool
        Take the jitter out of the points, see `facs_pipeline.foundation.one_euro_filter`.
    still : bool
        The one frame is a still, worth a longer search: there is no next frame in which to find a face.

    Attributes
    ----------
    cut : bool
        Whether the last frame was the first after a cut, with or without a face.
    other_person : int
        With ``faces="one"``, after how many cuts the face seems to be another person's.

    Examples
    --------
    >>> tracker = FaceTracker(LandmarkModel.load())  # doctest: +SKIP
    >>> for frame in read_frames("interview.mp4"):  # doctest: +SKIP
    ...     for face in tracker.update(frame.image, frame.time_s):
    ...         print(frame.index, face.face_id, face.confidence)
    """

    @renamed_parameters(steady="smoothing")
    def __init__(
        self,
        landmark_model: LandmarkFinder,
        *,
        faces: Literal["one", "all"] = "one",
        smoothing: bool = True,
        still: bool = False,
    ) -> None:
        self._model = landmark_model
        self._one = faces == "one"
        self._smoothing, self._still = smoothing, still
        self._detector = frontal_detector()
        self._tracked: list[_Track] = []
        self._lost: list[_Track] = []
        self._thumbnail = np.empty(0, np.uint8)
        self._searched_s = -np.inf
        self._frames_lost = 0
        self.cut = False
        self.other_person = 0

    def update(self, grey: np.ndarray, time_s: float) -> list[TrackedFace]:
        """Faces in the next frame.

        Parameters
        ----------
        grey : ndarray of uint8
            The frame `[h, w]`.
        time_s : float
            When it is shown, in seconds.

        Returns
        -------
        list of TrackedFace
            In order of their ids.
        """
        cut = self.cut = self._is_cut(grey)
        if cut:
            for track in self._tracked:
                track.last_s = -np.inf  # after a cut a place says nothing of who is there
            self._lost += self._tracked
            self._tracked = []
            self._frames_lost = 0
        observed: list[_Observation] = []
        for track in list(self._tracked):
            located = self._track(track, grey, time_s)
            if located is None:
                self._tracked.remove(track)
                self._lost.append(track)
                # Most faces come back where they were a moment ago: not worth the finer searches at once.
                self._frames_lost = SETTINGS.search_every[0]
            else:
                observed.append(_Observation(track, *located))
        if not self._one:
            observed = self._without_doubles(grey, observed)
            self._add_portraits(grey, observed, time_s)
        if self._must_search(time_s):
            observed += self._search(grey, time_s, [one.points for one in observed])
        self._frames_lost = 0 if observed else self._frames_lost + 1
        faces = (self._face(one, time_s, grey.shape) for one in observed)
        return sorted(faces, key=lambda face: face.face_id)

    def _without_doubles(self, grey: np.ndarray, observed: list[_Observation]) -> list[_Observation]:
        """Where one person passes in front of another, two tracks come to the same face: the more similar one stays."""
        single: list[_Observation] = []
        for new in observed:
            same = next((old for old in single if _same_place(old.points, new.points)), None)
            if same is not None:
                picture = portrait(grey, new.points, self._model.mean_shape)
                loser = min(same, new, key=lambda one: one.track.portraits.similarity(picture))
                self._tracked.remove(loser.track)
                self._lost.append(loser.track)
                if loser is new:
                    continue
                single = [old for old in single if old is not same]
            single.append(new)
        return single

    def _add_portraits(self, grey: np.ndarray, observed: list[_Observation], time_s: float) -> None:
        for track, points, confidence in observed:
            if confidence >= SETTINGS.sure_confidence and track.portraits.due(time_s):
                track.portraits.add(portrait(grey, points, self._model.mean_shape), time_s)
                track.portrayed = points

    def _face(self, observed: _Observation, time_s: float, shape: tuple[int, ...]) -> TrackedFace:
        track, points, confidence = observed
        if track.filter is not None:
            points = track.filter(points, time_s)
        (left, top), (right, bottom) = np.minimum.reduce(points).tolist(), np.maximum.reduce(points).tolist()
        if left < 0 or top < 0 or right >= shape[1] or bottom >= shape[0]:
            # Nothing is known of what lies outside the frame, however well the rest fits.
            confidence *= _share_inside(points, shape)
        return TrackedFace(track.face_id, (left, top, right - left, bottom - top), points, confidence, self.cut)

    def _track(self, track: _Track, grey: np.ndarray, time_s: float) -> Located | None:
        before = track.points
        points, confidence = self._model.track(grey, before)
        if confidence < SETTINGS.sure_confidence:
            points, confidence = self._model.track(grey, points)
        recheck = time_s - track.checked_s >= SETTINGS.recheck_s and confidence + SETTINGS.surer_by < 1
        if confidence < SETTINGS.sure_confidence or recheck:
            track.checked_s = time_s
            box = find_near(self._detector, grey, before, -0.3)
            if box is not None:
                again = self._model.find(grey, box)
                if again.confidence > confidence + SETTINGS.surer_by:
                    points, confidence = again
            elif confidence < SETTINGS.lost_confidence:
                return None
        if confidence < SETTINGS.lost_confidence and not _plausible(points, grey.shape):
            return None
        track.move(points, time_s)
        return Located(points, confidence)

    def _must_search(self, time_s: float) -> bool:
        if self.cut or not self._tracked:
            return True
        return not self._one and time_s - self._searched_s >= SETTINGS.search_again_s

    def _search(self, grey: np.ndarray, time_s: float, known: list[np.ndarray]) -> list[_Observation]:
        """Faces that are new or back, apart from those whose points are `known`."""
        self._searched_s = time_s
        faces: list[Located] = []
        for box in self._search_where_lost(grey) or self._detect(grey):
            centre = np.array([box[0] + box[2] / 2, box[1] + box[3] / 2])
            if any(np.all(np.abs(centre - p.mean(axis=0)) < 0.6 * face_size(p)) for p in known):
                continue
            located = self._model.find(grey, box)
            if located.confidence >= SETTINGS.lost_confidence and _plausible(located.points, grey.shape):
                faces.append(located)
                known = [*known, located.points]
        if not faces and not known:
            faces = self._look_again(grey)
        if self._one and faces:
            faces = [max(faces, key=lambda face: _prominence(face, grey.shape))]
        return [_Observation(self._start_track(grey, points, time_s), points, sure) for points, sure in faces]

    def _look_again(self, grey: np.ndarray) -> list[Located]:
        """Faces that the detector is not sure of: of a still, or now and then while nobody is there."""
        due = self._frames_lost % SETTINGS.look_again_every == SETTINGS.look_again_after
        if self._blank() or not (self._still or due):
            return []
        sides = SETTINGS.search_sides[: 2 if self._still else 1]
        faces = look_again(self._detector, grey, self._model, sides=sides, thorough=self._still)
        return [face for face in faces if _plausible(face.points, grey.shape)]

    def _start_track(self, grey: np.ndarray, points: np.ndarray, time_s: float) -> _Track:
        picture = portrait(grey, points, self._model.mean_shape)
        track = self._recognise(picture, points, time_s)
        if track is None:
            track = _Track(len(self._tracked) + len(self._lost), points, time_s, self._smoothing)
        else:
            self._lost.remove(track)
            if track.filter is not None:
                track.filter.reset()
        track.move(points, time_s)
        track.portraits.add(picture, time_s)
        track.portrayed = points
        track.checked_s = time_s
        self._tracked.append(track)
        return track

    def _recognise(self, picture: np.ndarray, points: np.ndarray, time_s: float) -> _Track | None:
        """The lost track of the person whose portrait is `picture`, None if it is somebody new."""
        if self._one:
            track = self._lost[0] if self._lost else None
            if track and track.last_s == -np.inf and track.portraits.similarity(picture) < SETTINGS.same_person:
                self.other_person += 1
            return track
        best, best_similarity = None, SETTINGS.same_person
        for track in self._lost:
            similarity = track.portraits.similarity(picture)
            near = np.linalg.norm(track.portrayed.mean(axis=0) - points.mean(axis=0)) < face_size(points)
            if near and time_s - track.last_s < SETTINGS.back_soon_s:
                similarity += SETTINGS.back_soon_bonus
            if similarity > best_similarity:
                best, best_similarity = track, similarity
        return best

    def _search_where_lost(self, grey: np.ndarray) -> list[Box]:
        """The box of a face, whatever its size, that is back where it was lost a moment ago."""
        if self._tracked or not self._lost or not 0 < self._frames_lost < SETTINGS.just_lost_frames:
            return []
        last = max(self._lost, key=lambda track: track.last_s)
        box = find_near(self._detector, grey, last.points, 0.0) if last.last_s > -np.inf else None
        return [] if box is None else [box]

    def _detect(self, grey: np.ndarray) -> list[Box]:
        """Boxes from a coarse search, finer where that finds nothing.

        While nobody is there, the searches take turns so that empty scenes stay fast.
        """
        if self._blank():
            return []
        scales = search_scales(max(grey.shape))
        for level, (scale, every) in enumerate(zip(scales, SETTINGS.search_every, strict=False)):
            if self._frames_lost % every:
                continue
            # A face is likely in the first frame; for all else see first whether a search may pay.
            first = not level and not self._frames_lost
            likely = first or may_show_faces(grey, scale, scales[level - 1] if level else None)
            if likely and (boxes := find_faces(self._detector, grey, scale)):
                return boxes
        return []

    def _blank(self) -> bool:
        return int(self._thumbnail.max()) - int(self._thumbnail.min()) < SETTINGS.blank_levels

    def _is_cut(self, grey: np.ndarray) -> bool:
        before, self._thumbnail = self._thumbnail, grey.take(_thumbnail_pixels(*grey.shape))
        return (
            before.shape == self._thumbnail.shape
            and cv2.norm(self._thumbnail, before, cv2.NORM_L1) > SETTINGS.cut_levels * before.size
        )


@cache
def _thumbnail_pixels(height: int, width: int) -> np.ndarray:
    """Flat indices `[32, 32]` of a coarse grid over a frame."""
    rows = np.linspace(0, height - 1, SETTINGS.thumbnail).astype(np.intp)
    return rows[:, None] * width + np.linspace(0, width - 1, SETTINGS.thumbnail).astype(np.intp)


def _same_place(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether points are so near to each other that they cannot be of two faces."""
    return float(np.abs(one.mean(axis=0) - other.mean(axis=0)).max()) < 0.25 * min(face_size(one), face_size(other))


def _plausible(points: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether most of a face lies in the frame and it is at least 16 px large."""
    return _share_inside(points, shape) > 0.5 and face_size(points) >= 16


def _share_inside(points: np.ndarray, shape: tuple[int, ...]) -> float:
    """Share of the points that lie in a frame of (height, width)."""
    return float(((points >= 0) & (points < np.array(shape[::-1]))).all(axis=1).mean())


def _prominence(face: Located, shape: tuple[int, ...]) -> float:
    """Size of a face in pixels, less where it is off the middle of the frame or unsure."""
    middle = np.array(shape[::-1]) / 2
    off_centre = float(np.linalg.norm((face.points.mean(axis=0) - middle) / middle))
    return face_size(face.points) * (1 - 0.3 * min(off_centre, 1.0)) * (0.5 + face.confidence)

"""Stage 2, frames -> followed faces: found by a full search, then followed by their own landmarks.

A full search (dlib's HOG + SVM detector, King 2009) runs at the start, after a loss, after a cut and now and then.
Between searches a face is followed: the landmark model starts from the last frame's place and says how sure it is
that a face is still there. Only when it is unsure, and once a second, the detector looks again, and then at a small
patch of constant size round the face. So the cost of a frame does not grow with the picture.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, NamedTuple

import cv2
import numpy as np

from facs_pipeline.faces.detector import Box, face_size, find_faces, find_near, frontal_detector, search_scales
from facs_pipeline.faces.settings import SETTINGS
from facs_pipeline.foundation.images import geometry
from facs_pipeline.foundation.images.crops import registered_crop
from facs_pipeline.foundation.one_euro_filter import OneEuroFilter
from facs_pipeline.landmarks.model import LandmarkModel


class TrackedFace(NamedTuple):
    """One face in one frame.

    Attributes
    ----------
    face_id : int
        The person's number within the video, from 0, kept through losses and cuts.
    box : (x, y, width, height)
        Frame round the points, brows to chin, in pixels.
    points : ndarray [68, 2], float32
        iBUG landmarks in pixels, steadied over time.
    confidence : float
        0..1, that the points lie on an unhidden face.
    cut : bool
        The picture changed altogether since the frame before.

    Example
    -------
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
    """A person's face: where it was, how it looks."""

    def __init__(self, face_id: int, steady: bool):
        self.face_id = face_id
        self.points: np.ndarray | None = None
        self.last_seen_s = 0.0
        self.checked_s = 0.0
        self.remembered_s = 0.0
        self.portraits: list[np.ndarray] = []
        self.filter = OneEuroFilter() if steady else None

    def see(self, points: np.ndarray, time_s: float) -> None:
        self.points, self.last_seen_s = points, time_s

    def likeness(self, portrait: np.ndarray) -> float:
        """Correlation -1..1 with the most similar portrait kept."""
        return max((float(kept @ portrait) for kept in self.portraits), default=-1.0)

    def remember(self, portrait: np.ndarray, time_s: float) -> None:
        self.remembered_s = time_s
        if len(self.portraits) < SETTINGS.portraits and self.likeness(portrait) < SETTINGS.new_portrait:
            self.portraits.append(portrait)


_Seen = tuple[_Track, np.ndarray, float]
"""A track, its points [68, 2] in this frame and their confidence."""


class FaceTracker:
    """Finds and follows the faces of one video; feed it the frames in order.

    Parameters
    ----------
    landmark_model : LandmarkModel
        Anything with `find(grey, box)` and `follow(grey, points)`.
    faces : "one" or "all"
        Follow the main face only (the largest, middlemost), always with id 0, or everybody.
    steady : bool
        Take the jitter out of the points, see `facs_pipeline.action_units.bilateral_filter`.

    Example
    -------
    >>> follower = FaceTracker(LandmarkModel.load())  # doctest: +SKIP
    >>> for frame in read_frames("interview.mp4"):  # doctest: +SKIP
    ...     for face in follower.update(frame.image, frame.time_s):
    ...         print(frame.index, face.face_id, face.confidence)
    """

    def __init__(self, landmark_model: LandmarkModel, *, faces: Literal["one", "all"] = "one", steady: bool = True):
        self._model = landmark_model
        self._one = faces == "one"
        self._steady = steady
        self._detector = frontal_detector()
        self._followed: list[_Track] = []
        self._gone: list[_Track] = []
        self._thumb: np.ndarray | None = None
        self._searched_s = -np.inf
        self._frames_lost = 0
        self.cut = False
        """Whether the last frame was the first after a cut, with or without a face."""

    def update(self, grey: np.ndarray, time_s: float) -> list[TrackedFace]:
        """Faces in the next frame, `grey` [h, w] uint8 shown at `time_s` seconds, in order of their ids."""
        cut = self.cut = self._is_cut(grey)
        if cut:
            for track in self._followed:
                track.last_seen_s = -np.inf  # after a cut a place says nothing of who is there
            self._gone += self._followed
            self._followed = []
            self._frames_lost = 0
        seen: list[_Seen] = []
        for track in list(self._followed):
            located = self._follow(track, grey, time_s)
            if located is None:
                self._followed.remove(track)
                self._gone.append(track)
                # Most faces come back where they were a moment ago: not worth the finer searches at once.
                self._frames_lost = SETTINGS.search_every[0]
            else:
                seen.append((track, *located))
        if not self._one:
            seen = self._without_doubles(grey, seen)
            self._remember(grey, seen, time_s)
        if self._must_search(time_s, cut):
            seen += self._search(grey, time_s, [points for _, points, _ in seen])
        self._frames_lost = 0 if seen else self._frames_lost + 1
        reports = (self._report(*one, time_s, cut, grey.shape) for one in seen)
        return sorted(reports, key=lambda face: face.face_id)

    def _without_doubles(self, grey: np.ndarray, seen: list[_Seen]) -> list[_Seen]:
        """Where one person passed in front of another, two tracks follow the same face: the one it looks like stays."""
        kept: list[_Seen] = []
        for new in seen:
            same = next((old for old in kept if _same_place(old[1], new[1])), None)
            if same is not None:
                portrait = _portrait(grey, new[1], self._model.mean_shape)
                loser = min(same, new, key=lambda one: one[0].likeness(portrait))
                self._followed.remove(loser[0])
                self._gone.append(loser[0])
                if loser is new:
                    continue
                kept = [old for old in kept if old is not same]
            kept.append(new)
        return kept

    def _remember(self, grey: np.ndarray, seen: list[_Seen], time_s: float) -> None:
        for track, points, confidence in seen:
            if confidence >= SETTINGS.sure_confidence and time_s - track.remembered_s >= SETTINGS.portrait_every_s:
                track.remember(_portrait(grey, points, self._model.mean_shape), time_s)

    def _report(
        self, track: _Track, points: np.ndarray, confidence: float, time_s: float, cut: bool, shape: tuple[int, int]
    ) -> TrackedFace:
        if track.filter is not None:
            points = track.filter(points, time_s)
        (left, top), (right, bottom) = np.minimum.reduce(points).tolist(), np.maximum.reduce(points).tolist()
        if left < 0 or top < 0 or right >= shape[1] or bottom >= shape[0]:
            # What lies outside the frame was not seen, however well the rest fits.
            confidence *= _share_inside(points, shape)
        return TrackedFace(track.face_id, (left, top, right - left, bottom - top), points, confidence, cut)

    def _follow(self, track: _Track, grey: np.ndarray, time_s: float) -> tuple[np.ndarray, float] | None:
        before = track.points
        points, confidence = self._model.follow(grey, before)
        if confidence < SETTINGS.sure_confidence:
            points, confidence = self._model.follow(grey, points)
        recheck = time_s - track.checked_s >= SETTINGS.recheck_s and confidence + SETTINGS.surer_by < 1
        if confidence < SETTINGS.sure_confidence or recheck:
            track.checked_s = time_s
            found = find_near(self._detector, grey, before, -0.3)
            if found is not None:
                again = self._model.find(grey, found)
                if again.confidence > confidence + SETTINGS.surer_by:
                    points, confidence = again
            elif confidence < SETTINGS.lost_confidence:
                return None
        if confidence < SETTINGS.lost_confidence and not _plausible(points, grey.shape):
            return None
        track.see(points, time_s)
        return points, confidence

    def _must_search(self, time_s: float, cut: bool) -> bool:
        if cut or not self._followed:
            return True
        return not self._one and time_s - self._searched_s >= SETTINGS.search_again_s

    def _search(self, grey: np.ndarray, time_s: float, known: list[np.ndarray]) -> list[_Seen]:
        self._searched_s = time_s
        found = []
        for box in self._look_where_lost(grey) or self._detect(grey):
            centre = np.array([box[0] + box[2] / 2, box[1] + box[3] / 2])
            if any(np.all(np.abs(centre - p.mean(axis=0)) < 0.6 * face_size(p)) for p in known):
                continue
            points, confidence = self._model.find(grey, box)
            if confidence >= SETTINGS.lost_confidence and _plausible(points, grey.shape):
                found.append((points, confidence))
                known = [*known, points]
        if self._one and found:
            middle = np.array(grey.shape[::-1]) / 2

            def prominence(face: tuple[np.ndarray, float]) -> float:
                off_centre = np.linalg.norm((face[0].mean(axis=0) - middle) / middle)
                return face_size(face[0]) * (1 - 0.3 * min(off_centre, 1.0)) * (0.5 + face[1])

            found = [max(found, key=prominence)]
        return [(self._start_track(grey, points, time_s), points, confidence) for points, confidence in found]

    def _start_track(self, grey: np.ndarray, points: np.ndarray, time_s: float) -> _Track:
        portrait = _portrait(grey, points, self._model.mean_shape)
        track = self._recognise(portrait, points, time_s)
        if track is None:
            track = _Track(len(self._followed) + len(self._gone), self._steady)
        else:
            self._gone.remove(track)
            if track.filter is not None:
                track.filter.reset()
        track.see(points, time_s)
        track.remember(portrait, time_s)
        track.checked_s = time_s
        self._followed.append(track)
        return track

    def _recognise(self, portrait: np.ndarray, points: np.ndarray, time_s: float) -> _Track | None:
        if self._one:
            return self._gone[0] if self._gone else None
        best, best_likeness = None, SETTINGS.same_person
        for track in self._gone:
            likeness = track.likeness(portrait)
            near = np.linalg.norm(track.points.mean(axis=0) - points.mean(axis=0)) < face_size(points)
            if near and time_s - track.last_seen_s < SETTINGS.back_soon_s:
                likeness += 0.25
            if likeness > best_likeness:
                best, best_likeness = track, likeness
        return best

    def _look_where_lost(self, grey: np.ndarray) -> list[Box]:
        """The box of a face that is seen again where it was lost a moment ago, whatever its size."""
        if self._followed or not self._gone or not 0 < self._frames_lost < SETTINGS.just_lost_frames:
            return []
        last = max(self._gone, key=lambda track: track.last_seen_s)
        found = find_near(self._detector, grey, last.points, 0.0) if last.last_seen_s > -np.inf else None
        return [] if found is None else [found]

    def _detect(self, grey: np.ndarray) -> list[Box]:
        """Boxes (x, y, width, height) from a coarse search, finer where that finds nothing.

        While nobody is there, the searches take turns so that empty scenes stay fast.
        """
        if int(self._thumb.max()) - int(self._thumb.min()) < SETTINGS.blank_levels:
            return []
        scales = search_scales(max(grey.shape))
        due = [
            scale for scale, every in zip(scales, SETTINGS.search_every, strict=False) if self._frames_lost % every == 0
        ]
        # A finer search finds what a coarser one does; trying the cheap one first pays only where a face is likely.
        for scale in due[-1:] if self._frames_lost else due:
            if boxes := find_faces(self._detector, grey, scale):
                return boxes
        return []

    def _is_cut(self, grey: np.ndarray) -> bool:
        thumb = grey.take(_thumb_pixels(*grey.shape))
        last, self._thumb = self._thumb, thumb
        return (
            last is not None
            and last.shape == thumb.shape
            and cv2.norm(thumb, last, cv2.NORM_L1) > SETTINGS.cut_levels * thumb.size
        )


@cache
def _thumb_pixels(height: int, width: int) -> np.ndarray:
    """Flat indices [32, 32] of a coarse grid over a frame."""
    rows = np.linspace(0, height - 1, SETTINGS.thumbnail).astype(np.intp)
    return rows[:, None] * width + np.linspace(0, width - 1, SETTINGS.thumbnail).astype(np.intp)


def _same_place(one: np.ndarray, other: np.ndarray) -> bool:
    """Points so near to each other that they cannot be of two faces."""
    return float(np.abs(one.mean(axis=0) - other.mean(axis=0)).max()) < 0.25 * min(face_size(one), face_size(other))


def _plausible(points: np.ndarray, shape: tuple[int, int]) -> bool:
    """Most of the face lies in the frame and it is at least 16 px large."""
    return _share_inside(points, shape) > 0.5 and face_size(points) >= 16


def _share_inside(points: np.ndarray, shape: tuple[int, int]) -> float:
    """Share of the points that lie in a frame of (height, width)."""
    return float(((points >= 0) & (points < np.array(shape[::-1]))).all(axis=1).mean())


def _portrait(grey: np.ndarray, points: np.ndarray, mean_shape: np.ndarray) -> np.ndarray:
    """Small registered picture of a face as a zero-mean unit vector; the product of two is their correlation."""
    small = registered_crop(grey, geometry.fit_similarity(points, mean_shape * 0.4), 40)
    vector = cv2.GaussianBlur(small, (3, 3), 0)[6:-4, 4:-4].astype(np.float32).ravel()
    vector -= vector.mean()
    return vector / max(float(np.linalg.norm(vector)), 1e-6)

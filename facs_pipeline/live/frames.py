"""What a live analysis gives for each picture: `LiveFrame`, with a `LiveFace` for each face and the marks set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from facs_pipeline.analysis.face import AnalysedFace
from facs_pipeline.dynamics.blinks import LONGEST_S
from facs_pipeline.dynamics.face_series import BLINK_AU, CLOSED_AU
from facs_pipeline.faces.detector import Box
from facs_pipeline.live.pictures import Picture


@dataclass(frozen=True)
class Mark:
    """An event that somebody marked.

    Attributes
    ----------
    time_s : float
        On the source's clock, as `LiveFrame.time_s`.
    label : str
    """

    time_s: float
    label: str


@dataclass(frozen=True, eq=False)
class LiveFace:
    """A face and what is known of it by now; the columns' names and units are those of the tables.

    Attributes
    ----------
    analysed : AnalysedFace
        All that was measured in this picture: points, texture, features, trust.
    blinks : int
        Of this person since the start.
    blinks_per_minute : float
        Of the time in which the face was seen, at most the last minute; NaN in its first five seconds.
    closed_s : float
        For how long the eyes have been closed, in seconds; 0 while they are open.
    neutral : bool
        Whether a resting face is subtracted.
    emotion_names : tuple of str
        Of `emotions`.
    """

    analysed: AnalysedFace
    blinks: int = 0
    blinks_per_minute: float = float("nan")
    closed_s: float = 0.0
    neutral: bool = False
    emotion_names: tuple[str, ...] = ()

    @property
    def face_id(self) -> int:
        """The person's number, from 0."""
        return self.analysed.face_id

    @property
    def box(self) -> Box:
        """Left, top, width and height in pixels."""
        return self.analysed.box

    @property
    def points(self) -> np.ndarray:
        """68 landmarks [68, 2] in pixels, at iBUG's places."""
        return self.analysed.ibug_points

    @property
    def aus(self) -> tuple[int, ...]:
        """FACS numbers of `intensities`."""
        return self.analysed.aus

    @property
    def intensities(self) -> np.ndarray:
        """Of the action units [k], 0..5, above the resting face if there is one; NaN where not trusted."""
        above = self.analysed.above_rest
        return np.empty(0) if above is None else above

    @property
    def sided_aus(self) -> tuple[int, ...]:
        """FACS numbers of `left` and `right`."""
        return self.analysed.sided_aus

    @property
    def left(self) -> np.ndarray:
        """Intensities on the person's own left [u]."""
        return self.analysed.left

    @property
    def right(self) -> np.ndarray:
        """Intensities on the person's own right [u]."""
        return self.analysed.right

    @property
    def present(self) -> dict[int, float]:
        """Action unit -> 1 there, 0 not there, NaN unknown; with AU43 and AU61 to 64."""
        return self.analysed.present | {CLOSED_AU: self.closed}

    @property
    def closed(self) -> float:
        """1 if the eyes have been closed for longer than a blink (AU43), else 0; NaN where they are not trusted.

        Tables have 1 from the first frame of the closure on; here it begins half a second later.
        """
        if not self._eyes_known:
            return float("nan")
        return float(self.closed_s > LONGEST_S)

    @property
    def _eyes_known(self) -> bool:
        intensities = self.analysed.intensities
        return (
            intensities is not None
            and BLINK_AU in self.aus
            and bool(np.isfinite(intensities[self.aus.index(BLINK_AU)]))
        )

    @property
    def pose(self) -> np.ndarray:
        """Pitch, yaw and roll [3] in radians."""
        return self.analysed.pose

    @property
    def place_and_pose(self) -> np.ndarray:
        """Place in millimetres and `pose` [6]."""
        return self.analysed.place_and_pose

    @property
    def gaze(self) -> np.ndarray:
        """``gaze_angle_x`` and ``gaze_angle_y`` [2] in radians; NaN for closed or hidden eyes."""
        return self.analysed.gaze

    @property
    def emotions(self) -> np.ndarray | None:
        """Probabilities [c] in the order of `emotion_names`; None without an emotion model."""
        return self.analysed.emotions

    @property
    def emotion(self) -> str:
        """The most probable label; empty without an emotion model."""
        return self.emotion_names[int(self.emotions.argmax())] if self.emotions is not None else ""

    @property
    def confidence(self) -> float:
        """See `AnalysedFace.confidence`."""
        return self.analysed.confidence

    @property
    def confidence_upper(self) -> float:
        """Of brows and eyes."""
        return self.analysed.confidence_upper

    @property
    def confidence_lower(self) -> float:
        """Of the mouth."""
        return self.analysed.confidence_lower

    @property
    def occluded(self) -> str:
        """What hides the face; ``"no"`` for nothing."""
        return self.analysed.occluded


@dataclass(frozen=True, eq=False)
class LiveFrame:
    """A picture with its faces.

    Attributes
    ----------
    index : int
        Number of the analysed picture, from 0.
    time_s : float
        On the source's clock in seconds: a file's time stamp; for a camera, seconds since its first picture.
    source_picture : Picture
    faces : sequence of LiveFace
    marks : sequence of Mark
        Set since the frame before.
    dropped : int
        Pictures so far that were not analysed, because the analysis was busy.
    delay_ms : float
        From the picture's arrival to its values, with the delay of the smoothing.
    frames_per_s : float
        Analysed pictures per second over the last two seconds.
    share_of_core : float
        Processor time of this process over the same seconds: 1 is one whole core.
    notice : str
        What the user should know now; empty for nothing.
    arrived : float
        When the picture came, on the clock of ``time.perf_counter``.
    """

    index: int
    time_s: float
    source_picture: Picture = field(repr=False)
    faces: Sequence[LiveFace]
    marks: Sequence[Mark] = ()
    dropped: int = 0
    delay_ms: float = 0.0
    frames_per_s: float = 0.0
    share_of_core: float = 0.0
    notice: str = ""
    arrived: float = 0.0

    @property
    def picture(self) -> np.ndarray:
        """The picture [h, w, 3] uint8, BGR; made on first use."""
        return self.source_picture.bgr

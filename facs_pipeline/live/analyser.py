"""The faces of a live source, picture by picture: `LiveAnalyser`."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Literal

import numpy as np

from facs_pipeline.action_units.baseline import resting_intensity
from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.analysis.face import AnalysedFace
from facs_pipeline.dynamics.face_series import BLINK_AU
from facs_pipeline.foundation.errors import ArgumentError, VideoError
from facs_pipeline.landmarks.pose import MEAN_HEAD
from facs_pipeline.live.blinks import BlinkCounter
from facs_pipeline.live.frames import LiveFace, LiveFrame, Mark
from facs_pipeline.live.pictures import Picture
from facs_pipeline.live.reading import LatestPicture
from facs_pipeline.live.sources import PATIENCE_S, Source, open_source

if TYPE_CHECKING:
    from facs_pipeline.emotions.model import EmotionModel

LiveSmoothing = Literal["off", "causal", "centred"]
SMOOTHINGS: dict[LiveSmoothing, bool | Literal["causal"]] = {"off": False, "causal": "causal", "centred": True}
NEUTRAL_S = 1.0
_RATE_S = 2.0
_AWAITED_S = 2.0
"""After so long without a picture it is said."""
_NOTICE_S = 4.0
_FEWEST = 3
"""Pictures of a face without which no resting face is taken."""


@dataclass
class _Waiting:
    """A picture whose faces are not finished yet."""

    index: int
    picture: Picture
    arrived: float
    due: int
    faces: list[AnalysedFace] = field(default_factory=list)


class LiveAnalyser:
    """Measures a camera, a stream or a video in real time; iterate over it.

    Parameters
    ----------
    source : int, str, path or Source
        Number or name of a camera, a video file, ``"demo"``, an address, or a source; see
        `facs_pipeline.live.sources.open_source`.
    faces : "one" or "all"
        The main face only, or everybody.
    smoothing : "off", "causal" or "centred"
        ``"centred"`` is that of the tables and gives each picture 0.15 s late. ``"causal"`` gives it at once and
        averages with the past only. ``"off"`` smooths neither points nor intensities.
    emotions : EmotionModel, path, "default", or None
        Also give probabilities of emotion labels.
    baseline : ndarray, optional
        Intensities [k] of a resting face that is subtracted from everybody's, until `set_neutral`.
    allow_network : bool
        Whether `source` may be an address.
    drop : bool
        Leave out pictures when the analysis is late. False reads a file picture by picture, as fast as it goes.

    Attributes
    ----------
    analyser : FaceAnalyser
        The one chain.
    on_picture : callable, or None
        Is given every `Picture` of the source, also those that are dropped, in the reading thread; for recordings. It
        may be set and taken away at any time.
    marks : list of Mark
        All that were set.
    frames, dropped : int
        So many pictures were analysed, and dropped.
    notice : str
        What the user should know now, also while no picture comes; empty for nothing.

    Raises
    ------
    InputError
        If there is no such source.
    VideoError
        While iterating: if the source gives no picture, or vanishes.

    Examples
    --------
    >>> for frame in LiveAnalyser(0):  # doctest: +SKIP
    ...     for face in frame.faces:
    ...         print(frame.time_s, face.face_id, dict(zip(face.aus, face.intensities)), face.blinks)
    """

    def __init__(
        self,
        source: int | str | os.PathLike[str] | Source = 0,
        *,
        faces: Literal["one", "all"] = "one",
        smoothing: LiveSmoothing = "causal",
        emotions: EmotionModel | str | os.PathLike[str] | None = None,
        baseline: np.ndarray | None = None,
        allow_network: bool = False,
        drop: bool = True,
    ) -> None:
        if smoothing not in SMOOTHINGS:
            raise ArgumentError(f"{smoothing!r}: expected one of {', '.join(SMOOTHINGS)}", "smoothing")
        self.source = open_source(source, allow_network=allow_network, real_time=drop)
        self.analyser = FaceAnalyser(emotions=emotions, faces=faces, smoothing=SMOOTHINGS[smoothing])
        self.on_picture: Callable[[Picture], None] | None = None
        self.marks: list[Mark] = []
        self.frames = 0
        self.notice = ""
        self._baseline, self._drop = baseline, drop
        self._resting: dict[int, np.ndarray] = {}
        self._neutral = _Neutral()
        self._blinks: dict[int, BlinkCounter] = {}
        self._waiting: deque[_Waiting] = deque()
        self._unsent: deque[Mark] = deque()
        self._reader: LatestPicture | None = None
        self._closed = False
        self._now = (0.0, time.perf_counter())
        self._load: deque[tuple[float, float]] = deque()
        self._delays: deque[float] = deque(maxlen=1000)
        self._size: tuple[int, int] | None = None
        self._notice_until = 0.0

    # ------------------------------------------------------------------------------------------------------ control

    def __enter__(self) -> LiveAnalyser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the source; the iteration ends. May be called from another thread, and more than once."""
        self._closed = True
        if self._reader is not None:
            self._reader.close()

    @property
    def dropped(self) -> int:
        """Pictures that came while the analysis was busy."""
        return self._reader.dropped if self._reader is not None else 0

    @property
    def median_delay_ms(self) -> float:
        """From a picture's arrival to its values, over the last thousand frames; NaN before the first."""
        return float(np.median(self._delays)) if self._delays else float("nan")

    @property
    def blinks(self) -> dict[int, int]:
        """Face id -> blinks so far."""
        for counter in self._blinks.values():
            counter.finish()
        return {face: counter.blinks for face, counter in self._blinks.items()}

    @property
    def time_s(self) -> float:
        """The time on the source's clock, now."""
        time_s, arrived = self._now
        return time_s + (time.perf_counter() - arrived if self._drop else 0.0)

    def mark(self, label: str, time_s: float | None = None) -> Mark:
        """Mark an event; it comes with the next frame. `time_s` on the source's clock, by default now."""
        mark = Mark(round(self.time_s if time_s is None else time_s, 3), label)
        self.marks.append(mark)
        self._unsent.append(mark)
        return mark

    def set_neutral(self, seconds: float = NEUTRAL_S) -> None:
        """Take what each face shows in the next seconds for its resting face, which is subtracted from then on."""
        self._neutral = _Neutral(seconds)
        self.tell(f"neutral face: rest for {seconds:g} s")

    def clear_neutral(self) -> None:
        """Subtract no resting faces any more."""
        self._neutral, self._baseline = _Neutral(), None
        self._resting.clear()

    # ---------------------------------------------------------------------------------------------------- iteration

    def __iter__(self) -> Iterator[LiveFrame]:
        """Each analysed picture with its faces, as soon as they are finished; once."""
        if self._reader is not None or self._closed:
            raise ValueError("a live source can be iterated over once; make another LiveAnalyser")
        self._warm_up()
        self._reader = LatestPicture(self.source, drop=self._drop, on_picture=self._hand_on)
        self._reader.start()
        try:
            while not self._closed and (taken := self._next(self._reader)) is not None:
                yield from self._analyse(*taken)
            yield from self._finished(self.analyser.finish())
        finally:
            self.close()

    def _hand_on(self, picture: Picture) -> None:
        taker = self.on_picture
        if taker is not None:
            taker(picture)

    def _warm_up(self) -> None:
        """Load the models before the first picture waits for them."""
        place = 100 * MEAN_HEAD[:, :2] + 120
        self._live(self.analyser.face_at(np.zeros((240, 240), np.uint8), place.astype(np.float32))).present  # noqa: B018
        self._blinks.clear()

    def _next(self, reader: LatestPicture) -> tuple[Picture, float] | None:
        waited = 0.0
        while True:
            try:
                return reader.take(1.0)
            except TimeoutError:
                if self._closed:
                    return None
                waited += 1.0
                if waited >= _AWAITED_S:
                    self.tell(f"{self.source.name}: no picture for {waited:.0f} s")
                if waited >= PATIENCE_S and self.source.endless:
                    raise VideoError(f"{self.notice}; is it covered, asleep or used elsewhere?") from None

    def _analyse(self, picture: Picture, arrived: float) -> Iterator[LiveFrame]:
        self._now = picture.time_s, arrived
        self._watch_size(picture)
        waiting = _Waiting(self.frames, picture, arrived, 0)
        self.frames += 1
        self._waiting.append(waiting)
        before = self.analyser.due
        given = self.analyser.update(picture.grey, picture.time_s)
        waiting.due = self.analyser.due + len(given) - before
        yield from self._finished(given)

    def _finished(self, faces: list[AnalysedFace]) -> Iterator[LiveFrame]:
        for face in faces:
            self._waiting[face.frame - self._waiting[0].index].faces.append(face)
        while self._waiting and len(self._waiting[0].faces) == self._waiting[0].due:
            yield self._frame(self._waiting.popleft())

    def _frame(self, waiting: _Waiting) -> LiveFrame:
        time_s = waiting.picture.time_s
        for face in waiting.faces:
            self._neutral.add(face, time_s)
        found = self._neutral.resting(time_s)
        if found:
            self._resting.update(found)
            self.tell("neutral face taken")
        faces = [self._live(face) for face in waiting.faces]
        marks = [self._unsent.popleft() for _ in range(len(self._unsent))]
        now = time.perf_counter()
        rate, share = self._rates(now)
        self._delays.append(1000 * (now - waiting.arrived))
        if now > self._notice_until:
            self.notice = ""
        return LiveFrame(
            waiting.index, time_s, waiting.picture, faces, marks, self.dropped, self._delays[-1], rate,
            share, self.notice, waiting.arrived,
        )  # fmt: skip

    def _live(self, face: AnalysedFace) -> LiveFace:
        resting = self._resting.get(face.face_id, self._baseline)
        face.resting = resting
        counter = self._blinks.setdefault(face.face_id, BlinkCounter())
        if face.intensities is not None and BLINK_AU in face.aus:
            counter.add(face.time_s, float(face.intensities[face.aus.index(BLINK_AU)]))
        return LiveFace(
            face, counter.blinks, counter.per_minute, counter.closed_s, resting is not None, self.analyser.emotions
        )

    def _rates(self, now: float) -> tuple[float, float]:
        """Frames per second and share of a core, over the last seconds."""
        self._load.append((now, time.process_time()))
        while now - self._load[0][0] > _RATE_S:
            self._load.popleft()
        first, cpu = self._load[0]
        if now - first < 1e-6:
            return 0.0, 0.0
        return (len(self._load) - 1) / (now - first), (self._load[-1][1] - cpu) / (now - first)

    def _watch_size(self, picture: Picture) -> None:
        if self._size is not None and picture.size != self._size:
            before, after = (f"{width} x {height}" for width, height in (self._size, picture.size))
            self.tell(f"{self.source.name}: the picture's size changed from {before} to {after} px")
        self._size = picture.size

    def tell(self, notice: str) -> None:
        """Say something to the user, as the `notice` of the next four seconds."""
        self.notice, self._notice_until = notice, time.perf_counter() + _NOTICE_S


class _Neutral:
    """Intensities of each face over some seconds, of which resting faces are made."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds
        self._until: float | None = None
        self._seen: dict[int, list[np.ndarray]] = {}

    def add(self, face: AnalysedFace, time_s: float) -> None:
        if self._seconds and face.intensities is not None:
            if self._until is None:
                self._until = time_s + self._seconds
            self._seen.setdefault(face.face_id, []).append(face.intensities)

    def resting(self, time_s: float) -> dict[int, np.ndarray]:
        """Face id -> resting intensities [k], once, at the end of the time."""
        if self._until is None or time_s < self._until:
            return {}
        seen, self._seen, self._until, self._seconds = self._seen, {}, None, 0.0
        enough = {face: np.array(rows) for face, rows in seen.items() if len(rows) >= _FEWEST}
        return {face: resting_intensity(rows, share=1.0) for face, rows in enough.items()}

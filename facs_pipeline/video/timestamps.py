"""When each frame is shown: from the container's stamps, the order of decoding or the rate, as a whole for each file.

Presentation stamps are taken as they are wherever they are complete. Files that have none, or only stamps of decoding
(AVI), get theirs from those or from the rate. Single wrong stamps are set between those around them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Generic, Literal, TypeVar

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from facs_pipeline.video.container import RAW_FORMATS, open_container, video_stream
from facs_pipeline.video.decoder import Decoded

Item = TypeVar("Item")

AHEAD = 5
"""So many frames are awaited at most before a doubtful stamp is decided on."""
FAR_S = 0.5
"""Stamps that are off by more than this are worth a word."""
_LEAP_STEPS = 2.5
# Tables hold microseconds: frames closer than this would be one.
_LEAST_S = 1e-5
# Three centuries; some cameras count from 1970. Of later ones no microseconds would be left.
_LATEST_S = 1e10
_PACKETS_TRIED = 64
_ALWAYS_STAMPED = ("mov", "mpegts", "flv", "gif")
_RATES = (0.5, 1000.0)
_ASSUMED_RATE = 25.0


@dataclass(frozen=True)
class Clock:
    """Where the times of a file's frames come from.

    Attributes
    ----------
    source : {"stamps", "decoding order", "rate"}
        Presentation stamps; stamps of decoding, which frames take in order of presentation; or the rate alone.
    rate : float
        Frames per second, nominal.
    start_s : float
        Time at which players begin, in seconds: that of the first frame or sound.
    note : str
        What the user should know; empty if nothing.
    """

    source: Literal["stamps", "decoding order", "rate"]
    rate: float
    start_s: float
    note: str = ""

    @classmethod
    def of(cls, path: Path, container: InputContainer, stream: VideoStream) -> Clock:
        """The clock of an opened file, whose packets are still unread."""
        name = container.format.name
        if name in RAW_FORMATS:
            # The demuxer's rate is 25 whatever the stream says.
            rate = float(stream.codec_context.framerate or 0)
            if _RATES[0] <= rate <= _RATES[1]:
                return cls("rate", rate, 0.0)
            note = f"neither time stamps nor a frame rate in the file; {_ASSUMED_RATE:g} frames/s are assumed"
            return cls("rate", _ASSUMED_RATE, 0.0, note)
        rate = float(stream.average_rate or stream.guessed_rate or _ASSUMED_RATE)
        if name == "avi" or _lacks_stamps(path, name):
            return cls("decoding order", rate, 0.0)
        return cls("stamps", rate, (container.start_time or 0) / 1e6)

    def stamp(self, number: int, decoded: Decoded) -> float:
        """Stamp in seconds of the frame of this number, from 0; NaN where it has none."""
        if self.source == "rate":
            return number / self.rate
        return decoded.decoded_s if self.source == "decoding order" else decoded.shown_s


def _lacks_stamps(path: Path, format_name: str) -> bool:
    """Whether packets at the file's beginning have a time of decoding, but none of presentation."""
    if format_name.startswith(_ALWAYS_STAMPED):
        return False
    try:
        with open_container(path) as container:
            packets = islice(container.demux(video_stream(container, path)), _PACKETS_TRIED)
            return any(packet.pts is None and packet.dts is not None for packet in packets if packet.size)
    except (av.FFmpegError, OSError, ValueError):
        return False


class RisingTimes(Generic[Item]):
    """Times that always rise, from stamps that may be wrong, repeated or missing.

    A stamp that later ones contradict is set between its neighbours. A pause stays, as nothing contradicts it. Stamps
    that start anew go on from the frame before. At most `AHEAD` frames are held back, and only where there is doubt.

    Parameters
    ----------
    stamped : iterable of tuple
        Frames, of any kind, each with its stamp in seconds; NaN where it has none.
    step_s : float
        Nominal time from frame to frame, in seconds.

    Attributes
    ----------
    corrected : int
        Frames whose stamp was off by more than `FAR_S`; DVDs have many that are off by a frame.
    first : tuple of int and float
        Number from 1 and stamp of the first of them.
    missing : int
        Frames without a stamp.
    restarts : int
        How often stamps started anew.
    """

    def __init__(self, stamped: Iterable[tuple[Item, float]], step_s: float) -> None:
        self._stamped, self._step = stamped, step_s
        self._held: deque[tuple[Item, float]] = deque()
        self._last = -np.inf
        self._offset = 0.0
        self._count = 0
        self.corrected, self.first, self.missing, self.restarts = 0, (0, np.nan), 0, 0

    def __iter__(self) -> Iterator[tuple[Item, float]]:
        """Each frame with its time in seconds."""
        try:
            for frame, stamp in self._stamped:
                self._held.append((frame, stamp + self._offset if abs(stamp) < _LATEST_S else np.nan))
                yield from self._decided(ended=False)
        except Exception:
            yield from self._decided(ended=True)
            raise
        yield from self._decided(ended=True)

    def note(self) -> str:
        """What was corrected, in words; empty if nothing."""
        parts = []
        if self.corrected == 1:
            number, stamp = self.first
            parts.append(f"the wrong time stamp of frame {number} ({stamp:.3f} s) is set between those around it")
        elif self.corrected:
            parts.append(
                f"wrong time stamps of {self.corrected} frames (the first is frame {self.first[0]}) "
                "are set between those around them"
            )
        if self.missing > self._count / 2:
            parts.append(
                f"{self.missing} of {self._count} frames have no time stamps; their times follow from the rate"
            )
        if self.restarts:
            often = f"{self.restarts} times" if self.restarts > 1 else "once"
            parts.append(f"time stamps start anew {often}; the times go on from the frame before")
        return "; ".join(parts)

    def _decided(self, *, ended: bool) -> Iterator[tuple[Item, float]]:
        while self._held:
            times = self._times(np.array([stamp for _, stamp in self._held]), ended or len(self._held) > AHEAD)
            if not times:
                return
            for time_s in times:
                frame, stamp = self._held.popleft()
                self._count += 1
                self.missing += bool(np.isnan(stamp))
                if abs(time_s - stamp) > FAR_S:
                    self.first = self.first if self.corrected else (self._count, stamp - self._offset)
                    self.corrected += 1
                self._last = time_s
                yield frame, time_s

    def _times(self, stamps: np.ndarray, last_chance: bool) -> list[float]:
        """Times of the first frames held, as many as can be told; none where later frames are to be awaited."""
        if self._last == -np.inf:
            return self._first_time(stamps, last_chance)
        own = stamps[0] >= self._last + _LEAST_S
        if own and stamps[0] - self._last <= _LEAP_STEPS * self._step:
            return [float(stamps[0])]
        later = stamps[1:]
        rises = later >= self._last + _LEAST_S * np.arange(2, len(stamps) + 1)
        if own:
            back = np.flatnonzero(rises & (later < stamps[0]))
            if len(back):
                return self._between(float(later[back[0]]), int(back[0]) + 1)
            return [float(stamps[0])] if last_chance else []
        ahead = np.flatnonzero(rises)
        near = [k for k in ahead if later[k] - self._last <= _LEAP_STEPS * self._step * (k + 2)]
        if near or (last_chance and len(ahead)):
            chosen = near[0] if near else min(ahead, key=lambda k: later[k])
            return self._between(float(later[chosen]), int(chosen) + 1)
        return self._restarted(stamps) if last_chance else []

    def _between(self, end: float, count: int) -> list[float]:
        return np.linspace(self._last, end, count + 2)[1:-1].tolist()

    def _first_time(self, stamps: np.ndarray, last_chance: bool) -> list[float]:
        known = np.flatnonzero(np.isfinite(stamps))
        if len(stamps) < 3 and not last_chance:
            return []
        if not len(known):
            return [0.0] if last_chance else []
        first = int(known[0])
        # The first of all is wrong where those behind it rise, but from below it.
        if first == 0 and len(known) > 2 and stamps[known[1]] < stamps[known[2]] <= stamps[0]:
            first = int(known[1])
        return [float(stamps[first] - first * self._step)]

    def _restarted(self, stamps: np.ndarray) -> list[float]:
        following = self._last + self._step
        known = stamps[np.isfinite(stamps)]
        if np.isfinite(stamps[0]) and stamps[0] < self._last and (np.diff(known) > 0).all():
            shift = following - float(stamps[0])
            self.restarts += 1
            self._offset += shift
            self._held = deque((frame, stamp + shift) for frame, stamp in self._held)
        return [following]

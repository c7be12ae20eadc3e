"""Packets of a video stream -> decoded pictures, each with the pixel shape and the stamps that belong to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

# H.264 delays a frame by up to 16 others; whatever waits longer is of packets that could not be decoded.
_MOST_DELAYED = 17
# Pixels nearly square stay; those of cameras are 0.9 (DV) to 1.5 times as wide as high, wilder ones a broken header.
_SQUARE, _WILDEST = 1.02, 3.0


class Decoded(NamedTuple):
    """A decoded picture.

    Attributes
    ----------
    picture : VideoFrame
    pixel_aspect : float
        Width by height of its pixels; 1 where they are as good as square.
    shown_s : float
        Its presentation stamp in seconds; NaN where it has none.
    decoded_s : float
        Stamps of decoding in seconds, handed out in order of presentation; NaN where there are none.
    """

    picture: av.VideoFrame
    pixel_aspect: float
    shown_s: float
    decoded_s: float


def decode(container: InputContainer, stream: VideoStream) -> Iterator[Decoded]:
    """Pictures of a stream in order of presentation.

    Parameters
    ----------
    container : InputContainer
        Opened, nothing read.
    stream : VideoStream
        One of its streams.

    Yields
    ------
    Decoded
    """
    # One decoding thread: workers run side by side, and a single thread's output order never varies.
    stream.thread_type = "NONE"
    codec = stream.codec_context
    codec.thread_count = 1
    stated, coded = stream.sample_aspect_ratio, codec.sample_aspect_ratio
    # What the container says comes first, as in players; else the shape may change in mid-file.
    fixed = _near_square(float(stated)) if stated and stated != (coded or 1) else None
    unit = float(stream.time_base or np.nan)
    stamps: deque[float] = deque(maxlen=_MOST_DELAYED)
    aspects: dict[int | None, float] = {}
    for packet in container.demux(stream):
        if packet.dts is not None and packet.size:
            stamps.append(packet.dts * unit)
        pts = packet.pts
        pictures = packet.decode()
        aspect = fixed or _near_square(float(codec.sample_aspect_ratio or 1))
        aspects[pts] = aspect
        if len(aspects) > _MOST_DELAYED:
            del aspects[next(iter(aspects))]
        for picture in pictures:
            shown_s = np.nan if picture.time is None else float(picture.time)
            decoded_s = stamps.popleft() if stamps else np.nan
            yield Decoded(picture, aspects.pop(picture.pts, aspect), shown_s, decoded_s)


def _near_square(aspect: float) -> float:
    return aspect if _SQUARE < max(aspect, 1 / aspect) < _WILDEST else 1.0

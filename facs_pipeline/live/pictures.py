"""A picture of a live source: grey for the measurement, in colour only for whoever shows it."""

from __future__ import annotations

from functools import cached_property

import av
import numpy as np
from av.sidedata.sidedata import Type

from facs_pipeline.analysis.pictures import as_grey
from facs_pipeline.video.pixels import to_image


class Picture:
    """One picture and its time.

    Parameters
    ----------
    time_s : float
        Its time stamp in seconds, on the source's clock; rising.
    frame : VideoFrame, optional
        As it was decoded.
    bgr : ndarray of uint8, optional
        ``[h, w, 3]``, of a source that gives pixels. One of the two is given.
    pixel_aspect : float
        Width by height of the pixels of `frame`.
    """

    def __init__(
        self,
        time_s: float,
        *,
        frame: av.VideoFrame | None = None,
        bgr: np.ndarray | None = None,
        pixel_aspect: float = 1.0,
    ) -> None:
        self.time_s = time_s
        self._frame, self._given, self._aspect = frame, bgr, pixel_aspect

    @cached_property
    def grey(self) -> np.ndarray:
        """What is measured [h, w] uint8: the luma that `extract-features` would read from a file."""
        if self._frame is not None:
            return to_image(self._frame, self._aspect, colour=False)
        return as_grey(self.bgr, "bgr")

    @cached_property
    def bgr(self) -> np.ndarray:
        """In colour [h, w, 3] uint8; computed on first use."""
        if self._frame is not None:
            return to_image(self._frame, self._aspect, colour=True)
        assert self._given is not None
        return self._given

    @property
    def as_frame(self) -> av.VideoFrame:
        """As a recording stores it: upright, with square pixels and even sides.

        What was decoded that way is given unchanged, so that its luma stays the same.
        """
        frame = self._frame
        if frame is not None and self._aspect == 1 and frame.width % 2 == frame.height % 2 == 0 and not _turned(frame):
            return frame
        bgr = self.bgr[: self.bgr.shape[0] // 2 * 2, : self.bgr.shape[1] // 2 * 2]
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(bgr), format="bgr24")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as the source gives them."""
        if self._frame is not None:
            return self._frame.width, self._frame.height
        return self.bgr.shape[1], self.bgr.shape[0]


def _turned(frame: av.VideoFrame) -> bool:
    # Typed for names, which only some versions of PyAV take.
    return frame.side_data.get(Type.DISPLAYMATRIX) is not None  # type: ignore[call-overload]

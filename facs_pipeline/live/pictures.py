"""A picture of a live source: grey for the measurement, in colour only for whoever shows it."""

from __future__ import annotations

from functools import cached_property

import av
import numpy as np

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
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, as the source gives them."""
        if self._frame is not None:
            return self._frame.width, self._frame.height
        return self.bgr.shape[1], self.bgr.shape[0]

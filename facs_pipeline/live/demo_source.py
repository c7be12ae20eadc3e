"""The synthetic face as a live source, for whoever has no camera at hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np

from facs_pipeline.live.pictures import Picture
from facs_pipeline.live.sources import Source
from facs_pipeline.synthesis.face import SyntheticFace


class DemoSource(Source):
    """The synthetic face: it smiles, raises its brows and blinks, over and over.

    Parameters
    ----------
    fps : float
        Pictures per second.
    """

    def __init__(self, fps: float = 25.0) -> None:
        self.name, self._fps = "the synthetic face", fps
        self._ended = threading.Event()

    def close(self) -> None:
        """End at once."""
        self._ended.set()

    def pictures(self) -> Iterator[Picture]:
        """See `Source`; drawn when they are due, left out where drawing is late."""
        face, begun, number = SyntheticFace(size=360), time.perf_counter(), 0
        while not self._ended.wait(max(0.0, begun + number / self._fps - time.perf_counter())):
            time_s = round(number / self._fps, 3)
            yield Picture(time_s, bgr=demo_picture(face, time_s))
            number = max(number + 1, int((time.perf_counter() - begun) * self._fps))


def demo_picture(face: SyntheticFace, time_s: float) -> np.ndarray:
    """The synthetic face at a time: 12 seconds of smile, brows and blinks, then again; BGR [s, s, 3]."""
    t = time_s % 12.0
    smile, brows = _swell(t, 1.5, 4.5), _swell(t, 6.5, 8.5)
    blink = max(_swell(t, at, at + 0.3) for at in (0.8, 3.2, 5.6, 8.9, 11.0))
    intensities = {6: 3.0 * smile, 12: 4.2 * smile, 25: 3.0 * smile, 1: 3.8 * brows, 2: 4.0 * brows, 45: 5.0 * blink}
    sway = float(np.sin(2 * np.pi * time_s / 7)), float(np.sin(2 * np.pi * time_s / 5))
    return face.draw(intensities, turn=0.3 * sway[0], nod=0.15 * sway[1], shift=(0.008 * sway[1], 0.0))[0]


def _swell(t: float, start: float, end: float) -> float:
    """0 outside, 1 in the middle, rising and falling smoothly."""
    edge = min(0.5, (end - start) / 2)
    x = np.clip(min(t - start, end - t) / edge, 0, 1)
    return float(x * x * (3 - 2 * x))

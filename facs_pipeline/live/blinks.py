"""Blinks while they happen: the same rule as for a whole series, on its last seconds."""

from __future__ import annotations

from collections import deque

import numpy as np

from facs_pipeline.dynamics.blinks import WINDOW_S, eye_closures, is_blink
from facs_pipeline.dynamics.resampling import LONGEST_GAP_S

KEPT_S = 10.0
SETTLED_S = WINDOW_S / 2 + 1.0
"""What is so long past no later frame changes: the open eye's level is that of the frames around."""
COUNTED_EVERY_S = 0.1
"""Counting costs more than all else that is known of blinks."""
RATE_OVER_S = 60.0
LEAST_SEEN_S = 5.0


class BlinkCounter:
    """Blinks of one face, frame by frame.

    In the end the count is that of `facs_pipeline.dynamics.blinks.find_blinks` over the whole series; in between, a
    blink of the last three seconds may still go. Only where the frame rate varies much may the two differ. Blinks are
    looked for ten times a second, and once more by `finish`.

    Attributes
    ----------
    closed_s : float
        For how long the eyes have been closed when they were last looked at, in seconds; 0 while they are open.

    Examples
    --------
    >>> counter = BlinkCounter()
    >>> for time_s in np.arange(0, 40, 0.04):
    ...     counter.add(time_s, 3.0 if time_s % 4 < 0.2 and time_s > 1 else 0.0)
    >>> counter.blinks, round(counter.per_minute)
    (9, 14)
    """

    def __init__(self) -> None:
        self.closed_s = 0.0
        self._times: deque[float] = deque()
        self._au45: deque[float] = deque()
        self._settled = 0
        self._settled_s = -np.inf
        self._recent: list[float] = []
        self._onsets: deque[float] = deque()
        self._seen: deque[tuple[float, float]] = deque()
        self._last_s = self._counted_s = -np.inf

    @property
    def blinks(self) -> int:
        """So far."""
        return self._settled + len(self._recent)

    @property
    def per_minute(self) -> float:
        """Of the last minute's seconds in which the face was seen; NaN for less than five."""
        seen_s = sum(step for _, step in self._seen)
        if seen_s < LEAST_SEEN_S:
            return float("nan")
        since = self._last_s - RATE_OVER_S
        return 60.0 * (sum(onset > since for onset in self._onsets) + len(self._recent)) / seen_s

    def add(self, time_s: float, au45: float) -> None:
        """The next frame with the face: its time in seconds, and the intensity of AU45, NaN where not trusted."""
        step = time_s - self._last_s
        self._last_s = time_s
        self._seen.append((time_s, step if step <= LONGEST_GAP_S else 0.0))
        while self._seen[0][0] < time_s - RATE_OVER_S:
            self._seen.popleft()
        self._times.append(time_s)
        self._au45.append(au45)
        while self._times[0] < time_s - KEPT_S:
            self._times.popleft()
            self._au45.popleft()
        if time_s - self._counted_s >= COUNTED_EVERY_S:
            self._count(time_s)

    def finish(self) -> None:
        """Look at the last frames, too."""
        if self._times and self._counted_s < self._last_s:
            self._count(self._last_s)

    def _count(self, time_s: float) -> None:
        self._counted_s = time_s
        closures = eye_closures(np.array(self._au45), np.array(self._times))
        last = closures[-1] if closures else None
        open_again = last is None or last.ended or last.last_s < time_s
        self.closed_s = 0.0 if open_again or last is None else last.last_s - last.first_s
        blinks = [one for one in closures if is_blink(one) and one.first_s > self._settled_s]
        self._recent = []
        for one in blinks:
            if one.last_s < time_s - SETTLED_S:
                self._settled += 1
                self._settled_s = one.first_s
                self._onsets.append(one.first_s)
            else:
                self._recent.append(one.first_s)
        while self._onsets and self._onsets[0] < time_s - RATE_OVER_S:
            self._onsets.popleft()

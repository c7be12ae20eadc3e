"""Events of action units, as FACS coders note them: onset, apex and offset of each movement, and how strong it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from facs_pipeline.dynamics.resampling import LONGEST_GAP_S
from facs_pipeline.foundation.errors import InputError

ONSET, OFFSET = 1.0, 0.5
"""An event reaches the first level, and lasts as long as the intensity is at least the second."""
SHORTEST_S = 0.1
"""Shorter ones are noise: even blinks take 0.1 to 0.4 s."""


class Event(NamedTuple):
    """One movement.

    Attributes
    ----------
    onset, apex, offset : int
        Positions in the series: the first frame of it, the strongest, and the first one after it (the last one of it
        where the series or the face ends with it).
    onset_s, apex_s, offset_s : float
        Their times in seconds.
    apex_intensity, mean_intensity : float
        0..5; the mean is over the frames from the onset to before the offset.
    onset_seen, offset_seen : bool
        Whether the face was there before and after; otherwise the event may have begun earlier, or gone on. So called
        in tables of events, too.
    """

    onset: int
    apex: int
    offset: int
    onset_s: float
    apex_s: float
    offset_s: float
    apex_intensity: float
    mean_intensity: float
    onset_seen: bool
    offset_seen: bool


def find_events(
    intensities: np.ndarray,
    times_s: np.ndarray,
    *,
    onset: float = ONSET,
    offset: float = OFFSET,
    shortest_s: float = SHORTEST_S,
) -> list[Event]:
    """Stretches in which an action unit is at least `offset` strong and somewhere reaches `onset`, in order of time.

    Two levels, so that noise at one of them does not make many events of one.

    Parameters
    ----------
    intensities : ndarray
        ``[n]``, 0..5, best above the person's resting face (`facs_pipeline.subtract_resting`); NaN where there is no
        face, which ends an event, as a gap of more than `facs_pipeline.dynamics.resampling.LONGEST_GAP_S` does.
    times_s : ndarray
        Time of each frame [n] in seconds, increasing.
    onset : float
        The intensity that an event reaches at least once.
    offset : float
        The intensity that every frame of an event has at least; above 0, at most `onset`.
    shortest_s : float
        Complete events that last less, in seconds, are left out.

    Returns
    -------
    list of Event
        By time.

    Raises
    ------
    InputError
        If the series do not fit each other, or not 0 < offset <= onset.

    References
    ----------
    Ekman, Friesen and Hager, "Facial Action Coding System", 2002, for onset, apex and offset.

    Examples
    --------
    >>> smile = np.array([0.0, 0.2, 0.8, 2.0, 3.1, 2.9, 0.7, 0.3, 0.0])
    >>> [event] = find_events(smile, np.arange(9) / 25)
    >>> event.onset_s, event.apex_s, event.offset_s, event.apex_intensity
    (0.08, 0.16, 0.28, 3.1)
    """
    values, times = np.asarray(intensities, np.float64), np.asarray(times_s, np.float64)
    if values.shape != times.shape or values.ndim != 1:
        raise InputError(f"expected two series [n], got shapes {list(values.shape)} and {list(times.shape)}")
    if not 0 < offset <= onset:
        raise InputError(f"levels: onset {onset:g}, offset {offset:g}; expected 0 < offset <= onset")
    with np.errstate(over="ignore"):
        starts = np.flatnonzero(np.diff(times) > LONGEST_GAP_S) + 1
    events: list[Event] = []
    for start, part, part_times in zip(
        [0, *starts.tolist()], np.split(values, starts), np.split(times, starts), strict=True
    ):
        events += (_moved(event, start) for event in _events(part, part_times, onset, offset, shortest_s))
    return events


def _moved(event: Event, start: int) -> Event:
    return event._replace(onset=event.onset + start, apex=event.apex + start, offset=event.offset + start)


def _events(values: np.ndarray, times: np.ndarray, onset: float, offset: float, shortest_s: float) -> Iterator[Event]:
    """Events of a series without long gaps."""
    with_face = np.isfinite(values)
    strong = np.concatenate([[False], np.where(with_face, values, 0.0) >= offset, [False]])
    edges = np.flatnonzero(strong[1:] != strong[:-1]).reshape(-1, 2)
    for first, end in edges.tolist():
        inside = values[first:end]
        onset_seen, offset_seen = first > 0 and bool(with_face[first - 1]), end < len(values) and bool(with_face[end])
        last = end if offset_seen else end - 1
        complete = onset_seen and offset_seen
        if inside.max() < onset or (complete and times[last] - times[first] < shortest_s - 1e-9):
            continue
        apex = first + int(inside.argmax())
        onset_s, apex_s, last_s = times[[first, apex, last]].tolist()
        strongest, mean = float(values[apex]), float(inside.mean())
        yield Event(first, apex, last, onset_s, apex_s, last_s, strongest, mean, onset_seen, offset_seen)


def letter(intensity: float) -> str:
    """FACS's letter for an intensity 0..5, ``"A"`` (trace) to ``"E"`` (maximum).

    Examples
    --------
    >>> letter(0.6), letter(2.4), letter(5.0)
    ('A', 'B', 'E')
    """
    return "ABCDE"[int(min(max(np.floor(intensity + 0.5), 1), 5)) - 1]

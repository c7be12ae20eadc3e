"""Synthetic recordings: emotions as action-unit curves, "genuine" and "posed", drawn on synthetic faces.

A recording is made in three steps that can be used alone: `expression` gives the curves, `render` draws them on a
`SyntheticFace`, `write_recordings` encodes a whole set of videos with its metadata. What tells the two labels apart
is only how the curves move in time: a genuine expression rises slowly and swells several times, a posed one jumps
to a single apex and drops. This is a caricature of what studies of spontaneous and deliberate smiles report
(Schmidt, Ambadar, Cohn & Reed 2006, doi:10.1007/s10919-005-0003-x). Whoever learns to tell these videos apart has
learned this module, not people.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import joblib
import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.atomic import atomic_csv
from facs_pipeline.synthesis.face import DRIVEN_AUS, SyntheticFace
from facs_pipeline.video.writer import VideoWriter

EMOTION_AUS: dict[str, dict[int, float]] = {
    "happiness": {6: 3.0, 12: 4.3, 25: 4.0},
    "surprise": {1: 4.0, 2: 4.2, 5: 3.5, 25: 3.0, 26: 3.8},
    "sadness": {1: 3.8, 4: 3.0, 15: 4.0},
    "anger": {4: 4.5, 7: 3.5, 10: 2.0, 25: 1.0},
    "disgust": {4: 2.0, 7: 2.0, 9: 4.0, 10: 4.0, 25: 1.5},
}
"""Prototypes after Ekman, Friesen & Hager (2002), FACS Investigator's Guide: AU -> intensity at the apex."""
LABELS = ("real", "fake")
"""Genuine and posed."""


@dataclass(frozen=True)
class Recording:
    """Movements of one synthetic person in one video.

    Attributes
    ----------
    times_s : ndarray
        Seconds, from 0 `[n]`.
    intensities : ndarray
        Intensities 0..5 of the k AUs in `aus` `[n, k]`.
    head : ndarray
        Turn, nod, shift x, shift y, roll (degrees) and zoom `[n, 6]`, as `SyntheticFace.draw` takes them.
    aus : tuple of int
        FACS numbers `[k]`.
    """

    times_s: np.ndarray
    intensities: np.ndarray
    head: np.ndarray
    aus: tuple[int, ...] = DRIVEN_AUS


def expression(
    emotion: str,
    label: str,
    *,
    duration_s: float = 3.0,
    fps: float = 25.0,
    difference: float = 1.0,
    noise: float = 0.05,
    seed: int | Sequence[int] = 0,
) -> Recording:
    """Action-unit curves of one expression from rest to rest, with blinks and a little head movement.

    Parameters
    ----------
    emotion : str
        One of `EMOTION_AUS`.
    label : {"real", "fake"}
        Slow onset with one to three apexes, or abrupt onset and offset with one apex.
    duration_s : float
        Length in seconds, at least 1.
    fps : float
        Frames per second.
    difference : float
        0..1. At 1 the labels move as described; at 0 both draw from the same middle; between, in proportion.
    noise : float
        Standard deviation, in intensity units, of the slow wavering added to every AU in use.
    seed : int or sequence of int
        The same seed gives the same curves.

    Returns
    -------
    Recording
        Of all `DRIVEN_AUS`.

    Raises
    ------
    InputError
        If an argument is none of the values above.

    Examples
    --------
    >>> smile = expression("happiness", "fake", seed=3)
    >>> smile.intensities.shape, bool(smile.intensities.max() <= 5)
    ((75, 13), True)
    """
    if emotion not in EMOTION_AUS:
        raise InputError(f"emotion {emotion!r}: expected one of {', '.join(EMOTION_AUS)}")
    if label not in LABELS:
        raise InputError(f"label {label!r}: expected one of {', '.join(LABELS)}")
    if not 0 <= difference <= 1:
        raise InputError(f"difference {difference}: expected 0 (labels alike) to 1 (labels far apart)")
    if duration_s < 1 or fps <= 0:
        raise InputError(f"duration {duration_s} s at {fps} frames/s: expected at least 1 s and more than 0 frames/s")
    rng = np.random.default_rng(seed)
    times = np.arange(round(duration_s * fps)) / fps
    course = _course(times, duration_s, 0.5 + (0.5 if label == "real" else -0.5) * difference, rng)
    strength = rng.uniform(0.75, 1.1)

    values = np.zeros((len(times), len(DRIVEN_AUS)))
    for au, peak in EMOTION_AUS[emotion].items():
        lag = rng.normal(0, 0.03)
        curve = strength * rng.uniform(0.85, 1.1) * peak * np.interp(times - lag, times, course)
        wavering = gaussian_filter1d(rng.normal(size=len(times) + 1), 0.12 * fps)[1:]
        # Smoothing shrinks the wavering; dividing by the filter's gain keeps `noise` in intensity units.
        curve = curve + noise * wavering * np.sqrt(2 * np.sqrt(np.pi) * max(0.12 * fps, 0.3))
        values[:, DRIVEN_AUS.index(au)] = np.clip(curve, 0, 5)
    values[:, DRIVEN_AUS.index(45)] = _blinks(times, duration_s, rng)
    return Recording(times, values, _head(times, fps, rng))


def _rise(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def _course(times: np.ndarray, duration_s: float, genuineness: float, rng: np.random.Generator) -> np.ndarray:
    """Share of full strength over time, 0..1: onset, one or more apexes, offset."""
    slow = np.clip(genuineness + rng.normal(0, 0.15, 2), 0, 1)
    span = duration_s / 3
    onset, offset = span * 0.14 * (0.95 / 0.14) ** slow[0], span * 0.16 * (0.8 / 0.16) ** slow[1]
    apexes = 1 + rng.binomial(2, genuineness)
    start, end = span * rng.uniform(0.25, 0.5), duration_s - span * rng.uniform(0.2, 0.4)
    top, fall = start + onset, end - offset
    course = _rise((times - start) / onset) * _rise((end - times) / offset)
    if apexes > 1:
        cycles = np.clip((times - top) / (fall - top), 0, 1) * (apexes - 1)
        course = course * (1 - rng.uniform(0.3, 0.5) * np.sin(np.pi * cycles) ** 2)
    return course


def _blinks(times: np.ndarray, duration_s: float, rng: np.random.Generator) -> np.ndarray:
    curve = np.zeros_like(times)
    moment = rng.uniform(0.1, 1.4)
    while moment < duration_s - 0.3:
        # Eyelids close in about 0.1 s and open more slowly.
        curve = np.maximum(curve, 5 * _rise((times - moment) / 0.1) * _rise((moment + 0.3 - times) / 0.16))
        moment += rng.uniform(1.2, 2.8)
    return curve


def _head(times: np.ndarray, fps: float, rng: np.random.Generator) -> np.ndarray:
    """Slow wandering: sums of two slow sines per degree of freedom."""
    reach = np.array([0.35, 0.25, 0.012, 0.010, 1.2, 0.012])
    rates, phases = rng.uniform(0.1, 0.45, (2, 6)), rng.uniform(0, 2 * np.pi, (2, 6))
    waves = np.sin(2 * np.pi * rates * times[:, None, None] + phases).mean(axis=1)
    return waves * reach + np.array([0, 0, 0, 0, 0, 1.02])


def render(
    face: SyntheticFace, recording: Recording, *, grain: float = 2.0, seed: int | Sequence[int] = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Draw a recording frame by frame.

    Parameters
    ----------
    face : SyntheticFace
        The person.
    recording : Recording
        The movements.
    grain : float
        Standard deviation of the camera's noise in grey levels 0..255.
    seed : int or sequence of int
        Of the grain.

    Yields
    ------
    image : ndarray of uint8
        BGR `[size, size, 3]`.
    points : ndarray
        The true landmarks `[68, 2]`, pixels.
    """
    rng = np.random.default_rng(seed)
    # One large field of noise, cut at another place for each frame, costs a tenth of fresh noise per frame.
    field = rng.normal(0, grain, (face.size + 64, face.size + 64)).round().astype(np.int16)
    field = np.repeat(field[..., None], 3, axis=2)
    for values, head in zip(recording.intensities, recording.head, strict=True):
        turn, nod, x, y, roll, zoom = head
        intensities = dict(zip(recording.aus, values, strict=True))
        image, points = face.draw(intensities, turn=turn, nod=nod, shift=(x, y), roll=roll, zoom=zoom)
        if grain > 0:
            top, left = rng.integers(0, 65, 2)
            patch = field[top : top + face.size, left : left + face.size]
            image = cv2.add(image, patch, dtype=cv2.CV_8U)
        yield image, points


@dataclass(frozen=True)
class RecordingSettings:
    """Length, size, noise and difficulty of the videos of a set.

    Attributes
    ----------
    difference, noise, duration_s, fps : float
        See `expression`.
    grain : float
        See `render`.
    size : int
        Side of the videos in pixels.
    """

    difference: float = 1.0
    noise: float = 0.05
    duration_s: float = 3.0
    fps: float = 25.0
    grain: float = 2.0
    size: int = 288

    def expression(self, emotion: str, label: str, seed: int | Sequence[int] = 0) -> Recording:
        """An expression with these settings."""
        return expression(
            emotion,
            label,
            duration_s=self.duration_s,
            fps=self.fps,
            difference=self.difference,
            noise=self.noise,
            seed=seed,
        )


class _Video(NamedTuple):
    """One video of a set: its file name, and what it shows."""

    name: str
    emotion: str
    label: str
    take: int


def write_recordings(
    folder: str | os.PathLike[str],
    settings: RecordingSettings | None = None,
    *,
    identities: int = 3,
    emotions: Sequence[str] = ("happiness", "surprise", "anger"),
    takes: int = 1,
    seed: int = 0,
    jobs: int = 1,
) -> pd.DataFrame:
    """Write a set of synthetic videos with `metadata.csv` and the curves that drove them.

    Every identity shows every emotion once genuine and once posed, `takes` times.

    Parameters
    ----------
    folder : path
        Gets ``<video>.mp4``, ``metadata.csv`` (video, subject, emotion, label) and ``truth/<video>.csv`` (frame from
        1, timestamp in s, AU01..AU45 driven intensities 0..5, x_0..y_67 true landmarks in px).
    settings : RecordingSettings, optional
        Of all videos.
    identities : int
        Number of synthetic people, from 1.
    emotions : sequence of str
        Names from `EMOTION_AUS`.
    takes : int
        Pairs per identity and emotion.
    seed : int
        The same seed gives the same bytes, with any number of jobs.
    jobs : int
        Videos of that many people are drawn side by side.

    Returns
    -------
    DataFrame
        The metadata table, one row a video.

    Raises
    ------
    InputError
        If there would be no video or an argument is out of range.
    """
    if identities < 1 or takes < 1 or not emotions:
        raise InputError(
            f"{identities} identities, {takes} takes, emotions {list(emotions)}: expected at least one of each"
        )
    folder, settings = Path(folder), settings or RecordingSettings()
    for emotion in emotions:
        settings.expression(emotion, "real")
    plan = [
        [
            _Video(
                f"{_subject(person)}_{emotion}{f'_{take + 1}' if takes > 1 else ''}_{label}.mp4", emotion, label, take
            )
            for emotion in emotions
            for take in range(takes)
            for label in LABELS
        ]
        for person in range(identities)
    ]

    # Drawing and encoding happen outside Python's lock, so threads do, and they start at once.
    joblib.Parallel(n_jobs=min(jobs, identities), prefer="threads")(
        joblib.delayed(_write_person)(folder, person, videos, settings, seed) for person, videos in enumerate(plan)
    )
    metadata = pd.DataFrame(
        [(one.name, _subject(person), one.emotion, one.label) for person, videos in enumerate(plan) for one in videos],
        columns=["video", "subject", "emotion", "label"],
    )
    atomic_csv(metadata, folder / "metadata.csv")
    return metadata


def _subject(person: int) -> str:
    return f"s{person + 1:02d}"


def _write_person(folder: Path, person: int, videos: list[_Video], settings: RecordingSettings, seed: int) -> None:
    face = SyntheticFace(person, settings.size)
    for video in videos:
        own_seed = [seed, person, list(EMOTION_AUS).index(video.emotion), video.take, LABELS.index(video.label)]
        recording = settings.expression(video.emotion, video.label, own_seed)
        _write_one(
            folder / video.name, render(face, recording, grain=settings.grain, seed=own_seed), recording, settings.fps
        )


def _write_one(path: Path, frames: Iterator[tuple[np.ndarray, np.ndarray]], recording: Recording, fps: float) -> None:
    all_points = []
    with VideoWriter(path, fps=fps) as video:
        for time_s, (image, points) in zip(recording.times_s, frames, strict=True):
            video.write(image, time_s)
            all_points.append(points)
    xy = np.stack(all_points).transpose(0, 2, 1).reshape(len(all_points), -1)
    truth = pd.DataFrame(
        np.column_stack([recording.intensities.round(4), xy.round(2)]),
        columns=[f"AU{au:02d}" for au in recording.aus] + [f"{axis}_{i}" for axis in "xy" for i in range(68)],
    )
    truth.insert(0, "timestamp", recording.times_s.round(6))
    truth.insert(0, "frame", np.arange(1, len(truth) + 1))
    atomic_csv(truth, path.parent / "truth" / f"{path.stem}.csv")

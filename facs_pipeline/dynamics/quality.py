"""How good a recording is for measuring a face: confidence, size, pose, light, gaps, evenness of its frames."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

LOW_CONFIDENCE = 0.5
"""Below, the points may lie on no face, or on one that is hidden."""
TURNED_DEG = 30.0
"""A head that is turned or nodding further shows too little of one side."""
_DARKEST, _BRIGHTEST = 8, 247
"""Pixels at or beyond these show no shades any more."""
_UNEVEN = 0.5
"""A step that differs from the usual one by more than this share of it."""
MEASURES = (
    "confidence_mean", "confidence_low_share", "confidence_upper_mean", "confidence_upper_low_share",
    "confidence_lower_mean", "confidence_lower_low_share", "face_width_px", "turned_share", "sharpness", "brightness",
    "clipped_share", "faces", "longest_gap_s", "cuts", "uneven_share", "usable_share", "worst_s",
)  # fmt: skip
"""Names of the measures, as columns of ``videos.csv``."""

Measures = dict[str, float | None]


@dataclass(frozen=True)
class FaceRows:
    """What the rows of an action-unit table say of the recording: a row for each face of each frame.

    Attributes
    ----------
    times_s : ndarray of float
        Times `[n]` in seconds, never falling.
    frame : ndarray of int
        Numbers `[n]` of the frames.
    face_id : ndarray of int
        `[n]`; -1 where a frame has no face.
    confidence : ndarray of float
        `[n]`, 0..1.
    pose_deg : ndarray of float
        Pitch, yaw and roll `[n, 3]` in degrees; NaN without a face.
    width_px : ndarray of float
        Widths `[n]` of the faces in pixels; NaN without a face.
    pictures : ndarray of float, optional
        Of each face what `picture_measures` gives `[n, 3]`; NaN without a face.
    halves : ndarray of float, optional
        Confidence of the upper and the lower face `[n, 2]`, where the table has it.
    cuts : int, optional
        How often the picture changes altogether.
    """

    times_s: np.ndarray
    frame: np.ndarray
    face_id: np.ndarray
    confidence: np.ndarray
    pose_deg: np.ndarray
    width_px: np.ndarray
    pictures: np.ndarray | None = None
    halves: np.ndarray | None = None
    cuts: int | None = None


def picture_measures(texture: np.ndarray) -> tuple[float, float, float]:
    """Sharpness, brightness and clipped share of the middle of a face, which shows nothing but the face.

    Parameters
    ----------
    texture : ndarray of uint8
        Registered face `[h, w]`, see `facs_pipeline.registered_texture`.

    Returns
    -------
    sharpness : float
        Standard deviation of the Laplacian over that of the grey levels, 0 and more. Contrast cancels out.
    brightness : float
        Mean grey level, 0..255.
    clipped : float
        Share of the pixels that are black or white, 0..1.

    Examples
    --------
    >>> picture_measures(np.full((120, 120), 128, np.uint8))
    (0.0, 128.0, 0.0)
    """
    height, width = texture.shape
    texture = np.ascontiguousarray(texture[height // 5 : 4 * height // 5, width // 4 : 3 * width // 4])
    # Whole numbers until the sums, so that processors agree.
    mean, spread = (float(value[0, 0]) for value in cv2.meanStdDev(texture))
    _mean, edges = (float(value[0, 0]) for value in cv2.meanStdDev(cv2.Laplacian(texture, cv2.CV_16S)))
    counts = np.bincount(texture.ravel(), minlength=256)
    clipped = float(counts[: _DARKEST + 1].sum() + counts[_BRIGHTEST:].sum()) / texture.size
    return (edges / spread if spread > 1 else 0.0), mean, clipped


def face_widths(points: np.ndarray) -> np.ndarray:
    """Widths `[m]` in pixels of faces with the landmarks `[m, 68, 2]`, from their leftmost to their rightmost point."""
    return np.ptp(points[..., 0], axis=-1)


def measure_quality(rows: FaceRows) -> Measures:
    """Measures of one recording.

    Parameters
    ----------
    rows : FaceRows
        Of the whole recording.

    Returns
    -------
    dict of str to float or None
        Each of `MEASURES`; None for what cannot be known.

    Examples
    --------
    >>> n = np.arange(4)
    >>> straight = np.zeros((4, 3))
    >>> rows = FaceRows(n / 25, n, 0 * n, np.array([0.9, 0.9, 0.2, 0.9]), straight, 100.0 + n)
    >>> measured = measure_quality(rows)
    >>> measured["confidence_low_share"], measured["usable_share"], measured["worst_s"]
    (0.25, 0.75, 0.08)
    """
    measures: Measures = dict.fromkeys(MEASURES)
    measures["cuts"] = rows.cuts
    if not len(rows.frame):
        return measures
    seen = rows.face_id >= 0
    frames, first = np.unique(rows.frame, return_index=True)
    times, at = rows.times_s[first], np.searchsorted(frames, rows.frame)
    turned = seen & (np.abs(rows.pose_deg[:, :2]).max(axis=1) > TURNED_DEG)
    usable, there, best = (np.zeros(len(frames), bool), np.zeros(len(frames), int), np.zeros(len(frames)))
    np.logical_or.at(usable, at, seen & (rows.confidence >= LOW_CONFIDENCE) & ~turned)
    np.add.at(there, at, seen.astype(int))
    np.maximum.at(best, at, np.where(seen, rows.confidence, 0.0))
    measures |= {
        "faces": int(there.max()),
        "longest_gap_s": _longest_gap(times, there > 0),
        "uneven_share": _uneven_share(times),
        "usable_share": float(usable.mean()),
        "worst_s": _worst(times, usable, best),
    }
    if seen.any():
        measures |= {
            "confidence_mean": float(rows.confidence[seen].mean()),
            "confidence_low_share": float((rows.confidence[seen] < LOW_CONFIDENCE).mean()),
            "face_width_px": float(np.median(rows.width_px[seen])),
            "turned_share": float(turned[seen].mean()),
        }
        for number, half in enumerate(("upper", "lower")):
            if rows.halves is not None:
                values = rows.halves[seen, number]
                measures[f"confidence_{half}_mean"] = float(np.nanmean(values))
                measures[f"confidence_{half}_low_share"] = float((values < LOW_CONFIDENCE).mean())
        if rows.pictures is not None:
            means = rows.pictures[seen].mean(axis=0).tolist()
            measures |= dict(zip(("sharpness", "brightness", "clipped_share"), means, strict=True))
    return measures


def stretches(marked: np.ndarray) -> list[tuple[int, int]]:
    """First and last position of every run of True values.

    >>> stretches(np.array([False, True, True, False, True]))
    [(1, 2), (4, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([0], np.asarray(marked).astype(int), [0]))))
    return [(int(start), int(end) - 1) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def _longest_gap(times: np.ndarray, there: np.ndarray) -> float:
    """Longest time without a face, from the face before to the face after."""
    last = len(times) - 1
    gaps = [times[min(end + 1, last)] - times[max(start - 1, 0)] for start, end in stretches(~there)]
    return float(max(gaps, default=0.0))


def _uneven_share(times: np.ndarray) -> float | None:
    steps = np.diff(times)
    if len(steps) < 2:
        return None
    usual = float(np.median(steps))
    return float((np.abs(steps - usual) > _UNEVEN * usual).mean()) if usual > 0 else 1.0


def _worst(times: np.ndarray, usable: np.ndarray, best: np.ndarray) -> float:
    """Middle of the longest stretch that cannot be used, else the moment of the least confidence."""
    bad = stretches(~usable)
    if not bad:
        return float(times[int(best.argmin())])
    start, end = max(bad, key=lambda one: times[one[1]] - times[one[0]])
    return float(times[(start + end) // 2])

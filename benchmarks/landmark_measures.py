"""How good 68 landmarks are: error by region and head turn, jitter, correlations, consistency with themselves.

Distances are in % of the distance of the teacher's outer eye corners.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import harness
import numpy as np

from facs_pipeline.foundation.images import geometry
from facs_pipeline.landmarks.eyelids import eye_aspect_ratio
from facs_pipeline.landmarks.points import MIRROR_68
from facs_pipeline.landmarks.pose import head_pose
from facs_pipeline.landmarks.training.recipe import point_errors

REGIONS = {
    "chin": slice(0, 17),
    "brows": slice(17, 27),
    "nose": slice(27, 36),
    "eyes": slice(36, 48),
    "mouth": slice(48, 68),
}
TURNS = ((0, 10), (10, 25), (25, 90))
"""Bins of the head's turn to either side, in degrees."""
AT_REST = 40
"""Frames whose movement lies in these lowest per cent count as rest."""
MOVES = 0.02
"""Standard deviation of the teacher's measure from which a correlation says something."""
FEWEST = 10
"""Fewer faces than this give no figure."""

Points = np.ndarray
Locate = Callable[[np.ndarray, tuple[float, float, float, float]], Points]


def eye_distance(points: Points) -> np.ndarray:
    """Distance of the outer eye corners [n] of points [n, 68, 2]."""
    return np.linalg.norm(points[:, 36] - points[:, 45], axis=-1)


def mouth_opening(points: Points) -> np.ndarray:
    """Distance of the inner lips [n] over the eye distance."""
    return np.linalg.norm(points[:, 62] - points[:, 66], axis=-1) / eye_distance(points)


def mouth_width(points: Points) -> np.ndarray:
    """Distance of the mouth's corners [n] over the eye distance."""
    return np.linalg.norm(points[:, 48] - points[:, 54], axis=-1) / eye_distance(points)


MOVEMENTS = {"eye aspect ratio": eye_aspect_ratio, "mouth opening": mouth_opening, "mouth width": mouth_width}


def errors(found: Points, truth: Points) -> dict[str, float]:
    """Mean distance to the teacher of points [n, 68, 2]: raw, without each point's constant offset, by region, p90."""
    raw, removed = point_errors(found, truth)
    return (
        {
            "raw": raw.mean(),
            "offset removed": removed.mean(),
            "inner points": removed[:, 17:].mean(),
            "p90": np.percentile(removed.mean(axis=1), 90),
        }
        | {f"raw {region}": raw[:, part].mean() for region, part in REGIONS.items()}
        | {region: removed[:, part].mean() for region, part in REGIONS.items()}
        | _by_turn(removed, truth)
    )


def _by_turn(removed: np.ndarray, truth: Points) -> dict[str, float]:
    turn = np.degrees(np.abs(head_pose(truth)[:, 1]))
    chosen = {f"turned {low}-{high}": (turn >= low) & (turn < high) for low, high in TURNS}
    return {name: removed[rows].mean() for name, rows in chosen.items() if rows.sum() >= FEWEST}


def movements(found: Points, truth: Points) -> dict[str, float]:
    """Of consecutive frames [n, 68, 2]: correlation of each of `MOVEMENTS` with the teacher's, and jitter.

    Jitter is the mean movement from frame to frame beyond the teacher's, while that rests. A correlation is given
    where the teacher's measure moves by `MOVES`. NaN frames are left out.
    """
    seen = ~np.isnan(found[:, 0, 0]) & ~np.isnan(truth[:, 0, 0])
    result = {}
    for name, measure in MOVEMENTS.items():
        wanted = measure(truth[seen])
        if wanted.std() >= MOVES:
            result[name] = np.corrcoef(measure(found[seen]), wanted)[0, 1]
    size = eye_distance(truth[seen]).mean()
    steps = np.diff(truth, axis=0)
    both = seen[1:] & seen[:-1]
    speed = np.linalg.norm(steps, axis=-1).mean(axis=1)[both]
    beyond = np.linalg.norm(np.diff(found, axis=0) - steps, axis=-1).mean(axis=1)[both]
    result["jitter at rest"] = 100 * beyond[speed <= np.percentile(speed, AT_REST)].mean() / size
    return result


def box_round(points: Points) -> tuple[float, float, float, float]:
    """The box (x, y, width, height) round points [68, 2]."""
    low, size = points.min(axis=0), np.ptp(points, axis=0)
    return float(low[0]), float(low[1]), float(size[0]), float(size[1])


def self_consistency(
    locate: Locate, images: list[np.ndarray], boxes: list[tuple[float, float, float, float]], scale: np.ndarray
) -> dict[str, float]:
    """How far the points of a face and of its copies are apart, with no teacher in between.

    Copies are the mirror image, and images shifted, rotated and enlarged by known amounts. Every box is
    misplaced like a detector's: 4 % of its side in place and size, the same for any model.

    Parameters
    ----------
    locate : finds points [68, 2] in a grey image and a box.
    images, boxes : n grey images and the boxes of their faces.
    scale : [n] eye distances in pixels.
    """
    rng = np.random.default_rng(0)
    apart: dict[str, list[float]] = {"mirrored": [], "shifted": [], "rotated": [], "enlarged": []}
    for image, box, size in zip(images, boxes, scale, strict=True):
        here = locate(image, _misplaced(rng, box))
        mirrored = np.ascontiguousarray(image[:, ::-1])
        last = image.shape[1] - 1
        there = locate(mirrored, _misplaced(rng, (last - box[0] - box[2], *box[1:])))[MIRROR_68] * [-1, 1] + [last, 0]
        apart["mirrored"].append(np.linalg.norm(there - here, axis=-1).mean() / size)
        for name, matrix in _moves(rng, box).items():
            moved = cv2.warpAffine(image, matrix, image.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
            there = locate(moved, _misplaced(rng, _moved_box(matrix, box)))
            back = geometry.apply(geometry.invert(matrix), there)
            apart[name].append(np.linalg.norm(back - here, axis=-1).mean() / size)
    return {name: 100 * float(np.mean(of)) for name, of in apart.items()}


def _moves(rng: np.random.Generator, box: tuple[float, float, float, float]) -> dict[str, np.ndarray]:
    centre = np.array([box[0] + box[2] / 2, box[1] + box[3] / 2])
    side = max(box[2:])

    def similarity(angle: float, factor: float) -> np.ndarray:
        turn = factor * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return np.column_stack([turn, centre - turn @ centre])

    shift = similarity(0.0, 1.0)
    shift[:, 2] += rng.uniform(-0.1, 0.1, 2) * side
    angle = rng.choice([-1, 1]) * np.radians(rng.uniform(5, 15))
    return {"shifted": shift, "rotated": similarity(angle, 1.0), "enlarged": similarity(0.0, rng.uniform(1.1, 1.4))}


def _moved_box(matrix: np.ndarray, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    factor = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    x, y = geometry.apply(matrix, np.array([[box[0] + box[2] / 2, box[1] + box[3] / 2]]))[0]
    width, height = factor * box[2], factor * box[3]
    return float(x - width / 2), float(y - height / 2), width, height


def _misplaced(rng: np.random.Generator, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    side = max(box[2:])
    grow = float(np.exp(0.04 * rng.normal()))
    x, y = np.array(box[:2]) + np.array(box[2:]) * (1 - grow) / 2 + 0.04 * side * rng.normal(size=2)
    return float(x), float(y), box[2] * grow, box[3] * grow


def half_rise_lags(raw: np.ndarray, smoothed: np.ndarray, least: float, window: int = 12) -> dict[str, Any]:
    """Lag of onsets in a smoothed series [n] behind the raw one, in frames.

    An onset is a rise by at least `least` within `window` frames. The lag is the difference of the times at which
    each series passes half of its own rise; `kept` is how much of the raw rise the smoothed one reaches.
    """
    lags, kept = [], []
    for part in harness.runs(np.isfinite(raw) & np.isfinite(smoothed)):
        a, b = raw[part], smoothed[part]
        for start, peak in _onsets(a, least, window):
            stop = min(peak + 4, len(a))
            top = start + int(np.argmax(b[start:stop]))
            rise_a, rise_b = a[peak] - a[start], b[top] - b[start]
            half_a = _crossings(a[start : peak + 1], a[start] + rise_a / 2)
            half_b = _crossings(b[start : top + 1], b[start] + rise_b / 2)
            if len(half_a) and len(half_b):
                # A rise may waver round its half: the pair of crossings that belong together is the closest.
                lags.append(min((half_b[:, None] - half_a).ravel(), key=abs))
                kept.append(rise_b / rise_a)
    if not lags:
        return {"onsets": 0}
    return {
        "onsets": len(lags),
        "lag": float(np.mean(lags)),
        "largest lag": float(np.max(lags)),
        "within a frame": float(np.mean(np.abs(lags) <= 1)),
        "kept": float(np.mean(kept)),
    }


def _onsets(series: np.ndarray, least: float, window: int) -> list[tuple[int, int]]:
    """(start, peak) of rises: from the lowest point of the window before a local maximum."""
    found: list[tuple[int, int]] = []
    for peak in range(2, len(series) - 1):
        low = max(0, peak - window)
        if series[peak] < series[low : peak + window // 2].max():
            continue
        start = low + int(np.argmin(series[low:peak]))
        if series[peak] - series[start] >= least and (not found or start >= found[-1][1]):
            found.append((start, peak))
    return found


def _crossings(series: np.ndarray, level: float) -> np.ndarray:
    """Where a series rises through a level, between samples."""
    below = np.flatnonzero((series[:-1] < level) & (series[1:] >= level))
    return below + (level - series[below]) / (series[below + 1] - series[below])


def correlation_lag(raw: np.ndarray, smoothed: np.ndarray, furthest: int = 5) -> float:
    """Lag of a smoothed series [n] behind the raw one in frames, where their changes correlate best (parabola)."""
    best = {}
    a, b = np.diff(raw), np.diff(smoothed)
    for lag in range(-furthest, furthest + 1):
        x, y = (a[: len(a) - lag], b[lag:]) if lag >= 0 else (a[-lag:], b[:lag])
        both = np.isfinite(x) & np.isfinite(y)
        best[lag] = float(np.corrcoef(x[both], y[both])[0, 1])
    peak = max(best, key=lambda lag: best[lag])
    if abs(peak) == furthest:
        return float(peak)
    left, middle, right = best[peak - 1], best[peak], best[peak + 1]
    return peak + 0.5 * (left - right) / (left - 2 * middle + right)

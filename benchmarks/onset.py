"""What the landmark filter costs in time: onsets of blinks and smiles with and without it, on real videos.

    python benchmarks/onset.py
    python benchmarks/onset.py --plot docs/onsets.svg

Every video of 30 frames per second is run twice, with and without the filters of points and intensities. Lag is
measured twice: where the changes of the two series correlate best, and at half of each onset's rise, where a rise that
pauses near its half can seem late or early. `within a frame` is the share of onsets that are neither by more than one
frame, `kept` the share of the raw rise that is left. Jitter is that of the series at rest: the lower half of its
changes. A synthetic blink of 100 ms with noise, whose truth is known, comes last.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import harness
import landmark_measures as measures
import numpy as np
from action_units import predicted

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.analysis.analyser import Landmarks
from facs_pipeline.authenticity.curves_plot import plot_curves
from facs_pipeline.faces.tracker import FaceTracker
from facs_pipeline.foundation.errors import ModelError
from facs_pipeline.foundation.one_euro_filter import OneEuroFilter
from facs_pipeline.landmarks.eyelids import eye_aspect_ratio
from facs_pipeline.landmarks.loading import load_landmarks
from facs_pipeline.landmarks.model import default_landmarks
from facs_pipeline.landmarks.pose import MEAN_HEAD
from facs_pipeline.video.reader import probe, read_frames

MOST_LAG = 1.0
"""Frames at 30 frames per second."""
# Series and the least rise that counts as an onset, in the series' own unit.
FROM_POINTS = {
    "eye closing (points)": (lambda p: -eye_aspect_ratio(p), 0.10),
    "mouth widening (points)": (measures.mouth_width, 0.06),
    "mouth opening (points)": (measures.mouth_opening, 0.08),
}
FROM_AUS = {45: ("AU45", 1.5), 12: ("AU12", 0.8), 25: ("AU25", 0.8)}


def tracked_points(video: Path, landmarks: Landmarks, smoothing: bool) -> np.ndarray:
    """Points [n, 68, 2] of the main face, NaN where there is none."""
    tracker = FaceTracker(landmarks, smoothing=smoothing)
    rows = []
    for frame in read_frames(video):
        faces = tracker.update(frame.image, frame.time_s)
        rows.append(faces[0].points if faces else np.full((68, 2), np.nan, np.float32))
    return np.array(rows)


def series_of(
    video: Path, landmarks: Landmarks, au_model: ActionUnitModel | None, smoothing: bool
) -> dict[str, np.ndarray]:
    """The series in which onsets are looked for, [n] each."""
    points = tracked_points(video, landmarks, smoothing)
    series = {name: measure(points) for name, (measure, _) in FROM_POINTS.items()}
    if au_model is not None:
        intensities = predicted(video, landmarks, au_model, smoothing)
        series |= {
            name: intensities[:, au_model.aus.index(au)] for au, (name, _) in FROM_AUS.items() if au in au_model.aus
        }
    return series


def compare(raw: dict[str, np.ndarray], smoothed: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Lags of each series in frames."""
    least = {name: rise for name, (_, rise) in FROM_POINTS.items()} | {name: rise for name, rise in FROM_AUS.values()}
    result = {}
    for name, before in raw.items():
        row = measures.half_rise_lags(before, smoothed[name], least[name])
        if row["onsets"]:
            row["lag by correlation"] = measures.correlation_lag(before, smoothed[name])
        # Intensities are cut at 0, where they have no jitter at all.
        row["jitter ratio"] = _rest(smoothed[name]) / (_rest(before) or np.nan)
        result[name] = row
    return result


def _rest(series: np.ndarray) -> float:
    changes = np.abs(np.diff(series))
    changes = changes[np.isfinite(changes)]
    return float(changes[changes <= np.median(changes)].mean())


def synthetic_blink(fps: int = 30, noise: float = 0.003, seed: int = 0) -> dict[str, Any]:
    """Lag of a known blink behind its truth: eyes close in 100 ms and open in 170 ms, every second."""
    rng = np.random.default_rng(seed)
    seconds = 20
    times = np.arange(seconds * fps) / fps
    closed = np.interp(times % 1, [0, 0.4, 0.5, 0.55, 0.72, 1], [0, 0, 1, 1, 0, 0])
    upper = np.array([37, 38, 43, 44])
    lower = np.array([41, 40, 47, 46])
    truth = np.repeat(MEAN_HEAD[None, :, :2] * 200, len(times), axis=0)
    gap = truth[:, lower] - truth[:, upper]
    truth[:, upper] += 0.9 * closed[:, None, None] * gap
    noisy = (truth + rng.normal(scale=noise * 200, size=truth.shape)).astype(np.float32)
    smooth = OneEuroFilter()
    filtered = np.array([smooth(p, float(t)) for p, t in zip(noisy, times, strict=True)])
    wanted = -eye_aspect_ratio(truth)
    return {
        name: measures.half_rise_lags(wanted, -eye_aspect_ratio(p), 0.1)
        | {"lag by correlation": measures.correlation_lag(wanted, -eye_aspect_ratio(p))}
        for name, p in {"without the filter": noisy, "with it": filtered}.items()
    }


def plot(raw: dict[str, np.ndarray], smoothed: dict[str, np.ndarray], seconds: float = 4.0, fps: float = 30.0) -> str:
    """SVG of action units with and without the filter, round the steepest rise of AU45 in the video."""
    names = [name for name in ("AU45", "AU12", "AU25") if name in raw]
    rise = np.nan_to_num(np.diff(raw["AU45"]))
    width = round(seconds * fps)
    start = int(np.clip(np.argmax(rise) - width // 3, 0, max(0, len(rise) - width)))
    part = slice(start, start + width)
    times = np.arange(len(raw["AU45"][part])) / fps
    both = tuple(np.clip(np.column_stack([of[name][part] for name in names]), 0, 5) for of in (raw, smoothed))
    title = "Onsets with and without the landmark filter"
    return plot_curves(("without the filter", "with it"), (times, times), both, names, title=title)


def main() -> None:
    """Command line."""
    options = harness.parser(__doc__, "onset")
    options.add_argument("--landmarks", type=Path, help="landmark model; default: the embedded one")
    options.add_argument("--au-model", type=Path, help="action-unit model; default: the embedded one")
    options.add_argument("--videos", nargs="*", default=["d3", "d6", "d18", "s18", "s32"], help="by stem")
    options.add_argument("--plot", type=Path, help="SVG file to write")
    asked = options.parse_args()
    landmarks = load_landmarks(asked.landmarks) if asked.landmarks else default_landmarks()
    try:
        au_model = ActionUnitModel.load(asked.au_model) if asked.au_model else ActionUnitModel.load_default()
    except ModelError as error:
        print(f"without action units: {error}")
        au_model = None
    result: dict[str, Any] = {"videos": {}}
    largest = (0.0, "")
    for video in harness.videos(asked.data, asked.videos):
        if abs(probe(video).fps - 30) > 1:
            continue
        raw, smoothed = (series_of(video, landmarks, au_model, smoothing) for smoothing in (False, True))
        result["videos"][video.stem] = compare(raw, smoothed)
        if "AU45" in raw and (rise := float(np.nanmax(np.diff(raw["AU45"])))) > largest[0]:
            largest = (rise, plot(raw, smoothed))
    columns = ("onsets", "lag", "largest lag", "within a frame", "lag by correlation", "kept", "jitter ratio")
    rows = [
        [f"{video} {name}", *(row.get(c, "") for c in columns)]
        for video, of in result["videos"].items()
        for name, row in of.items()
    ]
    harness.table("Lag of the filter in frames at 30 frames/s", ["", *columns], rows)
    result["mean"] = {}
    for name in dict.fromkeys(name for of in result["videos"].values() for name in of):
        found = [of[name] for of in result["videos"].values() if of.get(name, {}).get("onsets")]
        if found:
            count = np.array([row["onsets"] for row in found])
            result["mean"][name] = {"onsets": count.sum()} | {
                c: float(np.average([row[c] for row in found], weights=count)) for c in columns[1:]
            }
            result["mean"][name]["largest lag"] = max(row["largest lag"] for row in found)
    rows = [[name, *(row[c] for c in columns)] for name, row in result["mean"].items()]
    harness.table(f"Mean over onsets (at most {MOST_LAG:g} frame of lag wanted)", ["", *columns], rows)
    result["synthetic blink"] = synthetic_blink()
    rows = [[name, *(row.get(c, "") for c in columns[:-1])] for name, row in result["synthetic blink"].items()]
    harness.table("A synthetic blink against its truth", ["", *columns[:-1]], rows)
    if asked.plot and largest[1]:
        asked.plot.write_text(largest[1], encoding="utf-8")
    settings = {"landmarks_sha256": landmarks.sha256, "au_model_sha256": au_model.sha256 if au_model else None}
    harness.save(asked.out, settings, result)


if __name__ == "__main__":
    main()

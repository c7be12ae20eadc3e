"""Agreement of the embedded action-unit model with its teacher on videos of people never trained on.

    python benchmarks/action_units.py
    python benchmarks/action_units.py --au-model mine.npz --landmarks mine-landmarks.npz --out /tmp/mine.json

The intensities come from the pipeline as users run it (faces tracked, features, model); the teacher is MediaPipe's
Face Landmarker in video mode. An action unit counts in a video only where the teacher's score moves: standard
deviation of at least 0.05 of its 0..1. The teacher's scores are pseudo-labels, not what a FACS coder would say.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import harness
import numpy as np

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.action_units.training.pseudo_labels import USABLE_AUS, intensities
from facs_pipeline.analysis.analyser import FaceAnalyser, Landmarks
from facs_pipeline.foundation.evaluation.agreement import bias, ccc, mae, pearson
from facs_pipeline.landmarks.loading import load_landmarks
from facs_pipeline.landmarks.model import default_landmarks
from facs_pipeline.video.reader import read_frames

MOVES = 0.05 * 5
"""Standard deviation of the teacher's intensity (0..5) from which a video counts for an action unit."""
TARGET_MEAN, TARGET_EACH, TARGET_FOUND = 0.88, 0.80, 0.995
MEASURES = {"r": pearson, "ccc": ccc, "bias": bias, "mae": mae}
YARDSTICK = {
    "mirrored_r": "the teacher and the teacher on the mirror image",
    "r_with_both": "ours and the mean of these two",
}
COLUMNS = (*MEASURES, *YARDSTICK)


def predicted(video: Path, landmarks: Landmarks, au_model: ActionUnitModel, smoothing: bool = True) -> np.ndarray:
    """Intensities [n, k] of the main face in every frame, NaN where none is found."""
    analyser, faces, frames = FaceAnalyser(landmarks, au_model, smoothing=smoothing), [], 0
    for frame in read_frames(video):
        frames += 1
        faces += analyser.update(frame.image, frame.time_s)
    faces += analyser.finish()
    series = np.full((frames, len(au_model.aus)), np.nan, np.float32)
    for face in faces:
        series[face.frame] = face.intensities
    return series


def compare(
    videos: Sequence[Path],
    task: Path,
    cache: Path,
    landmarks: Landmarks,
    au_model: ActionUnitModel,
    smoothing: bool = True,
) -> dict[str, Any]:
    """Per action unit and video `MEASURES` and `YARDSTICK`, and how many of the teacher's faces are found."""
    aus = [au for au in USABLE_AUS if au in au_model.aus]
    columns = [au_model.aus.index(au) for au in aus]
    found = {}
    per_au: dict[str, dict[str, dict[str, float]]] = {f"AU{au:02d}": {} for au in aus}
    for video in videos:
        teacher = harness.teacher_on_video(video, task, cache)
        truth = intensities(teacher["blendshapes"], teacher["names"].tolist(), aus)
        teacher = harness.teacher_on_video(video, task, cache, mirrored=True)
        in_mirror = intensities(teacher["blendshapes"], teacher["names"].tolist(), aus)
        ours = predicted(video, landmarks, au_model, smoothing)[:, columns]
        seen = ~np.isnan(truth[:, 0])
        both = seen & ~np.isnan(ours[:, 0])
        all_three = both & ~np.isnan(in_mirror[:, 0])
        yardstick = {"mirrored_r": (truth, in_mirror), "r_with_both": ((truth + in_mirror) / 2, ours)}
        found[video.stem] = {"teacher": seen.sum(), "ours_too": both.sum()}
        found[video.stem]["only_ours"] = (~seen & ~np.isnan(ours[:, 0])).sum()
        for i, au in enumerate(aus):
            if both.sum() > 10 and truth[both, i].std() >= MOVES:
                pair = truth[both, i], ours[both, i]
                # A constant prediction has no correlation: it agrees with nothing.
                of = {name: np.nan_to_num(m(*pair)[0]) for name, m in MEASURES.items()}
                for name, (one, other) in yardstick.items():
                    of[name] = np.nan_to_num(pearson(one[all_three, i], other[all_three, i])[0])
                per_au[f"AU{au:02d}"][video.stem] = of
    mean = {
        au: {name: np.mean([v[name] for v in of.values()]) for name in COLUMNS} | {"videos": len(of)}
        for au, of in per_au.items()
        if of
    }
    asked = sum(f["teacher"] for f in found.values())
    return {
        "per_au": mean,
        "mean": {name: np.mean([of[name] for of in mean.values()]) for name in COLUMNS},
        "lowest_r": min((of["r"], au) for au, of in mean.items()) if mean else None,
        "share_of_teacher_faces_found": sum(f["ours_too"] for f in found.values()) / max(asked, 1),
        "per_video": per_au,
        "frames_with_face": found,
    }


def show(result: dict[str, Any]) -> None:
    """Print what `compare` found."""
    rows = [[au, *(of[m] for m in COLUMNS), of["videos"]] for au, of in result["per_au"].items()]
    mean = result["mean"]
    rows.append(["mean", *(mean[m] for m in COLUMNS), ""])
    harness.table("Agreement with the teacher (mean over videos in which its score moves)",
                  ["", *COLUMNS, "videos"], rows)  # fmt: skip
    for name, what in YARDSTICK.items():
        print(f"{name}: r between {what}")
    names = list(result["frames_with_face"])
    rows = [[au, *(of[v]["r"] if v in of else "." for v in names)] for au, of in result["per_video"].items()]
    harness.table("r per video", ["", *names], rows)
    rows = [[name, *of.values()] for name, of in result["frames_with_face"].items() if of["teacher"] > of["ours_too"]]
    if rows:
        harness.table("Teacher's faces not found", ["", "teacher", "ours too", "only ours"], rows)
    low, au = result["lowest_r"]
    print(f"\nmean r {mean['r']:.3f} ({mean['r'] / TARGET_MEAN:.2f} of the target {TARGET_MEAN})")
    print(f"lowest r {low:.3f}, {au} ({low / TARGET_EACH:.2f} of the target {TARGET_EACH})")
    print(f"faces found {result['share_of_teacher_faces_found']:.2%} of the teacher's (target {TARGET_FOUND:.1%})")


def main() -> None:
    """Command line."""
    options = harness.parser(__doc__, "action_units")
    options.add_argument("--au-model", type=Path, help="action-unit model; default: the embedded one")
    options.add_argument("--landmarks", type=Path, help="landmark model; default: the embedded one")
    options.add_argument("--no-smoothing", action="store_true", help="without the filters of points and intensities")
    options.add_argument("--videos", nargs="*", default=[], help="only these, by stem")
    asked = options.parse_args()
    landmarks = load_landmarks(asked.landmarks) if asked.landmarks else default_landmarks()
    au_model = ActionUnitModel.load(asked.au_model) if asked.au_model else ActionUnitModel.load_default()
    chosen = harness.videos(asked.data, asked.videos)
    task = asked.data / "teacher" / "face_landmarker.task"
    result = compare(chosen, task, asked.cache, landmarks, au_model, not asked.no_smoothing)
    show(result)
    settings = {
        "au_model_sha256": au_model.sha256,
        "landmarks_sha256": landmarks.sha256,
        "smoothing": not asked.no_smoothing,
        "videos": [v.name for v in chosen],
    }
    harness.save(asked.out, settings, result)


if __name__ == "__main__":
    main()

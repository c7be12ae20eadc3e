"""Agreement of an action-unit model with a second judge: what linear models trained on FACS-coded data say of videos.

    python benchmarks/second_judge.py
    python benchmarks/second_judge.py --au-model mine.npz --out /tmp/mine.json

The judge's levels are not near 0 on calm faces, so shapes are what counts: the correlation r within a video, and its
median over the videos in which the judge's intensity moves (standard deviation of at least 0.15). An action unit that a
model does not measure counts as 0 in the mean. Nothing is trained on the judge.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import harness
import numpy as np
from action_units import predicted

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.analysis.analyser import Landmarks
from facs_pipeline.foundation.evaluation.agreement import pearson
from facs_pipeline.landmarks.loading import load_landmarks
from facs_pipeline.landmarks.model import default_landmarks

MOVES = 0.15
TARGET = 0.68


def compare(judge: Path, videos: dict[str, Path], landmarks: Landmarks, model: ActionUnitModel) -> dict[str, Any]:
    """Per action unit of the judge the r within each video, their median, and the mean over action units."""
    within: dict[str, dict[str, float]] = {}
    for file in sorted(judge.glob("*.npz")):
        with np.load(file, allow_pickle=False) as stored:
            frames, said, names = (stored[name] for name in ("frame", "au", "names"))
        ours = predicted(videos[file.stem], landmarks, model)[frames]
        for column, name in enumerate(map(str, names)):
            of = within.setdefault(name, {})
            au = int(name.removeprefix("AU"))
            if said[:, column].std() < MOVES or au not in model.aus:
                continue
            pair = np.column_stack([said[:, column], ours[:, model.aus.index(au)]])
            one, other = pair[np.isfinite(pair).all(axis=1)].T
            of[file.stem] = float(np.nan_to_num(pearson(one, other)[0]))
    median = {name: float(np.median(list(of.values()))) if of else 0.0 for name, of in within.items()}
    return {"median_r": median, "mean": float(np.mean(list(median.values()))), "per_video": within}


def main() -> None:
    """Command line."""
    options = harness.parser(__doc__, "second_judge")
    options.add_argument("--au-model", type=Path, help="action-unit model; default: the embedded one")
    options.add_argument("--landmarks", type=Path, help="landmark model; default: the embedded one")
    asked = options.parse_args()
    landmarks = load_landmarks(asked.landmarks) if asked.landmarks else default_landmarks()
    model = ActionUnitModel.load(asked.au_model) if asked.au_model else ActionUnitModel.load_default()
    videos = {video.stem: video for video in harness.videos(asked.data, [])}
    result = compare(asked.data / "judge", videos, landmarks, model)
    rows = [[name, r, len(result["per_video"][name])] for name, r in result["median_r"].items()]
    harness.table("Second judge: median of r within a video", ["", "r", "videos"], rows)
    print(f"\nmean {result['mean']:.3f} ({result['mean'] / TARGET:.2f} of the target {TARGET})")
    harness.save(asked.out, {"au_model_sha256": model.sha256, "landmarks_sha256": landmarks.sha256}, result)


if __name__ == "__main__":
    main()

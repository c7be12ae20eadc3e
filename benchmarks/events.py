"""Events of action units (onset, apex, offset) beside those of the teacher's series, on videos never trained on.

    python benchmarks/events.py

Both series are cut into events in the same way, above the person's resting face (`facs events`). An event of ours is
right where it overlaps with one of the teacher's, each counted once. The teacher's scores are pseudo-labels, not what
a FACS coder would say.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import harness
import numpy as np
from action_units import predicted

from facs_pipeline.action_units.baseline import resting_intensity, subtract_resting
from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.action_units.training.pseudo_labels import USABLE_AUS, intensities
from facs_pipeline.dynamics.events import Event, find_events
from facs_pipeline.landmarks.model import default_landmarks
from facs_pipeline.video.reader import read_frames


def matched(ours: Sequence[Event], theirs: Sequence[Event]) -> list[tuple[Event, Event]]:
    """Pairs that overlap in time, those that overlap longest first; each event is in one pair at most."""
    overlaps = sorted(
        (
            (min(a.offset_s, b.offset_s) - max(a.onset_s, b.onset_s), -i, -k)
            for i, a in enumerate(ours)
            for k, b in enumerate(theirs)
        ),
        reverse=True,
    )
    pairs, used_ours, used_theirs = [], set(), set()
    for seconds, i, k in overlaps:
        if seconds > 0 and i not in used_ours and k not in used_theirs:
            used_ours.add(i)
            used_theirs.add(k)
            pairs.append((ours[-i], theirs[-k]))
    return pairs


def compare(videos: Sequence[Path], task: Path, cache: Path) -> dict[str, Any]:
    """Per action unit: events of either side, how many match, and how far apart in time these are."""
    landmarks, model = default_landmarks(), ActionUnitModel.load_default()
    aus = [au for au in USABLE_AUS if au in model.aus]
    columns = [model.aus.index(au) for au in aus]
    counts = {au: np.zeros(3, int) for au in aus}
    per_video = {}
    apart: dict[int, list[tuple[float, float]]] = {au: [] for au in aus}
    for video in videos:
        teacher = harness.teacher_on_video(video, task, cache)
        theirs = intensities(teacher["blendshapes"], teacher["names"].tolist(), aus)
        ours = predicted(video, landmarks, model)[:, columns]
        times = np.array([frame.time_s for frame in read_frames(video)])
        # Where only one side sees a face nothing can be compared.
        both = np.isfinite(ours).all(axis=1) & np.isfinite(theirs).all(axis=1)
        series = []
        for values in (ours, theirs):
            seen = np.where(both[:, None], values, np.nan)
            series.append(subtract_resting(seen, resting_intensity(seen)))
        before = np.sum(list(counts.values()), axis=0)
        for k, au in enumerate(aus):
            found = [find_events(values[:, k], times) for values in series]
            pairs = matched(*found)
            counts[au] += len(found[0]), len(found[1]), len(pairs)
            apart[au] += [(a.onset_s - b.onset_s, a.apex_s - b.apex_s) for a, b in pairs]
        per_video[video.stem] = _row(np.sum(list(counts.values()), axis=0) - before, [])
    total = np.sum(list(counts.values()), axis=0)
    rows = {f"AU{au:02d}": _row(counts[au], apart[au]) for au in aus}
    return {"per_au": rows, "per_video": per_video, "total": _row(total, [one for of in apart.values() for one in of])}


def _row(counts: np.ndarray, apart: list[tuple[float, float]]) -> dict[str, float]:
    ours, theirs, both = counts.tolist()
    late, apex = np.abs(np.array(apart)).T if apart else ([np.nan], [np.nan])
    return {
        "ours": ours,
        "teacher": theirs,
        "both": both,
        "precision": both / ours if ours else np.nan,
        "recall": both / theirs if theirs else np.nan,
        "f1": 2 * both / (ours + theirs) if ours + theirs else np.nan,
        "onset apart, s": float(np.median(late)),
        "apex apart, s": float(np.median(apex)),
    }


def main() -> None:
    """Command line."""
    options = harness.parser(__doc__, "events")
    options.add_argument("--videos", nargs="*", default=[], help="only these, by stem")
    asked = options.parse_args()
    chosen = harness.videos(asked.data, asked.videos)
    result = compare(chosen, asked.data / "teacher" / "face_landmarker.task", asked.cache)
    parts = [*result["per_au"].items(), *result["per_video"].items(), ("all", result["total"])]
    rows = [[name, *of.values()] for name, of in parts]
    harness.table("Events beside the teacher's", ["", *result["total"]], rows)
    harness.save(asked.out, {"videos": [v.name for v in chosen]}, result)


if __name__ == "__main__":
    main()

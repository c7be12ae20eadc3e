"""How far the confidence can be trusted: calibration on strangers, what it does with each kind of damage, and by group.

    python benchmarks/confidence.py [--repeats 2]

The faces are those of `people`, on which nothing was trained; their true points are the teacher's. Each is hidden,
blurred, darkened and shrunk at random, and found from a start as far off as a detector's. Then each kind of damage is
shown alone, and the undamaged faces by size of the face, yaw, age, sex and race.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import harness
import numpy as np

from facs_pipeline.action_units.training.pseudo_labels import label_pictures
from facs_pipeline.datasets.pictures import open_pictures
from facs_pipeline.features.confidence import ANSWERS, LEAST, default_confidence
from facs_pipeline.foundation.tabular import read_text_table
from facs_pipeline.landmarks.model import default_landmarks
from facs_pipeline.landmarks.pose import head_pose
from facs_pipeline.landmarks.training.confidence import (
    JudgedFaces,
    calibration_curve,
    calibration_error,
    joined,
    judged_faces,
)
from facs_pipeline.landmarks.training.damaged import COVERS

HALVES = ANSWERS[:3]
KINDS = ("none", *COVERS, "blur", "dark", "small", "jpeg")
AGES = ((0, 3), (3, 12), (12, 30), (30, 60), (60, 200))
SIZES = ((0, 10), (10, 14), (14, 20), (20, 30), (30, 50), (50, 1000))
YAWS = ((0, 10), (10, 20), (20, 30), (30, 90))
FEWEST = 20


class Strangers:
    """Images of persons whom nothing was trained on, with the teacher's points."""

    def __init__(self, data: Path, cache: Path) -> None:
        pictures = open_pictures(data / "people" / "people.tar")
        labels = label_pictures(pictures, data / "teacher" / "face_landmarker.task", cache)
        rows = np.flatnonzero(~np.isnan(labels.points).any(axis=(1, 2)))
        table = read_text_table(data / "people" / "people.csv", required=["image", "age", "gender", "race"])
        names = {Path(name).name: name for name in table["image"]}
        about = table.set_index("image").loc[[names[Path(pictures.names[row]).name] for row in rows]]
        self.images = [pictures.grey(int(row)) for row in rows]
        self.points = labels.points[rows].astype(np.float64)
        self.age = about["age"].to_numpy(float)
        self.groups = {name: about[name].to_numpy(str) for name in ("gender", "race")}
        self.asked = len(pictures)


def answers(faces: JudgedFaces) -> np.ndarray:
    """What the embedded model says `[n, 3]` of the whole face and its halves."""
    judged = default_confidence().judge(faces.features, faces.points, faces.score)
    return np.stack([judged.whole, judged.upper, judged.lower], axis=1)


def row(name: str, said: np.ndarray, right: np.ndarray) -> list[Any]:
    """Mean confidence and share right of the face and its halves, and the share of each half left out."""
    pairs = [value for k in range(3) for value in (float(said[:, k].mean()), float(right[:, k].mean()))]
    return [name, len(said), *pairs, *(float((said[:, k] < LEAST).mean()) for k in (1, 2))]


def main() -> None:
    """Command line."""
    options = harness.parser(__doc__, "confidence")
    options.add_argument("--repeats", type=int, default=2, help="damaged copies of each face")
    asked = options.parse_args()
    people = Strangers(asked.data, asked.cache)
    model, rng = default_landmarks(), np.random.default_rng(1)
    result: dict[str, Any] = {
        "images": len(people.images),
        "without the teacher's points": people.asked - len(people.images),
    }

    faces = joined([judged_faces(model, people.images, people.points, rng) for _ in range(asked.repeats)])
    said, right = answers(faces), faces.truth()
    result["calibration"], rows = {}, []
    for k, half in enumerate(HALVES):
        error = calibration_error(said[:, k], right[:, k])
        result["calibration"][half] = {"error": error, "curve": calibration_curve(said[:, k], right[:, k])}
        rows += [[half, *bin_.values()] for bin_ in result["calibration"][half]["curve"]]
        rows.append([f"{half}: expected calibration error", "", error, ""])
    harness.table(f"Damaged at random: {len(said)} copies", ["", "faces", "confidence", "right"], rows)

    columns = [
        "",
        "faces",
        *(f"{half} {what}" for half in HALVES for what in ("said", "right")),
        "no upper",
        "no lower",
    ]
    rows = []
    for kind in KINDS:
        faces = judged_faces(model, people.images, people.points, rng, only=kind)
        said, right = answers(faces), faces.truth()
        rows.append(row(kind, said, right))
        if kind == "none":
            plain = faces, said, right
        elif kind == "small":
            eyes = np.linalg.norm(faces.points[:, 45] - faces.points[:, 36], axis=1)
            parts = [(f"  eyes {low}-{high} px apart", (eyes >= low) & (eyes < high)) for low, high in SIZES]
            rows += [row(name, said[part], right[part]) for name, part in parts if part.sum() >= FEWEST]
    harness.table("One kind of damage", columns, rows)
    result["by damage"] = [dict(zip(columns, line, strict=True)) for line in rows]

    faces, said, right = plain
    yaw = np.degrees(np.abs(head_pose(people.points)[:, 1]))
    parts = [(f"yaw {low}-{high}", (yaw >= low) & (yaw < high)) for low, high in YAWS]
    parts += [(f"age {low}-{high}", (people.age >= low) & (people.age < high)) for low, high in AGES]
    parts += [(f"{name} {one}", of == one) for name, of in people.groups.items() for one in np.unique(of).tolist()]
    rows = [row(name, said[part], right[part]) for name, part in parts if part.sum() >= FEWEST]
    harness.table("Undamaged faces, by group", columns, rows)
    result["by group"] = [dict(zip(columns, line, strict=True)) for line in rows]
    harness.save(asked.out, {"repeats": asked.repeats, "model": default_confidence().sha256}, result)


if __name__ == "__main__":
    main()

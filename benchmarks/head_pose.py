"""How exact the head's angles and place are: on a synthetic head turned by known angles, and beside the teacher's.

    python benchmarks/head_pose.py [--identities 4] [--stills 200]

The head is that of `facs_pipeline.synthesis`, given the depth of the mean head, flatter or deeper by up to 15 %, and
seen by a camera of known focal length. As the photograph itself is not quite frontal, angles count from those of the
unturned head's own points. The teacher's rotation is the one that MediaPipe gives with its points, on faces of
persons whom the landmark model has not seen. Its zero is another than ours, so a constant offset per axis is removed
there; MediaPipe's own error is in these figures, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import harness
import numpy as np
from scipy.interpolate import RBFInterpolator

from facs_pipeline.action_units.training.pseudo_labels import read_labels
from facs_pipeline.datasets.pictures import open_pictures
from facs_pipeline.foundation.images import geometry
from facs_pipeline.landmarks.model import default_landmarks
from facs_pipeline.landmarks.pose import EYES_MM, MEAN_HEAD, focal_length, head_place, head_pose
from facs_pipeline.landmarks.training.recipe import held_out
from facs_pipeline.synthesis.face import SyntheticFace

AXES = ("pitch", "yaw", "roll")
TURNS = [
    *((0.0, yaw, 0.0) for yaw in range(-50, 51, 10)),
    *((pitch, 0.0, 0.0) for pitch in (-30, -20, -10, 10, 20, 30)),
    *((0.0, 0.0, roll) for roll in (-45, -30, -15, 15, 30, 45)),
    *((pitch, yaw, roll) for pitch in (-15, 15) for yaw in (-30, 30) for roll in (-20, 20)),
]
BANDS = ((0, 10), (10, 25), (25, 35), (35, 55))
DISTANCE_MM = 600.0
SIDE, FINER = 288, 3
FEWEST = 10
# MediaPipe's axes point up and to the viewer, ours down and away.
_FLIP = np.diag([1.0, -1.0, -1.0])


def rotation(angles: np.ndarray) -> np.ndarray:
    """R = Rx Ry Rz of pitch, yaw and roll in radians."""
    (a, b, c), (d, e, f) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, a, -d], [0, d, a]])
    about_y = np.array([[b, 0, e], [0, 1, 0], [-e, 0, b]])
    return about_x @ about_y @ np.array([[c, -f, 0], [f, c, 0], [0, 0, 1]])


def angles_of(matrix: np.ndarray) -> np.ndarray:
    """Pitch, yaw and roll in radians of R = Rx Ry Rz."""
    yaw = np.arcsin(np.clip(matrix[0, 2], -1, 1))
    return np.array([np.arctan2(-matrix[1, 2], matrix[2, 2]), yaw, np.arctan2(-matrix[0, 1], matrix[0, 0])])


class Head:
    """A synthetic face with depth: a cloud of coloured points."""

    def __init__(self, identity: int) -> None:
        picture, points = SyntheticFace(identity, SIDE).draw({})
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        self._shades = cv2.resize(grey, None, fx=FINER, fy=FINER, interpolation=cv2.INTER_CUBIC).ravel()
        deeper = np.random.default_rng([3, identity]).uniform(0.85, 1.15)
        middle = points.mean(axis=0)
        # A millimetre of this head is what makes it as large as the mean head.
        unit = float(np.hypot(*geometry.fit_similarity(MEAN_HEAD[:, :2] * EYES_MM, points)[:, 0]))
        depth = deeper * (MEAN_HEAD[:, 2] - MEAN_HEAD[:, 2].mean()) * EYES_MM
        flat = (points - middle) / unit
        spread = RBFInterpolator(flat, depth, kernel="linear", degree=0)
        ramp = (np.arange(SIDE * FINER) + 0.5) / FINER - 0.5
        across, down = np.meshgrid((ramp - middle[0]) / unit, (ramp - middle[1]) / unit)
        coarse = spread(np.stack([across[::12, ::12], down[::12, ::12]], axis=-1).reshape(-1, 2))
        side = len(across[::12])
        smooth = cv2.resize(coarse.reshape(side, side), across.shape, interpolation=cv2.INTER_CUBIC)
        self._cloud = np.stack([across, down, np.clip(smooth, depth.min(), depth.max())], axis=-1).reshape(-1, 3)
        self.points = np.column_stack([flat, depth])
        self.zero = np.degrees(head_pose(self.points[None, :, :2])[0])

    def seen(self, angles: np.ndarray, place: np.ndarray, focal: float, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Picture [side, side] and true points [68, 2] of the head turned by `angles` (radians) at `place` (mm)."""
        turn = rotation(angles)
        size = side * FINER
        cloud = self._cloud @ turn.T + place
        far_to_near = np.argsort(-cloud[:, 2], kind="stable")
        x, y = np.rint(((cloud[:, :2] / cloud[:, 2:] * focal + side / 2) * FINER)[far_to_near]).astype(int).T
        inside = (x >= 0) & (x < size) & (y >= 0) & (y < size)
        picture, there = np.full((size, size), 110, np.uint8), np.zeros((size, size), np.uint8)
        picture[y[inside], x[inside]] = self._shades[far_to_near][inside]
        there[y[inside], x[inside]] = 1
        # Where the surface is stretched, points leave gaps.
        gaps = cv2.morphologyEx(there, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8)) - there
        picture = np.where(gaps > 0, cv2.medianBlur(cv2.dilate(picture, np.ones((3, 3), np.uint8)), 5), picture)
        at = self.points @ turn.T + place
        small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        return small, at[:, :2] / at[:, 2:] * focal + side / 2 - 0.5


def on_synthetic(identities: int) -> dict[str, Any]:
    """Errors of angles in degrees and of places in mm of the synthetic head."""
    model, rng = default_landmarks(), np.random.default_rng(0)
    errors, places, asked = [], [], []
    focal, side = focal_length(480, 480), 480
    for identity in range(identities):
        head = Head(identity)
        for turn in TURNS:
            place = np.array([*rng.uniform(-40, 40, 2), DISTANCE_MM * rng.uniform(0.8, 1.3)])
            picture, points = head.seen(np.radians(turn), place, focal, side)
            box_to_image = geometry.fit_similarity(model.box_shape, points)
            half = float(np.hypot(*box_to_image[:, 0])) / 2
            x, y = geometry.apply(box_to_image, np.array([[0.5, 0.5]]))[0]
            found = model.find(picture, (x - half, y - half, 2 * half, 2 * half)).points
            found = model.track(picture, found).points
            errors.append(np.degrees(head_pose(found[None])[0]) - head.zero - turn)
            places.append(head_place(found[None], picture.shape)[0] - place)
            asked.append(turn)
    apart, yaw = np.abs(np.concatenate([errors, places], axis=1)), np.abs(np.array(asked)[:, 1])
    rows = [["all", len(apart), *apart.mean(axis=0).tolist()]]
    for low, high in BANDS:
        part = (yaw >= low) & (yaw < high)
        rows.append([f"yaw {low}-{high}", int(part.sum()), *apart[part].mean(axis=0).tolist()])
    columns = ["", "pictures", *(f"{axis}, degrees" for axis in AXES), "x, mm", "y, mm", "z, mm"]
    harness.table("Synthetic head at known angles: mean error", columns, rows)
    return {"rows": [dict(zip(columns, row, strict=True)) for row in rows]}


def teacher_rotations(task: Path, images: list[np.ndarray]) -> np.ndarray:
    """The teacher's angles [n, 3] in radians of stills, NaN where it finds no face."""
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    asked = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(task)), output_facial_transformation_matrixes=True
    )
    given = np.full((len(images), 3), np.nan)
    with vision.FaceLandmarker.create_from_options(asked) as landmarker:
        for number, image in enumerate(images):
            rgb = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
            answer = landmarker.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb))
            if answer.facial_transformation_matrixes:
                turn = np.array(answer.facial_transformation_matrixes[0])[:3, :3]
                given[number] = angles_of(_FLIP @ turn @ _FLIP)
    return given


def beside_teacher(data: Path, most: int) -> dict[str, Any]:
    """Differences from the teacher's angles in degrees on stills of persons whom the landmark model has not seen."""
    folder = data / "frames"
    pictures = open_pictures(folder / "frames.tar", folder / "frames.csv")
    rows = np.flatnonzero(held_out([f"{pictures.path.name}/{person}" for person in pictures.persons], 10))
    chosen = pictures.only(rows[:: max(1, -(-len(rows) // most))].tolist())
    points = read_labels(folder / "frames_teacher.npz", chosen).points
    images, model = [chosen.grey(number) for number in range(len(chosen))], default_landmarks()
    found = np.array([model.track(i, model.track(i, p).points).points for i, p in zip(images, points, strict=True)])
    theirs = np.degrees(teacher_rotations(data / "teacher" / "face_landmarker.task", images))
    ours, seen = np.degrees(head_pose(found)), ~np.isnan(theirs[:, 0])
    apart = (ours - theirs)[seen]
    offset = np.median(apart, axis=0)
    left, yaw = np.abs(apart - offset), np.abs(theirs[seen, 1])
    lines = [["all", len(left), *left.mean(axis=0).tolist()]]
    for low, high in BANDS:
        part = (yaw >= low) & (yaw < high)
        if part.sum() >= FEWEST:
            lines.append([f"yaw {low}-{high}", int(part.sum()), *left[part].mean(axis=0).tolist()])
    harness.table("Beside the teacher's rotation: mean difference in degrees", ["", "faces", *AXES], lines)
    print("offset removed:", dict(zip(AXES, offset.round(2).tolist(), strict=True)))
    correlation = [float(np.corrcoef(ours[seen, k], theirs[seen, k])[0, 1]) for k in range(3)]
    return {
        "rows": [dict(zip(["", "faces", *AXES], line, strict=True)) for line in lines],
        "offset removed": offset.tolist(),
        "correlation": correlation,
        "persons": len(set(chosen.persons)),
    }


def main() -> None:
    """Command line."""
    options = harness.parser(__doc__, "head_pose")
    options.add_argument("--identities", type=int, default=4, help="synthetic heads")
    options.add_argument("--stills", type=int, default=200, help="most stills beside the teacher")
    asked = options.parse_args()
    result = {"synthetic": on_synthetic(asked.identities), "teacher": beside_teacher(asked.data, asked.stills)}
    settings = {"identities": asked.identities, "stills": asked.stills, "landmarks": default_landmarks().sha256}
    harness.save(asked.out, settings, result)


if __name__ == "__main__":
    main()

"""Whom and what the face search finds: people by group, tilted and turned heads, and pictures without a face.

    python benchmarks/faces.py
    python benchmarks/faces.py --parts people false-alarms

Each picture is searched by itself, as `facs extract-stills` does it. `people` and `landmarks68` are only measured,
never learnt from. `tilted` turns crops of `frames` in their plane; where no face is found, the hint that a picture lies
on its side counts as said. `yaw` groups `frames` by the yaw that follows from the teacher's points. `false-alarms` are
pictures without a face and crops so blurred that only a shape is left. In `meetings` two people of the shared videos
pass, hide or change places in a montage; one counts where either carries another id afterwards. Intervals are Wilson's,
95 %.
"""

from __future__ import annotations

import tarfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import cv2
import harness
import meetings as meet
import numpy as np
import pandas as pd
import skimage.data

from facs_pipeline.analysis.stills import face_places
from facs_pipeline.faces.detector import upright_turn
from facs_pipeline.foundation.evaluation.accuracy import wilson_interval
from facs_pipeline.foundation.images.decoding import decode_grey
from facs_pipeline.landmarks.model import default_landmarks
from facs_pipeline.landmarks.pose import head_pose
from facs_pipeline.landmarks.training.teacher import mesh_to_68
from facs_pipeline.video.reader import read_frames

PARTS = ("people", "landmarks68", "tilted", "yaw", "false-alarms", "meetings")
MEET = ("d0.mp4", "d3.mp4", "d12.mp4", "d18.mp4", "s18.mp4", "s32.mp4", "single_face.mp4")
AGES = {"under 3": (0, 2), "3 to 12": (3, 11), "12 to 30": (12, 29), "30 to 60": (30, 60), "over 60": (61, 200)}
TILTS = (0, 15, 30, 45, 60, 90, 180)
YAWS = (0, 15, 30, 45, 60, 90)
ON_THE_FACE = 0.3
"""Mean distance of points, in eye distances, up to which they are on the face."""
BLURS = (0.05, 0.1, 0.2)
"""Standard deviations of the blur of crops, in widths of the face."""
WITHOUT_FACES = (
    "brick", "checkerboard", "chelsea", "clock", "coffee", "coins", "colorwheel", "grass", "gravel", "horse",
    "hubble_deep_field", "immunohistochemistry", "logo", "microaneurysms", "moon", "page", "retina", "rocket", "text",
)  # fmt: skip


def pictures(archive: Path, names: Iterable[str]) -> Iterator[np.ndarray]:
    """Grey pictures of an archive in the order of `names`."""
    with tarfile.open(archive) as files:
        for name in names:
            member = files.extractfile(name)
            assert member is not None
            yield decode_grey(member.read())


def found(grey: np.ndarray, truth: np.ndarray | None = None) -> bool:
    """Whether a face is found, on the points `truth` `[68, 2]` if they are known."""
    place = face_places(grey, default_landmarks())[0]
    if truth is None or not place.found:
        return place.found
    eyes = np.linalg.norm(truth[45] - truth[36])
    return float(np.linalg.norm(place.points - truth, axis=1).mean()) < ON_THE_FACE * float(eyes)


def share(hits: Sequence[bool]) -> dict[str, float]:
    """Share of pictures with a face found, its interval, and their number."""
    low, high = wilson_interval(sum(hits), len(hits))
    return {"share": float(np.mean(hits)), "low": low, "high": high, "pictures": len(hits)}


def people(data: Path, limit: int | None) -> dict[str, dict[str, float]]:
    """Found faces by sex, race and age."""
    table = pd.read_csv(data / "people" / "people.csv").head(limit or 10**6)
    hits = [found(grey) for grey in pictures(data / "people" / "people.tar", table["image"])]
    groups: dict[str, list[bool]] = defaultdict(list)
    for hit, age, sex, race in zip(hits, table["age"], table["gender"], table["race"], strict=True):
        years = next(name for name, (low, high) in AGES.items() if low <= age <= high)
        for group in ("all", sex, race, years):
            groups[group].append(hit)
    return {
        group: share(groups[group]) for group in ("all", *sorted({*groups} - {"all", *AGES}), *AGES) if group in groups
    }


def landmarks68(data: Path, limit: int | None) -> dict[str, dict[str, float]]:
    """Faces found at all, and on the points that people set."""
    with np.load(data / "landmarks68" / "landmarks68.npz") as truth:
        names, points = truth["names"][:limit], truth["points"][:limit]
    greys = list(pictures(data / "landmarks68" / "landmarks68.tar", names))
    return {
        "found": share([found(grey) for grey in greys]),
        "on the points": share([found(grey, truth) for grey, truth in zip(greys, points, strict=True)]),
    }


def frames(data: Path, every: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Every n-th crop of `frames` with the teacher's points `[68, 2]`."""
    table = pd.read_csv(data / "frames" / "frames.csv")
    with np.load(data / "frames" / "frames_teacher.npz") as teacher:
        mesh = next(teacher[name] for name in teacher.files if teacher[name].ndim == 3)
        points = mesh_to_68(mesh[::every].astype(np.float32))
    names = [name if name.startswith("frames/") else f"frames/{name}" for name in table["image"][::every]]
    yield from zip(pictures(data / "frames" / "frames.tar", names), points, strict=True)


def tilted(data: Path, every: int) -> dict[str, dict[str, float]]:
    """Faces found at each tilt, and pictures that are said to lie on their side or head."""
    hits: dict[int, list[bool]] = defaultdict(list)
    said: dict[int, list[bool]] = defaultdict(list)
    for number, (grey, points) in enumerate(frames(data, every)):
        centre = points.mean(axis=0)
        for tilt in TILTS:
            sign = -1 if number % 2 else 1
            turn = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), sign * tilt, 1.0)
            turned = cv2.warpAffine(grey, turn, grey.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
            hit = found(turned, points @ turn[:, :2].T + turn[:, 2])
            hits[tilt].append(hit)
            said[tilt].append(not hit and upright_turn([turned], default_landmarks()) > 0)
    return {f"{tilt} degrees": share(hits[tilt]) | {"said": float(np.mean(said[tilt]))} for tilt in TILTS}


def yaw(data: Path, every: int) -> dict[str, dict[str, float]]:
    """Faces found by how far the head is turned to a side."""
    hits: dict[str, list[bool]] = defaultdict(list)
    for grey, points in frames(data, every):
        degrees = abs(float(np.degrees(head_pose(points[None])[0, 1])))
        for low, high in pairwise(YAWS):
            if low <= degrees < high:
                hits[f"{low} to {high} degrees"].append(found(grey, points))
    return {group: share(hits[group]) for group in sorted(hits, key=lambda name: int(name.split()[0]))}


def textures(count: int) -> Iterator[np.ndarray]:
    """Noise of several grains, stripes and ellipses."""
    rng = np.random.default_rng(0)
    for number in range(count):
        side = int(rng.choice([100, 200, 400]))
        kind = number % 4
        if kind == 0:
            values = rng.normal(size=(side, side))
        elif kind == 1:
            values = cv2.GaussianBlur(rng.normal(size=(side, side)), (0, 0), rng.uniform(1, 12))
        elif kind == 2:
            y, x = np.mgrid[:side, :side]
            values = np.sin(rng.uniform(0.02, 1) * x + rng.uniform(-0.5, 0.5) * y) + np.sin(rng.uniform(0.02, 1) * y)
        else:
            values = np.full((side, side), 0.5)
            for _ in range(int(rng.integers(5, 60))):
                centre, axes = rng.integers(0, side, 2).tolist(), rng.integers(2, side // 3, 2).tolist()
                cv2.ellipse(values, centre, axes, rng.uniform(0, 180), 0, 360, rng.uniform(), -1)
        yield cv2.normalize(values, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def without_faces() -> Iterator[np.ndarray]:
    """Pictures of scikit-image that show nobody."""
    for name in WITHOUT_FACES:
        picture = np.asarray(getattr(skimage.data, name)())
        picture = picture.astype(np.uint8) * 255 if picture.dtype == bool else picture
        yield np.ascontiguousarray(picture if picture.ndim == 2 else picture[..., :3].mean(axis=2).astype(np.uint8))


def windows(count: int) -> Iterator[np.ndarray]:
    """Random parts of pictures that show nobody, in several sizes."""
    rng = np.random.default_rng(1)
    sources = list(without_faces())
    for _ in range(count):
        source = sources[rng.integers(len(sources))]
        side = int(rng.uniform(0.2, 1) * min(source.shape))
        top, left = (int(rng.integers(0, length - side + 1)) for length in source.shape)
        size = int(rng.choice([64, 128, 200, 400]))
        method = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
        yield cv2.resize(source[top : top + side, left : left + side], (size, size), interpolation=method)


def false_alarms(data: Path, count: int, every: int) -> dict[str, dict[str, float]]:
    """Faces found where there is none, or only a blur."""
    cartoon = (frame.image for frame in read_frames(data / "videos" / "no_face.mp4"))
    kinds: dict[str, Iterable[np.ndarray]] = {
        "scikit-image": without_faces(),
        "parts of these": windows(count),
        "textures": textures(count),
        "cartoon": islice(cartoon, 0, None, 8),
    }
    result = {kind: share([found(grey) for grey in greys]) for kind, greys in kinds.items()}
    blurred: dict[float, list[bool]] = defaultdict(list)
    for grey, points in frames(data, every):
        for blur in BLURS:
            blurred[blur].append(found(cv2.GaussianBlur(grey, (0, 0), blur * float(np.ptp(points[:, 0])))))
    return result | {f"blurred by {blur:.0%} of the width": share(hits) for blur, hits in blurred.items()}


def meetings(data: Path) -> dict[str, dict[str, float]]:
    """Shares of meetings after which both have the ids that they had before."""
    model = default_landmarks()
    people = [meet.person(data / "videos" / name, model) for name in MEET]
    kept: dict[str, list[bool]] = defaultdict(list)
    for one, other in meet.pairs(len(people)):
        for kind in meet.KINDS:
            same = not meet.switches(model, meet.meeting(people[one], people[other], kind))
            kept[kind].append(same)
            kept["all"].append(same)
    return {kind: share(same) for kind, same in kept.items()}


def main() -> None:
    """Measure, print, write."""
    parser = harness.parser(__doc__, "faces")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--limit", type=int, help="of people and landmarks68")
    parser.add_argument("--every", type=int, default=20, help="of the crops of frames")
    parser.add_argument("--count", type=int, default=200, help="parts of pictures, and textures")
    asked = parser.parse_args()
    measures = {
        "people": lambda: people(asked.data, asked.limit),
        "landmarks68": lambda: landmarks68(asked.data, asked.limit),
        "tilted": lambda: tilted(asked.data, 4 * asked.every),
        "yaw": lambda: yaw(asked.data, asked.every),
        "meetings": lambda: meetings(asked.data),
        "false-alarms": lambda: false_alarms(asked.data, asked.count, 4 * asked.every),
    }
    result: dict[str, Any] = {}
    for part in asked.parts:
        result[part] = measures[part]()
        columns = list(next(iter(result[part].values())))
        harness.table(part, ["", *columns], [[group, *of.values()] for group, of in result[part].items()])
    harness.save(asked.out, {"every": asked.every, "count": asked.count, "on the face": ON_THE_FACE}, result)


if __name__ == "__main__":
    main()

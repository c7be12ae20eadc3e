"""Our landmark model beside dlib's published 68-point file, on persons never trained on.

    pip install face_recognition_models                     for this benchmark only
    python benchmarks/landmarks.py
    python benchmarks/landmarks.py --landmarks mine.npz --dlib shape_predictor_68_face_landmarks.dat

Stills are those of the training images' persons whom `facs train-landmarks` holds out; videos are of nobody trained
on. Both models get the same detector's boxes, and are tracked through videos by the same `FaceTracker`, which
searches again with the detector where a face may be lost. The teacher is MediaPipe's Face Landmarker, from which ours
learned; the last table asks no teacher. Distances are in per cent of the outer eye corners' distance.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, files
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import dlib
import harness
import landmark_measures as measures
import numpy as np

from facs_pipeline.action_units.training.pseudo_labels import label_pictures, read_labels
from facs_pipeline.datasets.pictures import open_pictures
from facs_pipeline.faces.landmark_finder import Box, Located
from facs_pipeline.faces.tracker import FaceTracker
from facs_pipeline.foundation.images import geometry
from facs_pipeline.landmarks.dlib_predictor import DlibLandmarks
from facs_pipeline.landmarks.model import DEFAULT_MODEL, LandmarkModel
from facs_pipeline.landmarks.training.recipe import held_out
from facs_pipeline.video.reader import read_frames

DLIB_FILE = "shape_predictor_68_face_landmarks.dat"
OURS, DLIB = "ours", "dlib"
HIGHER_IS_BETTER = frozenset(measures.MOVEMENTS)
STILLS = {
    "found": "found from a detector's box",
    "tracking": "tracked from where it is found",
}
_SEARCH_SIDE = 400


@dataclass
class Faces:
    """Stills with the detector's box and the teacher's points; only those in which both found the face."""

    images: list[np.ndarray]
    boxes: list[Box]
    points: np.ndarray
    asked: int
    persons: int


class Published(DlibLandmarks):
    """dlib's file, tracked as well as it can be: from the box that its detector would most likely give."""

    def __init__(self, path: Path, box_shape: np.ndarray) -> None:
        super().__init__(path)
        self.box_shape = box_shape

    def track(self, grey: np.ndarray, points: np.ndarray) -> Located:
        """A second pass; `box_shape` are mean points in a detector's box, turned and scaled to the face."""
        return self.find(grey, box_round(self.box_shape, points))


def box_round(box_shape: np.ndarray, points: np.ndarray) -> Box:
    """The box in which a detector would most likely have seen the face with points [68, 2]."""
    box_to_image = geometry.fit_similarity(box_shape, points)
    side = float(np.hypot(*box_to_image[:, 0]))
    x, y = geometry.apply(box_to_image, np.array([[0.5, 0.5]]))[0]
    return x - side / 2, y - side / 2, side, side


def published_file() -> Path | None:
    """Dlib's published file in the package that carries it, without importing that."""
    try:
        return next((Path(f.locate()) for f in files("face_recognition_models") or [] if f.name == DLIB_FILE), None)
    except PackageNotFoundError:
        return None


def detect(grey: np.ndarray, near: np.ndarray) -> Box | None:
    """The detector's box round the middle of points [68, 2], None where it has none."""
    scale = min(1.0, _SEARCH_SIDE / max(grey.shape))
    small = grey if scale == 1 else cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    middle = near[17:].mean(axis=0)
    for found in dlib_detector()(small):
        box = found.left() / scale, found.top() / scale, found.width() / scale, found.height() / scale
        if box[0] < middle[0] < box[0] + box[2] and box[1] < middle[1] < box[1] + box[3]:
            return box
    return None


@cache
def dlib_detector() -> Any:
    """One detector for the whole run."""
    return dlib.get_frontal_face_detector()


def stills(data: Path, cache: Path, most: int) -> dict[str, Faces]:
    """Held-out persons of the two training sets, at most `most` images of each."""
    task = data / "teacher" / "face_landmarker.task"
    gathered = {}
    for name in ("faces", "frames"):
        pictures = open_pictures(data / name / f"{name}.tar", data / name / f"{name}.csv")
        out = np.flatnonzero(held_out([f"{pictures.path.name}/{person}" for person in pictures.persons], 10))
        chosen = pictures.only(out[:: max(1, -(-len(out) // most))].tolist())
        ready = data / name / f"{name}_teacher.npz"
        labels = read_labels(ready, chosen) if ready.is_file() else label_pictures(chosen, task, cache)
        images, boxes, points = [], [], []
        for number in np.flatnonzero(~np.isnan(labels.points).any(axis=(1, 2))):
            grey = chosen.grey(int(number))
            if (box := detect(grey, labels.points[number])) is not None:
                images.append(grey)
                boxes.append(box)
                points.append(labels.points[number])
        gathered[name] = Faces(images, boxes, np.array(points), len(chosen), len(set(chosen.persons)))
    return gathered


def on_stills(models: dict[str, Any], faces: Faces) -> dict[str, dict[str, dict[str, float]]]:
    """Errors of points found from a detector's box, and when tracking from there."""
    result: dict[str, dict[str, dict[str, float]]] = {kind: {} for kind in STILLS}
    for name, model in models.items():
        found = [model.find(i, box).points for i, box in zip(faces.images, faces.boxes, strict=True)]
        tracked = [model.track(i, points).points for i, points in zip(faces.images, found, strict=True)]
        for kind, points in zip(STILLS, (found, tracked), strict=True):
            result[kind][name] = measures.errors(np.array(points), faces.points)
    return result


def on_video(models: dict[str, Any], video: Path, teacher: dict[str, np.ndarray], every: int) -> dict[str, Any]:
    """Errors, jitter and correlations of one video, per kind of box; `every` n-th frame goes to the detector."""
    truth = teacher["points"]
    detected = {name: np.full_like(truth, np.nan) for name in models}
    tracked = {(name, smoothing): np.full_like(truth, np.nan) for name in models for smoothing in (False, True)}
    trackers = {key: FaceTracker(models[key[0]], smoothing=key[1]) for key in tracked}
    for frame in read_frames(video):
        at = frame.index
        if at % every == 0 and not np.isnan(truth[at, 0, 0]):
            box = detect(frame.image, truth[at])
            for name, model in models.items() if box else ():
                detected[name][at] = model.find(frame.image, box).points
        for key, tracker in trackers.items():
            for face in tracker.update(frame.image, frame.time_s):
                tracked[key][at] = face.points
    kinds = {
        "detector": detected,
        "tracking": {name: tracked[name, False] for name in models},
        "tracking, smoothed": {name: tracked[name, True] for name in models},
    }
    seen = ~np.isnan(truth[:, 0, 0])
    result: dict[str, Any] = {}
    for kind, points in kinds.items():
        # Errors of all models on the same frames.
        both = seen & np.all([~np.isnan(p[:, 0, 0]) for p in points.values()], axis=0)
        if both.sum() < measures.FEWEST:
            continue
        result[kind] = {}
        for name, found in points.items():
            row = measures.errors(found[both], truth[both])
            if kind != "detector":
                row |= measures.movements(np.where(both[:, None, None], found, np.nan), truth)
                row["share found"] = float((seen & ~np.isnan(found[:, 0, 0])).sum() / seen.sum())
            result[kind][name] = row
    return result


def mean_of_videos(per_video: dict[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """Means over videos of what `on_video` gives; a measure counts where every model has it."""
    result: dict[str, dict[str, dict[str, float]]] = {}
    for kind in ("detector", "tracking", "tracking, smoothed"):
        of_kind = [of[kind] for of in per_video.values() if kind in of]
        for name in of_kind[0] if of_kind else ():
            labels = dict.fromkeys(label for of in of_kind for label in of[name])
            result.setdefault(kind, {})[name] = {
                label: float(np.mean([of[name][label] for of in of_kind if label in of[name]])) for label in labels
            }
    return result


def cost(
    models: dict[str, Any], paths: dict[str, Path], faces: Faces, video: Path, repeats: int = 15
) -> dict[str, dict[str, float]]:
    """CPU milliseconds per face on the same images, file size and time to load; the least of several runs in turn.

    For dlib's file one pass of the predictor alone is timed, not our judgement of its points. Stills are of one
    person after another; in the `video` its trees take the same paths again and again, which a processor's cache
    rewards.
    """
    ours, images, boxes = models[OURS], faces.images[:60], faces.boxes[:60]
    tracker = FaceTracker(ours, smoothing=False)
    seen = [(f.image, tracker.update(f.image, f.time_s)[0].points) for f in islice(read_frames(video), 100)]
    frames, before = [grey for grey, _ in seen[1:]], [found for _, found in seen[:-1]]
    kinds: dict[str, tuple[Sequence[np.ndarray], Sequence[Box], Callable[..., Any], Sequence[Any]]] = {
        "ms finding in a detector's box": (images, boxes, ours.find, boxes),
        "ms tracking": (images, boxes, ours.track, list(faces.points[:60])),
        "ms tracking a video": (frames, [box_round(ours.box_shape, p) for p in before], ours.track, before),
    }
    tasks: dict[tuple[str, str], Any] = {}
    for name in models:
        predictor = dlib.shape_predictor(str(paths[name])) if name == DLIB else None
        for kind, (pictures, around, find, starts) in kinds.items():
            if predictor is not None:
                starts = [dlib.rectangle(*map(round, (x, y, x + w, y + h))) for x, y, w, h in around]
                find = partial(_all_parts, predictor)
            tasks[name, kind] = find, list(zip(pictures, starts, strict=True))
    result: dict[str, dict[str, float]] = {name: {} for name in models}
    for _ in range(repeats):
        for (name, kind), (find, calls) in tasks.items():
            started = time.process_time()
            for call in calls:
                find(*call)
            spent = 1000 * (time.process_time() - started) / len(calls)
            result[name][kind] = min(spent, result[name].get(kind, np.inf))
    for name, path in paths.items():
        result[name]["MB"] = path.stat().st_size / 1e6
        loads = []
        for _ in range(3):
            started = time.process_time()
            dlib.shape_predictor(str(path)) if name == DLIB else LandmarkModel.load(path)
            loads.append(time.process_time() - started)
        result[name]["s to load"] = min(loads)
    return result


def _all_parts(predictor: Any, grey: np.ndarray, box: Any) -> list[tuple[int, int]]:
    return [(point.x, point.y) for point in predictor(grey, box).parts()]


def consistency(models: dict[str, Any], faces: Faces, most: int) -> dict[str, dict[str, float]]:
    """`measures.self_consistency` of points found from a detector's box, and when tracking from there."""
    step = max(1, len(faces.images) // most)
    images, boxes = faces.images[::step], faces.boxes[::step]
    scale = measures.eye_distance(faces.points[::step])
    result = {}
    for name, model in models.items():
        once = measures.self_consistency(partial(_found, model), images, boxes, scale)
        twice = measures.self_consistency(partial(_tracked, model), images, boxes, scale)
        result[name] = once | {f"{label}, tracked": value for label, value in twice.items()}
    return result


def _found(model: Any, image: np.ndarray, box: Box) -> np.ndarray:
    return model.find(image, box).points


def _tracked(model: Any, image: np.ndarray, box: Box) -> np.ndarray:
    return model.track(image, _found(model, image, box)).points


def show(title: str, per_model: dict[str, dict[str, float]]) -> None:
    """Print measures with the ratio of ours to dlib's."""
    names = list(per_model)
    labels = dict.fromkeys(label for of in per_model.values() for label in of)
    rows = []
    for label in labels:
        values = [per_model[name].get(label, float("nan")) for name in names]
        ratio = f"{values[0] / values[1]:.3f}" + (" (higher is better)" if label in HIGHER_IS_BETTER else "")
        rows.append([label, *values, ratio] if len(names) == 2 else [label, *values])
    harness.table(title, ["", *names, *(["ratio"] if len(names) == 2 else [])], rows)


def measure(
    models: dict[str, Any],
    paths: dict[str, Path],
    data: Path,
    cache: Path,
    videos: Sequence[Path],
    most: int,
    every: int,
) -> dict[str, Any]:
    """Everything, printed as it comes."""
    result: dict[str, Any] = {"stills": {}, "videos": {}, "consistency": {}}
    sets = stills(data, cache, most)
    for name, faces in sets.items():
        counts = {
            "images": len(faces.images),
            "not detected": faces.asked - len(faces.images),
            "persons": faces.persons,
        }
        result["stills"][name] = on_stills(models, faces) | {"counts": counts}
        for kind, how in STILLS.items():
            title = f"Stills '{name}', {how}: {counts['images']} images of {counts['persons']} persons held out"
            show(title, result["stills"][name][kind])
    task = data / "teacher" / "face_landmarker.task"
    for video in videos:
        teacher = harness.teacher_on_video(video, task, cache)
        if (~np.isnan(teacher["points"][:, 0, 0])).sum() >= measures.FEWEST:
            result["videos"][video.stem] = on_video(models, video, teacher, every)
    result["mean of videos"] = mean_of_videos(result["videos"])
    for kind, per_model in result["mean of videos"].items():
        show(f"Videos, {kind} boxes: mean of {len(result['videos'])}", per_model)
    for kind in ("tracking", "tracking, smoothed"):
        labels = ("offset removed", "p90", *measures.MOVEMENTS, "jitter at rest", "share found")
        rows = [
            [f"{video} {name}", *(of[kind][name].get(label, float("nan")) for label in labels)]
            for video, of in result["videos"].items()
            for name in of.get(kind, ())
        ]
        harness.table(f"Per video, {kind}", ["", *labels], rows)
    for name, faces in sets.items():
        result["consistency"][name] = consistency(models, faces, 80)
        show(f"A face and its copies, no teacher: '{name}'", result["consistency"][name])
    result["cost"] = cost(models, paths, sets["frames"], data / "videos" / "d18.mp4")
    show("Cost", result["cost"])
    return result


def main() -> None:
    """Command line."""
    options = harness.parser(__doc__, "landmarks")
    options.add_argument("--landmarks", type=Path, default=DEFAULT_MODEL, help="our model; default: the embedded one")
    options.add_argument("--dlib", type=Path, default=published_file(), help=f"dlib's {DLIB_FILE}")
    options.add_argument("--stills", type=int, default=250, help="most images per set")
    options.add_argument("--every", type=int, default=6, help="every n-th video frame goes to the detector")
    options.add_argument("--videos", nargs="*", default=[], help="only these, by stem")
    asked = options.parse_args()
    paths = {OURS: asked.landmarks}
    models: dict[str, Any] = {OURS: LandmarkModel.load(asked.landmarks)}
    if asked.dlib:
        paths[DLIB], models[DLIB] = asked.dlib, Published(asked.dlib, models[OURS].box_shape)
    else:
        print("dlib's published file is not here: pip install face_recognition_models, or --dlib PATH; ours alone")
    chosen = harness.videos(asked.data, asked.videos)
    result = measure(models, paths, asked.data, asked.cache, chosen, most=asked.stills, every=asked.every)
    settings = {f"{name}_sha256": model.sha256 for name, model in models.items()}
    settings |= {"stills": asked.stills, "every": asked.every, "videos": [v.name for v in chosen]}
    harness.save(asked.out, settings, result)


if __name__ == "__main__":
    main()

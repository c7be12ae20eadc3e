"""How small may a face be? The shared videos shrunk in the middle of a large grey picture, beside MediaPipe.

    python benchmarks/small_faces.py
    python benchmarks/small_faces.py --sizes 20 30 --videos d18 s32

Each video is scaled until its face is so many pixels wide (1.6 times the distance of the outer eye corners), put into
the middle of 1280 x 720 pixels and encoded again; both follow it as a video. A face counts as found in a frame where
its points lie on it: on average within a fifth of the eye distance of where MediaPipe finds them in the video as it is.
"""

from __future__ import annotations

import tempfile
from itertools import islice
from pathlib import Path

import cv2
import harness
import numpy as np

from facs_pipeline.faces.tracker import FaceTracker
from facs_pipeline.landmarks.model import default_landmarks
from facs_pipeline.video.reader import read_frames
from facs_pipeline.video.writer import VideoWriter

WIDTH, HEIGHT = 1280, 720
FACE = 1.6
"""Width of a face in distances of its outer eye corners."""
ON_THE_FACE = 0.2
"""Mean distance of points, in eye distances, up to which they are on the face."""


def shrink(video: Path, factor: float, frames: int, to: Path) -> tuple[float, float]:
    """Write the first frames, scaled, in the middle of a grey picture; returns where their corner is, px."""
    with VideoWriter(to) as small:
        for frame in islice(read_frames(video, colour=True), frames):
            size = [max(2, round(side * factor)) for side in frame.image.shape[1::-1]]
            image = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
            # What does not fit is cut off on all sides alike.
            left, top = (max(0, have - most) // 2 for have, most in zip(size, (WIDTH, HEIGHT), strict=True))
            image = image[top : top + HEIGHT, left : left + WIDTH]
            y, x = (HEIGHT - image.shape[0]) // 2, (WIDTH - image.shape[1]) // 2
            scene = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
            scene[y : y + image.shape[0], x : x + image.shape[1]] = image
            small.write(scene, frame.time_s)
    return x - left, y - top


def share_found(found: np.ndarray, truth: np.ndarray) -> float:
    """Share of the faces [n, 68, 2] on which the points found (NaN: none) lie."""
    eyes = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=-1)
    error = np.linalg.norm(found - truth, axis=-1).mean(axis=1) / eyes
    return float((error < ON_THE_FACE).mean())


def tracked(video: Path) -> np.ndarray:
    """Our points [n, 68, 2] of the main face, NaN where none is found."""
    tracker, points = FaceTracker(default_landmarks()), []
    for frame in read_frames(video):
        faces = tracker.update(frame.image, frame.time_s)
        points.append(faces[0].points if faces else np.full((68, 2), np.nan, np.float32))
    return np.array(points)


def at_size(video: Path, size: int, frames: int, task: Path, cache: Path) -> dict[str, float] | None:
    """Shares of faces found where a video's face is `size` px wide; None where MediaPipe finds none in it as it is."""
    truth = harness.teacher_on_video(video, task, cache)["points"][:frames]
    seen = ~np.isnan(truth[:, 0, 0])
    if not seen.any():
        return None
    factor = size / (FACE * np.median(np.linalg.norm(truth[seen, 36] - truth[seen, 45], axis=-1)))
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / f"{video.stem}-{size}.mp4"
        corner = shrink(video, factor, frames, small)
        found = {"ours": tracked(small), "mediapipe": harness.teacher_on_video(small, task, cache)["points"]}
    where = (truth[seen] + 0.5) * factor - 0.5 + corner
    return {who: share_found(points[seen], where) for who, points in found.items()}


def main() -> None:
    """Measure, print, write."""
    parser = harness.parser(__doc__, "small_faces")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[24, 32, 40, 48, 64, 96, 128, 192], help="widths of a face, px"
    )
    parser.add_argument("--frames", type=int, default=100, help="of each video")
    parser.add_argument("--videos", nargs="*", default=[])
    options = parser.parse_args()
    task = options.data / "teacher" / "face_landmarker.task"
    videos = harness.videos(options.data, options.videos)
    result, rows = {}, []
    for size in options.sizes:
        shares = {v.stem: at_size(v, size, options.frames, task, options.cache) for v in videos}
        result[size] = {name: share for name, share in shares.items() if share}
        means = [float(np.mean([share[who] for share in result[size].values()])) for who in ("ours", "mediapipe")]
        rows.append([f"{size} px", *means])
    harness.table("Share of frames in which the face is found (mean of videos)", ["face", "ours", "mediapipe"], rows)
    settings = {"frames": options.frames, "picture": [WIDTH, HEIGHT], "on the face": ON_THE_FACE}
    harness.save(options.out, settings, result)


if __name__ == "__main__":
    main()

"""What emotions cost on video: processor time per face, beside the features and action units of the same faces.

    python benchmarks/emotion_speed.py

Faces of one of the shared videos, one thread. The package's emotion model, and what it costs without its kernel.
"""

from __future__ import annotations

import time

import harness
import numpy as np

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.emotions.heads import LinearHead
from facs_pipeline.emotions.model import EmotionModel, input_features
from facs_pipeline.emotions.series import emotion_probabilities
from facs_pipeline.extraction.predicted_emotions import emotion_inputs
from facs_pipeline.features.vector import face_features
from facs_pipeline.video.reader import read_frames

TARGET_MS = 0.1
REPEATS = 5


def main() -> None:
    """Command line."""
    parser = harness.parser(__doc__, "emotion_speed")
    parser.add_argument("--video", default="d18")
    options = parser.parse_args()
    [video] = harness.videos(options.data, [options.video])
    analyser = FaceAnalyser(action_units=None)
    images, points = [], []
    for frame in read_frames(video):
        for face in analyser.track(frame.image, frame.time_s):
            images.append(frame.image)
            points.append(face.points)
    faces = emotion_inputs(
        images, [analyser.face_at(image, place) for image, place in zip(images, points, strict=True)]
    )
    model, action_units = EmotionModel.load_default(), ActionUnitModel.load_default()
    head = model.head
    assert isinstance(head, LinearHead)

    def all_features() -> None:
        for image, places in zip(images, points, strict=True):
            face_features(image, places)

    parts = {
        "features": all_features,
        "action units": lambda: action_units.predict(faces.features),
        "emotions": lambda: emotion_probabilities(model, faces.features),
        "emotions, without the kernel": lambda: head.scores(input_features(faces, model.inputs)),
    }
    result = {}
    for name, part in parts.items():
        took = []
        for _ in range(REPEATS):
            start = time.process_time()
            part()
            took.append(time.process_time() - start)
        result[name] = 1000 * float(np.median(took)) / len(images)
    harness.table(
        f"Processor time, ms per face ({len(images)} faces of {video.stem}); target for emotions {TARGET_MS}",
        ["part", "ms"],
        list(result.items()),
    )
    about = {"video": video.stem, "faces": len(images), "repeats": REPEATS, "model_sha256": model.sha256}
    harness.save(options.out, about, {**result, "target": TARGET_MS})


if __name__ == "__main__":
    main()

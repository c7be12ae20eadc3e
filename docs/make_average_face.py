"""Make facs_pipeline/models/average_face.npz, what explanations of emotions compare a face with.

    python docs/make_average_face.py FER2013 --cache CACHE

Every fourth of FER2013's 28,709 training images. FER2013 is anything that `facs dataset check fer2013` takes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from facs_pipeline.datasets.open_faces import open_faces
from facs_pipeline.emotions.training.face_images import measure_face_images
from facs_pipeline.explanations.average_face import AVERAGE_FACE, average_face

_EVERY = 4


def main() -> None:
    """Make the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, help="folder of finished pieces, as `facs train-emotion` keeps them")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=AVERAGE_FACE)
    options = parser.parse_args()
    faces = open_faces(options.data, "fer2013").split("train")
    measured = measure_face_images(faces, options.cache, jobs=options.jobs)
    average_face(
        measured.take(slice(None, None, _EVERY)), f"Mean of every {_EVERY}th of FER2013's training images"
    ).save(options.out)


if __name__ == "__main__":
    main()

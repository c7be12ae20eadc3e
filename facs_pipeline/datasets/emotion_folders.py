"""Image folders: ``<split>/<emotion>/*.jpg`` or ``<emotion>/*.jpg``, in a folder, an uncompressed tar or a zip."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import PurePosixPath

import numpy as np

from facs_pipeline.datasets.image_files import ImageFiles, open_image_files
from facs_pipeline.datasets.labelled_faces import LabelledFaces, Skipped
from facs_pipeline.datasets.split_names import canonical_split, known_split
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.tables.emotion_names import canonical_emotion


def read_emotion_folders(path: str | os.PathLike) -> LabelledFaces:
    """Faces sorted into folders named for their emotion, in any spelling of `facs_pipeline.tables.emotion_names`.

    The emotion is the innermost folder that names one. The split is the innermost folder around it that names one
    (train, training, val, validation, publictest, test, privatetest ...); where none does, the folder directly around
    it, provided that there are several of them; else the split is ``""``.

    Raises
    ------
    InputError
        If nothing is there that can be used.

    Examples
    --------
    >>> import tempfile, pathlib, cv2
    >>> folder = pathlib.Path(tempfile.mkdtemp(), "Training", "happiness")
    >>> folder.mkdir(parents=True)
    >>> _ = cv2.imwrite(str(folder / "a.png"), np.zeros((48, 48), np.uint8))
    >>> faces = read_emotion_folders(folder.parents[1])
    >>> faces.sources, faces.emotions.tolist(), faces.splits.tolist()
    (('Training/happiness/a.png',), ['happy'], ['train'])
    """
    return faces_in_folders(open_image_files(path))


def faces_in_folders(files: ImageFiles, emotion_of: Callable[[str], str | None] = canonical_emotion) -> LabelledFaces:
    """Faces sorted into folders, of images whose files are known.

    Parameters
    ----------
    files : ImageFiles
        The images.
    emotion_of : function
        Takes a folder's name; gives its emotion, None where it names none.
    """
    skipped = list(files.skipped)
    skipped += [
        Skipped(folder + "/", "an empty split: no image in it")
        for folder in files.empty
        if known_split(PurePosixPath(folder).name)
    ]
    rows, emotions, around = [], [], []
    for number, name in enumerate(files.names):
        parents = PurePosixPath(name).parts[:-1]
        named = next((i for i in reversed(range(len(parents))) if emotion_of(parents[i])), None)
        if named is None:
            reason = f"the folder {parents[-1]!r} names no emotion" if parents else "in no folder named for an emotion"
            skipped.append(Skipped(name, reason))
        else:
            rows.append(number)
            emotions.append(emotion_of(parents[named]))
            around.append(parents[:named])
    if not rows:
        reasons = "; ".join(f"{source}: {reason}" for source, reason in skipped[:3])
        raise InputError(
            f"{files.path}: no image in a folder named for an emotion (angry, disgust, fear, happy, sad, surprise, "
            f"neutral, contempt); expected such as train/happy/1.jpg. {reasons}"
        )
    several = len(set(around)) > 1
    names, numbers = files.names, np.array(rows)
    return LabelledFaces(
        name=files.path.name,
        sources=tuple(names[row] for row in rows),
        emotions=np.array(emotions),
        splits=np.array([_split(folders, several) for folders in around]),
        subjects=np.full(len(rows), ""),
        skipped=tuple(skipped),
        read=lambda number: files.grey(int(numbers[number])),
    )


def _split(folders: tuple[str, ...], several: bool) -> str:
    for folder in reversed(folders):
        if known_split(folder):
            return canonical_split(folder)
    return folders[-1] if folders and several else ""

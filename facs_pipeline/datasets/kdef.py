"""KDEF, the Karolinska Directed Emotional Faces: 70 persons, 7 emotions, 5 angles, each photographed in two sessions.

The file name tells everything, e.g. ``AF01ANS.JPG``: session (A, B), sex (F, M), number of the person within the
sex (01 to 35), emotion (AF afraid, AN angry, DI disgusted, HA happy, NE neutral, SA sad, SU surprised), angle (FL full
left profile, HL half left, S straight, HR half right, FR full right). How files lie in folders does not matter.

Images are whole photographs; faces are to be found in them.

Lundqvist, Flykt, Öhman, "The Karolinska Directed Emotional Faces (KDEF)", Karolinska Institutet, 1998; https://kdef.se.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from facs_pipeline.datasets.image_files import ImageFiles, open_image_files
from facs_pipeline.datasets.labelled_faces import LabelledFaces, Skipped
from facs_pipeline.foundation.errors import InputError

KDEF_EMOTIONS = {
    "AF": "fear",
    "AN": "angry",
    "DI": "disgust",
    "HA": "happy",
    "NE": "neutral",
    "SA": "sad",
    "SU": "surprise",
}
ANGLES = ("FL", "HL", "S", "HR", "FR")
# Protocol -> split of each sex. No person is in both splits. "transfer": a model trained on other data is tested.
PROTOCOLS = {
    "female-male": {"F": "train", "M": "test"},
    "male-female": {"F": "test", "M": "train"},
    "transfer": {"F": "test", "M": "test"},
    "none": {"F": "", "M": ""},
}

_NAME = re.compile(
    rf"(?P<session>[AB])(?P<sex>[FM])(?P<number>\d\d)(?P<emotion>{'|'.join(KDEF_EMOTIONS)})(?P<angle>{'|'.join(ANGLES)})",
    re.IGNORECASE,
)


def is_kdef_name(name: str) -> bool:
    """Whether a file's path follows the scheme.

    Examples
    --------
    >>> is_kdef_name("KDEF/AF01/AF01ANS.JPG"), is_kdef_name("KDEF/AF31/AF31V.JPG")
    (True, False)
    """
    return _NAME.fullmatch(PurePosixPath(name).stem) is not None


def read_kdef(
    path: str | os.PathLike, *, protocol: str = "female-male", angles: Sequence[str] = ("S",)
) -> LabelledFaces:
    """Read KDEF from a folder (searched recursively), an uncompressed tar or a zip.

    Parameters
    ----------
    path : str or PathLike
        Folder or archive.
    protocol : str
        Which sex becomes which split: ``"female-male"`` (train on women, test on men), ``"male-female"``,
        ``"transfer"`` (all are test) or ``"none"`` (no splits).
    angles : sequence of str
        Views to take, of FL, HL, S, HR, FR; the straight one by default. Few detectors find a face in a profile.

    Returns
    -------
    LabelledFaces
        Subjects are such as ``"F01"``: both sessions show the same person. `attributes` has ``"session"``, ``"sex"``
        and ``"angle"``. Files named otherwise are in `skipped` (the published set has two, AF31V.JPG and AM31H.JPG, and
        the averaged faces AKDEF).

    Raises
    ------
    InputError
        If no file follows the scheme, or there is no such protocol or angle.
    """
    return kdef_faces(open_image_files(path), protocol=protocol, angles=angles)


def kdef_faces(files: ImageFiles, *, protocol: str = "female-male", angles: Sequence[str] = ("S",)) -> LabelledFaces:
    """Read KDEF from images whose files are known; see `read_kdef`."""
    if protocol not in PROTOCOLS:
        raise InputError(f"protocol {protocol!r}; expected one of {', '.join(PROTOCOLS)}")
    angles = [angle.upper() for angle in angles]
    if not angles or set(angles) - set(ANGLES):
        raise InputError(f"angles {', '.join(angles) or '(none)'}; expected some of {', '.join(ANGLES)}")
    skipped = list(files.skipped)
    taken: dict[str, tuple[int, re.Match]] = {}
    for number, name in enumerate(files.names):
        match = _NAME.fullmatch(PurePosixPath(name).stem)
        if match is None:
            skipped.append(
                Skipped(name, "not a KDEF file name such as AF01ANS.JPG; rename it if you know what it shows")
            )
        elif match["angle"].upper() in angles:
            first = taken.setdefault(match[0].upper(), (number, match))[0]
            if first != number:
                skipped.append(Skipped(name, f"the same picture as {files.names[first]} by its name"))
    if not taken:
        raise InputError(
            f"{files.path}: no KDEF image of angle {', '.join(angles)} among {len(files.names)} images; expected names "
            "such as AF01ANS.JPG (session, sex, person, emotion, angle)"
        )
    numbers = np.array([number for number, _ in taken.values()])
    parts = {key: np.array([match[key].upper() for _, match in taken.values()]) for key in _NAME.groupindex}
    return LabelledFaces(
        name=files.path.name,
        sources=tuple(files.names[number] for number in numbers),
        emotions=np.array([KDEF_EMOTIONS[code] for code in parts["emotion"]]),
        splits=np.array([PROTOCOLS[protocol][sex] for sex in parts["sex"]]),
        subjects=np.char.add(parts["sex"], parts["number"]),
        skipped=tuple(skipped),
        read=lambda number: files.grey(int(numbers[number])),
        attributes={name: parts[name] for name in ("session", "sex", "angle")},
    )

"""Open any data of faces with emotions: FER2013, KDEF, image folders or a manifest, recognised by their files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from facs_pipeline.datasets.emotion_folders import faces_in_folders, read_emotion_folders
from facs_pipeline.datasets.face_manifest import read_face_manifest
from facs_pipeline.datasets.fer2013 import is_archive, read_fer2013, table_in
from facs_pipeline.datasets.image_files import open_image_files
from facs_pipeline.datasets.kdef import is_kdef_name, kdef_faces, read_kdef
from facs_pipeline.datasets.labelled_faces import LabelledFaces
from facs_pipeline.datasets.table_files import header_of, lines_of, open_table
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.progress import SILENT, Progress

KINDS = ("auto", "fer2013", "kdef", "folders", "manifest")


def open_faces(
    path: str | os.PathLike,
    kind: str = "auto",
    *,
    protocol: str = "female-male",
    angles: Sequence[str] = ("S",),
    progress: Progress = SILENT,
) -> LabelledFaces:
    """Open faces with emotions.

    Parameters
    ----------
    path : str or PathLike
        A table, a folder, a zip or a tar.
    kind : str
        ``"auto"``: a table (also within a folder or archive) with a column ``pixels`` is FER2013, one with ``image``
        a manifest; images are KDEF where most have its file names, else sorted into folders by emotion. Or one of
        ``"fer2013"`` (whose folders may also be named 0 to 6), ``"kdef"``, ``"folders"``, ``"manifest"``.
    protocol, angles : str, sequence of str
        For KDEF, see `facs_pipeline.datasets.kdef.read_kdef`.
    progress : Progress
        Told of the bytes of FER2013's table read.

    Raises
    ------
    InputError
        If it is none of these, or nothing in it can be used.
    """
    path = Path(path)
    if kind not in KINDS:
        raise InputError(f"kind {kind!r}; expected one of {', '.join(KINDS)}")
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if kind == "fer2013":
        return read_fer2013(path, progress=progress)
    if kind == "kdef":
        return read_kdef(path, protocol=protocol, angles=angles)
    if kind == "folders":
        return read_emotion_folders(path)
    if kind == "manifest":
        return read_face_manifest(path)
    if path.is_file() and not is_archive(path):
        return read_fer2013(path, progress=progress) if _has_pixels(path) else read_face_manifest(path)
    if table_in(path) is not None:
        return read_fer2013(path, progress=progress)
    files = open_image_files(path)
    if 2 * sum(map(is_kdef_name, files.names)) > len(files.names):
        return kdef_faces(files, protocol=protocol, angles=angles)
    return faces_in_folders(files)


def _has_pixels(path: Path) -> bool:
    with open_table(path) as (stream, _):
        names = header_of(str(path), next(lines_of(stream), None)).names
    if not {"pixels", "image"} & set(names):
        raise InputError(
            f"{path}: columns {', '.join(names)[:200]}; expected emotion and pixels (FER2013), or image and emotion (a "
            "manifest), separated by commas, semicolons or tabs; or name a folder, zip or tar of images"
        )
    return "pixels" in names

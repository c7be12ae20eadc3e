"""A table of faces and the emotions they show: for any data that has no reader of its own.

Columns::

    image      an image file with one face
    emotion    its emotion, in any spelling of `facs_pipeline.tables.emotion_names`
    split      optional: train, validation, test (training, val, ... are understood) or another name
    subject    optional: whose face; the same text is the same person

Relative paths start at the table's folder. Other columns are ignored.
"""

from __future__ import annotations

import csv
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from facs_pipeline.datasets.labelled_faces import LabelledFaces, Skipped
from facs_pipeline.datasets.split_names import canonical_split
from facs_pipeline.datasets.table_files import Line, header_of, open_table
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.regular import read_whole
from facs_pipeline.foundation.images.decoding import decode_grey
from facs_pipeline.tables.emotion_names import EMOTIONS, canonical_emotion


def read_face_manifest(path: str | os.PathLike) -> LabelledFaces:
    r"""Read the table; see the module's text for its columns.

    Returns
    -------
    LabelledFaces
        Sources are the images as the table names them. A row that cannot be used is in `skipped`, with the reason.

    Raises
    ------
    InputError
        If it is no table, columns are missing, or no row can be used.

    Examples
    --------
    >>> import tempfile, cv2
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = cv2.imwrite(str(folder / "a.png"), np.zeros((60, 50), np.uint8))
    >>> _ = (folder / "faces.csv").write_text("image,emotion,split\na.png,joy,val\nb.png,sad,val\n")
    >>> faces = read_face_manifest(folder / "faces.csv")
    >>> faces.emotions.tolist(), faces.splits.tolist(), faces.skipped[0].source
    (['happy'], ['validation'], 'row 3')
    """
    path = Path(path)
    with open_table(path) as (stream, _):
        try:
            data = stream.read()
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path}: cannot be read ({error}); expected a CSV of faces") from None
    first = data.partition(b"\n")[0].rstrip(b"\r")
    names, separator = header_of(str(path), Line(1, first, "" if first.strip() else "no header"))
    missing = [name for name in ("image", "emotion") if name not in names]
    if missing:
        raise InputError(
            f"{path}: no column {' and '.join(missing)} among {', '.join(names)[:200]}; expected image, emotion and, "
            "if known, split and subject, separated by commas, semicolons or tabs"
        )
    # Bytes that are no UTF-8 become surrogates, so that one such row does not end the reading.
    text = io.StringIO(data.decode("utf-8-sig", "surrogateescape"), newline="")
    listed: dict[Path, int] = {}
    faces: list[tuple[str, Path, str, str, str]] = []
    skipped: list[Skipped] = []
    for row, cells in _rows(text, separator, skipped):
        try:
            face = _face(path.parent, names, cells)
            before = listed.setdefault(face[1], row)
            if before != row:
                raise ValueError(f"{face[0]} is listed in row {before} already")
            faces.append(face)
        except ValueError as error:
            skipped.append(Skipped(f"row {row}", str(error)))
    if not faces:
        reasons = "; ".join(f"{source}: {reason}" for source, reason in skipped[:3])
        raise InputError(f"{path}: no row that can be used. {reasons or 'There is none below the header'}")
    images, files, emotions, splits, subjects = zip(*faces, strict=True)
    return LabelledFaces(
        name=path.name,
        sources=images,
        emotions=np.array(emotions),
        splits=np.array(splits),
        subjects=np.array(subjects),
        skipped=tuple(skipped),
        read=lambda number: _grey(files[number]),
    )


def _rows(text: io.StringIO, separator: str, skipped: list[Skipped]) -> Iterator[tuple[int, list[str]]]:
    """Row numbers and cells below the header; a row is numbered by its first line, and may have several."""
    reader = csv.reader(text, delimiter=separator)
    while True:
        row = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            skipped.append(Skipped(f"row {row}", f"not a row of a CSV ({error}); is a quote missing?"))
            continue
        if row > 1 and any(cell.strip() for cell in cells):
            yield row, cells


def _face(folder: Path, names: list[str], cells: list[str]) -> tuple[str, Path, str, str, str]:
    """Image, its file, emotion, split and subject of one row; `ValueError` with the reason if it cannot be used."""
    if len(cells) != len(names):
        raise ValueError(f"{len(cells)} cells, the header has {len(names)}")
    row = dict(zip(names, (cell.strip() for cell in cells), strict=True))
    if any("\udc80" <= letter <= "\udcff" for name in ("image", "emotion") for letter in row[name]):
        raise ValueError("not UTF-8 text; save the CSV in UTF-8")
    if not row["image"] or not row["emotion"]:
        raise ValueError(f"no {'emotion' if row['image'] else 'image'}")
    emotion = canonical_emotion(row["emotion"])
    if emotion is None:
        raise ValueError(f"emotion {row['emotion'][:40]!r}; expected one of {', '.join(EMOTIONS)}")
    file = folder / row["image"]
    # Names too long for the system, or with a NUL in them, are no files either.
    if not os.path.isfile(file):
        raise ValueError(f"{row['image']}: no such file")
    return row["image"], file, emotion, canonical_split(row.get("split", "")), row.get("subject", "")


def _grey(file: Path) -> np.ndarray:
    try:
        return decode_grey(read_whole(file))
    except ValueError as error:
        raise InputError(f"{file}: {error}") from None

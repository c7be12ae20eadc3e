"""FER2013: 35,887 faces of 48 x 48 grey pixels with one of seven emotions, in the forms in which it goes around.

- ``fer2013.csv`` (emotion, pixels, Usage), ``icml_face_data.csv`` (the same with spaces in its column names) and
  ``train.csv`` (emotion, pixels); gzipped, in a zip, a tar or a folder;
- image folders ``train/<emotion>/*.jpg``, in a folder, an uncompressed tar or a zip.

The official splits stay: Training is ``"train"``, PublicTest ``"validation"``, PrivateTest ``"test"``. Image
folders often have the last two together in one folder ``test``.

Goodfellow et al., "Challenges in Representation Learning: A Report on Three Machine Learning Contests", ICONIP 2013,
doi:10.1007/978-3-642-42051-1_16.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np

from facs_pipeline.datasets.emotion_folders import faces_in_folders
from facs_pipeline.datasets.file_kinds import is_tar, is_zip
from facs_pipeline.datasets.image_files import open_image_files
from facs_pipeline.datasets.labelled_faces import LabelledFaces, Skipped
from facs_pipeline.datasets.split_names import canonical_split, known_split
from facs_pipeline.datasets.table_files import Line, cells_of, header_of, lines_of, open_table, table_names
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.progress import SILENT, Progress, Task
from facs_pipeline.tables.emotion_names import canonical_emotion

# Position = label.
FER2013_EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
SIDE = 48

_BEST_KNOWN = ("fer2013.csv", "icml_face_data.csv", "train.csv")
_PROGRESS_EVERY = 500


def read_fer2013(path: str | os.PathLike, *, progress: Progress = SILENT) -> LabelledFaces:
    r"""Read FER2013 in any of its forms; of a folder or archive that holds a table and images, the table is read.

    Parameters
    ----------
    path : str or PathLike
        Table, archive or folder.
    progress : Progress
        Told of the bytes of the table, as it is on disk, read.

    Returns
    -------
    LabelledFaces
        A row that cannot be used is in `skipped`, with the reason; the header is row 1.

    Raises
    ------
    InputError
        If columns are missing or nothing in it can be used.

    Examples
    --------
    >>> import tempfile
    >>> table = Path(tempfile.mkdtemp(), "fer2013.csv")
    >>> pixels = " ".join(["7"] * 48 * 48)
    >>> _ = table.write_text(f"emotion,pixels,Usage\n3,{pixels},PublicTest\n9,{pixels},Training\n")
    >>> faces = read_fer2013(table)
    >>> faces.emotions.tolist(), faces.splits.tolist(), faces.grey(0).shape, faces.skipped[0].source
    (['happy'], ['validation'], (48, 48), 'row 3')
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; expected fer2013.csv or folders such as train/happy/1.jpg")
    member = table_in(path)
    if path.is_file() and not is_archive(path):
        return _read_table(path, None, progress)
    if member is not None:
        return _read_table(path, member, progress)
    return faces_in_folders(open_image_files(path), _folder_emotion)


def is_archive(path: Path) -> bool:
    """Whether a file is a tar or zip."""
    return is_tar(path) or is_zip(path)


def table_in(path: Path) -> str | None:
    """The table of faces in a folder or archive; None if there is none, or `path` is no such thing.

    Of several, the one with the official splits comes first. The challenge's ``test.csv`` has no emotions and is none.
    """
    if path.is_file() and not is_archive(path):
        return None
    for name in sorted(table_names(path), key=_preference):
        with open_table(path, name) as (stream, _):
            try:
                names = header_of(name, next(lines_of(stream), None)).names
            except InputError:
                continue
            if {"emotion", "pixels"} <= set(names):
                return name
    return None


def _preference(name: str) -> tuple[int, int, str]:
    file = PurePosixPath(name).name.lower().removesuffix(".gz")
    return _BEST_KNOWN.index(file) if file in _BEST_KNOWN else len(_BEST_KNOWN), name.count("/"), name


def _folder_emotion(folder: str) -> str | None:
    try:
        return _emotion(folder)
    except ValueError:
        return None


def _emotion(text: str) -> str:
    """Emotion of a label, 0 to 6 or a name; `ValueError` with the reason if it is none of the seven."""
    text = text.strip()
    if not text:
        raise ValueError("the emotion is empty")
    number = text.removesuffix(".0")
    if number.isdecimal() and int(number) < len(FER2013_EMOTIONS):
        return FER2013_EMOTIONS[int(number)]
    emotion = canonical_emotion(text)
    if emotion not in FER2013_EMOTIONS:
        raise ValueError(f"emotion {text[:40]!r}; expected 0 to 6 or one of {', '.join(FER2013_EMOTIONS)}")
    return emotion


def _read_table(path: Path, member: str | None, progress: Progress) -> LabelledFaces:
    source = f"{path}: {member}" if member else str(path)
    rows, emotions, splits, skipped = [], [], [], []
    pixels = bytearray()
    with open_table(path, member) as (stream, raw):
        lines = lines_of(stream)
        table = _Table(source, next(lines, None), PurePosixPath(member or path.name).name)
        for line in _counted(lines, raw, progress.task(f"{path.name}: reading", _size(raw), "B")):
            try:
                emotion, split, image = table.parse(line)
            except ValueError as error:
                skipped.append(Skipped(f"row {line.row}", str(error)))
                continue
            rows.append(line.row)
            emotions.append(emotion)
            splits.append(split)
            pixels += image.tobytes()
    if not rows:
        reasons = "; ".join(f"{row}: {reason}" for row, reason in skipped[:3])
        raise InputError(f"{source}: no row that can be used. {reasons or 'There is none below the header'}")
    skipped += [
        Skipped(f"split {split}", "an empty split: none of its rows can be used")
        for split in sorted(table.splits - set(splits))
    ]
    return LabelledFaces(
        name=path.name,
        sources=tuple(f"row {row}" for row in rows),
        emotions=np.array(emotions),
        splits=np.array(splits),
        subjects=np.full(len(rows), ""),
        skipped=tuple(skipped),
        read=partial(_copy, np.frombuffer(pixels, np.uint8).reshape(-1, SIDE, SIDE)),
    )


def _copy(images: np.ndarray, number: int) -> np.ndarray:
    return images[number].copy()


def _counted(lines: Iterator[Line], raw: IO[bytes], task: Task) -> Iterator[Line]:
    done = 0
    with task:
        for number, line in enumerate(lines):
            yield line
            if number % _PROGRESS_EVERY == 0:
                here = max(raw.tell(), done)
                task.advance(here - done)
                done = here
        task.advance(max(_size(raw) - done, 0))


def _size(raw: IO[bytes]) -> int:
    return os.fstat(raw.fileno()).st_size


class _Table:
    """Takes rows apart; `splits` are those met, also in rows that cannot be used."""

    def __init__(self, source: str, first: Line | None, file_name: str) -> None:
        names, self._separator = header_of(source, first)
        missing = [name for name in ("emotion", "pixels") if name not in names]
        if missing:
            hint = "; the challenge's test.csv has no labels, icml_face_data.csv has" if "pixels" in names else ""
            raise InputError(
                f"{source}: no column {' and '.join(missing)} among {', '.join(names)[:200]}; expected emotion, pixels "
                f"and, for the official splits, Usage, separated by commas, semicolons or tabs{hint}"
            )
        self._width = len(names)
        self._emotion, self._pixels = names.index("emotion"), names.index("pixels")
        self._usage = names.index("usage") if "usage" in names else None
        self._only_split = known_split(file_name.split(".")[0]) or ""
        self.splits: set[str] = set()

    def parse(self, line: Line) -> tuple[str, str, np.ndarray]:
        """Emotion, split and pixels of a row; `ValueError` with the reason if it cannot be used."""
        if line.reason:
            raise ValueError(line.reason)
        cells = cells_of(line.text, self._separator)
        if len(cells) != self._width:
            raise ValueError(f"{len(cells)} cells, the header has {self._width}; is the row cut short?")
        split = self._split(cells)
        self.splits.add(split)
        return _emotion(cells[self._emotion].decode("utf-8", "replace")), split, _pixels(cells[self._pixels])

    def _split(self, cells: list[bytes]) -> str:
        if self._usage is None:
            return self._only_split
        usage = cells[self._usage].decode("utf-8", "replace").strip()
        if not usage or usage.lower() == "nan":
            raise ValueError("Usage is empty; expected Training, PublicTest or PrivateTest")
        return canonical_split(usage)


def _pixels(text: bytes) -> np.ndarray:
    """Pixels [2304] uint8 of one cell; `ValueError` with the reason if they are none."""
    if not text.translate(None, b"0123456789 "):
        # Text mode; saturates where numbers are too large for it.
        values = np.fromstring(text, dtype=np.int64, sep=" ")
        if values.size == SIDE * SIDE and values.max() <= 255:
            return values.astype(np.uint8)
    tokens = text.decode("utf-8", "replace").split()
    if not tokens:
        raise ValueError("the pixels are empty")
    for place, token in enumerate(tokens, start=1):
        if not token.removeprefix("-").isdecimal():
            raise ValueError(f"pixel {place} is {token[:20]!r}; expected whole numbers from 0 to 255")
        if len(token) > 6 or not 0 <= int(token) <= 255:
            raise ValueError(f"pixel {place} is {token[:20]}; expected 0 to 255")
    if len(tokens) != SIDE * SIDE:
        raise ValueError(f"{len(tokens):,} pixels; expected {SIDE * SIDE:,} ({SIDE} x {SIDE})")
    return np.array(tokens, dtype=np.int64).astype(np.uint8)

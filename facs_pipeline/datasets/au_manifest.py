"""A table of where coded faces are: for any FACS-coded data that has no reader of its own.

Columns::

    image              an image file with one face; or, instead of it,
    video, frame       a video file or folder of images, and the frame's number from 1
    subject            whose face; the same text is the same person
    AU01, AU1, AU01_r  one column for each action unit, any of these spellings; 0 to 5, empty where not coded

Relative paths start at the table's folder. Other columns are ignored. It may have any form that
`facs_pipeline.foundation.tabular` reads.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from facs_pipeline.datasets.coded import CodedClip, CodedSet, known_au, read_intensity
from facs_pipeline.datasets.labelled_faces import Skipped
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.tabular import read_text_table
from facs_pipeline.foundation.text import whole_number

_MOST_SKIPPED = 0.5
"""Of the rows; where more of them name nothing, the paths as a whole are wrong."""
_PLACES = ("image", "video", "frame", "subject")
_AU_COLUMN = re.compile(r"^AU0*(?P<au>\d+)(_r)?$", re.IGNORECASE)


def read_au_manifest(path: str | os.PathLike) -> CodedSet:
    r"""Read the table; see the module's text for its columns.

    Parameters
    ----------
    path : str or PathLike
        The table.

    Returns
    -------
    CodedSet
        One clip for each video and subject, in the order in which they first appear. Rows whose image or video is not
        there are left out, and named in `skipped`.

    Raises
    ------
    InputError
        Naming file and row: missing columns, more than half of the files not there, a frame or intensity that is no
        such number, a frame listed twice.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.png").write_bytes(b"-")
    >>> _ = (folder / "coded.csv").write_text("image,subject,AU1,AU12_r\na.png,anna,2,\n")
    >>> coded = read_au_manifest(folder / "coded.csv")
    >>> coded.aus, coded.clips[0].intensities.tolist()
    ((1, 12), [[2.0, nan]])
    """
    path = Path(path)
    table = read_text_table(path)
    header = [str(name) for name in table.columns]
    places, columns = _columns(path, header)
    clips: dict[tuple[Path, str], dict[int, list[float]]] = {}
    listed: set[tuple[Path, int]] = set()
    skipped: list[Skipped] = []
    for row, cells in zip(table.index, table.to_numpy(object).tolist(), strict=True):
        where = f"{path}, row {row}"
        try:
            source, frame = _place(path, where, cells, places)
        except _NothingThereError as error:
            skipped.append(Skipped(where, str(error)))
            continue
        subject = cells[places["subject"]]
        if not subject:
            raise InputError(f"{where}: no subject; subjects must be known to be held apart in the evaluation")
        if (source, frame) in listed:
            raise InputError(f"{where}: {source.name}, frame {frame} is listed a second time")
        listed.add((source, frame))
        intensities = [read_intensity(cells[c], f"{where}, {header[c]}") for c in columns.values()]
        clips.setdefault((source, subject), {})[frame] = intensities
    _check(path, len(table), skipped)
    clips_of = tuple(_clip(*key, frames) for key, frames in clips.items())
    return CodedSet(path.name, tuple(columns), clips_of, tuple(skipped))


class _NothingThereError(Exception):
    """A row that names no image and no video, or one that is not there."""


def _check(path: Path, rows: int, skipped: list[Skipped]) -> None:
    if not rows:
        raise InputError(f"{path}: no rows below the header")
    if len(skipped) > _MOST_SKIPPED * rows:
        raise InputError(
            f"{path}: {len(skipped)} of {rows} rows name nothing that is there, the first of them {skipped[0].source}: "
            f"{skipped[0].reason}; relative paths start at {path.parent.resolve()}"
        )


def _clip(source: Path, subject: str, frames: dict[int, list[float]]) -> CodedClip:
    order = sorted(frames)
    return CodedClip(source, subject, np.array(order), np.array([frames[f] for f in order], dtype=np.float32))


def _columns(path: Path, header: list[str]) -> tuple[dict[str, int], dict[int, int]]:
    """Positions of the place columns by name, and of the AU columns by FACS number (ascending)."""
    lower = [name.lower() for name in header]
    places: dict[str, int] = {name: lower.index(name) for name in _PLACES if name in lower}
    if "subject" not in places or not ("image" in places or {"video", "frame"} <= places.keys()):
        raise InputError(
            f"{path}: columns {', '.join(header) or '(none)'}; expected image (or video and frame), subject, and AU "
            "columns such as AU12"
        )
    columns: dict[int, int] = {}
    for position, name in enumerate(header):
        match = _AU_COLUMN.match(name)
        if match:
            au = known_au(whole_number(match["au"]), f"{path}, column {name}")
            if au in columns:
                raise InputError(f"{path}: AU{au} has two columns, {header[columns[au]]} and {name}")
            columns[au] = position
    if not columns:
        raise InputError(f"{path}: no AU column among {', '.join(header)}; expected such as AU12, AU01 or AU01_r")
    return places, dict(sorted(columns.items()))


def _place(path: Path, where: str, cells: list[str], places: dict[str, int]) -> tuple[Path, int]:
    """Source and frame of one row."""
    image = cells[places["image"]] if "image" in places else ""
    video = cells[places["video"]] if "video" in places else ""
    if image and video:
        raise InputError(f"{where}: both an image and a video")
    if not image and not video:
        raise _NothingThereError("neither an image nor a video")
    source = path.parent / (image or video)
    # Names too long for the system, or with a NUL in them, are no files either.
    if not os.path.exists(source):
        raise _NothingThereError(f"{image or video}: no such file (looked for {source})")
    if image:
        return source, 1
    text = cells[places["frame"]] if "frame" in places else ""
    number = whole_number(text)
    if not number:
        raise InputError(f"{where}: frame {text[:40]!r}; expected a whole number from 1")
    return source, number

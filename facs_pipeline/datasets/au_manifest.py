"""A CSV that says where coded faces are: for any FACS-coded data that has no reader of its own.

Columns::

    image              an image file with one face; or, instead of it,
    video, frame       a video file or folder of images, and the frame's number from 1
    subject            whose face; the same text is the same person
    AU01, AU1, AU01_r  one column for each action unit, any of these spellings; 0 to 5, empty where not coded

Relative paths start at the CSV's folder. Other columns are ignored.
"""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

import numpy as np

from facs_pipeline.datasets.coded import CodedClip, CodedSet, known_au, read_intensity
from facs_pipeline.foundation.errors import InputError

_AU_COLUMN = re.compile(r"^AU0*(?P<au>\d+)(_r)?$", re.IGNORECASE)


def read_au_manifest(path: str | os.PathLike) -> CodedSet:
    """Read the CSV; see the module's text for its columns.

    Raises
    ------
    InputError
        Naming file and line: missing columns, a file that is not there, a frame or intensity that is no such number,
        a frame listed twice.

    Example
    -------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.png").write_bytes(b"-")
    >>> _ = (folder / "coded.csv").write_text("image,subject,AU1,AU12_r\\na.png,anna,2,\\n")
    >>> coded = read_au_manifest(folder / "coded.csv")
    >>> coded.aus, coded.clips[0].intensities.tolist()
    ((1, 12), [[2.0, nan]])
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected a CSV of coded faces") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file; expected a CSV (UTF-8) of coded faces") from None
    reader = csv.reader(text.splitlines())
    header = [name.strip() for name in next(reader, [])]
    places, columns = _columns(path, header)
    clips: dict[tuple[Path, str], dict[int, list[float]]] = {}
    seen: set[tuple[Path, int]] = set()
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        where = f"{path}, line {reader.line_num}"
        if len(cells) != len(header):
            raise InputError(f"{where}: {len(cells)} cells, the header has {len(header)}")
        source, frame = _place(path, where, cells, places)
        subject = cells[places["subject"]].strip()
        if not subject:
            raise InputError(f"{where}: no subject; persons must be known to be kept apart in the evaluation")
        if (source, frame) in seen:
            raise InputError(f"{where}: {source.name}, frame {frame} is listed a second time")
        seen.add((source, frame))
        intensities = [read_intensity(cells[c], f"{where}, {header[c]}") for c in columns.values()]
        clips.setdefault((source, subject), {})[frame] = intensities
    if not clips:
        raise InputError(f"{path}: no rows below the header")
    return CodedSet(path.name, tuple(columns), tuple(_clip(*key, frames) for key, frames in clips.items()))


def _clip(source: Path, subject: str, frames: dict[int, list[float]]) -> CodedClip:
    order = sorted(frames)
    return CodedClip(source, subject, np.array(order), np.array([frames[f] for f in order], dtype=np.float32))


def _columns(path: Path, header: list[str]) -> tuple[dict[str, int], dict[int, int]]:
    """Positions of the place columns by name, and of the AU columns by FACS number (ascending)."""
    lower = [name.lower() for name in header]
    places = {name: lower.index(name) for name in ("image", "video", "frame", "subject") if name in lower}
    if "subject" not in places or not ("image" in places or {"video", "frame"} <= places.keys()):
        raise InputError(
            f"{path}: columns {', '.join(header) or '(none)'}; expected image (or video and frame), subject, and AU "
            "columns such as AU12"
        )
    columns: dict[int, int] = {}
    for position, name in enumerate(header):
        match = _AU_COLUMN.match(name)
        if match:
            au = known_au(int(match["au"]), f"{path}, column {name}")
            if au in columns:
                raise InputError(f"{path}: AU{au} has two columns, {header[columns[au]]} and {name}")
            columns[au] = position
    if not columns:
        raise InputError(f"{path}: no AU column among {', '.join(header)}; expected such as AU12, AU01 or AU01_r")
    return places, dict(sorted(columns.items()))


def _place(path: Path, where: str, cells: list[str], places: dict[str, int]) -> tuple[Path, int]:
    """Source and frame of one row."""
    image = cells[places["image"]].strip() if "image" in places else ""
    video = cells[places["video"]].strip() if "video" in places else ""
    if bool(image) == bool(video):
        raise InputError(f"{where}: {'both an image and a video' if image else 'neither an image nor a video'}")
    source = path.parent / (image or video)
    if not source.exists():
        raise InputError(f"{where}: {image or video}: no such file (looked for {source})")
    if image:
        return source, 1
    number = cells[places["frame"]].strip() if "frame" in places else ""
    if not number.isdigit() or int(number) < 1:
        raise InputError(f"{where}: frame {number!r}; expected a whole number from 1")
    return source, int(number)

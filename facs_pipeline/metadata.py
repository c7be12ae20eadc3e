"""What the user knows of each video (subject, emotion, label), read from a CSV file and matched to the videos."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from facs_pipeline.errors import InputError
from facs_pipeline.inputs import VideoInput
from facs_pipeline.video import VIDEO_SUFFIXES

COLUMNS = ("subject", "emotion", "label")


def read_metadata(path: str | os.PathLike, videos: Sequence[VideoInput]) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Read the metadata of `videos`.

    Parameters
    ----------
    path : UTF-8 CSV with the column ``video`` and any of ``subject``, ``emotion``, ``label``. ``video`` holds a path
        (absolute, or relative to this file or to the current folder), a file name, or a stem.
    videos : the videos of this run.

    Returns
    -------
    metadata : name of the video -> column -> text; videos without a row are absent.
    notes : what was passed over, for the log: unknown columns, rows that fit no video of this run.

    Raises
    ------
    InputError
        If the file cannot be read, lacks ``video``, has a row that is too long, fits two videos, or contradicts
        another row. The message names the row by its line.
    """
    path = Path(path)
    header, rows = _rows(path)
    if "video" not in header:
        raise InputError(f"{path}: no column 'video' in line 1, found: {', '.join(header) or 'nothing'}")
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise InputError(f"{path}: line 1 names the column {repeated[0]!r} twice")
    unknown = [name for name in header if name not in ("video", *COLUMNS)]
    notes = [f"{path}: unknown column {name!r} is passed over (known: video, {', '.join(COLUMNS)})" for name in unknown]

    index = _Index(videos, path.parent)
    metadata: dict[str, dict[str, str]] = {}
    lines: dict[str, int] = {}
    for line, cells in rows:
        if len(cells) > len(header):
            raise InputError(f"{path}: line {line} has {len(cells)} cells, expected {len(header)} as in line 1")
        row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        named = row.get("video", "")
        if not named:
            raise InputError(f"{path}: line {line} names no video")
        matches = index.find(named)
        if len(matches) > 1:
            places = " and ".join(str(video.path) for video in matches[:2])
            raise InputError(f"{path}: line {line}: {named!r} fits {places}; write the path")
        if not matches:
            notes.append(f"{path}: line {line}: no video of this run is called {named!r}; the row is passed over")
            continue
        name = matches[0].name
        values = {column: row.get(column, "") for column in COLUMNS}
        if metadata.get(name, values) != values:
            raise InputError(f"{path}: lines {lines[name]} and {line} say different things of {named!r}; keep one")
        metadata[name] = values
        lines.setdefault(name, line)
    return metadata, notes


def _rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: the metadata cannot be read ({error.strerror})") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path}: line {line} is not UTF-8 text; save the table as 'CSV UTF-8' (spreadsheets offer it)"
        ) from None
    lines = text.splitlines(keepends=True)
    delimiter = ";" if lines and lines[0].count(";") > lines[0].count(",") else ","
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        rows = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num} is not CSV ({error})") from None
    if not rows:
        raise InputError(f"{path}: the metadata is empty; expected a line with the column names first")
    return [cell.strip() for cell in rows[0][1]], rows[1:]


class _Index:
    """Finds videos by path, then by file name, then by stem or table name: the exact before the vague."""

    def __init__(self, videos: Sequence[VideoInput], folder: Path) -> None:
        self._bases = (folder, Path.cwd())
        self._by_path = {video.path: video for video in videos}
        self._by_name: list[dict[str, list[VideoInput]]] = []
        for name_of in (
            lambda video: video.path.name,
            lambda video: video.name,
            lambda video: video.path.stem,
        ):
            names = defaultdict(list)
            for video in videos:
                names[name_of(video)].append(video)
            self._by_name.append(names)

    def find(self, named: str) -> list[VideoInput]:
        for base in self._bases:
            video = self._by_path.get(Path(os.path.abspath(base / named)))
            if video:
                return [video]
        for names in self._by_name:
            if named in names:
                return names[named]
        # A path from another machine or working folder: as many trailing parts as it has decide.
        parts = Path(named).parts
        if len(parts) > 1:
            return [video for path, video in self._by_path.items() if path.parts[-len(parts) :] == parts]
        # Tables name their video without the file's ending.
        return self._by_name[-1].get(Path(named).stem, []) if Path(named).suffix.lower() in VIDEO_SUFFIXES else []

"""What the user knows of each video (subject, emotion, label): a table matched to videos of a run, or on its own."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from facs_pipeline.extraction.inputs import METADATA_COLUMNS as COLUMNS
from facs_pipeline.extraction.inputs import VideoInput
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.tabular import read_text_table
from facs_pipeline.foundation.text import lost_zeros, whole_number, without_zeros
from facs_pipeline.tables.descriptor_table import canonical_cells
from facs_pipeline.video.reader import VIDEO_SUFFIXES


def read_metadata(path: str | os.PathLike, videos: Sequence[VideoInput]) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Read the metadata of `videos`.

    Parameters
    ----------
    path : table (CSV, parquet or xlsx) with ``video``, any of ``subject``, ``emotion``, ``label``, and whatever else
        is known of each video (condition, group). ``video`` holds a path (absolute, relative to this file or to the
        current folder, or its last parts), a file name, or any of these without the ending.
    videos : sequence of VideoInput
        The videos of this run.

    Returns
    -------
    metadata : name of the video -> column -> text as it stands there; videos without a row are absent.
    notes : what was passed over, for the log: rows that fit no video of this run.

    Raises
    ------
    InputError
        If the file cannot be read, lacks ``video``, has a row of another length, fits two videos, or contradicts
        another row. The message names the row.
    """
    path = Path(path)
    table = read_text_table(path, required=["video"])
    more = [str(name) for name in table.columns if name not in ("video", *COLUMNS)]
    notes: list[str] = []

    index = _Index(videos, path.parent)
    metadata: dict[str, dict[str, str]] = {}
    first: dict[str, int] = {}
    for row, record in zip(table.index, table.to_dict("records"), strict=True):
        named = record["video"]
        if not named:
            raise InputError(f"{path}: row {row} names no video")
        matches = index.find(named)
        if not matches and (matches := index.find_without_zeros(named)):
            notes.append(f"{path}: row {row}: {named!r} is taken for {matches[0].name!r}; spreadsheets drop such zeros")
        if len(matches) > 1:
            places = " and ".join(str(video.path) for video in matches[:2])
            raise InputError(f"{path}: row {row}: {named!r} fits {places}; write the path")
        if not matches:
            notes.append(f"{path}: row {row}: no video of this run is called {named!r}; the row is passed over")
            continue
        name = matches[0].name
        values = {column: record.get(column, "") for column in (*COLUMNS, *more)}
        if metadata.get(name, values) != values:
            raise InputError(f"{path}: rows {first[name]} and {row} say different things of {named!r}; keep one")
        metadata[name] = values
        first.setdefault(name, row)
    if "subject" in table and (zeros := lost_zeros(table["subject"])):
        notes.append(f"{path}: subjects {zeros}")
    return metadata, notes


def without_row(metadata: dict[str, dict[str, str]], videos: Sequence[VideoInput]) -> str:
    """Which of `videos` no row was about, in words; empty when all are known."""
    unknown = [video.name for video in videos if video.name not in metadata]
    more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
    return f"no row is about {unknown[0]!r}{more}; their subject, emotion and label stay empty" if unknown else ""


def load_metadata(
    path: str | os.PathLike, *, root: str | os.PathLike | None = None, more_emotions: Sequence[str] = ()
) -> pd.DataFrame:
    """Any dataset from one table: its videos as the table names them, checked.

    Parameters
    ----------
    path : str or PathLike
        Table with `video` (path, relative to `root`) and any of `subject`, `emotion`, `label`; other columns stay.
    root : str or PathLike or None
        Folder the videos are relative to; default: the table's own folder.
    more_emotions : sequence of str
        Emotions beside the usual eight that the table may use.

    Returns
    -------
    DataFrame with `video` as absolute paths, canonical emotions and labels, "" where unknown.

    Raises
    ------
    InputError
        Naming row and column: a video that is missing, twice, or without a name; an unknown emotion or label.
    """
    table = read_text_table(path, required=["video"])
    folder = Path(root) if root is not None else Path(path).parent
    rows = np.asarray(table.index)
    seen: dict[str, int] = {}
    for row, named in zip(rows, table["video"], strict=True):
        where = f"{path}: row {row}, column 'video'"
        if not named:
            raise InputError(f"{where} is empty")
        video = os.path.abspath(folder / named)
        if video in seen:
            raise InputError(f"{where}: {named!r} is already in row {seen[video]}; keep one")
        if not os.path.exists(video):
            raise InputError(f"{where}: {video} does not exist; paths are relative to {folder}")
        seen[video] = row
    table["video"] = list(seen)
    for name in COLUMNS:
        cells = table[name].to_numpy(dtype=object) if name in table else np.full(len(table), "", dtype=object)
        table[name] = cells if name == "subject" else canonical_cells(cells, rows, str(path), name, more_emotions)
    first = ["video", *COLUMNS]
    return table[[*first, *(name for name in table.columns if name not in first)]]


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
        # Windows' backslashes, unless a name really has one.
        return self._find(named) or (self._find(named.replace("\\", "/")) if "\\" in named else [])

    def find_without_zeros(self, named: str) -> list[VideoInput]:
        """Videos whose names have zeros in front that a spreadsheet has dropped, such as 007."""
        if whole_number(named) is None:
            return []
        bare = without_zeros(named)
        return [video for name, videos in self._by_name[-1].items() if without_zeros(name) == bare for video in videos]

    def _find(self, named: str) -> list[VideoInput]:
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
            ends = {path: path.parts[-len(parts) :] for path in self._by_path}
            whole = [video for path, video in self._by_path.items() if ends[path] == parts]
            return whole or [video for path, video in self._by_path.items() if (*ends[path][:-1], path.stem) == parts]
        # Tables name their video without the file's ending.
        return self._by_name[-1].get(Path(named).stem, []) if Path(named).suffix.lower() in VIDEO_SUFFIXES else []

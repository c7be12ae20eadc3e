"""Results that ``facs extract-features`` wrote, read back: its videos, their tables, and what is known of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.json_file import read_json_object
from facs_pipeline.foundation.tabular import read_text_table
from facs_pipeline.foundation.text import few_of, file_stem


@dataclass(frozen=True)
class StudyVideo:
    """One video of a run.

    Attributes
    ----------
    name : str
        As in ``videos.csv``.
    facts : dict of str to str
        Its row there.
    table : Path or None
        Its action-unit table, if there is one.
    cuts : int or None
        How often its picture changes altogether, where that is known.
    """

    name: str
    facts: dict[str, str]
    table: Path | None
    cuts: int | None = None

    @property
    def start_s(self) -> float:
        """Time stamp at which players begin, in seconds; 0 where ``videos.csv`` does not say."""
        try:
            return float(self.facts.get("start_s") or 0)
        except ValueError:
            return 0.0

    def its_table(self) -> Path:
        """Its action-unit table; `InputError` if there is none."""
        if self.table is None:
            raise InputError(f"{self.name}: has no action-unit table ({self.facts.get('status')})")
        return self.table


@dataclass(frozen=True)
class StudyResults:
    """A folder of results.

    Attributes
    ----------
    folder : Path
    videos : tuple of StudyVideo
        In the order of ``videos.csv``.
    metadata : dict of str to dict of str to str
        Video -> column -> text.
    columns : tuple of str
        Columns of the metadata.
    """

    folder: Path
    videos: tuple[StudyVideo, ...]
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    columns: tuple[str, ...] = ()

    def video(self, name: str) -> StudyVideo:
        """The video of a name, or of its file's; `InputError` if there is none."""
        by_name = {video.name: video for video in self.videos}
        found = by_name.get(name) or by_name.get(file_stem(name))
        if found is None:
            raise InputError(f"{self.folder}: no video {name!r}; there are {few_of(list(by_name), 5)}")
        return found


def read_results(folder: str | os.PathLike[str], metadata: str | os.PathLike[str] | None = None) -> StudyResults:
    """Read a folder of results.

    Parameters
    ----------
    folder : str or PathLike
        What ``--out`` of ``facs extract-features`` named.
    metadata : str or PathLike, optional
        Table with the column ``video`` and others; by default the run's own ``metadata.csv``.

    Raises
    ------
    InputError
        If it is no such folder, or a table in it cannot be read.
    """
    folder = Path(folder)
    if not (folder / "videos.csv").is_file():
        raise InputError(f"{folder}: no videos.csv there; expected a folder that facs extract-features wrote (--out)")
    rows = read_text_table(folder / "videos.csv", required=["video", "status"]).to_dict("records")
    cuts = cuts_of(_run(folder / "run.json"))
    videos = tuple(
        StudyVideo(
            str(row["video"]),
            {str(column): str(cell) for column, cell in row.items()},
            _table(folder, str(row["video"])),
            cuts.get(str(row["video"])),
        )
        for row in rows
    )
    about = Path(metadata) if metadata is not None else folder / "metadata.csv"
    if metadata is None and not about.is_file():
        return StudyResults(folder, videos)
    table = read_text_table(about, required=["video"])
    columns = tuple(str(name) for name in table.columns if name != "video")
    # The user's own table may name files, with their folder and ending.
    known = {file_stem(str(row["video"])): row for row in table.to_dict("records")} | {
        str(row["video"]): row for row in table.to_dict("records")
    }
    of_video = {
        video.name: {column: str(known[video.name][column]) for column in columns}
        for video in videos
        if video.name in known
    }
    if videos and not of_video:
        raise InputError(
            f"{about}: none of its {len(table)} videos is in {folder / 'videos.csv'}; expected names such as "
            f"{videos[0].name} in the column video"
        )
    return StudyResults(folder, videos, of_video, columns)


def _table(folder: Path, name: str) -> Path | None:
    inside = ".." not in Path(name).parts and not Path(name).is_absolute()
    paths = [folder / "action_units" / f"{name}{suffix}" for suffix in (".csv", ".parquet")]
    return next((path for path in paths if inside and os.path.isfile(path)), None)


def _run(path: Path) -> dict[str, Any]:
    try:
        return read_json_object(path) if path.is_file() else {}
    except InputError:
        return {}


def cuts_of(run: Mapping[str, Any]) -> dict[str, int]:
    """How often the picture of each video changes altogether, by the content of ``run.json``."""
    cuts = run.get("cuts")
    if not isinstance(cuts, dict):
        return {}
    # Some versions have their number, some their frames.
    return {
        str(name): len(of_video) if isinstance(of_video, list) else of_video
        for name, of_video in cuts.items()
        if isinstance(of_video, int | list)
    }

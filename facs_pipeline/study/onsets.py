"""Moments in videos, such as the onsets of stimuli: from tables, BIDS ``events.tsv`` files and tiers of ELAN."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from facs_pipeline.dynamics.elan_reading import read_eaf
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.tabular import read_text_table, table_stem
from facs_pipeline.foundation.text import few_of, file_stem

CLOCKS = {"onset": "start", "onset_s": "start", "timestamp": "timestamp", "frame": "frame", "onset_frame": "frame"}
"""Column -> what it counts: seconds from the start of the video, seconds of its time stamps, frames from 1."""
_BIDS = "_events"
_NOT_AVAILABLE = "n/a"


@dataclass(frozen=True)
class Onsets:
    """Moments, each in one video.

    Attributes
    ----------
    table : DataFrame
        Columns ``video``, ``moment`` (float), ``clock`` (see `CLOCKS`) and ``source`` (file and row).
    about : DataFrame
        What else is known of each, as text: conditions, durations. Its index is that of `table`.
    notes : tuple of str
        What was assumed, and what was left out.
    """

    table: pd.DataFrame
    about: pd.DataFrame
    notes: tuple[str, ...]


def read_onsets(paths: Sequence[str | os.PathLike[str]], videos: Sequence[str], *, tier: str | None = None) -> Onsets:
    """Read the moments of some videos.

    Parameters
    ----------
    paths : sequence of path
        Tables (CSV, TSV, xlsx, parquet), BIDS ``*_events.tsv``, ELAN ``.eaf``, or folders of these. A table says in a
        column of `CLOCKS` when, and in ``video`` where. Without that column it is of the video after which the file is
        named, as BIDS does; a table named otherwise is of every video.
    videos : sequence of str
        Names of those that there are.
    tier : str, optional
        Of ELAN documents; may be left out where there is one only. The annotation's text is the column ``condition``.

    Raises
    ------
    InputError
        If a file cannot be read, has no moments, or is of no video.

    Examples
    --------
    >>> read_onsets(["trials.csv"], ["anna", "ben"])  # doctest: +SKIP
    """
    parts: list[_Part] = []
    notes: list[str] = []
    for path in _files(paths):
        if path.suffix.lower() == ".eaf":
            parts.append(_of_tier(path, videos, tier))
        else:
            part, assumed = _of_table(path, videos)
            parts.append(part)
            notes += assumed
    table = pd.concat([part[0] for part in parts], ignore_index=True)
    about = pd.concat([part[1] for part in parts], ignore_index=True).fillna("")
    known = table["video"].isin(set(videos))
    if not known.any():
        named = ", ".join(dict.fromkeys(table["video"].head(20)))
        raise InputError(f"{_named(paths)}: no onset in any of the {len(videos)} videos; they name {named}")
    if not known.all():
        others = list(dict.fromkeys(table.loc[~known, "video"]))
        notes.append(f"{int((~known).sum())} onsets are of videos that are not there: {few_of(others)}")
    return Onsets(table[known].reset_index(drop=True), about[known].reset_index(drop=True), tuple(notes))


_Part = tuple[pd.DataFrame, pd.DataFrame]
"""Tables as in `Onsets`, of one file."""


def _files(paths: Sequence[str | os.PathLike[str]]) -> list[Path]:
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if _is_onsets(one))
            if not inside:
                raise InputError(f"{path}: no *_events.tsv and no .eaf in this folder")
            files += inside
        else:
            files.append(path)
    return files


def _is_onsets(path: Path) -> bool:
    name = path.name.lower()
    return name.endswith((f"{_BIDS}.tsv", f"{_BIDS}.tsv.gz", ".eaf")) and not name.startswith(".")


def _of_table(path: Path, videos: Sequence[str]) -> tuple[_Part, list[str]]:
    table = read_text_table(path)
    found = [name for name in CLOCKS if name in table.columns]
    if not found:
        raise InputError(
            f"{path}: row 1 lacks the time of an onset; expected one of the columns {', '.join(CLOCKS)}, "
            f"found {', '.join(map(str, table.columns[:12]))}"
        )
    column = found[0]
    if not len(table):
        raise InputError(f"{path}: no onsets, only a header")
    moments = pd.to_numeric(table[column], errors="coerce").replace([np.inf, -np.inf], np.nan)
    if moments.isna().any():
        row = table.index[moments.isna()][0]
        unit = "a frame's number" if CLOCKS[column] == "frame" else "seconds"
        raise InputError(f"{path}: row {row}, column {column}: {table.at[row, column]!r}; expected {unit}")
    others = [name for name in table.columns if name not in ("video", *CLOCKS)]
    about = table[others].replace(_NOT_AVAILABLE, "")
    sources = [f"{path}, row {number}" for number in table.index]
    part = pd.DataFrame({"moment": moments.astype(float), "clock": CLOCKS[column], "source": sources})
    if "video" in table.columns:
        known = set(videos)
        part["video"] = [name if name in known else file_stem(name) for name in table["video"]]
        return (part, about), []
    of_name = _videos_of(table_stem(path), videos)
    if not of_name and path.name.lower().endswith((f"{_BIDS}.tsv", f"{_BIDS}.tsv.gz")):
        raise InputError(f"{path}: named after none of the videos, such as {few_of(videos)}; or add a column video")
    notes = [] if of_name else [f"{path}: no column video; its onsets count in each of the {len(videos)} videos"]
    return _in_each(part, about, of_name or videos), notes


def _in_each(part: pd.DataFrame, about: pd.DataFrame, videos: Sequence[str]) -> _Part:
    return pd.concat([part.assign(video=name) for name in videos]), pd.concat([about] * len(videos))


def _of_tier(path: Path, videos: Sequence[str], tier: str | None) -> _Part:
    document = read_eaf(path)
    filled = list(dict.fromkeys(document.annotations["tier"]))
    name = tier or (filled[0] if len(filled) == 1 else None)
    if name is None or name not in document.tiers:
        there = ", ".join(document.tiers) or "none"
        asked = f"no tier {tier!r}" if tier else f"{len(filled)} tiers with annotations; name one with --tier"
        raise InputError(f"{path}: {asked}; there are {there}")
    rows = document.annotations[document.annotations["tier"] == name]
    if not len(rows):
        raise InputError(f"{path}: no annotations in the tier {name!r}")
    of_name = _videos_of(path.stem, videos) or [
        video for video in videos if file_stem(video) in {file_stem(media) for media in document.media}
    ]
    if not of_name:
        about = ", ".join(document.media) or "no file"
        raise InputError(f"{path}: about {about}, which is none of the videos, such as {few_of(videos)}")
    part = pd.DataFrame({
        "moment": rows["begin_s"],
        "clock": "start",
        "source": [f"{path}, tier {name}, {begin:g} s" for begin in rows["begin_s"]],
    })  # fmt: skip
    lengths = [f"{end - begin:g}" for begin, end in zip(rows["begin_s"], rows["end_s"], strict=True)]
    return _in_each(part, pd.DataFrame({"condition": rows["value"], "duration": lengths}), of_name)


def _videos_of(stem: str, videos: Sequence[str]) -> list[str]:
    """Videos after which a file is named: the same name, or BIDS's, in which the ending of the name differs."""
    plain = stem.removesuffix(_BIDS)
    return [
        name
        for name in videos
        if file_stem(name) == plain or (stem != plain and file_stem(name).startswith(f"{plain}_"))
    ]


def _named(paths: Sequence[str | os.PathLike[str]]) -> str:
    return ", ".join(os.fspath(path) for path in paths)

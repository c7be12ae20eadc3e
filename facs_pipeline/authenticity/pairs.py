"""Which videos are compared with which: pairs from labels, from a pairs table, and the groups of candidates.

Pairs are rows of indices into the table of videos. *Labelled* pairs `[p, 2]` have the real video first and the fake
one second. *Candidate* pairs `[q, 2]` are in table order, whatever their labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import PurePath

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.text import without_zeros
from facs_pipeline.tables.descriptor_table import DescriptorTable, canonical_cells


@dataclass(frozen=True)
class Pairs:
    """The pairs of one table.

    Attributes
    ----------
    labelled : ndarray of int
        `[p, 2]`, real first, fake second: these are trained on and scored.
    candidates : ndarray of int
        `[q, 2]`: all two videos to be compared when ranking, the labelled ones included.
    """

    labelled: np.ndarray
    candidates: np.ndarray


def pair_up(subjects: np.ndarray, emotions: np.ndarray, labels: np.ndarray, usable: np.ndarray | None = None) -> Pairs:
    """All pairs of videos of the same subject and emotion.

    Parameters
    ----------
    subjects, emotions, labels : ndarray of str
        `[n]`, ``""`` where unknown. A video without a subject has no partner. Where no video has an emotion, the
        subject alone decides; where some have one, a video without has no partner.
    usable : ndarray of bool, or None
        Whether a video takes part `[n]`; by default all do.

    Examples
    --------
    >>> pair_up(np.array(["1", "1", "2"]), np.array(["sad"] * 3), np.array(["fake", "real", "real"])).labelled
    array([[1, 0]])
    """
    usable = np.ones(len(subjects), bool) if usable is None else usable
    with_emotion = bool(np.any(emotions != ""))
    groups: dict[tuple[str, str], list[int]] = {}
    for i in np.flatnonzero(usable & (subjects != "")):
        if with_emotion and not emotions[i]:
            continue
        groups.setdefault((subjects[i], emotions[i]), []).append(int(i))
    labelled, candidates = [], []
    for members in groups.values():
        real = [i for i in members if labels[i] == "real"]
        fake = [i for i in members if labels[i] == "fake"]
        labelled += [(r, f) for r in real for f in fake]
        candidates += list(combinations(members, 2))
    return Pairs(_index_array(labelled), _index_array(candidates))


def _index_array(pairs: list[tuple[int, int]]) -> np.ndarray:
    return np.array(pairs, dtype=np.intp).reshape(-1, 2)


def pairs_from_table(
    frame: pd.DataFrame, table: DescriptorTable, source: str, *, more_emotions: Sequence[str] = ()
) -> tuple[DescriptorTable, Pairs]:
    """Pairs as a user's table names them, in either of its two forms.

    Parameters
    ----------
    frame : DataFrame
        Text table (`read_text_table`) with the columns `video_a`, `video_b` and optionally `real` (a, b or empty).
        Or with `video` and any of `subject`, `emotion`, `label`, which then complete or replace the table's.
    table : DescriptorTable
        The videos; names match in full or, where that is unambiguous, by the file's name or stem.
    source : str
        Name of the pairs file, for messages.
    more_emotions : sequence of str
        Names beside the usual eight.

    Returns
    -------
    table : DescriptorTable
        With the subjects, emotions and labels of `frame`.
    pairs : Pairs
        Those that the table names.

    Raises
    ------
    InputError
        Naming row and column: a pair with itself, a pair twice, a video that is not in the table, a label against
        another row's or the table's, two subjects or two emotions in one pair, wrong columns.
    """
    if not len(frame):
        raise InputError(f"{source}: no rows below the column names; expected one row per pair, or per video")
    if {"video_a", "video_b"} <= set(frame.columns):
        return _from_ab_rows(frame, table, source)
    if "video" in frame.columns and {"subject", "emotion", "label"} & set(frame.columns):
        table = with_metadata(frame, table, source, more_emotions)
        usable = np.isfinite(table.values).all(axis=1) & np.isin(table.videos, _named(frame, table, source))
        return table, pair_up(table.subjects, table.emotions, table.labels, usable)
    raise InputError(
        f"{source}: row 1 names the columns {', '.join(map(repr, frame.columns))}; expected video_a, video_b "
        "(and real = a or b for training and scoring), or video with subject, emotion, label"
    )


def _from_ab_rows(frame: pd.DataFrame, table: DescriptorTable, source: str) -> tuple[DescriptorTable, Pairs]:
    find = VideoFinder(table)
    labels = table.labels.copy()
    label_source: dict[int, str] = {}
    row_of_pair: dict[frozenset[int], int] = {}
    labelled, candidates = [], []
    unusable = table.unusable
    for row, record in zip(frame.index, frame.to_dict("records"), strict=True):
        a = find(record["video_a"], f"{source}: row {row}, column 'video_a'")
        b = find(record["video_b"], f"{source}: row {row}, column 'video_b'")
        if a == b:
            raise InputError(f"{source}: row {row}, column 'video_b': {record['video_b']!r} is paired with itself")
        pair = frozenset((a, b))
        if pair in row_of_pair:
            raise InputError(f"{source}: row {row} has the same pair as row {row_of_pair[pair]}; keep one")
        row_of_pair[pair] = row
        for name, values in (("subject", table.subjects), ("emotion", table.emotions)):
            if values[a] and values[b] and values[a] != values[b]:
                raise InputError(
                    f"{source}: row {row}: video_a has {name} {values[a]!r}, video_b {values[b]!r} in {table.source}; "
                    f"a pair is two videos of one {name}"
                )
        real = record.get("real", "").lower()
        if real not in ("", "a", "b"):
            raise InputError(f"{source}: row {row}, column 'real': {record['real']!r}; expected a, b or nothing")
        if real:
            order = (a, b) if real == "a" else (b, a)
            for i, label in zip(order, ("real", "fake"), strict=True):
                if labels[i] and labels[i] != label:
                    raise InputError(
                        f"{source}: row {row}, column 'real' makes {table.videos[i]!r} {label}, but it is {labels[i]} "
                        f"according to {label_source.get(i, f'row {table.rows[i]} of {table.source}')}"
                    )
                labels[i] = label
                label_source.setdefault(i, f"row {row}")
        if a in unusable or b in unusable:
            continue
        candidates.append((a, b))
        if {labels[a], labels[b]} == {"real", "fake"}:
            labelled.append((a, b) if labels[a] == "real" else (b, a))
    return replace(table, labels=labels), Pairs(_index_array(labelled), _index_array(candidates))


def with_metadata(
    frame: pd.DataFrame, table: DescriptorTable, source: str, more_emotions: Sequence[str] = ()
) -> DescriptorTable:
    """The table with the non-empty `subject`, `emotion`, `label`, `fold` cells of `frame`, one row per video.

    Parameters
    ----------
    frame : DataFrame
        Text table with a column `video`.
    table : DescriptorTable
        The videos.
    source : str
        Name of the frame's file, for messages.
    more_emotions : sequence of str
        Names beside the usual eight.

    Raises
    ------
    InputError
        Naming row and column: an unknown video or cell, a video twice.
    """
    find = VideoFinder(table)
    rows = np.asarray(frame.index)
    row_of_video: dict[int, int] = {}
    for row, named in zip(rows, frame["video"], strict=True):
        i = find(named, f"{source}: row {row}, column 'video'")
        if i in row_of_video:
            raise InputError(f"{source}: row {row}, column 'video': {named!r} is already in row {row_of_video[i]}")
        row_of_video[i] = row
    videos = list(row_of_video)
    updated = {}
    for name in ("subject", "emotion", "label", "fold"):
        values = getattr(table, f"{name}s").copy()
        if name in frame:
            cells = frame[name].to_numpy(dtype=object)
            if name in ("emotion", "label"):
                cells = canonical_cells(cells, rows, source, name, more_emotions)
            values[videos] = np.where(cells == "", values[videos], cells)
        updated[name] = values
    return replace(table, **{f"{name}s": values for name, values in updated.items()})


def _named(frame: pd.DataFrame, table: DescriptorTable, source: str) -> list[str]:
    find = VideoFinder(table)
    return [table.videos[find(name, source)] for name in frame["video"]]


class VideoFinder:
    """Finds a video of a table by its name as written there, by its file name, or by its stem.

    Parameters
    ----------
    table : DescriptorTable
        The videos.
    """

    def __init__(self, table: DescriptorTable):
        self.source = table.source
        self.by_name = {name: i for i, name in enumerate(table.videos)}
        self.by_file: dict[str, list[int]] = {}
        for i, name in enumerate(table.videos):
            for short in {PurePath(name).name, PurePath(name).stem}:
                self.by_file.setdefault(short, []).append(i)

    def __call__(self, name: str, where: str) -> int:
        """Row of a video; `InputError`, which begins with `where`, for an unknown or ambiguous name."""
        if name in self.by_name:
            return self.by_name[name]
        if not name:
            raise InputError(f"{where} is empty; expected the name of a video")
        path = PurePath(name)
        for short in (path.name, path.stem):
            matches = self.by_file.get(short, [])
            if len(matches) == 1:
                return matches[0]
            if matches:
                raise InputError(f"{where}: {name!r} fits {len(matches)} videos of {self.source}; write the whole name")
        bare = [i for known, i in self.by_name.items() if without_zeros(known) == without_zeros(name)]
        if len(bare) == 1:
            # A spreadsheet has dropped the zeros in front of a number.
            return bare[0]
        raise InputError(f"{where}: {name!r} is not among the {len(self.by_name)} videos of {self.source}")


def groups_of(n_videos: int, candidates: np.ndarray) -> np.ndarray:
    """Number `[n]` of the group of each video; videos linked by candidate pairs `[q, 2]` share one."""
    links = coo_array((np.ones(len(candidates)), (candidates[:, 0], candidates[:, 1])), shape=(n_videos, n_videos))
    return connected_components(links, directed=False)[1]

"""Input of a ranking: descriptors and pairs as the user names them, and subjects guessed where they are unknown."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from facs_pipeline.authenticity import files
from facs_pipeline.authenticity.habits import without_habits
from facs_pipeline.authenticity.pairs import Pairs, pair_up, pairs_from_table
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.atomic import atomic_csv
from facs_pipeline.foundation.tabular import read_text_table
from facs_pipeline.foundation.text import lost_zeros
from facs_pipeline.tables.descriptor_table import DescriptorTable, read_descriptor_table


@dataclass
class RankingData:
    """Videos, their pairs, and where they came from.

    Attributes
    ----------
    table : DescriptorTable
        The videos.
    pairs : Pairs
        Their pairs.
    features : path or None
        Folder of the extraction; None for a descriptor table alone.
    notes : list of str
        What the user should know, e.g. that subjects were guessed.
    explicit : bool
        Whether the user named the pairs one by one.
    """

    table: DescriptorTable
    pairs: Pairs
    features: Path | None = None
    notes: list[str] = field(default_factory=list)
    explicit: bool = False


def read_ranking_data(
    *,
    features: Path | None = None,
    descriptors: Path | None = None,
    pairs: str | os.PathLike = "auto",
    out: Path | None = None,
    more_emotions: Sequence[str] = (),
    n_subjects: int | None = None,
    relative_to_person: bool = False,
) -> RankingData:
    """Read descriptors and pairs.

    Parameters
    ----------
    features, descriptors : path or None
        One of both: a folder written by ``facs extract-features``, or any descriptor table.
    pairs : str or path
        ``"auto"`` (same subject and emotion), or a table; see `pairs.pairs_from_table`.
    out : path or None
        Folder for `subjects.csv`, where subjects are guessed from faces.
    more_emotions : sequence of str
        Names beside the usual eight.
    n_subjects : int or None
        Number of people, for guessing.
    relative_to_person : bool
        Whether to take people's habits out, see `habits.without_habits`.

    Raises
    ------
    InputError
        Naming file, row and column of whatever cannot be used.
    """
    if features is not None:
        table = files.read_features(features, more_emotions=more_emotions)
    elif descriptors is not None:
        table = read_descriptor_table(descriptors, more_emotions=more_emotions)
    else:
        raise InputError("no descriptors; give a folder of features or a descriptor table")
    data = RankingData(table, Pairs(np.zeros((0, 2), np.intp), np.zeros((0, 2), np.intp)), features)
    if str(pairs) != "auto":
        frame = read_text_table(pairs)
        data.table, data.pairs = pairs_from_table(frame, table, str(pairs), more_emotions=more_emotions)
        data.explicit = {"video_a", "video_b"} <= set(frame.columns)
    if zeros := lost_zeros(data.table.subjects):
        data.notes.append(f"{table.source}: subjects {zeros}")
    complete = data.explicit or (str(pairs) != "auto" and (data.table.subjects != "").any())
    if not complete and not (data.table.subjects != "").any():
        _guess_subjects(data, out, n_subjects)
    if relative_to_person:
        data.table = without_habits(data.table)
    if complete:
        return data
    usable = np.isfinite(data.table.values).all(axis=1)
    data.pairs = pair_up(data.table.subjects, data.table.emotions, data.table.labels, usable)
    return data


def _guess_subjects(data: RankingData, out: Path | None, n_subjects: int | None) -> None:
    table = data.table
    if len(table) <= 2 and n_subjects != 2:
        data.table = replace(table, subjects=np.array(["unknown"] * len(table), dtype=object))
        if len(table) == 2:
            data.notes.append("no subjects given: the two videos are taken for one person")
        return
    if data.features is None:
        raise InputError(
            f"{table.source}: no subject in any row, and no videos to compare faces in; "
            "fill the column 'subject', or name the pairs with --pairs FILE"
        )
    clusters = files.find_subjects(data.features, table, n_subjects)
    guess = files.subjects_table(table, clusters)
    data.table = replace(table, subjects=guess["subject"].to_numpy(dtype=object))
    known = clusters.subject >= 0
    n_people = len(np.unique(clusters.subject[known]))
    confidence = float(np.median(clusters.confidence[known])) if n_people else 0.0
    where = ""
    if out is not None:
        path = Path(out) / "subjects.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_csv(guess, path)
        where = f"; see and correct {path}, then run again with --pairs {path}"
    data.notes.append(
        f"no subjects given: faces look like {n_people} {'people' if n_people > 1 else 'person'} "
        f"(median confidence {confidence:.2f}, 0.5 is a guess){where}"
    )

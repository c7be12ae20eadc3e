"""Any dataset from one table: video, subject, emotion, label (CSV or parquet)."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from facs_pipeline.descriptor_table import read_text_table
from facs_pipeline.emotion_names import EMOTIONS, canonical_emotion, canonical_label
from facs_pipeline.errors import InputError

COLUMNS = ("video", "subject", "emotion", "label")


def load_metadata(path: str | os.PathLike, *, root: str | os.PathLike | None = None, more_emotions=()) -> pd.DataFrame:
    """Videos of a dataset as their table names them, checked.

    Parameters
    ----------
    path : table with `video` (path, relative to `root`) and any of `subject`, `emotion`, `label`; other columns stay.
    root : folder the videos are relative to; default: the table's own folder.
    more_emotions : emotions beside the usual eight that the table may use.

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
    for name in COLUMNS[1:]:
        if name not in table.columns:
            table[name] = ""
    seen: dict[str, int] = {}
    for row, record in zip(table.index, table.to_dict("records"), strict=True):
        where = f"{path}: row {row}"
        if not record["video"]:
            raise InputError(f"{where}, column 'video' is empty")
        video = os.path.abspath(folder / record["video"])
        if video in seen:
            raise InputError(f"{where}, column 'video': {record['video']!r} is already in row {seen[video]}; keep one")
        if not os.path.exists(video):
            raise InputError(f"{where}, column 'video': {video} does not exist; paths are relative to {folder}")
        seen[video] = row
        table.loc[row, "video"] = video
        for name, canonical, known in (
            ("emotion", lambda text: canonical_emotion(text, more_emotions), (*EMOTIONS, *more_emotions)),
            ("label", canonical_label, ("real", "fake")),
        ):
            if record[name]:
                value = canonical(record[name])
                if value is None:
                    raise InputError(
                        f"{where}, column {name!r}: unknown {name} {record[name]!r}; known: {', '.join(known)}"
                    )
                table.loc[row, name] = value
    return table[[*COLUMNS, *(name for name in table.columns if name not in COLUMNS)]]

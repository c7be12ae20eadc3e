"""Rows of an action-unit table as the measures of quality need them: confidence, pose and size of each face."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from facs_pipeline.dynamics.quality import FaceRows
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.tabular import read_number_table

_POSE = ("pose_Rx", "pose_Ry", "pose_Rz")
_HALVES = ("confidence_upper", "confidence_lower")
_X = re.compile(r"x_\d{1,2}")


def read_face_rows(path: Path, *, cuts: int | None = None) -> FaceRows:
    """Read what a table that ``facs extract-features`` wrote says of the recording.

    Parameters
    ----------
    path : Path
        The table.
    cuts : int, optional
        How often the picture changes altogether, where it is known.

    Raises
    ------
    InputError
        If it cannot be read, or has no time stamps or no confidence.
    """
    table = read_number_table(
        path,
        lambda name: (
            name in ("frame", "timestamp", "face_id", "confidence", "success", *_POSE, *_HALVES)
            or bool(_X.fullmatch(name))
        ),
    )
    missing = [name for name in ("frame", "timestamp", "confidence") if name not in table]
    if missing or not len(table):
        what = f"no column {missing[0]}" if missing else "no rows"
        raise InputError(f"{path}: {what}; expected an action-unit table that facs extract-features wrote")
    n = len(table)
    seen = table["success"].to_numpy(float) == 1 if "success" in table else table["confidence"].to_numpy(float) > 0
    face = table["face_id"].to_numpy(float) if "face_id" in table else np.zeros(n)
    x = table[[name for name in table.columns if _X.fullmatch(name)]].to_numpy(float)
    pose = np.degrees(table[list(_POSE)].to_numpy(float)) if set(_POSE) <= set(table) else np.full((n, 3), np.nan)
    halves = table[list(_HALVES)].to_numpy(float) if set(_HALVES) <= set(table) else None
    width = np.full(n, np.nan)
    if x.shape[1]:
        width[seen] = np.ptp(x[seen], axis=1)
    return FaceRows(
        table["timestamp"].to_numpy(float),
        table["frame"].to_numpy(float).astype(np.int64),
        np.where(seen, np.nan_to_num(face), -1).astype(np.int64),
        table["confidence"].to_numpy(float),
        pose,
        width,
        halves=halves,
        cuts=cuts,
    )

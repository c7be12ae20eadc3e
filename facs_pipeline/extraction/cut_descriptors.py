"""Descriptors of clips cut at random at both ends, for rankers that should not lean on where clips begin and end."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from facs_pipeline.dynamics.descriptors import describe_series, descriptor_names
from facs_pipeline.dynamics.extended import FaceMotion, describe_motion, extended_names
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.foundation.tabular import read_number_table
from facs_pipeline.tables.descriptor_table import DescriptorTable
from facs_pipeline.tables.reader import read_au_table, table_points

LARGEST_CUT = 0.2
"""Share of a clip that is cut off each end, at most."""


def describe_cut(
    features: Path, table: DescriptorTable, *, seed: int = 0, progress: Progress = SILENT
) -> np.ndarray | None:
    """Describe every clip again without a random part of up to `LARGEST_CUT` at each end.

    Parameters
    ----------
    features : path
        Folder written by ``facs extract-features``.
    table : DescriptorTable
        Its n videos, with columns of the published or the extended descriptor.
    seed : int
        Of the cuts.
    progress : Progress
        Told of each clip.

    Returns
    -------
    ndarray of float or None
        In the table's columns, `[n, d]`; NaN where nothing is to be described, or too little is left. None where there
        are other columns.
    """
    aus = tuple(sorted({int(number) for name in table.columns for number in re.findall(r"AU(\d+)_", name)}))
    published, extended = descriptor_names(aus), extended_names(aus)
    if not aus or not set(table.columns) <= {*published, *extended}:
        return None
    is_published = set(table.columns) <= set(published)
    names = published if is_published else extended
    order = [names.index(name) for name in table.columns]
    cuts = np.random.default_rng(seed).uniform(0, LARGEST_CUT, size=(len(table), 2))
    values = np.full(table.values.shape, np.nan)
    with progress.task("cutting", len(table), "clips") as task:
        for i, video in enumerate(table.videos):
            task.advance()
            path = features / "action_units" / f"{video}.csv"
            if os.path.isfile(path) and i not in table.unusable:
                motion = _cut(_read_motion(path, aus, landmarks=not is_published), cuts[i])
                if is_published:
                    values[i] = describe_series(motion.intensities, motion.times_s, aus)[0][order]
                else:
                    values[i] = describe_motion(motion)[0][order]
    return values


def _read_motion(path: Path, aus: tuple[int, ...], *, landmarks: bool) -> FaceMotion:
    """What the face seen longest does, from its action-unit table."""
    series = max(read_au_table(path), key=lambda face: int(face.success.sum()))
    intensities = series.intensities[:, [series.aus.index(au) for au in aus]]
    if not landmarks:
        return FaceMotion(series.times_s, intensities, aus)
    rows = read_number_table(
        path, lambda name: name in ("success", "face_id") or re.match(r"[xy]_\d+$", name) is not None
    )
    rows = rows[rows["success"] == 1]
    if "face_id" in rows:
        rows = rows[rows["face_id"].astype(int).astype(str) == str(series.face_id)]
    points = np.full((len(series.times_s), 68, 2), np.nan)
    points[series.success] = table_points(rows)
    return FaceMotion(series.times_s, intensities, aus, points)


def _cut(motion: FaceMotion, cut: np.ndarray) -> FaceMotion:
    seen = motion.times_s[np.isfinite(motion.intensities).all(axis=1)]
    span = seen[-1] - seen[0]
    kept = (motion.times_s >= seen[0] + cut[0] * span) & (motion.times_s <= seen[-1] - cut[1] * span)
    points = None if motion.points is None else motion.points[kept]
    return replace(motion, times_s=motion.times_s[kept], intensities=motion.intensities[kept], points=points)

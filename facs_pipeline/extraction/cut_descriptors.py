"""Descriptors of clips cut at random at both ends, for rankers that should not lean on where clips begin and end."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from facs_pipeline.dynamics.descriptors import describe_series, descriptor_names, why_not_described
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.tables.descriptor_table import DescriptorTable
from facs_pipeline.tables.reader import read_au_table

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
        Its n videos, with the published descriptors.
    seed : int
        Of the cuts.
    progress : Progress
        Told of each clip.

    Returns
    -------
    ndarray of float or None
        In the table's columns, `[n, d]`; NaN where nothing is to be described, or too little is left. None where the
        columns are not the published descriptors.
    """
    aus = tuple(dict.fromkeys(int(unit[1]) for name in table.columns if (unit := re.match(r"AU(\d+)_", name))))
    names = descriptor_names(aus) if aus else ()
    if set(names) != set(table.columns):
        return None
    order = [list(names).index(name) for name in table.columns]
    rng = np.random.default_rng(seed)
    cuts = rng.uniform(0, LARGEST_CUT, size=(len(table), 2))
    values = np.full(table.values.shape, np.nan)
    with progress.task("cutting", len(table), "clips") as task:
        for i, video in enumerate(table.videos):
            task.advance()
            path = features / "action_units" / f"{video}.csv"
            if os.path.isfile(path) and i not in table.unusable:
                of_cut = _describe(path, aus, cuts[i])
                if of_cut is not None:
                    values[i] = of_cut[order]
    return values


def _describe(path: Path, aus: tuple[int, ...], cut: np.ndarray) -> np.ndarray | None:
    series = max(read_au_table(path), key=lambda face: int(face.success.sum()))
    seen = series.times_s[series.success]
    span = seen[-1] - seen[0]
    kept = (series.times_s >= seen[0] + cut[0] * span) & (series.times_s <= seen[-1] - cut[1] * span)
    intensities = series.intensities[kept][:, [series.aus.index(au) for au in aus]]
    if why_not_described(intensities, series.times_s[kept]):
        return None
    return describe_series(intensities, series.times_s[kept], aus)[0]

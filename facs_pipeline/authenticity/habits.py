"""A person's habits taken out of descriptors: each clip relative to all of that person's clips, felt or posed.

Some people raise their brows whenever they speak, and low brows or soft lips read as action units at rest. Several
clips of a person show what is his or her own; no label is needed for that.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.tables.descriptor_table import DescriptorTable

LEAST_CLIPS = 4
"""Fewest clips of a person whose mean is taken for habit."""


def without_habits(table: DescriptorTable) -> DescriptorTable:
    """Descriptors minus their mean over the person's clips.

    Parameters
    ----------
    table : DescriptorTable
        With subjects. Labels are not read.

    Returns
    -------
    DescriptorTable
        With `relative_to_person`.

    Raises
    ------
    InputError
        If a person has fewer than `LEAST_CLIPS` clips with descriptors, or a clip no subject.

    Notes
    -----
    Where a person has many more felt than posed clips, their mean takes part of the difference out, and a score of 0
    no longer is the middle. Pairs are not concerned.
    """
    usable = np.isfinite(table.values).all(axis=1)
    values = table.values.copy()
    for subject in sorted({str(name) for name in table.subjects[usable]}):
        clips = usable & (table.subjects == subject)
        if not subject:
            raise InputError(f"{table.source}: a clip without a subject; without habits needs to know who is who")
        if clips.sum() < LEAST_CLIPS:
            raise InputError(
                f"{table.source}: subject {subject!r} has {clips.sum()} clips with descriptors; "
                f"to take habits out needs {LEAST_CLIPS} or more of each person"
            )
        values[clips] -= values[clips].mean(axis=0)
    return replace(table, values=values, relative_to_person=True)

"""Whether an action unit is there: an intensity of at least the level from which on FACS coders said so."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

NEVER = 9.0
"""The level of an action unit of which no codes were learnt: above every intensity."""


def presence_levels(arrays: Mapping[str, np.ndarray]) -> dict[int, float]:
    """Action unit -> intensity from which on it is there, from the arrays of an action-unit model's file.

    Examples
    --------
    >>> presence_levels({"aus": np.array([1, 12, 45]), "presence": np.array([0.8, 1.5, NEVER])})
    {1: 0.8, 12: 1.5}
    """
    if "presence" not in arrays:
        return {}
    levels = zip(arrays["aus"].tolist(), arrays["presence"].tolist(), strict=True)
    return {au: level for au, level in levels if level < NEVER}

"""Learning curves: how accuracy grows with the training data, in the shape of ``learning_curve`` in ``accuracy.json``.

Subsets are nested, every one inside the next, so that a curve shows more data and not other data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from facs_pipeline.foundation.evaluation.accuracy import wilson_interval

SHARES = (1 / 8, 1 / 4, 1 / 2)
"""Parts of the training data that a curve is measured on, beside all of it."""
_FEWEST = 3


def nested_rows(y: np.ndarray, shares: Sequence[float] = SHARES, *, seed: int = 0) -> list[np.ndarray]:
    """Rows of growing stratified subsets, each in ascending order.

    Parameters
    ----------
    y : ndarray of int
        Class of each row `[n]`. Of every class at least three rows are taken where it has so many.
    shares : sequence of float
        Shares of the rows, 0..1, ascending.
    seed : int
        The same seed draws the same rows.

    Returns
    -------
    list of ndarray of int
        Positions of the rows, one array for each share.

    Examples
    --------
    >>> small, large = nested_rows(np.repeat([0, 1], [80, 40]), (0.1, 0.5))
    >>> len(small), len(large), bool(np.isin(small, large).all())
    (12, 60, True)
    """
    random = np.random.default_rng(seed)
    drawn = [random.permutation(np.flatnonzero(y == number)) for number in np.unique(y)]
    return [
        np.sort(np.concatenate([rows[: max(_FEWEST, round(share * len(rows)))] for rows in drawn])) for share in shares
    ]


def point(n: int, correct: float, of: int) -> dict[str, Any]:
    """One point of a learning curve.

    Parameters
    ----------
    n : int
        Training samples.
    correct : float
        Held-out samples decided rightly.
    of : int
        All held-out samples.

    Returns
    -------
    dict
        ``n``, ``accuracy``, and Wilson's 95 % interval ``low``, ``high``.

    Examples
    --------
    >>> point(100, 40, 60)["accuracy"] == 40 / 60
    True
    """
    low, high = wilson_interval(correct, of)
    return {"n": int(n), "accuracy": float(correct) / of, "low": low, "high": high}

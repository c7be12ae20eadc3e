"""A person's resting face: what the intensities read when nothing moves, and intensities above it.

Faces differ at rest: low brows read as AU4, a soft lip line as AU12. Subtracting the person's own resting face
leaves what the face does.
"""

from __future__ import annotations

import numpy as np

from facs_pipeline.action_units.names import MAX_INTENSITY
from facs_pipeline.foundation.errors import InputError

CALMEST_SHARE = 0.1
"""Share of the frames taken for rest, where nobody says which frames are."""


def resting_intensity(intensities: np.ndarray, *, share: float = CALMEST_SHARE) -> np.ndarray:
    """Intensities of the resting face, from the calmest frames of a video or of all videos of a person.

    Parameters
    ----------
    intensities : ndarray
        AU intensities [n, k], one row a frame; rows with any NaN (no face) are left out. For all videos of a person,
        stack them.
    share : float
        Share of the frames to use, above 0 and up to 1: those with the lowest mean intensity over all AUs. 1 for a
        clip that shows nothing but the resting face.

    Returns
    -------
    ndarray of float64
        Per AU [k] the median over the calmest frames, so that one frame gone wrong does not count. All NaN without a
        single frame.

    Raises
    ------
    InputError
        If `intensities` has not two dimensions or `share` is out of range.

    Notes
    -----
    Frames are chosen by all AUs at once, so the result is a face that was really shown; the lowest value of each AU
    by itself would be a face of noise. A video without a calm moment has no resting face of its own: use other
    videos of the person or a rest clip.

    Examples
    --------
    >>> smile = np.linspace(0, 4, 100)
    >>> low_brow = np.full(100, 1.5)
    >>> resting_intensity(np.column_stack([low_brow, smile])).round(1)
    array([1.5, 0.2])
    """
    intensities = np.asarray(intensities, dtype=np.float64)
    if intensities.ndim != 2:
        raise InputError(f"expected intensities [n, k], got shape {list(intensities.shape)}")
    if not 0 < share <= 1:
        raise InputError(f"share of resting frames: {share!r} given, must be above 0 and at most 1")
    with_face = intensities[np.isfinite(intensities).all(axis=1)]
    if len(with_face) == 0:
        return np.full(intensities.shape[1], np.nan)
    calmest = np.argsort(with_face.mean(axis=1), kind="stable")[: int(np.ceil(share * len(with_face)))]
    return np.median(with_face[calmest], axis=0)


def subtract_resting(intensities: np.ndarray, resting: np.ndarray) -> np.ndarray:
    """Intensities above the resting face, kept within 0..5.

    Parameters
    ----------
    intensities : ndarray
        AU intensities [n, k]; NaN rows (no face) stay NaN.
    resting : ndarray
        From `resting_intensity` [k]. All NaN (no frame shows the person) subtracts nothing.

    Returns
    -------
    ndarray of float64
        ``[n, k]``, 0..5.

    Examples
    --------
    >>> subtract_resting(np.array([[1.5, 0.0], [4.5, 1.0]]), np.array([1.5, 0.5]))
    array([[0. , 0. ],
           [3. , 0.5]])
    """
    return np.clip(np.asarray(intensities, dtype=np.float64) - np.nan_to_num(resting), 0.0, MAX_INTENSITY)

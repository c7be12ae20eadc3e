"""Settings of a training run of the landmark model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LandmarkTraining:
    """How samples are made and steps are fitted.

    Attributes
    ----------
    repeats : int
        Samples made from each image.
    ridge : float
        Penalty, as a multiple of the features' mean variance.
    lid_ridge : float
        The same for the lids.
    coarse, fine, at_rest : tuple of float
        Standard deviations of the registration error in position, size and rotation: eye distances, log units, radians.
    low_resolution : float
        Share of samples shown at a quarter to a half of their resolution.
    warped : float
        Share of samples whose mouth, brows and lids are moved; see `facs_pipeline.landmarks.training.warped`.
    seed : int
        Everything random comes from it.
    """

    repeats: int = 3
    ridge: float = 0.7
    lid_ridge: float = 0.05
    coarse: tuple[float, float, float] = (0.13, 0.10, 0.14)
    fine: tuple[float, float, float] = (0.07, 0.055, 0.07)
    at_rest: tuple[float, float, float] = (0.02, 0.016, 0.02)
    low_resolution: float = 0.4
    warped: float = 0.3
    seed: int = 0

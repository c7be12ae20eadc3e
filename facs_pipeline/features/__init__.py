"""Stage 4: landmarks -> registered texture, uniform LBP, HOG and shape."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np

from facs_pipeline.deprecated import warn_renamed
from facs_pipeline.features.vector import BLOCKS, N_FEATURES, SETTINGS, FeatureSettings, face_features

__all__ = ["BLOCKS", "N_FEATURES", "SETTINGS", "FeatureSettings", "face_features"]


class _FormerFunction(ModuleType):
    """Lets `facs_pipeline.features(grey, points)` work, which was a function in 0.1 and is this package now."""

    def __call__(self, grey: np.ndarray, points: np.ndarray) -> np.ndarray:
        warn_renamed("features")
        return face_features(grey, points)


sys.modules[__name__].__class__ = _FormerFunction

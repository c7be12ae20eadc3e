"""Stage 4: landmarks -> registered texture, uniform LBP, HOG and shape."""

from __future__ import annotations

import sys
import warnings
from types import ModuleType

import numpy as np

from facs_pipeline.features.vector import BLOCKS, N_FEATURES, SETTINGS, FeatureSettings, face_features

__all__ = ["BLOCKS", "N_FEATURES", "SETTINGS", "FeatureSettings", "face_features"]


class _FormerFunction(ModuleType):
    """Lets `facs_pipeline.features(grey, points)` work, which was a function in 0.1 and is this package now."""

    def __call__(self, grey: np.ndarray, points: np.ndarray) -> np.ndarray:
        warnings.warn(
            "facs_pipeline.features(...) is now facs_pipeline.face_features(...); the old name goes in 0.4",
            DeprecationWarning,
            stacklevel=2,
        )
        return face_features(grey, points)


sys.modules[__name__].__class__ = _FormerFunction

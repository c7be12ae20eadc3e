"""Facial action units from videos, stage by stage; the names below read in the order of the method.

Everything is imported on first use, so that `import facs_pipeline` stays fast.
"""

from __future__ import annotations

import importlib
from typing import Any

_WHERE = {
    "read_frames": "video.reader",
    "Frame": "video.reader",
    "FaceTracker": "faces.tracker",
    "TrackedFace": "faces.tracker",
    "OneEuroFilter": "foundation.one_euro_filter",
    "LandmarkModel": "landmarks.model",
    "load_landmarks": "landmarks.loading",
    "default_landmarks": "landmarks.model",
    "head_pose": "landmarks.pose",
    "face_features": "features.vector",
    "registered_texture": "features.registration",
    "lbp_histograms": "features.lbp",
    "hog": "features.hog",
    "registered_landmarks": "features.shape_modes",
    "AU_NAMES": "action_units.names",
    "ActionUnitModel": "action_units.model",
    "PairwiseProducts": "action_units.pairwise_products",
    "KernelCorrection": "action_units.kernel_correction",
    "explain_action_unit": "explanations.action_units",
    "measure_stills": "extraction.stills",
    "BilateralFilter": "action_units.bilateral_filter",
    "SVREnsemble": "action_units.training.svr_ensemble",
    "BatchedRidge": "foundation.regression.ridge",
    "resting_intensity": "action_units.baseline",
    "subtract_resting": "action_units.baseline",
    "count_blinks": "dynamics.blinks",
    "find_events": "dynamics.events",
    "describe_series": "dynamics.descriptors",
    "descriptor_names": "dynamics.descriptors",
    "smooth_series": "dynamics.descriptors",
    "FacialActivityDescriptor": "dynamics.descriptor_transformer",
    "extract_features": "extraction.run",
    "Options": "extraction.options",
    "read_au_table": "tables.reader",
    "RankSVM": "authenticity.rank_svm",
    "FacsError": "foundation.errors",
    "InputError": "foundation.errors",
    "VideoError": "foundation.errors",
    "ModelError": "foundation.errors",
}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return __all__

"""Facial action units from videos, stage by stage; the names below read in the order of the method.

Everything is imported on first use, so that `import facs_pipeline` stays fast.
"""

from __future__ import annotations

import importlib
from typing import Any

_WHERE = {
    "read_frames": "video",
    "Frame": "video",
    "FaceFollower": "faces",
    "FollowedFace": "faces",
    "PointFilter": "steadying",
    "LandmarkModel": "landmarks",
    "load_landmarks": "landmarks",
    "default_landmarks": "landmarks",
    "head_pose": "pose",
    "features": "appearance",
    "registered_texture": "appearance",
    "lbp_histograms": "appearance",
    "hog": "appearance",
    "registered_landmarks": "appearance",
    "AU_NAMES": "action_units",
    "ActionUnitModel": "action_units",
    "FaceModes": "face_modes",
    "SimilarFaces": "similar_faces",
    "explain_action_unit": "explanations.action_units",
    "measure_stills": "stills",
    "IntensityFilter": "steadying",
    "SVREnsemble": "training.svr_ensemble",
    "BatchedRidge": "training.ridge",
    "resting_intensity": "baseline",
    "subtract_resting": "baseline",
    "count_blinks": "blinks",
    "find_events": "events",
    "describe_series": "descriptors",
    "descriptor_names": "descriptors",
    "smooth_series": "descriptors",
    "FacialActivityDescriptor": "descriptor_transformer",
    "extract_features": "extraction.run",
    "Options": "extraction.options",
    "read_au_table": "tables",
    "RankSVM": "authenticity.rank_svm",
    "FacsError": "errors",
    "InputError": "errors",
    "VideoError": "errors",
    "ModelError": "errors",
}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return __all__

"""How version 0.1 named the results of stages, so that what it has stored still serves; to be removed with 0.4."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from facs_pipeline.extraction.stage import Stage

_TRACKER = {"version": 11, "search_sides": [400, 800, 1600], "sure": 0.5}
_APPEARANCE = {
    "version": 3,
    "texture": 120,
    "lbp_grid": 10,
    "eye_distance": 58.0,
    "hog": [13, 6, 8],
    "shape_modes": 30,
    "registration": "similarity, 49 inner landmarks",
    "shape_modes_of": "4b28a8de10ae1892e814f534ec99a1473f91b5ca4ac7df1789ec8685a97a9dfa",
}
# Hashes of the settings that give the same results now.
_AS_THEN = {"tracker": "c2360cbc8858d93f", "appearance": "e536d0aebc0c2e62"}
# Stage -> its version then, the version now whose results are the same, its settings then, and what it built on.
_STAGES: dict[str, tuple[int, int, Mapping[str, Any], str | None]] = {
    "faces": (4, 5, {"faces": "faces", "landmark_model": "landmark_model", "image_fps": "image_fps"}, None),
    "landmarks": (1, 2, {"landmark_model": "landmark_model"}, "faces"),
    "features": (1, 2, {}, "landmarks"),
    "action_units": (2, 3, {"au_model": "au_model"}, "features"),
    "emotions": (1, 2, {"emotion_model": "emotion_model"}, "features"),
    "descriptors": (2, 3, {"cutoff_hz": "cutoff_hz", "baseline": "baseline"}, "action_units"),
}


def identity_in_0_1(stage: Stage, video_sha256: str, keys: Mapping[str, str]) -> dict[str, Any] | None:
    """What version 0.1 kept about the same result, None where it had none.

    Parameters
    ----------
    stage : Stage
    video_sha256 : str
        Hash of the video's content.
    keys : dict of str to str
        Keys that version 0.1 gave the stages before it.
    """
    if stage.name not in _STAGES:
        return None
    then, now, names, builds_on = _STAGES[stage.name]
    given = stage.settings.key()
    if stage.version != now or not (builds_on is None or builds_on in keys) or not _as_then(stage.name, given):
        return None
    settings = {old: given[new] for old, new in names.items()}
    if stage.name == "faces":
        settings["face_search"] = _TRACKER
    if stage.name == "features":
        settings["appearance"] = _APPEARANCE
    if isinstance(settings.get("baseline"), tuple):
        settings["baseline"] = list(settings["baseline"])
    return {
        "video": video_sha256,
        "stage": stage.name,
        "version": then,
        "settings": settings,
        "builds_on": keys[builds_on] if builds_on else None,
    }


def _as_then(name: str, given: Mapping[str, Any]) -> bool:
    """Whether tracking and features are still what they were in version 0.1."""
    setting = {"faces": "tracker", "features": "appearance"}.get(name)
    if setting is None:
        return True
    text = json.dumps(given[setting], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16] == _AS_THEN[setting]

"""Emotions of every frame of a video, from the features that its action units are measured on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from facs_pipeline.features.vector import BLOCKS

EMOTION_INPUTS = frozenset({*BLOCKS, "action_units"})
"""What a model may take of a face to be used here: all of it is in the features."""


def why_not_for_videos(card: Mapping[str, Any]) -> str:
    """Why the emotion model with this card is not one for every frame of a video; empty where it is.

    Examples
    --------
    >>> why_not_for_videos({"name": "compact", "inputs": ["lbp", "hog"], "families": []})
    ''
    >>> why_not_for_videos({"name": "svm-windows", "inputs": ["windows"], "families": []})
    "model 'svm-windows' takes windows of each image, which are not among the features of a video"
    """
    needed = [name for name in card.get("inputs", ()) if name not in EMOTION_INPUTS]
    if card.get("kernel") == "full":
        return (
            f"model {card.get('name')!r} compares each face with all faces it was trained on, too slow for every frame"
        )
    if not needed:
        return ""
    return (
        f"model {card.get('name')!r} takes {' and '.join(needed)} of each image, "
        "which are not among the features of a video"
    )


def emotion_probabilities(model: Any, features: np.ndarray) -> np.ndarray:
    """Probabilities [m, c] float32 of m faces by their features [m, 9055] uint8.

    Parameters
    ----------
    model : `facs_pipeline.emotions.model.EmotionModel`, of which `why_not_for_videos` says nothing.
    """
    from facs_pipeline.emotions.faces import SeenFaces

    m = len(features)
    if not m:
        return np.empty((0, len(model.emotions)), np.float32)
    # Nothing else is looked at.
    nothing = np.empty((m, 0, 0), np.uint8)
    seen = SeenFaces(np.arange(m), nothing, np.ones(m, bool), nothing, nothing, features, nothing, ())
    return model.predict_proba(seen).astype(np.float32)


def most_frequent(emotions: list[str], frames: list[int]) -> tuple[str, float | None]:
    """The emotion that most frames show, and its share of them; the first of several, ``("", None)`` without frames.

    Examples
    --------
    >>> most_frequent(["happy", "sad"], [3, 1])
    ('happy', 0.75)
    """
    total = sum(frames)
    if not total:
        return "", None
    most = max(range(len(frames)), key=frames.__getitem__)
    return emotions[most], frames[most] / total

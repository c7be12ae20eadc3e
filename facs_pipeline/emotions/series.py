"""Emotions of every frame of a video, from the features that its action units are measured on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from facs_pipeline.features.vector import BLOCKS

if TYPE_CHECKING:
    from facs_pipeline.emotions.model import EmotionModel

EMOTION_INPUTS = frozenset({*BLOCKS, "action_units"})
"""Inputs of a model that can be computed from the features of a video's faces."""


def obstacle_for_videos(card: Mapping[str, Any]) -> str:
    """Why an emotion model cannot be used on every frame of a video; empty where it can.

    Parameters
    ----------
    card : mapping
        The model's card.

    Examples
    --------
    >>> obstacle_for_videos({"name": "compact", "inputs": ["lbp", "hog"], "families": []})
    ''
    >>> obstacle_for_videos({"name": "svm-windows", "inputs": ["windows"], "families": []})
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


def emotion_probabilities(model: EmotionModel, features: np.ndarray) -> np.ndarray:
    """Probabilities of the emotions of faces by their features alone.

    Parameters
    ----------
    model : EmotionModel
        One without an `obstacle_for_videos`.
    features : ndarray of uint8
        `[m, 9055]`, see `facs_pipeline.features.face_features`.

    Returns
    -------
    ndarray of float32
        `[m, c]`.
    """
    # Imported here: workers that measure no emotions need not load scikit-image.
    from facs_pipeline.emotions.face_images import FaceImages

    m = len(features)
    if not m:
        return np.empty((0, len(model.emotions)), np.float32)
    # Such a model uses nothing but the features.
    none = np.empty((m, 0, 0), np.uint8)
    images = FaceImages(np.arange(m), none, np.ones(m, bool), none, none, features, none, ())
    return model.predict_proba(images).astype(np.float32)


def most_frequent(emotions: list[str], frames: list[int]) -> tuple[str, float | None]:
    """The most frequent emotion of a video's frames, and its share of them.

    Parameters
    ----------
    emotions : list of str
        Names `[c]`.
    frames : list of int
        Frames `[c]` in which each is the most probable one.

    Returns
    -------
    emotion : str
        The first of several equally frequent ones, ``""`` without frames.
    share : float or None
        0..1, None without frames.

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

"""Exact contributions of a face's numbers to a model's decision, and where on the face those numbers lie.

Linear models, and the compact one: its small kernel's part adds to that of the HOG.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.emotions.face_images import SIDE
from facs_pipeline.emotions.heads import LinearHead
from facs_pipeline.emotions.model import EmotionModel, input_features
from facs_pipeline.emotions.small_kernel import SmallKernel
from facs_pipeline.explanations.face_regions import AU_REGIONS, REGIONS, region_map
from facs_pipeline.explanations.heat_map import LANDMARK_SPREAD, hog_heat, lbp_heat, spread
from facs_pipeline.explanations.kernel_contributions import kernel_contributions
from facs_pipeline.explanations.registered_face import RegisteredFace
from facs_pipeline.features import shape_modes, vector
from facs_pipeline.features.registration import TEXTURE
from facs_pipeline.foundation.images import geometry
from facs_pipeline.landmarks.points import INNER_49

SHAPE = "shape"
"""Where products of shape modes count: they belong to the face's shape as a whole."""
_PIXEL_SPREAD = 1.5


class Contributions(NamedTuple):
    """What moved a model from one emotion to another, in log odds.

    Attributes
    ----------
    values : ndarray of float64
        Of each number of the face [d]. They sum exactly to the log odds of `first` against `second` for this face, less
        those for the reference.
    heat : ndarray of float64
        The same summed over the pixels of the registered texture [120, 120] that they were measured at; without
        `shape`.
    landmarks : ndarray of float64
        Of the position of each inner landmark [49]; 0 where the model takes none.
    shape : float
        Sum of those of products of shape modes, which have no place of their own.
    log_odds, reference_log_odds : float
        Of the face and of the reference.
    """

    values: np.ndarray
    heat: np.ndarray
    landmarks: np.ndarray
    shape: float
    log_odds: float
    reference_log_odds: float


def has_contributions(model: EmotionModel) -> bool:
    """Whether a model's decision can be shared out exactly: a weighted sum, with or without a small kernel."""
    stage = model.kernel_stage
    return isinstance(model.head, LinearHead) and (stage is None or isinstance(stage.kernel, SmallKernel))


def difference_weights(model: EmotionModel, first: int, second: int) -> tuple[np.ndarray, float]:
    """Weights [d] and intercept of the log odds of emotion `first` against `second`, of what a linear head says."""
    head, stage = model.head, model.kernel_stage
    if not isinstance(head, LinearHead):
        raise TypeError(f"a {type(head).__name__} has no weights; expected a LinearHead")
    factor = head.temperature if stage is None else stage.temperature * stage.head_weight
    weights, intercept = head.coef.astype(np.float64) * factor, head.intercept.astype(np.float64) * factor
    weights, offset = weights[:, first] - weights[:, second], intercept[first] - intercept[second]
    if model.projection is not None:
        mean, axes = (part.astype(np.float64) for part in model.projection)
        weights = axes @ weights
        offset -= mean @ weights
    return weights, float(offset)


def contributions(
    model: EmotionModel, face: RegisteredFace, reference: np.ndarray, first: int, second: int
) -> Contributions:
    """What each number of one face speaks for, compared with a reference.

    Parameters
    ----------
    model : EmotionModel
        One of which `has_contributions`.
    face : RegisteredFace
    reference : ndarray of float64
        Numbers [d] to compare with, such as those of an average face.
    first, second : int
        Positions of two emotions.

    Notes
    -----
    With weights w (of the log odds of `first` against `second`), numbers x and reference r: ``w * (x - r)``. These are
    the Shapley values of a linear model for a single reference (Lundberg and Lee, NeurIPS 2017). A small kernel's
    contributions are those of `facs_pipeline.explanations.kernel_contributions`.
    """
    weights, offset = difference_weights(model, first, second)
    numbers = input_features(face.images, model.inputs)[0].astype(np.float64)
    values = weights * (numbers - reference)
    log_odds, reference_log_odds = float(numbers @ weights + offset), float(reference @ weights + offset)
    spans = _spans(model)
    if model.kernel_stage is not None:
        hog = spans["hog"]
        more, of_face, of_reference = kernel_contributions(model, numbers[hog], reference[hog], first, second)
        values[hog] += more
        log_odds, reference_log_odds = log_odds + of_face, reference_log_odds + of_reference
    heat, landmarks, shape = np.zeros((TEXTURE, TEXTURE)), np.zeros(shape_modes.N_LANDMARKS // 2), 0.0
    for name, span in spans.items():
        if name == "products":
            shape += float(values[span].sum())
        else:
            heat += _heat(name, values[span], face)
        if name == "landmarks":
            landmarks = values[span].reshape(-1, 2).sum(axis=1)
    return Contributions(values, heat, landmarks, shape, log_odds, reference_log_odds)


def _heat(name: str, values: np.ndarray, face: RegisteredFace) -> np.ndarray:
    """Contributions of one kind of number as a map [120, 120] over the registered texture."""
    if name == "lbp":
        return lbp_heat(values)
    if name == "hog":
        return hog_heat(values)
    if name == "landmarks":
        return spread(values.reshape(-1, 2).sum(axis=1), face.points[INNER_49], LANDMARK_SPREAD)
    if name == "pixels":
        places = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1).reshape(-1, 2)
        return spread(values, geometry.apply(face.pixels_to_texture, places.astype(float)), _PIXEL_SPREAD)
    if name == "windows":
        return spread(*_window_cells(values, face.pixels_to_texture), 2 * _PIXEL_SPREAD)
    return _action_unit_heat(values, region_map(face.points))


def _action_unit_heat(values: np.ndarray, parts: np.ndarray) -> np.ndarray:
    heat = np.zeros((TEXTURE, TEXTURE))
    for au, value in zip(ActionUnitModel.load_default().aus, values, strict=True):
        inside = parts == REGIONS.index(AU_REGIONS.get(au, "mouth"))
        # A part can be hidden at the edge of the texture; its share then lies all over the face.
        inside = inside if inside.any() else np.ones_like(inside)
        heat += np.where(inside, value / inside.sum(), 0)
    return heat


def _spans(model: EmotionModel) -> dict[str, slice]:
    """Which of the head's numbers are of which kind."""
    lengths = {name: span.stop - span.start for name, span in vector.BLOCKS.items()}
    lengths |= {"pixels": SIDE * SIDE, "windows": 1800, "action_units": len(ActionUnitModel.load_default().aus)}
    ends = np.cumsum([lengths[name] for name in model.inputs]).tolist()
    return {name: slice(end - lengths[name], end) for name, end in zip(model.inputs, ends, strict=True)}


def _window_cells(part: np.ndarray, to_texture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums [225] over the 3 x 3 cells of 8 pixels in each of 5 x 5 windows at a stride of 6, and their places."""
    sums = part.reshape(5, 5, 3, 3, 8).sum(axis=4)
    centre = 6 * np.arange(5)[:, None] + 8 * np.arange(3)[None, :] + 3.5
    y = np.broadcast_to(centre[:, None, :, None], sums.shape)
    x = np.broadcast_to(centre[None, :, None, :], sums.shape)
    return sums.ravel(), geometry.apply(to_texture, np.stack([x.ravel(), y.ravel()], axis=1))

"""Why a model named an emotion for a face: a heat map over the registered face, and reasons in words.

Linear models and the compact one are explained exactly: each number's contribution to the log odds of the first against
the second emotion, compared with the average face. Any other model is asked again with parts of the face covered.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.action_units.names import AU_NAMES
from facs_pipeline.emotions.face_images import CROP_OFFSET, CROP_SCALE, SIDE, FaceImages
from facs_pipeline.emotions.model import EmotionModel
from facs_pipeline.explanations.average_face import AverageFace
from facs_pipeline.explanations.contributions import SHAPE, contributions, has_contributions
from facs_pipeline.explanations.face_regions import REGIONS
from facs_pipeline.explanations.heat_map import draw_face, draw_heat, picture, sums_by_region
from facs_pipeline.explanations.occlusion import occlusion
from facs_pipeline.features import registration
from facs_pipeline.foundation.images import geometry
from facs_pipeline.landmarks.points import INNER_49

TEXTURE = registration.TEXTURE
_TEXTURE_TO_CROP = np.array([[CROP_SCALE, 0, CROP_OFFSET], [0, CROP_SCALE, CROP_OFFSET]])
_WORDS = {
    **{name: name if name in ("brows", "eyes", "cheeks") else f"the {name}" for name in REGIONS},
    SHAPE: "the face's shape as a whole",
}
_TOLD = 0.05
_ASSOCIATED = 0.1
_UNUSUAL = 0.5


class Explanation(NamedTuple):
    """Why a model named an emotion.

    Attributes
    ----------
    emotion, runner_up : str
        The most and the second most probable emotion.
    probability, runner_up_probability : float
    method : ``"contributions"`` (exact, of a linear model or the compact one) or ``"occlusion"``.
    heat : ndarray [120, 120]
        Over the registered face. Contributions: log odds for `emotion` against `runner_up`, below 0 what speaks against
        it. Occlusion: by how much covering the place lowers the probability (0..1).
    face : ndarray [120, 120] uint8
        The registered face.
    points : ndarray [68, 2]
        Landmarks in its pixels.
    regions : dict of str to float
        The same per region, strongest first. Contributions: sums of the heat, and ``"shape"`` for what has no place;
        together exactly `log_odds` less `reference_log_odds`. Occlusion: the drop when all of the region is covered.
    landmarks : ndarray [49]
        Contribution of each inner landmark's position; zeros for occlusion.
    contributions : ndarray [d] or None
        As in `facs_pipeline.explanations.contributions.Contributions`; None for occlusion.
    log_odds, reference_log_odds : float
        Of `emotion` against `runner_up`, for this face and for the reference; NaN for occlusion.
    reasons : tuple of str
        In words, strongest first: what speaks for it, what against it, which action units go with it.
    """

    emotion: str
    probability: float
    runner_up: str
    runner_up_probability: float
    method: str
    heat: np.ndarray
    face: np.ndarray
    points: np.ndarray
    regions: dict[str, float]
    landmarks: np.ndarray
    contributions: np.ndarray | None
    log_odds: float
    reference_log_odds: float
    reasons: tuple[str, ...]


def explain_face(
    model: EmotionModel,
    seen: FaceImages,
    row: int,
    *,
    image: np.ndarray | None = None,
    reference: np.ndarray | None = None,
    method: str = "auto",
) -> Explanation:
    """Why `model` names an emotion for face `row` of `seen`.

    Parameters
    ----------
    seen, row : the face is ``seen`` number `row` (not the number of its image).
    image : ndarray [h, w] uint8, optional
        The grey image that the face was seen in. Without it the face is shown, and covered, at the 48 x 48 pixels of
        its crop; features of the face itself are exact either way.
    reference : ndarray [d], optional
        What the face is compared with: numbers as `facs_pipeline.emotions.model.input_features` gives them; by default
        those of `facs_pipeline.explanations.average_face`.
    method : ``"contributions"`` for linear models and the compact one, ``"occlusion"`` for any, or ``"auto"``: the
        first where it can be.

    Returns
    -------
    Explanation

    Raises
    ------
    ValueError
        If contributions are asked of a model whose decision cannot be shared out.

    Example
    -------
    >>> explanation = explain_face(model, seen, 0)  # doctest: +SKIP
    >>> print(explanation.reasons[0])  # doctest: +SKIP
    speaks for happy, not neutral: mouth (+2.1), cheeks (+0.8)
    """
    if method not in ("auto", "contributions", "occlusion"):
        raise ValueError(f"method {method!r}; expected auto, contributions or occlusion")
    if method == "contributions" and not has_contributions(model):
        raise ValueError(f"model {model.name!r}: its decision cannot be shared out among numbers; use method occlusion")
    one = FaceImages(*(values[row : row + 1] for values in seen[:7]), skipped=())
    to_texture = registration.registration(one.points[0])
    points = geometry.apply(to_texture, one.points[0])
    texture = _texture(one, image)
    # Pixels of the whole image scaled to 48 x 48 -> pixels of the image -> the registered texture.
    zoom = np.ones(2) if image is None else np.array(image.shape[::-1]) / SIDE
    pixels_to_texture = np.column_stack([to_texture[:, :2] * zoom, to_texture[:, :2] @ (0.5 * zoom - 0.5)])
    pixels_to_texture[:, 2] += to_texture[:, 2]
    probabilities = model.predict_proba(one)[0]
    second, first = np.argsort(probabilities, kind="stable")[-2:].tolist()
    values, landmarks, log_odds, reference_log_odds = None, np.zeros(49), np.nan, np.nan
    names = model.emotions[first], model.emotions[second]
    if method == "occlusion" or not has_contributions(model):
        how = "occlusion"
        found = occlusion(model, one, texture, first, points, _TEXTURE_TO_CROP, geometry.invert(pixels_to_texture))
        heat = found.heat
        regions = {name: found.probability - said for name, said in found.covered.items()}
        reasons = _reasons_of_occlusion(names[0], found.probability, found.covered)
    else:
        how = "contributions"
        reference = AverageFace.load_default().numbers(model.inputs) if reference is None else reference
        found = contributions(model, one, np.asarray(reference, np.float64), first, second, points, pixels_to_texture)
        values, heat, landmarks = found.values, found.heat, found.landmarks
        log_odds, reference_log_odds = found.log_odds, found.reference_log_odds
        regions = sums_by_region(heat, points)
        regions |= {SHAPE: found.shape} if "products" in model.inputs else {}
        reasons = _reasons_of_contributions(*names, regions)
    reasons.append(_action_unit_reason(one, *names))
    if not one.detected[0]:
        reasons.append("no face was found: what is shown is where the face of a tight crop usually is")
    return Explanation(
        names[0], float(probabilities[first]), names[1], float(probabilities[second]), how, heat, texture, points,
        dict(sorted(regions.items(), key=lambda item: -abs(item[1]))), landmarks, values, log_odds,
        reference_log_odds, tuple(reasons),
    )  # fmt: skip


def _texture(one: FaceImages, image: np.ndarray | None) -> np.ndarray:
    if image is not None:
        return registration.registered_texture(image, one.points[0])
    inverse = cv2.WARP_INVERSE_MAP | cv2.INTER_CUBIC
    return cv2.warpAffine(
        one.crops[0], _TEXTURE_TO_CROP, (TEXTURE, TEXTURE), flags=inverse, borderMode=cv2.BORDER_REPLICATE
    )


# ------------------------------------------------------------------------------------------------------- in words


def _reasons_of_contributions(first: str, second: str, regions: dict[str, float]) -> list[str]:
    order = sorted(regions, key=lambda name: -abs(regions[name]))
    lines = []
    for verb, sign in (("speaks for", 1), ("speaks against", -1)):
        named = [name for name in order if sign * regions[name] >= _TOLD][:3]
        said = ", ".join(f"{_WORDS[name]} ({regions[name]:+.1f})" for name in named)
        lines.append(f"{verb} {first} rather than {second}: {said or 'nothing'}")
    # The unit stands once, where the first number does.
    return [f"{lines[0]}; in log odds, compared with the average face", lines[1]]


def _reasons_of_occlusion(emotion: str, probability: float, covered: dict[str, float]) -> list[str]:
    order = sorted(covered, key=covered.get)
    lowest, highest = order[0], order[-1]
    lines = []
    if covered[lowest] < probability:
        second = f", without {_WORDS[order[1]]} to {covered[order[1]]:.0%}" if len(order) > 2 else ""
        lines.append(
            f"without {_WORDS[lowest]} {emotion} falls from {probability:.0%} to {covered[lowest]:.0%}{second}"
        )
    else:
        lines.append(
            f"no single part of the face carries {emotion}: covering any of them leaves it at least as probable"
        )
    if covered[highest] > probability + 0.01:
        lines.append(f"without {_WORDS[highest]} {emotion} rises from {probability:.0%} to {covered[highest]:.0%}")
    else:
        lines.append(f"no part of the face speaks against {emotion}")
    return lines


def _action_unit_reason(one: FaceImages, first: str, second: str) -> str:
    """Action units that are unlike the average face's in the direction that goes with `first` rather than `second`."""
    model, average = ActionUnitModel.load_default(), AverageFace.load_default()
    intensity = model.predict(one.features)[0]
    unusual = (intensity - average.action_units) / np.maximum(average.action_units_sd, 1e-6)
    auc = model.card.get("emotion_check", {}).get("auc", {})
    found = []
    for k, au in enumerate(model.aus):
        by_emotion = auc.get(str(au), {})
        if first in by_emotion and second in by_emotion:
            lean = by_emotion[first] - by_emotion[second]
            if abs(lean) >= _ASSOCIATED and unusual[k] * lean > 0 and abs(unusual[k]) >= _UNUSUAL:
                found.append((float(unusual[k] * lean), k))
    if not found:
        return f"no action unit that goes with {first} rather than {second} is unlike the average face's"
    named = [
        f"AU{au:02d} {AU_NAMES[au].lower()} {intensity[k]:.1f} (average {average.action_units[k]:.1f})"
        for k, au in ((k, model.aus[k]) for _, k in sorted(found, reverse=True)[:3])
    ]
    return f"goes with {first} rather than {second} in other faces (an association): {', '.join(named)}"


# ------------------------------------------------------------------------------------------------------- pictures


def draw_explanation(explanation: Explanation, *, side: int = 300) -> np.ndarray:
    """The face, and beside it the face under its heat map; what they mean is written below.

    Returns
    -------
    ndarray [h, 2 * side + 30, 3] uint8, BGR
        Orange speaks for the emotion, blue against it; the circles are landmarks whose position matters.
    """
    if explanation.method == "contributions":
        legend = (f"speaks for {explanation.emotion}", f"for {explanation.runner_up}")
    else:
        legend = (f"{explanation.emotion} falls when covered", "rises when covered")
    title = (
        f"{explanation.emotion} {explanation.probability:.0%}, "
        f"then {explanation.runner_up} {explanation.runner_up_probability:.0%}"
    )
    face, heat, points = explanation.face, explanation.heat, explanation.points[INNER_49]
    panels = [draw_face(face, side), draw_heat(face, heat, points, explanation.landmarks, side)]
    return picture(panels, title, legend, explanation.reasons)

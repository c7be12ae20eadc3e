"""Why a model named an emotion for a face: a heat map over the registered face, and reasons in words.

Linear models and the compact one are explained exactly: each number's contribution to the log odds of the first against
the second emotion, compared with the average face. Any other model is asked again with parts of the face covered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.action_units.names import AU_NAMES
from facs_pipeline.emotions.face_images import FaceImages
from facs_pipeline.emotions.model import EmotionModel
from facs_pipeline.explanations.average_face import AverageFace
from facs_pipeline.explanations.contributions import SHAPE, Contributions, contributions, has_contributions
from facs_pipeline.explanations.face_regions import REGIONS
from facs_pipeline.explanations.heat_map import draw_face, draw_heat, picture, sums_by_region
from facs_pipeline.explanations.occlusion import occlusion
from facs_pipeline.explanations.registered_face import RegisteredFace
from facs_pipeline.landmarks.points import INNER_49

_WORDS = {
    **{name: name if name in ("brows", "eyes", "cheeks") else f"the {name}" for name in REGIONS},
    SHAPE: "the face's shape as a whole",
}
_NAMED_FROM = 0.05
_ASSOCIATED = 0.1
_UNUSUAL = 0.5


@dataclass(frozen=True, eq=False)
class EmotionExplanation:
    """Why a model named an emotion.

    Attributes
    ----------
    emotion, runner_up : str
        The most and the second most probable emotion.
    probability, runner_up_probability : float
        Theirs, 0..1.
    method : "contributions" or "occlusion"
        The first is exact, for a linear model or the compact one.
    heat : ndarray of float64
        Over the registered face [120, 120]. Contributions: log odds for `emotion` against `runner_up`, below 0 what
        speaks against it. Occlusion: by how much covering the place lowers the probability (0..1).
    face : ndarray of uint8
        The registered face [120, 120].
    points : ndarray of float64
        Landmarks [68, 2] in its pixels.
    regions : dict of str to float
        The same per region, strongest first. Contributions: sums of the heat, and ``"shape"`` for what has no place;
        together exactly `log_odds` less `reference_log_odds`. Occlusion: the drop when all of the region is covered.
    landmarks : ndarray of float64
        Contribution of each inner landmark's position [49]; zeros for occlusion.
    contributions : ndarray of float64, or None
        As in `facs_pipeline.explanations.contributions.Contributions` [d]; None for occlusion.
    log_odds, reference_log_odds : float
        Of `emotion` against `runner_up`, for this face and for the reference; NaN for occlusion.
    reasons : tuple of str
        In words, strongest first: what speaks for it, what against it, which action units go with it.
    """

    emotion: str
    probability: float
    runner_up: str
    runner_up_probability: float
    method: Literal["contributions", "occlusion"]
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
    faces: FaceImages,
    row: int,
    *,
    image: np.ndarray | None = None,
    reference: np.ndarray | None = None,
    method: Literal["auto", "contributions", "occlusion"] = "auto",
) -> EmotionExplanation:
    """Why a model names an emotion for one face.

    Parameters
    ----------
    model : EmotionModel
    faces : FaceImages
    row : int
        Which of `faces` (not the number of its image).
    image : ndarray of uint8, optional
        The grey image [h, w] that shows the face. Without it the face is drawn, and covered, at the 48 x 48 pixels of
        its crop; features of the face itself are exact either way.
    reference : ndarray of float, optional
        What the face is compared with: numbers [d] as `facs_pipeline.emotions.model.input_features` gives them; by
        default those of `facs_pipeline.explanations.average_face`.
    method : "auto", "contributions" or "occlusion"
        Contributions for linear models and the compact one, occlusion for any; ``"auto"`` is the first where it can be.

    Returns
    -------
    EmotionExplanation

    Raises
    ------
    ValueError
        If contributions are asked of a model whose decision cannot be shared out.

    Examples
    --------
    >>> explanation = explain_face(model, faces, 0)  # doctest: +SKIP
    >>> print(explanation.reasons[0])  # doctest: +SKIP
    speaks for happy rather than neutral: the mouth (+2.1), cheeks (+0.8); in log odds, compared with the average face
    """
    if method not in ("auto", "contributions", "occlusion"):
        raise ValueError(f"method {method!r}; expected auto, contributions or occlusion")
    if method == "contributions" and not has_contributions(model):
        raise ValueError(f"model {model.name!r}: its decision cannot be shared out among numbers; use method occlusion")
    face = RegisteredFace.of(faces, row, image)
    probabilities = model.predict_proba(face.images)[0]
    second, first = np.argsort(probabilities, kind="stable")[-2:].tolist()
    names = model.emotions[first], model.emotions[second]
    if method == "occlusion" or not has_contributions(model):
        answer = _by_occlusion(model, face, first)
    else:
        numbers = AverageFace.load_default().numbers(model.inputs) if reference is None else reference
        answer = _by_contributions(model, face, np.asarray(numbers, np.float64), first, second)
    reasons = [*answer.reasons, _action_unit_reason(face.images, *names)]
    if not face.images.detected[0]:
        reasons.append("no face was found: what is shown is where the face of a tight crop usually is")
    exact = answer.exact
    return EmotionExplanation(
        emotion=names[0],
        probability=float(probabilities[first]),
        runner_up=names[1],
        runner_up_probability=float(probabilities[second]),
        method="contributions" if exact else "occlusion",
        heat=answer.heat,
        face=face.texture,
        points=face.points,
        regions=dict(sorted(answer.regions.items(), key=lambda item: -abs(item[1]))),
        landmarks=exact.landmarks if exact else np.zeros(49),
        contributions=exact.values if exact else None,
        log_odds=exact.log_odds if exact else np.nan,
        reference_log_odds=exact.reference_log_odds if exact else np.nan,
        reasons=tuple(reasons),
    )


class _Answer(NamedTuple):
    """What either method gives."""

    heat: np.ndarray
    regions: dict[str, float]
    reasons: list[str]
    exact: Contributions | None = None


def _by_occlusion(model: EmotionModel, face: RegisteredFace, emotion: int) -> _Answer:
    heat, covered, probability = occlusion(model, face, emotion)
    drops = {name: probability - without for name, without in covered.items()}
    return _Answer(heat, drops, _reasons_of_occlusion(model.emotions[emotion], probability, covered))


def _by_contributions(
    model: EmotionModel, face: RegisteredFace, reference: np.ndarray, first: int, second: int
) -> _Answer:
    exact = contributions(model, face, reference, first, second)
    regions = sums_by_region(exact.heat, face.points)
    if "products" in model.inputs:
        regions[SHAPE] = exact.shape
    reasons = _reasons_of_contributions(model.emotions[first], model.emotions[second], regions)
    return _Answer(exact.heat, regions, reasons, exact)


# ------------------------------------------------------------------------------------------------------- in words


def _reasons_of_contributions(first: str, second: str, regions: dict[str, float]) -> list[str]:
    order = sorted(regions, key=lambda name: -abs(regions[name]))
    lines = []
    for verb, sign in (("speaks for", 1), ("speaks against", -1)):
        named = [name for name in order if sign * regions[name] >= _NAMED_FROM][:3]
        listed = ", ".join(f"{_WORDS[name]} ({regions[name]:+.1f})" for name in named)
        lines.append(f"{verb} {first} rather than {second}: {listed or 'nothing'}")
    # The unit stands once, where the first number does.
    return [f"{lines[0]}; in log odds, compared with the average face", lines[1]]


def _reasons_of_occlusion(emotion: str, probability: float, covered: dict[str, float]) -> list[str]:
    order = sorted(covered, key=lambda name: covered[name])
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
    associated = []
    for k, au in enumerate(model.aus):
        by_emotion = auc.get(str(au), {})
        if first in by_emotion and second in by_emotion:
            lean = by_emotion[first] - by_emotion[second]
            if abs(lean) >= _ASSOCIATED and unusual[k] * lean > 0 and abs(unusual[k]) >= _UNUSUAL:
                associated.append((float(unusual[k] * lean), k))
    if not associated:
        return f"no action unit that goes with {first} rather than {second} is unlike the average face's"
    named = [
        f"AU{au:02d} {AU_NAMES[au].lower()} {intensity[k]:.1f} (average {average.action_units[k]:.1f})"
        for k, au in ((k, model.aus[k]) for _, k in sorted(associated, reverse=True)[:3])
    ]
    return f"goes with {first} rather than {second} in other faces (an association): {', '.join(named)}"


# ------------------------------------------------------------------------------------------------------- pictures


def draw_explanation(explanation: EmotionExplanation, *, side: int = 300) -> np.ndarray:
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

"""Why an action unit's intensity is what it is: what each number of a face adds, compared with another face.

The model is linear, or, with pairwise products, quadratic within limits, and may have a kernel correction. Either way
the difference between two faces is shared out among their numbers without a rest.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from facs_pipeline.action_units.baseline import resting_intensity
from facs_pipeline.action_units.model import ActionUnitModel, limited
from facs_pipeline.action_units.names import AU_NAMES
from facs_pipeline.explanations.heat_map import (
    LANDMARK_SPREAD,
    draw_face,
    draw_heat,
    hog_heat,
    lbp_heat,
    picture,
    spread,
    sums_by_region,
)
from facs_pipeline.features import registration, shape_modes, vector
from facs_pipeline.foundation.images import geometry
from facs_pipeline.landmarks.points import INNER_49

_NAMED_FROM = 0.05
_NAMED = 3
_SURE = 0.5


class Face(NamedTuple):
    """A face as features are measured of it.

    Attributes
    ----------
    features : ndarray of uint8 or float
        As `facs_pipeline.features` gives them [9055].
    texture : ndarray of uint8, or None
        The registered face [120, 120]; None for an average of faces.
    points : ndarray of float, or None
        Landmarks [68, 2] in pixels of the texture; None for an average of faces.
    name : str
        Such as ``"frame 120"``.
    """

    features: np.ndarray
    texture: np.ndarray | None = None
    points: np.ndarray | None = None
    name: str = "the face"

    @classmethod
    def at(cls, grey: np.ndarray, points: np.ndarray, name: str = "the face") -> Face:
        """The face with landmarks `points` [68, 2] in `grey` [h, w] uint8."""
        matrix = registration.registration(points)
        texture = registration.registered_texture(grey, points, matrix)
        return cls(vector.features_of_texture(texture, points), texture, geometry.apply(matrix, points), name)


class ActionUnitExplanation(NamedTuple):
    """Why an action unit is stronger or weaker in one face than in another.

    Attributes
    ----------
    au : int
        FACS number.
    intensity, reference_intensity : float
        0..5, of the face and of the one it is compared with.
    score, reference_score : float
        The same before they are limited to 0..5.
    contributions : ndarray of float64
        Of each number [9055], in the order of `facs_pipeline.features`; the sum is `score` less `reference_score`.
    landmarks : ndarray of float64
        Sums for each inner landmark [49], its share of the products of shape modes with it.
    heat : ndarray of float64
        All of it over the registered face [120, 120].
    parts : dict of (str, str) to float
        Sums for each kind of number (``landmarks`` and their products, ``gradients``: HOG, ``texture``: LBP) in each
        part of the face (`facs_pipeline.explanations.face_regions.REGIONS`).
    """

    au: int
    intensity: float
    reference_intensity: float
    score: float
    reference_score: float
    contributions: np.ndarray
    landmarks: np.ndarray
    heat: np.ndarray
    parts: dict[tuple[str, str], float]

    def by_region(self) -> dict[str, float]:
        """Sums for each part of the face, the largest in size first."""
        return _summed(self.parts, 1)

    def by_kind(self) -> dict[str, float]:
        """Sums for each kind of number, the largest in size first."""
        return _summed(self.parts, 0)


def explain_action_unit(model: ActionUnitModel, au: int, face: Face, reference: Face) -> ActionUnitExplanation:
    """What makes an action unit stronger or weaker in one face than in another.

    Parameters
    ----------
    model : ActionUnitModel
    au : int
        One of ``model.aus``.
    face : Face
        With its landmarks.
    reference : Face
        Another frame of the same person, or an average face.

    Returns
    -------
    ActionUnitExplanation

    Raises
    ------
    ValueError
        If the model does not measure `au`, or `face` is an average.

    Notes
    -----
    With weights w and the faces' numbers x and r: ``w * (x - r)``, the Shapley values of a linear model for a single
    reference (Lundberg and Lee, NeurIPS 2017). Pairwise products and the kernel correction add to the weights what
    holds between these two faces (`ActionUnitModel.weights_between`). Products of shape modes are quadratic in the
    landmarks; their part is shared out among these by the gradient half way between the faces, which is exact for
    quadratic functions (Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", ICML 2017), and what
    rounding to bytes leaves over, in proportion.

    Examples
    --------
    >>> from skimage.data import astronaut
    >>> grey = astronaut().mean(axis=2).astype(np.uint8)
    >>> from facs_pipeline.landmarks.model import default_landmarks
    >>> face = Face.at(grey, default_landmarks().find(grey, (170.0, 80.0, 110.0, 110.0)).points)
    >>> explanation = explain_action_unit(ActionUnitModel.load_default(), 12, face, average())
    >>> max(explanation.by_region(), key=explanation.by_region().get)
    'mouth'
    """
    if au not in model.aus:
        raise ValueError(f"AU{au}: the model measures {', '.join(map(str, model.aus))}")
    if face.points is None:
        raise ValueError(f"{face.name} has no landmarks; only what is compared with may be an average")
    column = model.aus.index(au)
    x, r = face.features.astype(np.float64), reference.features.astype(np.float64)
    weights = model.weights_between(x, r, au)
    score, reference_score = (float(model.scores(one)[column]) for one in (x, r))
    values = weights * (x - r)
    blocks = {name: values[where] for name, where in vector.BLOCKS.items()}
    shares = blocks["landmarks"] + _shares_of_products(weights, x, r, blocks["products"].sum())
    landmarks = shares.reshape(-1, 2).sum(axis=1)
    heats = {
        "landmarks": spread(landmarks, face.points[INNER_49], LANDMARK_SPREAD),
        "gradients": hog_heat(blocks["hog"]),
        "texture": lbp_heat(blocks["lbp"]),
    }
    parts = {
        (kind, region): value
        for kind, heat in heats.items()
        for region, value in sums_by_region(heat, face.points).items()
    }
    intensity, reference_intensity = limited(np.array([score, reference_score]), model.softness).tolist()
    heat = heats["landmarks"] + heats["gradients"] + heats["texture"]
    return ActionUnitExplanation(
        au, intensity, reference_intensity, score, reference_score, values, landmarks, heat, parts
    )


def _shares_of_products(weights: np.ndarray, x: np.ndarray, r: np.ndarray, total: float) -> np.ndarray:
    """What each registered coordinate [98] has of the `total` that products of shape modes contribute."""
    modes = shape_modes.default_shape_modes()
    mean, axes = modes.mean.astype(np.float64), modes.axes.astype(np.float64)
    first, second = np.triu_indices(shape_modes.N_MODES)
    form = np.zeros((shape_modes.N_MODES, shape_modes.N_MODES))
    form[first, second] = shape_modes.PRODUCT_SCALE * weights[vector.BLOCKS["products"]]
    where = vector.BLOCKS["landmarks"]
    half_way = axes @ ((x[where] + r[where]) / 2 - mean)
    shares = ((form + form.T) @ half_way @ axes) * (x[where] - r[where])
    size = np.abs(shares).sum()
    return shares + (total - shares.sum()) * (np.abs(shares) / size if size else 1 / len(shares))


def average() -> Face:
    """The average of FER2013's training faces, for stills of people whose resting face is not known."""
    from facs_pipeline.explanations.average_face import AverageFace

    return Face(AverageFace.load_default().features, name="the average face")


# ------------------------------------------------------------------------------------------------- which frames


def apex_row(intensities: np.ndarray, confidence: np.ndarray) -> int:
    """Row in which an action unit [n] is strongest, of those whose landmarks [n] are sure where there are any."""
    return int(_among_sure(intensities, confidence).argmax())


def resting_row(intensities: np.ndarray, confidence: np.ndarray) -> int:
    """Row whose intensities [n, k] are nearest to the resting face's, see `facs_pipeline.resting_intensity`.

    Examples
    --------
    >>> resting_row(np.array([[3.0, 0.0], [0.5, 0.5], [0.0, 4.0]]), np.ones(3))
    1
    """
    far = np.abs(intensities - resting_intensity(intensities)).sum(axis=1)
    return int(_among_sure(-far, confidence).argmax())


def _among_sure(values: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    sure = (confidence >= _SURE) & np.isfinite(values)
    return np.where(sure if sure.any() else np.isfinite(values), values, -np.inf)


# ------------------------------------------------------------------------------------- in words and in a picture


def title(explanation: ActionUnitExplanation) -> str:
    """For example ``AU12 lip corner puller 3.4``."""
    return f"AU{explanation.au:02d} {AU_NAMES[explanation.au].lower()} {explanation.intensity:.1f}"


def reasons(explanation: ActionUnitExplanation, reference: Face) -> list[str]:
    """In words, strongest first: which parts of the face, and which kinds of numbers."""
    moved = f"{_signed(explanation.score - explanation.reference_score)} compared with {reference.name}"
    limited = (
        abs(explanation.score - explanation.intensity)
        + abs(explanation.reference_score - explanation.reference_intensity)
        >= _NAMED_FROM
    )
    before = (
        f": {explanation.reference_score:.1f} to {explanation.score:.1f} before both are limited to 0..5"
        if limited
        else ""
    )
    lines = [f"{moved} ({explanation.reference_intensity:.1f}){before}"]
    for verb, sign in (("raised", 1), ("lowered", -1)):
        regions = [(name, value) for name, value in explanation.by_region().items() if sign * value >= _NAMED_FROM]
        listed = ", ".join(f"{name} {value:+.1f}" for name, value in regions[:_NAMED])
        lines.append(f"{verb} by {listed or 'nothing'}")
    kinds = {kind: _signed(value) for kind, value in explanation.by_kind().items()}
    lines.append(
        f"of it: where the landmarks lie {kinds['landmarks']}, gradients (HOG) {kinds['gradients']}, "
        f"texture (LBP) {kinds['texture']}"
    )
    return lines


def draw_explanation(explanation: ActionUnitExplanation, face: Face, reference: Face, *, side: int = 300) -> np.ndarray:
    """The face compared with, the face, and the face under its heat map; what they mean is written below.

    Returns
    -------
    ndarray [h, w, 3] uint8, BGR
        Orange raises the intensity, blue lowers it. The circles are the landmarks, as large as they matter; lines show
        from where they have moved.
    """
    panels = [
        draw_face(one.texture, side, f"{one.name}: {intensity:.1f}")
        for one, intensity in ((reference, explanation.reference_intensity), (face, explanation.intensity))
        if one.texture is not None
    ]
    if face.texture is None or face.points is None:
        raise ValueError(f"{face.name} cannot be drawn; only what is compared with may be an average")
    come_from = shape_modes.landmark_places(reference.features[vector.BLOCKS["landmarks"]])
    panels.append(
        draw_heat(face.texture, explanation.heat, face.points[INNER_49], explanation.landmarks, side, come_from)
    )
    return picture(panels, title(explanation), ("raises it", "lowers it"), reasons(explanation, reference))


def _signed(value: float) -> str:
    """One decimal with its sign; what rounds to nothing is +0.0."""
    return f"{round(value, 1) + 0.0:+.1f}"


def _summed(parts: dict[tuple[str, str], float], position: int) -> dict[str, float]:
    sums: dict[str, float] = {}
    for key, value in parts.items():
        sums[key[position]] = sums.get(key[position], 0.0) + value
    return dict(sorted(sums.items(), key=lambda item: -abs(item[1])))

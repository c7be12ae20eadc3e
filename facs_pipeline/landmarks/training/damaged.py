"""Faces that are hard to measure: hidden, blurred, dark, small, noisy, cut off; what is known of each stays known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from facs_pipeline.landmarks.points import MIRROR_68
from facs_pipeline.landmarks.training.warped import warp

UPPER = np.array([*range(17, 27), *range(36, 48)])
"""Points of the upper face: brows and eyes."""
LOWER = np.arange(48, 68)
"""Points of the lower face: the mouth."""
COVERS = ("sunglasses", "mask", "hand", "patch", "glasses")
"""What may lie over a face; of these, glasses hide nothing."""


@dataclass(frozen=True, eq=False)
class DamagedFace:
    """A face and what was done to it.

    Attributes
    ----------
    image : ndarray of uint8
        Grey `[h, w]`.
    points : ndarray of float64
        Its true landmarks `[68, 2]`, pixels of `image`.
    cover : str
        One of `COVERS`; empty for none.
    hidden : ndarray of bool
        Which points are covered `[68]`.
    blur : float
        Standard deviation of the blur in outer-eye distances, enlarging from few pixels included.
    kinds : tuple of str
        Names of all that was done, for tables: those of `COVERS`, ``"blur"``, ``"dark"``, ``"small"``, ``"jpeg"``.
    """

    image: np.ndarray
    points: np.ndarray
    cover: str
    hidden: np.ndarray
    blur: float
    kinds: tuple[str, ...]


def damaged(
    image: np.ndarray,
    points: np.ndarray,
    others: Sequence[np.ndarray],
    rng: np.random.Generator,
    only: str | None = None,
) -> DamagedFace:
    """The face with damage drawn at random.

    Parameters
    ----------
    image : ndarray of uint8
        Grey `[h, w]`.
    points : ndarray
        Landmarks `[68, 2]`, pixels.
    others : sequence of ndarray of uint8
        Other pictures, from which patches are cut.
    rng : numpy.random.Generator
        Draws everything.
    only : str, optional
        This one kind of damage and no other; ``"none"`` for the face as it is.

    Returns
    -------
    DamagedFace
        A quarter of the faces come out unchanged but for a mirror, and some with several kinds of damage.

    Examples
    --------
    >>> from skimage.data import astronaut
    >>> from facs_pipeline.landmarks.model import default_landmarks
    >>> grey = astronaut().mean(axis=2).astype(np.uint8)
    >>> points = default_landmarks().find(grey, (170.0, 80.0, 110.0, 110.0)).points
    >>> face = damaged(grey, points, [grey], np.random.default_rng(0), only="mask")
    >>> bool(face.hidden[LOWER].all()), bool(face.hidden[UPPER].any()), face.kinds
    (True, False, ('mask',))
    """
    points = np.asarray(points, np.float64)
    if rng.random() < 0.5:
        image, points = np.ascontiguousarray(image[:, ::-1]), points[MIRROR_68] * [-1, 1] + [image.shape[1] - 1, 0]
    untouched = rng.random() < 0.25

    def drawn(kind: str, share: float) -> bool:
        return only == kind if only is not None else not untouched and rng.random() < share

    kinds = []
    if drawn("warp", 0.3):
        image, points = warp(image, points, rng)
    cover, hidden = "", np.zeros(68, bool)
    for kind in rng.permutation(COVERS).tolist():
        if not cover and drawn(kind, 0.14):
            cover = kind
            image, hidden = _covered(image, points, kind, others, rng)
            kinds.append(kind)
    eyes = _eye_distance(points)
    blur = 0.0
    if drawn("small", 0.35):
        factor = min(1.0, float(np.exp(rng.uniform(np.log(9), np.log(60)))) / eyes)
        image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        points = (points + 0.5) * factor - 0.5
        eyes *= factor
        kinds.append("small")
    if drawn("blur", 0.3):
        blur = float(np.exp(rng.uniform(np.log(0.01), np.log(0.16))))
        image = _blurred(image, blur * eyes, rng)
        kinds.append("blur")
    if drawn("dark", 0.25):
        image = _dark(image, rng)
        kinds.append("dark")
    if drawn("jpeg", 0.25):
        quality = int(rng.integers(4, 40))
        encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        image = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)
        kinds.append("jpeg")
    return DamagedFace(image, points, cover, hidden, float(np.hypot(blur, 0.5 / eyes)), tuple(kinds))


def _eye_distance(points: np.ndarray) -> float:
    return max(float(np.linalg.norm(points[45] - points[36])), 1.0)


def _covered(
    image: np.ndarray, points: np.ndarray, kind: str, others: Sequence[np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The image with something over it, and which points `[68]` that hides."""
    mask, paint = _COVER[kind](image, points, others, rng)
    soft = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.5, 1.5)))
    result = np.clip(image + soft * (paint - image), 0, 255).astype(np.uint8)
    at = np.clip(np.rint(points).astype(int), 0, np.array(image.shape[::-1]) - 1)
    hidden = mask[at[:, 1], at[:, 0]] > 0.6
    return result, hidden if kind != "glasses" else np.zeros(68, bool)


def _polygons(shape: tuple[int, ...], outlines: Sequence[np.ndarray]) -> np.ndarray:
    mask: np.ndarray = np.zeros(shape[:2], np.uint8)
    for outline in outlines:
        # In sixteenths of a pixel, so that small faces are not covered in steps.
        cv2.fillPoly(mask, [np.rint(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return mask.astype(np.float32) / 255


def _texture(shape: tuple[int, ...], level: float, contrast: float, rng: np.random.Generator) -> np.ndarray:
    """Cloudy paint of a mean grey level."""
    coarse = rng.standard_normal((int(rng.integers(2, 7)), int(rng.integers(2, 7)))).astype(np.float32)
    return level + contrast * cv2.resize(coarse, shape[1::-1], interpolation=cv2.INTER_CUBIC)


def _oval(centre: np.ndarray, radii: np.ndarray, angle: float, power: float = 2.0) -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    circle = np.sign(circle) * np.abs(circle) ** (2 / power) * radii
    return centre + circle @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _lenses(points: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    across = points[45] - points[36]
    eyes, angle = float(np.linalg.norm(across)), float(np.arctan2(across[1], across[0]))
    radii = eyes * np.array([rng.uniform(0.23, 0.3), rng.uniform(0.15, 0.27)])
    power, lower = rng.uniform(2, 5), rng.uniform(-0.02, 0.07) * eyes
    down = lower * np.array([-np.sin(angle), np.cos(angle)])
    return [_oval(points[eye].mean(axis=0) + down, radii, angle, power) for eye in (slice(36, 42), slice(42, 48))]


def _sunglasses(
    image: np.ndarray, points: np.ndarray, others: Sequence[np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    lenses = _lenses(points, rng)
    mask = _polygons(image.shape, lenses)
    frame = mask.copy()
    thick = max(1, round(0.03 * _eye_distance(points)))
    _rim(frame, points, lenses, thick)
    paint = _texture(image.shape, rng.uniform(5, 60), rng.uniform(0, 18), rng)
    # Some lenses let a little light through, some reflect.
    clear = rng.uniform(0, 0.25) if rng.random() < 0.5 else 0.0
    paint = paint + clear * image
    return np.maximum(mask, frame), paint.astype(np.float32)


def _glasses(
    image: np.ndarray, points: np.ndarray, others: Sequence[np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros(image.shape, np.float32)
    _rim(mask, points, _lenses(points, rng), max(1, round(rng.uniform(0.01, 0.05) * _eye_distance(points))))
    return mask, np.full(image.shape, rng.uniform(0, 120), np.float32)


def _rim(mask: np.ndarray, points: np.ndarray, lenses: Sequence[np.ndarray], thick: int) -> None:
    outlines = [np.rint(lens).astype(np.int32) for lens in lenses]
    cv2.polylines(mask, outlines, True, 1.0, thick, cv2.LINE_AA)
    inner = [lens[np.linalg.norm(lens - points[27], axis=1).argmin()] for lens in lenses]
    outer = [lens[np.linalg.norm(lens - points[27], axis=1).argmax()] for lens in lenses]
    for start, end in ((inner[0], inner[1]), (outer[0], points[0]), (outer[1], points[16])):
        cv2.line(mask, tuple(np.rint(start).astype(int)), tuple(np.rint(end).astype(int)), 1.0, thick, cv2.LINE_AA)


def _mask(
    image: np.ndarray, points: np.ndarray, others: Sequence[np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    eyes, top = _eye_distance(points), 28 + int(rng.integers(0, 2))
    down = points[8] - points[27]
    down = down / max(float(np.linalg.norm(down)), 1.0)
    edge = points[1:16].copy()
    edge += (edge - points[30]) * 0.04 + down * rng.uniform(0, 0.06) * eyes
    upper = np.array(
        [points[15] + 0.1 * (points[29] - points[15]), points[top], points[1] + 0.1 * (points[29] - points[1])]
    )
    upper += down * rng.uniform(-0.02, 0.1) * eyes
    mask = _polygons(image.shape, [np.concatenate([edge, upper])])
    light = rng.uniform(130, 250) if rng.random() < 0.6 else rng.uniform(10, 130)
    paint = _texture(image.shape, light, rng.uniform(3, 15), rng)
    if rng.random() < 0.6:
        # Folds from side to side.
        rows, columns = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
        along = (columns * down[0] + rows * down[1]) / eyes
        paint = paint + rng.uniform(2, 14) * np.sin(2 * np.pi * along * rng.uniform(3, 9))
    return mask, paint.astype(np.float32)


def _hand(
    image: np.ndarray, points: np.ndarray, others: Sequence[np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A palm and fingers of the face's own brightness, over the mouth more often than elsewhere."""
    eyes = _eye_distance(points)
    part = (slice(48, 68), slice(48, 68), slice(36, 48), slice(36, 42), slice(42, 48), slice(27, 36), slice(5, 12))
    centre = points[part[rng.integers(len(part))]].mean(axis=0) + rng.normal(0, 0.1, 2) * eyes
    angle = rng.uniform(0, 2 * np.pi)
    along, aside = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    size = rng.uniform(0.6, 1.15) * eyes
    outlines, shade = [], np.zeros(image.shape, np.float32)
    palm = centre - along * size * rng.uniform(0.0, 0.6)
    outlines.append(_oval(palm, size * np.array([rng.uniform(0.5, 0.8), rng.uniform(0.38, 0.5)]), angle, 3))
    width, spread = size * rng.uniform(0.09, 0.13), rng.uniform(0.0, 0.12)
    for finger in range(int(rng.integers(3, 6))):
        lean = (finger - 1.5) * spread
        direction = along * np.cos(lean) + aside * np.sin(lean)
        root = palm + aside * (finger - 1.5) * 2 * width + along * size * 0.4
        length = size * rng.uniform(0.45, 0.95)
        middle, turned = root + direction * length / 2, float(np.arctan2(direction[1], direction[0]))
        outlines.append(_oval(middle, np.array([length / 2 + width, width]), turned, 3.5))
        ends = [tuple(np.rint(root + aside * width + direction * part * length).astype(int)) for part in (0, 1)]
        cv2.line(shade, *ends, 1.0, max(1, round(width * 0.25)), cv2.LINE_AA)
    cheeks = np.clip(np.rint(points[[2, 14, 30, 33]]).astype(int), 0, np.array(image.shape[::-1]) - 1)
    skin = float(np.median(image[cheeks[:, 1], cheeks[:, 0]])) * rng.uniform(0.7, 1.25)
    paint = _texture(image.shape, skin, rng.uniform(4, 22), rng) * (1 - rng.uniform(0.1, 0.45) * shade)
    paint += rng.normal(0, rng.uniform(0, 4), image.shape)
    return _polygons(image.shape, outlines), paint.astype(np.float32)


def _patch(
    image: np.ndarray, points: np.ndarray, others: Sequence[np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A piece of another picture, or plain paint, in an oval or a box anywhere on the face."""
    eyes, height, width = _eye_distance(points), image.shape[0], image.shape[1]
    centre = points[rng.integers(68)] + rng.normal(0, 0.1, 2) * eyes
    radii = eyes * rng.uniform(0.2, 0.75, 2)
    outline = _oval(centre, radii, rng.uniform(0, np.pi), 2 if rng.random() < 0.5 else 8)
    if rng.random() < 0.75:
        paint = cv2.resize(others[int(rng.integers(len(others)))], (width, height)).astype(np.float32)
        paint = np.roll(paint, rng.integers(0, (height, width)).tolist(), (0, 1))
    else:
        paint = _texture(image.shape, rng.uniform(0, 255), rng.uniform(0, 60), rng)
    return _polygons(image.shape, [outline]), paint.astype(np.float32)


_COVER = {"sunglasses": _sunglasses, "glasses": _glasses, "mask": _mask, "hand": _hand, "patch": _patch}


def _blurred(image: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Out of focus, or, every third time, moved while it was taken; `sigma` in pixels."""
    if rng.random() < 2 / 3:
        return cv2.GaussianBlur(image, (0, 0), max(sigma, 0.3))
    length = max(2, round(sigma * np.sqrt(12)))
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    reach = (length - 1) / 2 * np.array([np.cos(angle), np.sin(angle)])
    ends = [tuple(np.rint((length - 1) / 2 + side * reach).astype(int).tolist()) for side in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)


def _dark(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Little light: few grey levels, with the noise of the sensor."""
    light = float(np.exp(rng.uniform(np.log(0.02), np.log(0.5))))
    noise = rng.normal(0, rng.uniform(0.3, 3.0), image.shape)
    return np.clip(np.rint(image * light + rng.uniform(0, 12) + noise), 0, 255).astype(np.uint8)

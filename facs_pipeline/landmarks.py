"""Stage 3, face box -> 68 landmarks: a cascade of linear regressions on oriented gradients around the points.

The face is registered by a similarity to a 96 x 96 crop. Six oriented gradient energies are summed over 7 x 7
pixels; around 51 of the current points they are read on a 3 x 3 grid. A linear map of these 2,754 values moves
all 68 points at once (supervised descent, Xiong & De la Torre 2013). One coarse step from a detector's box, then
fine ones, each on its own registration; all but the last start from the mean shape, so errors cannot build up. The
last one looks closer, at a crop of 144 x 144 pixels; its values, times one more column, say whether this is a face.
"""

from __future__ import annotations

import hashlib
import math
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import dlib
import numpy as np

from facs_pipeline import geometry
from facs_pipeline.errors import ModelError
from facs_pipeline.model_file import load_model, save_model

# iBUG's 68 points seen in a mirror: MIRROR_68[i] is the point that takes the place of point i.
MIRROR_68 = np.array(
    [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31,
     45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
     54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
)  # fmt: skip

# The 49 inner points of the method: no chin line (0-16), no inner mouth corners (60 and 64).
INNER_49 = np.array([i for i in range(17, 68) if i not in (60, 64)])

KIND = "landmarks"
DEFAULT_MODEL = Path(__file__).parent / "models" / "landmarks.npz"

CROP = 96
"""Side of the crop in whose coordinates landmarks are reckoned, in pixels; a step may look at a larger one."""
# (side, pooling window, spacing of the grid round a point), in pixels: what most steps look at, and the last one.
_FAR = (96, 7, 8)
_CLOSE = (144, 7, 6)
_GRID = np.array([(x, y) for y in (-1, 0, 1) for x in (-1, 0, 1)], np.float32)
_ORIENTATIONS = 6
# Neighbours on the chin line and the inner lips see almost the same pixels: every other one is enough to look at.
_LOOKED_AT = np.array([*range(0, 17, 2), *range(17, 27), 27, 29, 30, 31, 33, 35, *range(36, 60), 62, 66])
N_FEATURES = len(_LOOKED_AT) * len(_GRID) * _ORIENTATIONS
_FEATURES_VERSION = 2
# Keeps flat, noisy patches from being blown up to full contrast.
_FLAT = 400.0


class Located(NamedTuple):
    """Landmarks of one face: `points` [68, 2] float32 in pixels, `confidence` 0..1 that they lie on a face."""

    points: np.ndarray
    confidence: float


def registered_crop(grey: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Warp `grey` by `matrix` (image -> crop) to [size, size] uint8, without aliasing when a large face shrinks."""
    small, factor, left, top = _shrunk(grey, matrix, size)
    if factor > 1:
        (a, b, e), (c, d, f) = matrix.tolist()
        matrix = np.array(
            [[a * factor, b * factor, a * left + b * top + e], [c * factor, d * factor, c * left + d * top + f]]
        )
    return cv2.warpAffine(small, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _shrunk(
    grey: np.ndarray, matrix: np.ndarray, size: int, margin: float = 1.0
) -> tuple[np.ndarray, int, float, float]:
    """Means of blocks of `factor` pixels of the part of `grey` that `matrix` brings into a crop.

    `margin` widens that part. Returns the means, `factor`, and the place in `grey` of their first pixel; pixel p
    of them lies at ``factor * p + place``. `grey` itself where the crop has at least half its resolution.
    """
    # Plain numbers: this runs several times a frame, and arrays of four corners would take longer than the pixels.
    (a, b, e), (c, d, f) = matrix.tolist()
    determinant, half = a * d - b * c, size / 2
    scale = math.sqrt(abs(determinant))
    if scale >= 0.5:
        return grey, 1, 0.0, 0.0
    # Powers of two, for which averaging blocks is several times faster.
    factor = 1 << int(math.log2(1.12 * int(0.5 + 1 / max(scale, 1e-3))))
    x = (d * (half - e) - b * (half - f)) / determinant
    y = (a * (half - f) - c * (half - e)) / determinant
    reach_x = margin * half * (abs(d) + abs(b)) / abs(determinant)
    reach_y = margin * half * (abs(c) + abs(a)) / abs(determinant)
    left, top = max(math.floor(x - reach_x) - factor, 0), max(math.floor(y - reach_y) - factor, 0)
    right = min(math.ceil(x + reach_x) + factor, grey.shape[1])
    bottom = min(math.ceil(y + reach_y) + factor, grey.shape[0])
    width, height = (right - left) // factor, (bottom - top) // factor
    if min(width, height) < 2:
        return grey, 1, 0.0, 0.0
    part = grey[top : top + height * factor, left : left + width * factor]
    middle = (factor - 1) / 2
    return _block_means(part, factor), factor, left + middle, top + middle


def _block_means(picture: np.ndarray, factor: int) -> np.ndarray:
    """Means of blocks of `factor` x `factor` pixels, as `cv2.resize` gives them with INTER_AREA.

    That is fast for blocks of 2 x 2 only; larger ones are halved again and again, with enough bits to lose none.
    """
    height, width = picture.shape[0] // factor, picture.shape[1] // factor
    if not 4 <= factor <= 16:
        return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    means = np.multiply(picture, 256, dtype=np.uint16)
    while len(means) > height:
        means = cv2.resize(means, (means.shape[1] // 2, means.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return cv2.convertScaleAbs(means, alpha=1 / 256)


def gradient_energies(picture: np.ndarray, directions: np.ndarray, pool: int) -> list[np.ndarray]:
    """Oriented gradient energies of a `picture` [h, w] uint8, summed over `pool` x `pool` pixels.

    Returns arrays [h, w, 4] uint16 that hold the `directions` [2, n] in their order, the last one filled up. (OpenCV
    sums four channels at once about as fast as one, and several times faster than six or eight.)
    """
    dx, dy = cv2.spatialGradient(picture)
    # The saturating cast to 8 bits is the rectifier: what points the other way becomes 0.
    energies = [cv2.addWeighted(dx, x, dy, y, 0, dtype=cv2.CV_8U) for x, y in directions.T.tolist()]
    energies += energies[: -len(energies) % 4]
    return [
        cv2.boxFilter(cv2.merge(energies[i : i + 4]), cv2.CV_16U, (pool, pool), normalize=False)
        for i in range(0, len(energies), 4)
    ]


class PatchFeatures:
    """Oriented gradients round points of a crop; keeps what it looked at, so one instance serves one thread.

    Call `look` once per face, then `at(points)` for any points in coordinates of a crop of 96 x 96 pixels.

    Parameters
    ----------
    close : look at 144 x 144 pixels and nearer round each point, as the last step does, instead of at 96 x 96.
    """

    def __init__(self, close: bool = False) -> None:
        angle = np.arange(_ORIENTATIONS) * (2 * np.pi / _ORIENTATIONS)
        self._directions = (0.5 * np.stack([np.cos(angle), np.sin(angle)])).astype(np.float32)
        self._size, self._pool, spacing = _CLOSE if close else _FAR
        self._zoom = self._size / CROP
        # Pixel centres: enlarging by f takes x to f x + (f - 1) / 2; the other half rounds to the nearest pixel.
        self._offsets = spacing * _GRID + np.float32(self._zoom / 2)
        self._pooled: list[np.ndarray] = []

    def look(self, grey: np.ndarray, matrix: np.ndarray) -> None:
        """Take in the face that `matrix` [2, 3] brings from `grey` [h, w] uint8 to a crop of 96 x 96 pixels."""
        closer = matrix * self._zoom
        closer[:, 2] += (self._zoom - 1) / 2
        self._pooled = gradient_energies(registered_crop(grey, closer, self._size), self._directions, self._pool)

    def places(self, points: np.ndarray) -> np.ndarray:
        """Flat indices [51, 9] of the pixels of the crop where `at` looks for the points [68, 2]."""
        place = (points[_LOOKED_AT, None, :] * np.float32(self._zoom) + self._offsets).astype(np.intp)
        np.maximum(place, 0, out=place)
        np.minimum(place, self._size - 1, out=place)
        return place[..., 1] * self._size + place[..., 0]

    def at(self, points: np.ndarray) -> np.ndarray:
        """Features [2754] float32, each patch of 54 summing to 1 before the square root (root-SIFT style)."""
        return self.read(self.places(points))

    def read(self, places: np.ndarray) -> np.ndarray:
        """As `at`, for points whose `places` are known."""
        # Four 16-bit values are fetched as one of 64.
        found = np.empty((*places.shape, len(self._pooled)), np.uint64)
        for group, pooled in enumerate(self._pooled):
            found[..., group] = pooled.view(np.uint64).take(places)
        values = found.view(np.uint16)[..., :_ORIENTATIONS].astype(np.float32).reshape(len(_LOOKED_AT), -1)
        values /= values.sum(axis=1, keepdims=True) + _FLAT
        return np.sqrt(values, out=values).ravel()


class LandmarkModel:
    """The embedded 68-point model, or one made by `facs train-landmarks`.

    Parameters
    ----------
    mean_shape : ndarray [68, 2]
        Mean points in crop coordinates.
    steps : list of ndarray [2755, 136]
        Linear maps features (and 1) -> movement of the points in crop pixels; the first is the coarse one.
    face_weights : ndarray [2755]
        Linear map last features (and 1) -> log-odds that the points lie on a face.
    box_shape : ndarray [68, 2]
        Mean points in a detector's box scaled to 0..1.
    shape_modes : ndarray [31, 98], optional
        Mean and 30 scaled principal axes of registered landmarks, see `facs_pipeline.appearance.shape_products`.

    Example
    -------
    >>> model = LandmarkModel.load()  # doctest: +SKIP
    >>> points, confidence = model.locate(grey, (x, y, width, height))  # doctest: +SKIP
    >>> points, confidence = model.follow(next_grey, points)  # doctest: +SKIP
    """

    def __init__(self, mean_shape, steps, face_weights, box_shape, card=None, shape_modes=None):
        self.mean_shape = np.asarray(mean_shape, np.float32)
        mean = self.mean_shape.astype(np.float64).view(np.complex128)[:, 0]
        self._mean_middle = mean.mean()
        self._mean = mean - self._mean_middle
        # Transposed and contiguous: each product then runs along memory.
        self._steps = [np.ascontiguousarray(np.asarray(w, np.float32).T) for w in steps]
        self._face = np.asarray(face_weights, np.float32)
        self.box_shape = np.asarray(box_shape, np.float32)
        self.shape_modes = None if shape_modes is None else np.asarray(shape_modes, np.float32)
        self.card = dict(card or {})
        self._features, self._close = PatchFeatures(), PatchFeatures(close=True)
        self._mean_places = self._features.places(self.mean_shape)

    @property
    def sha256(self) -> str:
        """Hash of the model's numbers; part of every result's cache key."""
        return self.card.get("content_sha256", "unsaved")

    @classmethod
    def load(cls, path: str | Path = DEFAULT_MODEL) -> LandmarkModel:
        """Read a model file; ModelError where it is not one."""
        model = load_model(path, KIND)
        try:
            steps = [model.arrays[f"step_{i}"] for i in range(model.card["steps"])]
            if model.card.get("features") != _FEATURES_VERSION or any(w.shape != (N_FEATURES + 1, 136) for w in steps):
                raise ModelError(f"{path}: made for other features than this version's; train it again")
            mean_shape, face, box_shape = (model.arrays[name] for name in ("mean_shape", "face", "box_shape"))
            return cls(mean_shape, steps, face, box_shape, model.card, model.arrays.get("shape_modes"))
        except KeyError as error:
            raise ModelError(f"{path}: a landmark model without {error}; train it again") from None

    def save(self, path: str | Path) -> Path:
        """Write the model in half precision, with its card."""
        arrays = {f"step_{i}": w.T.astype(np.float16) for i, w in enumerate(self._steps)}
        arrays |= {"mean_shape": self.mean_shape, "face": self._face.astype(np.float32), "box_shape": self.box_shape}
        if self.shape_modes is not None:
            arrays["shape_modes"] = self.shape_modes
        return save_model(path, KIND, arrays, {**self.card, "steps": len(self._steps), "features": _FEATURES_VERSION})

    def locate(self, grey: np.ndarray, box: tuple[float, float, float, float]) -> Located:
        """Points of the face in a detector's box (x, y, width, height) in pixels of `grey` [h, w] uint8."""
        x, y, width, height = box
        guess = self.box_shape * np.float32([width, height]) + np.float32([x, y])
        coarse, _values = self._step(self._steps[0], grey, guess)
        return self.follow(grey, self.follow(grey, coarse).points)

    def follow(self, grey: np.ndarray, points: np.ndarray) -> Located:
        """Points near where `points` [68, 2] were in the previous frame.

        Only their position, size and rotation are used, not their shape: errors cannot build up over time.
        """
        values, found = self.explain(grey, points)
        return Located(found, self._certainty(values))

    def judge(self, grey: np.ndarray, points: np.ndarray) -> float:
        """Confidence 0..1 that points [68, 2] found by other means lie on an unhidden face."""
        crop_from_image = geometry.fit_similarity(points, self.mean_shape)
        self._close.look(grey, crop_from_image)
        return self._certainty(self._close.at(geometry.apply(crop_from_image, points).astype(np.float32)))

    def _certainty(self, values: np.ndarray) -> float:
        log_odds = float(values @ self._face[:-1] + self._face[-1])
        return 1 / (1 + np.exp(-np.clip(log_odds, -30, 30)))

    def explain(self, grey: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The last step's features [2754], from which the confidence follows, and the points [68, 2]."""
        # A large face is shrunk once, to what the last step wants, with a margin for what the steps move.
        closest = geometry.fit_similarity(points, self.mean_shape) * (_CLOSE[0] / CROP)
        grey, factor, left, top = _shrunk(grey, closest, _CLOSE[0], margin=1.3)
        place = np.float32([left, top])
        points = (points - place) / factor
        for weights in self._steps[1:-1]:
            points, _values = self._step(weights, grey, points)
        points, values = self._step(self._steps[-1], grey, points, points)
        return values, points * np.float32(factor) + place

    def _step(self, weights, grey, points, shape=None):
        """Register by `points`, start from `shape` (the mean shape unless given), move: (points, features).

        As `geometry.fit_similarity` and `geometry.apply`, with points as complex numbers: a similarity is z -> c z + d.
        """
        z = points.astype(np.float64).view(np.complex128)[:, 0]
        middle = np.add.reduce(z) / len(z)
        centred = z - middle
        c = complex(np.vdot(centred, self._mean) / max(np.vdot(centred, centred).real, 1e-12))
        d = complex(self._mean_middle - c * middle)
        crop_from_image = np.array([[c.real, -c.imag, d.real], [c.imag, c.real, d.imag]])
        if shape is None:
            self._features.look(grey, crop_from_image)
            start, values = self.mean_shape, self._features.read(self._mean_places)
        else:
            start = (c * z + d).view(np.float64).reshape(68, 2).astype(np.float32)
            self._close.look(grey, crop_from_image)
            values = self._close.at(start)
        moved = start + (weights[:, :-1] @ values + weights[:, -1]).reshape(68, 2)
        found = (moved.astype(np.float64).view(np.complex128)[:, 0] - d) / c
        return found.view(np.float64).reshape(68, 2).astype(np.float32), values


class DlibLandmarks:
    """dlib's own ``shape_predictor`` file (68 points), behind the same methods as `LandmarkModel`.

    Such a file says nothing of its certainty, so the embedded model judges the points it finds.
    """

    def __init__(self, path: str | Path):
        path = Path(path)
        if not path.is_file():
            raise ModelError(f"{path}: no such landmark file")
        try:
            self._predictor = dlib.shape_predictor(str(path))
        except RuntimeError as error:
            raise ModelError(f"{path}: not a dlib shape predictor, or cut short ({error})") from None
        found = self._predictor(np.zeros((64, 64), np.uint8), dlib.rectangle(8, 8, 56, 56)).num_parts
        if found != 68:
            raise ModelError(f"{path}: a shape predictor of {found} points; expected iBUG's 68")
        self._judge = default_landmarks()
        self.mean_shape = self._judge.mean_shape
        with open(path, "rb") as file:
            self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        self.card = {"kind": KIND, "title": f"dlib shape predictor {path.name}", "content_sha256": self.sha256}

    def locate(self, grey: np.ndarray, box: tuple[float, float, float, float]) -> Located:
        """Points of the face in a detector's box (x, y, width, height)."""
        x, y, width, height = (round(v) for v in box)
        parts = self._predictor(grey, dlib.rectangle(x, y, x + width, y + height)).parts()
        points = np.array([(p.x, p.y) for p in parts], np.float32)
        return Located(points, self._judge.judge(grey, points))

    def follow(self, grey: np.ndarray, points: np.ndarray) -> Located:
        """Points near where they were, from the box in which a detector would have seen them."""
        box_from_points = geometry.fit_similarity(self._judge.box_shape, points)
        corner = geometry.apply(box_from_points, np.array([[0.5, 0.5]]))[0]
        side = float(np.hypot(box_from_points[0, 0], box_from_points[1, 0]))
        return self.locate(grey, (*(corner - side / 2), side, side))


def load_landmarks(path: str | Path) -> LandmarkModel | DlibLandmarks:
    """A landmark model from our ``.npz`` or from dlib's ``.dat``.

    Raises
    ------
    ModelError
        If the file is no such model.

    Example
    -------
    >>> load_landmarks("shape_predictor_68_face_landmarks.dat")  # doctest: +SKIP
    """
    return DlibLandmarks(path) if Path(path).suffix == ".dat" else LandmarkModel.load(path)


@cache
def default_landmarks() -> LandmarkModel:
    """The embedded model, read once per process.

    Example
    -------
    >>> from skimage.data import astronaut
    >>> grey = astronaut().mean(axis=2).astype(np.uint8)
    >>> found = default_landmarks().locate(grey, (170.0, 80.0, 110.0, 110.0))
    >>> found.points.shape, float(found.confidence) > 0.9
    ((68, 2), True)
    """
    return LandmarkModel.load()

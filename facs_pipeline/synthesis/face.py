"""A synthetic face: scikit-image's public-domain portrait, moved by action-unit intensities.

The portrait is NASA's photograph of the astronaut Eileen Collins (`skimage.data.astronaut`). Hand-placed landmarks
carry small displacements per action unit; a thin-plate spline turns each into a dense displacement field once per
identity, and a frame is a weighted sum of those fields, inverted and looked up in the portrait. Eyelids slide over
eyeballs that stay where they are, and lips part over dark and teeth.

The fields are hand-made approximations of what the Facial Action Coding System describes. They are good enough to
exercise a pipeline and to compare measured with driven intensities; they are no substitute for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import cv2
import numpy as np
from scipy.interpolate import CubicSpline, RBFInterpolator

from facs_pipeline.foundation.threads import one_thread
from facs_pipeline.synthesis.anatomy import (
    DEPTH,
    DRIVEN_AUS,
    EYES,
    FIXED_POINTS,
    INNER_LIPS,
    LOWER_LIP,
    START_POINTS,
    UPPER_LIP,
    displacements,
    lid_closing,
    meet_lips,
)

_CENTRE = (225.0, 124.0)  # the crop's centre and side in portrait pixels
_SIDE = 172.0
_MARGIN = 22.0  # round the crop, for head movement
# Smooth curves through a lid's 4 and a lip's 7 points, as matrices [samples, points].
_LID_CURVE = CubicSpline(np.arange(4), np.eye(4), bc_type="natural")(np.linspace(0, 3, 13))
_LIP_CURVE = CubicSpline(np.arange(7), np.eye(7), bc_type="natural")(np.linspace(0, 6, 31))


@lru_cache(maxsize=1)
def _portrait() -> np.ndarray:
    from skimage.data import astronaut

    return np.ascontiguousarray(astronaut()[:, :, ::-1])


class SyntheticFace:
    """One synthetic identity that can be drawn at any action-unit intensities.

    Parameters
    ----------
    identity : int
        0 is the portrait's own shape; every other number gives another smooth change of shape, skin and light.
        The same number always gives the same face.
    size : int
        Side of the square image in pixels (default 288: the face is about 150 px wide).

    Attributes
    ----------
    size : int
        As given.
    rest_points : ndarray
        Landmarks of the resting face `[68, 2]`, in pixels of the image.

    Examples
    --------
    >>> face = SyntheticFace(identity=1, size=160)
    >>> image, points = face.draw({12: 4.0, 25: 2.0})
    >>> image.shape, points.shape
    ((160, 160, 3), (68, 2))
    """

    def __init__(self, identity: int = 0, size: int = 288) -> None:
        if size < 64:
            raise ValueError(f"size is {size} px, expected at least 64")
        self.size = int(size)
        self._scale = size / _SIDE  # image pixels per portrait pixel
        rng = np.random.default_rng([7, identity])
        texture, points, fixed = self._identity(rng, plain=identity == 0)
        self._build_fields(points, fixed)
        self._eyes, self._skin, self._interior = texture, self._closed_skin(texture), self._mouth_interior(texture)
        self.rest_points = self._at({"rest": 1.0})[:68].copy()

    def _to_canvas(self, portrait_points: np.ndarray) -> np.ndarray:
        """Portrait pixels -> canvas pixels; the canvas is the crop with its margin, at the image's scale."""
        origin = np.array(_CENTRE) - _SIDE / 2 - _MARGIN
        return (np.asarray(portrait_points, float) - origin + 0.5) * self._scale - 0.5

    def _identity(self, rng: np.random.Generator, plain: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Texture on the canvas, and the identity's own points and fixed points."""
        side = round((_SIDE + 2 * _MARGIN) * self._scale)
        self._canvas = side
        origin = np.array(_CENTRE) - _SIDE / 2 - _MARGIN
        s = self._scale
        to_canvas = np.array([[s, 0, s * (0.5 - origin[0]) - 0.5], [0, s, s * (0.5 - origin[1]) - 0.5]])
        texture = cv2.warpAffine(
            _portrait(), to_canvas, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
        )
        # Enlarging by this much looks soft; an unsharp mask brings lashes and lips back.
        texture = cv2.addWeighted(texture, 1.6, cv2.GaussianBlur(texture, (0, 0), 0.9 * s), -0.6, 0)
        points, fixed = self._to_canvas(START_POINTS), self._to_canvas(FIXED_POINTS)
        if plain:
            return texture, points, fixed
        shift = self._shape_change(rng, points)
        texture = self._warp_still(texture, points, shift, fixed)
        return self._relight(texture, rng), points + shift, fixed

    def _shape_change(self, rng: np.random.Generator, points: np.ndarray) -> np.ndarray:
        """A smooth change of proportions: [n_points, 2] canvas pixels."""
        unit = 66 * self._scale  # distance of the outer eye corners
        centre = points[27:31].mean(axis=0)
        x, y = ((points - centre) / unit).T

        def gauss(cx: float, cy: float, r: float) -> np.ndarray:
            return np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * r * r))

        a = np.clip(rng.normal(size=9), -1.6, 1.6)
        eyes = gauss(-0.34, -0.2, 0.16) + gauss(0.34, -0.2, 0.16)
        mouth = gauss(0, 0.5, 0.3)
        dx = 0.030 * a[0] * np.tanh(3 * x)  # face width
        dx += 0.035 * a[1] * np.tanh(3 * x) / (1 + np.exp(-8 * (y - 0.45)))  # jaw width
        dx += 0.022 * a[2] * np.sign(x) * eyes  # eye distance
        dx += 0.10 * a[3] * x * mouth  # mouth width
        dx += 0.20 * a[4] * x * gauss(0, 0.2, 0.14)  # nose width
        dy = 0.035 * a[5] * np.clip(y, 0, None) / 0.8  # length of the lower face
        dy += 0.022 * a[6] * gauss(0, 0.2, 0.22)  # nose length
        dy += 0.020 * a[7] * (gauss(-0.34, -0.42, 0.16) + gauss(0.34, -0.42, 0.16))  # brow height
        eye_y = np.where(x < 0, points[[36, 39], 1].mean(), points[[42, 45], 1].mean())
        dy += 0.10 * a[8] * (points[:, 1] - eye_y) / unit * eyes  # eye opening
        return unit * np.stack([dx, dy], axis=1)

    def _warp_still(self, texture: np.ndarray, points: np.ndarray, shift: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        # The pull-back field is exact at the moved points, so the new landmarks are where the image's are.
        anchors = np.vstack([points + shift, fixed, self._border()])
        values = np.vstack([-shift, np.zeros((len(anchors) - len(points), 2))])
        field = self._dense(anchors, values[:, None, :])[0]
        field = cv2.resize(field, (self._canvas, self._canvas), interpolation=cv2.INTER_CUBIC)
        grid = np.stack(np.meshgrid(*[np.arange(self._canvas, dtype=np.float32)] * 2), axis=-1) + field
        return cv2.remap(texture, grid, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)

    def _relight(self, texture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        side = self._canvas
        angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0.08, 0.3)
        ramp = np.linspace(-1, 1, side, dtype=np.float32)
        light = 1 + strength * (np.cos(angle) * ramp[None, :] + np.sin(angle) * ramp[:, None])
        tint = 1 + rng.normal(0, 0.05, 3)
        gamma, contrast, level = rng.uniform(0.75, 1.5), rng.uniform(0.8, 1.1), rng.uniform(-8, 12)
        image = 255 * (texture / 255.0) ** gamma * light[..., None] * tint
        return np.clip((image - 128) * contrast + 128 + level, 0, 255).astype(np.uint8)

    def _border(self) -> np.ndarray:
        ramp = np.linspace(0, self._canvas - 1, 7)
        low, high = np.zeros(7), np.full(7, self._canvas - 1.0)
        edges = [np.stack(p, axis=1) for p in ((ramp, low), (ramp, high), (low, ramp), (high, ramp))]
        return np.unique(np.vstack(edges), axis=0)

    def _dense(self, anchors: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Thin-plate spline through values [n, k, 2] at anchors [n, 2] -> [k, side / 2, side / 2, 2] float32."""
        half = self._half = (self._canvas + 1) // 2
        # cv2.resize's own convention, so that enlarging the field later adds no offset.
        ramp = (np.arange(half) + 0.5) * self._canvas / half - 0.5
        grid = np.stack(np.meshgrid(ramp, ramp), axis=-1).reshape(-1, 2)
        # One thread: sums in another order would change last digits, and with them the video's bytes.
        with one_thread():
            spline = RBFInterpolator(anchors, values.reshape(len(anchors), -1), kernel="thin_plate_spline", degree=1)
            dense = spline(grid).reshape(half, half, values.shape[1], 2)
        return np.ascontiguousarray(dense.transpose(2, 0, 1, 3), dtype=np.float32)

    def _build_fields(self, points: np.ndarray, fixed: np.ndarray) -> None:
        moves = {name: field * self._scale for name, field in displacements().items()}
        moves["rest"] = meet_lips(points, moves["rest"])
        moves["lids"] = lid_closing(points + moves["rest"])
        turn = np.zeros_like(points)
        turn[:, 0] = DEPTH * 10 * self._scale
        moves["turn"] = turn
        moves["nod"] = turn[:, ::-1]
        self._names = list(moves)
        self._start = points
        self._moves = np.stack(list(moves.values()))  # [k, n_points, 2]
        anchors = np.vstack([points, fixed, self._border()])
        values = np.zeros((len(anchors), len(moves), 2))
        values[: len(points)] = self._moves.transpose(1, 0, 2)
        self._fields = self._dense(anchors, values)
        ramp = np.arange(self._half, dtype=np.float32)
        self._grid = np.stack(np.meshgrid(ramp, ramp), axis=-1)

    def _closed_skin(self, texture: np.ndarray) -> np.ndarray:
        """The canvas with eyeballs and teeth painted over, so that none show in the seam of closed lids and lips."""
        mask = np.zeros(texture.shape[:2], np.uint8)
        outlines = [self._start[list(eye)] for eye in EYES] + [self._start[INNER_LIPS]]
        for outline in outlines:
            cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 255)
        return cv2.inpaint(texture, cv2.dilate(mask, np.ones((5, 5), np.uint8)), 3, cv2.INPAINT_TELEA)

    def _mouth_interior(self, texture: np.ndarray) -> np.ndarray:
        """The canvas between the lips: the portrait's teeth, dark all around."""
        mask: np.ndarray = np.zeros(texture.shape[:2], np.uint8)
        teeth = np.round(self._start[INNER_LIPS]).astype(np.int32)
        cv2.fillPoly(mask, [teeth], 255)
        mask = cv2.erode(mask, np.ones((3, 3), np.uint8))
        # The upper row continues under the lip: enlarge it upwards from its lower edge.
        bottom = float(teeth[:, 1].max())
        stretch = np.array([[1, 0, 0], [0, 1.35, bottom * (1 - 1.35)]], np.float32)
        size = (self._canvas, self._canvas)
        stretched = cv2.warpAffine(texture, stretch, size, flags=cv2.INTER_LINEAR)
        mask = cv2.warpAffine(mask, stretch, size, flags=cv2.INTER_LINEAR)
        alpha = cv2.GaussianBlur(mask, (0, 0), 0.8 * self._scale).astype(np.float32)[..., None] / 255
        level = texture[texture.shape[0] // 2].mean() / 128
        dark = np.full_like(texture, 0)
        dark[:] = np.array([22, 20, 48]) * min(level, 1.3)
        return (stretched * alpha + dark * (1 - alpha)).astype(np.uint8)

    def _at(self, weights: dict[str, float]) -> np.ndarray:
        """Landmarks in pixels of the image, before head movement, at these weights of the fields."""
        vector = np.array([weights.get(name, 0.0) for name in self._names])
        return self._start + np.tensordot(vector, self._moves, axes=1) - _MARGIN * self._scale

    @staticmethod
    def _weights(intensities: Mapping[int, float], turn: float, nod: float) -> tuple[dict[str, float], float]:
        unknown = sorted(set(intensities) - set(DRIVEN_AUS))
        if unknown:
            raise ValueError(f"no movement for AU {unknown}; this face knows {list(DRIVEN_AUS)}")
        share = {au: float(np.clip(value, 0, 5)) / 5 for au, value in intensities.items()}
        weights = {f"AU{au:02d}": value for au, value in share.items()}
        # Eyelids: 1 is the resting opening; a blink closes whatever is open.
        opening = (1 + 0.45 * share.get(5, 0) - 0.5 * share.get(7, 0)) * (1 - share.get(45, 0))
        return {**weights, "rest": 1.0, "turn": turn, "nod": nod}, 1 - opening

    def draw(
        self,
        intensities: Mapping[int, float],
        *,
        turn: float = 0.0,
        nod: float = 0.0,
        shift: tuple[float, float] = (0.0, 0.0),
        roll: float = 0.0,
        zoom: float = 1.0,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw one frame.

        Parameters
        ----------
        intensities : mapping of int to float
            AU number to intensity 0..5; AUs of `DRIVEN_AUS`, absent ones are 0.
        turn, nod : float
            Head rotation to the image's right and downwards, -1..1 (1 is about 15 degrees).
        shift : tuple of float
            Movement of the whole image as a share of its side, right and down; at most 0.05.
        roll : float
            Rotation of the whole image in degrees; at most 5.
        zoom : float
            Enlargement of the whole image; 0.95 to 1.2.

        Returns
        -------
        image : ndarray of uint8
            BGR `[size, size, 3]`.
        points : ndarray of float64
            Landmarks `[68, 2]` in its pixels.

        Raises
        ------
        ValueError
            If an AU is not one of `DRIVEN_AUS`.
        """
        weights, closing = self._weights(intensities, turn, nod)
        camera = cv2.getRotationMatrix2D(((self.size - 1) / 2,) * 2, roll, zoom)
        camera[:, 2] += np.asarray(shift) * self.size
        back: np.ndarray = cv2.invertAffineTransform(camera)
        back[:, 2] += _MARGIN * self._scale

        skin = self._pull_back({**weights, "lids": closing}, steps=5)
        image = self._resample(self._skin, skin, back)
        points = self._at({**weights, "lids": closing})
        points = points @ camera[:, :2].T + camera[:, 2]

        head = {"turn": turn, "nod": nod}
        under = self._pull_back({**head, "lids": min(closing, 0.0)}, steps=2) if closing < 0 else None
        still = self._pull_back(head, steps=1)
        for eye in EYES:
            outline = np.vstack([_LID_CURVE @ points[list(eye[:4])], _LID_CURVE @ points[[eye[3], *eye[4:], eye[0]]]])
            self._show_through(image, self._eyes, still if under is None else under, back, outline)
            # The closing lid's edge darkens: lashes.
            self._stroke(image, outline[: len(_LID_CURVE)], 0.75 * float(np.clip(closing, 0, 1)), 1.4)
        self._draw_mouth(image, points, still, back)
        return image, points[:68]

    def _pull_back(self, weights: dict[str, float], steps: int) -> np.ndarray:
        """Where each canvas position comes from: [half, half, 2] offsets that undo the weighted sum of the fields."""
        forward = np.zeros_like(self._fields[0])
        for name, field in zip(self._names, self._fields, strict=True):
            if weights.get(name):
                cv2.scaleAdd(field, float(weights[name]), forward, forward)
        offset: np.ndarray = -forward
        ratio = self._half / self._canvas
        for _ in range(steps - 1):
            # Fixed point of offset = -forward(position + offset), damped: closing lips and lids compress the
            # skin between them almost to nothing, where the plain iteration would swing.
            here = cv2.scaleAdd(offset, ratio, self._grid)
            moved = cv2.remap(forward, here, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            offset = cv2.addWeighted(offset, 0.4, moved, -0.6, 0)
        return offset

    def _resample(
        self, source: np.ndarray, offset: np.ndarray, back: np.ndarray, box: tuple[int, int, int, int] | None = None
    ) -> np.ndarray:
        """The image, or the part of it in box (x0, y0, x1, y1), from a source canvas."""
        x0, y0, x1, y1 = box or (0, 0, self.size, self.size)
        local = back.copy()
        local[:, 2] += back[:, :2] @ (x0, y0)
        size = (x1 - x0, y1 - y0)
        ratio = self._half / self._canvas
        to_half = local * ratio
        to_half[:, 2] += 0.5 * ratio - 0.5
        dense = cv2.warpAffine(offset, to_half, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        xs, ys = np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32)
        a = local.astype(np.float32)
        dense[..., 0] += a[0, 0] * xs[None, :] + (a[0, 1] * ys[:, None] + a[0, 2])
        dense[..., 1] += a[1, 0] * xs[None, :] + (a[1, 1] * ys[:, None] + a[1, 2])
        return cv2.remap(source, dense, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)

    def _show_through(
        self, image: np.ndarray, source: np.ndarray, offset: np.ndarray, back: np.ndarray, outline: np.ndarray
    ) -> None:
        """Inside a closed outline [n, 2], show another layer of the face."""
        low = np.maximum(np.floor(outline.min(axis=0)).astype(int) - 2, 0)
        high = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 3, self.size)
        if np.any(high - low < 2):
            return
        box = (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
        part = image[low[1] : high[1], low[0] : high[0]]
        alpha = np.zeros(part.shape[:2], np.uint8)
        cv2.fillPoly(alpha, [np.round((outline - low) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        weight = cv2.GaussianBlur(alpha, (3, 3), 0).astype(np.float32)[..., None] / 255
        layer = self._resample(source, offset, back, box)
        part[:] = (part + weight * (layer.astype(np.float32) - part) + 0.5).astype(np.uint8)

    def _draw_mouth(self, image: np.ndarray, points: np.ndarray, still: np.ndarray, back: np.ndarray) -> None:
        upper, lower = _LIP_CURVE @ points[UPPER_LIP], _LIP_CURVE @ points[LOWER_LIP]
        # Lips never cross: where the lower one would rise over the upper one they touch.
        lower[:, 1] = np.maximum(lower[:, 1], upper[:, 1])
        self._show_through(image, self._interior, still, back, np.vstack([upper, lower[::-1]]))
        self._stroke(image, upper, 0.45, 1.1)

    def _stroke(self, image: np.ndarray, line: np.ndarray, strength: float, width: float) -> None:
        if strength < 0.02:
            return
        low = np.maximum(np.floor(line.min(axis=0)).astype(int) - 6, 0)
        high = np.minimum(np.ceil(line.max(axis=0)).astype(int) + 7, self.size)
        if np.any(high - low < 2):
            return
        part = image[low[1] : high[1], low[0] : high[0]]
        alpha = np.zeros(part.shape[:2], np.uint8)
        thickness = max(1, round(width * self._scale))
        cv2.polylines(alpha, [np.round((line - low) * 16).astype(np.int32)], False, 255, thickness, cv2.LINE_AA, 4)
        weight = strength * cv2.GaussianBlur(alpha, (0, 0), 0.45 * self._scale).astype(np.float32)[..., None] / 255
        part[:] = (part * (1 - weight) + weight * np.array([28, 30, 50]) + 0.5).astype(np.uint8)

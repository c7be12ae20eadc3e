"""Heat maps over a registered face: where on it the numbers of a feature vector lie, and how that is drawn."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from facs_pipeline.explanations.face_regions import REGIONS, region_map
from facs_pipeline.features.lbp import GRID
from facs_pipeline.features.registration import TEXTURE
from facs_pipeline.features.vector import SETTINGS

LANDMARK_SPREAD = 4.0
"""Standard deviation in texture pixels of the bell that stands for a landmark."""

# BGR; told apart by people who see no red or no green (Okabe & Ito 2008).
_FOR, _AGAINST = np.array([0, 94, 213.0]), np.array([178, 114, 0.0])
_INK, _PAPER, _FONT = (40, 40, 40), (250, 250, 250), cv2.FONT_HERSHEY_SIMPLEX
_STRONGEST = 0.75
_GAP = 10


def lbp_heat(values: np.ndarray) -> np.ndarray:
    """A number for each value of the LBP histograms [5900] -> sums over each cell, spread over its pixels [120, 120].

    Examples
    --------
    >>> heat = lbp_heat(np.eye(1, 5900, 59 * 34)[0])
    >>> round(float(heat[36:48, 48:60].sum()), 9), round(float(heat.sum()), 9)
    (1.0, 1.0)
    """
    side = TEXTURE // GRID
    return np.kron(values.reshape(GRID, GRID, -1).sum(axis=2), np.full((side, side), 1 / side**2))


def hog_heat(values: np.ndarray) -> np.ndarray:
    """A number for each value of the gradient histograms [2592] -> sums over each window, spread over its pixels.

    Examples
    --------
    >>> heat = hog_heat(np.eye(1, 2592, 8 * (18 * 10 + 4))[0])
    >>> round(float(heat[60:73, 24:37].sum()), 9), round(float(heat.sum()), 9)
    (1.0, 1.0)
    """
    window, stride, orientations = SETTINGS.hog
    side = int(np.sqrt(len(values) / orientations))
    sums = values.reshape(side, side, orientations).sum(axis=2) / window**2
    heat = np.zeros((TEXTURE, TEXTURE))
    for row in range(side):
        for column in range(side):
            heat[stride * row : stride * row + window, stride * column : stride * column + window] += sums[row, column]
    return heat


def spread(values: np.ndarray, places: np.ndarray, width: float) -> np.ndarray:
    """Values [n] at places [n, 2] (x, y) as a smooth map [120, 120] of the same sum; those outside lie at its edge."""
    columns, rows = np.clip(np.round(places), 0, TEXTURE - 1).astype(np.intp).T
    dots = np.zeros((TEXTURE, TEXTURE))
    np.add.at(dots, (rows, columns), values)
    # A border that reflects gives back what a bell would lose beyond it.
    return cv2.GaussianBlur(dots, (0, 0), width, borderType=cv2.BORDER_REFLECT)


def sums_by_region(heat: np.ndarray, points: np.ndarray) -> dict[str, float]:
    """Sum of a heat map [120, 120] over each of `REGIONS` of the face with `points` [68, 2], in their order."""
    parts = region_map(points)
    return {name: float(heat[parts == number].sum()) for number, name in enumerate(REGIONS)}


# ------------------------------------------------------------------------------------------------------- pictures


def draw_face(face: np.ndarray, side: int, label: str = "") -> np.ndarray:
    """A registered face [120, 120] uint8 enlarged to [side, side, 3], a `label` in its lower corner."""
    shown = cv2.cvtColor(cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC), cv2.COLOR_GRAY2BGR)
    if label:
        (width, _), _ = cv2.getTextSize(label, _FONT, 0.42, 1)
        shown[-20:, : width + 12] = _PAPER
        cv2.putText(shown, label, (6, side - 6), _FONT, 0.42, _INK, 1, cv2.LINE_AA)
    return shown


def draw_heat(
    face: np.ndarray,
    heat: np.ndarray,
    points: np.ndarray,
    values: np.ndarray,
    side: int,
    come_from: np.ndarray | None = None,
) -> np.ndarray:
    """A registered face under a heat map: orange above zero, blue below; landmarks as circles.

    Parameters
    ----------
    face, heat : ndarray
        Ndarray [120, 120], uint8 and float.
    points : ndarray
        Ndarray [n, 2], landmarks in pixels of the face.
    values : ndarray
        Ndarray [n], whose size is the size of each landmark's circle, and whose sign its colour.
    come_from : ndarray or None
        Ndarray [n, 2], optional, from where a line is drawn to each of them.

    Returns
    -------
    ndarray [side, side, 3] uint8, BGR
    """
    shown = draw_face(face, side)
    heat = cv2.resize(heat.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR)
    heat = cv2.GaussianBlur(heat, (0, 0), side / 30)
    strongest = max(float(np.percentile(np.abs(heat), 99)), 1e-9)
    strength = np.minimum(np.abs(heat) / strongest, 1) * _STRONGEST
    colour = np.where(heat[..., None] > 0, _FOR, _AGAINST)
    # Colour on a paler face: on a dark one neither of the two could be told from the face's own greys.
    pale = 255 - 0.6 * (255 - shown.astype(np.float32))
    shown = np.round(pale + strength[..., None] * (colour - pale)).astype(np.uint8)
    strongest = float(np.abs(values).max())
    if not strongest:
        return shown
    scale = side / TEXTURE
    ends, starts = _sixteenths(points, scale), _sixteenths(points if come_from is None else come_from, scale)
    for start, end in zip(starts, ends, strict=True):
        cv2.line(shown, start, end, (255, 255, 255), 3, cv2.LINE_AA, 4)
        cv2.line(shown, start, end, _INK, 1, cv2.LINE_AA, 4)
    for centre, value in zip(ends, values, strict=True):
        radius = float(1 + 2.2 * scale * np.sqrt(abs(value) / strongest))
        fill = (_FOR if value > 0 else _AGAINST).tolist()
        cv2.circle(shown, centre, round(16 * (radius + 1)), (255, 255, 255), -1, cv2.LINE_AA, 4)
        cv2.circle(shown, centre, round(16 * radius), fill, -1, cv2.LINE_AA, 4)
    return shown


def _sixteenths(points: np.ndarray, scale: float) -> list[tuple[int, int]]:
    """Where OpenCV draws texture pixels of an enlarged face, in its 16ths of a pixel."""
    # Pixel centres: scaling by f maps x to f * (x + 0.5) - 0.5.
    places = np.round(16 * (scale * (points + 0.5) - 0.5)).astype(int)
    return [(x, y) for x, y in places.tolist()]


def picture(panels: Sequence[np.ndarray], title: str, legend: tuple[str, str], lines: Sequence[str]) -> np.ndarray:
    """Panels [side, side, 3] beside each other, what they show below: a title, what each colour means, text.

    Returns
    -------
    ndarray [h, n * (side + 10) + 10, 3] uint8, BGR
    """
    gap = np.full((len(panels[0]), _GAP, 3), _PAPER, np.uint8)
    row = np.hstack([gap, *(part for panel in panels for part in (panel, gap))])
    above = np.full((_GAP, row.shape[1], 3), _PAPER, np.uint8)
    return np.vstack([above, row, _caption(title, legend, lines, row.shape[1])])


def _caption(title: str, legend: tuple[str, str], lines: Sequence[str], width: int) -> np.ndarray:
    size, line = 0.42, 18
    wrapped = [part for text in lines for part in _wrapped(text, width - 20, size)]
    strip = np.full((2 * line + 16 + line * len(wrapped) + 8, width, 3), _PAPER, np.uint8)
    cv2.putText(strip, title, (10, line), _FONT, 0.5, _INK, 1, cv2.LINE_AA)
    x = width // 2
    for colour, text in zip((_FOR, _AGAINST), legend, strict=True):
        cv2.rectangle(strip, (x, line - 10), (x + 10, line), tuple(colour), -1)
        cv2.putText(strip, text, (x + 15, line), _FONT, 0.38, _INK, 1, cv2.LINE_AA)
        x += 25 + cv2.getTextSize(text, _FONT, 0.38, 1)[0][0]
    for number, text in enumerate(wrapped):
        cv2.putText(strip, text, (10, 2 * line + 10 + line * number), _FONT, size, _INK, 1, cv2.LINE_AA)
    return strip


def _wrapped(text: str, width: int, size: float) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and cv2.getTextSize(longer, _FONT, size, 1)[0][0] > width:
            lines.append(f"  {word}")
        else:
            lines[-1] = longer if len(lines) == 1 else f"{lines[-1]} {word}"
    return lines

"""Charts as inline SVG: they scale with the page, need no script, and say in words what they show.

Colours are classes (``c0`` .. ``c7``: Okabe and Ito's palette, in style.css), so that dark mode and print can change
them, and lines differ in their dashes as well. Numbers have a fixed number of decimals: same input, same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from markupsafe import Markup, escape

LANE, GAP, AXIS, TOP = 44, 6, 22, 2
SQUARE = 300


class Line(NamedTuple):
    """A line of a lane.

    Attributes
    ----------
    style : str
        Its CSS class.
    x : ndarray of float
        Seconds [n].
    y : ndarray of float
        Values [n], NaN where it is interrupted.
    """

    style: str
    x: np.ndarray
    y: np.ndarray


class Lane(NamedTuple):
    """One strip of a `lanes` chart.

    Attributes
    ----------
    label : str
        Printed at its left end.
    lines : list of Line
        What is drawn.
    low, high : float
        Range of its axis.
    note : str
        Printed at its right end.
    marks : sequence of (float, float)
        Stretches in seconds that are marked.
    style : str
        CSS class of the marks.
    """

    label: str
    lines: list[Line]
    low: float
    high: float
    note: str = ""
    marks: Sequence[tuple[float, float]] = ()
    style: str = "mark"


def lanes(
    rows: Sequence[Lane],
    *,
    span: tuple[float, float],
    gaps: Sequence[tuple[float, float]] = (),
    uncertain: Sequence[tuple[float, float]] = (),
    title: str,
    description: str,
    id: str,
) -> Markup:
    """Lanes above each other on one axis of time.

    Parameters
    ----------
    rows : sequence of Lane
        From top to bottom.
    span : (float, float)
        First and last second of the axis.
    gaps : sequence of (float, float)
        Stretches in seconds drawn over all lanes: no face.
    uncertain : sequence of (float, float)
        The same of stretches of low confidence.
    title, description : str
        For readers who do not see the picture.
    id : str
        Unique on the page.
    """
    first, last = span
    length = max(last - first, 1e-6)
    height = TOP + len(rows) * (LANE + GAP) + AXIS
    out = [
        f'<svg class="lanes" width="100%" height="{height}" role="img" aria-labelledby="{id}-t {id}-d" '
        f'data-first="{first:.3f}" data-last="{last:.3f}">',
        f'<title id="{id}-t">{escape(title)}</title><desc id="{id}-d">{escape(description)}</desc>',
    ]
    bottom = height - AXIS
    for start, end, style in [(*gap, "gap") for gap in gaps] + [(*part, "uncertain") for part in uncertain]:
        x, width = 100 * (start - first) / length, 100 * (end - start) / length
        out.append(f'<rect class="{style}" x="{x:.2f}%" width="{max(width, 0.2):.2f}%" y="0" height="{bottom}"/>')
    for number, row in enumerate(rows):
        top: float = TOP + number * (LANE + GAP)
        out.append(f'<rect class="frame" x="0" y="{top}" width="100%" height="{LANE}"/>')
        for start, end in row.marks:
            x, width = 100 * (start - first) / length, max(100 * (end - start) / length, 0.2)
            for style, y, high in ((row.style, top, LANE), (f"{row.style} foot", top + LANE - 3, 3)):
                out.append(f'<rect class="{style}" x="{x:.2f}%" width="{width:.2f}%" y="{y}" height="{high}"/>')
        if row.low < 0 < row.high:
            y = top + LANE * row.high / (row.high - row.low)
            out.append(f'<line class="zero" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(
            f'<svg x="0" y="{top}" width="100%" height="{LANE}" viewBox="0 0 1000 100" preserveAspectRatio="none">'
        )
        for line in row.lines:
            out += _paths(line, first, length, row)
        out.append("</svg>")
        out.append(f'<text class="label" x="6" y="{top + 13}">{escape(row.label)}</text>')
        if row.note:
            out.append(
                f'<text class="note" x="100%" dx="-6" y="{top + 13}" text-anchor="end">{escape(row.note)}</text>'
            )
    for second in ticks(first, last):
        x = 100 * (second - first) / length
        anchor = "start" if x < 3 else "end" if x > 97 else "middle"
        out.append(f'<text class="tick" x="{x:.2f}%" y="{height - 7}" text-anchor="{anchor}">{second:g} s</text>')
    out.append(f'<line class="cursor" x1="-9" x2="-9" y1="0" y2="{bottom}"/></svg>')
    return Markup("".join(out))


def _paths(line: Line, first: float, length: float, row: Lane) -> list[str]:
    """The line in a box of 1000 x 100, interrupted at NaN, in steps from point to point: half the bytes of places."""
    x = np.round(1000 * (np.asarray(line.x) - first) / length)
    y = np.asarray(line.y, float)
    scaled = np.round(100 * (1 - (np.clip(y, row.low, row.high) - row.low) / max(row.high - row.low, 1e-9)))
    drawn = np.isfinite(scaled) & np.isfinite(x)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], drawn.astype(int), [0]))))
    out = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        px, py = x[start:end].astype(int), scaled[start:end].astype(int)
        # A point within a level stretch adds nothing.
        turns = np.ones(len(px), bool)
        turns[1:-1] = (py[1:-1] != py[:-2]) | (py[1:-1] != py[2:])
        px, py = px[turns], py[turns]
        steps = zip(np.diff(px).tolist(), np.diff(py).tolist(), strict=True)
        out.append(f"M{px[0]} {py[0]}" + "".join(f"l{dx} {dy}" for dx, dy in steps))
    return [f'<path class="{line.style}" d="{"".join(out)}"/>'] if out else []


def ticks(first: float, last: float, most: int = 6) -> list[float]:
    """Round numbers from `first` to `last`, about `most` of them.

    >>> ticks(0, 3)
    [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    """
    length = max(last - first, 1e-6)
    step = next(
        (s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800) if length / s <= most), 3600.0
    )
    start = np.ceil(first / step - 1e-9)
    return [round(float(value * step), 3) + 0.0 for value in np.arange(start, np.floor(last / step + 1e-9) + 1)]


class XY(NamedTuple):
    """A curve of a square chart.

    Attributes
    ----------
    name : str
        What it is of.
    x, y : sequence of float
        Its points [n].
    low, high : sequence of float
        The interval of each y [n], or nothing.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True)
class Axes:
    """Axes of a square chart, and the lines that its curves are held against.

    Attributes
    ----------
    x_label, y_label : str
        What they measure.
    x_range, y_range : (float, float)
        Their ends.
    diagonal : bool
        Whether the line of calibration or chance is drawn, from corner to corner.
    level : float, optional
        Height of a horizontal line.
    """

    x_label: str
    y_label: str
    x_range: tuple[float, float] = (0.0, 1.0)
    y_range: tuple[float, float] = (0.0, 1.0)
    diagonal: bool = False
    level: float | None = None

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point lies, 0..1 to the right and downwards."""
        right = (x - self.x_range[0]) / ((self.x_range[1] - self.x_range[0]) or 1)
        up = (y - self.y_range[0]) / ((self.y_range[1] - self.y_range[0]) or 1)
        return right, 1 - up


def square(curves: Sequence[XY], axes: Axes, *, title: str, description: str, id: str) -> Markup:
    """A chart as high as it is wide.

    Parameters
    ----------
    curves : sequence of XY
        Drawn as lines; those with intervals have dots as well.
    axes : Axes
        What the curves are drawn over.
    title, description : str
        For readers who do not see the picture.
    id : str
        Unique on the page.
    """
    left, top, size = 46, 12, SQUARE - 66

    def at(x: float, y: float) -> tuple[float, float]:
        right, down = axes.place(x, y)
        return left + size * right, top + size * down

    out = [
        f'<svg class="square" viewBox="0 0 {SQUARE} {SQUARE}" role="img" aria-labelledby="{id}-t {id}-d">',
        f'<title id="{id}-t">{escape(title)}</title><desc id="{id}-d">{escape(description)}</desc>',
        f'<rect class="frame" x="{left}" y="{top}" width="{size}" height="{size}"/>',
    ]
    if axes.diagonal:
        out.append(f'<line class="zero" x1="{left}" y1="{top + size}" x2="{left + size}" y2="{top}"/>')
    if axes.level is not None:
        y = at(0, axes.level)[1]
        out.append(f'<line class="zero" x1="{left}" x2="{left + size}" y1="{y:.1f}" y2="{y:.1f}"/>')
    for share in (0, 0.25, 0.5, 0.75, 1):
        x_value = axes.x_range[0] + share * (axes.x_range[1] - axes.x_range[0])
        y_value = axes.y_range[0] + share * (axes.y_range[1] - axes.y_range[0])
        x, y = left + size * share, top + size * (1 - share)
        out.append(f'<text class="tick" x="{x:.0f}" y="{top + size + 14}" text-anchor="middle">{x_value:.4g}</text>')
        out.append(f'<text class="tick" x="{left - 5}" y="{y + 4:.0f}" text-anchor="end">{y_value:.4g}</text>')
    for number, curve in enumerate(curves):
        places = [at(x, y) for x, y in zip(curve.x, curve.y, strict=True)]
        for x, low, high in zip(curve.x, curve.low, curve.high, strict=False):
            (px, y0), (_, y1) = at(x, low), at(x, high)
            out.append(f'<line class="c{number % 8}" x1="{px:.1f}" x2="{px:.1f}" y1="{y0:.1f}" y2="{y1:.1f}"/>')
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        out.append(f'<polyline class="c{number % 8}" points="{points}"/>')
        if curve.low:
            out += [f'<circle class="d{number % 8}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places]
    middle = left + size / 2
    out.append(f'<text class="axis" x="{middle}" y="{SQUARE - 22}" text-anchor="middle">{escape(axes.x_label)}</text>')
    y_mid = top + size / 2
    out.append(
        f'<text class="axis" x="11" y="{y_mid}" text-anchor="middle" transform="rotate(-90 11 {y_mid})">'
        f"{escape(axes.y_label)}</text></svg>"
    )
    return Markup("".join(out))


def heat(counts: np.ndarray, step: float, *, title: str, description: str, id: str) -> Markup:
    """Counts as cells, the darker the more there are.

    Parameters
    ----------
    counts : ndarray of int
        [m, m]; rows go from left to right, columns upwards.
    step : float
        Width of a bin.
    title, description : str
        For readers who do not see the picture.
    id : str
        Unique on the page.
    """
    bins, cell, left, top = len(counts), 100 / len(counts), 24, 4
    tall = np.log1p(max(int(counts.max()), 1))
    out = [
        f'<svg class="heat" viewBox="0 0 130 128" role="img" aria-labelledby="{id}-t {id}-d">'
        f'<title id="{id}-t">{escape(title)}</title><desc id="{id}-d">{escape(description)}</desc>'
        f'<rect class="frame" x="{left}" y="{top}" width="100" height="100"/>'
    ]
    for i, j in zip(*np.nonzero(counts), strict=True):
        shade = max(1, round(8 * float(np.log1p(counts[i, j]) / tall)))
        x, y = left + cell * i, top + 100 - cell * (j + 1)
        out.append(f'<rect class="h{shade}" x="{x:g}" y="{y:g}" width="{cell:g}" height="{cell:g}"/>')
    out.append(f'<line class="zero" x1="{left}" y1="{top + 100}" x2="{left + 100}" y2="{top}"/>')
    out.append(f'<text class="tick" x="{left}" y="117" text-anchor="middle">0</text>')
    end = f"{bins * step:g}"
    out.append(f'<text class="tick" x="{left + 98}" y="117" text-anchor="middle">{end}</text>')
    out.append(f'<text class="tick" x="{left - 4}" y="{top + 9}" text-anchor="end">{end}</text>')
    out.append(f'<text class="axis" x="{left + 50}" y="125" text-anchor="middle">label</text>')
    out.append(
        f'<text class="axis" x="9" y="{top + 50}" text-anchor="middle" transform="rotate(-90 9 {top + 50})">'
        "prediction</text></svg>"
    )
    return Markup("".join(out))


def histogram(counts: Sequence[int], edges: Sequence[float], *, title: str, id: str) -> Markup:
    """A small bar chart of counts [n] between edges [n + 1], on a square root scale so that rare values show."""
    roots = np.sqrt(np.asarray(counts, float))
    tall = max(float(roots.max()) if len(roots) else 0.0, 1.0)
    text = ", ".join(f"{edges[i]:g} to {edges[i + 1]:g}: {count}" for i, count in enumerate(counts))
    out = [
        f'<svg class="bars" viewBox="0 0 {10 * len(counts)} 40" preserveAspectRatio="none" role="img" '
        f'aria-labelledby="{id}-t {id}-d"><title id="{id}-t">{escape(title)}</title><desc id="{id}-d">{text}</desc>'
    ]
    for number, root in enumerate(roots):
        high = 38 * root / tall
        out.append(f'<rect class="d0" x="{10 * number + 1}" y="{39 - high:.1f}" width="8" height="{high:.1f}"/>')
    return Markup("".join([*out, "</svg>"]))


def dots(names: Sequence[str], curve: XY, *, title: str, id: str) -> Markup:
    """One row per name with its value in 0..1 as a dot and its interval as a line."""
    row, left, width = 22, 52, 420
    height = row * len(names) + 26
    text = ", ".join(f"{name} {value:.2f}" for name, value in zip(names, curve.y, strict=True))
    out = [
        f'<svg class="dots" viewBox="0 0 {left + width + 48} {height}" role="img" aria-labelledby="{id}-t {id}-d">'
        f'<title id="{id}-t">{escape(title)}</title><desc id="{id}-d">{escape(text)}</desc>'
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        x = left + width * share
        out.append(f'<line class="zero" x1="{x}" x2="{x}" y1="0" y2="{height - 20}"/>')
        out.append(f'<text class="tick" x="{x}" y="{height - 6}" text-anchor="middle">{share:g}</text>')
    for number, (name, value, low, high) in enumerate(zip(names, curve.y, curve.low, curve.high, strict=True)):
        y = row * number + 12
        x, x0, x1 = (left + width * float(np.clip(v, 0, 1)) for v in (value, low, high))
        out.append(f'<text class="tick" x="{left - 6}" y="{y + 4}" text-anchor="end">{escape(name)}</text>')
        out.append(f'<line class="c0" x1="{x0:.1f}" x2="{x1:.1f}" y1="{y}" y2="{y}"/>')
        out.append(f'<circle class="d0" cx="{x:.1f}" cy="{y}" r="4"/>')
        out.append(f'<text class="tick" x="{left + width + 8}" y="{y + 4}">{value:.2f}</text>')
    return Markup("".join([*out, "</svg>"]))

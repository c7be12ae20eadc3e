"""Action-unit curves of two videos in one SVG picture: one panel per action unit, both videos on the same axes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

COLOURS = ("#0072b2", "#d55e00")  # blue and vermilion of Okabe and Ito: distinct for colour-blind readers too
WIDTH, PANEL, LEFT, RIGHT, TOP, GAP, BOTTOM = 720, 110, 64, 16, 54, 16, 40


def plot_curves(
    names: tuple[str, str],
    times: tuple[np.ndarray, np.ndarray],
    intensities: tuple[np.ndarray, np.ndarray],
    aus: Sequence[str],
    *,
    title: str = "",
    captions: tuple[str, str] = ("", ""),
) -> str:
    """SVG text of both videos' intensities over time.

    Parameters
    ----------
    names : tuple of str
        The two videos.
    times : tuple of ndarray of float
        `[n]` and `[m]` in seconds; each video starts at 0 in the picture.
    intensities : tuple of ndarray of float
        `[n, k]` and `[m, k]`, 0..5; NaN in frames without a face, where the line is interrupted.
    aus : sequence of str
        Names `[k]` of the panels, e.g. ``["AU12", "AU25"]``.
    title : str
        Above the picture.
    captions : tuple of str
        After each name in the legend, e.g. ``"real (+0.81)"``.

    Returns
    -------
    str
        The SVG file.

    Notes
    -----
    Plain text with a fixed number of decimals: the same input gives the same bytes.
    """
    duration = max(max(float(t[-1] - t[0]) for t in times if len(t)), 1e-6)
    height = TOP + len(aus) * (PANEL + GAP) + BOTTOM
    inner = WIDTH - LEFT - RIGHT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="18" font-size="14" font-weight="bold">{escape(title)}</text>',
    ]
    for i, (name, caption) in enumerate(zip(names, captions, strict=True)):
        left = LEFT + i * inner // 2
        text = f"{name}{': ' if caption else ''}{caption}"
        lines.append(f'<line x1="{left}" y1="34" x2="{left + 22}" y2="34" stroke="{COLOURS[i]}" stroke-width="3"/>')
        lines.append(f'<text x="{left + 28}" y="38">{escape(text)}</text>')
    for k, unit in enumerate(aus):
        top = TOP + k * (PANEL + GAP)
        peak = max((float(np.nanmax(v[:, k])) for v in intensities if np.isfinite(v[:, k]).any()), default=1.0)
        limit = max(1, int(np.ceil(peak)))
        lines.append(f'<rect x="{LEFT}" y="{top}" width="{inner}" height="{PANEL}" fill="none" stroke="#999"/>')
        lines.append(f'<text x="{LEFT - 10}" y="{top + PANEL / 2 + 4:.0f}" text-anchor="end">{escape(unit)}</text>')
        for value in (0, limit):
            level = top + PANEL * (1 - value / limit)
            lines.append(
                f'<text x="{LEFT - 4}" y="{level + 4:.0f}" text-anchor="end" fill="#666" font-size="10">{value}</text>'
            )
        for i, (time, values) in enumerate(zip(times, intensities, strict=True)):
            for part in _unbroken(values[:, k]):
                x = LEFT + inner * (time[part] - time[0]) / duration
                y = top + PANEL * (1 - np.clip(values[part, k], 0, limit) / limit)
                points = " ".join(f"{px:.1f},{py:.1f}" for px, py in zip(x, y, strict=True))
                lines.append(f'<polyline fill="none" stroke="{COLOURS[i]}" stroke-width="1.6" points="{points}"/>')
    axis = TOP + len(aus) * (PANEL + GAP) - GAP
    step = next(s for s in (0.5, 1, 2, 5, 10, 30, 60, 300, 1e9) if duration / s <= 10)
    for second in np.arange(0, duration + 1e-9, step):
        x = LEFT + inner * second / duration
        lines.append(
            f'<text x="{x:.1f}" y="{axis + 14}" text-anchor="middle" fill="#666" font-size="10">{second:g}</text>'
        )
    lines.append(
        f'<text x="{LEFT + inner / 2:.0f}" y="{axis + 30}" text-anchor="middle">time (s); intensity 0 to 5</text>'
    )
    return "\n".join([*lines, "</svg>", ""])


def _unbroken(values: np.ndarray) -> list[slice]:
    """Slices of consecutive finite values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], np.isfinite(values), [False]]).astype(int)))
    return [slice(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True)]

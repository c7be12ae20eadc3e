"""Curves of action units over time as a figure to print: a panel for each unit, events as ticks, doubts shaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facs_pipeline.action_units.baseline import resting_intensity, subtract_resting
from facs_pipeline.action_units.names import AU_NAMES
from facs_pipeline.dynamics.events import find_events
from facs_pipeline.dynamics.quality import LOW_CONFIDENCE, stretches
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.figures import figure_style, new_figure
from facs_pipeline.study.curves import LONGEST_STEP, Curves, read_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Told apart by people who see no red or no green (Okabe & Ito 2008).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MM = 1 / 25.4
_DOUBT, _EVENT = "#d9d9d9", "#555555"
_MOST = 12
"""Panels of a figure."""


@dataclass(frozen=True)
class TimelineOptions:
    """What is drawn, and how large.

    Attributes
    ----------
    aus : tuple of int
        Action units, a panel each; none for the six that move most.
    faces : tuple of str
        Ids of faces, a colour each; none for the one that is seen longest.
    start_s, end_s : float, optional
        Part of the video, in seconds of its time stamps.
    width_mm, height_mm : float, optional
        Of the figure; by default 180 mm wide (two columns of a journal), and 16 mm a panel.
    events : bool
        Whether onset, apex and offset of movements are marked.
    min_confidence : float
        0..1; below, the curve is shaded.
    """

    aus: tuple[int, ...] = ()
    faces: tuple[str, ...] = ()
    start_s: float | None = None
    end_s: float | None = None
    width_mm: float = 180.0
    height_mm: float | None = None
    events: bool = True
    min_confidence: float = LOW_CONFIDENCE


def draw_timeline(table: Path, options: TimelineOptions | None = None) -> Figure:
    """Draw the curves of one video.

    Parameters
    ----------
    table : Path
        Its action-unit table.
    options : TimelineOptions, optional

    Returns
    -------
    matplotlib.figure.Figure
        For `facs_pipeline.foundation.figures.save_figure`, or a notebook.

    Raises
    ------
    InputError
        If the table cannot be read, lacks a face or an action unit, or has nothing in the part that is asked for.
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    options = options or TimelineOptions()
    faces = options.faces or (read_curves(table, min_confidence=0).face_id,)
    every = [read_curves(table, options.aus, min_confidence=0, face=face) for face in faces]
    aus = options.aus or _liveliest(every)
    if len(aus) > _MOST:
        raise InputError(f"{len(aus)} action units: at most {_MOST} fit a figure; choose them")
    times = every[0].times_s
    start = times[0] if options.start_s is None else options.start_s
    end = times[-1] if options.end_s is None else options.end_s
    if not ((times >= start) & (times <= end)).any() or end < start:
        raise InputError(
            f"{table}: no frame from {start:g} to {end:g} s; the video has them from {times[0]:g} to {times[-1]:g} s"
        )
    height = options.height_mm or 16.0 * len(aus) + 16.0
    with figure_style():
        layout = ConstrainedLayoutEngine(h_pad=1.2 * MM, hspace=0.0)
        figure = new_figure(figsize=(options.width_mm * MM, height * MM), layout=layout)
        panels: list[Axes] = list(figure.subplots(len(aus), 1, sharex=True, sharey=True, squeeze=False)[:, 0])
        for panel, au in zip(panels, aus, strict=True):
            for place, face in enumerate(every):
                _draw_curve(panel, face, au, COLOURS[place % len(COLOURS)])
                if options.events:
                    _draw_events(panel, face, au, COLOURS[place % len(COLOURS)] if len(every) > 1 else _EVENT, place)
                _shade(panel, face, options.min_confidence)
            _label(panel, au)
        panels[0].set_xlim(start, end if end > start else start + 1)
        panels[-1].set_xlabel("Time (s)", fontsize=8)
        figure.supylabel("Intensity (0 to 5)", fontsize=8)
        _legend(figure, panels[0], [face.face_id for face in every], options)
    return figure


def _liveliest(faces: Sequence[Curves]) -> tuple[int, ...]:
    """The six action units with the widest range, by number."""
    values = np.concatenate([face.values for face in faces])
    wide = np.full(values.shape[1], -np.inf)
    for k in range(values.shape[1]):
        there = values[np.isfinite(values[:, k]), k]
        if len(there):
            wide[k] = np.ptp(np.percentile(there, [2, 98]))
    return tuple(sorted(faces[0].aus[k] for k in np.argsort(-wide, kind="stable")[:6]))


def _column(face: Curves, au: int) -> np.ndarray:
    return face.values[:, face.aus.index(au)]


def _draw_curve(panel: Axes, face: Curves, au: int, colour: str) -> None:
    values = _column(face, au)
    # A line over a gap would be an invention.
    breaks = np.flatnonzero(np.diff(face.times_s) > LONGEST_STEP * face.step_s) + 1
    times = np.insert(face.times_s, breaks, np.nan)
    panel.plot(times, np.insert(values, breaks, np.nan), color=colour, linewidth=0.9, solid_joinstyle="round")


def _draw_events(panel: Axes, face: Curves, au: int, colour: str, place: int) -> None:
    values = _column(face, au)
    if not np.isfinite(values).any():
        return
    above = subtract_resting(values[:, None], resting_intensity(values[:, None]))[:, 0]
    height = 4.75 - 0.55 * place
    for event in find_events(above, face.times_s):
        panel.plot([event.onset_s, event.offset_s], [height, height], color=colour, linewidth=0.6)
        ends = [event.onset_s] * event.onset_seen + [event.offset_s] * event.offset_seen
        panel.plot(ends, [height] * len(ends), "|", color=colour, markersize=3.5, markeredgewidth=0.7)
        panel.plot([event.apex_s], [height], "v", color=colour, markersize=2.6, markeredgewidth=0)


def _shade(panel: Axes, face: Curves, min_confidence: float) -> None:
    half = face.step_s / 2
    for first, last in stretches(~face.seen | (face.confidence < min_confidence)):
        start, end = float(face.times_s[first]) - half, float(face.times_s[last]) + half
        panel.axvspan(start, end, color=_DOUBT, linewidth=0, zorder=0)


def _label(panel: Axes, au: int) -> None:
    panel.set_ylim(0, 5.2)
    panel.set_yticks([0, 5])
    panel.set_yticks([1, 2, 3, 4], minor=True)
    panel.tick_params(labelsize=7, width=0.5, length=2.5)
    panel.tick_params(which="minor", width=0.4, length=1.5)
    panel.spines[["top", "right"]].set_visible(False)
    panel.spines[["left", "bottom"]].set_linewidth(0.5)
    words = AU_NAMES.get(au, "").lower()
    panel.set_title(f"AU{au} {words}".rstrip(), fontsize=8, loc="left", pad=1.5)


def _legend(figure: Figure, panel: Axes, faces: Sequence[str], options: TimelineOptions) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries: list[Line2D | Patch] = []
    if len(faces) > 1:
        entries += [
            Line2D([], [], color=COLOURS[k % len(COLOURS)], linewidth=0.9, label=f"face {face}")
            for k, face in enumerate(faces)
        ]
    if options.events:
        entries.append(
            Line2D(
                [], [], color=_EVENT, marker="v", markersize=3, linewidth=0.6, markeredgewidth=0,
                label="onset, apex and offset of a movement",
            )
        )  # fmt: skip
    if panel.patches:
        entries.append(Patch(color=_DOUBT, label=f"no face, or confidence below {options.min_confidence:g}"))
    if entries:
        figure.legend(
            handles=entries, loc="outside lower right", ncols=len(entries), fontsize=7, frameon=False, handlelength=1.6
        )

"""`facs plot`: the curves of a video's action units as a figure to print."""

from __future__ import annotations

from pathlib import Path

import click

from .aus import AUNumbers

EPILOG = """\b
Examples:
  facs plot results anna --aus 6,12 --out smile.svg
  facs plot results anna --aus 1,2,4 --from 10 --to 25 --width 85 --out brows.pdf
  facs plot results dyad --faces 0,1 --aus 12 --out both.svg
\b
Ticks mark onset, apex and offset of movements; where there is no face, or its confidence is low, the panel is shaded.
"""


@click.command("plot", epilog=EPILOG)
@click.argument("results", type=click.Path(path_type=Path))
@click.argument("video")
@click.option("--aus", type=AUNumbers(), help="Action units, such as 6,12.  [default: the six that move most]")
@click.option("--faces", default="", metavar="ID,ID..", help="Faces by their id.  [default: the one seen longest]")
@click.option("--from", "start_s", type=float, help="First second.  [default: the video's]")
@click.option("--to", "end_s", type=float, help="Last second.  [default: the video's]")
@click.option(
    "--width", "width_mm", type=click.FloatRange(30, 1000), default=180.0, show_default=True, help="In millimetres."
)
@click.option("--height", "height_mm", type=click.FloatRange(20, 1000), help="In millimetres.  [default: 16 a panel]")
@click.option("--no-events", is_flag=True, help="Leave out onset, apex and offset.")
@click.option("--min-confidence", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Below is shaded.")
@click.option(
    "--out", type=click.Path(path_type=Path), default="curves.svg", show_default=True, help=".svg, .pdf or .png."
)
def command(
    results: Path,
    video: str,
    aus: tuple[int, ...] | None,
    faces: str,
    start_s: float | None,
    end_s: float | None,
    width_mm: float,
    height_mm: float | None,
    no_events: bool,
    min_confidence: float,
    out: Path,
) -> None:
    """Draw the curves of VIDEO, one of those in RESULTS, a folder that facs extract-features wrote."""
    from facs_pipeline.foundation.figures import require_figures, save_figure
    from facs_pipeline.foundation.files.atomic import require_place
    from facs_pipeline.study.loaded import load
    from facs_pipeline.study.timeline import TimelineOptions

    require_figures(out)
    require_place(out, "name another file with --out")
    ids = tuple(one.strip() for one in faces.split(",") if one.strip())
    options = TimelineOptions(
        aus or (), ids, start_s, end_s, width_mm, height_mm, events=not no_events, min_confidence=min_confidence
    )
    save_figure(load(results).plot_timeline(video, options=options), out)
    click.echo(f"{out}")

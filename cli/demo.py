"""`facs demo`: synthetic videos, and the whole pipeline on them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import ConsoleProgress

if TYPE_CHECKING:
    from facs_pipeline.demo import Demo

EPILOG = """\b
Examples:
  facs demo
  facs demo --out /tmp/demo --identities 6 --seed 1
\b
Results: OUT/videos (synthetic videos, metadata.csv, truth/ with the curves that drove them) and
OUT/results (what `facs extract-features` writes), OUT/ranking (genuine against posed). Nothing is downloaded.
"""


@click.command("demo", epilog=EPILOG)
@click.option("--out", type=click.Path(path_type=Path), default="facs-demo", show_default=True, help="Output folder.")
@click.option("--jobs", type=click.IntRange(min=1), help="Videos processed side by side.  [default: one per core]")
@click.option(
    "--identities", type=click.IntRange(1, 100), default=7, show_default=True, help="Number of synthetic people."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another seed gives other movements."
)
@click.option("--verbose", is_flag=True, help="Say why each stage is computed.")
def command(out: Path, jobs: int | None, identities: int, seed: int, verbose: bool) -> int:
    """Make SYNTHETIC videos and run the whole pipeline on them.

    The videos are animations of one public-domain portrait, driven by made-up action-unit curves: they show that
    everything works on this machine, and nothing about real people.
    """
    from facs_pipeline.authenticity.demo import rank_demo
    from facs_pipeline.demo import run_demo

    click.echo(
        "The videos of this demonstration are SYNTHETIC: one public-domain portrait (NASA's photograph of the\n"
        "astronaut Eileen Collins), reshaped into several faces and moved by made-up action-unit curves.\n"
        "Figures below show that the pipeline works here. They say nothing about real people.\n"
    )
    demo = run_demo(out, identities=identities, seed=seed, jobs=jobs, progress=ConsoleProgress(verbose=verbose))
    _print_summary(demo)
    if identities >= 2 and not demo.run.failed:
        click.echo(f"\n{rank_demo(demo.results, out / 'ranking', seed=seed)}")
    else:
        click.echo("\nRanking genuine against posed is left out: it takes two people at least and every video.")
    _print_next(demo)
    return 1 if demo.run.failed else 0


def _print_summary(demo: Demo) -> None:
    frames = sum(video.facts["frames"] for video in demo.run.videos if video.facts)
    with_face = sum(video.facts["frames_with_face"] for video in demo.run.videos if video.facts)
    share = f" ({with_face / frames:.1%})" if frames else ""
    total_s = demo.run.seconds["total"]
    click.echo(f"Drawn    {len(demo.metadata)} synthetic videos in {demo.drawing_s:.1f} s")
    # Stages have times only if something was computed.
    speed = f", {frames / total_s:.0f} frames/s" if len(demo.run.seconds) > 1 else ""
    click.echo(f"Analysed {frames} frames in {total_s:.1f} s{speed}; a face in {with_face}{share}")
    for video in demo.run.failed:
        click.echo(f"Failed   {video.name}: {video.reason}")
    if len(demo.agreement):
        from facs_pipeline.action_units.names import AU_NAMES

        click.echo("\nFound intensities against the synthetic curves that drove them (Pearson r, mean over videos):")
        table = demo.agreement
        for au, r, videos in zip(table.index.tolist(), table["r"].tolist(), table["videos"].tolist(), strict=True):
            click.echo(f"  AU{au:02d}  {AU_NAMES.get(au, ''):<20}  r = {r:5.2f}   {videos:3d} videos")


def _print_next(demo: Demo) -> None:
    results, videos = shlex.quote(str(demo.results)), shlex.quote(str(demo.videos))
    everything = shlex.quote(str(demo.results.parent))
    click.echo(f"\nResults: {demo.results}")
    click.echo("Next, with videos of your own in place of the synthetic ones:")
    click.echo(f"  facs extract-features {videos} --metadata {videos}/metadata.csv --out {results} --overlay")
    click.echo(f"  facs events {results} --out events.csv --elan elan")
    click.echo(f"  facs explain-au {videos}/*_happiness_real.mp4 --au 12 --cache {results}/cache --out explanations")
    click.echo(f"  facs rank-authenticity --features {results} --evaluate --model all")
    click.echo(f"  facs report {everything} --out reports/report.html --open")
    click.echo("  facs columns")

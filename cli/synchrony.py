"""`facs synchrony`: whether two faces move together, and the viewers of a film."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from .aus import AUNumbers
from .console import CountedFailures, print_skipped

if TYPE_CHECKING:
    from facs_pipeline.study.pairs import Pair

EPILOG = """\b
Examples:
  facs synchrony results mother child --aus 6,12        # two videos that begin at the same moment
  facs synchrony results dyad --faces 0,1               # two faces of one video
  facs synchrony results --pairs couples.csv            # columns a, b; face_a, face_b, offset_s if wanted
  facs synchrony results --viewers --by film            # inter-subject correlation
\b
Synchrony is the highest correlation over the lags in windows; chance is that of shuffled windows, and, with three pairs
or more, of exchanged partners.
Results in OUT: synchrony, windows, study (pairs) or films, viewers; variables.csv; figure.
Exit codes: 0 done; 2 wrong usage, or a video, face or action unit that is not there.
"""


@click.command("synchrony", epilog=EPILOG)
@click.argument("results", type=click.Path(path_type=Path))
@click.argument("videos", nargs=-1, metavar="[A B | VIDEO]")
@click.option("--faces", default="", metavar="ID,ID", help="Two faces of VIDEO, or the face of A and that of B.")
@click.option("--offset", type=float, default=0.0, help="Second of B at which A begins.  [default: 0]")
@click.option("--pairs", type=click.Path(path_type=Path), help="Table of pairs.")
@click.option("--viewers", is_flag=True, help="Each viewer with the mean of the other viewers of the same film.")
@click.option("--by", metavar="COLUMN", help="Of the metadata: which film.  [default: all saw the same]")
@click.option("--metadata", type=click.Path(path_type=Path), help="Table of videos.  [default: the run's own]")
@click.option("--aus", type=AUNumbers(), default="6,12", show_default=True, help="Action units.")
@click.option("--window", type=click.FloatRange(min=0, min_open=True), default=5.0, show_default=True, help="Seconds.")
@click.option("--step", type=click.FloatRange(min=0, min_open=True), help="Seconds.  [default: half a window]")
@click.option("--max-lag", type=click.FloatRange(min=0), default=2.0, show_default=True, help="Seconds.")
@click.option("--rate", type=click.FloatRange(1, 1000), help="Moments a second.  [default: the frame rate, at most 25]")
@click.option(
    "--min-confidence", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Of the frames used."
)
@click.option("--surrogates", type=click.IntRange(19), help="Shufflings.  [default: 1999; 499 for viewers]")
@click.option("--out", type=click.Path(path_type=Path), default="facs-synchrony", show_default=True, help="Folder.")
@click.option(
    "--format", "form", type=click.Choice(["csv", "xlsx", "parquet", "sav"]), default="csv", show_default=True,
    help="Of the tables.",
)  # fmt: skip
@click.option(
    "--figure", type=click.Choice(["svg", "png", "pdf", "none"]), default="svg", show_default=True,
    help="Of one pair, or of viewers; needs matplotlib.",
)  # fmt: skip
def command(
    results: Path,
    videos: tuple[str, ...],
    faces: str,
    offset: float,
    pairs: Path | None,
    viewers: bool,
    by: str | None,
    metadata: Path | None,
    aus: tuple[int, ...],
    window: float,
    step: float | None,
    max_lag: float,
    rate: float | None,
    min_confidence: float,
    surrogates: int | None,
    out: Path,
    form: Literal["csv", "xlsx", "parquet", "sav"],
    figure: Literal["svg", "png", "pdf", "none"],
) -> None:
    """Compare faces in RESULTS, a folder that facs extract-features wrote: A with B, two of VIDEO, or all viewers."""
    from facs_pipeline.foundation.figures import require_figures
    from facs_pipeline.foundation.files.atomic import make_writable
    from facs_pipeline.study.files import require_format
    from facs_pipeline.study.pairs import read_pairs, series_of, synchrony_of_pairs, viewers_of_films
    from facs_pipeline.study.results import read_results
    from facs_pipeline.study.synchrony import SynchronyOptions
    from facs_pipeline.study.synchrony_files import draw_pair, draw_viewers, write_synchrony

    if (len(videos) > 0) + (pairs is not None) + viewers != 1:
        raise click.UsageError("expected two videos, or one with --faces, or --pairs FILE, or --viewers")
    if by is not None and not viewers:
        raise click.UsageError("--by is about --viewers")
    named = _named(videos, faces, offset) if videos else None
    require_format(form)
    drawn = out / f"figure.{figure}"
    if figure != "none":
        require_figures(drawn)
    options = SynchronyOptions(
        aus, window, step or window / 2, max_lag, rate, min_confidence, surrogates or (499 if viewers else 1999)
    )
    read = read_results(results, metadata)
    chosen = [named] if named else read_pairs(pairs) if pairs else []
    make_writable(out, "name another folder with --out")
    progress = CountedFailures()
    if viewers:
        of_films = viewers_of_films(read, options, by, progress)
        written = write_synchrony(of_films, out, form)
        print_skipped([tuple(one.split(": ", 1)) for one in of_films.left_out], "Left out")  # type: ignore[misc]
        if figure != "none":
            draw_viewers(of_films, drawn)
        lines = of_films.films.to_dict("records")
        told = [_of_viewers(row, by or "film") for row in lines]
    else:
        found = synchrony_of_pairs(read, chosen, options, progress)
        written = write_synchrony(found, out, form)
        if named and figure != "none":
            draw_pair(series_of(read, named, options), found.pairs, options, named.names, drawn)
        told = [_of_pair(row) for row in found.pairs.head(10).to_dict("records")]
        told += [_of_all(row) for row in found.study.to_dict("records")]
    if figure != "none" and (named or viewers):
        written.append(drawn)
    for line in told:
        click.echo(line)
    click.echo(f"{out} ({', '.join(path.name for path in written)})")


def _named(videos: tuple[str, ...], faces: str, offset: float) -> Pair:
    from facs_pipeline.study.pairs import Pair

    ids = [one.strip() or None for one in faces.split(",")] if faces else [None, None]
    if len(ids) != 2 or len(videos) > 2 or (len(videos) == 1 and not faces):
        raise click.UsageError("expected two videos, or one video and two --faces, such as --faces 0,1")
    return Pair(videos[0], videos[-1], ids[0], ids[1], offset)


def _of_pair(row: dict[Hashable, Any]) -> str:
    who = f"{row['a']}{_face(row['face_a'])} and {row['b']}{_face(row['face_b'])}, {row['signal']}"
    if row["synchrony"] != row["synchrony"]:
        return f"{who}: too few windows ({row['windows']})"
    return (
        f"{who}: synchrony {row['synchrony']:.2f}, by chance {row['chance']:.2f} [{row['chance_low']:.2f}, "
        f"{row['chance_high']:.2f}], p {row['p']:.3g}, lag {row['lag_s']:+.2f} s ({row['windows']} windows)"
    )


def _face(number: object) -> str:
    return f" face {number}" if number else ""


def _of_all(row: dict[Hashable, Any]) -> str:
    if "synchrony" not in row or row["synchrony"] != row["synchrony"]:
        return f"All pairs, {row['signal']}: too few can be compared ({row['pairs']})"
    return (
        f"All {row['pairs']} pairs, {row['signal']}: synchrony {row['synchrony']:.2f} [{row['low']:.2f}, "
        f"{row['high']:.2f}], with partners exchanged {row['chance']:.2f}, p {row['p']:.3g}"
    )


def _of_viewers(row: dict[Hashable, Any], by: str) -> str:
    who = f"{row[by]}, {row['signal']}"
    if "correlation" not in row or row["correlation"] != row["correlation"]:
        return f"{who}: too few viewers can be compared ({row['viewers']})"
    return (
        f"{who}: correlation {row['correlation']:.2f} [{row['low']:.2f}, {row['high']:.2f}] of {row['viewers']} "
        f"viewers with the others, by chance {row['chance']:.2f}, p {row['p']:.3g}"
    )

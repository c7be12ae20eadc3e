"""`facs events`: action-unit tables -> onset, apex and offset of each movement, also as ELAN files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pandas as pd

from facs_pipeline.action_units.baseline import resting_intensity, subtract_resting
from facs_pipeline.dynamics.blinks import visible_seconds
from facs_pipeline.dynamics.elan import write_eaf
from facs_pipeline.dynamics.events import OFFSET, ONSET, SHORTEST_S, Event, find_events, letter
from facs_pipeline.extraction.inputs import safe_name
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.atomic import free_name, make_writable
from facs_pipeline.tables.reader import AUSeries, choose_aus, read_au_table
from facs_pipeline.tables.schema import EVENT_COLUMNS

from .describe import AUList, Log, find_tables, require, write

EPILOG = """\b
Examples:
  facs events results --out events.csv                   # of the folder that extract-features made
  facs events results --aus 1,2,4,12 --elan elan/        # a file for each video that ELAN opens beside it
  facs events openface/*.csv --onset 2 --offset 1 --baseline none
\b
A movement lasts as long as its action unit is at least --offset strong, and reaches --onset somewhere. Intensities
count above the person's resting face (--baseline video); py-feat's values (0..1) are taken five times.
`facs columns events` explains the columns. Exit codes: 0 all done, 1 some tables could not be used, 2 wrong usage.
"""


@click.command("events", epilog=EPILOG)
@click.argument("tables", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), default="events.csv", show_default=True, help="Table to write.")
@click.option("--aus", type=AUList(), default="all", show_default=True, help="Action units: all, default, 1,2,4 ...")
@click.option("--onset", type=click.FloatRange(0, 5), default=ONSET, show_default=True, help="Intensity to be reached.")
@click.option("--offset", type=click.FloatRange(0, 5), default=OFFSET, show_default=True, help="Intensity to be kept.")
@click.option(
    "--shortest", type=click.FloatRange(min=0), default=SHORTEST_S, show_default=True,
    help="Leave out what is over in less time, in seconds.",
)  # fmt: skip
@click.option(
    "--baseline", type=click.Choice(["video", "none"]), default="video", show_default=True,
    help="Subtract the resting face: the median of the calmest tenth of each video's frames.",
)  # fmt: skip
@click.option("--fps", type=click.FloatRange(min=0, min_open=True), help="Frame rate of tables without time stamps.")
@click.option(
    "--min-confidence", type=click.FloatRange(0, 1), default=0.0, show_default=True,
    help="Pass over faces that the table is less sure of: hidden, half outside, blurred.",
)  # fmt: skip
@click.option("--elan", type=click.Path(path_type=Path), metavar="DIR", help="Write <video>.eaf for each video there.")
@click.option(
    "--format", "form", type=click.Choice(["csv", "parquet"]), help="Default: by the ending of --out, else csv."
)
def command(
    tables, out: Path, aus, onset, offset, shortest, baseline, fps, min_confidence, elan: Path | None, form
) -> None:
    """Onset, apex and offset of each movement in action-unit TABLES (of facs, OpenFace or py-feat).

    TABLES are CSV or parquet files, folders or globs. A table that cannot be used is reported, the others finish.
    """
    if not 0 < offset <= onset:
        raise click.BadParameter(f"{offset:g}; expected above 0, and at most --onset {onset:g}", param_hint="--offset")
    paths = find_tables(tables, exclude=[out])
    log = Log()
    found: dict[tuple[str, str], tuple[AUSeries, list[tuple[int, Event]]]] = {}
    for path in paths:
        with log.failures():
            new = {}
            for one in read_au_table(path, fps=fps, min_confidence=min_confidence):
                key = one.video, one.face_id
                chosen = choose_aus({str(path): one.aus}, aus)
                require(one, chosen, found[key][0].source if key in found else None)
                new[key] = one, list(_events(one, chosen, baseline, onset, offset, shortest))
            found |= new
    if not found:
        raise InputError(f"none of the {len(paths)} tables could be used; nothing was written")
    rows = [_row(one, au, event) for one, events in found.values() for au, event in events]
    table = pd.DataFrame(rows, columns=list(EVENT_COLUMNS))
    write(table, out, form)
    if elan is not None:
        make_writable(elan, "name another folder with --elan")
        _write_elan(elan, list(found.values()))
    _print_summary(table, sum(visible_seconds(one.success, one.times_s) for one, _ in found.values()))
    videos = len({video for video, _face in found})
    click.echo(f"{out}: {len(table)} events in {videos} videos{f'; for ELAN: {elan}' if elan else ''}")
    if log.failed:
        click.get_current_context().exit(1)


def _events(one: AUSeries, aus: tuple[int, ...], baseline: str, onset, offset, shortest) -> Iterator[tuple[int, Event]]:
    values = one.intensities * (5 if one.origin == "py-feat" else 1)
    if baseline == "video":
        values = subtract_resting(values, resting_intensity(values))
    for au in aus:
        series = values[:, one.aus.index(au)]
        for event in find_events(series, one.times_s, onset=onset, offset=offset, shortest_s=shortest):
            yield au, event


def _row(one: AUSeries, au: int, event: Event) -> dict:
    frames = {f"{name}_frame": int(one.frames[getattr(event, name)]) for name in ("onset", "apex", "offset")}
    return {
        "video": one.video,
        "face_id": one.face_id,
        "action_unit": au,
        "letter": letter(event.apex_intensity),
        "onset_s": round(event.onset_s, 4),
        "apex_s": round(event.apex_s, 4),
        "offset_s": round(event.offset_s, 4),
        "duration_s": round(event.offset_s - event.onset_s, 4),
        "apex_intensity": round(event.apex_intensity, 3),
        "mean_intensity": round(event.mean_intensity, 3),
        **frames,
        "onset_seen": int(event.onset_seen),
        "offset_seen": int(event.offset_seen),
    }


def _write_elan(folder: Path, found: list[tuple[AUSeries, list[tuple[int, Event]]]]) -> None:
    faces: dict[str, list[tuple[AUSeries, list[tuple[int, Event]]]]] = {}
    for one, events in found:
        faces.setdefault(one.video, []).append((one, events))
    taken: set[str] = set()
    for video, of_video in faces.items():
        tiers: dict[str, list[tuple[int, Event]]] = {}
        for one, events in of_video:
            which = f" face {one.face_id}" if len(of_video) > 1 else ""
            for au, event in events:
                tiers.setdefault(f"AU{au:02d}{which}", []).append((au, event))
        path = folder / f"{free_name(safe_name(video), taken)}.eaf"
        write_eaf(path, dict(sorted(tiers.items())), _media(of_video[0][0].source, video))


def _media(path: Path, video: str) -> Path | None:
    """Where the video lies, if the table is in a folder that `facs extract-features` made."""
    try:
        videos = json.loads((path.parent.parent / "run.json").read_text(encoding="utf-8"))["videos"]
        return Path(videos[video]) if Path(videos[video]).is_file() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _print_summary(table: pd.DataFrame, seen_s: float) -> None:
    if not len(table):
        click.echo("No movement reaches the onset level.")
        return
    click.echo("action unit  events  per minute  median s  strongest")
    for au, of in table.groupby("action_unit"):
        rate = 60 * len(of) / seen_s if seen_s else np.nan
        strongest = of.loc[of["apex_intensity"].idxmax()]
        where = f"{strongest['apex_intensity']:.1f} in {strongest['video']} at {strongest['apex_s']:.2f} s"
        click.echo(f"AU{au:02d}         {len(of):>6}  {rate:>10.1f}  {of['duration_s'].median():>8.2f}  {where}")

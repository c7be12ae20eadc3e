"""`facs describe`: action-unit tables that exist already -> the descriptor table."""

from __future__ import annotations

import contextlib
import glob
import os
from pathlib import Path

import click
import pandas as pd

from facs_pipeline.action_units.baseline import resting_intensity, subtract_resting
from facs_pipeline.dynamics.descriptors import describe_series, descriptor_names, why_not_described
from facs_pipeline.extraction.inputs import VideoInput
from facs_pipeline.extraction.metadata import read_metadata, without_row
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.atomic import atomic_csv, atomic_write
from facs_pipeline.tables.reader import TABLE_SUFFIXES, AUSeries, choose_aus, read_au_table, read_aus

# What facs itself writes beside action-unit tables; skipped when a folder is given.
OTHER_TABLES = {"descriptors", "videos", "predictions", "events", "explanations", "stills"}


class AUList(click.ParamType):
    """``default``, ``all``, or numbers with commas between them."""

    name = "AUS"

    def convert(self, value, param, ctx):
        if not isinstance(value, str) or value in ("default", "all"):
            return value
        try:
            aus = [int(part.strip().upper().removeprefix("AU")) for part in value.split(",")]
        except ValueError:
            self.fail(f"{value!r}: expected default, all, or numbers such as 1,2,4,12", param, ctx)
        if len(set(aus)) < len(aus) or min(aus) < 1:
            self.fail(f"{value!r}: each action unit once, numbers from 1", param, ctx)
        return tuple(aus)


@click.command(
    epilog="""\b
Examples:
  facs describe facs-output --out descriptors.csv
  facs describe openface/*.csv --aus 1,2,4,6,9,12,25 --out descriptors.csv
  facs describe pyfeat/ --fps 30 --metadata people.csv --out descriptors.parquet

Without --aus the seven of the published method (1,2,4,6,9,12,25) are described if the tables have them, else the
seven of the embedded model (1,2,4,7,10,12,25), else all; tables that differ want --aus. py-feat's values lie between
0 and 1, those of facs and OpenFace between 0 and 5: do not train one model on both."""
)
@click.argument("tables", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Descriptor table to write.")
@click.option("--fps", type=click.FloatRange(min=0, min_open=True), help="Frame rate of tables without time stamps.")
@click.option(
    "--min-confidence", type=click.FloatRange(0, 1), default=0.0, show_default=True,
    help="Pass over faces that the table is less sure of: hidden, half outside, blurred.",
)  # fmt: skip
@click.option(
    "--aus", type=AUList(), default="default", show_default=True, help="Action units: default, all, 1,2,4 ..."
)
@click.option("--metadata", type=click.Path(path_type=Path), help="CSV with video, subject, emotion, label.")
@click.option(
    "--baseline",
    type=click.Choice(["none", "video"]),
    default="none",
    show_default=True,
    help="Subtract the resting face: the median of the calmest tenth of each video's frames.",
)
@click.option(
    "--format", "form", type=click.Choice(["csv", "parquet"]), help="Default: by the ending of --out, else csv."
)
def command(tables, out, fps, min_confidence, aus, metadata, baseline, form) -> None:
    """Describe each video and face of existing action-unit TABLES (of facs, OpenFace or py-feat).

    TABLES are CSV or parquet files, folders or globs. One row a video and face: video, face_id, subject, emotion,
    label, then 62 statistics an action unit; `facs columns descriptors` says what they mean. A table that cannot be
    used is reported, the others finish, and the exit code is 1.
    """
    paths = find_tables(tables, exclude=[out, metadata])
    log = Log()
    aus_of = {}
    for path in paths:
        with log.failures():
            aus_of[path] = read_aus(path)
    if not aus_of:
        raise InputError(f"none of the {len(paths)} tables could be used; nothing was written")
    chosen = choose_aus({str(path): has for path, has in aus_of.items()}, aus)
    rows: dict[tuple[str, str], dict] = {}
    for path in aus_of:
        with log.failures():
            add_rows(rows, path, {"fps": fps, "min_confidence": min_confidence}, chosen, baseline, log)
    if not rows:
        raise InputError("no face in these tables can be described (reasons above); nothing was written")
    if metadata is not None:
        add_metadata(rows, metadata, log)
    write(pd.DataFrame(rows.values()).drop(columns=["source", "origin"]), out, form)
    if len({row["origin"] == "py-feat" for row in rows.values()}) > 1:
        log.note("py-feat's values (0..1) and others' intensities (0..5) are in one table; do not compare them")
    click.echo(f"{out}: {len(rows)} rows from {len(paths)} tables, action units {', '.join(map(str, chosen))}")
    if log.failed:
        click.get_current_context().exit(1)


class Log:
    """Tells the user at once what failed and what is worth knowing; remembers whether anything failed."""

    def __init__(self) -> None:
        self.failed = 0

    @contextlib.contextmanager
    def failures(self):
        """A table that cannot be used ends this block only."""
        try:
            yield
        except InputError as error:
            self.failed += 1
            click.echo(f"Failed: {error}", err=True)

    def note(self, text: str) -> None:
        """Nothing failed, but the user should know."""
        click.echo(f"Note: {text}", err=True)


def find_tables(arguments, exclude) -> list[Path]:
    """Files as given; of folders, all tables below, or those in `action_units` where facs made the folder."""
    left_out = {os.path.abspath(path) for path in exclude if path is not None}
    found: dict[str, Path] = {}
    for argument in arguments:
        path = Path(argument)
        if path.is_dir():
            folder = path / "action_units" if (path / "action_units").is_dir() else path
            matches = sorted(
                file
                for file in folder.rglob("*")
                if file.suffix.lower() in TABLE_SUFFIXES
                and file.stem not in OTHER_TABLES
                and not any(part.startswith(".") for part in file.relative_to(folder).parts)
                and os.path.abspath(file) not in left_out
            )
            if not matches:
                raise InputError(f"{path}: no tables (.csv, .parquet) in this folder")
        elif path.exists() or not glob.has_magic(argument):
            matches = [path]
        else:
            matches = sorted(Path(match) for match in glob.glob(argument, recursive=True))
            if not matches:
                raise InputError(f"{argument}: no file fits this pattern")
        found.update({os.path.abspath(match): match for match in matches})
    return list(found.values())


def add_rows(rows: dict, path: Path, reading: dict, aus: tuple[int, ...], baseline: str, log: Log) -> None:
    """Add the rows of one table, all or none of them, under (video, face); `reading` goes to `read_au_table`."""
    names = descriptor_names(aus)
    new = {}
    for one in read_au_table(path, **reading):
        key = (one.video, one.face_id)
        require(one, aus, rows[key]["source"] if key in rows else None)
        intensities = one.intensities
        if baseline == "video":
            intensities = subtract_resting(intensities, resting_intensity(intensities))
        intensities = intensities[:, [one.aus.index(au) for au in aus]]
        reason = why_not_described(intensities, one.times_s)
        if reason:
            face = f", face {one.face_id}" if one.face_id else ""
            log.note(f"{path}: video {one.video!r}{face} left out: {reason}")
            continue
        values = describe_series(intensities, one.times_s, aus)[0]
        about = {"video": one.video, "face_id": one.face_id, "subject": "", "emotion": "", "label": ""}
        new[key] = {"source": path, "origin": one.origin, **about, **dict(zip(names, values, strict=True))}
    rows.update(new)


def require(one: AUSeries, aus: tuple[int, ...], other: Path | None) -> None:
    """InputError if a series lacks one of `aus`, or if another table, `other`, is about the same face."""
    missing = [au for au in aus if au not in one.aus]
    if missing:
        raise InputError(
            f"{one.source}: no AU {', '.join(map(str, missing))}, only {', '.join(map(str, one.aus))}; "
            "choose with --aus"
        )
    if other is not None:
        raise InputError(f"{one.source}: video {one.video!r}, face {one.face_id!r} is already in {other}; give one")


def add_metadata(rows: dict, path: Path, log: Log) -> None:
    """Fill in subject, emotion and label from the user's file."""
    inputs = [VideoInput(Path(os.path.abspath(name)), name) for name in dict.fromkeys(video for video, _face in rows)]
    known, notes = read_metadata(path, inputs)
    missing = without_row(known, inputs)
    for note in [*notes, *([f"{path}: {missing}"] if missing else [])]:
        log.note(note)
    for (video, _face), row in rows.items():
        row.update(known.get(video, {}))


def write(table: pd.DataFrame, out: Path, form: str | None) -> None:
    """The table as CSV or parquet, complete or not at all."""
    try:
        if form == "parquet" or (form is None and out.suffix.lower() == ".parquet"):
            with atomic_write(out, "wb") as file:
                table.to_parquet(file, index=False)
        else:
            atomic_csv(table, out)
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror}); choose another place with --out") from None

"""`facs dataset`: look over a dataset's folder before using it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from facs_pipeline.foundation.files.atomic import require_place

from .console import ConsoleProgress
from .usage import SuggestingGroup

if TYPE_CHECKING:
    import pandas as pd

    from facs_pipeline.datasets.sase_fe import SaseFe

_Function = TypeVar("_Function", bound=Callable[..., Any])

# Of a long list, so many lines are printed.
_SHOWN = 20


@click.group("dataset", cls=SuggestingGroup)
def command() -> None:
    """Check a dataset's folder before using it."""


@command.group("check", cls=SuggestingGroup)
def check() -> None:
    """Look over a dataset, and say what is wrong with it and what to do."""


@check.command(
    "sase-fe",
    epilog="""\b
Examples:
  facs dataset check sase-fe FakeTrue_DB
  facs dataset check sase-fe FakeTrue_DB --metadata sase.csv
  facs extract-features FakeTrue_DB --metadata sase.csv --out sase
\b
Exit codes: 0 nothing wrong, 1 problems found, 2 wrong usage.
""",
)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--metadata", type=click.Path(path_type=Path), help="Write video, subject, emotion, label there.")
def check_sase_fe(path: Path, metadata: Path | None) -> int:
    """Check SASE-FE at PATH: FakeTrue_DB/<subject>/N2H.MP4, or flat files such as 0001_HAPPY.MP4."""
    from facs_pipeline.datasets.sase_fe import scan_sase_fe
    from facs_pipeline.tables.writing import table_form

    if metadata is not None:
        table_form(metadata)
    return _report(scan_sase_fe(path), metadata)


@check.command(
    "metadata",
    epilog="""\b
Examples:
  facs dataset check metadata study.csv --root videos/
\b
Exit codes: 0 nothing wrong, 2 something to correct in the table.
""",
)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--root", type=click.Path(path_type=Path), help="Folder the videos are in.  [default: the table's]")
def check_metadata(path: Path, root: Path | None) -> int:
    """Check the table PATH (video, subject, emotion, label) of any dataset, and that its videos exist."""
    from facs_pipeline.extraction.metadata import load_metadata

    videos = load_metadata(path, root=root)
    click.echo(_counts(videos))
    return 0


def _face_options(command: _Function) -> _Function:
    """The options that both checks of still faces have."""
    for option in (
        click.option("--skipped", type=click.Path(path_type=Path), help="Write what cannot be used, and why, there."),
        click.option(
            "--duplicates", type=click.Path(path_type=Path), help="Write near-duplicates and copies there (CSV)."
        ),
        click.option(
            "--threshold",
            type=click.FloatRange(0, 1),
            default=0.99,
            show_default=True,
            help="Pixel correlation above which images of two splits are near-duplicates.",
        ),
        click.argument("path", type=click.Path(path_type=Path)),
    ):
        command = option(command)
    return command


@check.command(
    "fer2013",
    epilog="""\b
Examples:
  facs dataset check fer2013 fer2013.csv
  facs dataset check fer2013 archive.zip --duplicates duplicates.csv
  facs dataset check fer2013 fer2013/                 # fer2013.csv or train/<emotion>/*.jpg in it
\b
The table of duplicates has the columns image, split, partner, partner_split, correlation, emotion,
partner_emotion: near-duplicates across splits, then identical images within one.
FER2013 as it is distributed has problems of its own, so the exit code is 1.
\b
Exit codes: 0 nothing wrong, 1 problems found, 2 wrong usage or nothing usable.
""",
)
@_face_options
def check_fer2013(path: Path, threshold: float, duplicates: Path | None, skipped: Path | None) -> int:
    """Check FER2013 at PATH.

    PATH is fer2013.csv, icml_face_data.csv or train.csv (also .gz, in a zip, tar or folder), or image folders such as
    train/happy/1.jpg (also in a zip or uncompressed tar).
    """
    return _check_faces(path, "fer2013", threshold, duplicates, skipped)


@check.command(
    "faces",
    epilog="""\b
Examples:
  facs dataset check faces KDEF/
  facs dataset check faces faces.csv --skipped skipped.csv
  facs dataset check faces photos.zip --kind folders
\b
Kinds:
  fer2013   FER2013's table, or image folders named for its seven emotions or 0 to 6
  kdef      file names such as AF01ANS.JPG, all five angles; women are train, men are test
  folders   <split>/<emotion>/*.jpg or <emotion>/*.jpg
  manifest  a CSV with the columns image, emotion and, if known, split and subject
\b
Exit codes: 0 nothing wrong, 1 problems found, 2 wrong usage or nothing usable.
""",
)
@click.option(
    "--kind",
    type=click.Choice(("auto", "fer2013", "kdef", "folders", "manifest")),
    default="auto",
    show_default=True,
    help="What is at PATH.",
)
@_face_options
def check_still_faces(path: Path, kind: str, threshold: float, duplicates: Path | None, skipped: Path | None) -> int:
    """Check still faces with emotions at PATH.

    PATH is FER2013, KDEF, image folders (also in a zip or uncompressed tar) or a manifest.
    """
    return _check_faces(path, kind, threshold, duplicates, skipped)


def _check_faces(path: Path, kind: str, threshold: float, duplicates: Path | None, skipped: Path | None) -> int:
    import pandas as pd

    from facs_pipeline.datasets.face_check import check_faces
    from facs_pipeline.datasets.kdef import ANGLES
    from facs_pipeline.datasets.open_faces import open_faces
    from facs_pipeline.foundation.images.decoding import silence_opencv
    from facs_pipeline.tables.writing import table_form, write_table

    for place, option in ((duplicates, "--duplicates"), (skipped, "--skipped")):
        if place is not None:
            table_form(place)
            require_place(place, f"name another file with {option}")
    silence_opencv()
    progress = ConsoleProgress()
    faces = open_faces(path, kind, angles=ANGLES, progress=progress)
    checked = check_faces(faces, threshold=threshold, progress=progress)
    n_subjects = len(set(faces.subjects.tolist()) - {""})
    click.echo(
        f"{faces.name}: {int(checked.counts.to_numpy().sum()):,} usable images, {len(checked.skipped):,} left out; "
        f"{n_subjects or 'unknown'} subjects"
    )
    click.echo(_count_table(checked.counts))
    for problem in checked.problems:
        click.echo(f"\n{problem.kind}: {problem.text}")
        for text in problem.files[:_SHOWN]:
            click.echo(f"    {text}")
        if len(problem.files) > _SHOWN:
            option = "--skipped" if problem.kind == "unusable" else "--duplicates"
            click.echo(f"    and {len(problem.files) - _SHOWN:,} more; {option} FILE writes them all")
        click.echo(f"  {problem.advice}")
    if duplicates is not None:
        write_table(checked.duplicates, duplicates)
        click.echo(f"\n{duplicates}: {len(checked.duplicates):,} near-duplicates and copies")
    if skipped is not None:
        write_table(pd.DataFrame(checked.skipped, columns=["source", "reason"]), skipped)
        click.echo(f"\n{skipped}: {len(checked.skipped):,} left out")
    return 1 if checked.problems else 0


def _count_table(counts: pd.DataFrame) -> str:
    table = counts.rename(columns={"": "(no split)"}, index={"": "(no emotion)"})
    table.loc["all"] = table.sum()
    return table.rename_axis(index=None, columns=None).to_string(formatters=["{:,}".format] * len(table.columns))


def _report(checked: SaseFe, metadata: Path | None) -> int:
    from facs_pipeline.tables.writing import write_table

    click.echo(_counts(checked.videos))
    for problem in checked.problems:
        click.echo(f"\n{problem.kind}: {problem.text}")
        if problem.kind != "missing":
            for file in problem.files:
                click.echo(f"    {file}")
        click.echo(f"  {problem.advice}")
    if metadata is not None:
        table = checked.videos.drop(columns="split")
        table["video"] = [str(Path(video).absolute()) for video in table["video"]]
        write_table(table, metadata)
        click.echo(f"\n{metadata}: {len(table)} usable videos; give it to facs extract-features --metadata")
    return 1 if checked.problems else 0


def _counts(videos: pd.DataFrame) -> str:
    subjects = videos.loc[videos["subject"] != "", "subject"].nunique()
    real, fake = (int((videos["label"] == label).sum()) for label in ("real", "fake"))
    emotions = ", ".join(
        f"{name} {count}" for name, count in videos["emotion"].value_counts().sort_index().items() if name
    )
    unlabelled = len(videos) - real - fake
    return (
        f"{len(videos)} usable videos: {real} real, {fake} fake, {unlabelled} without label; "
        f"{subjects or 'unknown'} subjects; {emotions or 'no emotions'}"
    )

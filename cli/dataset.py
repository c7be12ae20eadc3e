"""`facs dataset`: look over a dataset's folder before using it."""

from __future__ import annotations

from pathlib import Path

import click

from facs_pipeline.store import atomic_csv


@click.group("dataset")
def command() -> None:
    """Check a dataset's folder before using it."""


@command.group("check")
def check() -> None:
    """Find a dataset's videos, and say what is wrong with them and what to do."""


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

    return report(scan_sase_fe(path), metadata)


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
    from facs_pipeline.datasets.metadata import load_metadata

    videos = load_metadata(path, root=root)
    click.echo(counts(videos))
    return 0


def report(found, metadata: Path | None) -> int:
    click.echo(counts(found.videos))
    for problem in found.problems:
        click.echo(f"\n{problem.kind}: {problem.what}")
        if problem.kind != "missing":
            for file in problem.files:
                click.echo(f"    {file}")
        click.echo(f"  {problem.advice}")
    if metadata is not None:
        metadata.parent.mkdir(parents=True, exist_ok=True)
        table = found.videos.drop(columns="split")
        table["video"] = [str(Path(video).absolute()) for video in table["video"]]
        atomic_csv(table, metadata)
        click.echo(f"\n{metadata}: {len(table)} usable videos; give it to facs extract-features --metadata")
    return 1 if found.problems else 0


def counts(videos) -> str:
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

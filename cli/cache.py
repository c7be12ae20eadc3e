"""`facs cache`: list, check or clear the stage results that `facs extract-features` keeps."""

from __future__ import annotations

from pathlib import Path

import click

from .console import ConsoleProgress
from .usage import SuggestingGroup

EPILOG = """\b
Examples:
  facs cache list facs-output
  facs cache check facs-output
  facs cache clear facs-output --stage features
"""
FOLDER = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))


@click.group(cls=SuggestingGroup, epilog=EPILOG)
def command() -> None:
    """Look after the stage results in FOLDER, an output folder or a cache folder."""


@command.command("list", epilog=EPILOG)
@FOLDER
def list_results(folder: Path) -> int:
    """Say what is stored: results and bytes per stage."""
    from facs_pipeline.extraction.cache_folder import cache_use, open_cache

    used = cache_use(open_cache(folder, ConsoleProgress()))
    click.echo(f"{'stage':<14} results         bytes")
    for stage, results, size_bytes in used.stages:
        click.echo(f"{stage:<14} {results:>7} {size_bytes:>13,}")
    click.echo(f"{used.videos} video{'s' * (used.videos != 1)}, {used.size_bytes:,} bytes")
    return 0


@command.command("check", epilog=EPILOG)
@FOLDER
def check_results(folder: Path) -> int:
    """Verify every stored result; exit code 1 if one is damaged or foreign. Such results are never loaded."""
    from facs_pipeline.extraction.cache_folder import check_cache, open_cache

    checked = check_cache(open_cache(folder, ConsoleProgress()))
    for path, reason in checked.bad:
        click.echo(f"{path}: {reason}")
    bad = len(checked.bad)
    click.echo(f"{checked.good} good, {bad} bad" + ("; the next run computes bad ones again" if bad else ""))
    return 1 if bad else 0


@command.command("clear", epilog=EPILOG)
@FOLDER
@click.option(
    "--stage",
    type=click.Choice(["faces", "landmarks", "features", "action_units", "emotions", "descriptors"]),
    help="This stage's results only.",
)
def clear_results(folder: Path, stage: str | None) -> int:
    """Remove stored results; tables stay. Only files that are stage results are touched."""
    from facs_pipeline.extraction.cache_folder import clear_cache, open_cache

    results, size_bytes = clear_cache(open_cache(folder, ConsoleProgress()), stage)
    click.echo(f"removed {results} result{'s' * (results != 1)}, {size_bytes:,} bytes")
    return 0

"""`facs cache`: list, check or clear the stage results that `facs extract-features` keeps."""

from __future__ import annotations

from pathlib import Path

import click

EPILOG = """\b
Examples:
  facs cache list facs-output
  facs cache check facs-output
  facs cache clear facs-output --stage features
"""
FOLDER = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))


def _cache(folder: Path):
    from facs_pipeline.extraction.cache import Cache
    from facs_pipeline.foundation.files.artifacts import load_key

    key, warning = load_key()
    if warning:
        click.echo(f"Note: {warning}", err=True)
    # Users know their output folder; the cache is in it unless they put it elsewhere.
    return Cache(folder / "cache" if (folder / "cache").is_dir() else folder, key)


@click.group(epilog=EPILOG)
def command() -> None:
    """Look after the stage results in FOLDER, an output folder or a cache folder."""


@command.command("list", epilog=EPILOG)
@FOLDER
def list_results(folder: Path) -> int:
    """Say what is stored: results and bytes per stage."""
    from facs_pipeline.extraction.stages import STAGES

    cache = _cache(folder)
    paths = list(cache.artifacts())
    click.echo(f"{'stage':<14} results         bytes")
    for stage in STAGES:
        sizes = [path.stat().st_size for path in paths if path.name.startswith(f"{stage.name}-")]
        click.echo(f"{stage.name:<14} {len(sizes):>7} {sum(sizes):>13,}")
    videos = len({path.parent for path in paths})
    click.echo(f"{videos} video{'s' * (videos != 1)}, {sum(path.stat().st_size for path in paths):,} bytes")
    return 0


@command.command("check", epilog=EPILOG)
@FOLDER
def check_results(folder: Path) -> int:
    """Verify every stored result; exit code 1 if one is damaged or foreign. Such results are never loaded."""
    from facs_pipeline.foundation.files.artifacts import Artifact, BadArtifactError

    cache = _cache(folder)
    good = bad = 0
    for path in cache.artifacts():
        try:
            Artifact.open(path, cache.key).check()
            good += 1
        except BadArtifactError as error:
            bad += 1
            click.echo(f"{path}: {error}")
    click.echo(f"{good} good, {bad} bad" + ("; the next run computes bad ones again" if bad else ""))
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
    cache = _cache(folder)
    paths = [path for path in cache.artifacts() if stage is None or path.name.startswith(f"{stage}-")]
    freed = sum(path.stat().st_size for path in paths)
    for path in paths:
        path.unlink()
    for parent in {path.parent for path in paths}:
        if not any(parent.iterdir()):
            parent.rmdir()
    click.echo(f"removed {len(paths)} result{'s' * (len(paths) != 1)}, {freed:,} bytes")
    return 0

"""A folder of stored stage results, looked after by its user: listed, checked, cleared. What `facs cache` calls."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from facs_pipeline.extraction.cache import Cache
from facs_pipeline.extraction.stages import STAGES
from facs_pipeline.foundation.files.artifacts import Artifact, BadArtifactError, load_key
from facs_pipeline.foundation.progress import SILENT, Progress


class StageUse(NamedTuple):
    """What is stored of one stage.

    Attributes
    ----------
    stage : str
        Its name.
    results : int
        How many.
    size_bytes : int
        All together.
    """

    stage: str
    results: int
    size_bytes: int


@dataclass(frozen=True)
class CacheUse:
    """What is stored.

    Attributes
    ----------
    stages : tuple of StageUse
        In the order of the method.
    videos : int
        Of how many videos.
    size_bytes : int
        All together.
    """

    stages: tuple[StageUse, ...]
    videos: int
    size_bytes: int


@dataclass(frozen=True)
class CacheCheck:
    """Which results can be used.

    Attributes
    ----------
    good : int
        How many.
    bad : tuple of (Path, str)
        The others, and why: damaged, or made by somebody else. They are never loaded, and the next run computes them
        again.
    """

    good: int
    bad: tuple[tuple[Path, str], ...]


class Cleared(NamedTuple):
    """What was removed.

    Attributes
    ----------
    results : int
        How many.
    size_bytes : int
        All together.
    """

    results: int
    size_bytes: int


def open_cache(folder: Path, progress: Progress = SILENT) -> Cache:
    """The stored results in an output folder or a cache folder.

    Parameters
    ----------
    folder : Path
        Users know their output folder; the cache is in it unless they put it elsewhere.
    progress : Progress
        Told if the user's key had to be made or cannot be kept.
    """
    key, warning = load_key()
    if warning:
        progress.warn(warning)
    return Cache(folder / "cache" if (folder / "cache").is_dir() else folder, key)


def cache_use(cache: Cache) -> CacheUse:
    """Results and bytes by stage."""
    paths = list(cache.artifacts())
    stages = []
    # Both kinds of descriptors are stored under one name.
    for name in dict.fromkeys(stage.name for stage in STAGES):
        mine = _of_stage(paths, name)
        stages.append(StageUse(name, len(mine), _size(mine)))
    return CacheUse(tuple(stages), len({path.parent for path in paths}), _size(paths))


def check_cache(cache: Cache) -> CacheCheck:
    """Verify every stored result, without loading it."""
    good, bad = 0, []
    for path in cache.artifacts():
        # One that a run has just replaced or another command removed is neither good nor bad.
        with contextlib.suppress(FileNotFoundError):
            try:
                Artifact.open(path, cache.key).check()
                good += 1
            except BadArtifactError as error:
                if os.path.lexists(path):
                    bad.append((path, str(error)))
    return CacheCheck(good, tuple(bad))


def clear_cache(cache: Cache, stage: str | None = None) -> Cleared:
    """Remove stored results, those of one stage or all; files that are none stay.

    A run that goes on meanwhile computes anew what it still needs of them.
    """
    paths = list(cache.artifacts())
    if stage is not None:
        paths = _of_stage(paths, stage)
    removed = size_bytes = 0
    for path in paths:
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            size = path.lstat().st_size
            path.unlink()
            removed, size_bytes = removed + 1, size_bytes + size
    for parent in {path.parent for path in paths}:
        # Only an empty one goes; a run may be writing into it.
        with contextlib.suppress(OSError):
            parent.rmdir()
    return Cleared(removed, size_bytes)


def _of_stage(paths: Sequence[Path], stage: str) -> list[Path]:
    return [path for path in paths if path.name.startswith(f"{stage}-")]


def _size(paths: Sequence[Path]) -> int:
    size = 0
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            size += path.lstat().st_size
    return size

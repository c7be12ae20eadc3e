"""What the user names for emotion prediction -> images and videos; a folder's images are stills, not one video."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from facs_pipeline.datasets.labelled_faces import Skipped
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.video.reader import IMAGE_SUFFIXES, VIDEO_SUFFIXES, natural_key


class Inputs(NamedTuple):
    """Files to look at, each once, in natural order: `images`, `videos`, and what cannot be used (`skipped`)."""

    images: tuple[Path, ...]
    videos: tuple[Path, ...]
    skipped: tuple[Skipped, ...]


def find_images_and_videos(arguments: Sequence[str | os.PathLike]) -> Inputs:
    """Images and videos named by files, folders (searched recursively) and globs; hidden ones are passed over.

    Raises
    ------
    InputError
        If not one is found.
    """
    images: dict[str, Path] = {}
    videos: dict[str, Path] = {}
    skipped: list[Skipped] = []
    for argument in arguments:
        text = os.fspath(argument)
        path = Path(text).expanduser()
        if path.exists() or not glob.has_magic(text):
            named = [path]
        else:
            named = [Path(match) for match in glob.glob(str(path), recursive=True)]
            named = [match for match in named if match.is_dir() or _kind(match)]
            if not named:
                skipped.append(Skipped(text, "the pattern fits no image and no video"))
        for one in named:
            if one.is_dir():
                files = [file for file in _files_in(one) if _kind(file)]
                if not files:
                    skipped.append(Skipped(str(one), f"the folder holds no images and no videos ({_suffixes()})"))
            elif one.exists():
                files = [one] if _kind(one) else []
                if not files:
                    skipped.append(Skipped(str(one), f"its name says neither image nor video ({_suffixes()})"))
            else:
                files = []
                skipped.append(Skipped(str(one), "no such file or folder"))
            for file in files:
                (images if _kind(file) == "image" else videos).setdefault(os.path.abspath(file), file)
    if not images and not videos:
        raise InputError("; ".join(f"{source}: {reason}" for source, reason in skipped) or "no images were named")
    return Inputs(_ordered(images), _ordered(videos), tuple(skipped))


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    return "image" if suffix in IMAGE_SUFFIXES else "video" if suffix in VIDEO_SUFFIXES else ""


def _files_in(folder: Path) -> list[Path]:
    found = []
    for current, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(current) / name for name in files if not name.startswith(".")]
    return found


def _ordered(files: dict[str, Path]) -> tuple[Path, ...]:
    return tuple(sorted(files.values(), key=lambda path: (natural_key(str(path)), str(path))))


def _suffixes() -> str:
    return " ".join(sorted(IMAGE_SUFFIXES | VIDEO_SUFFIXES))

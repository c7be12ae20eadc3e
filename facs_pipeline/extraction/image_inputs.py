"""What the user names for emotion prediction -> images and videos; a folder's images are stills, not one video."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from facs_pipeline.datasets.labelled_faces import Skipped
from facs_pipeline.extraction.inputs import named_path
from facs_pipeline.extraction.passed_over import CONVERT, PassedOver
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.regular import no_path, why_no_file
from facs_pipeline.video.reader import IMAGE_SUFFIXES, UNREADABLE_SUFFIXES, VIDEO_SUFFIXES, is_photo, natural_key


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
        for file in _named(os.fspath(argument), skipped):
            (images if _kind(file) == "image" else videos).setdefault(os.path.abspath(file), file)
    if not images and not videos:
        raise InputError("; ".join(f"{source}: {reason}" for source, reason in skipped) or "no images were named")
    return Inputs(_ordered(images), _ordered(videos), tuple(skipped))


def _named(text: str, skipped: list[Skipped]) -> list[Path]:
    """Files that one argument names; what of them cannot be used goes into `skipped`."""
    path = named_path(text)
    named = [path]
    if glob.has_magic(text) and not os.path.lexists(path):
        try:
            matches = map(Path, glob.glob(str(path), recursive=True))
            named = [match for match in matches if os.path.isdir(match) or _kind(match)]
        except (OSError, ValueError) as error:
            skipped.append(Skipped(text, f"not a pattern of file names ({error})"))
            return []
        if not named:
            skipped.append(Skipped(text, "the pattern fits no image and no video"))
    files: list[Path] = []
    for one in named:
        files += _in_folder(one, skipped) if os.path.isdir(one) else _alone(one, text, skipped)
    return files


def _alone(file: Path, text: str, skipped: list[Skipped]) -> list[Path]:
    problem = why_no_file(file, text)
    if not problem and file.suffix.lower() in UNREADABLE_SUFFIXES:
        problem = f"{file.suffix.lower()} files are not read; {CONVERT}"
    if not problem and not _kind(file):
        problem = f"its name says neither image nor video ({_suffixes()})"
    if problem:
        skipped.append(Skipped(text if no_path(text) else str(file), problem))
    return [] if problem else [file]


def _in_folder(folder: Path, skipped: list[Skipped]) -> list[Path]:
    everything, passed = _files_in(folder), PassedOver()
    passed.add(everything)
    files = [file for file in everything if _kind(file)]
    if passed:
        skipped.append(Skipped(str(folder), str(passed)))
    elif not files:
        skipped.append(Skipped(str(folder), f"the folder holds no images and no videos ({_suffixes()})"))
    return files


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    # A phone's photo with the seconds round it may be called a video.
    if suffix in VIDEO_SUFFIXES and is_photo(path):
        return "image"
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

"""What the user names on the command line -> the list of videos to process, each with a name of its own."""

from __future__ import annotations

import glob
import hashlib
import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.tables.schema import METADATA
from facs_pipeline.video.reader import IMAGE_SUFFIXES, VIDEO_SUFFIXES, natural_key

# Leaves room for a suffix and an extension within the 255 bytes that file systems allow.
LONGEST_NAME_BYTES = 200
METADATA_COLUMNS = tuple(column.name for column in METADATA)
"""What the user may know of each video, in the order of the tables' columns."""
_FORBIDDEN = set('<>:"/\\|?*')


@dataclass(frozen=True)
class VideoInput:
    """One video to process.

    Attributes
    ----------
    path : Path
        Absolute path of a file or of a folder of images.
    name : str
        Name of its tables, unique among the inputs, the same on every machine.
    is_images : bool
        Whether `path` is a folder of images.
    problem : str
        Why it cannot be processed; empty when nothing is known against it.
    """

    path: Path
    name: str
    is_images: bool = False
    problem: str = ""


def find_videos(arguments: Sequence[str | os.PathLike], *, exclude: Iterable[Path] = ()) -> list[VideoInput]:
    """Videos named by files, folders (searched recursively), globs and ``.txt`` lists of any of these.

    A folder that directly holds images and no video is one video. Hidden files and folders are passed over; links to
    folders are followed.

    Parameters
    ----------
    arguments : what the user named; a list's lines are relative to the list, and may be in double quotes and have
        backslashes, as Windows writes paths.
    exclude : iterable of Path
        Folders that are not searched, such as the output folder.

    Returns
    -------
    list of VideoInput
        In natural order of their names. One that is missing is in the list with its `problem`, so that the others
        can finish; each video is there once, however often it was named.

    Raises
    ------
    InputError
        If not one video is found.
    """
    excluded = {Path(folder).resolve() for folder in exclude}
    found: dict[Path, VideoInput] = {}
    for argument in arguments:
        for video in _expand(os.fspath(argument), Path.cwd(), excluded):
            found.setdefault(video.path, video)
    usable = [video for video in found.values() if not video.problem]
    if not usable:
        problems = "; ".join(video.problem for video in found.values()) or "no videos were named"
        raise InputError(problems)
    named = name_videos(list(found.values()))
    return sorted(named, key=lambda video: (natural_key(video.name), video.name))


def _expand(argument: str, base: Path, excluded: set[Path], lists: tuple[Path, ...] = ()) -> list[VideoInput]:
    path = base / Path(argument).expanduser()
    if path.is_dir():
        return _in_folder(path, excluded) or [_problem(path, f"{path}: {_nothing_in_folder()}")]
    if path.exists():
        return _from_list(path, excluded, lists) if path.suffix.lower() == ".txt" else [_video(path)]
    if glob.has_magic(argument):
        matches = sorted(glob.glob(str(path), recursive=True), key=natural_key)
        videos = [
            video
            for match in map(Path, matches)
            if match.is_dir() or match.suffix.lower() in VIDEO_SUFFIXES
            for video in (_in_folder(match, excluded) if match.is_dir() else [_video(match)])
        ]
        return videos or [_problem(path, f"{argument}: the pattern fits no video ({_suffixes(VIDEO_SUFFIXES)})")]
    return [_problem(path, f"{path}: no such file or folder")]


def _from_list(path: Path, excluded: set[Path], lists: tuple[Path, ...]) -> list[VideoInput]:
    if path.resolve() in lists:
        raise InputError(f"{path}: this list names itself, directly or through another list")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: the list is not UTF-8 text (byte {error.start + 1}); save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: the list cannot be read ({error.strerror})") from None
    videos = []
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.strip().strip('"')
        if not entry or entry.startswith("#"):
            continue
        if not (path.parent / entry).exists():
            entry = entry.replace("\\", "/")
        for video in _expand(entry, path.parent, excluded, (*lists, path.resolve())):
            note = f"{video.problem} (line {number} of {path.name})" if video.problem else ""
            videos.append(replace(video, problem=note))
    return videos or [_problem(path, f"{path}: the list names no video")]


def _in_folder(folder: Path, excluded: set[Path]) -> list[VideoInput]:
    videos: list[VideoInput] = []
    visited = {folder.resolve()}
    for current, folders, files in os.walk(folder, followlinks=True):
        here = Path(current)
        shown = sorted((name for name in folders if not name.startswith(".")), key=natural_key)
        folders.clear()
        for name in shown:
            real = (here / name).resolve()
            # A link may lead back to where the search came from, or to a folder that is searched anyway.
            if real not in excluded and real not in visited:
                visited.add(real)
                folders.append(name)
        others = [Path(name) for name in files if not name.startswith(".")]
        beside = [name for name in others if name.suffix.lower() in VIDEO_SUFFIXES]
        if beside:
            videos += [_video(here / name) for name in sorted(beside, key=lambda name: natural_key(name.name))]
        elif any(name.suffix.lower() in IMAGE_SUFFIXES for name in others):
            videos.append(VideoInput(_absolute(here), _absolute(here).name, is_images=True))
    return videos


def _video(path: Path) -> VideoInput:
    return VideoInput(_absolute(path), path.stem)


def _problem(path: Path, text: str) -> VideoInput:
    return VideoInput(_absolute(path), path.stem or path.name, problem=text)


def _absolute(path: Path) -> Path:
    # Links stay: the name the user gave is the name that the tables carry.
    return Path(os.path.abspath(path))


def _suffixes(suffixes: Iterable[str]) -> str:
    return " ".join(sorted(suffixes))


def _nothing_in_folder() -> str:
    return f"the folder holds no videos ({_suffixes(VIDEO_SUFFIXES)}) and no images ({_suffixes(IMAGE_SUFFIXES)})"


# ------------------------------------------------------------------------------------------------------ names


def name_videos(videos: Sequence[VideoInput]) -> list[VideoInput]:
    """Give each video a name of its own: the file's stem, with a suffix where two share it.

    The suffix is what tells them apart, so it depends neither on the order nor on where the folders lie: the
    extension (``smile_mp4``, ``smile_avi``), else as many parent folders as needed (``smile_anna``, ``smile_ben``).

    Examples
    --------
    >>> paths = [Path("/study/anna/smile.mp4"), Path("/study/ben/smile.mp4"), Path("/study/ben/neutral.mp4")]
    >>> [video.name for video in name_videos([VideoInput(path, path.stem) for path in paths])]
    ['smile_anna', 'smile_ben', 'neutral']
    """
    named = [replace(video, name=safe_name(video.name)) for video in videos]
    for attempt in range(2):
        groups: dict[str, list[int]] = defaultdict(list)
        for index, video in enumerate(named):
            groups[_folded(video.name)].append(index)
        clashes = [group for group in groups.values() if len(group) > 1]
        for group in clashes:
            suffixes = _distinctions([named[i].path for i in group], use_folders=attempt == 0)
            for index, suffix in zip(group, suffixes, strict=True):
                named[index] = replace(named[index], name=safe_name(f"{named[index].name}_{suffix}"))
        if not clashes:
            break
    return named


def _distinctions(paths: list[Path], *, use_folders: bool) -> list[str]:
    if use_folders:
        extensions = [path.suffix.lstrip(".") for path in paths]
        if _distinct(extensions):
            return extensions
        deepest = max(len(path.parts) for path in paths)
        for depth in range(1, deepest):
            folders = ["_".join(path.parts[:-1][-depth:]).strip(os.sep) for path in paths]
            for suffixes in (folders, [f"{a}_{b}" for a, b in zip(folders, extensions, strict=True)]):
                if _distinct(suffixes):
                    return suffixes
    # A suffix made one name equal to another file's: only the whole path tells these apart.
    return [hashlib.sha256(os.fsencode(path)).hexdigest()[:8] for path in paths]


def _distinct(suffixes: list[str]) -> bool:
    return all(suffixes) and len({_folded(suffix) for suffix in suffixes}) == len(suffixes)


def _folded(name: str) -> str:
    # Names that differ by case or by Unicode composition only are one file on some systems.
    return unicodedata.normalize("NFC", name).casefold()


def safe_name(name: str) -> str:
    """`name` as the name of a file that every system takes, without its ending.

    Examples
    --------
    >>> safe_name("anna: felt?")
    'anna_ felt_'
    """
    # Names that are no Unicode text (surrogates) could not be written into a UTF-8 table.
    text = unicodedata.normalize("NFC", name).encode("utf-8", "replace").decode("utf-8")
    text = "".join("_" if c in _FORBIDDEN or ord(c) < 32 else c for c in text).strip(" .") or "video"
    if len(text.encode()) > LONGEST_NAME_BYTES:
        short = text.encode()[: LONGEST_NAME_BYTES - 9].decode("utf-8", "ignore")
        text = f"{short}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return text

"""What the user names on the command line -> the list of videos to process, each with a name of its own."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from facs_pipeline.extraction.passed_over import CONVERT, PassedOver
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.regular import no_path, read_whole, why_no_file
from facs_pipeline.tables.schema import METADATA
from facs_pipeline.video.reader import IMAGE_SUFFIXES, UNREADABLE_SUFFIXES, VIDEO_SUFFIXES, natural_key

# Leaves room for a suffix and an extension within the 255 bytes that file systems allow.
LONGEST_NAME_BYTES = 200
METADATA_COLUMNS = tuple(column.name for column in METADATA)
"""What the user may know of each video, in the order of the tables' columns."""
_FORBIDDEN = set('<>:"/\\|?*')
# Windows has these as devices, in every folder and with any ending.
_DEVICES = re.compile(r"CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³]", re.IGNORECASE)
_LONGEST_MESSAGE = 400


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


def find_videos(
    arguments: Sequence[str | os.PathLike],
    *,
    exclude: Iterable[Path] = (),
    note: Callable[[str], object] = lambda _: None,
) -> list[VideoInput]:
    """Videos named by files, folders (searched recursively), globs and ``.txt`` lists of any of these.

    A folder that directly holds images and no video is one video. Hidden files and folders are passed over; links to
    folders are followed.

    Parameters
    ----------
    arguments : what the user named; a list's lines are relative to the list, and may be in double quotes and have
        backslashes, as Windows writes paths.
    exclude : iterable of Path
        Folders that are not searched, such as the output folder.
    note : callable
        Told of what a folder holds that is passed over: recordings of kinds that are not read, photos beside videos.

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
        for video in _expand(os.fspath(argument), Path.cwd(), _Search(excluded, note)):
            found.setdefault(video.path, video)
    usable = [video for video in found.values() if not video.problem]
    if not usable:
        problems = "; ".join(video.problem for video in found.values()) or "no videos were named"
        raise InputError(problems)
    named = name_videos(list(found.values()))
    return sorted(named, key=lambda video: (natural_key(video.name), video.name))


@dataclass(frozen=True)
class _Search:
    """What a search leaves out, whom it tells, and the lists that it came through."""

    excluded: set[Path]
    note: Callable[[str], object]
    lists: tuple[Path, ...] = ()


def named_path(argument: str, base: Path = Path()) -> Path:
    """The path that an argument names, relative to `base`; a leading ``~`` is the home folder unless a file has it.

    Examples
    --------
    >>> named_path("~nobody.mp4", Path("videos")).as_posix()
    'videos/~nobody.mp4'
    """
    # `expanduser` of the standard library's paths raises where no such user is known.
    return base / (argument if os.path.lexists(base / argument) else os.path.expanduser(argument))


def _expand(argument: str, base: Path, search: _Search) -> list[VideoInput]:
    path = named_path(argument, base)
    if os.path.isdir(path):
        passed = PassedOver()
        videos = _in_folder(path, search.excluded, passed)
        if videos and passed:
            search.note(f"{path}: {passed}")
        return videos or [_problem(path, f"{path}: {_nothing_in_folder()}{f'; {passed}' if passed else ''}")]
    problem = why_no_file(path, argument)
    if not problem:
        return _from_list(path, search) if path.suffix.lower() == ".txt" else [_video(path)]
    if glob.has_magic(argument) and not os.path.lexists(path):
        return _matching(argument, path, search)
    return [_problem(path, f"{argument if no_path(argument) else path}: {problem}")]


def _matching(pattern: str, path: Path, search: _Search) -> list[VideoInput]:
    try:
        matches = sorted(glob.glob(str(path), recursive=True), key=natural_key)
    except (OSError, ValueError) as error:
        return [_problem(path, f"{pattern}: not a pattern of file names ({error})")]
    videos: list[VideoInput] = []
    for match in map(Path, matches):
        if os.path.isdir(match):
            videos += _in_folder(match, search.excluded, PassedOver())
        elif match.suffix.lower() in VIDEO_SUFFIXES:
            videos.append(_video(match))
    return videos or [_problem(path, f"{pattern}: the pattern fits no video ({_suffixes(VIDEO_SUFFIXES)})")]


def _from_list(path: Path, search: _Search) -> list[VideoInput]:
    if path.resolve() in search.lists:
        raise InputError(f"{path}: this list names itself, directly or through another list")
    try:
        text = read_whole(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: the list is not UTF-8 text (byte {error.start + 1}); save it as UTF-8") from None
    except ValueError as error:
        raise InputError(f"{path}: the list {error}") from None
    videos = []
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.strip().strip('"')
        if not entry or entry.startswith("#"):
            continue
        if not os.path.exists(path.parent / entry):
            entry = entry.replace("\\", "/")
        for video in _expand(entry, path.parent, replace(search, lists=(*search.lists, path.resolve()))):
            note = f"{_shortened(video.problem)} (line {number} of {path.name})" if video.problem else ""
            videos.append(replace(video, problem=note))
    return videos or [_problem(path, f"{path}: the list names no video")]


def _shortened(problem: str) -> str:
    """A message about what is hardly a file's name without most of it."""
    return problem if len(problem) <= _LONGEST_MESSAGE else f"{problem[:80]} ... {problem[-120:]}"


def _in_folder(folder: Path, excluded: set[Path], passed: PassedOver) -> list[VideoInput]:
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
        pictures = [name for name in others if name.suffix.lower() in IMAGE_SUFFIXES]
        passed.add(others)
        if beside:
            passed.pictures += len(pictures)
            videos += [_video(here / name) for name in sorted(beside, key=lambda name: natural_key(name.name))]
        elif pictures:
            videos.append(VideoInput(_absolute(here), _absolute(here).name, is_images=True))
    return videos


def _video(path: Path) -> VideoInput:
    problem = why_no_file(path)
    if not problem and path.suffix.lower() in UNREADABLE_SUFFIXES:
        problem = f"{path.suffix.lower()} files are not read; {CONVERT}"
    return _problem(path, f"{path}: {problem}") if problem else VideoInput(_absolute(path), path.stem)


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
    >>> safe_name("con.2024")
    '_con.2024'
    """
    # Names that are no Unicode text (surrogates) could not be written into a UTF-8 table.
    text = unicodedata.normalize("NFC", name).encode("utf-8", "replace").decode("utf-8")
    text = "".join("_" if c in _FORBIDDEN or ord(c) < 32 else c for c in text).strip(" .") or "video"
    if _DEVICES.fullmatch(text.split(".")[0].rstrip()):
        text = f"_{text}"
    if len(text.encode()) > LONGEST_NAME_BYTES:
        short = text.encode()[: LONGEST_NAME_BYTES - 9].decode("utf-8", "ignore")
        text = f"{short}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return text

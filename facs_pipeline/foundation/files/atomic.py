"""Files that are whole or absent: written under a temporary name, synced, renamed; leftovers of killed runs removed."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.holds import Hold, domain, unheld
from facs_pipeline.foundation.text import as_cell

if TYPE_CHECKING:
    import pandas as pd

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Numbers of the errors that say so."""
_BLOCK = 4096
STALE_AFTER_S = 600.0
"""Temporary files of other machines are left over when nobody has touched them for so long."""
_TEMPORARY = re.compile(r"^\.facs-([0-9a-f]{8})-[0-9a-f-]+\.tmp$")


def temporary_path(folder: Path) -> Path:
    """A fresh name in `folder` that says under which kernel it belongs to somebody.

    The final name is no part of it: a name that just fits the file system's limit would not fit any more.
    """
    return folder / f".facs-{domain(folder)}-{secrets.token_hex(8)}.tmp"


@contextlib.contextmanager
def temporary_file(folder: Path) -> Iterator[Path]:
    """An empty file that no other process takes for left over while the block lasts; removed after it.

    Parameters
    ----------
    folder : Path
        Where to make it; made if need be.

    Yields
    ------
    path : Path
        Its name. It may be renamed within the block, and stays then.
    """
    with _held(folder, lambda path: os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))) as path:
        yield path


@contextlib.contextmanager
def temporary_folder(folder: Path) -> Iterator[Path]:
    """Like `temporary_file`, but a folder, removed with everything in it."""
    with _held(folder, Path.mkdir) as path:
        yield path


@contextlib.contextmanager
def _held(folder: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    path, hold = folder, None
    while hold is None:
        folder.mkdir(parents=True, exist_ok=True)
        # Somebody may tidy up the empty folder before the file is in it.
        with contextlib.suppress(FileNotFoundError):
            path = temporary_path(folder)
            make(path)
            hold = Hold.of(path)
    try:
        yield path
    finally:
        hold.release()
        discard(path)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable, where the system lets folders be opened."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    r"""Write a file that appears under its name only when it is complete and on the disk.

    Parameters
    ----------
    path : path
        The final name; its folder is made if need be.
    mode : {"w", "wb"}
        Text (UTF-8, newlines as written) or bytes.

    Yields
    ------
    file
        The open file. If the block raises, nothing is left and an earlier file of that name stays as it was.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "table.csv"
    >>> with atomic_write(target) as file:
    ...     _ = file.write("a,b\n")
    >>> target.read_text()
    'a,b\n'
    """
    if mode not in ("w", "wb"):
        raise ValueError(f"mode is {mode!r}, expected 'w' or 'wb'")
    path = Path(path)
    text = mode == "w"
    with naming_the_file(path), temporary_file(path.parent) as temporary:
        with open(temporary, mode, encoding="utf-8" if text else None, newline="" if text else None) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)


@contextlib.contextmanager
def naming_the_file(path: Path) -> Iterator[None]:
    """Errors of the block tell the file's final name: a full disk is noticed by calls that know no name."""
    try:
        yield
    except OSError as error:
        unnamed = error.filename is None and error.errno in DISK_FULL
        if unnamed or _TEMPORARY.match(os.path.basename(os.fsdecode(error.filename or ""))):
            error.filename = str(path)
        raise


def free_name(stem: str, taken: set[str]) -> str:
    """`stem`, or with ``_2``, ``_3`` .. behind it the first that no other file of a run has; added to `taken`.

    Letter case does not tell files apart everywhere.

    Examples
    --------
    >>> taken = set()
    >>> free_name("Anna", taken), free_name("anna", taken)
    ('Anna', 'anna_2')
    """
    name, number = stem, 1
    while name.casefold() in taken:
        number += 1
        name = f"{stem}_{number}"
    taken.add(name.casefold())
    return name


def make_writable(folder: str | os.PathLike[str], advice: str) -> None:
    """Create `folder` where it is missing and try to write there, before work is done whose results would be lost.

    Raises
    ------
    InputError
        With `advice` (what to do), if nothing can be written there.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary_file(folder) as probe, open(probe, "wb") as file:
            # An empty file fits on a full disk.
            file.write(bytes(_BLOCK))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InputError(f"{folder}: results cannot be written there ({error.strerror}); {advice}") from None


def require_place(path: str | os.PathLike[str], advice: str) -> None:
    """Check, before work is done whose results would be lost, that a file of this name can be written.

    Parameters
    ----------
    path : path
        Nothing is made there, and no folder for it.
    advice : str
        What to do otherwise.

    Raises
    ------
    InputError
        If it is a folder, or nothing can be written where it is to lie.
    """
    path = Path(os.path.abspath(path))
    if path.is_dir():
        raise InputError(f"{path}: a folder, where a file is to be written; {advice}")
    make_writable(next(folder for folder in path.parents if os.path.lexists(folder)), advice)


def atomic_csv(table: pd.DataFrame, path: str | os.PathLike[str], *, separator: str = ",") -> None:
    r"""Write a table as CSV without its index, atomically, with ``\n`` line ends on every system.

    Texts that a spreadsheet would take for formulas get an apostrophe, see `facs_pipeline.foundation.text.as_cell`.
    """
    from pandas.api.types import is_numeric_dtype

    safe = table.rename(columns=as_cell)
    for place, kind in enumerate(table.dtypes):
        if not is_numeric_dtype(kind):
            cells = table.iloc[:, place]
            safe.isetitem(place, cells.map(lambda cell: as_cell(cell) if isinstance(cell, str) else cell).array)
    with atomic_write(path) as file:
        safe.to_csv(file, index=False, lineterminator="\n", sep=separator)


def remove_leftovers(folder: str | os.PathLike[str], *, depth: int = 3) -> list[Path]:
    """Remove temporary files and folders that killed runs left behind.

    Only names this module makes are touched, and of those only the ones that no living process of this machine
    holds, and of other machines those that have had no heartbeat for ten minutes.

    Parameters
    ----------
    folder : path
        Where to search.
    depth : int
        Levels of folders below it that are searched, too.

    Returns
    -------
    list of Path
        What was removed.
    """
    removed: list[Path] = []
    pending = [(os.fspath(folder), depth)]
    while pending:
        current, levels = pending.pop()
        try:
            entries = list(os.scandir(current))
        except OSError:
            continue
        for entry in entries:
            if match := _TEMPORARY.match(entry.name):
                path = Path(entry.path)
                with contextlib.suppress(OSError):
                    if _remove_leftover(path, match[1]):
                        removed.append(path)
            elif levels > 0 and entry.is_dir(follow_symlinks=False):
                pending.append((entry.path, levels - 1))
    return removed


def _remove_leftover(path: Path, of_domain: str) -> bool:
    with unheld(path) as free:
        if free is None or of_domain != domain(path.parent):
            free = free is not False and folder_time(path.parent) - path.lstat().st_mtime > STALE_AFTER_S
        if free:
            discard(path)
    return free


def folder_time(folder: Path) -> float:
    """What time it is for files in a folder, in seconds; file servers have clocks of their own."""
    try:
        with temporary_file(folder) as path:
            return path.stat().st_mtime
    except OSError:
        return time.time()


def discard(path: Path) -> None:
    """Remove a file or a folder with everything in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)

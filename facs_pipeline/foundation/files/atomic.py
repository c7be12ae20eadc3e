"""Files that are whole or absent: written under a temporary name, synced, renamed; leftovers of killed runs removed."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import platform
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.text import as_cell

if TYPE_CHECKING:
    import pandas as pd

STALE_AFTER_S = 24 * 3600
_TEMPORARY = re.compile(r"^\.facs-([0-9a-f]{8})-(\d+)-\d+\.tmp$")
_counter = itertools.count()


def _host() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def temporary_path(folder: Path) -> Path:
    """A fresh name in `folder` that says which process of which machine it belongs to.

    The final name is no part of it: a name that just fits the file system's limit would not fit any more.
    """
    return folder / f".facs-{_host()}-{os.getpid()}-{next(_counter)}.tmp"


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
    path.parent.mkdir(parents=True, exist_ok=True)
    text = mode == "w"
    temporary = temporary_path(path.parent)
    try:
        with open(temporary, mode, encoding="utf-8" if text else None, newline="" if text else None) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


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
        probe = temporary_path(folder)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"{folder}: results cannot be written there ({error.strerror}); {advice}") from None


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


def _alive(pid: int) -> bool:
    if os.name == "nt":
        # Signal 0 would end the process there; age alone decides.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def remove_leftovers(folder: str | os.PathLike[str], *, depth: int = 3) -> list[Path]:
    """Remove temporary files and folders that killed runs left behind.

    Only names this module makes are touched, and of those only the ones whose process (of this machine) is gone
    or which nobody has written to for a day. Call it before this process has written anything there: in a
    container the process number of the killed run may be ours again.

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
    pending = [(Path(folder), depth)]
    while pending:
        current, levels = pending.pop()
        try:
            entries = list(os.scandir(current))
        except OSError:
            continue
        for entry in entries:
            match = _TEMPORARY.match(entry.name)
            if match:
                host, pid = match[1], int(match[2])
                gone = host == _host() and (pid == os.getpid() or not _alive(pid))
                with contextlib.suppress(OSError):
                    if gone or time.time() - entry.stat(follow_symlinks=False).st_mtime > STALE_AFTER_S:
                        discard(Path(entry.path))
                        removed.append(Path(entry.path))
            elif levels > 0 and entry.is_dir(follow_symlinks=False):
                pending.append((Path(entry.path), levels - 1))
    return removed


def discard(path: Path) -> None:
    """Remove a file or a folder with everything in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)

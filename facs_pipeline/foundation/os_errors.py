"""What the user can do about errors of the operating system: full and read-only disks, missing rights, limits."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from facs_pipeline.foundation.files.atomic import DISK_FULL

_ADVICE = {
    **dict.fromkeys(DISK_FULL, "the disk is full; free some space and run the same command again"),
    errno.EROFS: "the disk is read-only; name another place",
    errno.EMFILE: "too many open files; allow more (ulimit -n), or give a lower number to --jobs",
    errno.ENFILE: "the system has too many open files; end other programs and run the same command again",
    errno.ENOMEM: "not enough memory; give a lower number to --jobs, or end other programs",
    errno.EIO: "the disk does not answer as it should (input/output error); check it and run the same command again",
}
_PLAIN = frozenset({errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.ELOOP})


def advice_on(error: OSError, place: str = "") -> str | None:
    """One line that names the file and says what to do; None where the error may as well be a fault of the program.

    Parameters
    ----------
    error : OSError
    place : str
        Named where the error names no file.

    Examples
    --------
    >>> advice_on(OSError(errno.ENOSPC, "No space left on device", "out/table.csv"))
    'out/table.csv: the disk is full; free some space and run the same command again'
    >>> advice_on(FileNotFoundError(errno.ENOENT, "No such file or directory", "a")) is None
    True
    """
    text = _ADVICE.get(error.errno or 0)
    if text is None and error.errno in _PLAIN:
        text = os.strerror(error.errno)
    if text is None:
        return None
    named = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else place
    return f"{named}: {text}" if named else text


def place_of(error: OSError, *folders: Path) -> str:
    """Which of the folders an error is about, by the file that it names; else that file; else the first folder."""
    if not isinstance(error.filename, str | bytes):
        return str(folders[0]) if folders else ""
    path = Path(os.fsdecode(error.filename))
    return str(next((folder for folder in folders if path.is_relative_to(folder)), path))

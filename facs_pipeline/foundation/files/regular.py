"""Whether a path names an ordinary file, and its content: no pipe, device, socket or URL is waited for."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

from facs_pipeline.foundation.limits import too_many_bytes

_URL = re.compile(r"^[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}


def no_path(named: str) -> bool:
    """Whether a text is no path but a URL, or the ``-`` of standard input; a file may have such a name all the same.

    Examples
    --------
    >>> no_path("rtsp://camera/stream"), no_path("-"), no_path("C:/a.mp4")
    (True, True, False)
    """
    return named == "-" or bool(_URL.match(named))


def why_no_file(path: str | os.PathLike[str], named: str = "") -> str:
    """Why a path cannot be read as a file; empty if it can, as far as its kind tells.

    Parameters
    ----------
    path : path
        A file whose name begins like a URL is a file all the same.
    named : str
        What the user wrote, where `path` was made of it.

    Examples
    --------
    >>> why_no_file("rtsp://camera/stream")
    'URLs are not read; save the recording as a file and name that'
    >>> why_no_file("/dev/zero")
    'a device, not a file; save the recording as a file and name that'
    """
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except (OSError, ValueError) as error:
        if _URL.match(named or os.fspath(path)):
            return "URLs are not read; save the recording as a file and name that"
        if named == "-":
            return "standard input is not read; save the recording as a file and name that"
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return "no such file or folder"
        if isinstance(error, OSError) and error.strerror:
            return f"cannot be read ({error.strerror})"
        return "not the name of a file"
    if kind == stat.S_IFREG:
        return ""
    return f"{_KINDS.get(kind, 'something else')}, not a file; save the recording as a file and name that"


def read_whole(path: str | os.PathLike[str]) -> bytes:
    """The content of a file.

    Raises
    ------
    ValueError
        If it is no file, cannot be read, or is larger than `facs_pipeline.foundation.limits.largest_content`.
    """
    problem = why_no_file(path)
    try:
        if not problem:
            problem = too_many_bytes(os.stat(path).st_size)
        if not problem:
            return Path(path).read_bytes()
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
    raise ValueError(problem)


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading, never waiting for it as for a pipe.

    Raises
    ------
    OSError
        If it is not there, cannot be read, or is a folder, a pipe, a device or an endless link.
    """
    # Before it is opened, too: opening alone makes some devices do something.
    if stat.S_ISREG(path.stat().st_mode):
        file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115  the caller closes it
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return file
        file.close()
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))

"""Which files a living process holds: the kernel's lock tells on one machine, a heartbeat from machine to machine.

Neither host names nor process numbers tell processes apart: containers share both. Two processes that name the same
`domain` of a folder run under one kernel and use one mounted file system, so a lock that one of them can take is one
that nobody holds. Between all others only a heartbeat counts, the time of the file's last change.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: heartbeats alone count there
    fcntl = None  # type: ignore[assignment]  # its absence is what is tested below

BEAT_S = 2.0
"""A held file is touched this often."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_own_kernel = secrets.token_hex(16)


def domain(folder: Path) -> str:
    """Kernel and mounted file system of a folder, 8 hex digits; a fresh one where the kernel has no identity.

    Raises
    ------
    OSError
        If the folder is not there.
    """
    try:
        kernel = _BOOT_ID.read_text()
    except OSError:
        kernel = _own_kernel
    return hashlib.sha256(f"{kernel}|{folder.stat().st_dev}".encode()).hexdigest()[:8]


def lock(handle: int) -> bool | None:
    """Lock an open file: True if that worked, False if somebody else has the lock, None where there are no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def open_to_lock(path: Path) -> int:
    """A handle of a file or folder that takes locks; neither links nor pipes are waited for."""
    flags = os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC if fcntl is not None else 0
    try:
        # On network file systems only a handle for writing takes an exclusive lock.
        return os.open(path, os.O_RDWR | flags)
    except (IsADirectoryError, PermissionError):
        # A folder, or another user's file: for most systems reading is enough.
        return os.open(path, os.O_RDONLY | flags)


def is_same_file(handle: int, path: Path) -> bool:
    """Whether the open file still has this name."""
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except OSError:
        return False


class Hold:
    """A file or folder of this process, locked and touched until it is released.

    Parameters
    ----------
    handle : int or None
        Open and locked; closed by `release`. None where the system has no locks.
    beat : callable
        Touches it.
    """

    def __init__(self, handle: int | None, beat: Callable[[], None]) -> None:
        self._handle = handle
        self._stop_beating = _HEART.add(beat)

    @classmethod
    def of(cls, path: Path) -> Hold | None:
        """Hold a file that was just made; None if it was taken for a leftover, and removed, in the meantime."""
        if fcntl is None:
            return cls(None, lambda: os.utime(path))
        try:
            handle = open_to_lock(path)
        except FileNotFoundError:
            return None
        if lock(handle) is not False and is_same_file(handle, path):
            return cls(handle, lambda: os.utime(handle))
        os.close(handle)
        return None

    def release(self) -> None:
        """From now on it counts as left over."""
        self._stop_beating()
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


@contextlib.contextmanager
def unheld(path: Path) -> Iterator[bool | None]:
    """Whether nobody under this kernel holds the file, and nobody will while the block lasts; None if unknown."""
    if fcntl is None:
        yield None
        return
    try:
        handle = open_to_lock(path)
    except OSError:
        yield None
        return
    try:
        yield lock(handle)
    finally:
        os.close(handle)


class _Heart:
    """One thread for all heartbeats of the process; it ends when there is nothing left to beat for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._beats: dict[int, Callable[[], None]] = {}
        self._next = 0
        self._thread: threading.Thread | None = None

    def add(self, beat: Callable[[], None]) -> Callable[[], None]:
        """Call `beat` every `BEAT_S` seconds until what is returned is called."""
        with self._lock:
            number = self._next = self._next + 1
            self._beats[number] = beat
            # A forked process has the object, but not the thread.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
                self._thread.start()

        def stop() -> None:
            with self._lock:
                self._beats.pop(number, None)

        return stop

    def _run(self) -> None:
        while True:
            time.sleep(BEAT_S)
            # Under the lock: a handle that was closed could be somebody else's file by now.
            with self._lock:
                if not self._beats:
                    self._thread = None
                    return
                for beat in list(self._beats.values()):
                    with contextlib.suppress(OSError):
                        beat()


_HEART = _Heart()

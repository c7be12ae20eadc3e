"""One run at a time for a folder or table: a lock file tells who holds it, and is taken over if the holder is dead."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import platform
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from facs_pipeline.foundation.errors import BusyError
from facs_pipeline.foundation.files.atomic import folder_time, temporary_file
from facs_pipeline.foundation.files.holds import BEAT_S, Hold, domain, is_same_file, lock, open_to_lock

NAME = ".facs-run.lock"
DEAD_AFTER_S = 20.0
"""A holder on another machine, or in a container that shares no locks, is dead after so long without a heartbeat."""
_ENDING_S = 1.0
_POLL_S = 0.5
_LONGEST_RECORD = 4096


class FolderLock:
    """Holds a folder, or the place of one file in it, for one run; a context manager.

    Host name and process number are for people to read. Whether the holder lives is told by `holds`.

    Parameters
    ----------
    folder : Path
        It must be there.
    advice : str
        What else the user can do, for the error's text.
    tell : callable
        Called with one line where it takes a while to find out whether the holder lives.
    file : Path, optional
        Hold the place of this file in the folder only.

    Raises
    ------
    BusyError
        On entering, if a living run holds the folder.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> with FolderLock(folder, "name another folder with --out"):
    ...     (folder / NAME).exists()
    True
    >>> (folder / NAME).exists()
    False
    """

    def __init__(
        self, folder: Path, advice: str, tell: Callable[[str], None] = lambda text: None, *, file: Path | None = None
    ) -> None:
        self.folder, self._advice, self._tell = folder, advice, tell
        self._what = folder if file is None else file
        # A file's name may be as long as names can be.
        of_file = file and hashlib.sha256(os.fsencode(file.name)).hexdigest()[:16]
        self._path = folder / (f".facs-{of_file}.lock" if of_file else NAME)
        self._token = secrets.token_hex(16)
        self._hold: Hold | None = None
        self._lost = False

    @classmethod
    def of_file(cls, file: Path, advice: str, tell: Callable[[str], None] = lambda text: None) -> FolderLock:
        """Hold the place of a file; its folder is made if need be."""
        folder = Path(os.path.abspath(file)).parent
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder, advice, tell, file=file)

    def __enter__(self) -> FolderLock:
        until = time.monotonic() + _ENDING_S
        while True:
            handle = self._create()
            if handle is None:
                handle = self._take_over(last_try=time.monotonic() > until)
            if handle is not None:
                self._hold = Hold(handle, self._beat)
                return self
            # Whoever was killed a moment ago is gone in the next.
            time.sleep(_POLL_S / 5)

    def __exit__(self, *_error: object) -> None:
        if self._hold is not None:
            # While it is locked: nobody else can have taken it over under this kernel.
            with contextlib.suppress(OSError):
                if self._is_mine():
                    self._path.unlink()
            self._hold.release()
            self._hold = None

    def holder(self) -> str:
        """Who holds the place now, for people to read; empty where nobody who lives does."""
        try:
            handle = open_to_lock(self._path)
        except FileNotFoundError:
            return ""
        try:
            free, record = lock(handle), _read(handle)
            if free and record.get("domain") == domain(self.folder):
                return ""
            # The kernel knows nothing of holders elsewhere.
            recent = folder_time(self.folder) - self._path.stat().st_mtime < DEAD_AFTER_S
            return _holder(record) if free is False or recent else ""
        except FileNotFoundError:
            return ""
        finally:
            os.close(handle)

    def check(self) -> None:
        """Make sure, before results are written, that the folder is still ours.

        Raises
        ------
        BusyError
            If this process stood still for so long that another run took the folder over.
        """
        if self._lost or not self._is_mine():
            raise BusyError(f"{self._what}: another run took it over while this one stood still; {self._advice}")

    # ------------------------------------------------------------------------------------------------ taking it

    def _create(self) -> int | None:
        """An open handle of a new lock file, None where there is one already."""
        with temporary_file(self.folder) as draft:
            draft.write_bytes(self._record())
            try:
                # Unlike a rename, a link fails where the name is taken.
                os.link(draft, self._path)
            except FileExistsError:
                return None
            except OSError:
                return self._create_without_links()
        # The draft's own lock went with it; whoever was quicker in between has the folder.
        return self._locked()

    def _create_without_links(self) -> int | None:
        try:
            handle = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        except FileExistsError:
            return None
        lock(handle)
        os.write(handle, self._record())
        return handle

    def _locked(self) -> int | None:
        try:
            handle = open_to_lock(self._path)
        except FileNotFoundError:
            return None
        if lock(handle) is not False and is_same_file(handle, self._path) and self._is_mine():
            return handle
        os.close(handle)
        return None

    def _take_over(self, *, last_try: bool) -> int | None:
        """An open handle of the lock file of somebody dead, None where it is to be tried again."""
        try:
            handle = open_to_lock(self._path)
        except FileNotFoundError:
            return None
        try:
            if (free := lock(handle)) is False:
                if last_try:
                    raise self._busy(handle)
                return self._close(handle)
            if not is_same_file(handle, self._path):
                return self._close(handle)
            record = _read(handle)
            if free is None or record.get("domain") != domain(self.folder):
                # The kernel knows nothing of this holder.
                if self._beats(record):
                    raise self._busy(handle)
                self._write(handle)
                # Two may have come to this at once; the one who wrote last has it.
                time.sleep(2 * BEAT_S)
                if not self._is_mine():
                    raise self._busy(handle)
            else:
                # Under its lock, so that nobody else does the same; then whoever makes the next file first has it.
                self._path.unlink()
                return self._close(handle)
        except BaseException:
            os.close(handle)
            raise
        return handle

    @staticmethod
    def _close(handle: int) -> None:
        os.close(handle)

    def _write(self, handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        os.truncate(handle, 0)
        os.write(handle, self._record())
        os.fsync(handle)

    def _beats(self, record: dict[str, object]) -> bool:
        """Whether the holder gives a sign of life; waits for one where it gave the last not long ago."""
        try:
            first = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return False
        left = DEAD_AFTER_S - (folder_time(self.folder) - first / 1e9)
        if left > 0:
            self._tell(f"{self._what}: waiting up to {left:.0f} s to see whether {_holder(record)} still lives")
        until = time.monotonic() + left
        while time.monotonic() < until:
            time.sleep(_POLL_S)
            # Opened anew each time: network file systems answer from memory otherwise.
            with contextlib.suppress(OSError), open(self._path, "rb") as file:
                if os.fstat(file.fileno()).st_mtime_ns != first:
                    return True
        return False

    def _busy(self, handle: int) -> BusyError:
        return BusyError(f"{self._what}: {_holder(_read(handle))} is writing there; wait for it, or {self._advice}")

    # ------------------------------------------------------------------------------------------------ having it

    def _record(self) -> bytes:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        record = {
            "token": self._token,
            "domain": domain(self.folder),
            "host": platform.node(),
            "process": os.getpid(),
            "since": now,
        }
        return json.dumps(record).encode()

    def _is_mine(self) -> bool:
        """Whether the file has this lock's token; raises where that cannot be read, as with too few file handles."""
        try:
            handle = open_to_lock(self._path)
        except FileNotFoundError:
            return False
        try:
            return _read(handle).get("token") == self._token
        finally:
            os.close(handle)

    def _beat(self) -> None:
        if self._is_mine():
            os.utime(self._path)
        else:
            self._lost = True


def _read(handle: int) -> dict[str, object]:
    """What the lock file says; empty if it is damaged."""
    try:
        os.lseek(handle, 0, os.SEEK_SET)
        record = json.loads(os.read(handle, _LONGEST_RECORD))
    except (OSError, ValueError, RecursionError):
        # Of a file that is no lock, too: a folder, a pipe.
        return {}
    return record if isinstance(record, dict) else {}


def _holder(record: dict[str, object]) -> str:
    if not record:
        return "another run"
    parts = (record.get(name, "?") for name in ("process", "host", "since"))
    return "another run (process {} on {}, since {})".format(*(str(part)[:80] for part in parts))

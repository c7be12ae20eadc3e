"""Remembers the content hash of videos that nobody has written since, so that a rerun need not read them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from facs_pipeline.extraction.cache import file_stamp
from facs_pipeline.extraction.inputs import VideoInput
from facs_pipeline.foundation.files.signed_json import read_signed, write_signed
from facs_pipeline.video.reader import folder_images


class VideoHashes:
    """Content hashes by path, size, time and inode.

    Parameters
    ----------
    path : Path
        JSON file that keeps them from run to run; one that is damaged or not this user's counts as empty.
    key : bytes
        The user's secret key: whoever could write here could give one video the results of another.
    others : iterable of Path
        Files of runs beside this one, which are read, too.
    """

    def __init__(self, path: Path, key: bytes, others: Iterable[Path] = ()) -> None:
        self._path, self._key = path, key
        self._stamps: dict[Path, str] = {}
        self._changed = False
        self._known: dict[str, list[str]] = {}
        for file in (*others, path):
            stored = read_signed(file, key)
            self._known |= stored if isinstance(stored, dict) else {}

    def known(self, video: VideoInput) -> str:
        """The video's hash if it is known and the file unchanged, else an empty text."""
        # The stamp is taken before the worker reads the file: one that is written meanwhile is hashed again next time.
        stamp = self._stamps.get(video.path) or self._stamp(video)
        known_stamp, sha256 = self._known.get(_place(video), ["", ""])
        return sha256 if stamp and stamp == known_stamp else ""

    def learn(self, video: VideoInput, sha256: str) -> None:
        """Remember the hash of a video."""
        stamp = self._stamps.get(video.path)
        if stamp and self._known.get(_place(video)) != [stamp, sha256]:
            self._known[_place(video)] = [stamp, sha256]
            self._changed = True

    def save(self) -> None:
        """Write what was learnt; where that is impossible, the next run reads the videos once more."""
        if self._changed:
            with contextlib.suppress(OSError):
                write_signed(self._path, self._known, self._key)

    def _stamp(self, video: VideoInput) -> str:
        try:
            stamp = file_stamp(video.path, folder_images(video.path) if video.is_images else None)
        except OSError:
            return ""
        self._stamps[video.path] = stamp
        return stamp


def _place(video: VideoInput) -> str:
    return os.fsencode(video.path).decode("utf-8", "backslashreplace")

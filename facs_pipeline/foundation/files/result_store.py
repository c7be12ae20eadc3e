"""Stored results: what a long run has computed, piece by piece, so that the next run goes on where it stopped."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from facs_pipeline.foundation.files.artifacts import (
    Artifact,
    ArtifactWriter,
    BadArtifactError,
    canonical_json,
    load_key,
)
from facs_pipeline.foundation.files.atomic import discard, remove_leftovers
from facs_pipeline.foundation.machine import computed_with
from facs_pipeline.foundation.progress import SILENT, Progress

_Result = TypeVar("_Result")


class ResultStore:
    """A folder of results, each computed once from the same inputs.

    Results are signed artifacts, verified before they are unpickled: one that is damaged, or made by somebody else,
    is computed anew. A store travels to worker processes with the user's key, so that all sign with the same one.

    Parameters
    ----------
    folder : path or None
        Made when the first result is stored. None stores nothing.
    progress : Progress
        Warned of a key that others can read, or that cannot be kept.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> store = ResultStore(pathlib.Path(tempfile.mkdtemp()) / "stills.csv.unfinished")
    >>> store.get({"piece": 1}, lambda: 42), store.get({"piece": 1}, lambda: 43), store.pieces
    (42, 42, 1)
    >>> store.clear()
    >>> store.pieces
    0
    """

    def __init__(self, folder: str | os.PathLike[str] | None, progress: Progress = SILENT) -> None:
        self.folder = None if folder is None else Path(folder)
        self._key, warning = (b"", None) if folder is None else load_key()
        if warning:
            progress.warn(warning)

    def get(self, inputs: Mapping[str, object], compute: Callable[[], _Result]) -> _Result:
        """The stored result of the same inputs; else what `compute` gives, which is then stored.

        Parameters
        ----------
        inputs : mapping
            JSON-able facts that the result depends on, with a version of the code that computes it.
        compute : callable
            Without arguments; its result is anything that joblib can dump.

        Returns
        -------
        object
            What `compute` gave, now or in an earlier run.
        """
        if self.folder is None:
            return compute()
        path = self._path(self.folder, inputs)
        with contextlib.suppress(FileNotFoundError, BadArtifactError):
            [result] = Artifact.open(path, self._key)
            return result
        result = compute()
        # A folder that cannot be written to costs a killed run its pieces, and this run nothing.
        with contextlib.suppress(OSError), ArtifactWriter(path, self._key, inputs) as writer:
            writer.append(result)
            writer.finish({"computed_with": computed_with()})
        return result

    def __contains__(self, inputs: Mapping[str, object]) -> bool:
        """Whether there is a file for these inputs, good or not: for messages and progress bars."""
        return self.folder is not None and self._path(self.folder, inputs).is_file()

    @staticmethod
    def _path(folder: Path, inputs: Mapping[str, object]) -> Path:
        return folder / f"{hashlib.sha256(canonical_json(inputs)).hexdigest()[:24]}.joblib"

    @property
    def pieces(self) -> int:
        """How many results are stored, with those in `videos`."""
        return 0 if self.folder is None else len(list(self.folder.rglob("*.joblib")))

    @property
    def videos(self) -> Path:
        """Sub-folder to which a run's videos are extracted, with the stored results of their stages.

        Raises
        ------
        ValueError
            If this store has no folder.
        """
        if self.folder is None:
            raise ValueError("a store without a folder has no place for videos")
        return self.folder / "videos"

    def clear(self) -> None:
        """Remove all results, once the run they belong to is done."""
        if self.folder is None or not self.folder.is_dir():
            return
        remove_leftovers(self.folder, depth=0)
        for path in [*self.folder.glob("*.joblib"), self.videos]:
            discard(path)
        # The user's own files in it stay, and the folder with them.
        with contextlib.suppress(OSError):
            self.folder.rmdir()

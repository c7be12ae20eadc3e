"""Where a run's tables go, and whether the table of a video is there already and still the right one."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from facs_pipeline.store import atomic_write

FORMATS = ("csv", "parquet")
TABLE_VERSION = 1
"""Raised whenever the same results would be written as another table."""


@dataclass(frozen=True)
class Outputs:
    """The output folder of a run.

    Attributes
    ----------
    folder : Path
    format : str
        One of `FORMATS`.
    overlay : bool
        Whether annotated videos are made.
    records : Path
        Folder (in the cache) that remembers of what each table was made.
    """

    folder: Path
    format: str
    overlay: bool
    records: Path

    def table(self, name: str) -> Path:
        """Path of a video's action-unit table."""
        return self.folder / "action_units" / f"{name}.{self.format}"

    def overlay_path(self, name: str) -> Path:
        """Path of a video's annotated copy."""
        return self.folder / "overlays" / f"{name}.mp4"

    def table_is_current(self, name: str, key: str, baseline: Any) -> bool:
        """Whether the table (and the annotated copy) made of these results is there and nobody has changed it."""
        try:
            record = json.loads(self._record(name).read_text())
            return record == self._state(name, key, baseline)
        except (OSError, ValueError):
            return False

    def record_table(self, name: str, key: str, baseline: Any) -> None:
        """Remember of what the table that was just written is made; an earlier one in another format goes."""
        for other in FORMATS:
            if other != self.format:
                replace(self, format=other, overlay=False).remove_table(name)
        with atomic_write(self._record(name)) as file:
            json.dump(self._state(name, key, baseline), file, sort_keys=True)

    def remove_table(self, name: str) -> None:
        """Remove the table that an earlier run made and this one could not, so that nobody takes it for current."""
        if self._record(name).exists():
            for path in (self.table(name), self._record(name), *self._overlays(name)):
                path.unlink(missing_ok=True)

    def _overlays(self, name: str) -> list[Path]:
        return [self.overlay_path(name)] if self.overlay else []

    def _record(self, name: str) -> Path:
        place = os.path.abspath(self.table(name))
        return self.records / f"{hashlib.sha256(os.fsencode(place)).hexdigest()[:20]}.json"

    def _state(self, name: str, key: str, baseline: Any) -> dict[str, Any]:
        stats = [path.stat() for path in (self.table(name), *self._overlays(name))]
        return {
            "table": os.path.abspath(self.table(name)),
            "made_of": key,
            "baseline": baseline,
            "version": TABLE_VERSION,
            "files": [[stat.st_size, stat.st_mtime_ns] for stat in stats],
        }

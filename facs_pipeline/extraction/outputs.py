"""Where a run's tables go, and whether the table of a video is there already and still the right one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from facs_pipeline.extraction.cache import content_sha256
from facs_pipeline.foundation.files.signed_json import read_signed, write_signed

FORMATS = ("csv", "parquet")
TABLE_VERSION = 2
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
    key : bytes
        The user's secret key, which signs the records.
    """

    folder: Path
    format: str
    overlay: bool
    records: Path
    key: bytes = field(repr=False)

    def table(self, name: str) -> Path:
        """Path of a video's action-unit table."""
        return self.folder / "action_units" / f"{name}.{self.format}"

    def others(self, names: Iterable[str]) -> list[Path]:
        """Action-unit tables in the folder that are not of these videos."""
        mine = {self.table(name) for name in names}
        return sorted(path for path in self.table("").parent.glob(f"*.{self.format}") if path not in mine)

    def overlay_path(self, name: str) -> Path:
        """Path of a video's annotated copy."""
        return self.folder / "overlays" / f"{name}.mp4"

    def table_is_current(self, name: str, key: str, baseline: Any) -> bool:
        """Whether the table (and the annotated copy) made of the results of `key` is there, unchanged."""
        baseline = list(baseline) if isinstance(baseline, tuple) else baseline
        try:
            record = read_signed(self._record(name), self.key)
            if not isinstance(record, dict) or record["made_of"] != key or record["baseline"] != baseline:
                return False
            return record == self._state(name, key, baseline)
        except (OSError, KeyError):
            return False

    def record_table(self, name: str, key: str, baseline: Any) -> None:
        """Remember of what the table that was just written is made; an earlier one in another format goes."""
        for other in FORMATS:
            earlier = replace(self, format=other, overlay=False)
            # A cache may serve several output folders: only this folder's own earlier table goes.
            if other != self.format and earlier.table(name).exists():
                earlier.remove_table(name)
        write_signed(self._record(name), self._state(name, key, baseline), self.key)

    def remove_table(self, name: str) -> None:
        """Remove the table that an earlier run made and this one could not, so that nobody takes it for current."""
        if self._record(name).exists():
            for path in (self.table(name), self._record(name), *self._overlays(name)):
                path.unlink(missing_ok=True)

    def _overlays(self, name: str) -> list[Path]:
        return [self.overlay_path(name)] if self.overlay else []

    def _record(self, name: str) -> Path:
        return self.records / f"{name}.{self.format}.json"

    def _state(self, name: str, key: str, baseline: Any) -> dict[str, Any]:
        # Content, not time stamps: a folder that was copied or moved is as good as before.
        return {
            "made_of": key,
            "baseline": baseline,
            "version": TABLE_VERSION,
            "sha256": [content_sha256(path) for path in (self.table(name), *self._overlays(name))],
        }

"""What came out of a run: which videos are done, and their tables as pandas has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from facs_pipeline.extraction.outputs import Outputs
from facs_pipeline.extraction.video_result import VideoResult
from facs_pipeline.foundation.text import from_cell

if TYPE_CHECKING:
    import pandas as pd


class VideoTables(Mapping[str, "pd.DataFrame"]):
    """Action-unit tables by the names of their videos, each read when it is asked for."""

    def __init__(self, outputs: Outputs, names: list[str]) -> None:
        self._outputs, self._names = outputs, names

    def __getitem__(self, name: str) -> pd.DataFrame:
        import pandas as pd

        if name not in self._names:
            raise KeyError(name)
        path = self._outputs.table(name)
        return pd.read_parquet(path) if self._outputs.format == "parquet" else _own_csv(path, {})

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass
class RunResult:
    """What came out of a run.

    Attributes
    ----------
    videos : list of VideoResult
        In the order of ``videos.csv``.
    out : Path
        Folder of the results.
    seconds : dict of str to float
        Time spent per stage, summed over the workers, and ``"total"`` by the clock.
    outputs : Outputs
        Where the tables lie.

    Examples
    --------
    >>> result = extract_features("interviews/")  # doctest: +SKIP
    >>> result.tables["anna"].plot(x="timestamp", y="AU12_r")  # doctest: +SKIP
    >>> result.descriptors.groupby("subject")["AU12_value_mean"].mean()  # doctest: +SKIP
    """

    videos: list[VideoResult]
    out: Path
    outputs: Outputs
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def failed(self) -> list[VideoResult]:
        """The videos that failed."""
        return [result for result in self.videos if result.status == "failed"]

    @property
    def tables(self) -> VideoTables:
        """The action-unit table of each video that did not fail, by its name; read on access."""
        return VideoTables(self.outputs, [video.name for video in self.videos if video.status != "failed"])

    @property
    def descriptors(self) -> pd.DataFrame:
        """``descriptors.csv``: a row for each video and face."""
        return _own_csv(self.out / "descriptors.csv", {"video": str, "subject": str})


def _own_csv(path: Path, types: dict[str, type[str]]) -> pd.DataFrame:
    """A table that was written with `facs_pipeline.foundation.text.as_cell`; columns without a type get pandas'."""
    import pandas as pd

    table = pd.read_csv(path, dtype=types)
    for name in table.select_dtypes(exclude="number").columns:
        table[name] = table[name].map(from_cell, na_action="ignore")
    return table

"""Results of a run as DataFrames and figures, for notebooks: `facs_pipeline.load`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from facs_pipeline.extraction.table_events import find_table_events
from facs_pipeline.extraction.table_series import SeriesOptions
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.figures import figure_style, new_figure, require_matplotlib
from facs_pipeline.foundation.tabular import column_names, read_number_table
from facs_pipeline.study.pictures import drawn_frames, source_of
from facs_pipeline.study.quality import judge_videos, quality_table
from facs_pipeline.study.results import StudyResults, read_results
from facs_pipeline.study.summary import SummaryOptions, summarize
from facs_pipeline.study.timeline import TimelineOptions, draw_timeline
from facs_pipeline.tables.schema import VIDEOS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TEXTS = ("video", "occluded", "emotion")
_KEYS = ("video", "frame", "face_id", "timestamp", "confidence", "success")


def load(results: str | os.PathLike[str], metadata: str | os.PathLike[str] | None = None) -> Results:
    """Read what ``facs extract-features`` wrote; nothing but the list of videos is read before it is asked for.

    Parameters
    ----------
    results : str or PathLike
        The folder that ``--out`` named.
    metadata : str or PathLike, optional
        Table with the column ``video`` and what is known of each; by default the run's own.

    Returns
    -------
    Results

    Raises
    ------
    InputError
        If it is no such folder.

    Examples
    --------
    >>> results = load("results")  # doctest: +SKIP
    >>> results.action_units.groupby("video")["AU12_r"].mean()  # doctest: +SKIP
    >>> results.plot_timeline("anna", aus=[6, 12])  # doctest: +SKIP
    >>> results.compare("condition").sort_values("p_corrected").head()  # doctest: +SKIP
    """
    return Results(read_results(results, metadata))


class Results:
    """The tables of a run. Each is read when it is first asked for, and kept.

    Parameters
    ----------
    study : StudyResults
        See `load`.
    """

    def __init__(self, study: StudyResults):
        self.study = study

    def __repr__(self) -> str:
        return f"<Results of {len(self.study.videos)} videos in {self.study.folder}>"

    @property
    def folder(self) -> Path:
        """Where they are."""
        return self.study.folder

    @cached_property
    def videos(self) -> pd.DataFrame:
        """A row for each video: ``videos.csv``, and the columns of the metadata behind it."""
        table = pd.DataFrame([video.facts for video in self.study.videos])
        for column in table.columns:
            if column in VIDEOS.names and VIDEOS[str(column)].type != "text":
                table[column] = pd.to_numeric(table[column], errors="coerce")
        for column in self.study.columns:
            if column not in table:
                known = [self.study.metadata.get(video.name, {}).get(column, "") for video in self.study.videos]
                table[column] = _typed(known)
        return table

    @cached_property
    def quality(self) -> pd.DataFrame:
        """A row for each video: its verdict (use, check, leave out), the reasons, and the measures behind them."""
        return quality_table(judge_videos(self.study))

    @cached_property
    def action_units(self) -> pd.DataFrame:
        """A row for each face of each frame of all videos: everything but the landmarks; see ``facs columns``."""
        return self._frames(lambda name: not _is_landmark(name))

    @cached_property
    def landmarks(self) -> pd.DataFrame:
        """A row for each face of each frame of all videos: ``x_0 .. x_67``, ``y_0 .. y_67`` in pixels."""
        return self._frames(lambda name: name in _KEYS or _is_landmark(name))

    @cached_property
    def events(self) -> pd.DataFrame:
        """A row for each movement of each face, above the video's resting face: onset, apex, offset."""
        path = self.folder / "action_units"
        return find_table_events([path], SeriesOptions(aus="all", baseline="video")).table

    @cached_property
    def descriptors(self) -> pd.DataFrame:
        """A row for each face of each video: ``descriptors.csv``."""
        path = next((one for one in self._files("descriptors") if one.is_file()), None)
        if path is None:
            raise InputError(f"{self.folder}: no descriptors there; facs extract-features writes them")
        names = column_names(path)
        text = [name for name in names if name in ("video", *self.study.columns, "subject", "emotion", "label")]
        return read_number_table(path, lambda _name: True, text=text).reset_index(drop=True)

    def table_of(self, video: str) -> Path:
        """Where the action-unit table of a video is.

        Raises
        ------
        InputError
            If there is no such video, or it has none.
        """
        return self.study.video(video).its_table()

    def plot_timeline(
        self, video: str | None = None, aus: Sequence[int] = (), options: TimelineOptions | None = None
    ) -> Figure:
        """Curves of a video's action units, with events, gaps and stretches of low confidence.

        Parameters
        ----------
        video : str, optional
            Its name in `videos`; may be left out where there is one only.
        aus : sequence of int
            Action units; by default those that move most.
        options : TimelineOptions, optional
            All else; its action units are used where `aus` is empty.

        Raises
        ------
        InputError
            If the video, an action unit or matplotlib is not there.
        """
        require_matplotlib()
        options = options or TimelineOptions()
        if len(aus):
            options = replace(options, aus=tuple(aus))
        return draw_timeline(self.table_of(self._only(video)), options)

    def plot_overlay(self, frame: int, video: str | None = None, path: str | os.PathLike[str] | None = None) -> Figure:
        """One picture of a video, with what was found drawn in.

        Parameters
        ----------
        frame : int
            Number from 1, as tables count.
        video : str, optional
            Its name in `videos`; may be left out where there is one only.
        path : str or PathLike, optional
            Where the video lies now; by default where it lay when it was measured.

        Raises
        ------
        InputError
            If the video, its file, the frame or matplotlib is not there.
        """
        require_matplotlib()
        name = self._only(video)
        source = source_of(self.study, name) if path is None else Path(path)
        drawn = drawn_frames(source, self.table_of(name), {frame}).get(frame)
        if drawn is None:
            raise InputError(f"{name}: no frame {frame}; its table counts them from 1")
        with figure_style():
            figure = new_figure(figsize=(drawn.shape[1] / 110, drawn.shape[0] / 110), dpi=110)
            axes = figure.add_axes((0, 0, 1, 1))
            axes.set_axis_off()
            axes.imshow(drawn[:, :, ::-1])
        return figure

    def compare(self, *conditions: str, person: str = "subject", options: SummaryOptions | None = None) -> pd.DataFrame:
        """What differs between conditions within persons, as ``facs summarize`` says.

        Parameters
        ----------
        *conditions : str
            Columns of the metadata, such as ``"condition"``.
        person : str
            The column that says who is shown.
        options : SummaryOptions, optional
            All else.

        Returns
        -------
        DataFrame
            A row for each signal, statistic and pair of conditions; see
            `facs_pipeline.study.differences.differences`.

        Raises
        ------
        InputError
            If nothing can be compared; the message says why.
        """
        chosen = replace(options or SummaryOptions(), by=(*conditions, person), person=person)
        summary = summarize(self.study, chosen)
        if not len(summary.differences):
            raise InputError(f"{self.folder}: {'; '.join(summary.notes) or 'nothing to compare'}")
        return summary.differences

    def _files(self, stem: str) -> list[Path]:
        return [self.folder / f"{stem}{ending}" for ending in (".csv", ".parquet")]

    def _only(self, video: str | None) -> str:
        if video is not None:
            return video
        if len(self.study.videos) != 1:
            raise InputError(f"{self.folder}: {len(self.study.videos)} videos; say which one")
        return self.study.videos[0].name

    def _frames(self, wanted: Callable[[str], bool]) -> pd.DataFrame:
        paths = [video.table for video in self.study.videos if video.table is not None]
        if not paths:
            raise InputError(f"{self.folder}: no action-unit tables there")
        parts = [read_number_table(path, wanted, text=_TEXTS) for path in paths]
        table = pd.concat(parts, ignore_index=True)
        for name in ("frame", "face_id", "success"):
            if name in table:
                table[name] = table[name].astype("Int64")
        return table


def _is_landmark(name: str) -> bool:
    return name[:2] in ("x_", "y_") and name[2:].isdecimal()


def _typed(cells: Sequence[str]) -> pd.Series:
    """Numbers where all cells that are not empty are numbers; a subject such as ``01`` stays a text."""
    column = pd.Series(cells, dtype=object)
    filled = column[column != ""]
    numbers = pd.to_numeric(filled, errors="coerce")
    plain = len(filled) and numbers.notna().all() and not filled.str.match(r"0\d").any()
    return pd.to_numeric(column.replace("", None)) if plain else column

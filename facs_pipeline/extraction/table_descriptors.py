"""Descriptors of action-unit tables that exist already, whoever made them: what `facs describe` calls."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from facs_pipeline.action_units.baseline import resting_intensity, subtract_resting
from facs_pipeline.dynamics.descriptors import describe_series, descriptor_names, why_not_described
from facs_pipeline.dynamics.evidence import DescriptorSet
from facs_pipeline.dynamics.extended import FaceMotion, describe_motion, extended_names, why_not_extended
from facs_pipeline.dynamics.resampling import LONGEST_GAP_S, series_parts
from facs_pipeline.extraction.inputs import METADATA_COLUMNS, VideoInput
from facs_pipeline.extraction.metadata import read_metadata, without_row
from facs_pipeline.extraction.table_series import Failures, SeriesOptions, require
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.foundation.tabular import column_names
from facs_pipeline.tables.files import find_tables
from facs_pipeline.tables.reader import AUSeries, choose_aus, read_aus


@dataclass(frozen=True)
class TableDescriptors:
    """What came out.

    Attributes
    ----------
    table : DataFrame
        A row for each video and face, see `facs columns descriptors`.
    aus : tuple of int
        The action units described.
    tables : int
        How many tables there were.
    failed : tuple of str
        What could not be used, and why.
    """

    table: pd.DataFrame
    aus: tuple[int, ...]
    tables: int
    failed: tuple[str, ...]


@dataclass
class _Row:
    """Descriptors of one face, and where they come from."""

    source: Path
    origin: str
    cells: dict[str, object]


_Rows = dict[tuple[str, str], _Row]
"""(Video, face id) -> its row."""


def describe_tables(
    tables: Sequence[str | os.PathLike[str]],
    options: SeriesOptions | None = None,
    *,
    descriptor_set: DescriptorSet = "published",
    metadata: Path | None = None,
    exclude: Iterable[Path] = (),
    progress: Progress = SILENT,
) -> TableDescriptors:
    """Describe each video and face of existing action-unit tables.

    Parameters
    ----------
    tables : sequence of str or PathLike
        CSV or parquet files, folders or globs; of this package, OpenFace, py-feat.
    options : SeriesOptions, optional
    descriptor_set : {"published", "extended"}
        The published descriptor of seven action units, or the extended one of all, and of landmarks where all tables
        have them.
    metadata : Path, optional
        CSV with the column ``video`` and any of ``subject``, ``emotion``, ``label``.
    exclude : iterable of Path
        Files in folders that are no input, such as an earlier result.
    progress : Progress
        Told of tables that fail, and of what the user should know.

    Returns
    -------
    TableDescriptors

    Raises
    ------
    InputError
        If no table can be used, no face described, or the tables have different action units and none were chosen.

    Examples
    --------
    >>> described = describe_tables(["openface/"], SeriesOptions(aus=(6, 12)))  # doctest: +SKIP
    >>> described.table["AU12_value_mean"]  # doctest: +SKIP
    """
    options = options or SeriesOptions()
    paths = find_tables(tables, exclude=[*exclude, metadata])
    failures = Failures(progress)
    aus_of = {}
    for path in paths:
        with failures.caught():
            aus_of[path] = read_aus(path)
    if not aus_of:
        raise InputError(f"none of the {len(paths)} tables could be used; nothing was written")
    extended = descriptor_set == "extended"
    wanted = "all" if extended and options.aus == "default" else options.aus
    aus = choose_aus({str(path): has for path, has in aus_of.items()}, wanted)
    landmarks = extended and all({"x_0", "y_67"} <= set(column_names(path)) for path in aus_of)
    describe = _Extended(aus, landmarks) if extended else _Published(aus)
    rows: _Rows = {}
    for path in aus_of:
        with failures.caught():
            rows |= _rows_of(path, describe, options, rows, progress)
    if not rows:
        raise InputError("no face in these tables can be described (reasons above); nothing was written")
    if metadata is not None:
        _add_metadata(rows, metadata, progress)
    if len({row.origin == "py-feat" for row in rows.values()}) > 1:
        progress.warn("py-feat's values (0..1) and others' intensities (0..5) are in one table; do not compare them")
    table = pd.DataFrame([row.cells for row in rows.values()])
    return TableDescriptors(table, aus, len(paths), tuple(failures.reasons))


@dataclass(frozen=True)
class _Published:
    """How a series gets the published descriptor."""

    aus: tuple[int, ...]
    landmarks = False

    @property
    def names(self) -> list[str]:
        return descriptor_names(self.aus)

    def why_not(self, one: AUSeries, intensities: np.ndarray) -> str:
        return why_not_described(intensities, one.times_s)

    def values(self, one: AUSeries, intensities: np.ndarray) -> np.ndarray:
        # One by one, as in a run over videos: of a hidden mouth the brows are described all the same.
        alone = np.isnan(intensities).any(axis=1) != np.isnan(intensities).all(axis=1)
        every = range(len(self.aus))
        columns = [[k] for k in every] if alone.any() else [list(every)]
        described = [describe_series(intensities[:, c], one.times_s, [self.aus[k] for k in c])[0] for c in columns]
        return np.concatenate(described)


@dataclass(frozen=True)
class _Extended:
    """How a series gets the extended one."""

    aus: tuple[int, ...]
    landmarks: bool

    @property
    def names(self) -> list[str]:
        return extended_names(self.aus, self.landmarks)

    def why_not(self, one: AUSeries, intensities: np.ndarray) -> str:
        return why_not_extended(self._motion(one, intensities))

    def values(self, one: AUSeries, intensities: np.ndarray) -> np.ndarray:
        return describe_motion(self._motion(one, intensities))[0]

    def _motion(self, one: AUSeries, intensities: np.ndarray) -> FaceMotion:
        return FaceMotion(one.times_s, intensities, self.aus, one.points if self.landmarks else None)


def _rows_of(
    path: Path, describe: _Published | _Extended, options: SeriesOptions, others: _Rows, progress: Progress
) -> _Rows:
    """The rows of one table, all or none of them."""
    aus, names = describe.aus, describe.names
    rows: _Rows = {}
    for one in options.read(path, landmarks=describe.landmarks):
        key = one.video, one.face_id
        require(one, aus, others[key].source if key in others else None)
        intensities = one.intensities
        if options.baseline == "video":
            intensities = subtract_resting(intensities, resting_intensity(intensities))
        intensities = intensities[:, [one.aus.index(au) for au in aus]]
        reason = describe.why_not(one, intensities)
        if reason:
            face = f", face {one.face_id}" if one.face_id else ""
            progress.warn(f"{path}: video {one.video!r}{face} left out: {reason}")
            continue
        parts = len(series_parts(intensities, one.times_s))
        if parts > 1:
            split = f"{parts} parts, split at gaps of more than {LONGEST_GAP_S:g} s in its time stamps"
            progress.warn(f"{path}: video {one.video!r} is described from {split}")
        values = describe.values(one, intensities)
        cells = {"video": one.video, "face_id": one.face_id, "subject": "", "emotion": "", "label": ""}
        rows[key] = _Row(path, one.origin, {**cells, **dict(zip(names, values, strict=True))})
    return rows


def _add_metadata(rows: _Rows, path: Path, progress: Progress) -> None:
    """Fill in subject, emotion and label from the user's file."""
    inputs = [VideoInput(Path(os.path.abspath(name)), name) for name in dict.fromkeys(video for video, _face in rows)]
    known, notes = read_metadata(path, inputs)
    more = dict.fromkeys(column for about in known.values() for column in about if column not in METADATA_COLUMNS)
    notes += [f"{path}: column {name!r} is passed over (known: video, {', '.join(METADATA_COLUMNS)})" for name in more]
    missing = without_row(known, inputs)
    for note in [*notes, *([f"{path}: {missing}"] if missing else [])]:
        progress.warn(note)
    for (video, _face), row in rows.items():
        about = known.get(video, {})
        row.cells.update({column: about[column] for column in METADATA_COLUMNS if column in about})

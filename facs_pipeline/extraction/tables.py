"""The tables of a whole run: ``videos.csv``, ``descriptors.csv`` and ``run.json``."""

from __future__ import annotations

import csv
import datetime
import errno
import json
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facs_pipeline.dynamics.verdicts import QualityLimits
from facs_pipeline.extraction.inputs import METADATA_COLUMNS
from facs_pipeline.extraction.plan import record_of, stages_for
from facs_pipeline.extraction.provenance import environments_of
from facs_pipeline.extraction.stage import VideoSettings
from facs_pipeline.extraction.video_result import VideoResult
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.atomic import atomic_write
from facs_pipeline.foundation.machine import machine_facts, versions_of
from facs_pipeline.foundation.text import as_cell
from facs_pipeline.tables.schema import DESCRIPTORS, VIDEOS

if TYPE_CHECKING:
    from facs_pipeline.extraction.options import Options

PACKAGES = ("av", "dlib-bin", "joblib", "numpy", "opencv", "pandas", "pyarrow", "scikit-learn", "scipy")


@dataclass(frozen=True)
class RunFacts:
    """What is known of a run as a whole.

    Attributes
    ----------
    options : Options
    seconds : dict of str to float
        Time spent per stage.
    limits : QualityLimits
        For the verdict on each video.
    """

    options: Options
    seconds: dict[str, float]
    limits: QualityLimits


def write_run(out: Path, results: list[VideoResult], metadata: dict[str, dict[str, str]], run: RunFacts) -> None:
    """Write the three files, and ``metadata.csv`` where there is metadata.

    Only ``run.json`` holds times, versions and paths; the others are the same every time.

    Raises
    ------
    InputError
        If they cannot be written.
    """
    columns: list[str] = next((result.descriptors["columns"] for result in results if result.descriptors), [])
    header = [*DESCRIPTORS.names, *columns]
    try:
        _write_csv(out / "descriptors.csv", header, _descriptor_rows(results, metadata))
        _write_csv(out / "videos.csv", *_videos(results, run))
        _write_metadata(out / "metadata.csv", results, metadata)
        with atomic_write(out / "run.json") as file:
            json.dump(_record(results, run.options, run.seconds), file, indent=1, ensure_ascii=True)
            file.write("\n")
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        why = "the disk is full" if full else error.strerror
        raise InputError(
            f"{out}: the tables of the run cannot be written ({why}); what is finished is kept, "
            "the same command goes on from there"
        ) from None


def _write_metadata(path: Path, results: list[VideoResult], metadata: dict[str, dict[str, str]]) -> None:
    """All that the user's metadata say of the run's videos; none is left of an earlier run."""
    columns = list(dict.fromkeys(column for about in metadata.values() for column in about))
    if not columns:
        path.unlink(missing_ok=True)
        return
    known = [(result.name, metadata[result.name]) for result in results if result.name in metadata]
    _write_csv(path, ["video", *columns], ([name, *map(about.get, columns)] for name, about in known))


def _videos(results: list[VideoResult], run: RunFacts) -> tuple[list[str], list[list[Any]]]:
    """Header and rows of ``videos.csv``, with what the stages add to them."""
    header, rows = list(VIDEOS.names), [result.row(run.limits) for result in results]
    for stage in stages_for(run.options, VideoSettings()):
        columns = list(stage.video_columns())
        header += columns
        for result, row in zip(results, rows, strict=True):
            facts = result.stage_facts.get(stage.name)
            row += stage.video_cells(facts) if facts and columns else [""] * len(columns)
    return header, rows


def _descriptor_rows(results: list[VideoResult], metadata: dict[str, dict[str, str]]) -> Iterable[list[Any]]:
    for result in results:
        about = metadata.get(result.name, {})
        texts = [about.get(column, "") for column in METADATA_COLUMNS]
        for face, values in (result.descriptors["faces"] if result.descriptors else {}).items():
            yield [result.name, face, *texts, *map(repr, values)]


def _write_csv(path: Path, header: Iterable[str], rows: Iterable[list[Any]]) -> None:
    with atomic_write(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([as_cell(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)


def _record(
    results: list[VideoResult],
    options: Options,
    seconds: dict[str, float],
) -> dict[str, Any]:
    frames = sum(result.facts["frames"] for result in results if result.facts)
    return {
        "facs": versions_of("facs-pipeline")["facs-pipeline"],
        "python": platform.python_version(),
        "machine": machine_facts(),
        "packages": versions_of(*PACKAGES),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "options": options.as_json(),
        **record_of(options),
        "frames": frames,
        "seconds": {name: round(value, 4) for name, value in seconds.items()},
        "videos": {result.name: str(result.path) for result in results},
        **environments_of(results),
        "cuts": {result.name: result.facts["cuts"] for result in results if result.facts},
    }

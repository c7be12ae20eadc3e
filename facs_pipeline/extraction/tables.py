"""The tables of a whole run: ``videos.csv``, ``descriptors.csv`` and ``run.json``."""

from __future__ import annotations

import csv
import datetime
import errno
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facs_pipeline.extraction.inputs import METADATA_COLUMNS, VideoInput
from facs_pipeline.extraction.plan import record_of, stages_for
from facs_pipeline.extraction.stage import VideoSettings
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.atomic import atomic_write
from facs_pipeline.foundation.machine import machine_facts, versions_of

if TYPE_CHECKING:
    from facs_pipeline.extraction.options import Options

VIDEO_COLUMNS = (
    "video",
    "status",
    "reason",
    "frames",
    "frames_with_face",
    "duration_s",
    "fps",
    "blinks",
    "blink_rate_hz",
    "sha256",
)
ENDS_EARLY_S, ENDS_EARLY_SHARE = 1.0, 0.05
"""So much of the stated duration may lack frames before it is worth a word; headers round, the last frame stands."""
_LYING = {
    degrees: f", but turned by {degrees} degrees clockwise it shows one: its rotation flag is missing or wrong; "
    f"turn it, for example by ffmpeg -i VIDEO -vf {how} TURNED"
    for degrees, how in {90: "transpose=clock", 180: "hflip,vflip", 270: "transpose=cclock"}.items()
}
PACKAGES = ("av", "dlib-bin", "joblib", "numpy", "opencv", "pandas", "pyarrow", "scikit-learn", "scipy")


@dataclass(frozen=True)
class VideoResult:
    """What became of one video.

    Attributes
    ----------
    name : of its table.
    path : of the video.
    status : ``"ok"``, ``"no_face"`` or ``"failed"``.
    reason : why it failed, why there are no descriptors of a face, or that the video ends too early; else empty.
    sha256 : of its content; empty if it failed.
    facts : frames, frames_with_face, first_s, last_s, cuts; stated_s, the duration that the file states; empty if it
        failed.
    descriptors : ``columns``; ``faces``: face id -> values; ``blinks``, and ``blinks_s``, in how many seconds they
        were counted. None if it failed.
    stage_facts : facts that each stage stored with its result, by its name; empty if it failed.
    """

    name: str
    path: Path
    status: str
    reason: str
    sha256: str
    facts: dict[str, Any]
    descriptors: dict[str, Any] | None
    stage_facts: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def failed(cls, video: VideoInput, reason: str) -> VideoResult:
        """A video that failed."""
        # One line, and text: file names need not be text, and could not be written into a table then.
        text = " ".join(reason.split()).encode("utf-8", "replace").decode("utf-8")
        return cls(video.name, video.path, "failed", text, "", {}, None)

    @classmethod
    def done(
        cls,
        video: VideoInput,
        sha256: str,
        stage_facts: Mapping[str, dict[str, Any]],
        descriptors: dict[str, Any] | None,
    ) -> VideoResult:
        """A video that was decoded to its end."""
        status, reasons = "ok", []
        facts = stage_facts["faces"]
        if facts["stated_s"] - facts["last_s"] > max(ENDS_EARLY_S, ENDS_EARLY_SHARE * facts["stated_s"]):
            reasons.append(
                f"the frames end at {facts['last_s']:.1f} s of {facts['stated_s']:.1f} s: is the file cut or damaged?"
            )
        if video.is_images and facts.get("sizes", 1) > 1:
            reasons.append("its images differ in size; photos that are not one video are for facs extract-stills")
        if not facts["frames_with_face"]:
            status = "no_face"
            reasons.append(f"no face found in {facts['frames']} frames{_LYING.get(facts.get('upright_turn'), '')}")
        left_out = (descriptors or {}).get("not_described", {})
        reasons += [f"face {face} has no descriptors: {why}" for face, why in left_out.items()]
        return cls(video.name, video.path, status, "; ".join(reasons), sha256, facts, descriptors, stage_facts)

    @property
    def fps(self) -> float | None:
        """Mean frames per second by the time stamps; None for a single frame."""
        span = self.facts["last_s"] - self.facts["first_s"] if self.facts else 0
        return (self.facts["frames"] - 1) / span if span > 0 else None

    @property
    def row(self) -> list[Any]:
        """Its row of ``videos.csv``."""
        facts, fps = self.facts, self.fps
        blinks = self.descriptors.get("blinks") if self.descriptors else None
        blinks_s = self.descriptors["blinks_s"] if self.descriptors else 0
        return [
            self.name,
            self.status,
            self.reason,
            facts.get("frames", ""),
            facts.get("frames_with_face", ""),
            f"{facts['frames'] / fps:.3f}" if fps else "",
            f"{fps:.3f}" if fps else "",
            "" if blinks is None else blinks,
            f"{blinks / blinks_s:.4f}" if blinks_s else "",
            self.sha256,
        ]


def write_run(
    out: Path,
    results: list[VideoResult],
    metadata: dict[str, dict[str, str]],
    options: Options,
    seconds: dict[str, float],
) -> None:
    """Write the three files. Only ``run.json`` holds times, versions and paths; the others are the same every time.

    Raises
    ------
    InputError
        If they cannot be written.
    """
    columns = next((result.descriptors["columns"] for result in results if result.descriptors), [])
    header = ["video", "face_id", *METADATA_COLUMNS, *columns]
    try:
        _write_csv(out / "descriptors.csv", header, _descriptor_rows(results, metadata))
        _write_csv(out / "videos.csv", *_videos(results, options))
        with atomic_write(out / "run.json") as file:
            json.dump(_about(results, options, seconds), file, indent=1, ensure_ascii=True)
            file.write("\n")
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        why = "the disk is full" if full else error.strerror
        raise InputError(
            f"{out}: the tables of the run cannot be written ({why}); what is finished is kept, "
            "the same command goes on from there"
        ) from None


def _videos(results: list[VideoResult], options: Options) -> tuple[list[str], list[list[Any]]]:
    """Header and rows of ``videos.csv``, with what the stages add to them."""
    header, rows = list(VIDEO_COLUMNS), [result.row for result in results]
    for stage in stages_for(options, VideoSettings()):
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
        for face, values in (result.descriptors or {}).get("faces", {}).items():
            yield [result.name, face, *texts, *map(repr, values)]


def _write_csv(path: Path, header: Iterable[str], rows: Iterable[list[Any]]) -> None:
    with atomic_write(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _about(
    results: list[VideoResult],
    options: Options,
    seconds: dict[str, float],
) -> dict[str, Any]:
    frames = sum(result.facts.get("frames", 0) for result in results)
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
        "cuts": {result.name: result.facts["cuts"] for result in results if result.facts},
    }

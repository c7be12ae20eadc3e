"""What became of one video, as ``videos.csv`` tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facs_pipeline.dynamics.blinks import LEAST_RATE_HZ
from facs_pipeline.dynamics.quality import MEASURES, Measures
from facs_pipeline.dynamics.verdicts import QualityLimits
from facs_pipeline.extraction.inputs import VideoInput
from facs_pipeline.tables.schema import VIDEOS

if TYPE_CHECKING:
    from facs_pipeline.dynamics.face_series import VideoDescriptors
    from facs_pipeline.extraction.frame_batch import VideoFacts

ENDS_EARLY_S, ENDS_EARLY_SHARE = 1.0, 0.05
"""So much of the stated duration may lack frames before it is worth a word; headers round, the last frame stands."""
_LYING = {
    degrees: f", but turned by {degrees} degrees clockwise it shows one: its rotation flag is missing or wrong; "
    f"turn it, for example by ffmpeg -i VIDEO -vf {how} TURNED"
    for degrees, how in {90: "transpose=clock", 180: "hflip,vflip", 270: "transpose=cclock"}.items()
}


@dataclass(frozen=True)
class VideoResult:
    """What became of one video.

    Attributes
    ----------
    name : str
        Of its table.
    path : Path
        Of the video.
    status : str
        ``"ok"``, ``"no_face"`` or ``"failed"``.
    reason : str
        Why it failed, why there are no descriptors of a face, and what was corrected or is doubtful; else empty.
    sha256 : str
        Hash of its content; empty if it failed.
    facts : VideoFacts or None
        None if it failed.
    descriptors : VideoDescriptors or None
        None if it failed.
    stage_facts : dict of str to dict
        Facts that each stage stored with its result, by its name; empty if it failed.
    trouble : str
        Why there are no descriptors although the table is there; else empty.
    """

    name: str
    path: Path
    status: str
    reason: str
    sha256: str
    facts: VideoFacts | None
    descriptors: VideoDescriptors | None
    stage_facts: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    trouble: str = ""

    @classmethod
    def failed(cls, video: VideoInput, reason: str) -> VideoResult:
        """A video that failed."""
        # One line, and text: file names need not be text, and could not be written into a table then.
        text = " ".join(reason.split()).encode("utf-8", "replace").decode("utf-8")
        return cls(video.name, video.path, "failed", text, "", None, None)

    @classmethod
    def done(
        cls,
        video: VideoInput,
        sha256: str,
        stage_facts: Mapping[str, dict[str, Any]],
        descriptors: VideoDescriptors | None,
        trouble: str = "",
    ) -> VideoResult:
        """A video that was decoded to its end; `trouble` is why its descriptors could not be computed."""
        status, reasons = "ok", []
        facts: VideoFacts = stage_facts["faces"]  # type: ignore[assignment]  # as the stage stores them
        if facts["stated_s"] - facts["last_s"] > max(ENDS_EARLY_S, ENDS_EARLY_SHARE * facts["stated_s"]):
            reasons.append(
                f"the frames end at {facts['last_s']:.1f} s of {facts['stated_s']:.1f} s: is the file cut or damaged?"
            )
        reasons += facts["notes"]
        if facts["gaps"]:
            many = f"{facts['gaps']} gaps" if facts["gaps"] > 1 else "a gap"
            reasons.append(
                f"{many} of {_in_words(facts['gaps_s'])} in its time stamps, left out of descriptors, fps and duration"
            )
        if video.is_images and facts.get("sizes", 1) > 1:
            reasons.append("its images differ in size; photos that are not one video are for facs extract-stills")
        if not facts["frames_with_face"]:
            status = "no_face"
            reasons.append(f"no face found in {facts['frames']} frames{_LYING.get(facts.get('upright_turn', 0), '')}")
        if facts["other_person"]:
            reasons.append(
                "after a cut the face seems to be another person's: its values are of several people; "
                "--faces all tells them apart"
            )
        if trouble:
            reasons.append(f"no descriptors: {trouble}")
        left_out = descriptors["not_described"] if descriptors else {}
        reasons += [f"face {face} has no descriptors: {why}" for face, why in left_out.items()]
        result = cls(video.name, video.path, status, "", sha256, facts, descriptors, stage_facts, trouble)
        if result.blinks_are_reliable is False:
            reasons.append(
                f"{result.fps:.3g} frames/s, fewer than {LEAST_RATE_HZ:g}: blinks are missed, their rate is too low"
            )
        return replace(result, reason="; ".join(reasons))

    @property
    def fps(self) -> float | None:
        """Mean frames per second by the time stamps, long gaps left out; None for a single frame."""
        facts = self.facts
        if facts is None or facts["frames"] - 1 <= facts["gaps"]:
            return None
        return (facts["frames"] - 1 - facts["gaps"]) / (facts["last_s"] - facts["first_s"] - facts["gaps_s"])

    @property
    def blinks_are_reliable(self) -> bool | None:
        """Whether there are enough frames a second to catch every blink; None where none were counted."""
        if self.descriptors is None or self.descriptors["blinks"] is None or self.fps is None:
            return None
        # 15 frames/s in whole milliseconds are 14.93.
        return self.fps > 0.99 * LEAST_RATE_HZ

    def row(self, limits: QualityLimits) -> list[Any]:
        """Its row of ``videos.csv``, with the verdict by these limits."""
        facts, fps, described = self.facts, self.fps, self.descriptors
        reliable = self.blinks_are_reliable
        blinks, seconds = (described["blinks"], described["blinks_s"]) if described else (None, 0)
        return [
            self.name,
            self.status,
            self.reason,
            facts["frames"] if facts else "",
            facts["frames_with_face"] if facts else "",
            VIDEOS["duration_s"].cell(facts["frames"] / fps if facts and fps else None),
            VIDEOS["fps"].cell(fps),
            VIDEOS["start_s"].cell(facts["start_s"] if facts else None),
            VIDEOS["blinks"].cell(blinks),
            VIDEOS["blink_rate_hz"].cell(blinks / seconds if blinks is not None and seconds else None),
            VIDEOS["blink_rate_reliable"].cell(reliable if blinks is not None and seconds else None),
            self.sha256,
            *self._quality_cells(limits),
        ]

    def _quality_cells(self, limits: QualityLimits) -> list[str]:
        measured: Measures = self.stage_facts.get("quality") or {}
        facts, fps = self.facts, self.fps
        known = {**measured, "fps": fps, "duration_s": facts["frames"] / fps if facts and fps else None}
        verdict, reasons = limits.verdict(known, self.status)
        return [verdict, "; ".join(reasons), *(VIDEOS[name].cell(measured.get(name)) for name in MEASURES)]


def _in_words(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"

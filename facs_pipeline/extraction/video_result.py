"""What became of one video, as ``videos.csv`` tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
        Why it failed, why there are no descriptors of a face, or that the video ends too early; else empty.
    sha256 : str
        Hash of its content; empty if it failed.
    facts : VideoFacts or None
        None if it failed.
    descriptors : VideoDescriptors or None
        None if it failed.
    stage_facts : dict of str to dict
        Facts that each stage stored with its result, by its name; empty if it failed.
    """

    name: str
    path: Path
    status: str
    reason: str
    sha256: str
    facts: VideoFacts | None
    descriptors: VideoDescriptors | None
    stage_facts: Mapping[str, dict[str, Any]] = field(default_factory=dict)

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
    ) -> VideoResult:
        """A video that was decoded to its end."""
        status, reasons = "ok", []
        facts: VideoFacts = stage_facts["faces"]  # type: ignore[assignment]  # as the stage stores them
        if facts["stated_s"] - facts["last_s"] > max(ENDS_EARLY_S, ENDS_EARLY_SHARE * facts["stated_s"]):
            reasons.append(
                f"the frames end at {facts['last_s']:.1f} s of {facts['stated_s']:.1f} s: is the file cut or damaged?"
            )
        if video.is_images and facts.get("sizes", 1) > 1:
            reasons.append("its images differ in size; photos that are not one video are for facs extract-stills")
        if not facts["frames_with_face"]:
            status = "no_face"
            reasons.append(f"no face found in {facts['frames']} frames{_LYING.get(facts.get('upright_turn', 0), '')}")
        left_out = descriptors["not_described"] if descriptors else {}
        reasons += [f"face {face} has no descriptors: {why}" for face, why in left_out.items()]
        return cls(video.name, video.path, status, "; ".join(reasons), sha256, facts, descriptors, stage_facts)

    @property
    def fps(self) -> float | None:
        """Mean frames per second by the time stamps; None for a single frame."""
        if self.facts is None or self.facts["last_s"] <= self.facts["first_s"]:
            return None
        return (self.facts["frames"] - 1) / (self.facts["last_s"] - self.facts["first_s"])

    @property
    def row(self) -> list[Any]:
        """Its row of ``videos.csv``."""
        facts, fps, described = self.facts, self.fps, self.descriptors
        blinks, seconds = (described["blinks"], described["blinks_s"]) if described else (None, 0)
        return [
            self.name,
            self.status,
            self.reason,
            facts["frames"] if facts else "",
            facts["frames_with_face"] if facts else "",
            VIDEOS["duration_s"].cell(facts["frames"] / fps if facts and fps else None),
            VIDEOS["fps"].cell(fps),
            VIDEOS["blinks"].cell(blinks),
            VIDEOS["blink_rate_hz"].cell(blinks / seconds if blinks is not None and seconds else None),
            self.sha256,
        ]

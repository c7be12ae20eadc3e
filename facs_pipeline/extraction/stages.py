"""What runs after what, what each stage's result depends on, and why a stored result does or does not serve.

A stage's result depends on the video's content, the stage's version, those settings that the stage uses, and the
results it builds on. All of that goes into its key, so changing the smoothing leaves the faces as they are.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facs_pipeline.foundation.files.artifacts import Artifact, BadArtifactError


@dataclass(frozen=True)
class Stage:
    """One step of the pipeline.

    Attributes
    ----------
    name : str
    version : int
        Raised whenever the same inputs would give another result.
    settings : tuple of str
        Names of the settings that the stage's own work uses.
    builds_on : str or None
        The stage whose result it takes; None takes the video.
    """

    name: str
    version: int
    settings: tuple[str, ...]
    builds_on: str | None


STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage("faces", 4, ("faces", "face_search", "landmark_model", "image_fps"), None),
        Stage("landmarks", 1, ("landmark_model",), "faces"),
        Stage("features", 1, ("appearance",), "landmarks"),
        Stage("action_units", 2, ("au_model",), "features"),
        Stage("descriptors", 2, ("cutoff_hz", "baseline"), "action_units"),
    )
}
"""The stages in the order the data flow."""

EXTRA_STAGES: dict[str, Stage] = {
    stage.name: stage for stage in (Stage("emotions", 1, ("emotion_model",), "features"),)
}
"""Stages that are only there when all of their settings are given."""


@dataclass(frozen=True)
class StageKey:
    """Identity of one stage's result for one video: `key` is the SHA-256 of `about`."""

    stage: str
    key: str
    about: Mapping[str, Any]


def stage_keys(video_sha256: str, settings: Mapping[str, Any]) -> dict[str, StageKey]:
    """Keys of all stages' results for one video.

    Parameters
    ----------
    video_sha256 : hash of the video's content.
    settings : name -> JSON-able value, for every name in `Stage.settings`; those of `EXTRA_STAGES` may be missing or
        None, then their keys are missing too.

    Examples
    --------
    >>> base = {name: None for stage in STAGES.values() for name in stage.settings}
    >>> one, two = (stage_keys("f" * 64, {**base, "cutoff_hz": hz}) for hz in (1.0, 2.0))
    >>> [name for name in STAGES if one[name] != two[name]]
    ['descriptors']
    """
    keys: dict[str, StageKey] = {}
    extra = [stage for stage in EXTRA_STAGES.values() if all(settings.get(name) for name in stage.settings)]
    for stage in (*STAGES.values(), *extra):
        about = {
            "video": video_sha256,
            "stage": stage.name,
            "version": stage.version,
            "settings": {name: settings[name] for name in stage.settings},
            "builds_on": keys[stage.builds_on].key if stage.builds_on else None,
        }
        text = json.dumps(about, sort_keys=True, ensure_ascii=True, allow_nan=False)
        keys[stage.name] = StageKey(stage.name, hashlib.sha256(text.encode()).hexdigest(), about)
    return keys


def table_key(keys: Mapping[str, StageKey]) -> str:
    """What a video's action-unit table is made of."""
    return "+".join(keys[stage].key for stage in ("action_units", *EXTRA_STAGES) if stage in keys)


class Cache:
    """The stored results in a folder: ``<folder>/<video>/<stage>-<key>.joblib``, one sub-folder per video content.

    Parameters
    ----------
    folder : where the results lie.
    key : the user's secret key, see `facs_pipeline.foundation.files.artifacts.load_key`.
    """

    def __init__(self, folder: str | os.PathLike, key: bytes) -> None:
        self.folder, self.key = Path(folder), key

    def path(self, identity: StageKey) -> Path:
        """Where this result lies or would lie."""
        return self.folder / identity.about["video"][:20] / f"{identity.stage}-{identity.key[:20]}.joblib"

    def open(self, identity: StageKey) -> Artifact:
        """The verified result; raises `FileNotFoundError` or `facs_pipeline.foundation.files.artifacts.BadArtifactError`."""
        artifact = Artifact.open(self.path(identity), self.key)
        if artifact.about != identity.about:
            raise BadArtifactError("made of other inputs than its name says")
        return artifact

    def why_absent(self, identity: StageKey) -> str:
        """Why a result that is not there has to be computed, by comparison with the newest other one of its stage.

        Returns
        -------
        str
            Such as ``"first run"`` or ``"settings of descriptors changed: cutoff_hz 1.0 -> 2.0"``.
        """
        earlier = []
        for path in self.path(identity).parent.glob(f"{identity.stage}-*.joblib"):
            try:
                earlier.append((path.stat().st_mtime_ns, Artifact.open(path, self.key).about))
            except (FileNotFoundError, BadArtifactError):
                continue
        if not earlier:
            return "first run"
        return _difference(max(earlier, key=lambda pair: pair[0])[1], identity)

    def artifacts(self) -> Iterator[Path]:
        """All files that are results, verified or not, in the order of their names."""
        for folder in sorted(self.folder.glob("*")):
            if folder.is_dir():
                yield from sorted(
                    p for p in folder.glob("*-*.joblib") if p.name.split("-")[0] in {*STAGES, *EXTRA_STAGES}
                )


def _difference(before: Mapping[str, Any], now: StageKey) -> str:
    if before["version"] != now.about["version"]:
        return f"stage version of {now.stage} changed: {before['version']} -> {now.about['version']}"
    changed = [
        f"{name} {_short(before['settings'].get(name), value)}"
        for name, value in now.about["settings"].items()
        if before["settings"].get(name) != value
    ]
    if changed:
        return f"settings of {now.stage} changed: {', '.join(changed)}"
    return f"what {now.stage} builds on changed"


def _short(before: Any, now: Any) -> str:
    if isinstance(before, list | dict) or isinstance(now, list | dict):
        return "(other values)"
    return " -> ".join(f"{text[:8]}..." if len(text) > 24 else text for text in (str(before), str(now)))


def content_sha256(path: str | os.PathLike, images: list[Path] | None = None, tick=lambda: None) -> str:
    """SHA-256 of a file, or of the names and contents of a folder's `images` in their order.

    `tick` is called every few megabytes, so that a slow disk is not taken for a hang.
    """
    digest = hashlib.sha256()
    for member in images if images is not None else [Path(path)]:
        if images is not None:
            digest.update(f"{member.name}\0{member.stat().st_size}\0".encode("utf-8", "surrogateescape"))
        with open(member, "rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
                tick()
    return digest.hexdigest()


def file_stamp(path: str | os.PathLike, images: list[Path] | None = None) -> str:
    """Cheap stand-in for a content hash: sizes, times and inodes; equal stamps mean that nobody wrote the file."""
    members = images if images is not None else [Path(path)]
    parts = []
    for member in members:
        stat = member.stat()
        parts.append(f"{member.name}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ino}")
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()

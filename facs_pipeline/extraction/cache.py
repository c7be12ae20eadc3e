"""What each stage's result depends on, where stored results lie, and why one does or does not serve.

A result depends on the video's content, the stage's version and settings, and the results that it takes. All of that
goes into its key, so changing the smoothing leaves the faces as they are.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facs_pipeline.extraction.stage import FRAMES, Stage
from facs_pipeline.extraction.stages import STAGES
from facs_pipeline.foundation.files.artifacts import Artifact, BadArtifactError
from facs_pipeline.foundation.files.regular import open_regular


@dataclass(frozen=True)
class StageKey:
    """Identity of one stage's result for one video.

    Attributes
    ----------
    stage : str
    key : str
        SHA-256 of `about`.
    about : dict
        All that the result depends on, JSON-able.
    """

    stage: str
    key: str
    about: Mapping[str, Any]


def stage_keys(video_sha256: str, stages: Sequence[Stage]) -> dict[str, StageKey]:
    """Keys of all stages' results for one video.

    Parameters
    ----------
    video_sha256 : str
        Hash of the video's content.
    stages : sequence of Stage
        In the order of the data.

    Examples
    --------
    >>> from facs_pipeline.extraction.options import Options
    >>> from facs_pipeline.extraction.plan import stages_for
    >>> from facs_pipeline.extraction.stage import VideoSettings
    >>> one, two = (stage_keys("f" * 64, stages_for(Options(cutoff_hz=hz), VideoSettings())) for hz in (1.0, 2.0))
    >>> [name for name in one if one[name] != two[name]]
    ['descriptors']
    """
    keys: dict[str, StageKey] = {}
    for stage in stages:
        about = {
            "video": video_sha256,
            "stage": stage.name,
            "version": stage.version,
            "settings": stage.settings.key(),
            "inputs": {name: keys[name].key for name in stage.inputs if name != FRAMES},
        }
        # As JSON gives it back: tuples are lists there.
        keys[stage.name] = StageKey(stage.name, _hash(about), json.loads(json.dumps(about)))
    return keys


def table_key(keys: Mapping[str, StageKey], stages: Sequence[Stage]) -> str:
    """What a video's action-unit table is made of: whatever has a chunk for each chunk of frames."""
    return _hash({"made_of": [keys[stage.name].key for stage in stages if not stage.of_whole_video]})


def _hash(about: Mapping[str, Any]) -> str:
    text = json.dumps(about, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class Cache:
    """The stored results in a folder: ``<folder>/<video>/<stage>-<key>.joblib``, one sub-folder per video content.

    Parameters
    ----------
    folder : str or PathLike
        Where the results lie.
    key : bytes
        The user's secret key, see `facs_pipeline.foundation.files.artifacts.load_key`.
    """

    def __init__(self, folder: str | os.PathLike, key: bytes) -> None:
        self.folder, self.key = Path(folder), key

    def path(self, identity: StageKey) -> Path:
        """Where this result lies or would lie."""
        return self.folder.joinpath(identity.about["video"][:20], f"{identity.stage}-{identity.key[:20]}.joblib")

    def open(self, identity: StageKey) -> Artifact:
        """The verified result; raises `FileNotFoundError` or `BadArtifactError`."""
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
            except (OSError, BadArtifactError):
                continue
        if not earlier:
            return "first run"
        return _difference(max(earlier, key=lambda pair: pair[0])[1], identity)

    def artifacts(self) -> Iterator[Path]:
        """All files that are results, verified or not, in the order of their names."""
        names = {stage.name for stage in STAGES}
        for folder in sorted(self.folder.glob("*")):
            if folder.is_dir():
                yield from sorted(p for p in folder.glob("*-*.joblib") if p.name.split("-")[0] in names)


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


def content_sha256(
    path: str | os.PathLike, images: list[Path] | None = None, tick: Callable[[], object] = lambda: None
) -> str:
    """SHA-256 of a file, or of the names and contents of a folder's `images` in their order.

    `tick` is called every few megabytes, so that a slow disk is not taken for a hang.
    """
    digest = hashlib.sha256()
    for member in images if images is not None else [Path(path)]:
        if images is not None:
            digest.update(f"{member.name}\0{member.stat().st_size}\0".encode("utf-8", "surrogateescape"))
        with open_regular(member) as file:
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

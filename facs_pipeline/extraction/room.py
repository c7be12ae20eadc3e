"""How much room on the disk a run will take, said before it begins."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from facs_pipeline.extraction.inputs import VideoInput
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.progress import size_on_disk
from facs_pipeline.foundation.call_task import Lost, call_in_workers
from facs_pipeline.foundation.errors import VideoError
from facs_pipeline.video.container import open_container, video_stream

# Bytes a frame with one face, measured by benchmarks/room.py.
TABLE_BYTES = 1600
STORED_BYTES = {"tables": 1500, "all": 10600}
OVERLAY_BYTES = 8600
_SAID_FROM = 1_000_000_000
"""Smaller runs need no words, and no look at their videos."""
_SAMPLE = 12
_PATIENCE_S = 20.0


def room_needed(videos: Sequence[VideoInput], out: Path, options: Options) -> Iterator[tuple[str, bool]]:
    """What the videos' results will take, from the frames that some of them claim to have.

    Parameters
    ----------
    videos : sequence of VideoInput
        To be done.
    out : Path
        Where results go.
    options : Options

    Yields
    ------
    tuple of str and bool
        A line, and whether there is less room than that; nothing where it is little.
    """
    files = [video.path for video in videos if not video.is_images]
    sizes = {path: size_on_disk(path) for path in files}
    if sum(sizes.values()) < _SAID_FROM:
        return
    chosen = sorted(files, key=lambda path: -sizes[path])
    chosen = chosen[:: max(1, len(chosen) // _SAMPLE)][:_SAMPLE]
    frames = bytes_read = 0
    for piece in call_in_workers(_claimed, chosen, piece=1, jobs=1, timeout_s=_PATIENCE_S, doing="looking at it"):
        if not isinstance(piece, Lost) and piece[1]:
            frames, bytes_read = frames + piece[1], bytes_read + sizes[piece[0]]
    if not frames:
        return
    expected = frames * sum(sizes.values()) / bytes_read
    stored = STORED_BYTES[options.keep] if options.keep_cache else 0
    parts = {"tables": TABLE_BYTES, "stored stage results": stored}
    if options.overlay:
        parts["overlays"] = OVERLAY_BYTES
    need = expected * sum(parts.values())
    if need < _SAID_FROM:
        return
    free = shutil.disk_usage(_there(out)).free
    told = ", ".join(f"{name} {_gigabytes(expected * size)}" for name, size in parts.items() if size)
    line = f"about {expected / 1e6:.1f} million frames; they will take {_gigabytes(need)} ({told})"
    if need > free:
        hint = ", leave --keep all out" if options.keep == "all" else ""
        yield f"{line}; {out} has only {_gigabytes(free)} free: name another folder with --out{hint}", True
    else:
        yield f"{line}; {_gigabytes(free)} are free", False


def _there(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.1f} GB"


def _claimed(paths: Sequence[Path], tick: Callable[[], None]) -> tuple[Path, int]:
    """Frames that the container of a video claims; 0 where it does not say."""
    [path] = paths
    tick()
    try:
        with open_container(path) as container:
            stream = video_stream(container, path)
            rate = float(stream.average_rate or 0)
            seconds = (container.duration or 0) / 1e6
            return path, int(stream.frames or seconds * rate)
    except (VideoError, OSError, ValueError):
        return path, 0

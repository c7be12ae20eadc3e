"""What all benchmarks share: one thread, where the data lies, tables on the screen and dated JSON files."""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import math
import os
import platform
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import threadpoolctl

from facs_pipeline.foundation.machine import versions_of

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).resolve().parent / "results"
SHARED = Path(os.environ.get("FACS_SHARED", ROOT.parent / "shared"))
LIBRARIES = ("facs-pipeline", "numpy", "scipy", "opencv", "dlib-bin", "av", "scikit-learn", "mediapipe")

# One thread in every library, as in the product's workers.
cv2.setNumThreads(1)
threadpoolctl.threadpool_limits(1)


def parser(doc: str, name: str) -> argparse.ArgumentParser:
    """Options that every benchmark has."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--data", type=Path, default=SHARED / "data", help="folder with videos/, faces/, frames/ ...")
    made.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir()) / "facs-benchmarks",
        help="folder that keeps the teacher's answers between runs",
    )
    made.add_argument("--out", type=Path, default=RESULTS / f"{name}.json", help="JSON file to write")
    return made


def videos(data: Path, names: Sequence[str] = ()) -> list[Path]:
    """The shared videos, or those of them with the given stems, in order of their names."""
    found = sorted(p for p in (data / "videos").iterdir() if not p.name.startswith(".") and p.suffix != ".md")
    return [p for p in found if not names or p.stem in names]


def about() -> dict[str, Any]:
    """Date, commit, versions and processor of this run."""
    return {
        "date": datetime.date.today().isoformat(),
        "commit": _git("rev-parse", "--short", "HEAD") + ("+" if _git("status", "--porcelain", "-uno") else ""),
        "versions": {name: v for name, v in versions_of(*LIBRARIES).items() if v},
        "python": platform.python_version(),
        "processor": _processor(),
        "cores": os.cpu_count(),
    }


def save(path: Path, settings: dict[str, Any], result: dict[str, Any]) -> None:
    """Write a result with `about` beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"about": about(), "settings": settings, "result": result}
    path.write_text(json.dumps(_plain(content), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\nWritten: {path.name}")


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table; numbers with four significant digits."""
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(columns), *texts]) for i in range(len(columns))]
    print(f"\n{title}")
    for line in [list(columns), *texts]:
        first, *rest = (c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True)))
        print("  ".join([first, *rest]).rstrip(), flush=True)


def teacher_on_video(video: Path, task: Path, cache: Path, *, mirrored: bool = False) -> dict[str, np.ndarray]:
    """The teacher's answers to every frame in video mode, kept in `cache`; `mirrored`: it sees the mirror image.

    Returns `points` [n, 68, 2], `blendshapes` [n, 52] (NaN where it found no face), `times_s` [n], `names` [52].
    """
    from facs_pipeline.action_units.training.pseudo_labels import BLENDSHAPES
    from facs_pipeline.landmarks.training.teacher import Teacher
    from facs_pipeline.video.reader import read_frames

    key = hashlib.sha256(video.read_bytes() + task.read_bytes()).hexdigest()[:16]
    file = cache / f"teacher-{'mirrored-' if mirrored else ''}{video.stem}-{key}.npz"
    if not file.is_file():
        points: list[np.ndarray] = []
        scores: list[np.ndarray] = []
        times: list[float] = []
        with Teacher(task) as teacher:
            for frame in read_frames(video, colour=True):
                step_ms = max(1, round((frame.time_s - times[-1]) * 1000)) if times else 33
                answer = teacher.label_frame(cv2.cvtColor(frame.image, cv2.COLOR_BGR2RGB), step_ms, mirrored=mirrored)
                points.append(answer[0] if answer else np.full((68, 2), np.nan, np.float32))
                scores.append(answer[1] if answer else np.full(len(BLENDSHAPES), np.nan, np.float32))
                times.append(frame.time_s)
        cache.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{os.getpid()}-{file.name}")
        np.savez(part, points=points, blendshapes=scores, times_s=times, names=np.array(BLENDSHAPES))
        part.replace(file)
    with np.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def runs(present: np.ndarray) -> Iterator[slice]:
    """Slices of consecutive True in [n] bool."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], present, [False]]).astype(int)))
    return (slice(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True))


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _text(cell: Any) -> str:
    return f"{cell:.4g}" if isinstance(cell, float | np.floating) else str(cell)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        # JSON knows no NaN; five digits are more than a benchmark can tell.
        return float(f"{value:.5g}") if math.isfinite(value) else None
    return value

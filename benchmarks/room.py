"""How much room results take on the disk: bytes a frame of tables, of stored stage results, and of overlays.

    python benchmarks/room.py

Runs on the shared videos in which one face is seen nearly all the time. `facs extract-features` says before it begins
how much room it will take; its figures are those of this.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import harness
import pandas as pd

VIDEOS = ("d0", "d12", "d3", "d6", "s32")
INTERVIEW_FRAMES = 30 * 60 * 25
INTERVIEWS = 40


def run(videos: list[Path], out: Path, *options: str) -> int:
    """Extract, and give the number of frames."""
    command = [sys.executable, "-c", "from facs_cli.main import main; main()", "extract-features", *map(str, videos)]
    subprocess.run([*command, "--out", str(out), "--quiet", *options], check=True)
    return int(pd.read_csv(out / "videos.csv")["frames"].sum())


def size_of(folder: Path, pattern: str = "*") -> int:
    """Bytes of the files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob(pattern) if path.is_file())


def main() -> None:
    """Command line."""
    options = harness.parser(__doc__, "room").parse_args()
    videos = harness.videos(options.data, VIDEOS)
    result: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for keep in ("tables", "all"):
            for form in ("csv", "parquet"):
                out = Path(folder) / f"{keep}-{form}"
                overlay = ["--overlay"] if (keep, form) == ("tables", "csv") else []
                frames = run(videos, out, "--keep", keep, "--format", form, *overlay)
                result[f"table {form}"] = {"bytes a frame": size_of(out / "action_units") / frames}
                result[f"stored, --keep {keep}"] = {"bytes a frame": size_of(out / "cache") / frames}
                if overlay:
                    result["overlay"] = {"bytes a frame": size_of(out / "overlays") / frames}
    for row in result.values():
        row["GB of 40 half-hour interviews"] = row["bytes a frame"] * INTERVIEWS * INTERVIEW_FRAMES / 1e9
    rows = [[name, *row.values()] for name, row in result.items()]
    harness.table("Room on the disk, one face", ["", "bytes a frame", "GB of 40 half-hour interviews"], rows)
    harness.save(options.out, {"videos": list(VIDEOS), "frames": frames}, result)


if __name__ == "__main__":
    main()

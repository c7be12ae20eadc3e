"""Many tiny videos: what a first run, a rerun, its status, the collection of parts and a report cost, and memory.

    python benchmarks/many_videos.py                      1,000 and 10,000 videos
    python benchmarks/many_videos.py --numbers 100 1000   fewer

All videos show the same five small frames, but no two have the same content. So nearly all of the time is what a
video costs beyond its frames. Times per video that do not grow with the number are what is wanted. Memory is the
greatest that the command itself took, without its workers.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import harness
import numpy as np

NUMBERS = (1000, 10_000)
TARGETS = {"rerun of 10,000, s": 20.0, "memory, MB": 500.0}
PARTS = 4
FRAMES, HEIGHT, WIDTH, FPS = 5, 48, 64, 25
# The kernel's own record of the process: resources of a child would begin with its parent's memory.
_MEASURED = """
import atexit, pathlib, re, sys
place = pathlib.Path(sys.argv.pop(1))
def tell():
    place.write_text(re.search(r"VmHWM:\\s*(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
atexit.register(tell)
from facs_cli.main import main
main()
"""


class Cost(NamedTuple):
    """What a command took: wall time, its memory, and the lines it printed."""

    seconds: float
    memory_mb: float
    lines: int


def make_videos(folder: Path, number: int) -> None:
    """Write so many videos of the same frames, each with another content."""
    folder.mkdir()
    first = folder / "first.mp4"
    with av.open(str(first), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for grey in np.linspace(60, 180, FRAMES).astype(np.uint8):
            frame = av.VideoFrame.from_ndarray(np.full((HEIGHT, WIDTH, 3), grey, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    content = first.read_bytes()
    first.unlink()
    for one in range(number):
        # A box that every reader passes over.
        box = (16).to_bytes(4, "big") + b"free" + one.to_bytes(8, "big")
        place = folder / f"{one // 1000:03d}"
        place.mkdir(exist_ok=True)
        (place / f"video{one:06d}.mp4").write_bytes(content + box)


def cost(folder: Path, *arguments: object) -> Cost:
    """Run a command of the package and measure it."""
    memory = folder / "memory.txt"
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(memory), *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{arguments[0]} ended with code {done.returncode}:\n{done.stdout[-2000:]}")
    return Cost(seconds, int(memory.read_text()) / 1024, done.stdout.count("\n"))


def measured(number: int, jobs: int) -> dict[str, Cost]:
    """All commands on so many videos."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        videos, out = folder / "videos", folder / "out"
        make_videos(videos, number)
        extract = ("extract-features", videos, "--jobs", jobs)
        found = {
            "first run": cost(folder, *extract, "--out", out),
            "rerun": cost(folder, *extract, "--out", out),
            "status": cost(folder, "status", out),
            "report": cost(folder, "report", out, "--out", folder / "report.html"),
        }
        # The parts find all done by the run.
        for part in range(1, PARTS + 1):
            found["one part"] = cost(folder, *extract, "--out", out, "--part", f"{part}/{PARTS}")
        return found | {"collect": cost(folder, "collect", out)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and keep."""
    options = harness.parser(__doc__ or "", "many_videos")
    options.add_argument("--numbers", type=int, nargs="+", default=NUMBERS, help="so many videos")
    options.add_argument("--jobs", type=int, default=2)
    chosen = options.parse_args(arguments)
    result: dict[str, dict[str, dict[str, float]]] = {}
    for number in chosen.numbers:
        costs = measured(number, chosen.jobs)
        result[str(number)] = {what: one._asdict() for what, one in costs.items()}
        rows = [[w, c.seconds, 1000 * c.seconds / number, c.memory_mb, c.lines] for w, c in costs.items()]
        harness.table(f"{number} videos", ["command", "s", "ms per video", "memory, MB", "lines"], rows)
    harness.save(chosen.out, {"numbers": list(chosen.numbers), "jobs": chosen.jobs, "targets": TARGETS}, result)


if __name__ == "__main__":
    main()

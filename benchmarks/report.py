"""How long `facs report` takes for 100 videos, and how large the file is.

    python benchmarks/report.py
    python benchmarks/report.py --count 1000

Two folders of results are reported on: copies of twelve synthetic videos of the demonstration with their ranking, and
copies of the shared real videos (left out where those are not there). Whole processes are timed, start and imports
included; the targets are 5 s and 10 MB for 100 videos.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import harness

from facs_pipeline.authenticity.demo import rank_demo
from facs_pipeline.demo import run_demo
from facs_pipeline.extraction.run import Options, extract_features

TARGET_S, TARGET_MB = 5.0, 10.0


def multiply(results: Path, out: Path, count: int) -> None:
    """Results of `count` videos in `out`: copies of those in `results` under further names."""
    (out / "action_units").mkdir(parents=True)
    run = json.loads((results / "run.json").read_text(encoding="utf-8"))
    places: dict[str, str] = {}
    for name in ("videos.csv", "descriptors.csv"):
        with open(results / name, encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
        if name == "videos.csv":
            rows = rows[: min(len(rows), count)]
        videos = list(dict.fromkeys(row[0] for row in rows))
        with open(out / name, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(head)
            for copy in range(-(-count // len(videos))):
                for row in rows:
                    if copy * len(videos) + videos.index(row[0]) < count:
                        writer.writerow([_named(row[0], copy), *row[1:]])
                        places[_named(row[0], copy)] = run["videos"][row[0]]
    for name in places:
        original = results / "action_units" / f"{name.split('~')[0]}.csv"
        if original.is_file():
            shutil.copy(original, out / "action_units" / f"{name}.csv")
    (out / "run.json").write_text(json.dumps(run | {"videos": places}), encoding="utf-8")


def _named(name: str, copy: int) -> str:
    return f"{name}~{copy}" if copy else name


def measure(folders: list[Path], out: Path, repeats: int) -> dict[str, Any]:
    """Seconds (wall clock and processor) of the quickest of some runs, and the size of all pages together."""
    times = []
    program = [sys.executable, "-c", "from facs_cli.main import main; main()"]
    command = [*program, "report", *map(str, folders), "--out", str(out)]
    for _ in range(repeats):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append((time.perf_counter() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    pages = list(out.parent.glob(f"{out.stem}*.html"))
    return {
        "wall_s": min(wall for wall, _cpu in times),
        "cpu_s": min(cpu for _wall, cpu in times),
        "pages": len(pages),
        "largest_page_mb": max(page.stat().st_size for page in pages) / 1e6,
        "all_mb": sum(page.stat().st_size for page in pages) / 1e6,
    }


def main() -> None:
    """Command line."""
    options = harness.parser(__doc__, "report")
    options.add_argument("--count", type=int, default=100, help="videos of a report")
    options.add_argument("--repeats", type=int, default=3, help="runs, of which the quickest counts")
    asked = options.parse_args()
    result = {}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        demo = run_demo(folder / "demo", identities=2, jobs=1)
        rank_demo(demo.results, folder / "demo" / "ranking")
        sources = {"synthetic": (demo.results, [folder / "demo" / "ranking"])}
        if (asked.data / "videos").is_dir():
            extract_features(harness.videos(asked.data), Options(out=folder / "real", jobs=1))
            sources["real"] = (folder / "real", [])
        for name, (results, more) in sources.items():
            multiply(results, folder / name / "results", asked.count)
            result[name] = measure([folder / name / "results", *more], folder / name / "report.html", asked.repeats)
    columns = ["wall_s", "cpu_s", "pages", "largest_page_mb", "all_mb"]
    rows = [[name, *(of[column] for column in columns)] for name, of in result.items()]
    harness.table(f"facs report of {asked.count} videos (targets for 100: {TARGET_S:g} s, {TARGET_MB:g} MB)",
                  ["videos", *columns], rows)  # fmt: skip
    settings = {"count": asked.count, "repeats": asked.repeats, "load_average": os.getloadavg()[0]}
    harness.save(asked.out, settings, result)


if __name__ == "__main__":
    main()

"""A Dask cluster of two workers on this computer beside two worker processes: speed, a killed worker, cost per video.

    python benchmarks/cluster.py                       all videos of the data folder, 1,000 tiny ones
    python benchmarks/cluster.py --videos d0 d6 --tiny 200

`speed` is the time of `--jobs 2` over that of the cluster, start of workers included on both sides, cluster started
before. `killed` ends a worker by SIGKILL after the first video. `tiny` is the time per video of five small frames.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import distributed
import harness
from many_videos import make_videos

from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.run import extract_features
from facs_pipeline.extraction.video_result import VideoResult

WORKERS = 2
TARGETS = {"speed": 0.95, "overhead per tiny video, ms": 10.0}


def seconds(videos: Sequence[Path], options: Options, victim: int = 0) -> float:
    """How long a run takes; `victim` is a process that is killed after the first video."""
    told: list[str] = []

    def each(result: VideoResult, _table: Path) -> None:
        if victim and not told:
            os.kill(victim, signal.SIGKILL)
        told.append(result.name)

    start = time.perf_counter()
    result = extract_features(list(videos), options, each=each)
    taken = time.perf_counter() - start
    if result.failed or len(told) != len(set(told)):
        raise RuntimeError(f"lost or done twice: {[video.reason for video in result.failed]}, {told}")
    return taken


def same_tables(one: Path, other: Path) -> bool:
    """Whether two runs wrote the same, byte for byte."""
    names = [path.relative_to(one) for path in one.rglob("*.csv")]
    return bool(names) and all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and keep."""
    options = harness.parser(__doc__ or "", "cluster")
    options.add_argument("--videos", nargs="+", default=[], help="stems of videos; all by default")
    options.add_argument("--tiny", type=int, default=1000, help="so many tiny videos")
    chosen = options.parse_args(arguments)
    videos = harness.videos(chosen.data, chosen.videos)
    with (
        tempfile.TemporaryDirectory() as name,
        distributed.LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None) as cluster,
    ):
        folder, scheduler = Path(name), cluster.scheduler_address
        make_videos(folder / "tiny", chosen.tiny)
        times = {
            "videos, --jobs 2": seconds(videos, Options(out=folder / "jobs", jobs=WORKERS)),
            "videos, cluster": seconds(videos, Options(out=folder / "dask", scheduler=scheduler)),
            "tiny, --jobs 2": seconds([folder / "tiny"], Options(out=folder / "tiny-jobs", jobs=WORKERS)),
            "tiny, cluster": seconds([folder / "tiny"], Options(out=folder / "tiny-dask", scheduler=scheduler)),
        }
        victim = next(iter(cluster.workers.values())).pid
        times["videos, cluster, worker killed"] = seconds(
            videos, Options(out=folder / "killed", scheduler=scheduler), victim
        )
        found: dict[str, float | bool] = {
            "speed": times["videos, --jobs 2"] / times["videos, cluster"],
            "overhead per tiny video, ms": 1000 * (times["tiny, cluster"] - times["tiny, --jobs 2"]) / chosen.tiny,
            "same tables": same_tables(folder / "jobs", folder / "dask"),
            "same tables after the kill": same_tables(folder / "jobs", folder / "killed"),
        }
    harness.table("Runs", ["run", "s"], list(times.items()))
    harness.table("Cluster of two workers", ["measure", "value"], list(found.items()))
    settings = {"videos": len(videos), "tiny": chosen.tiny, "targets": TARGETS, "load_average": os.getloadavg()[0]}
    harness.save(chosen.out, settings, {"seconds": times, **found})


if __name__ == "__main__":
    main()

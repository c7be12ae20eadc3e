"""Speed of the whole job beside MediaPipe, one thread each; stages; workers; cached reruns; memory.

    python benchmarks/speed.py                       all parts but memory
    python benchmarks/speed.py --parts mediapipe workers cached memory

`mediapipe`: decoding to finished tables and descriptors with an empty cache, as `facs extract-features` does it in a
worker, against MediaPipe's Face Landmarker in video mode with its blendshapes, decoding included, nothing written.
Models are loaded before the clock starts on both sides; the two take turns on every video, in one process bound to one
core, so the ratio is of the same minute. Processor time is what counts on a busy machine; wall time is given too.
"""

from __future__ import annotations

import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import av
import harness
import numpy as np

from facs_pipeline.extraction.cache import Cache
from facs_pipeline.extraction.models import action_unit_model, landmark_model, load_action_units, load_landmarks
from facs_pipeline.extraction.outputs import Outputs
from facs_pipeline.extraction.run import Options, extract_features
from facs_pipeline.extraction.stage import VideoSettings
from facs_pipeline.extraction.video_job import VideoJob, VideoRun

PARTS = ("mediapipe", "workers", "cached", "memory")
TARGETS = {"ratio to MediaPipe": 3.0, "two workers": 1.8, "cached rerun, s": 3.0}
FACS = [sys.executable, "-c", "from facs_cli.main import main; main()"]


def product(video: Path, options: Options, folder: Path) -> tuple[int, dict[str, float]]:
    """One video with an empty cache, as a worker does it: (frames, wall seconds per stage)."""
    cache = Cache(folder / "cache", secrets.token_bytes(32))
    outputs = Outputs(folder / "out", "csv", False, cache.folder / "outputs", cache.key)
    job = VideoJob(video, video.stem, False, VideoSettings())

    def ignore(_what: object) -> None:
        pass

    done = VideoRun(job, options, outputs, cache, tick=ignore, expect=ignore, log=ignore).run()
    return done.facts["faces"]["frames"], done.seconds


class MediaPipe:
    """MediaPipe's Face Landmarker with blendshapes on decoded RGB frames."""

    def __init__(self, task: Path) -> None:
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision

        self._image = lambda rgb: mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb)
        self._vision = vision
        self._base = BaseOptions(model_asset_path=str(task))

    def landmarker(self) -> Any:
        """A new landmarker: its clock may not go back, so each video needs its own."""
        vision = self._vision
        return vision.FaceLandmarker.create_from_options(
            vision.FaceLandmarkerOptions(
                base_options=self._base,
                running_mode=vision.RunningMode.VIDEO,
                output_face_blendshapes=True,
                num_faces=1,
            )
        )

    def run(self, landmarker: Any, video: Path) -> int:
        """Frames of the video, each decoded by one thread and measured."""
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "NONE"
            stream.codec_context.thread_count = 1
            frames, clock = 0, -1
            for picture in container.decode(stream):
                clock = max(clock + 1, round(1000 * (picture.time or 0)))
                landmarker.detect_for_video(self._image(picture.to_ndarray(format="rgb24")), clock)
                frames += 1
        return frames


def clocked(task: Callable[[], Any]) -> tuple[Any, float, float]:
    """(result, processor seconds, wall seconds)."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = task()
    return result, time.process_time() - cpu, time.perf_counter() - wall


def beside_mediapipe(videos: Sequence[Path], task: Path, options: Options, repeats: int) -> dict[str, Any]:
    """Both sides in turn on every video: frames per second of processor and wall time, their ratio, stages."""
    # Loaded before the clock starts.
    load_landmarks(landmark_model(options.landmarks))
    load_action_units(action_unit_model(options.au_model))
    mediapipe = MediaPipe(task)
    times: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    frames: dict[str, int] = {}
    stages: dict[str, list[float]] = defaultdict(list)
    for repeat in range(repeats + 1):
        for video in videos if repeat else videos[:1]:
            with tempfile.TemporaryDirectory() as folder:
                (count, seconds), cpu, wall = clocked(partial(product, video, options, Path(folder)))
            with mediapipe.landmarker() as landmarker:
                seen, cpu_theirs, wall_theirs = clocked(partial(mediapipe.run, landmarker, video))
            if seen != count:
                raise SystemExit(f"{video.name}: {count} frames here, {seen} there")
            if not repeat:
                continue  # the first of all only warms both sides up
            frames[video.stem] = count
            for side, values in {"ours": (cpu, wall), "mediapipe": (cpu_theirs, wall_theirs)}.items():
                times[f"{side} cpu"][video.stem].append(values[0])
                times[f"{side} wall"][video.stem].append(values[1])
            for stage, spent in seconds.items():
                stages[stage].append(spent)
    typical = {which: {v: statistics.median(of) for v, of in per.items()} for which, per in times.items()}
    rows = {v: _rates(frames[v], {which: per[v] for which, per in typical.items()}) for v in frames}
    total = _rates(sum(frames.values()), {which: sum(per.values()) for which, per in typical.items()})
    ratios = [
        sum(times["mediapipe cpu"][v][r] for v in frames) / sum(times["ours cpu"][v][r] for v in frames)
        for r in range(repeats)
    ]
    return {
        "per video": rows,
        "total": total,
        "ratio of each repeat (processor time)": ratios,
        "ms per frame of each stage (wall)": {
            stage: 1000 * sum(of) / (repeats * sum(frames.values())) for stage, of in stages.items()
        },
    }


def _rates(frames: int, seconds: dict[str, float]) -> dict[str, float]:
    rates = {f"{which}, frames/s": frames / spent for which, spent in seconds.items()}
    return {"frames": frames} | rates | {
        "ratio cpu": seconds["mediapipe cpu"] / seconds["ours cpu"],
        "ratio wall": seconds["mediapipe wall"] / seconds["ours wall"],
    }  # fmt: skip


def workers(videos: Sequence[Path], options: dict[str, Any], repeats: int, copies: int) -> dict[str, float]:
    """Whole runs with one and with two workers in turn; wall seconds (least of all repeats) and their ratio."""
    spent: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        many = [_copy(video, Path(folder), number) for number in range(copies) for video in videos]
        for repeat in range(repeats):
            for jobs, of in spent.items():
                out = Path(folder) / f"{repeat}-{jobs}"
                _, _, wall = clocked(partial(extract_features, many, Options(out=out, jobs=jobs, **options)))
                of.append(wall)
    one, two = min(spent[1]), min(spent[2])
    return {"videos": len(many), "one worker, s": one, "two workers, s": two, "ratio": one / two}


def _copy(video: Path, folder: Path, number: int) -> Path:
    """A copy that the cache takes for another video: an empty box at the end of an MP4 or MOV says nothing."""
    copy = folder / f"{video.stem}{number}{video.suffix}"
    copy.write_bytes(video.read_bytes() + number * b"\0\0\0\x08free")
    return copy


def short_clips(video: Path, folder: Path, clips: int, frames: int) -> None:
    """Clips of a video's frames, small, each beginning somewhere else, so that no two are the same file."""
    pictures = []
    with av.open(str(video)) as container:
        for picture in container.decode(video=0):
            pictures.append(picture.reformat(240, 240, "yuv420p").to_ndarray())
            if len(pictures) == clips + frames:
                break
    for clip in range(clips):
        chosen = [pictures[(clip + i) % len(pictures)] for i in range(frames)]
        _write(folder / f"clip{clip:03d}.mp4", chosen, 25)


def _write(path: Path, pictures: Sequence[np.ndarray], fps: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.bit_rate = pictures[0].shape[1], pictures[0].shape[0] * 2 // 3, 600_000
        for pixels in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="yuv420p")))
        container.mux(stream.encode())


def long_video(video: Path, path: Path, minutes: float, fps: int) -> None:
    """A video of the given length: a small copy of another's first seconds again and again, copied without decoding."""
    with tempfile.TemporaryDirectory() as folder:
        short_clips(video, Path(folder), 1, 10 * fps)
        with av.open(str(Path(folder) / "clip000.mp4")) as source, av.open(str(path), "w") as target:
            stream = target.add_stream_from_template(source.streams.video[0])
            packets = [bytes(p) for p in source.demux(video=0) if p.size]
            base = source.streams.video[0].time_base
            keys = [i == 0 for i in range(len(packets))]
            assert base is not None
            step = round(1 / fps / base)
            for number in range(round(minutes * 60 * fps)):
                packet = av.Packet(packets[number % len(packets)])
                packet.pts = packet.dts = number * step
                packet.time_base, packet.stream = base, stream
                packet.is_keyframe = keys[number % len(packets)]
                target.mux(packet)


def command(*arguments: str | Path) -> tuple[float, float]:
    """`facs` in a process of its own: (wall seconds, peak memory in MB of its largest process)."""
    started = time.perf_counter()
    process = subprocess.Popen([*FACS, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(message.decode(errors="replace"))
    # Linux counts kilobytes, macOS bytes.
    return time.perf_counter() - started, usage.ru_maxrss / (1e3 if sys.platform == "linux" else 1e6)


def _arguments(options: dict[str, Any]) -> list[str]:
    return [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", str(value))]


def cached_rerun(video: Path, options: dict[str, Any], clips: int, frames: int) -> dict[str, float]:
    """`facs extract-features` over many clips, then again with nothing to do (least of three)."""
    with tempfile.TemporaryDirectory() as folder:
        videos, out = Path(folder) / "videos", Path(folder) / "out"
        videos.mkdir()
        short_clips(video, videos, clips, frames)
        run: list[str | Path] = ["extract-features", videos, "--out", out, *_arguments(options)]
        first, _ = command(*run)
        again = min(command(*run)[0] for _ in range(3))
    return {"clips": clips, "frames": clips * frames, "first run, s": first, "again, s": again, "ratio": first / again}


def memory(video: Path, options: dict[str, Any], minutes: Sequence[float], fps: int) -> dict[str, float]:
    """Peak memory of the largest process for a short and a long video."""
    result: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for length in minutes:
            path = Path(folder) / f"long{length:g}.mp4"
            long_video(video, path, length, fps)
            out = Path(folder) / f"out{length:g}"
            wall, peak = command("extract-features", path, "--out", out, "--jobs", "1", *_arguments(options))
            result |= {f"{length:g} min, MB": peak, f"{length:g} min, s": wall}
    result["ratio"] = result[f"{minutes[-1]:g} min, MB"] / result[f"{minutes[0]:g} min, MB"]
    return result


def show_mediapipe(result: dict[str, Any]) -> None:
    """Print what `beside_mediapipe` found."""
    columns = list(result["total"])
    rows = [[name, *of.values()] for name, of in result["per video"].items()]
    harness.table("Whole job beside MediaPipe", ["", *columns], [*rows, ["total", *result["total"].values()]])
    each = ", ".join(f"{ratio:.2f}" for ratio in result["ratio of each repeat (processor time)"])
    print(f"ratio of each repeat (processor time): {each}; target {TARGETS['ratio to MediaPipe']:g}")
    stages = result["ms per frame of each stage (wall)"]
    harness.table(
        "Stages", ["", "ms per frame", "share"], [[n, v, v / sum(stages.values())] for n, v in stages.items()]
    )


def main() -> None:
    """Command line."""
    options = harness.parser(__doc__, "speed")
    options.add_argument("--parts", nargs="*", choices=PARTS, default=["mediapipe", "workers", "cached"])
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--videos", nargs="*", default=[], help="only these, by stem")
    options.add_argument("--landmarks", type=Path)
    options.add_argument("--au-model", type=Path)
    options.add_argument("--copies", type=int, default=4, help="of every video, for one worker against two")
    options.add_argument("--clips", type=int, default=100, help="of the cached rerun")
    options.add_argument("--clip-frames", type=int, default=25)
    options.add_argument("--minutes", type=float, nargs=2, default=[1, 30], help="lengths compared for memory")
    options.add_argument("--fps", type=int, default=10, help="frame rate of the long videos")
    asked = options.parse_args()
    chosen = harness.videos(asked.data, asked.videos)
    given = {k: v for k, v in {"landmarks": asked.landmarks, "au_model": asked.au_model}.items() if v}
    result: dict[str, Any] = {}
    if "workers" in asked.parts:
        result["workers"] = workers(chosen, given, asked.repeats, asked.copies)
        harness.table("Two workers instead of one", list(result["workers"]), [list(result["workers"].values())])
    if "cached" in asked.parts:
        result["cached"] = cached_rerun(chosen[0], given, asked.clips, asked.clip_frames)
        harness.table("Nothing to do", list(result["cached"]), [list(result["cached"].values())])
    if "memory" in asked.parts:
        result["memory"] = memory(chosen[0], given, asked.minutes, asked.fps)
        harness.table("Peak memory", list(result["memory"]), [list(result["memory"].values())])
    if "mediapipe" in asked.parts:
        if hasattr(os, "sched_setaffinity"):
            # MediaPipe starts threads of its own and has no option against it.
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        task = asked.data / "teacher" / "face_landmarker.task"
        result["mediapipe"] = beside_mediapipe(chosen, task, Options(**given), asked.repeats)
        show_mediapipe(result["mediapipe"])
    settings = {"repeats": asked.repeats, "videos": [v.name for v in chosen], "targets": TARGETS}
    harness.save(asked.out, settings, result)


if __name__ == "__main__":
    main()

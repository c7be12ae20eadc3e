"""`facs extract-features`: videos -> action-unit tables and descriptors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from .console import ConsoleProgress
from .model_files import au_model
from .service import LogFormat, ServiceProgress, result_line, with_listed

if TYPE_CHECKING:
    from facs_pipeline.dynamics.evidence import DescriptorSet
    from facs_pipeline.extraction.parts import Part
    from facs_pipeline.extraction.result import RunResult
    from facs_pipeline.extraction.video_result import VideoResult

EPILOG = """\b
Examples:
  facs extract-features interviews/ --out results
  facs extract-features 'study/*/smile*.mp4' --metadata study.csv --baseline subject
  facs extract-features clip.mp4 --overlay --format parquet
  facs extract-features clip.mp4 --emotion
  facs extract-features /data --part 3/20 --out /shared/results   # then: facs collect /shared/results
  find /data -name '*.mov' | facs extract-features - --json-lines --log-file facs.log
\b
Results: action_units/<video>.csv, descriptors.csv, videos.csv, run.json; `facs columns` explains the columns.
Exit codes: 0 all videos done, 1 some failed (videos.csv says why), 2 wrong usage, 75 another run writes into OUT.
"""
SHOWN_VIDEOS = 30
"""So many videos at most have a line of their own at the end, those that are not ok first."""
SHOWN_REMARKS = 10
"""So many videos that are done but for something are named at the end."""


@click.command("extract-features", epilog=EPILOG)
@click.argument("videos", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), default="facs-output", show_default=True, help="Output folder.")
@click.option("--jobs", type=click.IntRange(min=1), help="Videos processed side by side.  [default: one per core]")
@click.option(
    "--format", "table_format", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True,
    help="Format of the action-unit tables.",
)  # fmt: skip
@au_model
@click.option(
    "--emotion", is_flag=True,
    help="Also give probabilities of seven emotions: how people would label the face, not what somebody feels.",
)  # fmt: skip
@click.option(
    "--emotion-model", type=click.Path(path_type=Path),
    help="Emotion model file that takes a video's features (compact); implies --emotion.  [default: the package's]",
)  # fmt: skip
@click.option("--landmarks", type=click.Path(path_type=Path), help="Landmark model file.  [default: the package's]")
@click.option(
    "--faces", type=click.Choice(["one", "all"]), default="one", show_default=True,
    help="Follow the main face only, or every face.",
)  # fmt: skip
@click.option(
    "--metadata", type=click.Path(path_type=Path),
    help="Table with the column video and any of subject, emotion, label (carried into descriptors.csv) and others "
    "such as condition (with these in metadata.csv, for facs summarize).",
)  # fmt: skip
@click.option(
    "--quality", type=click.Path(path_type=Path),
    help="TOML file of limits for the verdict in videos.csv; facs quality --limits prints the usual ones.",
)  # fmt: skip
@click.option(
    "--baseline", metavar="none|video|subject|CLIP", default="none", show_default=True,
    help="Subtract the resting face: the video's own, its subject's (needs --metadata), or that of a clip.",
)  # fmt: skip
@click.option(
    "--least-confidence", type=click.FloatRange(0, 1),
    help="Leave out action units of a half of a face that is trusted less; 0 for all.  "
    "[default: 0.5; with extended descriptors 0]",
)  # fmt: skip
@click.option(
    "--cutoff-hz", type=float, default=1.0, show_default=True, help="Cut-off of the descriptors' smoothing, in Hz."
)
@click.option(
    "--descriptor-set", type=click.Choice(["published", "extended"]), default="published", show_default=True,
    help="Of descriptors.csv: the published one, or the extended one of all action units, lips, lids, brows, head.",
)  # fmt: skip
@click.option(
    "--image-fps", type=float, default=25.0, show_default=True, help="Frames per second of folders of images."
)
@click.option(
    "--overlay", is_flag=True, help="Also write videos with box, points, action units (and emotion) drawn in."
)
@click.option(
    "--part", "part_text", metavar="K/N|none",
    help="Do the K-th of N shares of the videos, beside others into the same OUT; facs collect joins them.  "
    "[default: the task of a Slurm job array, else none]",
)  # fmt: skip
@click.option(
    "--scheduler", metavar="ADDRESS|local|slurm",
    help="Do the videos on a Dask cluster, such as tcp://host:8786; --jobs says how many workers to start for the "
    "other two.",
)  # fmt: skip
@click.option("--fail-fast", is_flag=True, help="Stop at the first video that fails.")
@click.option("--cache", type=click.Path(path_type=Path), help="Folder of stored stage results.  [default: OUT/cache]")
@click.option("--no-cache", is_flag=True, help="Store no stage results; the next run computes everything again.")
@click.option(
    "--keep", type=click.Choice(["tables", "all"]), default="tables", show_default=True,
    help="Stage results that are stored: what tables are made of, or also features, five times as much.",
)  # fmt: skip
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=1), default=120.0, show_default=True,
    help="Give a video up after so many seconds without progress.",
)  # fmt: skip
@click.option("--json-lines", is_flag=True, help="Print a JSON object for each video as it finishes, and nothing else.")
@click.option("--log-file", type=click.Path(path_type=Path), help="Append the log to a file, with times.")
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), help="Of --log-file, or of standard error: lines with times."
)
@click.option("--verbose", is_flag=True, help="Say why each stage is computed, and how long each took.")
@click.option("--quiet", is_flag=True, help="Print warnings and failures only.")
def command(
    videos: tuple[str, ...],
    out: Path,
    jobs: int | None,
    table_format: Literal["csv", "parquet"],
    au_model: Path | None,
    emotion: bool,
    emotion_model: Path | None,
    landmarks: Path | None,
    faces: Literal["one", "all"],
    metadata: Path | None,
    quality: Path | None,
    baseline: str,
    least_confidence: float | None,
    cutoff_hz: float,
    descriptor_set: DescriptorSet,
    image_fps: float,
    overlay: bool,
    part_text: str | None,
    scheduler: str | None,
    fail_fast: bool,
    cache: Path | None,
    no_cache: bool,
    keep: Literal["tables", "all"],
    timeout_s: float,
    json_lines: bool,
    log_file: Path | None,
    log_format: LogFormat | None,
    verbose: bool,
    quiet: bool,
) -> int:
    """Action-unit time series and descriptors of VIDEOS.

    VIDEOS are files, folders (searched recursively), globs, text lists of these (- for standard input), or folders of
    images. What an earlier
    run into the same folder has done is not done again.
    """
    from facs_pipeline.extraction.options import Options
    from facs_pipeline.extraction.run import extract_features

    part = _part(part_text)
    if part is not None and no_cache:
        raise click.UsageError(
            "--part and --no-cache exclude each other: facs collect takes what the parts have stored"
        )
    options = Options(
        out=out,
        cache=cache,
        keep_cache=not no_cache,
        keep=keep,
        jobs=jobs,
        format=table_format,
        au_model=au_model,
        landmarks=landmarks,
        emotion=emotion,
        emotion_model=emotion_model,
        faces=faces,
        baseline=baseline,
        overlay=overlay,
        metadata=metadata,
        quality=quality,
        cutoff_hz=cutoff_hz,
        least_confidence=least_confidence,
        descriptor_set=descriptor_set,
        image_fps=image_fps,
        fail_fast=fail_fast,
        timeout_s=timeout_s,
        scheduler=scheduler,
    )
    progress = ConsoleProgress(verbose=verbose, quiet=quiet or json_lines)
    if log_file is not None or log_format is not None:
        progress = ServiceProgress(log_format or "text", log_file, verbose=verbose, quiet=quiet or json_lines)

    def each(result: VideoResult, table: Path) -> None:
        if json_lines:
            click.echo(result_line(result, table))

    if part is not None:
        progress.log(f"part {part}; facs collect {out} joins all parts")
    result = extract_features(with_listed(videos), options, progress, part=part, each=each)
    if not result.videos:
        return _nothing_to_do(part, given=part_text is not None)
    if not (quiet or json_lines):
        print_summary(result, verbose)
    return 1 if result.failed else 0


def _part(text: str | None) -> Part | None:
    from facs_pipeline.extraction.parts import Part

    if text is None:
        return Part.of_slurm()
    return None if text == "none" else Part.parse(text)


def _nothing_to_do(part: Part | None, *, given: bool) -> int:
    """Say so: a task of a job array that was meant to do a video of its own ends as wrong usage."""
    if given:
        click.echo(f"Note: part {part} has no video: there are fewer videos than parts", err=True)
        return 0
    click.echo(
        f"Error: SLURM_ARRAY_TASK_ID makes this part {part}, which has no video: there are fewer videos than tasks; "
        "--part none does all that are named here",
        err=True,
    )
    return 2


def print_summary(result: RunResult, verbose: bool = False) -> None:
    """A line for each video, or for those that are not ok where there are many, and what is to be known of them."""
    width = max(5, *(len(video.name) for video in result.videos))
    width = min(width, 40)
    click.echo(f"{'video':<{width}}  status   frames  with face     fps")
    few = verbose or len(result.videos) <= SHOWN_VIDEOS
    worth = result.videos if few else [video for video in result.videos if video.status != "ok"]
    shown = worth if verbose else worth[:SHOWN_VIDEOS]
    for video in shown:
        name = video.name if len(video.name) <= width else f"{video.name[: width - 3]}..."
        fps = f"{video.fps:.2f}" if video.facts and video.fps else ""
        frames = video.facts["frames"] if video.facts else ""
        with_face = video.facts["frames_with_face"] if video.facts else ""
        click.echo(f"{name:<{width}}  {video.status:<7}  {frames:>6}  {with_face:>9}  {fps:>6}")
    if len(shown) < len(result.videos):
        click.echo(_of_others(len(worth) - len(shown), len(result.videos) - len(worth)))
    total = len(result.videos)
    by_status = {status: sum(v.status == status for v in result.videos) for status in ("ok", "no_face", "failed")}
    counts = ", ".join(f"{count} {status}" for status, count in by_status.items() if count)
    click.echo(f"{total} video{'s' * (total != 1)}: {counts}. Results: {result.out}")
    for video in result.failed if verbose else result.failed[:SHOWN_VIDEOS]:
        click.echo(f"  {video.name}: {video.reason}")
    if not verbose and len(result.failed) > SHOWN_VIDEOS:
        click.echo(f"  ... and {len(result.failed) - SHOWN_VIDEOS} more that failed, see videos.csv")
    remarks = [video for video in result.videos if video.status == "ok" and video.reason]
    for video in remarks[:SHOWN_REMARKS]:
        click.echo(f"  {video.name}: {video.reason}")
    if len(remarks) > SHOWN_REMARKS:
        click.echo(f"  ... and remarks on {len(remarks) - SHOWN_REMARKS} more videos, see videos.csv")
    if verbose:
        for stage, seconds in result.seconds.items():
            click.echo(f"  {stage:<20} {seconds:9.3f} s")


def _of_others(not_ok: int, ok: int) -> str:
    """What is said of videos without a line of their own."""
    parts = [f"{not_ok} more that are not, see videos.csv"] if not_ok else []
    return "... and " + " and ".join([*([f"{ok} videos that are ok"] if ok else []), *parts])

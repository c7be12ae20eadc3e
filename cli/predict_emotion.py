"""`facs predict-emotion`: images and videos -> probabilities of emotion labels for each face, and what moved them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click

from .console import ConsoleProgress

EPILOG = """\b
Examples:
  facs predict-emotion photo.jpg
  facs predict-emotion photos/ 'more/*.png' --faces all --out predictions.csv
  facs predict-emotion photos/ --explain why/            # why/<image>.png: heat map and reasons
  facs predict-emotion interview.mp4 --model best.npz
\b
Probabilities are of how people labelled FER2013's images (or what the model was trained on). They do not
say what somebody feels.
An image in which no face is found still gets an answer, for the place where the face of a tight crop would
be, with found = 0; a video's frame without a face has empty cells. `facs columns emotions` explains the columns.
\b
Exit codes: 0 all inputs done, 1 some could not be used (the others are done), 2 wrong usage or nothing usable.
"""
# Of a long list, so many lines are printed.
_SHOWN = 20


@click.command("predict-emotion", epilog=EPILOG)
@click.argument("inputs", nargs=-1, required=True)
@click.option(
    "--out", type=click.Path(path_type=Path), default="predictions.csv", show_default=True, help="Table to write (CSV)."
)
@click.option("--model", type=click.Path(path_type=Path), help="Emotion model file.  [default: the package's, compact]")
@click.option(
    "--faces", type=click.Choice(["one", "all"]), default="one", show_default=True,
    help="The main face of each image or video, or all of them.",
)  # fmt: skip
@click.option(
    "--explain", type=click.Path(path_type=Path), metavar="DIR",
    help="Write a picture for each face there, and reasons.csv: which parts of it moved the decision.",
)  # fmt: skip
@click.option("--jobs", type=click.IntRange(min=1), help="Processes.  [default: one per core]")
def command(inputs: tuple[str, ...], out: Path, model: Path | None, faces: str, explain: Path | None, jobs) -> int:
    """Probabilities of emotion labels for the faces in INPUTS.

    INPUTS are images, videos, folders of them (searched recursively) and globs. Of a video each frame gets a row.
    A run that was killed goes on where it stopped: what is done lies in OUT.unfinished until the end.
    """
    import pandas as pd

    from facs_pipeline.emotions.model import EmotionModel
    from facs_pipeline.extraction.image_inputs import find_images_and_videos
    from facs_pipeline.foundation.files.atomic import atomic_csv
    from facs_pipeline.foundation.files.result_store import ResultStore

    found = find_images_and_videos(inputs)
    loaded = EmotionModel.load(model) if model else EmotionModel.load_default()
    unfinished = ResultStore(out.with_name(f"{out.name}.unfinished"))
    if unfinished.pieces:
        click.echo(f"{unfinished.folder}: going on where an earlier run stopped", err=True)
    run = _Run(loaded, model, faces, explain, jobs or _cores(), unfinished)
    run.skipped += found.skipped
    tables = [*run.images(found.images), *run.videos(found.videos)]
    for source, reason in run.skipped[:_SHOWN]:
        click.echo(f"Failed: {source}: {reason}", err=True)
    if len(run.skipped) > _SHOWN:
        click.echo(f"... and {len(run.skipped) - _SHOWN} more", err=True)
    if not tables:
        unfinished.clear()
        click.echo(f"Error: none of the {len(run.skipped)} inputs could be used; nothing was written", err=True)
        return 2
    table = pd.concat(tables, ignore_index=True)
    atomic_csv(table, out)
    if explain:
        run.write_reasons()
    unfinished.clear()
    _print_summary(table, out, explain, len(run.skipped))
    return 1 if run.skipped else 0


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Run:
    """One call: the model, what could not be used, the explanations written so far."""

    def __init__(self, model, path: Path | None, faces: str, explain: Path | None, jobs: int, unfinished):
        self.model, self.path, self.faces, self.explain, self.jobs = model, path, faces, explain, jobs
        self._unfinished = unfinished
        self.skipped: list = []
        self._reasons: list[dict] = []
        self._names: set[str] = set()

    def images(self, paths: tuple[Path, ...]) -> Iterator:
        """Tables of the images' faces."""
        from facs_pipeline.extraction.emotions import image_table, predict_images
        from facs_pipeline.extraction.stills import read_still

        if not paths:
            return
        options = {"faces": self.faces, "jobs": self.jobs, "unfinished": self._unfinished}
        for part in predict_images(self.model, paths, progress=ConsoleProgress(), **options):
            self.skipped += part.skipped
            if not part.paths:
                continue
            yield image_table(part, self.model.emotions)
            if self.explain:
                with ConsoleProgress().task("reasons", len(part.paths), "faces") as task:
                    for row in range(len(part.paths)):
                        grey = read_still(part.paths[row])
                        self._explain(part.seen, row, grey, part.paths[row], int(part.face_ids[row]))
                        task.advance()

    def videos(self, paths: tuple[Path, ...]) -> Iterator:
        """Tables of the videos' frames."""
        from facs_pipeline.emotions.series import obstacle_for_videos
        from facs_pipeline.extraction.emotions import frames_with_emotions, video_table
        from facs_pipeline.extraction.run import Options, extract_features
        from facs_pipeline.foundation.errors import VideoError

        if not paths:
            return
        import pandas as pd

        by_features = not obstacle_for_videos(self.model.card)
        given = {os.path.abspath(path): path for path in paths}
        folder = self._unfinished.videos
        options = Options(
            out=folder,
            jobs=self.jobs,
            format="parquet",
            faces=self.faces,
            emotion=by_features,
            emotion_model=self.path if by_features else None,
        )
        result = extract_features(paths, options, ConsoleProgress())
        for video in result.videos:
            name = given[str(video.path)]
            if video.status == "failed":
                self._skip(name, video.reason)
                continue
            table = pd.read_parquet(folder / "action_units" / f"{video.name}.parquet")
            try:
                frames = table if by_features else frames_with_emotions(self.model, name, table, jobs=self.jobs)
                yield video_table(name, frames, self.model.emotions)
                self._explain_video(name, table, frames)
            except VideoError as error:
                self._skip(name, str(error))

    def _skip(self, path: Path, reason: str) -> None:
        from facs_pipeline.datasets.labelled_faces import Skipped

        # Extraction names the file in its reason already.
        self.skipped.append(Skipped(str(path), reason.removeprefix(f"{os.path.abspath(path)}: ")))

    def _explain_video(self, name: Path, table, frames) -> None:
        from facs_pipeline.analysis.analyser import FaceAnalyser
        from facs_pipeline.extraction.emotions import emotion_inputs, telling_rows
        from facs_pipeline.tables.reader import table_points
        from facs_pipeline.video.reader import grey_frames

        if not self.explain:
            return
        for row in telling_rows(frames, self.model.emotions):
            number, face = int(table["frame"].iloc[row]), int(table["face_id"].iloc[row])
            grey = grey_frames(name, [number])[number]
            seen = emotion_inputs(
                [grey], [FaceAnalyser(action_units=None).face_at(grey, table_points(table.iloc[[row]])[0])]
            )
            self._explain(seen, 0, grey, name, face, number)

    def _explain(self, seen, row: int, grey, path: Path, face: int, frame: int | None = None) -> None:
        import cv2

        from facs_pipeline.explanations.emotions import draw_explanation, explain_face
        from facs_pipeline.foundation.files.atomic import atomic_write, free_name

        why = explain_face(self.model, seen, row, image=grey)
        self.explain.mkdir(parents=True, exist_ok=True)
        stem = path.stem + ("" if frame is None else f"_frame{frame}") + (f"_face{face}" if face else "")
        name = free_name(stem, self._names)
        with atomic_write(self.explain / f"{name}.png", "wb") as file:
            file.write(cv2.imencode(".png", draw_explanation(why))[1].tobytes())
        about = {"input": str(path), "frame": frame, "face_id": face, "picture": f"{name}.png", "method": why.method}
        about |= {"emotion": why.emotion, "runner_up": why.runner_up}
        self._reasons.append({**about, "reasons": "; ".join(why.reasons)})

    def write_reasons(self) -> None:
        """``reasons.csv`` beside the pictures."""
        import pandas as pd

        from facs_pipeline.foundation.files.atomic import atomic_csv

        self.explain.mkdir(parents=True, exist_ok=True)
        table = pd.DataFrame(self._reasons)
        if len(table):
            table["frame"] = table["frame"].astype("Int64")
            table["input"] = [text.encode("utf-8", "replace").decode("utf-8") for text in table["input"]]
        atomic_csv(table, self.explain / "reasons.csv")


def _print_summary(table, out: Path, explain: Path | None, failed: int) -> None:
    if len(table) <= _SHOWN:
        width = max(len(name) for name in table["input"])
        for row in table.itertuples():
            face = "" if not row.face_id else f"  face {row.face_id}"
            said = f"{row.emotion} {row.confidence:.0%}" if isinstance(row.emotion, str) else "no face"
            click.echo(f"{row.input:<{width}}{face}  {said}{'' if row.found else '  (no face found)'}")
    else:
        counts = table["emotion"].value_counts()
        click.echo(", ".join(f"{emotion} {count}" for emotion, count in counts.items()))
    stills = table[table["frame"].isna()]
    without = int((stills["found"] == 0).sum())
    if without:
        click.echo(
            f"Note: no face found in {without} of {stills['input'].nunique()} images (found = 0): the answer is for "
            "the place where the face of a tight crop would be",
            err=True,
        )
    click.echo("Labels are what people would call the face, not what somebody feels.", err=True)
    also = f"; explanations: {explain}" if explain else ""
    click.echo(f"{table['input'].nunique()} inputs, {len(table)} rows, {failed} failed. Table: {out}{also}")

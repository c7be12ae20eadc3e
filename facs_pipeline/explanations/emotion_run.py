"""Emotion labels of images and videos, with pictures of what moved them: what `facs predict-emotion` calls."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pandas as pd

from facs_pipeline.analysis.analyser import FaceAnalyser
from facs_pipeline.datasets.labelled_faces import Skipped
from facs_pipeline.emotions.face_images import FaceImages
from facs_pipeline.emotions.model import EmotionModel
from facs_pipeline.emotions.series import obstacle_for_videos
from facs_pipeline.explanations.emotions import draw_explanation, explain_face
from facs_pipeline.extraction.image_inputs import Inputs, find_images_and_videos
from facs_pipeline.extraction.in_workers import frames_of_video, grey_stills
from facs_pipeline.extraction.inputs import safe_name
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.predicted_emotions import (
    PredictedImages,
    VideoTable,
    emotion_inputs,
    image_table,
    predict_images,
    telling_rows,
    video_table,
    videos_with_emotions,
)
from facs_pipeline.extraction.run import extract_features
from facs_pipeline.foundation.call_task import Lost
from facs_pipeline.foundation.errors import VideoError
from facs_pipeline.foundation.files.atomic import atomic_csv, atomic_write, free_name, require_place
from facs_pipeline.foundation.files.folder_lock import FolderLock
from facs_pipeline.foundation.files.result_store import ResultStore
from facs_pipeline.foundation.machine import available_cores
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.tables.reader import table_points
from facs_pipeline.tables.schema import EMOTION_REASONS
from facs_pipeline.tables.writing import table_form, write_table

_ADVICE = "name another file with --out"


@dataclass(frozen=True)
class PredictionOptions:
    """How emotions are predicted; the defaults are those of ``facs predict-emotion``.

    Attributes
    ----------
    out : Path
        The table to write (CSV). Until it is written, what is done lies beside it, in a folder of its name with
        ``.unfinished``.
    model : Path, optional
        Emotion model file; by default the compact model of the package.
    faces : "one" or "all"
        The main face of each image or video, or all of them.
    explain : Path, optional
        Folder for a picture of each face (of each person in a video one) and ``reasons.csv``; by default nothing is
        explained.
    jobs : int, optional
        Processes; by default one per core. The table does not depend on it.
    """

    out: Path = Path("predictions.csv")
    model: Path | None = None
    faces: Literal["one", "all"] = "one"
    explain: Path | None = None
    jobs: int | None = None


@dataclass(frozen=True)
class PredictionResult:
    """What came out.

    Attributes
    ----------
    table : DataFrame or None
        See `facs columns emotions`. None, and not written, where no input could be used.
    skipped : tuple of Skipped
        What could not be used.
    notes : tuple of Skipped
        What is to be known of images that were measured: that they lie on their side, or are animated.
    """

    table: pd.DataFrame | None
    skipped: tuple[Skipped, ...]
    notes: tuple[Skipped, ...] = ()


def predict_emotions(
    inputs: Sequence[str | os.PathLike[str]],
    options: PredictionOptions | None = None,
    progress: Progress = SILENT,
) -> PredictionResult:
    """Predict emotion labels of the faces in images and videos, and write their table.

    Labels are how people would call the face, not what somebody feels. A run that was killed goes on where it stopped.

    Parameters
    ----------
    inputs : sequence of str or PathLike
        Images, videos, folders of them (searched recursively) and globs.
    options : PredictionOptions, optional
    progress : Progress
        Told of the images, faces and frames done.

    Returns
    -------
    PredictionResult

    Raises
    ------
    InputError
        If no image and no video is found, or the table cannot be written.
    ModelError
        If the model file cannot be used.
    BusyError
        If another run is about to write the same table.

    Examples
    --------
    >>> result = predict_emotions(["photos/"], PredictionOptions(out=Path("labels.csv")))  # doctest: +SKIP
    >>> result.table["emotion"].value_counts()  # doctest: +SKIP
    """
    options = options or PredictionOptions()
    table_form(options.out)
    files = find_images_and_videos(inputs)
    model = EmotionModel.load(options.model) if options.model else EmotionModel.load_default()
    require_place(options.out, _ADVICE)
    if options.explain is not None:
        require_place(options.explain / "reasons.csv", "name another folder with --explain")
    with FolderLock.of_file(options.out, _ADVICE, progress.log):
        return _predicted(files, model, options, progress)


def _predicted(files: Inputs, model: EmotionModel, options: PredictionOptions, progress: Progress) -> PredictionResult:
    unfinished = ResultStore(options.out.with_name(f"{options.out.name}.unfinished"), progress)
    if unfinished.pieces:
        progress.log(f"{unfinished.folder}: going on where an earlier run stopped")
    run = _Run(model, options, options.jobs or available_cores(), unfinished, progress)
    run.skipped += files.skipped
    tables = [*run.images(files.images), *run.videos(files.videos)]
    table = None
    if tables:
        table = pd.concat(tables, ignore_index=True)
        write_table(table, options.out)
        run.write_reasons()
    unfinished.clear()
    return PredictionResult(table, tuple(run.skipped), tuple(run.notes))


@dataclass
class _Run:
    """One call: what could not be used, and the explanations written so far."""

    model: EmotionModel
    options: PredictionOptions
    jobs: int
    unfinished: ResultStore
    progress: Progress
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[Skipped] = field(default_factory=list)
    reasons: list[dict[str, Any]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def images(self, paths: Sequence[Path]) -> Iterator[pd.DataFrame]:
        """Tables of the images' faces."""
        if not paths:
            return
        faces, jobs = self.options.faces, self.jobs
        for part in predict_images(
            self.model, paths, faces=faces, jobs=jobs, unfinished=self.unfinished, progress=self.progress
        ):
            self.skipped += part.skipped
            self.notes += part.notes
            if part.paths:
                yield image_table(part, self.model.emotions)
                self._explain_images(part)

    def _explain_images(self, part: PredictedImages) -> None:
        if self.options.explain is None:
            return
        with self.progress.task("reasons", len(part.paths), "faces") as task:
            greys = grey_stills(part.paths, jobs=self.jobs)
            for row, (path, grey) in enumerate(zip(part.paths, greys, strict=True)):
                if isinstance(grey, Skipped):
                    self.skipped.append(grey)
                elif part.images.detected[row]:
                    self._explain(self.options.explain, part.images, row, grey, path, int(part.face_ids[row]))
                task.advance()

    def videos(self, paths: Sequence[Path]) -> Iterator[pd.DataFrame]:
        """Tables of the videos' frames."""
        if not paths:
            return
        by_features = not obstacle_for_videos(self.model.card)
        given = {os.path.abspath(path): path for path in paths}
        options = Options(
            out=self.unfinished.videos,
            jobs=self.jobs,
            format="parquet",
            faces=self.options.faces,
            emotion=by_features,
            emotion_model=self.options.model if by_features else None,
        )
        result = extract_features([*paths], options, self.progress)
        good: list[tuple[Path, str]] = []
        for video in result.videos:
            if video.status == "failed":
                self._skip(given[str(video.path)], video.reason)
            else:
                good.append((given[str(video.path)], video.name))
        tables = ((path, result.tables[name]) for path, name in good)
        for (path, name), frames in zip(good, self._frames(tables, by_features=by_features), strict=True):
            if isinstance(frames, Lost):
                self._skip(path, frames.reason)
                continue
            yield video_table(path, frames, self.model.emotions)
            try:
                self._explain_video(path, result.tables[name], frames)
            except VideoError as error:
                self._skip(path, str(error))

    def _frames(self, videos: Iterator[VideoTable], *, by_features: bool) -> Iterator[pd.DataFrame | Lost[VideoTable]]:
        """Emotions of the frames of each video."""
        if by_features or self.options.model is None:
            return (table for _path, table in videos)
        return videos_with_emotions(self.options.model, videos, jobs=self.jobs, unfinished=self.unfinished)

    def _skip(self, path: Path, reason: str) -> None:
        # Extraction names the file in its reason already.
        self.skipped.append(Skipped(str(path), reason.removeprefix(f"{os.path.abspath(path)}: ")))

    def _explain_video(self, path: Path, table: pd.DataFrame, frames: pd.DataFrame) -> None:
        if self.options.explain is None:
            return
        analyser = FaceAnalyser(action_units=None)
        for row in telling_rows(frames, self.model.emotions):
            number, face_id = int(table["frame"].iloc[row]), int(table["face_id"].iloc[row])
            grey = frames_of_video(path, [number])[number]
            faces = emotion_inputs(
                [grey], [analyser.face_at(grey, table_points(table.iloc[[row]], analyser.landmarks.sha256)[0])]
            )
            self._explain(self.options.explain, faces, 0, grey, path, face_id, number)

    def _explain(
        self,
        folder: Path,
        faces: FaceImages,
        row: int,
        grey: np.ndarray,
        path: Path,
        face_id: int,
        frame: int | None = None,
    ) -> None:
        """One picture, and its row of ``reasons.csv``."""
        explanation = explain_face(self.model, faces, row, image=grey)
        folder.mkdir(parents=True, exist_ok=True)
        of_frame, of_face = "" if frame is None else f"_frame{frame}", f"_face{face_id}" if face_id else ""
        stem = f"{safe_name(path.stem)}{of_frame}{of_face}"
        name = f"{free_name(stem, self.names)}.png"
        with atomic_write(folder / name, "wb") as file:
            file.write(cv2.imencode(".png", draw_explanation(explanation))[1].tobytes())
        self.reasons.append(
            {
                # File names need not be text, and could not be written into a table then.
                "input": str(path).encode("utf-8", "replace").decode("utf-8"),
                "frame": frame,
                "face_id": face_id,
                "picture": name,
                "method": explanation.method,
                "emotion": explanation.emotion,
                "runner_up": explanation.runner_up,
                "reasons": "; ".join(explanation.reasons),
            }
        )

    def write_reasons(self) -> None:
        """``reasons.csv`` beside the pictures, if there are any."""
        if self.options.explain is None:
            return
        self.options.explain.mkdir(parents=True, exist_ok=True)
        table = pd.DataFrame(self.reasons, columns=list(EMOTION_REASONS.names))
        if len(table):
            table["frame"] = table["frame"].astype("Int64")
        atomic_csv(table, self.options.explain / "reasons.csv")

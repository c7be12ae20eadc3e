"""Explanations of action units in images and videos: a picture for each, and one table of their contributions.

What `facs explain-au` calls. Stills are compared with the average face. A video is measured as `facs extract-features`
does; its table says which frames are explained.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pandas as pd

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.action_units.names import column_name
from facs_pipeline.datasets.labelled_faces import Skipped
from facs_pipeline.explanations.action_units import (
    Face,
    apex_row,
    average,
    draw_explanation,
    explain_action_unit,
    reasons,
    resting_row,
    title,
)
from facs_pipeline.extraction.image_inputs import find_images_and_videos
from facs_pipeline.extraction.in_workers import analysed_stills, frames_of_video
from facs_pipeline.extraction.inputs import safe_name
from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.run import extract_features
from facs_pipeline.foundation.errors import ArgumentError, VideoError
from facs_pipeline.foundation.files.atomic import atomic_csv, atomic_write, free_name, make_writable
from facs_pipeline.foundation.machine import available_cores
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.landmarks.loading import load_landmarks
from facs_pipeline.tables.reader import table_points
from facs_pipeline.tables.schema import EXPLANATIONS

STRONG = 1.0
"""Where no action units are named, those of at least this intensity are explained."""

Against = Literal["rest", "average"] | int
"""What a frame is compared with: the person's calmest frame, the average face, or a frame by its number."""


@dataclass(frozen=True)
class ExplanationOptions:
    """What is explained, and where the pictures go; the defaults are those of ``facs explain-au``.

    Attributes
    ----------
    out : Path
        Folder of the pictures and of ``explanations.csv``.
    aus : tuple of int
        Action units to explain; empty for all of at least `STRONG`.
    frame : int, optional
        Frame of the videos, from 1; by default the one in which an action unit is strongest.
    against : "rest", "average" or int, optional
        What is compared with; by default ``"rest"`` in videos and ``"average"`` in stills.
    faces : "one" or "all"
        The main face of each image or video, or all of them.
    au_model, landmarks : Path, optional
        Model files; by default those of the package.
    cache : Path, optional
        Stored results of an earlier `extract_features`, which are then used and added to.
    jobs : int, optional
        Videos processed side by side; by default one per core.
    """

    out: Path = Path("explanations")
    aus: tuple[int, ...] = ()
    frame: int | None = None
    against: Against | None = None
    faces: Literal["one", "all"] = "one"
    au_model: Path | None = None
    landmarks: Path | None = None
    cache: Path | None = None
    jobs: int | None = None


@dataclass(frozen=True)
class ExplainedActionUnit:
    """One explanation, in words; its numbers are in the table.

    Attributes
    ----------
    source : Path
        The image or video.
    frame : int or None
        Number of the frame, from 1; None for a still.
    face_id : int
        Number of the face in its image or video.
    au : int
        The action unit.
    title : str
        For example ``AU12 lip corner puller 3.4``.
    reasons : tuple of str
        Strongest first.
    picture : Path
        The face under its heat map.
    """

    source: Path
    frame: int | None
    face_id: int
    au: int
    title: str
    reasons: tuple[str, ...]
    picture: Path


@dataclass(frozen=True)
class ExplanationResult:
    """What came out.

    Attributes
    ----------
    explained : tuple of ExplainedActionUnit
        In the order of the inputs.
    table : DataFrame
        The content of ``explanations.csv``, see `facs columns explanations`.
    skipped : tuple of Skipped
        What could not be used. If that is everything, no table was written.
    """

    explained: tuple[ExplainedActionUnit, ...]
    table: pd.DataFrame
    skipped: tuple[Skipped, ...]


def explain_action_units(
    inputs: Sequence[str | os.PathLike[str]],
    options: ExplanationOptions | None = None,
    progress: Progress = SILENT,
) -> ExplanationResult:
    """Explain the action units of the faces in images and videos.

    Parameters
    ----------
    inputs : sequence of str or PathLike
        Images, videos, folders of them (searched recursively) and globs.
    options : ExplanationOptions, optional
    progress : Progress
        Told of the images and frames done.

    Returns
    -------
    ExplanationResult

    Raises
    ------
    ArgumentError
        If the model does not measure an action unit that is asked for, or a frame is asked of a still.
    InputError
        If no image and no video is found, or the folder cannot be written.
    ModelError
        If a model file cannot be used.

    Examples
    --------
    >>> options = ExplanationOptions(out=Path("why"), aus=(12,))
    >>> result = explain_action_units(["interview.mp4"], options)  # doctest: +SKIP
    >>> print(result.explained[0].title)  # doctest: +SKIP
    AU12 lip corner puller 3.4
    """
    options = options or ExplanationOptions()
    model = ActionUnitModel.load(options.au_model) if options.au_model else ActionUnitModel.load_default()
    unknown = [au for au in options.aus if au not in model.aus]
    if unknown:
        raise ArgumentError(f"AU{unknown[0]}: the model measures {', '.join(map(str, model.aus))}", "aus")
    files = find_images_and_videos(inputs)
    if files.images and options.against not in (None, "average"):
        raise ArgumentError("a still has no other frame; use average", "against")
    if files.images and options.frame is not None:
        raise ArgumentError("a still has no frames", "frame")
    make_writable(options.out, "name another folder with --out")
    run = _Run(model, replace(options, aus=tuple(dict.fromkeys(options.aus))), progress)
    run.skipped += files.skipped
    run.images(files.images)
    run.videos(files.videos)
    return run.finish()


class _FrameWithoutFaceError(Exception):
    """A frame that does not show the person."""


@dataclass(frozen=True)
class _Shown:
    """A face, and the frame that shows it; None for a still and for the average face."""

    face: Face
    frame: int | None = None


@dataclass
class _Run:
    """One call: the rows written so far, and what could not be used."""

    model: ActionUnitModel
    options: ExplanationOptions
    progress: Progress
    skipped: list[Skipped] = field(default_factory=list)
    explained: list[ExplainedActionUnit] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def images(self, paths: Sequence[Path]) -> None:
        """Explain stills."""
        if not paths:
            return
        if self.options.landmarks:
            # Worker processes read it again; a file that cannot be used is refused before they start.
            load_landmarks(self.options.landmarks)
        stills = analysed_stills(
            paths,
            faces=self.options.faces,
            landmarks=self.options.landmarks,
            jobs=self.options.jobs or available_cores(),
        )
        with self.progress.task("images", len(paths), "images") as task:
            for still in stills:
                task.advance()
                if isinstance(still, Skipped):
                    self.skipped.append(still)
                    continue
                if not still.faces:
                    self.skipped.append(Skipped(str(still.path), still.note or "no face found"))
                for one in still.faces:
                    face = Face.at(still.grey, one.points)
                    for au in self._chosen(self.model.predict(one.features)):
                        self._explain(still.path, one.face_id, au, _Shown(face), _Shown(average()))

    def videos(self, paths: Sequence[Path]) -> None:
        """Explain videos."""
        if not paths:
            return
        given = {os.path.abspath(path): path for path in paths}
        with tempfile.TemporaryDirectory(prefix="facs-explain-") as folder:
            options = Options(
                out=Path(folder),
                cache=self.options.cache,
                keep_cache=self.options.cache is not None,
                jobs=self.options.jobs,
                format="parquet",
                faces=self.options.faces,
                au_model=self.options.au_model,
                landmarks=self.options.landmarks,
            )
            result = extract_features([*paths], options, self.progress)
            for video in result.videos:
                path = given[str(video.path)]
                if video.status != "ok":
                    # Extraction names the file in its reason already.
                    reason = (video.reason or "no face").removeprefix(f"{video.path}: ")
                    self.skipped.append(Skipped(str(path), reason))
                    continue
                table = result.tables[video.name]
                try:
                    for _, face in table[table["success"] == 1].groupby("face_id"):
                        self._video(path, face.reset_index(drop=True))
                except VideoError as error:
                    self.skipped.append(Skipped(str(path), str(error).removeprefix(f"{path}: ")))

    def _video(self, path: Path, table: pd.DataFrame) -> None:
        """One person's rows of a video's table."""
        face_id, frames = int(table["face_id"].iloc[0]), table["frame"].tolist()
        intensities = table[[column_name(au) for au in self.model.aus]].to_numpy(float)
        confidence = table["confidence"].to_numpy(float)
        try:
            rows = self._rows(frames, intensities, confidence)
            reference_row = self._reference_row(frames, intensities, confidence)
        except _FrameWithoutFaceError as error:
            self.skipped.append(Skipped(str(path), f"frame {error}: no face {face_id} there"))
            return
        if not rows:
            return
        needed = {*rows.values()} | (set() if reference_row is None else {reference_row})
        greys = frames_of_video(path, [frames[row] for row in needed])
        landmarks = self.options.landmarks
        points = table_points(table, load_landmarks(landmarks).sha256 if landmarks else None)
        shown = {
            row: _Shown(Face.at(greys[frames[row]], points[row], f"frame {frames[row]}"), frames[row]) for row in needed
        }
        reference = _Shown(average())
        if reference_row is not None:
            reference = shown[reference_row]
            if not isinstance(self.options.against, int):
                calmest = reference.face._replace(name=f"calmest {reference.face.name}")
                reference = replace(reference, face=calmest)
        for au, row in rows.items():
            self._explain(path, face_id, au, shown[row], reference)

    def _chosen(self, intensities: np.ndarray) -> list[int]:
        """The action units that are asked for, else the strong ones, strongest first."""
        strongest = sorted(zip((-intensities).tolist(), self.model.aus, strict=True))
        return list(self.options.aus) or [au for value, au in strongest if -value >= STRONG]

    def _rows(self, frames: list[int], intensities: np.ndarray, confidence: np.ndarray) -> dict[int, int]:
        """Action unit -> row to explain."""
        if self.options.frame is not None:
            row = _row_of(self.options.frame, frames)
            return dict.fromkeys(self._chosen(intensities[row]), row)
        chosen = self._chosen(intensities.max(axis=0))
        return {au: apex_row(intensities[:, self.model.aus.index(au)], confidence) for au in chosen}

    def _reference_row(self, frames: list[int], intensities: np.ndarray, confidence: np.ndarray) -> int | None:
        """Row to compare with; None for the average face."""
        against = self.options.against
        if isinstance(against, int):
            return _row_of(against, frames)
        return None if against == "average" else resting_row(intensities, confidence)

    def _explain(self, path: Path, face_id: int, au: int, shown: _Shown, reference: _Shown) -> None:
        """One picture and its rows."""
        explanation = explain_action_unit(self.model, au, shown.face, reference.face)
        of_frame = "" if shown.frame is None else f"_frame{shown.frame}"
        of_face = f"_face{face_id}" if face_id else ""
        name = f"{free_name(f'{safe_name(path.stem)}{of_frame}{of_face}_AU{au:02d}', self.names)}.png"
        picture = draw_explanation(explanation, shown.face, reference.face)
        with atomic_write(self.options.out / name, "wb") as file:
            file.write(cv2.imencode(".png", picture)[1].tobytes())
        facts = {
            # File names need not be text, and could not be written into a table then.
            "input": str(path).encode("utf-8", "replace").decode("utf-8"),
            "frame": shown.frame,
            "face_id": face_id,
            "action_unit": au,
            "against": "average" if reference.frame is None else "frame",
            "against_frame": reference.frame,
            "intensity": explanation.intensity,
            "against_intensity": explanation.reference_intensity,
            "score": explanation.score,
            "against_score": explanation.reference_score,
        }
        self.rows += [
            {**facts, "kind": kind, "region": region, "contribution": value, "picture": name}
            for (kind, region), value in explanation.parts.items()
        ]
        words = tuple(reasons(explanation, reference.face))
        self.explained.append(
            ExplainedActionUnit(path, shown.frame, face_id, au, title(explanation), words, self.options.out / name)
        )

    def finish(self) -> ExplanationResult:
        """Write the table, unless there is nothing to say."""
        table = pd.DataFrame(self.rows, columns=list(EXPLANATIONS.names))
        for name in ("frame", "against_frame"):
            table[name] = table[name].astype("Int64")
        if self.rows or not self.skipped:
            atomic_csv(table, self.options.out / "explanations.csv")
        return ExplanationResult(tuple(self.explained), table, tuple(self.skipped))


def _row_of(frame: int, frames: list[int]) -> int:
    if frame not in frames:
        raise _FrameWithoutFaceError(frame)
    return frames.index(frame)

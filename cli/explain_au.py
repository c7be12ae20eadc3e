"""`facs explain-au`: why an action unit's intensity is what it is, as pictures and a table."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from .console import ConsoleProgress

EPILOG = """\b
Examples:
  facs explain-au interview.mp4 --au 12                  # AU12 where it is strongest, against the face at rest
  facs explain-au interview.mp4 --frame 120 --out why/   # every action unit of at least 1 in frame 120
  facs explain-au interview.mp4 --au 1 --au 4 --frame 120 --against 60
  facs explain-au interview.mp4 --cache results/cache    # nothing is computed again that extract-features has done
  facs explain-au photo.jpg                              # a still is compared with the average face
\b
Results in OUT: a picture for each action unit, and explanations.csv, whose contributions add up to the score less
that of the face compared with; `facs columns explanations` explains the columns.
What is explained is the frame by itself: in action-unit tables it is averaged with its neighbours.
\b
Exit codes: 0 all inputs done, 1 some could not be used (the others are done), 2 wrong usage or nothing usable.
"""
_STRONG = 1.0
# Of many explanations, so many are printed.
_SHOWN = 30


@click.command("explain-au", epilog=EPILOG)
@click.argument("inputs", nargs=-1, required=True)
@click.option(
    "--au", "aus", type=int, multiple=True, help="Action unit; may be repeated.  [default: all of at least 1]"
)
@click.option(
    "--frame", type=click.IntRange(min=1),
    help="Frame of the videos, from 1.  [default: where the action unit is strongest]",
)  # fmt: skip
@click.option(
    "--against", metavar="rest|average|FRAME",
    help="Compare with the person's calmest frame, with the average of FER2013's training faces, or with a frame.  "
    "[default: rest; average for stills]",
)  # fmt: skip
@click.option(
    "--faces", type=click.Choice(["one", "all"]), default="one", show_default=True,
    help="The main face of each image or video, or all of them.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), default="explanations", show_default=True, help="Output folder."
)
@click.option("--au-model", type=click.Path(path_type=Path), help="Action-unit model file.  [default: the package's]")
@click.option("--landmarks", type=click.Path(path_type=Path), help="Landmark model file.  [default: the package's]")
@click.option("--cache", type=click.Path(path_type=Path), help="Cache of an earlier extract-features run to use.")
@click.option("--jobs", type=click.IntRange(min=1), help="Videos processed side by side.  [default: one per core]")
def command(inputs: tuple[str, ...], aus, frame, against, faces, out: Path, au_model, landmarks, cache, jobs) -> int:
    """Why the action units of the faces in INPUTS have their intensities.

    INPUTS are images, videos, folders of them (searched recursively) and globs. The models are linear, so each
    intensity is shared out exactly among what was looked at: drawn as a heat map over the face, and in words.
    """
    from facs_pipeline.action_units.model import ActionUnitModel
    from facs_pipeline.extraction.image_inputs import find_images_and_videos
    from facs_pipeline.foundation.files.atomic import make_writable

    model = ActionUnitModel.load(au_model) if au_model else ActionUnitModel.load_default()
    unknown = [au for au in aus if au not in model.aus]
    if unknown:
        known = ", ".join(map(str, model.aus))
        raise click.BadParameter(f"AU{unknown[0]}: the model measures {known}", param_hint="--au")
    against = _against(against)
    found = find_images_and_videos(inputs)
    if found.images and against not in (None, "average"):
        raise click.BadParameter("a still has no other frame; use average", param_hint="--against")
    if found.images and frame is not None:
        raise click.BadParameter("a still has no frames", param_hint="--frame")
    make_writable(out, "name another folder with --out")
    run = _Run(model, tuple(dict.fromkeys(aus)), frame, against, faces, out)
    run.skipped += found.skipped
    run.images(found.images, landmarks)
    run.videos(found.videos, au_model, landmarks, cache, jobs)
    return run.finish()


def _against(text: str | None) -> str | int | None:
    if text is None or text in ("rest", "average"):
        return text
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise click.BadParameter(
        f"{text!r}; expected rest, average or the number of a frame, from 1", param_hint="--against"
    )


class _NotThere(Exception):
    """A frame in which the person is not seen."""


def _row_of(frame: int, frames: list[int]) -> int:
    if frame not in frames:
        raise _NotThere(frame)
    return frames.index(frame)


class _Run:
    """One call: what is asked, the rows written so far, what could not be used."""

    def __init__(self, model, aus: tuple[int, ...], frame: int | None, against, faces: str, out: Path) -> None:
        self.model, self.aus, self.frame, self.against, self.faces, self.out = model, aus, frame, against, faces, out
        self.skipped: list[tuple[str, str]] = []
        self.rows: list[dict] = []
        self._names: set[str] = set()

    def images(self, paths: tuple[Path, ...], landmarks: Path | None) -> None:
        """Explain stills."""
        from facs_pipeline.datasets.labelled_faces import Skipped
        from facs_pipeline.explanations.action_units import Face, average
        from facs_pipeline.extraction.stills import read_stills
        from facs_pipeline.landmarks.loading import load_landmarks

        marks = load_landmarks(landmarks) if landmarks and paths else None
        stills = read_stills(paths, self.faces, marks)
        task = ConsoleProgress().task("images", len(paths), "images")
        for still in stills:
            task.advance()
            if isinstance(still, Skipped):
                self.skipped.append(still)
                continue
            places = [points for points, is_face in still.places if is_face]
            if not places:
                self.skipped.append((str(still.path), "no face found"))
            for number, points in enumerate(places):
                face = Face.seen(still.grey, points)
                for au in self._wanted(self.model.predict(face.features)):
                    self._explain(still.path, number, au, (None, face), (None, average()))

    def _wanted(self, intensities) -> list[int]:
        strongest = sorted(zip(-intensities, self.model.aus, strict=True))
        return list(self.aus) or [au for value, au in strongest if -value >= _STRONG]

    def videos(self, paths: tuple[Path, ...], au_model, landmarks, cache: Path | None, jobs: int | None) -> None:
        """Explain videos: what `facs extract-features` measures says which frames to look at."""
        import os

        import pandas as pd

        from facs_pipeline.extraction.run import Options, extract_features

        if not paths:
            return
        given = {os.path.abspath(path): path for path in paths}
        with tempfile.TemporaryDirectory(prefix="facs-explain-") as folder:
            options = Options(
                out=Path(folder),
                cache=cache,
                keep_cache=cache is not None,
                jobs=jobs,
                format="parquet",
                faces=self.faces,
                au_model=au_model,
                landmarks=landmarks,
            )
            result = extract_features(paths, options, ConsoleProgress())
            for video in result.videos:
                path = given[str(video.path)]
                if video.status != "ok":
                    # Extraction names the file in its reason already.
                    self.skipped.append((str(path), (video.reason or "no face").removeprefix(f"{video.path}: ")))
                    continue
                table = pd.read_parquet(Path(folder) / "action_units" / f"{video.name}.parquet")
                for _, face in table[table["success"] == 1].groupby("face_id"):
                    self._video(path, face.reset_index(drop=True))

    def _video(self, path: Path, table) -> None:
        """One person's rows of a video's table."""
        from facs_pipeline.action_units.names import column_name
        from facs_pipeline.explanations.action_units import Face, average
        from facs_pipeline.tables.reader import table_points
        from facs_pipeline.video.reader import grey_frames

        face_id, frames = int(table["face_id"].iloc[0]), table["frame"].tolist()
        intensities = table[[column_name(au) for au in self.model.aus]].to_numpy(float)
        try:
            rows = self._rows(frames, intensities, table["confidence"].to_numpy(float))
            reference_row = self._reference_row(frames, intensities, table["confidence"].to_numpy(float))
        except _NotThere as missing:
            self.skipped.append((str(path), f"frame {missing}: no face {face_id} there"))
            return
        if not rows:
            return
        needed = {*rows.values()} | ({reference_row} - {None})
        greys = grey_frames(path, {frames[row] for row in needed})
        points = table_points(table)
        seen = {row: Face.seen(greys[frames[row]], points[row], f"frame {frames[row]}") for row in needed}
        reference = None, average()
        if reference_row is not None:
            other = seen[reference_row]
            name = other.name if isinstance(self.against, int) else f"calmest {other.name}"
            reference = frames[reference_row], other._replace(name=name)
        for au, row in rows.items():
            self._explain(path, face_id, au, (frames[row], seen[row]), reference)

    def _rows(self, frames: list[int], intensities, confidence) -> dict[int, int]:
        """Which row to explain of each action unit."""
        from facs_pipeline.explanations.action_units import apex_row

        if self.frame is not None:
            row = _row_of(self.frame, frames)
            return dict.fromkeys(self._wanted(intensities[row]), row)
        wanted = self._wanted(intensities.max(axis=0))
        return {au: apex_row(intensities[:, self.model.aus.index(au)], confidence) for au in wanted}

    def _reference_row(self, frames: list[int], intensities, confidence) -> int | None:
        """Which row to compare with; None for the average face."""
        from facs_pipeline.explanations.action_units import resting_row

        if isinstance(self.against, int):
            return _row_of(self.against, frames)
        return None if self.against == "average" else resting_row(intensities, confidence)

    def _explain(self, path: Path, face_id: int, au: int, shown: tuple, reference: tuple) -> None:
        """One picture and its rows; `shown` and `reference` are (number of the frame or None, face)."""
        import cv2

        from facs_pipeline.explanations.action_units import draw_explanation, explain_action_unit, reasons, title
        from facs_pipeline.extraction.inputs import safe_name
        from facs_pipeline.foundation.files.atomic import atomic_write, free_name

        (frame, face), (number, other) = shown, reference
        found = explain_action_unit(self.model, au, face, other)
        of_face = f"_face{face_id}" if face_id else ""
        stem = f"{safe_name(path.stem)}{'' if frame is None else f'_frame{frame}'}{of_face}_AU{au:02d}"
        name = free_name(stem, self._names)
        with atomic_write(self.out / f"{name}.png", "wb") as file:
            file.write(cv2.imencode(".png", draw_explanation(found, face, other))[1].tobytes())
        about = {
            "input": str(path).encode("utf-8", "replace").decode("utf-8"),
            "frame": frame,
            "face_id": face_id,
            "action_unit": au,
            "against": "average" if number is None else "frame",
            "against_frame": number,
            "intensity": found.intensity,
            "against_intensity": found.reference_intensity,
            "score": found.score,
            "against_score": found.reference_score,
        }
        for (kind, region), value in found.parts.items():
            self.rows.append({**about, "kind": kind, "region": region, "contribution": value, "picture": f"{name}.png"})
        if len(self._names) > _SHOWN:
            return
        click.echo(" ".join([f"{path}", *([face.name] if frame else []), *([f"face {face_id}"] if face_id else [])]))
        click.echo(f"  {title(found)}")
        for line in reasons(found, other):
            click.echo(f"    {line}")

    def finish(self) -> int:
        """Write the table, say what could not be used; the exit code."""
        import pandas as pd

        from facs_pipeline.foundation.files.atomic import atomic_csv
        from facs_pipeline.tables.schema import EXPLANATION_COLUMNS

        for source, reason in self.skipped:
            click.echo(f"Failed: {source}: {reason}", err=True)
        if not self.rows and self.skipped:
            click.echo("Error: nothing could be explained; nothing was written", err=True)
            return 2
        table = pd.DataFrame(self.rows, columns=list(EXPLANATION_COLUMNS))
        for name in ("frame", "against_frame"):
            table[name] = table[name].astype("Int64")
        atomic_csv(table, self.out / "explanations.csv")
        if not self.rows:
            click.echo(f"No action unit reaches {_STRONG:g} there; name some with --au to see them all the same.")
        more = ", the first of them above" if len(self._names) > _SHOWN else ""
        click.echo(f"{len(self._names)} explanation{'s' * (len(self._names) != 1)}{more}: {self.out}")
        return 1 if self.skipped else 0

"""The files of an agreement: tables with labels of their variables, and pictures of the longest disagreements."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import pandas as pd

from facs_pipeline.extraction.inputs import safe_name
from facs_pipeline.foundation.errors import FacsError
from facs_pipeline.foundation.files.atomic import atomic_write
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.study.agreement import MEASURES, Agreement
from facs_pipeline.study.files import Format, variable_label, write_labelled
from facs_pipeline.study.pictures import drawn_frames, source_of
from facs_pipeline.study.results import StudyResults

_LABELS = {
    "rater_a": "First rater",
    "rater_b": "Second rater; facs is the results",
    "coder": "Coder",
    "videos": "Videos",
    "frames": "Frames compared",
    "share_a": "Share of frames in which the first rater has it",
    "share_b": "Share of frames in which the second rater has it",
    "events_a": "Movements of the first rater",
    "events_b": "Movements of the second rater",
    "begin_s": "Begin, seconds from the start of the video",
    "end_s": "End, seconds from the start of the video",
    "frame": "Frame of the strongest contradiction",
    "coder_says": "What the coder says",
    "facs_says": "What the results say",
    "intensity": "Intensity of the results in that frame",
    "picture": "Picture of that frame",
}


def write_agreement(found: Agreement, out: Path, form: Format) -> list[Path]:
    """Write ``agreement``, ``agreement_videos``, ``disagreements`` and ``variables.csv``.

    Parameters
    ----------
    found : Agreement
    out : Path
        Folder; made where it is missing.
    form : "csv", "xlsx", "parquet" or "sav"
    """
    tables = {"agreement": found.table, "agreement_videos": found.videos, "disagreements": found.disagreements}
    return write_labelled(tables, out, form, _label)


def _label(column: str, table: pd.DataFrame) -> str:
    if column in _LABELS:
        return _LABELS[column]
    for name, words in MEASURES.items():
        ends = {
            name: "",
            f"{name}_low": ", lower end of its 95 % interval over videos",
            f"{name}_high": ", upper end of it",
        }
        if column in ends:
            return f"{words[0].upper()}{words[1:]}{ends[column]}"
    return variable_label(column, table)


def draw_disagreements(
    results: StudyResults, found: Agreement, folder: Path, *, most: int = 20, progress: Progress = SILENT
) -> pd.DataFrame:
    """Draw the longest disagreements, where the videos still lie where they were measured.

    Parameters
    ----------
    results : StudyResults
    found : Agreement
    folder : Path
        Of the pictures; made where it is missing.
    most : int
        How many.
    progress : Progress
        Told of each video, and of those that cannot be read.

    Returns
    -------
    DataFrame
        `Agreement.disagreements` with the column ``picture``: the name of the file, or empty.
    """
    table = found.disagreements.assign(picture="")
    chosen = table.head(most)
    folder.mkdir(parents=True, exist_ok=True)
    with progress.task("pictures", int(chosen["video"].nunique()), "videos") as task:
        for name, rows in chosen.groupby("video", sort=False):
            task.advance()
            video = results.video(str(name))
            try:
                pictures = drawn_frames(source_of(results, video.name), video.its_table(), set(rows["frame"]))
            except (FacsError, OSError) as error:
                progress.warn(f"{name}: no pictures ({error})")
                continue
            for place, row in rows.iterrows():
                if row["frame"] not in pictures:
                    continue
                file_name = (
                    f"{int(str(place)) + 1:03d}-{safe_name(video.name)}-{row['signal']}-{row['begin_s']:.2f}s.png"
                )
                with atomic_write(folder / file_name, "wb") as file:
                    file.write(cv2.imencode(".png", pictures[row["frame"]])[1].tobytes())
                table.loc[place, "picture"] = os.fspath(Path(folder.name) / file_name)
    return table


def clearest(found: Agreement) -> Sequence[str]:
    """A line for each two raters and action unit."""
    lines = []
    for row in found.table.to_dict("records"):
        who = f"{row['signal']}, {row['rater_b']} against {row['rater_a']}"
        if row["share_a"] == row["share_b"] == 0:
            lines.append(f"{who}: neither has it in any of {row['frames']:,} frames")
            continue
        kappa = "" if pd.isna(row["kappa_low"]) else f" [{row['kappa_low']:.2f}, {row['kappa_high']:.2f}]"
        told = [f"kappa {row['kappa']:.2f}{kappa}", f"PABAK {row['pabak']:.2f}", f"F1 {row['f1']:.2f}"]
        told += [f"ICC {row['icc']:.2f}"] if not pd.isna(row["icc"]) else []
        told += [f"events F1 {row['event_f1']:.2f}"] if not pd.isna(row["event_f1"]) else []
        lines.append(
            f"{who}: {', '.join(told)}; "
            f"in {row['share_a']:.1%} and {row['share_b']:.1%} of {row['frames']:,} frames".replace("%", " %")
        )
    return lines

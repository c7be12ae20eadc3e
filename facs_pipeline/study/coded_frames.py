"""What coders say of each frame, as a table that ``facs train-au --manifest`` learns from."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.study.agreement import coder_rating
from facs_pipeline.study.codes import Codes
from facs_pipeline.study.curves import read_curves
from facs_pipeline.study.pictures import source_of
from facs_pipeline.study.results import StudyResults


def coded_frames(
    results: StudyResults, codes: Codes, *, person: str = "subject", progress: Progress = SILENT
) -> tuple[pd.DataFrame, list[str]]:
    """Intensities by coders of each frame in which the face was found.

    Parameters
    ----------
    results : StudyResults
    codes : Codes
        Several coders of one video count alike: their mean.
    person : str
        Column of the metadata that says who is shown; without it each video counts as a person of its own.
    progress : Progress
        Told of each video, and of those that cannot be used.

    Returns
    -------
    tuple
        A row for each frame: ``video`` (path), ``frame`` from 1, ``subject`` and ``AU01 ..``, 0 to 5, empty where
        nobody knows or no intensity is given; and what is to be told.

    Raises
    ------
    InputError
        If no video can be used.
    """
    parts, notes = [], []
    ungraded: set[int] = set()
    coded = sorted({video for video, _ in codes.scored})
    with progress.task("videos", len(coded), "videos") as task:
        for name in coded:
            task.advance()
            video = results.video(name)
            try:
                place = source_of(results, name)
                curves = read_curves(video.its_table())
            except InputError as error:
                progress.fail(str(error))
                continue
            about = results.metadata.get(name, {})
            table = pd.DataFrame({"video": os.path.abspath(place), "frame": curves.frames}, index=curves.frames)
            table["subject"] = about.get(person) or name
            for au in sorted({au for (of, _), aus in codes.scored.items() if of == name for au in aus}):
                said = []
                for who in sorted(who for of, who in codes.scored if of == name and au in codes.scored[of, who]):
                    rating = coder_rating(codes.annotations, (name, who), au, curves, video.start_s)
                    if np.isnan(rating.intensity).all():
                        ungraded.add(au)
                    said.append(np.where(rating.known, rating.intensity, np.nan))
                values = np.array(said)
                there = np.isfinite(values)
                with np.errstate(invalid="ignore"):
                    table[f"AU{au:02d}"] = np.where(there, values, 0.0).sum(axis=0) / there.sum(axis=0)
            parts.append(table[curves.seen])
    if not parts:
        raise InputError(f"{results.folder}: no video that was coded can be used")
    if ungraded:
        named = ", ".join(f"AU{au:02d}" for au in sorted(ungraded))
        notes.append(f"codes without intensities teach none; left empty where that is so: {named}")
    table = pd.concat(parts, ignore_index=True)
    units = sorted(str(name) for name in table.columns if str(name).startswith("AU"))
    used = [name for name in units if table[name].notna().any()]
    if not used:
        raise InputError(f"{results.folder}: no code has an intensity (A to E), from which intensities could be learnt")
    return table[["video", "frame", "subject", *used]].round(4), notes

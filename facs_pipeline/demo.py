"""The demonstration: synthetic videos, the ordinary pipeline on them, and how well it finds what was put in."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from facs_pipeline.extraction.options import Options
from facs_pipeline.extraction.result import RunResult
from facs_pipeline.extraction.run import extract_features
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.synthesis.recordings import RecordingSettings, write_recordings

# A correlation needs something that moves: half an intensity unit is what a trained coder would call a trace.
_MOVES = 0.5


@dataclass(frozen=True)
class Demo:
    """What the demonstration made.

    Attributes
    ----------
    videos : Path
        Folder of the synthetic videos, with ``metadata.csv`` and ``truth/``.
    results : Path
        Folder of the pipeline's tables.
    metadata : DataFrame
        One row a video: video, subject, emotion, label.
    run : RunResult
        What the pipeline returned.
    agreement : DataFrame
        See `agreement_with_truth`.
    drawing_s : float
        Seconds spent on making the videos.
    """

    videos: Path
    results: Path
    metadata: pd.DataFrame
    run: RunResult
    agreement: pd.DataFrame
    drawing_s: float


def run_demo(
    out: str | os.PathLike,
    settings: RecordingSettings | None = None,
    *,
    identities: int = 7,
    emotions: Sequence[str] = ("happiness", "surprise", "anger"),
    seed: int = 0,
    jobs: int | None = None,
    progress: Progress = SILENT,
) -> Demo:
    """Make synthetic videos and run the ordinary pipeline on them.

    Parameters
    ----------
    out : str or PathLike
        Folder; gets ``videos/`` and ``results/``.
    settings : RecordingSettings, optional
        How the videos are drawn.
    identities : int
        Number of synthetic people.
    emotions : sequence of str
        Of each of them, see `facs_pipeline.synthesis.recordings.write_recordings`.
    seed : int
        Another one gives other movements.
    jobs : int, optional
        Workers; by default one per core.
    progress : Progress
        Told of the pipeline's progress.

    Raises
    ------
    InputError
        If the folder cannot be written or an argument is out of range.

    Examples
    --------
    >>> demo = run_demo("facs-demo", identities=1)  # doctest: +SKIP
    >>> demo.agreement.loc[12, "r"]  # doctest: +SKIP
    0.97
    """
    out = Path(out)
    videos, results = out / "videos", out / "results"
    start = time.perf_counter()
    metadata = write_recordings(
        videos, settings, identities=identities, emotions=emotions, seed=seed, jobs=jobs or os.cpu_count() or 1
    )
    drawing_s = time.perf_counter() - start
    options = Options(out=results, jobs=jobs, metadata=videos / "metadata.csv")
    # The files of this run by name: videos that an earlier run with other settings left there stay out of it.
    run = extract_features([videos / name for name in metadata["video"]], options, progress)
    stems = [Path(name).stem for name in metadata["video"]]
    agreement = agreement_with_truth(
        [(results / "action_units" / f"{stem}.csv", videos / "truth" / f"{stem}.csv") for stem in stems]
    )
    return Demo(videos, results, metadata, run, agreement, drawing_s)


def agreement_with_truth(pairs: Sequence[tuple[Path, Path]]) -> pd.DataFrame:
    """How well measured intensities follow the ones that drove synthetic videos.

    Parameters
    ----------
    pairs : sequence of (Path, Path)
        Action-unit table and table of the truth of each video; tables that do not exist are passed over.

    Returns
    -------
    DataFrame
        One row per AU in both tables, indexed by its number: ``r``, the mean over videos of the Pearson correlation
        over the frames with a face; ``videos``, the number of videos in which the AU was driven over at least half an
        intensity unit and over which the mean was taken.
    """
    of_unit: dict[int, list[float]] = {}
    for table_path, truth_path in pairs:
        if not (table_path.exists() and truth_path.exists()):
            continue
        table = pd.read_csv(table_path).merge(pd.read_csv(truth_path), on="frame", suffixes=("", "_truth"))
        table = table[table["success"] == 1]
        for column in table.columns[table.columns.str.fullmatch(r"AU\d+_r")]:
            driven = column.removesuffix("_r")
            if driven not in table or len(table) < 3 or np.ptp(table[driven]) < _MOVES:
                continue
            values = table[column].to_numpy(float)
            # A curve that does not move follows nothing.
            r = np.corrcoef(values, table[driven])[0, 1] if np.ptp(values) > 0 else 0.0
            of_unit.setdefault(int(driven[2:]), []).append(float(r))
    rows = [(au, float(np.mean(values)), len(values)) for au, values in sorted(of_unit.items())]
    return pd.DataFrame(rows, columns=["au", "r", "videos"]).set_index("au")

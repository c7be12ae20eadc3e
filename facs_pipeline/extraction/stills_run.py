"""Photos -> one table of action units, landmarks and pose, a row for each face: what `facs extract-stills` calls."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from facs_pipeline.action_units.model import ActionUnitModel
from facs_pipeline.datasets.labelled_faces import Skipped
from facs_pipeline.extraction.image_inputs import Inputs, find_images_and_videos
from facs_pipeline.extraction.stills import StillFace, measure_stills, stills_table
from facs_pipeline.foundation.files.atomic import require_place
from facs_pipeline.foundation.files.folder_lock import FolderLock
from facs_pipeline.foundation.files.result_store import ResultStore
from facs_pipeline.foundation.machine import available_cores
from facs_pipeline.foundation.progress import SILENT, Progress
from facs_pipeline.landmarks.loading import load_landmarks
from facs_pipeline.tables.writing import table_form, write_table

_BATCH = 1000
_ADVICE = "name another file with --out"


@dataclass(frozen=True)
class StillsOptions:
    """How stills are measured; the defaults are those of ``facs extract-stills``.

    Attributes
    ----------
    out : Path
        The table to write, ``.csv`` or ``.parquet``. Until it is written, what is done lies beside it, in a folder of
        its name with ``.unfinished``.
    faces : "one" or "all"
        The main face of each image, or all of them.
    au_model, landmarks : Path, optional
        Model files; by default those of the package.
    jobs : int, optional
        Processes; by default one per core. The table does not depend on it.
    least_confidence : float
        0..1; intensities of a half of a face of which less is certain are left out.
    """

    out: Path = Path("stills.csv")
    faces: Literal["one", "all"] = "one"
    au_model: Path | None = None
    landmarks: Path | None = None
    jobs: int | None = None
    least_confidence: float = 0.5


@dataclass(frozen=True)
class StillsResult:
    """What came out.

    Attributes
    ----------
    table : DataFrame
        See `facs columns stills`. Empty, and not written, where not one image could be used.
    skipped : tuple of Skipped
        What could not be used.
    videos : tuple of Path
        Videos among the inputs, which are passed over.
    notes : tuple of Skipped
        What is to be known of images that were measured: that they lie on their side, or are animated.
    """

    table: pd.DataFrame
    skipped: tuple[Skipped, ...]
    videos: tuple[Path, ...]
    notes: tuple[Skipped, ...] = ()

    @property
    def images(self) -> int:
        """How many images are in the table."""
        return int(self.table["input"].nunique()) if len(self.table) else 0

    @property
    def without_face(self) -> int:
        """In how many of them no face was found."""
        return int((self.table["success"] == 0).sum()) if len(self.table) else 0


def extract_stills(
    inputs: Sequence[str | os.PathLike[str]], options: StillsOptions | None = None, progress: Progress = SILENT
) -> StillsResult:
    """Measure the faces of photos and write their table. A run that was killed goes on where it stopped.

    Parameters
    ----------
    inputs : sequence of str or PathLike
        Images, folders of them (searched recursively) and globs.
    options : StillsOptions, optional
    progress : Progress
        Told of the images done.

    Returns
    -------
    StillsResult

    Raises
    ------
    InputError
        If no image is found, or the table cannot be written.
    ModelError
        If a model file cannot be used.
    BusyError
        If another run is about to write the same table.

    Examples
    --------
    >>> result = extract_stills(["photos/"], StillsOptions(out=Path("photos.csv")))  # doctest: +SKIP
    >>> result.table[["input", "face_id", "AU12_r"]]  # doctest: +SKIP
    """
    options = options or StillsOptions()
    table_form(options.out)
    model = ActionUnitModel.load(options.au_model) if options.au_model else ActionUnitModel.load_default()
    if options.landmarks:
        # Worker processes read it again; a file that cannot be used is refused before they start.
        load_landmarks(options.landmarks)
    files = find_images_and_videos(inputs)
    require_place(options.out, _ADVICE)
    with FolderLock.of_file(options.out, _ADVICE, progress.log):
        return _measured(files, model, options, progress)


def _measured(files: Inputs, model: ActionUnitModel, options: StillsOptions, progress: Progress) -> StillsResult:
    unfinished = ResultStore(options.out.with_name(f"{options.out.name}.unfinished"), progress)
    if unfinished.pieces:
        progress.log(f"{unfinished.folder}: going on where an earlier run stopped")
    measured = measure_stills(
        files.images,
        faces=options.faces,
        landmarks=options.landmarks,
        jobs=options.jobs or available_cores(),
        unfinished=unfinished,
        progress=progress,
    )
    skipped: list[Skipped] = list(files.skipped)
    notes: dict[Path, str] = {}
    batch: list[StillFace] = []
    tables: list[pd.DataFrame] = []
    for one in measured:
        if isinstance(one, Skipped):
            skipped.append(one)
            continue
        batch.append(one)
        if one.note:
            notes[one.path] = one.note
        # Features of a hundred thousand faces would fill the memory; their rows do not.
        if len(batch) == _BATCH:
            tables.append(stills_table(batch, model, options.least_confidence))
            batch = []
    if batch:
        tables.append(stills_table(batch, model, options.least_confidence))
    table = pd.concat(tables, ignore_index=True) if tables else stills_table([], model)
    if tables:
        write_table(table, options.out)
        unfinished.clear()
    told = tuple(Skipped(str(path), note) for path, note in notes.items())
    return StillsResult(table, tuple(skipped), files.videos, told)

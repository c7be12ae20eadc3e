"""FER+: what ten people each said of the images of FER2013, as shares of votes for eight emotions.

Votes for one emotion by a single person are left out, as its authors do. An image counts as labelled where more than
half of the votes left are for one of the eight emotions, and not where they are for "unknown" or "not a face" (NF).

Barsoum, Zhang, Canton Ferrer, Zhang, "Training deep networks for facial expression recognition with crowd-sourced label
distribution", ICMI 2016, doi:10.1145/2993148.2993165; the votes are Microsoft's, under the MIT licence.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from facs_pipeline.datasets.labelled_faces import LabelledFaces, Skipped
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.tables.emotion_names import canonical_emotion

FERPLUS_EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt")
FILE = "ferplus.csv.gz"
"""Name of the table beside FER2013."""
_OTHER = ("unknown", "NF")


def with_votes(faces: LabelledFaces, table: str | os.PathLike[str]) -> LabelledFaces:
    """The images that people voted on, with the shares of their votes.

    Parameters
    ----------
    faces : LabelledFaces
        FER2013's images.
    table : str or PathLike
        CSV with the column ``image``, as the images are called in `faces`, or its end; and one of votes for each of
        neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown and NF.

    Returns
    -------
    LabelledFaces
        With `LabelledFaces.shares`. Their emotion is the one with more than half of the votes, ``""`` if there is none.
        Images of which most said that they do not know, or see no face, are in `skipped`.

    Raises
    ------
    InputError
        If the table cannot be used, or has votes for none of the images.
    """
    votes = _votes(Path(table))
    position = {name: row for row, name in enumerate(votes.index)}
    rows = np.array([position.get(_image(source), -1) for source in faces.sources])
    if not (rows >= 0).any():
        raise InputError(
            f"{table}: votes for none of the {len(faces)} images of {faces.name}; "
            f"expected in column image names such as {faces.sources[0]}"
        )
    counts = votes.to_numpy()[rows]
    counts = np.where(counts > 1, counts, 0.0) * (rows >= 0)[:, None]
    c = len(FERPLUS_EMOTIONS)
    of_emotions = counts[:, :c]
    most, total = of_emotions.max(axis=1), counts.sum(axis=1)
    usable = (most > 0) & (most >= counts[:, c:].max(axis=1))
    clear = usable & (most > total / 2)
    names = np.array(FERPLUS_EMOTIONS)[of_emotions.argmax(axis=1)]
    with np.errstate(invalid="ignore"):
        shares = of_emotions / of_emotions.sum(axis=1, keepdims=True)
    skipped = tuple(Skipped(faces.sources[row], "no vote for an emotion decides") for row in np.flatnonzero(~usable))
    labelled = replace(faces, name=f"{faces.name} by FER+", emotions=np.where(clear, names, ""), shares=shares)
    return replace(labelled.take(np.flatnonzero(usable)), skipped=faces.skipped + skipped)


def votes_beside(data: str | os.PathLike[str]) -> Path:
    """The table of votes beside FER2013, or in its folder.

    Raises
    ------
    InputError
        If there is none.
    """
    path = Path(data)
    places = [path.parent / FILE, path / FILE]
    for place in places:
        if place.is_file():
            return place
    raise InputError(f"{data}: no {FILE} beside it; expected the votes of FER+ at {places[0]}")


def _image(name: str) -> str:
    """Split, emotion and file of an image's path: what all copies have in common."""
    return "/".join(Path(name).parts[-3:])


def _votes(table: Path) -> pd.DataFrame:
    try:
        votes = pd.read_csv(table)
    except (OSError, ValueError) as error:
        raise InputError(f"{table}: cannot be read as a table of votes: {error}") from None
    columns = {canonical_emotion(name) or name: name for name in votes.columns}
    wanted = ["image", *FERPLUS_EMOTIONS, *_OTHER]
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise InputError(f"{table}: no column {', '.join(missing)}; expected image and votes of FER+")
    votes = votes[[columns[name] for name in wanted]].set_axis(wanted, axis=1)
    numbers = votes[wanted[1:]].apply(pd.to_numeric, errors="coerce")
    if numbers.isna().to_numpy().any() or (numbers < 0).to_numpy().any():
        raise InputError(f"{table}: votes that are not numbers of people; expected 0 to 10 in each column")
    return numbers.astype(float).set_axis([_image(str(name)) for name in votes["image"]], axis=0)

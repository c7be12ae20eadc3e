"""Pairs of a coded face and the neutral face before it, with each action unit coded as there or not.

Columns of the table::

    peak, neutral      images: paths inside the folder or tar
    subject            whose face; the same text is the same person
    AU01, AU1, AU01_r  one column for each action unit, any of these spellings: 1 there, 0 not

The Extended Cohn-Kanade set comes as such pairs (Lucey et al., "The extended Cohn-Kanade dataset (CK+)", CVPR Workshops
2010, doi:10.1109/CVPRW.2010.5543262). Other columns are ignored.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facs_pipeline.datasets.coded import known_au
from facs_pipeline.datasets.pictures import Pictures, open_pictures
from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.tabular import read_text_table

_AU_COLUMN = re.compile(r"^AU0*(?P<au>\d+)(_[rc])?$", re.IGNORECASE)


@dataclass(frozen=True)
class CodedPairs:
    """Coded faces and neutral faces of the same persons.

    Attributes
    ----------
    pictures : Pictures
        The images [n], each once; persons are the subjects.
    aus : tuple of int
        FACS numbers [k], ascending.
    present : ndarray of bool
        ``[n, k]``, whether an action unit was coded; never in a neutral image.
    neutral : ndarray of bool
        Which images [n] are the neutral ones.
    """

    pictures: Pictures
    aus: tuple[int, ...]
    present: np.ndarray
    neutral: np.ndarray


def read_coded_pairs(images: str | os.PathLike[str], table: str | os.PathLike[str]) -> CodedPairs:
    """Read such pairs; see the module's text for the table's columns.

    Parameters
    ----------
    images : str or PathLike
        Folder or uncompressed tar with the images.
    table : str or PathLike
        The table.

    Raises
    ------
    InputError
        Naming file and row: missing columns, an image that is not there, one listed as peak and as neutral or for two
        persons, a code that is neither 0 nor 1.
    """
    table = Path(table)
    rows = read_text_table(table, required=("peak", "neutral", "subject"))
    columns: dict[int, str] = {}
    for name in map(str, rows.columns):
        match = _AU_COLUMN.match(name)
        if match:
            columns[known_au(int(match["au"]), f"{table}, column {name}")] = name
    if not columns or not len(rows):
        raise InputError(f"{table}: expected rows with AU columns such as AU12, found {', '.join(map(str, rows))}")
    aus = tuple(sorted(columns))
    pictures = open_pictures(images)
    number = {name: position for position, name in enumerate(pictures.names)}
    listed: dict[int, tuple[str, bool, list[bool]]] = {}
    for row, cells in zip(rows.index, rows.to_dict("records"), strict=True):
        where = f"{table}, row {row}"
        codes = [_code(cells[columns[au]], f"{where}, {columns[au]}") for au in aus]
        for kind in ("peak", "neutral"):
            name = cells[kind]
            if name not in number:
                raise InputError(f"{where}: {kind} image {name!r} is not in {images}")
            entry = cells["subject"], kind == "neutral", codes if kind == "peak" else [False] * len(aus)
            if listed.setdefault(number[name], entry) != entry or not cells["subject"]:
                raise InputError(f"{where}: {name} has no subject, or is listed with another subject, kind or code")
    chosen = sorted(listed)
    subjects, neutral, present = zip(*(listed[place] for place in chosen), strict=True)
    return CodedPairs(pictures.only(chosen).of_persons(subjects), aus, np.array(present), np.array(neutral))


def _code(text: str, where: str) -> bool:
    if text not in {"0", "1"}:
        raise InputError(f"{where}: {text!r}; expected 1 (there) or 0 (not there)")
    return text == "1"

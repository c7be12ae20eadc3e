"""Still faces with an emotion each, whatever the dataset: every reader of emotion data returns them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


class Skipped(NamedTuple):
    """A row or file that could not be used.

    Attributes
    ----------
    source : str
        Names it.
    reason : str
        Why.
    """

    source: str
    reason: str


@dataclass(frozen=True)
class LabelledFaces:
    """Grey images of one face each, n of them, read one by one, so that a large collection need not fit into memory.

    Attributes
    ----------
    name : str
        What messages and results call the data, e.g. ``"fer2013.csv"``.
    sources : tuple of str
        Where each image [n] is from: a path inside the data, or ``"row 7"`` of a table.
    emotions : ndarray of str
        Canonical names [n] (`facs_pipeline.tables.emotion_names`), ``""`` where not labelled.
    splits : ndarray of str
        [n]: ``"train"``, ``"validation"``, ``"test"``, another name the data use, or ``""``.
    subjects : ndarray of str
        Whose face [n], ``""`` where not known.
    skipped : tuple of Skipped
        What was left out, and why.
    read : function
        Number -> grey image [h, w] uint8; `InputError` naming the image where it cannot be decoded.
    attributes : mapping of str to ndarray of str
        Further facts of each image [n], e.g. KDEF's ``"sex"`` and ``"angle"``.
    shares : ndarray of float, optional
        Shares of people who named each of c emotions [n, c], where several people judged an image.
    """

    name: str
    sources: tuple[str, ...]
    emotions: np.ndarray
    splits: np.ndarray
    subjects: np.ndarray
    skipped: tuple[Skipped, ...]
    read: Callable[[int], np.ndarray]
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)
    shares: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.sources)

    def grey(self, number: int) -> np.ndarray:
        """Image `number` as grey [h, w] uint8."""
        return self.read(number)

    def take(self, rows: Sequence[int] | np.ndarray) -> LabelledFaces:
        """Only these images, in this order; `skipped` is dropped."""
        rows = np.asarray(rows, dtype=np.intp)
        return LabelledFaces(
            self.name,
            tuple(self.sources[row] for row in rows),
            self.emotions[rows],
            self.splits[rows],
            self.subjects[rows],
            (),
            lambda number: self.read(int(rows[number])),
            {name: values[rows] for name, values in self.attributes.items()},
            None if self.shares is None else self.shares[rows],
        )

    def split(self, name: str) -> LabelledFaces:
        """The images of one split."""
        return self.take(np.flatnonzero(self.splits == name))

"""What a table's schema is made of: columns, and families of columns that differ by a number or a name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from facs_pipeline.dynamics.face_signals import ASYMMETRIES, LANDMARK_SIGNALS, SIDED

ColumnType = Literal["text", "integer", "flag", "number"]
"""A flag is 0 or 1."""

FAMILIES = {
    "<i>": r"\d{1,2}",
    "<nn>": r"\d{2}",
    "<emotion>": r"(?!confidence$)\w[\w -]*",
    "<signal>": "|".join([r"AU\d{2}", *(signal.name for signal in (*LANDMARK_SIGNALS, *ASYMMETRIES))]),
    "<pair>": "|".join([r"AU\d{2}_with_AU\d{2}", *(f"{name}_left_with_right" for name in SIDED)]),
    "<angle>": "pitch|yaw|roll",
}
"""What stands for the part that differs within a family of columns -> pattern of what it stands for."""

_FORMATS = {"text": "%s", "integer": "%d", "flag": "%d"}


@dataclass(frozen=True)
class Column:
    """One column, or a family of columns.

    Attributes
    ----------
    table : str
        Name of the table.
    name : str
        The column's name; ``<i>`` stands for a point's number 0..67, ``<nn>`` for an AU's number in two digits,
        ``<emotion>`` for the name of one of the model's emotions; see `FAMILIES` for those of extended descriptors.
    type : {"text", "integer", "flag", "number"}
        What its cells hold where they are not empty.
    meaning : str
        One to three sentences.
    unit : str
        ``"-"`` where it has none.
    range : str
        Smallest and largest value, or the possible texts.
    source : str
        The step of the method, formula or paper it comes from.
    decimals : int, optional
        To how many decimals numbers are rounded; None where they are not.
    optional : bool
        Whether the table has it only where it was asked for.

    Examples
    --------
    >>> smile = Column("action_units", "smile", "number", "How wide.", "-", "0 .. 1", "AU12", decimals=3)
    >>> smile.cell(0.25), smile.cell(None)
    ('0.250', '')
    """

    table: str
    name: str
    type: ColumnType
    meaning: str
    unit: str
    range: str
    source: str
    decimals: int | None = None
    optional: bool = False

    @property
    def family(self) -> str:
        """Which of `FAMILIES` its name holds; empty for a single column."""
        return next((placeholder for placeholder in FAMILIES if placeholder in self.name), "")

    def member(self, text: object) -> Column:
        """The column of a family for this number or name.

        >>> Column("stills", "x_<i>", "number", "Landmark <i>.", "px", "any", "model").member(7).meaning
        'Landmark 7.'
        """
        text = str(text)
        return replace(self, name=self.name.replace(self.family, text), meaning=self.meaning.replace(self.family, text))

    def named(self, name: str) -> Column | None:
        """The column, if `name` is its name or that of one of its family; else None."""
        if not self.family:
            return self if name == self.name else None
        before, after = map(re.escape, self.name.split(self.family))
        match = re.fullmatch(f"{before}({FAMILIES[self.family]}){after}", name)
        return self.member(match[1]) if match else None

    @property
    def cell_decimals(self) -> str:
        """The decimals as text; empty where numbers are not rounded."""
        return "" if self.decimals is None else str(self.decimals)

    @property
    def format(self) -> str:
        """How a cell is written into a text table, for the operator ``%``."""
        return _FORMATS.get(self.type, "%r" if self.decimals is None else f"%.{self.decimals}f")

    def cell(self, value: object) -> str:
        """A value as text; empty for None."""
        return "" if value is None else self.format % (value,)

    def rounded(self, values: ArrayLike) -> np.ndarray:
        """Numbers as the table holds them: float64, rounded, without a negative 0."""
        numbers = np.asarray(values, dtype=float)
        return numbers if self.decimals is None else np.round(numbers, self.decimals) + 0.0


def expand(columns: Iterable[Column], members: Mapping[str, Iterable[object]]) -> list[Column]:
    """Columns with each family in place of what stands for it, and without families that have no `members`.

    Parameters
    ----------
    columns : iterable of Column
        In the table's order.
    members : mapping of str to iterable
        Key of `FAMILIES` -> the numbers or names of its columns, in order.
    """
    expanded: list[Column] = []
    for column in columns:
        of_family = members.get(column.family, ()) if column.family else ()
        expanded += [column.member(text) for text in of_family] if column.family else [column]
    return expanded


@dataclass(frozen=True)
class TableSchema:
    """The columns of one output table, in its order.

    Attributes
    ----------
    name : str
        The table.
    rows : str
        Where it is and what its rows are.
    schema_version : int
        Raised whenever a column is added, removed, renamed, moved, or holds something else.
    columns : tuple of Column
        All that the table may have.
    """

    name: str
    rows: str
    schema_version: int
    columns: tuple[Column, ...]

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns if not column.family}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns that it always has, without families."""
        return tuple(column.name for column in self.columns if not column.optional and not column.family)

    @property
    def extra(self) -> tuple[Column, ...]:
        """Columns that it has only where they were asked for."""
        return tuple(column for column in self.columns if column.optional)

    @property
    def decimals(self) -> dict[str, int]:
        """Column -> to how many decimals it is rounded, where it is."""
        return {column.name: column.decimals for column in self.columns if column.decimals is not None}

    def __getitem__(self, name: str) -> Column:
        """The column of this name, that of a family with its number or name filled in.

        Raises
        ------
        KeyError
            If the table has no such column.
        """
        if (known := self._by_name.get(name)) is not None:
            return known
        for column in self.columns:
            if (match := column.named(name)) is not None:
                return match
        raise KeyError(f"the table {self.name} has no column {name!r}")

    def rounded(self, row: Mapping[str, object]) -> dict[str, object]:
        """A row in the table's order, with its numbers rounded as the schema says.

        Raises
        ------
        KeyError
            If it lacks a column.
        """
        cells = {name: row[name] for name in self.names}
        return {
            name: round(cell, self.decimals[name]) if isinstance(cell, float) and name in self.decimals else cell
            for name, cell in cells.items()
        }

    @classmethod
    def of(cls, name: str, rows: str, schema_version: int, columns: Iterable[Column]) -> TableSchema:
        """The schema of the table `name` with these columns, whichever table they are from."""
        return cls(name, rows, schema_version, tuple(replace(column, table=name) for column in columns))

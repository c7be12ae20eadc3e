"""Which columns of a descriptor table are of the face, and which of the head, the cut or the recording.

What tells felt from posed in one collection of clips need not be expression: people may sit otherwise when they pose,
and clips are cut by somebody. Whoever learns from faces only chooses the columns here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Kind = Literal["face", "head_in_step", "head", "clip", "recording"]
DescriptorSet = Literal["published", "extended"]
Evidence = Literal["face", "face-and-head", "all"]
"""Face alone; with head movement in step with the face; everything that there is."""

_KINDS: dict[Evidence, tuple[Kind, ...]] = {
    "face": ("face",),
    "face-and-head": ("face", "head_in_step"),
    "all": ("face", "head_in_step", "head", "clip", "recording"),
}
_PREFIXES: tuple[Kind, ...] = ("head_in_step", "head", "clip", "recording")
# Of the published descriptor: they grow with the clip, or tell where in it something happens.
_OF_THE_CUT = ("_time_of_max", "_max_minus_first_mean_crossing", "_segments_above_mean", "_segments_above_threshold",
               "_area", "_area_squared", "_area_normalised", "_area_normalised_squared")  # fmt: skip


def kind_of_evidence(column: str) -> Kind:
    """What a column is evidence of; a column that this package does not write counts as the face's.

    Parameters
    ----------
    column : str
        Of a descriptor table.

    Returns
    -------
    {"face", "head_in_step", "head", "clip", "recording"}
        The face's own movement; head movement in step with it; level and amount of head pose; what depends on where the
        clip was cut; duration, frames, place and size of the face.

    Examples
    --------
    >>> kind_of_evidence("AU12_speed_p95_50ms"), kind_of_evidence("AU12_value_time_of_max")
    ('face', 'clip')
    """
    for kind in _PREFIXES:
        if column.startswith(f"{kind}_"):
            return kind
    return "clip" if column.startswith("AU") and column.endswith(_OF_THE_CUT) else "face"


def columns_of(columns: Sequence[str], evidence: Evidence) -> list[int]:
    """Positions of the columns that are of a kind of evidence.

    Parameters
    ----------
    columns : sequence of str
        Of a descriptor table.
    evidence : {"face", "face-and-head", "all"}

    Returns
    -------
    list of int
        In order.

    Examples
    --------
    >>> columns_of(["AU12_mean", "head_pitch_mean"], "face")
    [0]
    """
    return [i for i, column in enumerate(columns) if kind_of_evidence(column) in _KINDS[evidence]]

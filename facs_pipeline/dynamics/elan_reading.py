"""ELAN documents (.eaf) read back: the annotations of every tier, with their times in the video."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pandas as pd

from facs_pipeline.foundation.errors import InputError
from facs_pipeline.foundation.files.regular import read_whole

COLUMNS = ("tier", "begin_s", "end_s", "value")


@dataclass(frozen=True)
class ElanDocument:
    """What an ELAN document says.

    Attributes
    ----------
    path : Path
    media : tuple of str
        Names of the files that it is about, without their folders.
    tiers : tuple of str
        In its order, the empty ones as well.
    annotations : DataFrame
        A row for each: `COLUMNS`, times in seconds from the start of the first of `media`. Rows are ordered by tier
        and time.
    """

    path: Path
    media: tuple[str, ...]
    tiers: tuple[str, ...]
    annotations: pd.DataFrame


class _Tree(ET.TreeBuilder):
    """Declares nothing: ELAN's documents have no document type, and entities can grow without end."""

    def doctype(self, name: str, _public: str | None, _system: str | None) -> None:
        raise ValueError(f"a document type ({name}) is declared; ELAN writes none")


def read_eaf(path: str | os.PathLike[str]) -> ElanDocument:
    """Read an ELAN document.

    Annotations without times of their own have those of the annotation that they refer to. Those of a subdivision that
    ELAN has not aligned share the stretch in equal parts, as ELAN shows them.

    Parameters
    ----------
    path : str or PathLike

    Raises
    ------
    InputError
        If it cannot be read, is no ELAN document, or refers to what it does not hold.

    Examples
    --------
    >>> read_eaf("anna.eaf").annotations  # doctest: +SKIP
    """
    path = Path(path)
    document = _parsed(path)
    try:
        slots = {
            slot.attrib["TIME_SLOT_ID"]: _milliseconds(slot.get("TIME_VALUE")) for slot in document.iter("TIME_SLOT")
        }
        media = document.findall("HEADER/MEDIA_DESCRIPTOR")
        origin = int(media[0].get("TIME_ORIGIN") or 0) if media else 0
        found: dict[str, tuple[int, int]] = {}
        tiers = {tier.attrib["TIER_ID"]: [one[0] for one in tier.iter("ANNOTATION")] for tier in document.iter("TIER")}
        # Tiers may refer to later ones.
        waiting = [(name, list(annotations)) for name, annotations in tiers.items()]
        while waiting:
            later = [(name, rest) for name, annotations in waiting if (rest := _times(annotations, slots, found))]
            if later and sum(len(rest) for _, rest in later) == sum(len(rest) for _, rest in waiting):
                raise ValueError(f"an annotation of the tier {later[0][0]!r} refers to none that is there")
            waiting = later
        rows = [
            (name, *found[one.attrib["ANNOTATION_ID"]], one.findtext("ANNOTATION_VALUE") or "")
            for name, annotations in tiers.items()
            for one in annotations
        ]
    except KeyError as error:
        raise InputError(f"{path}: not a whole ELAN document, {error.args[0]} is missing") from None
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}: not a whole ELAN document ({error})") from None
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in ("begin_s", "end_s"):
        table[name] = (table[name].astype(float) + origin) / 1000
    order = table["tier"].map({name: place for place, name in enumerate(tiers)})
    table = table.assign(_order=order).sort_values(["_order", "begin_s"], kind="stable").drop(columns="_order")
    names = tuple(_name(one) for one in media)
    return ElanDocument(path, tuple(name for name in names if name), tuple(tiers), table.reset_index(drop=True))


def _parsed(path: Path) -> ET.Element:
    try:
        document = ET.fromstring(read_whole(path), ET.XMLParser(target=_Tree()))
    except (ET.ParseError, ValueError, LookupError) as error:
        raise InputError(f"{path}: not read as an ELAN document ({error})") from None
    if document.tag != "ANNOTATION_DOCUMENT":
        raise InputError(f"{path}: not an ELAN document; it begins with {document.tag}, expected ANNOTATION_DOCUMENT")
    return document


def _milliseconds(text: str | None) -> int | None:
    return None if text is None else int(text)


def _times(
    annotations: Sequence[ET.Element], slots: dict[str, int | None], found: dict[str, tuple[int, int]]
) -> list[ET.Element]:
    """Take up the times of a tier's annotations; gives those that refer to ones whose times are not known yet."""
    own = [one for one in annotations if one.tag == "ALIGNABLE_ANNOTATION"]
    ends = [one.attrib[f"TIME_SLOT_REF{end}"] for one in own for end in (1, 2)]
    times = _filled(list(dict.fromkeys(ends)), slots)
    for one in own:
        found[one.attrib["ANNOTATION_ID"]] = times[one.attrib["TIME_SLOT_REF1"]], times[one.attrib["TIME_SLOT_REF2"]]
    later = []
    for one in annotations:
        if one.tag == "REF_ANNOTATION":
            if one.attrib["ANNOTATION_REF"] in found:
                found[one.attrib["ANNOTATION_ID"]] = found[one.attrib["ANNOTATION_REF"]]
            else:
                later.append(one)
    return later


def _filled(names: Sequence[str], slots: dict[str, int | None]) -> dict[str, Any]:
    """Times of a tier's slots in their order; those without one lie evenly between their neighbours with one."""
    times = [slots[name] for name in names]
    known = [place for place, time in enumerate(times) if time is not None]
    if names and (not known or known[0] != 0 or known[-1] != len(names) - 1):
        raise ValueError("a tier begins or ends without a time; align it in ELAN")
    filled = pd.Series(times, index=list(names), dtype=float).interpolate()
    return {str(name): round(time) for name, time in filled.items()}


def _name(media: ET.Element) -> str:
    place = media.get("RELATIVE_MEDIA_URL") or media.get("MEDIA_URL") or ""
    return unquote(place).replace("\\", "/").rsplit("/", 1)[-1]

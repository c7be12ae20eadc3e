"""Events as ELAN documents (.eaf): coders open them beside the video, one tier per action unit, and correct them.

ELAN is the annotation tool of the Max Planck Institute for Psycholinguistics; the format is its EAF 3.0.
"""

from __future__ import annotations

import contextlib
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path

from facs_pipeline.action_units.names import AU_NAMES
from facs_pipeline.dynamics.events import Event, letter
from facs_pipeline.foundation.files.atomic import atomic_write
from facs_pipeline.foundation.text import xml_text

_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
# The format wants a date; the same events give the same file.
_DATE = "2000-01-01T00:00:00+00:00"
_PLAIN, _WITHIN = "default-lt", "within"
_APEX_S = 0.04
"""Length of the annotation of a moment: ELAN shows none without."""
_UNIT = re.compile(r"AU(?P<au>\d{2})(?= |$)")
_GRADES = ("trace", "slight", "marked", "severe", "maximum")
_MIME = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mpg": "video/mpeg",
    ".avi": "video/x-msvideo",
}


def write_eaf(
    path: str | os.PathLike[str],
    tiers: Mapping[str, Sequence[tuple[int, Event]]],
    media: Path | None = None,
    *,
    start_s: float = 0.0,
    remarks: Mapping[str, Sequence[tuple[float, float, str]]] | None = None,
) -> None:
    """Write events to an ``.eaf`` file.

    A tier of one action unit, such as ``AU12``, offers its five intensities to choose from; where it has events, a tier
    ``AU12 apex`` below it says when each is strongest.

    Parameters
    ----------
    path : str or PathLike
        The document to write; it appears whole or not at all.
    tiers : Mapping of str to sequence of tuple of int and Event
        Name of each tier -> its events with their action units; each becomes an annotation such as ``12C``. A name
        begins with the action unit: ``AU12``, ``AU12 face 1``.
    media : Path, optional
        The video, if it is known where it lies.
    start_s : float
        Time stamp at which players begin with the video, in seconds. It is subtracted, so that the document counts as
        ELAN does, from the first picture that is shown. ``TIME_ORIGIN="0"`` says so of the media: the moment of the
        media file at which the document's time is 0, in milliseconds. The property ``container_start_s`` says how much
        was subtracted.
    remarks : Mapping of str to sequence of tuple, optional
        Further tiers: name -> begin and end in seconds, and text of each annotation.

    Examples
    --------
    >>> write_eaf("anna.eaf", {"AU12": [(12, smile)]}, Path("anna.mp4"))  # doctest: +SKIP
    """
    document = ET.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "facs",
            "DATE": _DATE,
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:noNamespaceSchemaLocation": _SCHEMA,
        },
    )
    header = ET.SubElement(document, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    if media is not None:
        place = {"MEDIA_URL": media.absolute().as_uri(), "MIME_TYPE": _MIME.get(media.suffix.lower(), "unknown")}
        if start_s:
            # At a document's time t ELAN shows the media's time t + origin: the start here would shift it once more.
            place["TIME_ORIGIN"] = "0"
        # The relative path holds when both folders are moved together; from one Windows drive to another there is none.
        with contextlib.suppress(ValueError):
            place["RELATIVE_MEDIA_URL"] = xml_text(Path(os.path.relpath(media, Path(path).parent)).as_posix())
        ET.SubElement(header, "MEDIA_DESCRIPTOR", place)
    if start_s:
        ET.SubElement(header, "PROPERTY", NAME="container_start_s").text = f"{start_s:.6f}"
    writer = _Tiers(document, start_s)
    units: dict[str, int] = {}
    for name, events in tiers.items():
        unit = _UNIT.match(name)
        kind = unit[0] if unit else _PLAIN
        if unit:
            units[kind] = int(unit["au"])
        whole = [(event.onset_s, event.offset_s, f"{au}{letter(event.apex_intensity)}") for au, event in events]
        writer.add(name, whole, kind)
        apexes = [(event.apex_s, min(event.apex_s + _APEX_S, event.offset_s), "apex") for _, event in events]
        if events:
            writer.add(f"{name} apex", apexes, _WITHIN, parent=name)
    for name, spans in (remarks or {}).items():
        writer.add(name, spans, _PLAIN)
    _add_types(document, units)
    ET.indent(document)
    with atomic_write(path, "wb") as file:
        file.write(ET.tostring(document, encoding="UTF-8", xml_declaration=True))


class _Tiers:
    """Adds tiers to a document, with the times of their annotations."""

    def __init__(self, document: ET.Element, start_s: float) -> None:
        self._document, self._start_s = document, start_s
        self._slots = ET.SubElement(document, "TIME_ORDER")
        self._number = 0

    def add(self, name: str, spans: Sequence[tuple[float, float, str]], kind: str, parent: str | None = None) -> None:
        about = {"LINGUISTIC_TYPE_REF": kind, "TIER_ID": xml_text(name)}
        if parent is not None:
            about["PARENT_REF"] = xml_text(parent)
        tier = ET.SubElement(self._document, "TIER", about)
        for begin_s, end_s, text in spans:
            self._number += 1
            # ELAN shows no annotation without a length.
            start = max(round(1000 * (begin_s - self._start_s)), 0)
            end = max(round(1000 * (end_s - self._start_s)), start + 1)
            slots = [f"ts{2 * self._number - 1}", f"ts{2 * self._number}"]
            for slot, moment in zip(slots, (start, end), strict=True):
                ET.SubElement(self._slots, "TIME_SLOT", TIME_SLOT_ID=slot, TIME_VALUE=str(moment))
            annotation = ET.SubElement(
                ET.SubElement(tier, "ANNOTATION"),
                "ALIGNABLE_ANNOTATION",
                ANNOTATION_ID=f"a{self._number}",
                TIME_SLOT_REF1=slots[0],
                TIME_SLOT_REF2=slots[1],
            )
            ET.SubElement(annotation, "ANNOTATION_VALUE").text = xml_text(text)


def _add_types(document: ET.Element, units: Mapping[str, int]) -> None:
    """Types of tiers: one of each action unit with its codes to choose from; plain ones; such as lie within others."""
    common = {"GRAPHIC_REFERENCES": "false", "TIME_ALIGNABLE": "true"}
    ET.SubElement(document, "LINGUISTIC_TYPE", {**common, "LINGUISTIC_TYPE_ID": _PLAIN})
    ET.SubElement(document, "LINGUISTIC_TYPE", {**common, "LINGUISTIC_TYPE_ID": _WITHIN, "CONSTRAINTS": "Included_In"})
    for kind in units:
        about = {**common, "LINGUISTIC_TYPE_ID": kind, "CONTROLLED_VOCABULARY_REF": kind}
        ET.SubElement(document, "LINGUISTIC_TYPE", about)
    language = "http://cdb.iso.org/lg/CDB-00138502-001"
    ET.SubElement(document, "LANGUAGE", LANG_ID="eng", LANG_DEF=language, LANG_LABEL="English (eng)")
    ET.SubElement(
        document, "CONSTRAINT", STEREOTYPE="Included_In", DESCRIPTION="Annotations lie within those of the parent tier"
    )
    for kind, au in units.items():
        vocabulary = ET.SubElement(document, "CONTROLLED_VOCABULARY", CV_ID=kind)
        ET.SubElement(vocabulary, "DESCRIPTION", LANG_REF="eng").text = AU_NAMES.get(au, "")
        for grade, words in zip("ABCDE", _GRADES, strict=True):
            entry = ET.SubElement(vocabulary, "CV_ENTRY_ML", CVE_ID=f"{kind}{grade}")
            ET.SubElement(entry, "CVE_VALUE", DESCRIPTION=words, LANG_REF="eng").text = f"{au}{grade}"

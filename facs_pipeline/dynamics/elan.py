"""Events as ELAN documents (.eaf): coders open them beside the video, one tier per action unit, and correct them.

ELAN is the annotation tool of the Max Planck Institute for Psycholinguistics; the format is its EAF 3.0.
"""

from __future__ import annotations

import contextlib
import os
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path

from facs_pipeline.dynamics.events import Event, letter
from facs_pipeline.foundation.files.atomic import atomic_write
from facs_pipeline.foundation.text import xml_text

_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
# The format wants a date; the same events give the same file.
_DATE = "2000-01-01T00:00:00+00:00"
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
) -> None:
    """Write events to an ``.eaf`` file.

    Parameters
    ----------
    path : str or PathLike
        The document to write; it appears whole or not at all.
    tiers : Mapping of str to sequence of tuple of int and Event
        Name of each tier -> its events with their action units; each becomes an annotation such as ``12C``.
    media : Path, optional
        The video, if it is known where it lies.
    start_s : float
        Time stamp at which players begin with the video, in seconds. It is subtracted, so that the document counts as
        ELAN does, from the first picture that is shown. ``TIME_ORIGIN="0"`` says so of the media: the moment of the
        media file at which the document's time is 0, in milliseconds. The property ``container_start_s`` says how much
        was subtracted.

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
    slots = ET.SubElement(document, "TIME_ORDER")
    number = 0
    for name, events in tiers.items():
        tier = ET.SubElement(document, "TIER", LINGUISTIC_TYPE_REF="default-lt", TIER_ID=xml_text(name))
        for au, event in events:
            number += 1
            # ELAN shows no annotation without a length.
            start = max(round(1000 * (event.onset_s - start_s)), 0)
            end = max(round(1000 * (event.offset_s - start_s)), start + 1)
            for slot, moment in ((2 * number - 1, start), (2 * number, end)):
                ET.SubElement(slots, "TIME_SLOT", TIME_SLOT_ID=f"ts{slot}", TIME_VALUE=str(moment))
            annotation = ET.SubElement(
                ET.SubElement(tier, "ANNOTATION"),
                "ALIGNABLE_ANNOTATION",
                ANNOTATION_ID=f"a{number}",
                TIME_SLOT_REF1=f"ts{2 * number - 1}",
                TIME_SLOT_REF2=f"ts{2 * number}",
            )
            ET.SubElement(annotation, "ANNOTATION_VALUE").text = f"{au}{letter(event.apex_intensity)}"
    ET.SubElement(
        document, "LINGUISTIC_TYPE", GRAPHIC_REFERENCES="false", LINGUISTIC_TYPE_ID="default-lt", TIME_ALIGNABLE="true"
    )
    ET.indent(document)
    with atomic_write(path, "wb") as file:
        file.write(ET.tostring(document, encoding="UTF-8", xml_declaration=True))

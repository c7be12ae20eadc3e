"""ELAN documents are read as ELAN shows them: pympi writes some, others are as ELAN 6 writes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pympi import Elan

from facs_pipeline.dynamics.elan import write_eaf
from facs_pipeline.dynamics.elan_reading import read_eaf
from facs_pipeline.dynamics.events import Event
from facs_pipeline.foundation.errors import InputError

SUBDIVIDED = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2020-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0">
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/data/Anna%20B.mp4" MIME_TYPE="video/mp4" TIME_ORIGIN="250"/></HEADER>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="1000"/><TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="1000"/>
<TIME_SLOT TIME_SLOT_ID="ts3"/><TIME_SLOT TIME_SLOT_ID="ts4"/><TIME_SLOT TIME_SLOT_ID="ts5" TIME_VALUE="4000"/>
<TIME_SLOT TIME_SLOT_ID="ts6" TIME_VALUE="4000"/></TIME_ORDER>
<TIER TIER_ID="intensity" PARENT_REF="AU12" LINGUISTIC_TYPE_REF="b"><ANNOTATION>
<REF_ANNOTATION ANNOTATION_ID="a5" ANNOTATION_REF="a1"><ANNOTATION_VALUE>C</ANNOTATION_VALUE></REF_ANNOTATION>
</ANNOTATION></TIER>
<TIER TIER_ID="AU12" LINGUISTIC_TYPE_REF="a"><ANNOTATION>
<ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts5">
<ANNOTATION_VALUE>12</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<TIER TIER_ID="phase" PARENT_REF="AU12" LINGUISTIC_TYPE_REF="c">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
<ANNOTATION_VALUE>onset</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
<ANNOTATION_VALUE>apex</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a4" TIME_SLOT_REF1="ts4" TIME_SLOT_REF2="ts6">
<ANNOTATION_VALUE/></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
<TIER TIER_ID="empty" LINGUISTIC_TYPE_REF="a"/>
</ANNOTATION_DOCUMENT>
"""


def test_what_pympi_writes(tmp_path):
    document = Elan.Eaf()
    document.add_linked_file("clips/anna.mp4", relpath="clips/anna.mp4", mimetype="video/mp4")
    document.add_tier("AU12")
    document.add_annotation("AU12", 2500, 3000, "12B")
    document.add_annotation("AU12", 100, 1234, "12C")
    path = tmp_path / "anna.eaf"
    document.to_file(str(path))
    found = read_eaf(path)
    assert found.media == ("anna.mp4",)
    assert found.tiers == ("default", "AU12")
    assert found.annotations.to_numpy().tolist() == [["AU12", 0.1, 1.234, "12C"], ["AU12", 2.5, 3.0, "12B"]]


def test_what_we_write(tmp_path):
    event = Event(35, 50, 85, 1.4, 2.0, 3.4, 2.6, 2.0, onset_seen=True, offset_seen=True)
    path = tmp_path / "anna.eaf"
    write_eaf(path, {"AU12": [(12, event)], "AU45": []}, Path("anna.mp4"), start_s=0.4)
    found = read_eaf(path)
    assert found.media == ("anna.mp4",)
    assert found.tiers == ("AU12", "AU12 apex", "AU45")
    assert found.annotations.to_numpy().tolist() == [["AU12", 1.0, 3.0, "12C"], ["AU12 apex", 1.6, 1.64, "apex"]]


def test_subdivisions_and_references_have_times(tmp_path):
    path = tmp_path / "anna.eaf"
    path.write_text(SUBDIVIDED, encoding="utf-8")
    found = read_eaf(path)
    assert found.media == ("Anna B.mp4",)
    # The media's time is the document's and 0.25 s.
    assert found.annotations.to_numpy().tolist() == [
        ["intensity", 1.25, 4.25, "C"],
        ["AU12", 1.25, 4.25, "12"],
        ["phase", 1.25, 2.25, "onset"],
        ["phase", 2.25, 3.25, "apex"],
        ["phase", 3.25, 4.25, ""],
    ]
    assert found.tiers[-1] == "empty"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("</ANNOTATION_DOCUMENT>", "", "not read as an ELAN document"),
        ("ANNOTATION_DOCUMENT", "html", "it begins with html, expected ANNOTATION_DOCUMENT"),
        ('ANNOTATION_REF="a1"', 'ANNOTATION_REF="a9"', "an annotation of the tier 'intensity' refers to none"),
        ('TIME_SLOT_REF2="ts5"', 'TIME_SLOT_REF2="ts9"', "not a whole ELAN document, ts9 is missing"),
        ('TIME_SLOT_REF2="ts5"', "", "TIME_SLOT_REF2 is missing"),
        ('TIME_VALUE="4000"', "", "a tier begins or ends without a time; align it in ELAN"),
        ('TIME_VALUE="4000"', 'TIME_VALUE="soon"', "invalid literal"),
        (
            "<ANNOTATION_DOCUMENT",
            '<!DOCTYPE a [<!ENTITY b "c">]><ANNOTATION_DOCUMENT',
            "a document type .a. is declared",
        ),
    ],
)
def test_what_is_damaged_is_said(tmp_path, old, new, message):
    path = tmp_path / "anna.eaf"
    path.write_text(SUBDIVIDED.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_eaf(path)


def test_files_that_are_none(tmp_path):
    for path in (tmp_path, tmp_path / "missing.eaf"):
        with pytest.raises(InputError, match=f"{path.name}: "):
            read_eaf(path)

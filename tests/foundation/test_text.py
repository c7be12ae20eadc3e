"""Text from outside is harmless on terminals, in spreadsheets and in XML."""

from __future__ import annotations

import doctest
import json
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facs_pipeline.foundation import text
from facs_pipeline.foundation.files import json_file
from facs_pipeline.foundation.text import as_cell, from_cell, printable, whole_number, xml_text


@given(st.text(alphabet=st.characters() | st.sampled_from("'=+-@\t\r1.,e")))
def test_every_text_comes_back_from_its_cell(cell):
    assert from_cell(as_cell(cell)) == cell


@given(st.text())
def test_no_cell_begins_as_a_formula_does_unless_it_is_a_number(cell):
    written = as_cell(cell)
    if written[:1] in ("=", "+", "-", "@", "\t", "\r") and written:
        float(written.replace(",", "."))


@pytest.mark.parametrize("cell", ["-1", "+2.5", "-1e-05", "1,5", "0", "anna", "a=b", "'tis", ""])
def test_numbers_and_ordinary_texts_are_left_alone(cell):
    assert as_cell(cell) == cell


@given(st.text())
def test_printable_text_is_printable(name):
    shown = printable(name)
    assert all(character in "\n\t" or character >= " " for character in shown)
    assert not set(shown) & set("\x7f\x9b\u202e\u2066\u200f\ud800")


@given(st.text())
def test_json_stays_json_when_it_is_printed(name):
    assert json.loads(printable(json.dumps({name: 1}, ensure_ascii=False))) == {name: 1}


@given(st.text())
def test_any_text_fits_into_xml(name):
    element = ET.Element("TIER", TIER_ID=xml_text(name))
    assert ET.fromstring(ET.tostring(element, encoding="UTF-8")).get("TIER_ID") is not None


@pytest.mark.parametrize("digits", ["²", "٣", "½", "", "-1", "+1", "1.0", " 1", "1_0", "9" * 16, "9" * 5000])
def test_what_is_no_whole_number(digits):
    assert whole_number(digits) is None


def test_examples():
    assert doctest.testmod(text).failed == 0
    assert doctest.testmod(json_file).failed == 0

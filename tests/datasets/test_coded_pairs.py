"""Pairs of a coded and a neutral face: what the table may hold, and what is said where it may not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facs_pipeline.datasets.coded_pairs import read_coded_pairs
from facs_pipeline.foundation.errors import InputError

HEAD = "peak,neutral,subject,emotion,AU01,AU12\n"


@pytest.fixture
def read(tmp_path):
    """Read a table beside four images."""
    for name in ("a1", "a0", "b1", "b0"):
        assert cv2.imwrite(str(tmp_path / f"{name}.png"), np.zeros((8, 8), np.uint8))

    def read(text):
        (tmp_path / "codes.csv").write_text(text, encoding="utf-8")
        return read_coded_pairs(tmp_path, tmp_path / "codes.csv")

    return read


def test_each_image_counts_once_with_its_codes(read):
    pairs = read(HEAD + "a1.png,a0.png,anna,happy,0,1\nb1.png,b0.png,ben,,1,0\nb1.png,b0.png,ben,,1,0\n")
    assert pairs.aus == (1, 12)
    assert pairs.pictures.names == ("a0.png", "a1.png", "b0.png", "b1.png")
    assert pairs.pictures.persons == ("anna", "anna", "ben", "ben")
    assert pairs.neutral.tolist() == [True, False, True, False]
    assert pairs.present.tolist() == [[False, False], [False, True], [False, False], [True, False]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("peak,subject,AU1\na1.png,anna,1\n", "neutral"),
        ("peak,neutral,subject,smile\na1.png,a0.png,anna,1\n", "expected rows with AU columns"),
        (HEAD, "expected rows with AU columns"),
        (HEAD + "a1.png,c0.png,anna,,0,1\n", "row 2: neutral image 'c0.png' is not in"),
        (HEAD + "a1.png,a0.png,anna,,0,2\n", "row 2, AU12: '2'; expected 1"),
        (HEAD + "a1.png,a0.png,anna,,0,\n", "row 2, AU12: ''; expected 1"),
        (HEAD + "a1.png,a0.png,,,0,1\n", "row 2: a1.png has no subject"),
        (HEAD + "a1.png,a0.png,anna,,0,1\nb1.png,a0.png,ben,,0,1\n", "row 3: a0.png .* another subject"),
        (HEAD + "a1.png,a0.png,anna,,0,1\nb1.png,a1.png,anna,,0,1\n", "row 3: a1.png .* kind"),
        (HEAD + "a1.png,a0.png,anna,,0,1\na1.png,a0.png,anna,,1,1\n", "row 3: a1.png .* code"),
        ("peak,neutral,subject,AU3\na1.png,a0.png,anna,1\n", "AU3 is no FACS action unit"),
    ],
)
def test_what_is_wrong_is_named_with_its_row(read, text, message):
    with pytest.raises(InputError, match=message):
        read(text)

"""What decides cheaply whether a picture is worth a search."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.data import astronaut, brick, coffee, grass, gravel

from facs_pipeline.faces import trigger
from facs_pipeline.faces.detector import _DETECTOR
from facs_pipeline.faces.trigger import _FILTERS, may_show_faces, trigger_filters

GREY = astronaut().mean(axis=2).astype(np.uint8)


def number(content: bytes, at: int) -> tuple[int, int]:
    """dlib's compressed whole number at a place of a file, and the place after it."""
    sign, length = content[at] & 0x80, content[at] & 0x0F
    value = int.from_bytes(content[at + 1 : at + 1 + length], "little")
    return -value if sign else value, at + 1 + length


def written(value: int) -> bytes:
    length = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([length | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(length, "little")


def test_the_filters_are_three_of_the_detectors_on_cells_of_half_the_size():
    detector = _DETECTOR.read_bytes()
    numbers, at, places = [], 0, []
    while at < len(detector):
        places.append(at)
        value, at = number(detector, at)
        numbers.append(value)
    # Cell, window, number of scales and least size of a scale; then how many filters there are.
    assert [numbers[i] for i in (4, 6, 7, 8, 9, 10)] == [8, 80, 80, 1000, 64, 64]
    for index, value in {4: 4, 6: 40, 7: 40, 8: 1, 9: 32, 10: 32}.items():
        numbers[index] = value
    first = numbers.index(-3101)
    assert numbers[first - 1] == 5
    numbers[first - 1] = 3
    length = 2 + 2 * 3101
    kept = numbers[: first + 3 * length]
    assert b"".join(written(value) for value in kept) == _FILTERS.read_bytes()


@pytest.mark.parametrize("scale", [0.78, 1.0])
def test_a_picture_with_a_face_is_worth_a_search(scale):
    assert may_show_faces(GREY, scale, None)


def test_pictures_without_a_face_are_not():
    for grey in (coffee().mean(axis=2).astype(np.uint8), brick(), grass(), gravel()):
        assert not may_show_faces(grey, 400 / max(grey.shape), None)


def test_larger_faces_are_left_to_the_coarser_search():
    """The face is 100 px wide; a search at 1.56 times the size sees it where the one at 0.78 does so, too."""
    assert may_show_faces(GREY, 1.56, None)
    assert not may_show_faces(GREY, 1.56, 1.2)


def test_with_a_dlib_that_cannot_read_the_filters_all_is_searched(tmp_path, monkeypatch):
    file = tmp_path / "other.svm"
    file.write_bytes(b"of another version")
    monkeypatch.setattr("facs_pipeline.faces.trigger._FILTERS", file)
    assert trigger_filters.__wrapped__() is None
    monkeypatch.setattr(trigger, "trigger_filters", lambda: None)
    assert may_show_faces(grass(), 0.5, None)

"""What the emotion commands print of accuracy."""

from __future__ import annotations

from facs_cli.emotion_data import confusion_lines


def test_a_confusion_matrix_has_a_row_for_each_label_in_percent_and_how_many_images():
    lines = confusion_lines({"classes": ["angry", "sad", "none"], "confusion": [[3, 1, 0], [2, 2, 5], [0, 0, 0]]})
    assert [line.split() for line in lines.splitlines()[1:]] == [
        ["angry", "sad", "none", "images"],
        ["angry", "75%", "25%", "0%", "4"],
        ["sad", "22%", "22%", "56%", "9"],
        ["none", "0"],
    ]

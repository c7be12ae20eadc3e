"""The examples of docs/live.md run as they stand, on the synthetic face."""

from __future__ import annotations

import re
import sys
import textwrap
import time
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pandas as pd
import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "live.md").read_text(encoding="utf-8")


def example(part: str) -> str:
    """The indented block in which a text stands."""
    blocks = re.findall(r"(?:^    .*\n|^\n)+", PAGE, re.MULTILINE)
    return textwrap.dedent(next(block for block in blocks if part in block)).replace("Analyser(0)", 'Analyser("demo")')


def test_an_experiment_marks_what_it_shows(tmp_path, monkeypatch, key_file):
    monkeypatch.chdir(tmp_path)
    shown = 'live.mark("stimulus 7")'
    exec(example(shown).replace(shown, f"time.sleep(1.5); {shown}"), {"time": time})
    marks = pd.read_csv(tmp_path / "session1" / "marks.csv")
    assert marks["label"].tolist() == ["fixation", "stimulus 7"]
    assert np.diff(marks["timestamp"])[0] == pytest.approx(1.5, abs=0.5)
    assert len(pd.read_csv(tmp_path / "session1" / "action_units" / "recording.csv")) >= marks["frame"].max() > 5


def test_a_notebook_draws(monkeypatch):
    pictures: list[bytes] = []

    class Shown:
        update = pictures.append

    notebook = ModuleType("IPython.display")
    notebook.Image = lambda data, format: data  # type: ignore[attr-defined]
    notebook.display = lambda _, display_id: Shown  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython.display", notebook)
    exec(example("IPython").replace("> 20", "> 0.5"), {})
    assert len(pictures) > 3
    drawn = cv2.imdecode(np.frombuffer(pictures[-1], np.uint8), cv2.IMREAD_COLOR)
    assert (drawn[..., 1].astype(int) - drawn[..., 2] > 40).sum() > 100

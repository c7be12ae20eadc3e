"""The pages of action units are those of the embedded model and of the benchmarks' results."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from facs_pipeline.action_units.model import ActionUnitModel

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return dict(runpy.run_path(str(DOCS / "make_action_unit_pages.py"))["pages"]())


def test_every_action_unit_has_a_page(made: dict[str, str]) -> None:
    assert made.keys() == {"README.md", *(f"AU{au:02d}.md" for au in ActionUnitModel.load_default().aus)}


def test_the_pages_are_up_to_date(made: dict[str, str]) -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "action-units").iterdir()}
    assert written == made, "run `python docs/make_action_unit_pages.py`"

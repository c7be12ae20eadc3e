"""The notebooks run from beginning to end, as Jupyter runs them, and hold no output."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "docs" / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    shown = {kind for output in outputs if "data" in output for kind in output.data}
    assert ("image/png" in shown) == (path.stem != "own_classifier")
    if path.stem == "own_classifier":
        accuracy, by_chance = next(
            eval(output.data["text/plain"])
            for cell in notebook.cells
            if cell.cell_type == "code" and "by_chance" in cell.source
            for output in cell.outputs
        )
        assert accuracy > by_chance + 0.2


def test_there_are_three():
    assert [path.stem for path in NOTEBOOKS] == ["first_video", "own_classifier", "study"]
